package redisstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/signalbox-mq/signalbox/queue"
)

func mustCall(t testing.TB, c *client, shard int, fn string, flags callFlags, args ...any) any {
	t.Helper()
	reply, err := c.call(t.Context(), shard, fn, flags, args...)
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

// While a slot is migrated no function runs on either side, not even with the half of the keys that it would find.
func TestNoFunctionRunsOnHalfASlot(t *testing.T) {
	t.Parallel()
	nodes := startCluster(t, 3, false)
	c := connect(t, Options{URL: urlOf(nodes)})
	hasty := connect(t, Options{URL: urlOf(nodes), RetryFor: 100 * time.Millisecond})
	const shard = 3
	slot := slotOfShard(shard)
	from, to := nodes[0], nodes[1]
	ctx := t.Context()
	for i := range 10 {
		mustCall(t, c, shard, "lt1_set", 0, strconv.Itoa(i), "v")
	}

	keys := namesIn(DefaultNamespace).absent[shard]
	onSource := func() error {
		return from.node.Do(ctx, "fcall", "lt1_set", 2, keys[0], keys[1], "direct", "v").Err()
	}
	onTarget := func(keys ...any) error {
		pipe := to.node.Pipeline()
		pipe.Do(ctx, "asking")
		cmd := pipe.Do(ctx, append(append([]any{"fcall", "lt1_set", len(keys)}, keys...), "direct", "v")...)
		_, _ = pipe.Exec(ctx)
		return cmd.Err()
	}
	check := func(state string) {
		t.Helper()
		if err := onSource(); err == nil || !strings.HasPrefix(err.Error(), "ASK ") {
			t.Errorf("%s: source: %v", state, err)
		}
		if err := onTarget(keys[0], keys[1]); err == nil || !strings.HasPrefix(err.Error(), "TRYAGAIN ") {
			t.Errorf("%s: target: %v", state, err)
		}
		if _, err := hasty.call(ctx, shard, "lt1_set", 0, "hasty", "v"); !errors.Is(err, queue.ErrUnavailable) {
			t.Errorf("%s: call: %v", state, err)
		}
	}
	beginMove(t, from, to, slot)
	check("begun")
	host, port, _ := strings.Cut(to.addr, ":")
	if err := from.node.Do(ctx, "migrate", host, port, namesIn(DefaultNamespace).tags[shard]+":calls", 0, 5000).Err(); err != nil {
		t.Fatal(err)
	}
	check("half done")

	done := make(chan error)
	go func() {
		reply, err := c.call(ctx, shard, "lt1_set", 0, "patient", "v")
		if err == nil && reply != int64(11) {
			err = fmt.Errorf("it is call number %v, so others ran", reply)
		}
		done <- err
	}()
	endMove(t, nodes, from, to, slot)
	if err := <-done; err != nil {
		t.Error(err)
	}

	// Why two keys: with one the target would have run it.
	beginMove(t, to, from, slot)
	to, from = from, to
	if err := onTarget(keys[0]); err != nil {
		t.Errorf("with one key the target answers %v: are two still needed?", err)
	}
}

func TestServerKilledAndRestarted(t *testing.T) {
	t.Parallel()
	for _, appendonly := range []string{"no", "yes"} { // no: the functions are gone after it, too
		t.Run("appendonly="+appendonly, func(t *testing.T) {
			t.Parallel()
			s := start(t, "--appendonly", appendonly, "--appendfsync", "always")
			c := connect(t, Options{URL: s.url(), RetryFor: 200 * time.Millisecond})
			mustCall(t, c, 1, "lt1_set", durable, "k", "v")
			for range 2 {
				s.kill()
				began := time.Now()
				for range 5 {
					if _, err := c.call(t.Context(), 1, "lt1_set", durable, "k", "v"); !errors.Is(err, queue.ErrUnavailable) {
						t.Errorf("while it is down: %v", err)
					}
				}
				if took := time.Since(began); took > 10*time.Second {
					t.Errorf("five calls took %v to fail", took)
				}
				s.run(t)
				eventually(t, "calls work again", func() bool {
					_, err := c.call(t.Context(), 1, "lt1_set", durable, "k", "v")
					return err == nil
				})
			}
		})
	}
}

// Calls that are made while a server is restarted are not failed: that it was not there is certain.
func TestCallsWaitForServer(t *testing.T) {
	t.Parallel()
	// With everysec a write may wait in the server's memory while the file is synced, and die with it.
	s := start(t, "--appendonly", "yes", "--appendfsync", "always")
	c := connect(t, Options{URL: s.url() + "?durability=async"})
	mustCall(t, c, 1, "lt1_set", durable, "k", "v")
	s.kill()
	done := make(chan error)
	for range 20 {
		go func() {
			_, err := c.call(t.Context(), 1, "lt1_set", durable, "k", "v")
			done <- err
		}()
	}
	s.run(t)
	for range 20 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if reply := mustCall(t, c, 1, "lt1_set", durable, "k", "v"); reply != int64(22) {
		t.Errorf("%v calls ran, want 22", reply)
	}
}

func TestFunctionsFlushedUnderLoad(t *testing.T) {
	t.Parallel()
	nodes := startCluster(t, 3, false)
	c := connect(t, Options{URL: urlOf(nodes)})
	ctx, cancel := context.WithCancel(t.Context())
	var calls atomic.Int64
	var running sync.WaitGroup
	for i := range 16 {
		running.Go(func() {
			for shard := i; ctx.Err() == nil; shard = (shard + 1) % shardCount {
				if _, err := c.call(t.Context(), shard, "lt1_set", 0, "k", "v"); err != nil {
					t.Errorf("shard %d: %v", shard, err)
					return
				}
				calls.Add(1)
			}
		})
	}
	for i := range 60 {
		n := nodes[i%len(nodes)]
		if err := n.node.FunctionFlush(ctx).Err(); err != nil {
			t.Error(err)
		}
		seen := calls.Load()
		eventually(t, "calls go on", func() bool { return calls.Load() > seen+50 })
	}
	cancel()
	running.Wait()
}

// A reply that does not come is not asked for twice: whether the function ran can not be known.
func TestLostReplyIsNotRetried(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := connect(t, Options{URL: s.url()})
	mustCall(t, c, 1, "lt1_set", 0, "k", "v")
	s.pause(t)
	began := time.Now()
	if _, err := c.call(t.Context(), 1, "lt1_set", 0, "k", "v"); !errors.Is(err, queue.ErrUnavailable) {
		t.Errorf("without a reply: %v", err)
	}
	if took := time.Since(began); took > replyTimeout+2*time.Second {
		t.Errorf("it took %v", took)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.call(ctx, 1, "lt1_get", read, "k"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("after its deadline: %v", err)
	}
	s.resume(t)
	eventually(t, "calls work again", func() bool {
		_, err := c.call(t.Context(), 1, "lt1_get", read, "k")
		return err == nil
	})
	if reply := mustCall(t, c, 1, "lt1_set", 0, "k", "v"); reply != int64(3) {
		t.Errorf("%v calls ran, want 3", reply)
	}
}

func TestClusterFailover(t *testing.T) {
	t.Parallel()
	t.Run("killed", func(t *testing.T) {
		t.Parallel()
		failover(t, func(n *server) { n.kill() }, func(n *server) { n.run(t) })
	})
	// A machine that hangs keeps its connections, and takes new ones.
	t.Run("hangs", func(t *testing.T) {
		t.Parallel()
		failover(t, func(n *server) { n.pause(t) }, func(n *server) { n.resume(t) })
	})
}

// failover has a master of a cluster end, and come back as a replica.
func failover(t *testing.T, end, comeBack func(*server)) {
	nodes := startCluster(t, 3, true)
	c := connect(t, Options{URL: urlOf(nodes), RetryFor: 15 * time.Second})
	if got := c.describe().durability.String(); got != "replicas:1" {
		t.Errorf("durability is %s", got)
	}
	h := listenAll(t, c)
	const shard = 2 // on the first master
	mustCall(t, c, shard, "lt1_set", durable, "k", "v")
	before := h.counts()
	end(nodes[0])
	began := time.Now()
	if got := mustCall(t, c, shard, "lt1_get", read, "k"); got != "v" {
		t.Errorf("at the new master: %v", got)
	}
	t.Logf("a call took %v", time.Since(began).Round(time.Millisecond))
	eventually(t, "the shard is listened to at the new master", func() bool { return h.counts()[shard] > before[shard] })
	wakeAll(t, c, h, "after")
	// Its only replica has taken over, so that there is none to confirm a durable call.
	if _, err := c.call(t.Context(), shard, "lt1_set", durable, "k", "v"); !errors.Is(err, queue.ErrUnavailable) {
		t.Errorf("without a replica: %v", err)
	}
	comeBack(nodes[0])
	eventually(t, "durable calls work again", func() bool {
		_, err := c.call(t.Context(), shard, "lt1_set", durable, "k", "v")
		return err == nil
	})
}

func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	primary := start(t)
	replica := startReplica(t, primary)
	sentinel := startSentinel(t, primary)
	c := connect(t, Options{URL: "redis://" + sentinel.addr + "?master=one", RetryFor: 20 * time.Second})
	if c.scattered() {
		t.Error("scattered")
	}
	h := listenAll(t, c)
	mustCall(t, c, 2, "lt1_set", durable, "k", "v")
	before := h.counts()
	primary.kill()
	if reply := mustCall(t, c, 2, "lt1_set", 0, "k", "v"); reply != int64(2) {
		t.Errorf("%v calls ran, want 2", reply)
	}
	if role := replica.node.Info(t.Context(), "replication").Val(); !strings.Contains(role, "role:master") {
		t.Error("the replica is no master")
	}
	eventually(t, "all shards are listened to at the new master", func() bool { return h.begun(before) })
	wakeAll(t, c, h, "after")
}

// startSentinel starts a sentinel that alone watches a master, which it calls one, and waits until it knows the replica.
func startSentinel(t testing.TB, of *server) *server {
	t.Helper()
	_, port, _ := strings.Cut(of.addr, ":")
	config := filepath.Join(t.TempDir(), "sentinel.conf")
	text := "sentinel monitor one 127.0.0.1 " + port + " 1\nsentinel down-after-milliseconds one 1000\n" +
		"sentinel failover-timeout one 5000\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	sport := freePort(t)
	s := &server{addr: "127.0.0.1:" + strconv.Itoa(sport), dir: t.TempDir()}
	s.args = []string{config, "--sentinel", "--port", strconv.Itoa(sport), "--bind", "127.0.0.1", "--dir", s.dir}
	s.node = redis.NewClient(&redis.Options{Addr: s.addr, Protocol: 2, MaxRetries: -1})
	t.Cleanup(func() {
		_ = s.node.Close()
		s.kill()
	})
	s.run(t)
	eventually(t, "the sentinel knows the replica", func() bool {
		return strings.Contains(s.node.Info(t.Context(), "sentinel").Val(), "slaves=1")
	})
	return s
}

func TestConfirmation(t *testing.T) {
	t.Parallel()
	s := start(t)
	replica := startReplica(t, s)
	c := connect(t, Options{URL: s.url() + "?durability=replicas:1&confirm_timeout=1s"})
	mustCall(t, c, 1, "lt1_set", durable, "k", "v")
	replica.pause(t)
	_, err := c.call(t.Context(), 1, "lt1_set", durable, "k", "v")
	if !errors.Is(err, queue.ErrUnavailable) || !strings.Contains(err.Error(), "0 of 1 replicas") {
		t.Errorf("without a replica that answers: %v", err)
	}
	mustCall(t, c, 1, "lt1_set", 0, "k", "v") // does not wait
	if _, err := c.call(t.Context(), 1, "lt1_fail", durable); err == nil || err.Error() != "SB DROPPED 7" {
		t.Errorf("an error of the function in a batch that is not confirmed: %v", err)
	}
	replica.resume(t)
	eventually(t, "durable calls work again", func() bool {
		_, err := c.call(t.Context(), 1, "lt1_set", durable, "k", "v")
		return err == nil
	})
}

func TestOutOfMemory(t *testing.T) {
	t.Parallel()
	s := start(t, "--maxmemory", "6mb")
	c := connect(t, Options{URL: s.url()})
	mustCall(t, c, 1, "lt1_set", durable, "first", "v")
	big := strings.Repeat("x", 64<<10)
	var err error
	for i := 0; err == nil && i < 200; i++ {
		_, err = c.call(t.Context(), 1, "lt1_set", durable, strconv.Itoa(i), big)
	}
	if !errors.Is(err, queue.ErrStoreFull) {
		t.Errorf("with no memory left: %v", err)
	}
	eventually(t, "the shard is seen to be full", func() bool { return c.full(1) })
	if all := c.usages(); len(all) != 1 || !all[0].Full || all[0].Max != 6<<20 || all[0].Used < 5<<20 {
		t.Errorf("usages() = %+v", all)
	}
	if reply := mustCall(t, c, 1, "lt1_ack", durable, "first"); reply != int64(1) {
		t.Errorf("ack: %v", reply)
	}
	for i := range 200 {
		mustCall(t, c, 1, "lt1_ack", 0, strconv.Itoa(i))
	}
	eventually(t, "the shard has memory again", func() bool { return !c.full(1) })
	mustCall(t, c, 1, "lt1_set", durable, "k", "v")
}
