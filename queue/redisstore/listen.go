package redisstore

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	pingEvery = time.Second
	// silentFor is how long a connection may be silent, pings included, before it is taken for dead.
	silentFor = 3 * time.Second
	// rearrangeEvery is how often is looked whether a shard has another master now, and rearrangePause how long after
	// something was lost.
	rearrangeEvery = 500 * time.Millisecond
	rearrangePause = 50 * time.Millisecond
)

// listen subscribes to the wake-up channels of all shards. handler is called with each message. lost is called when the
// subscription to a shard has just begun, at first and after every interruption: messages before that may have been missed, and
// from then on none are until lost is called again. An interruption is noticed within about three seconds.
//
// Both are called by a goroutine for each master and must be quick. Messages may come twice while a shard moves. The
// returned function ends the subscriptions and waits for handler and lost to return.
func (c *client) listen(handler func(shard int, payload string), lost func(shard int)) (stop func()) {
	ctx, cancel := context.WithCancel(c.background)
	l := &listener{
		c: c, handler: handler, lost: lost, shards: make(map[string]int, shardCount),
		nudge: make(chan struct{}, 1), subscriptions: map[*redis.Client]*subscription{},
	}
	for shard := range shardCount {
		l.shards[c.names.wake[shard]] = shard
	}
	ended := make(chan struct{})
	c.running.Go(func() {
		defer close(ended)
		l.run(ctx)
	})
	return func() {
		cancel()
		<-ended
	}
}

// listener keeps the subscriptions at the masters of the shards.
type listener struct {
	c       *client
	handler func(shard int, payload string)
	lost    func(shard int)
	shards  map[string]int // by channel
	running sync.WaitGroup // of the subscriptions
	nudge   chan struct{}  // something was lost

	mu            sync.Mutex
	subscriptions map[*redis.Client]*subscription
	// at is where each shard is subscribed to, or will be when the server has confirmed it. Nil for nowhere.
	at [shardCount]*subscription
}

func (l *listener) run(ctx context.Context) {
	defer l.running.Wait()
	tick := time.NewTicker(rearrangeEvery)
	defer tick.Stop()
	for {
		l.arrange(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-l.nudge:
			if sleep(ctx, rearrangePause) != nil {
				return
			}
		}
	}
}

// arrange subscribes to the shards that are subscribed to nowhere, or not at their master.
func (l *listener) arrange(ctx context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	used := map[*subscription]bool{}
	for shard := range shardCount {
		m, err := l.c.master(ctx, shard)
		if err != nil {
			continue
		}
		s := l.at[shard]
		if s == nil || s.node != m.node {
			if s = l.subscriptions[m.node]; s == nil {
				s = l.subscribeLocked(ctx, m.node)
			}
			l.at[shard] = s
			s.add <- shard
		}
		used[s] = true
	}
	for _, s := range l.subscriptions {
		if !used[s] {
			s.stop()
		}
	}
}

// subscribeLocked makes a subscription to no shards yet.
func (l *listener) subscribeLocked(ctx context.Context, node *redis.Client) *subscription {
	ctx, cancel := context.WithCancel(ctx)
	// A shard can be added again only after it was lost, so there are rarely more to add than shards.
	s := &subscription{l: l, node: node, stop: cancel, add: make(chan int, 2*shardCount)}
	l.subscriptions[node] = s
	l.running.Go(func() {
		defer cancel()
		s.run(ctx)
	})
	return s
}

// drop forgets a shard of a subscription, or all that it has, so that they are subscribed to again.
func (l *listener) drop(s *subscription, shards ...int) {
	l.mu.Lock()
	for _, shard := range shards {
		if l.at[shard] == s {
			l.at[shard] = nil
		}
	}
	l.mu.Unlock()
	l.c.reload(context.Background())
	select {
	case l.nudge <- struct{}{}:
	default:
	}
}

// has says whether a shard is subscribed to by s.
func (l *listener) has(s *subscription, shard int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.at[shard] == s
}

// end forgets a subscription that has ended.
func (l *listener) end(s *subscription) {
	l.mu.Lock()
	if l.subscriptions[s.node] == s {
		delete(l.subscriptions, s.node)
	}
	var shards []int
	for shard, at := range l.at {
		if at == s {
			shards = append(shards, shard)
		}
	}
	l.mu.Unlock()
	l.drop(s, shards...)
}

// subscription is one connection to one master. It ends at the first error: the client library would connect again by itself,
// silently and with all channels in one command, which a cluster refuses.
type subscription struct {
	l    *listener
	node *redis.Client
	stop context.CancelFunc
	add  chan int // shards to subscribe to
	seen atomic.Int64

	mu sync.Mutex
	// asked are the shards whose subscription is not confirmed yet, in the order in which they will be, or refused.
	asked []int
}

// run subscribes to what is added and reads until the connection or the context ends.
func (s *subscription) run(ctx context.Context) {
	defer s.l.end(s)
	sub := s.node.SSubscribe(ctx)
	var reading sync.WaitGroup
	defer reading.Wait()
	defer sub.Close()
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	ended := make(chan struct{})
	for connected := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-ended:
			return
		case shard := <-s.add:
			s.mu.Lock()
			s.asked = append(s.asked, shard)
			s.mu.Unlock()
			// One command for each: a cluster takes only channels of one slot in one.
			if err := sub.SSubscribe(ctx, s.l.c.names.wake[shard]); err != nil {
				return
			}
			if !connected {
				connected = true
				s.seen.Store(time.Now().UnixNano())
				reading.Go(func() {
					defer close(ended)
					s.read(ctx, sub)
				})
			}
		case <-tick.C:
			if !connected {
				continue
			}
			if time.Since(time.Unix(0, s.seen.Load())) > silentFor || sub.Ping(ctx) != nil {
				return
			}
		}
	}
}

func (s *subscription) read(ctx context.Context, sub *redis.PubSub) {
	for {
		msg, err := sub.Receive(ctx)
		s.seen.Store(time.Now().UnixNano())
		if err != nil {
			if !s.isRefusedShard(err) {
				return
			}
			continue
		}
		switch msg := msg.(type) {
		case *redis.Message:
			if shard, ok := s.l.shards[msg.Channel]; ok {
				s.l.handler(shard, msg.Payload)
			}
		case *redis.Subscription:
			shard, ok := s.l.shards[msg.Channel]
			switch {
			case !ok:
			case msg.Kind == "ssubscribe":
				s.answered()
				if s.l.has(s, shard) {
					s.l.lost(shard)
				}
			case msg.Kind == "sunsubscribe": // the slot has gone to another master
				s.l.drop(s, shard)
			}
		}
	}
}

// isRefusedShard says whether an error is the answer to a subscription: the shard is not here. Other errors end the connection.
func (s *subscription) isRefusedShard(err error) bool {
	reply, ok := errors.AsType[redis.Error](err)
	if !ok {
		return false
	}
	addr, moved := redis.IsMovedError(err)
	if moved && strings.HasSuffix(addr, s.node.Options().Addr) {
		return false // the client library has connected again for that one
	}
	if !moved && !strings.HasPrefix(reply.Error(), "CLUSTERDOWN ") {
		return false
	}
	shard, ok := s.answered()
	if ok {
		s.l.drop(s, shard)
	}
	return ok
}

// answered takes the first shard off those asked for.
func (s *subscription) answered() (shard int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.asked) == 0 {
		return 0, false
	}
	shard = s.asked[0]
	s.asked = s.asked[1:]
	return shard, true
}
