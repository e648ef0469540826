package redisstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/signalbox-mq/signalbox/queue"
)

const (
	// replyTimeout is how long a server may be silent while a call waits for it, in addition to the time to confirm.
	replyTimeout = 3 * time.Second
	// senders is how many batches of a line may be under way at once. On one machine a second one gains nothing (BenchmarkCall);
	// over a network it spares the calls that just missed a batch a round trip. More only make the batches smaller.
	senders = 2

	minRetryPause = 5 * time.Millisecond
	maxRetryPause = 200 * time.Millisecond
)

// callFlags say what a call needs.
type callFlags uint8

const (
	// durable: the reply comes when what was written has the configured durability. The function writes something whenever it
	// answers with anything but an error, since WAIT covers only what was written after the connection's previous WAIT.
	durable callFlags = 1 << iota
	// read: the function only reads (no-writes).
	read
	// idempotent: the call may run twice. It is tried again even if its reply was lost.
	idempotent
)

// client is the connection of a store to its servers. Its methods may be called concurrently.
type client struct {
	settings
	names   *shardNames
	library Library
	report  report

	// One of the two is set. single is also the current master of a group with sentinels.
	cluster *redis.ClusterClient
	single  *redis.Client

	background context.Context // of what runs until close
	stop       context.CancelFunc
	running    sync.WaitGroup

	mu      sync.RWMutex
	masters map[*redis.Client]*master
	closed  bool
}

// master is one server that has shards, as far as known.
type master struct {
	node           *redis.Client
	addr           string
	durable, plain *line

	loading sync.Mutex // held while the library is loaded
	loads   atomic.Uint64

	memory atomic.Pointer[memory] // nil before it was measured
	// silent says that it did not answer to the last looks. Nothing is sent to it then, so that calls whose outcome would not
	// be known wait for it, or for its successor.
	silent atomic.Bool
	// missed counts looks without an answer, and refuses says that the last one was refused, for example for a wrong password. Only
	// look uses them.
	missed  int
	refuses bool
}

// dial connects to the servers of a URL, checks them and loads the library. It tries for Options.DialTimeout. An error that
// is a [*queue.InvalidError] is about the options; one that is no queue.ErrUnavailable either says by name what about the
// deployment can not be borne.
func dial(ctx context.Context, o Options, library Library) (*client, error) {
	s, err := o.settings(os.Getenv)
	if err != nil {
		return nil, err
	}
	if err := library.validate(); err != nil {
		return nil, err
	}
	redis.SetLogger(noLog{})
	deadline := time.Now().Add(s.dialFor)
	for pause := minRetryPause; ; pause = nextPause(pause) {
		c, err := open(ctx, s, library)
		if err == nil {
			return c, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if isRefusal(err) || isInvalid(err) || !time.Now().Before(deadline) {
			return nil, err
		}
		if err := sleep(ctx, pause); err != nil {
			return nil, err
		}
	}
}

// noLog is the client library's log, which is one for the process: it would write to standard error, in its own form, what
// calls return as errors anyway.
type noLog struct{}

// Printf does nothing.
func (noLog) Printf(context.Context, string, ...any) {}

// open is one attempt to dial.
func open(ctx context.Context, s settings, library Library) (_ *client, err error) {
	if s.mode, err = detect(ctx, s); err != nil {
		return nil, err
	}
	c := &client{settings: s, names: namesIn(s.namespace), library: library, masters: map[*redis.Client]*master{}}
	c.background, c.stop = context.WithCancel(context.WithoutCancel(ctx))
	switch s.mode {
	case modeCluster:
		c.cluster = redis.NewClusterClient(s.clusterOptions())
	case modeSentinel:
		c.single = redis.NewFailoverClient(s.failoverOptions())
	default:
		c.single = redis.NewClient(s.nodeOptions(s.addrs[0]))
	}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if err := c.check(ctx); err != nil {
		return nil, err
	}
	if err := c.each(ctx, func(ctx context.Context, m *master) error { return c.load(ctx, m, m.loads.Load()) }); err != nil {
		return nil, unavailable(permanent(err))
	}
	c.running.Go(c.watch)
	return c, nil
}

// nodeOptions are the settings of the connections to one server. Nothing is tried again below call: it knows what may be.
func (s settings) nodeOptions(addr string) *redis.Options {
	return &redis.Options{
		Addr: addr, DB: s.db, ClientName: "signalbox", Username: s.user, Password: s.password, TLSConfig: s.tls,
		Protocol: 2, MaxRetries: -1, DialTimeout: s.connect, DialerRetries: 1, ReadTimeout: s.connect,
		ContextTimeoutEnabled: true, PipelinePoolSize: 2 * senders,
		DisableIdentity: true, MaintNotificationsConfig: noMaintenance(),
	}
}

func (s settings) clusterOptions() *redis.ClusterOptions {
	return &redis.ClusterOptions{
		Addrs: s.addrs, ClientName: "signalbox", Username: s.user, Password: s.password, TLSConfig: s.tls,
		Protocol: 2, MaxRetries: -1, DialTimeout: s.connect, DialerRetries: 1, ReadTimeout: s.connect,
		ContextTimeoutEnabled: true, PipelinePoolSize: 2 * senders,
		DisableIdentity: true, MaintNotificationsConfig: noMaintenance(),
	}
}

func (s settings) failoverOptions() *redis.FailoverOptions {
	return &redis.FailoverOptions{
		MasterName: s.master, SentinelAddrs: s.addrs, SentinelUsername: s.sentinelUser, SentinelPassword: s.sentinelPassword,
		DB: s.db, ClientName: "signalbox", Username: s.user, Password: s.password, TLSConfig: s.tls,
		Protocol: 2, MaxRetries: -1, DialTimeout: s.connect, DialerRetries: 1, ReadTimeout: s.connect,
		ContextTimeoutEnabled: true, PipelinePoolSize: 2 * senders, DisableIdentity: true,
	}
}

func noMaintenance() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

// tag returns the hash tag of a shard.
func (c *client) tag(shard int) string { return c.names.tags[shard] }

// scattered says that shards may be on different masters: what is to be atomic has to be in one of them.
func (c *client) scattered() bool { return c.cluster != nil }

// call calls a function on the master of a shard and returns its reply as the client library gives it: nil, int64, string or
// []any. The library's functions get the two keys that never exist (see shardNames) and args, which belong to the call from
// then on and are strings, byte slices or integers.
//
// An error reply of the function, whose text begins with "SB ", is returned as it is. queue.ErrStoreFull says that the
// function did not run for lack of memory. queue.ErrUnavailable says that no master answered, that it did not confirm in
// time, or that its reply was lost: then whether the function ran is unknown, unless the call is a read. If ctx ends its
// error is returned, and whether the function runs is unknown too.
func (c *client) call(ctx context.Context, shard int, fn string, flags callFlags, args ...any) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	keys := &c.names.absent[shard]
	full := make([]any, 0, 5+len(args))
	full = append(full, "fcall", fn, 2, keys[0], keys[1])
	full = append(full, args...)
	deadline := time.Now().Add(c.retryFor)
	reply, err, again := c.try(ctx, shard, full, flags)
	for pause := minRetryPause; again && time.Now().Before(deadline); pause = nextPause(pause) {
		if serr := sleep(ctx, pause); serr != nil {
			return nil, serr
		}
		reply, err, again = c.try(ctx, shard, full, flags)
	}
	return reply, err
}

var errSilent = errors.New("does not answer")

// try makes a call once. again says that it may be made again; err is then already what to return otherwise.
func (c *client) try(ctx context.Context, shard int, args []any, flags callFlags) (reply any, err error, again bool) {
	m, err := c.master(ctx, shard)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err(), false
		}
		return nil, unavailable(err), !errors.Is(err, queue.ErrStoreClosed)
	}
	if m.silent.Load() {
		c.reload(ctx)
		return nil, unavailable(fmt.Errorf("%s: %w", m.addr, errSilent)), true
	}
	seen := m.loads.Load()
	l := m.plain
	if flags&durable != 0 {
		l = m.durable
	}
	reply, written, err := l.do(ctx, redis.NewCmd(ctx, args...))
	if err == nil {
		return reply, nil, false
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil, err, false
	}
	switch judge(err, written) {
	case notRun:
		return nil, unavailable(err), true
	case moved:
		c.reload(ctx)
		return nil, unavailable(err), true
	case missing:
		if lerr := c.load(ctx, m, seen); lerr != nil {
			c.reload(ctx)
			err = lerr
		}
		return nil, unavailable(err), true
	case full:
		return nil, fmt.Errorf("%w: %w", queue.ErrStoreFull, err), false
	case refused:
		return nil, unavailable(err), false
	case unknown:
		c.reload(ctx)
		return nil, unavailable(err), flags&(read|idempotent) != 0
	default:
		return nil, err, false
	}
}

// unavailable wraps an error as queue.ErrUnavailable, unless it says that already, or what it says will not change.
func unavailable(err error) error {
	if errors.Is(err, queue.ErrUnavailable) || errors.Is(err, queue.ErrStoreClosed) || isRefusal(err) {
		return err
	}
	return fmt.Errorf("%w: %w", queue.ErrUnavailable, err)
}

// reload has the map of the cluster read again, in the background.
func (c *client) reload(ctx context.Context) {
	if c.cluster != nil {
		c.cluster.ReloadState(ctx)
	}
}

// master returns the master of a shard as far as known.
func (c *client) master(ctx context.Context, shard int) (*master, error) {
	node := c.single
	if c.cluster != nil {
		var err error
		if node, err = c.cluster.MasterForKey(ctx, c.tag(shard)); err != nil {
			return nil, err
		}
	}
	return c.masterOf(node)
}

// masterOf returns what is known of a server.
func (c *client) masterOf(node *redis.Client) (*master, error) {
	c.mu.RLock()
	m, closed := c.masters[node], c.closed
	c.mu.RUnlock()
	if closed {
		return nil, queue.ErrStoreClosed
	}
	if m != nil {
		return m, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, queue.ErrStoreClosed
	}
	if m = c.masters[node]; m == nil {
		m = c.newMaster(node)
		c.masters[node] = m
	}
	return m, nil
}

func (c *client) newMaster(node *redis.Client) *master {
	m := &master{node: node, addr: node.Options().Addr}
	if c.mode == modeSentinel {
		m.addr = "master " + c.settings.master
	}
	confirm := c.report.confirmation
	m.plain = &line{node: node.WithTimeout(c.reply), senders: senders, running: &c.running, silent: &m.silent}
	m.durable = &line{
		node: node.WithTimeout(c.reply + c.confirm), senders: senders, running: &c.running, silent: &m.silent,
		confirm: confirm, confirmMS: c.confirm.Milliseconds(),
		unconfirmed: func(err error) {
			if err != nil {
				c.log(LogWarn, fmt.Sprintf("%s: %v; until they are again, what writes is answered by an error", m.addr, err))
				return
			}
			c.log(LogInfo, m.addr+": writes are confirmed again")
		},
	}
	return m
}

// current returns the masters that shards are on, as far as known.
func (c *client) current(ctx context.Context) map[*redis.Client]*master {
	masters := map[*redis.Client]*master{}
	for shard := range shardCount {
		if m, err := c.master(ctx, shard); err == nil {
			masters[m.node] = m
		}
		if !c.scattered() {
			break
		}
	}
	return masters
}

// each runs fn once for every master that shards are on, at the same time, and returns the errors. Unavailable masters whose
// shards are not known to be anywhere are not missed here: calls to these shards say so.
func (c *client) each(ctx context.Context, fn func(ctx context.Context, m *master) error) error {
	if _, err := c.master(ctx, 0); err != nil {
		return err
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed []error
	for _, m := range c.current(ctx) {
		wg.Go(func() {
			if err := fn(ctx, m); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed = append(failed, fmt.Errorf("%s: %w", m.addr, err))
			}
		})
	}
	wg.Wait()
	return errors.Join(failed...)
}

// close ends the connections. Calls that were made before are still sent, and waited for; further ones fail with
// queue.ErrStoreClosed.
func (c *client) close() {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return
	}
	c.closed = true
	for _, m := range c.masters {
		m.plain.close()
		m.durable.close()
	}
	c.mu.Unlock()
	c.stop()
	c.running.Wait()
	if c.cluster != nil {
		_ = c.cluster.Close()
	} else {
		_ = c.single.Close()
	}
}

func nextPause(pause time.Duration) time.Duration { return min(2*pause, maxRetryPause) }

// sleep waits for about d: up to a quarter less, so that those who failed together do not come back together.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d - rand.N(d/4+1))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
