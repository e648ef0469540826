package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/tests/redistest"
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
	g := redistest.Cluster(t, 3, 0, inMemory)
	c := connect(t, Options{URL: urlOf(g.Nodes...)})
	hasty := connect(t, Options{URL: urlOf(g.Nodes...), RetryFor: 100 * time.Millisecond})
	const shard = 3
	slot := slotOfShard(shard)
	from, to := g.Nodes[0], g.Nodes[1]
	ctx := t.Context()
	for i := range 10 {
		mustCall(t, c, shard, "lt1_set", 0, strconv.Itoa(i), "v")
	}

	keys := namesIn(DefaultNamespace).absent[shard]
	onSource := func() error {
		_, err := from.Do(ctx, "fcall", "lt1_set", 2, keys[0], keys[1], "direct", "v")
		return err
	}
	onTarget := func(keys ...any) error {
		pipe := to.Client().Pipeline()
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
	move := g.StartMove(slot, from, to)
	check("begun")
	if got := move.Step(5); got != 5 {
		t.Fatalf("the first step moved %d keys", got)
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
	for move.Step(100) > 0 {
		continue
	}
	move.Finish()
	if err := <-done; err != nil {
		t.Error(err)
	}

	// Why two keys: with one the target would have run it.
	g.StartMove(slot, to, from)
	to, from = from, to
	if err := onTarget(keys[0]); err != nil {
		t.Errorf("with one key the target answers %v: are two still needed?", err)
	}
}

func TestServerKilledAndRestarted(t *testing.T) {
	t.Parallel()
	for _, appendOnly := range []string{"", "always"} { // none: the functions are gone after it, too
		t.Run("appendonly="+appendOnly, func(t *testing.T) {
			t.Parallel()
			s := redistest.Start(t, redistest.Options{NoSave: true, AppendOnly: appendOnly})
			c := connect(t, Options{URL: urlOf(s), RetryFor: 200 * time.Millisecond})
			mustCall(t, c, 1, "lt1_set", durable, "k", "v")
			for range 2 {
				s.Kill()
				began := time.Now()
				for range 5 {
					if _, err := c.call(t.Context(), 1, "lt1_set", durable, "k", "v"); !errors.Is(err, queue.ErrUnavailable) {
						t.Errorf("while it is down: %v", err)
					}
				}
				if took := time.Since(began); took > 10*time.Second {
					t.Errorf("five calls took %v to fail", took)
				}
				s.Restart()
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
	s := redistest.Start(t, redistest.Options{NoSave: true, AppendOnly: "always"})
	c := connect(t, Options{URL: urlOf(s) + "?durability=async"})
	mustCall(t, c, 1, "lt1_set", durable, "k", "v")
	s.Kill()
	done := make(chan error)
	for range 20 {
		go func() {
			_, err := c.call(t.Context(), 1, "lt1_set", durable, "k", "v")
			done <- err
		}()
	}
	s.Restart()
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
	nodes := redistest.Cluster(t, 3, 0, inMemory).Nodes
	c := connect(t, Options{URL: urlOf(nodes...)})
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
		if _, err := n.Do(ctx, "function", "flush"); err != nil {
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
	s := redistest.Start(t, inMemory)
	c := connect(t, Options{URL: urlOf(s)})
	mustCall(t, c, 1, "lt1_set", 0, "k", "v")
	s.Pause()
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
	s.Resume()
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
		failover(t, (*redistest.Server).Kill, (*redistest.Server).Restart)
	})
	// A machine that hangs keeps its connections, and takes new ones.
	t.Run("hangs", func(t *testing.T) {
		t.Parallel()
		failover(t, (*redistest.Server).Pause, (*redistest.Server).Resume)
	})
}

// failover has a master of a cluster end, and come back as a replica.
func failover(t *testing.T, end, comeBack func(*redistest.Server)) {
	g := redistest.Cluster(t, 3, 1, inMemory)
	g.WaitInSync()
	c := connect(t, Options{URL: urlOf(g.Nodes...), RetryFor: 30 * time.Second})
	if got := c.describe().durability.String(); got != "replicas:1" {
		t.Errorf("durability is %s", got)
	}
	h := listenAll(t, c)
	const shard = 2
	mustCall(t, c, shard, "lt1_set", durable, "k", "v")
	master := g.MasterOf(slotOfShard(shard))
	var moved []int // the shards that it has
	for i := range shardCount {
		if g.MasterOf(slotOfShard(i)) == master {
			moved = append(moved, i)
		}
	}
	before := h.counts()
	end(master)
	began := time.Now()
	if got := mustCall(t, c, shard, "lt1_get", read, "k"); got != "v" {
		t.Errorf("at the new master: %v", got)
	}
	t.Logf("a call took %v", time.Since(began).Round(time.Millisecond))
	eventually(t, "its shards are listened to at the new master", func() bool {
		now := h.counts()
		return !slices.ContainsFunc(moved, func(i int) bool { return now[i] <= before[i] })
	})
	wakeAll(t, c, h, "after")
	// Its only replica has taken over, so that there is none to confirm a durable call.
	if _, err := c.call(t.Context(), shard, "lt1_set", durable, "k", "v"); !errors.Is(err, queue.ErrUnavailable) {
		t.Errorf("without a replica: %v", err)
	}
	comeBack(master)
	eventually(t, "durable calls work again", func() bool {
		_, err := c.call(t.Context(), shard, "lt1_set", durable, "k", "v")
		return err == nil
	})
}

func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	g := redistest.Sentinel(t, 1, inMemory)
	c := connect(t, Options{URL: urlOf(g.Sentinels...) + "?master=" + g.Name, RetryFor: 30 * time.Second})
	if c.scattered() {
		t.Error("scattered")
	}
	h := listenAll(t, c)
	mustCall(t, c, 2, "lt1_set", durable, "k", "v")
	before := h.counts()
	g.Master().Kill()
	if reply := mustCall(t, c, 2, "lt1_set", 0, "k", "v"); reply != int64(2) {
		t.Errorf("%v calls ran, want 2", reply)
	}
	if role := g.Servers[1].Info("replication", "role"); role != "master" {
		t.Errorf("the replica is a %s, not the master", role)
	}
	eventually(t, "all shards are listened to at the new master", func() bool { return h.begun(before) })
	wakeAll(t, c, h, "after")
}

func TestConfirmation(t *testing.T) {
	t.Parallel()
	g := redistest.Replicated(t, 1, inMemory)
	replica := g.Replicas[0]
	c := connect(t, Options{URL: urlOf(g.Master) + "?durability=replicas:1&confirm_timeout=1s"})
	mustCall(t, c, 1, "lt1_set", durable, "k", "v")
	replica.Pause()
	_, err := c.call(t.Context(), 1, "lt1_set", durable, "k", "v")
	if !errors.Is(err, queue.ErrUnavailable) || !strings.Contains(err.Error(), "0 of 1 replicas") {
		t.Errorf("without a replica that answers: %v", err)
	}
	mustCall(t, c, 1, "lt1_set", 0, "k", "v") // does not wait
	if _, err := c.call(t.Context(), 1, "lt1_fail", durable); err == nil || err.Error() != "SB DROPPED 7" {
		t.Errorf("an error of the function in a batch that is not confirmed: %v", err)
	}
	replica.Resume()
	eventually(t, "durable calls work again", func() bool {
		_, err := c.call(t.Context(), 1, "lt1_set", durable, "k", "v")
		return err == nil
	})
}

func TestOutOfMemory(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{NoSave: true, MaxMemory: "6mb"})
	c := connect(t, Options{URL: urlOf(s)})
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
