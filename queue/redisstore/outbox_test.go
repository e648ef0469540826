package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/tests/redistest"
)

// apart are queues in three shards: a source, a destination and a log.
const (
	apartFrom, apartTo, apartLog queue.ID = 1, 2, 3
)

// openAs opens a store with a clock, as the product does.
func openAs(t *testing.T, url string) (*Store, func() time.Time) {
	t.Helper()
	clock := queue.NewClock(time.Time{}).Now
	s, err := Open(t.Context(), Options{URL: url}, clock)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, clock
}

// bodiesIn receives all there is, or reads a log.
func bodiesIn(t *testing.T, s *Store, now time.Time, id queue.ID, kind queue.Kind) []string {
	t.Helper()
	got, err := s.Scan(t.Context(), queue.ScanRequest{Now: now, Queue: id, Kind: kind, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	var bodies []string
	for i := range got.Messages {
		bodies = append(bodies, string(got.Messages[i].Message.Body))
	}
	return bodies
}

// sendAndReceive puts messages into a queue and returns them as received.
func sendAndReceive(t *testing.T, s *Store, clock func() time.Time, id queue.ID, bodies ...string) []queue.Message {
	t.Helper()
	var entries []queue.Entry
	for _, body := range bodies {
		entries = append(entries, queue.Entry{Queue: id, Message: queue.Message{ID: queue.NewMessageID(), Body: []byte(body)}})
	}
	if _, err := s.Append(t.Context(), queue.AppendRequest{Now: clock(), Entries: entries}); err != nil {
		t.Fatal(err)
	}
	got, err := s.Receive(t.Context(), queue.ReceiveRequest{Now: clock(), Queue: id, Max: len(bodies), Visibility: time.Minute})
	if err != nil || len(got.Messages) != len(bodies) {
		t.Fatal(got, err)
	}
	return got.Messages
}

// A node dies on the way of a message through the outbox, wherever. Another one finishes, and the message ends in one place, its
// record in the log once.
func TestNodeDiesBetweenHoldAndFinish(t *testing.T) {
	t.Parallel()
	nodes := redistest.Cluster(t, 3, 0, inMemory).Nodes
	for i, c := range []struct {
		name     string
		accepted []int    // entries that the node has delivered: 0 the message, 1 the record
		dropped  queue.ID // is dropped before it can be finished
		resumes  bool     // the node was not dead
		ended    bool     // the settlement has happened in the end
		records  []string // what the log holds then
	}{
		{"after the hold", nil, 0, false, true, []string{"record"}},
		{"after the message", []int{0}, 0, false, true, []string{"record"}},
		{"before the finish", []int{0, 1}, 0, false, true, []string{"record"}},
		{"and comes back", []int{0}, 0, true, true, []string{"record"}},
		{"and the destination is dropped", nil, apartTo, false, false, nil},
		{"and the log is dropped", nil, apartLog, false, false, nil},
		{"after the message, and the log is dropped", []int{0}, apartLog, false, true, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			url := fmt.Sprintf("%s?durability=async&namespace=o%d-", urlOf(nodes[0]), i)
			dying, clock := openAs(t, url)
			other, _ := openAs(t, url)
			m := sendAndReceive(t, dying, clock, apartFrom, "message")[0]
			settlement := queue.Settlement{
				Receipt: m.Receipt, Action: queue.Move, To: &queue.Destination{Queue: apartTo},
				Record: &queue.Entry{Queue: apartLog, Kind: queue.Log, Message: queue.Message{ID: queue.NewMessageID(), Body: []byte("record")}},
			}
			shard := receiptShard(m.Receipt)
			w := &settling{Settlement: &settlement, result: new(queue.SettleResult), shard: shard}
			if _, err := dying.readMoves(ctx, []*settling{w}); err != nil {
				t.Fatal(err)
			}
			dying.enter(w)
			held, err := dying.hold(ctx, clock(), shard, []*settling{w})
			if err != nil || len(held) != 1 {
				t.Fatal(held, err)
			}
			for _, e := range c.accepted {
				to, err := shardOfBase(held[0].plan[e][0])
				if err != nil {
					t.Fatal(err)
				}
				args := []any{"", millis(sendWindow), 0, dying.c.tag(to) + ":t:" + digest(fmt.Sprint("outbox ", held[0].token, " ", e))}
				if _, err := dying.call(ctx, to, "accept", durable|idempotent, append(args, held[0].plan[e]...)...); err != nil {
					t.Fatal(err)
				}
			}
			// Meanwhile it is hidden, and nobody else can end it.
			got, err := other.Receive(ctx, queue.ReceiveRequest{Now: clock(), Queue: apartFrom, Max: 1, Visibility: time.Minute})
			if err != nil || len(got.Messages) > 0 {
				t.Errorf("received what is held: %v, %v", got.Messages, err)
			}
			if r, err := other.Settle(ctx, clock(), []queue.Settlement{{Receipt: m.Receipt}}); err != nil || !r[0].Gone {
				t.Errorf("acknowledging what is held: %+v, %v", r, err)
			}
			from, to := []string(nil), []string{"message"}
			if !c.ended {
				from, to = to, from
			}
			if c.dropped != 0 {
				if err := other.Drop(ctx, clock(), []queue.ID{c.dropped}); err != nil {
					t.Fatal(err)
				}
			}
			if err := other.finishOld(ctx, shard, time.Minute); err != nil { // too young
				t.Fatal(err)
			}
			if bodies := bodiesIn(t, other, clock(), apartFrom, queue.Standard); len(bodies) != 1 {
				t.Errorf("what is held was finished too early: %v", bodies)
			}
			for range 2 {
				if err := other.finishOld(ctx, shard, 0); err != nil {
					t.Fatal(err)
				}
			}
			if c.resumes {
				if err := dying.deliver(ctx, clock(), held); err != nil {
					t.Fatal(err)
				}
			}
			for _, q := range []struct {
				id   queue.ID
				kind queue.Kind
				want []string
			}{{apartFrom, queue.Standard, from}, {apartTo, queue.Standard, to}, {apartLog, queue.Log, c.records}} {
				if bodies := bodiesIn(t, other, clock(), q.id, q.kind); !slices.Equal(bodies, q.want) {
					t.Errorf("queue %d holds %q, want %q", q.id, bodies, q.want)
				}
			}
			stats, err := other.Stats(ctx, clock(), []queue.ID{apartFrom})
			if err != nil || stats[0].Total() != int64(len(from)) || stats[0].InFlight != int64(len(from)) {
				t.Errorf("the source counts %+v, %v", stats, err)
			}
		})
	}
}

// A call that is given up in the middle of a settlement through the outbox leaves nothing that another node does not finish.
func TestSettlementGivenUp(t *testing.T) {
	t.Parallel()
	nodes := redistest.Cluster(t, 3, 0, inMemory).Nodes
	s, clock := openAs(t, urlOf(nodes[0])+"?durability=async")
	const count = 40
	var bodies []string
	for i := range count {
		bodies = append(bodies, fmt.Sprintf("%02d", i))
	}
	messages := sendAndReceive(t, s, clock, apartFrom, bodies...)
	given := 0
	for i, m := range messages {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*100*time.Microsecond)
		_, err := s.Settle(ctx, clock(), []queue.Settlement{{
			Receipt: m.Receipt, Action: queue.Move, To: &queue.Destination{Queue: apartTo},
			Record: &queue.Entry{Queue: apartLog, Kind: queue.Log, Message: queue.Message{ID: queue.NewMessageID(), Body: m.Body}},
		}})
		cancel()
		if err != nil {
			given++
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a settlement that was given up: %v", err)
			}
		}
	}
	shard := shardOf(apartFrom, 0)
	eventually(t, "nothing is in the outbox", func() bool {
		if err := s.finishOld(t.Context(), shard, 0); err != nil {
			t.Fatal(err)
		}
		reply, err := s.call(t.Context(), shard, "outbox", read, "", s.c.tag(shard), 0, 0, outboxLimit)
		return err == nil && len(answerOf(reply).values) == 0
	})
	left, to := bodiesIn(t, s, clock(), apartFrom, queue.Standard), bodiesIn(t, s, clock(), apartTo, queue.Standard)
	records := bodiesIn(t, s, clock(), apartLog, queue.Log)
	slices.Sort(to)
	slices.Sort(records)
	if all := append(slices.Clone(left), to...); len(all) != count || !slices.Equal(to, records) {
		t.Errorf("%d given up; %d left, %d moved, %d records", given, len(left), len(to), len(records))
	}
	if given == 0 || given == count {
		t.Logf("%d of %d were given up, which shows little", given, count)
	}
}

// After a failover, a receive that was not confirmed may not have been. What was received by it can still be acknowledged with a
// record elsewhere, and those that were received with it come out again.
func TestHoldAfterLostReceive(t *testing.T) {
	t.Parallel()
	g := redistest.Cluster(t, 3, 0, inMemory)
	cluster := g.Client()
	s, clock := openAs(t, urlOf(g.Nodes[0])+"?durability=async")
	ctx := t.Context()
	var entries []queue.Entry
	for _, body := range []string{"a", "b", "c"} {
		entries = append(entries, queue.Entry{Queue: apartFrom, Message: queue.Message{ID: queue.NewMessageID(), Body: []byte(body)}})
	}
	if _, err := s.Append(ctx, queue.AppendRequest{Now: clock(), Entries: entries}); err != nil {
		t.Fatal(err)
	}
	state := s.base(apartFrom, 0) + "s"
	before, err := cluster.Get(ctx, state).Result()
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Receive(ctx, queue.ReceiveRequest{Now: clock(), Queue: apartFrom, Max: 3, Visibility: time.Minute})
	if err != nil || len(got.Messages) != 3 {
		t.Fatal(got, err)
	}
	if err := cluster.Set(ctx, state, before, 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := cluster.Del(ctx, s.base(apartFrom, 0)+"i", s.base(apartFrom, 0)+"l").Err(); err != nil {
		t.Fatal(err)
	}
	results, err := s.Settle(ctx, clock(), []queue.Settlement{{
		Receipt: got.Messages[1].Receipt,
		Record:  &queue.Entry{Queue: apartLog, Kind: queue.Log, Message: queue.Message{ID: queue.NewMessageID()}},
	}})
	if err != nil || results[0].Err != nil || results[0].Gone {
		t.Fatal(results, err)
	}
	got, err = s.Receive(ctx, queue.ReceiveRequest{Now: clock(), Queue: apartFrom, Max: 3, Visibility: time.Minute})
	if err != nil || len(got.Messages) != 2 || string(got.Messages[0].Body) != "a" || string(got.Messages[1].Body) != "c" {
		t.Errorf("received %d: %+v, %v", len(got.Messages), got.Messages, err)
	}
}

// What keeps the outbox from sending twice is forgotten soon after it was of use, not when an unfinished one would be.
func TestOutboxForgets(t *testing.T) {
	t.Parallel()
	nodes := redistest.Cluster(t, 3, 0, inMemory).Nodes
	s, clock := openAs(t, urlOf(nodes[0])+"?durability=async")
	const rounds = 20
	for range rounds {
		m := sendAndReceive(t, s, clock, apartFrom, "message")[0]
		results, err := s.Settle(t.Context(), clock(), []queue.Settlement{{
			Receipt: m.Receipt,
			Record:  &queue.Entry{Queue: apartLog, Kind: queue.Log, Message: queue.Message{ID: queue.NewMessageID()}},
		}})
		if err != nil || results[0].Err != nil {
			t.Fatal(results, err)
		}
	}
	soon, late := 0, 0
	for _, m := range s.c.current(t.Context()) {
		keys, err := m.node.Keys(t.Context(), "*:t:*").Result()
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			if m.node.PTTL(t.Context(), key).Val() > time.Hour {
				late++
			} else {
				soon++
			}
		}
	}
	if soon != rounds-1 || late != 1 { // the last waits for another to take it along
		t.Errorf("%d tokens are forgotten soon and %d late, want %d and 1", soon, late, rounds-1)
	}
}

// A master that is away keeps only what goes there.
func TestOutboxAroundADeadMaster(t *testing.T) {
	t.Parallel()
	cluster := redistest.Cluster(t, 3, 0, redistest.Options{NoSave: true, NodeTimeout: inMemory.NodeTimeout, Args: []string{"--cluster-require-full-coverage", "no"}})
	s, clock := openAs(t, urlOf(cluster.Nodes...)+"?durability=async")
	masterOf := func(id queue.ID) string {
		m, err := s.c.master(t.Context(), shardOf(id, 0))
		if err != nil {
			t.Fatal(err)
		}
		return m.addr
	}
	const from queue.ID = 1
	var alive, dead queue.ID
	for id := from + 1; alive == 0 || dead == 0; id++ {
		switch {
		case shardOf(id, 0) == shardOf(from, 0):
		case masterOf(id) == masterOf(from):
			alive = id
		case masterOf(id) != masterOf(alive):
			dead = id
		}
	}
	messages := sendAndReceive(t, s, clock, from, "to the one alive", "to the dead one")
	for _, node := range cluster.Nodes {
		if node.Addr() == masterOf(dead) {
			node.Kill()
			break
		}
	}
	move := func(m queue.Message, to queue.ID) queue.Settlement {
		return queue.Settlement{Receipt: m.Receipt, Action: queue.Move, To: &queue.Destination{Queue: to}}
	}
	if _, err := s.Settle(t.Context(), clock(), []queue.Settlement{move(messages[0], alive), move(messages[1], dead)}); err == nil {
		t.Error("moving to a dead master succeeded")
	}
	if bodies := bodiesIn(t, s, clock(), alive, queue.Standard); !slices.Equal(bodies, []string{"to the one alive"}) {
		t.Errorf("there are %q where it could be reached", bodies)
	}
	if bodies := bodiesIn(t, s, clock(), from, queue.Standard); !slices.Equal(bodies, []string{"to the dead one"}) {
		t.Errorf("there are %q left", bodies)
	}
}

// What was delivered and can not be ended, because the source's master refuses to write, does not keep who finishes what others left
// at it for ever, also after something whose destination could not be reached.
func TestOutboxCanNotBeEnded(t *testing.T) {
	t.Parallel()
	cluster := redistest.Cluster(t, 3, 0, inMemory)
	s, clock := openAs(t, urlOf(cluster.Nodes...)+"?durability=async")
	ctx := t.Context()
	masterOf := func(id queue.ID) *master {
		m, err := s.c.master(ctx, shardOf(id, 0))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	const from queue.ID = 1
	var alive, away queue.ID
	for id := from + 1; alive == 0 || away == 0; id++ {
		switch {
		case masterOf(id).addr == masterOf(from).addr:
		case alive == 0:
			alive = id
		case masterOf(id).addr != masterOf(alive).addr:
			away = id
		}
	}
	// A page of the outbox, and one more: the first is for where nothing can be written.
	var bodies []string
	for i := range outboxLimit + 1 {
		bodies = append(bodies, fmt.Sprintf("%03d", i))
	}
	shard := shardOf(from, 0)
	messages := sendAndReceive(t, s, clock, from, bodies...)
	hold := func(to queue.ID, messages []queue.Message) {
		var group []*settling
		for _, m := range messages {
			w := &settling{
				Settlement: &queue.Settlement{Receipt: m.Receipt, Action: queue.Move, To: &queue.Destination{Queue: to}},
				result:     new(queue.SettleResult), shard: shard,
			}
			group = append(group, w)
		}
		if _, err := s.readMoves(ctx, group); err != nil {
			t.Fatal(err)
		}
		for _, w := range group {
			s.enter(w)
		}
		if held, err := s.hold(ctx, clock(), shard, group); err != nil || len(held) != len(group) {
			t.Fatalf("%d held, %v", len(held), err)
		}
	}
	hold(away, messages[:1])
	hold(alive, messages[1:])
	writes := func(replicas string) {
		for _, id := range []queue.ID{from, away} {
			if err := masterOf(id).node.ConfigSet(ctx, "min-replicas-to-write", replicas).Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	writes("1")
	limited, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	if err := s.finishOld(limited, shard, 0); !errors.Is(err, queue.ErrUnavailable) || limited.Err() != nil {
		t.Fatalf("finishing what can not be ended: %v", err)
	}
	writes("0")
	if err := s.finishOld(ctx, shard, 0); err != nil {
		t.Fatal(err)
	}
	got := bodiesIn(t, s, clock(), away, queue.Standard)
	got = append(got, bodiesIn(t, s, clock(), alive, queue.Standard)...)
	slices.Sort(got)
	if !slices.Equal(got, bodies) || len(bodiesIn(t, s, clock(), from, queue.Standard)) != 0 {
		t.Errorf("%d arrived: %q", len(got), got)
	}
}
