package storetest

import (
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// priorRules are about messages that have something behind them in another store.
func priorRules() []rule {
	had := func(id queue.ID, group, body string, p queue.Prior) queue.Entry {
		x := entry(id, group, body)
		x.Prior = &p
		return x
	}
	places := []struct {
		name  string
		id    queue.ID
		group string
	}{{"standard", std, ""}, {"of a tenant", std, "g"}, {"free in a FIFO queue", fifo, ""}, {"in a group", fifo, "g"}}
	var list []rule
	for _, c := range places {
		list = append(list,
			rule{name: "prior/receives, first receive and state are kept, " + c.name, run: func(e *env) {
				first := e.now.Add(-time.Hour)
				e.append(had(c.id, c.group, "a", queue.Prior{Receives: 2, FirstReceived: first, State: []byte("s")}))
				e.reopen()
				e.wantCounts(c.id, 1, 0, 0)
				p := e.scanAll(c.id, 10)[0].Message
				e.same("peeked", []any{p.Receives, p.FirstReceived, string(p.State)}, []any{2, first, "s"})
				req := e.request(c.id)
				req.MaxReceives = 3
				got := e.receive(req)
				if len(got.Messages) != 1 || len(got.Exceeded) != 0 {
					e.Fatalf("received %+v", got)
				}
				m := got.Messages[0]
				e.same("received", []any{m.Receives, m.FirstReceived, string(m.State)}, []any{3, first, "s"})
				e.release(m, 0)
				if got = e.receive(req); len(got.Exceeded) != 1 || got.Exceeded[0].Receives != 3 {
					e.Fatalf("received %+v, want it exceeded", got)
				}
			}},
			rule{name: "prior/due hides a message, " + c.name, run: func(e *env) {
				e.append(had(c.id, c.group, "a", queue.Prior{Receives: 1, FirstReceived: e.now, Due: e.now.Add(10 * time.Second)}))
				e.wantCounts(c.id, 0, 1, 0)
				p := e.scanAll(c.id, 10)[0]
				e.same("status", []any{p.Status, p.Due}, []any{queue.Delayed, e.now.Add(10 * time.Second)})
				e.reopen()
				e.pass(10*time.Second - time.Millisecond)
				e.same("1ms before", bodies(e.take(c.id, 10)), []string{})
				e.pass(time.Millisecond)
				e.wantCounts(c.id, 1, 0, 0)
				m := e.one(c.id)
				e.same("receives", m.Receives, 2)
				e.ack(m)
				e.wantCounts(c.id, 0, 0, 0)
				e.same("left", len(e.scanAll(c.id, 10)), 0)
			}},
			rule{name: "prior/a due time that has passed is none, " + c.name, run: func(e *env) {
				e.append(had(c.id, c.group, "a", queue.Prior{Due: e.now}), had(c.id, c.group, "b", queue.Prior{Due: e.now.Add(-time.Hour)}))
				e.wantCounts(c.id, 2, 0, 0)
				m := e.take(c.id, 10)
				e.wantBodies("received", bodies(m), "a", "b")
				e.same("receives", m[0].Receives, 1)
			}},
			rule{name: "prior/an expired message goes though it waits, " + c.name, run: func(e *env) {
				x := had(c.id, c.group, "a", queue.Prior{Receives: 1, State: []byte("s"), Due: e.now.Add(time.Hour)})
				x.Message.Sent = e.now.Add(-time.Minute)
				e.append(x)
				e.same("expired", e.expire(queue.Expiry{Queue: c.id, Kind: kindOf(c.id), Retention: 30 * time.Second}).Messages, int64(1))
				e.wantCounts(c.id, 0, 0, 0)
			}},
		)
	}
	return append(list,
		rule{name: "prior/the later of delay and due counts", run: func(e *env) {
			x := had(std, "", "a", queue.Prior{Due: e.now.Add(10 * time.Second)})
			y := had(std, "", "b", queue.Prior{Due: e.now.Add(10 * time.Second)})
			x.Delay, y.Delay = 5*time.Second, 15*time.Second
			e.append(x, y)
			e.pass(10 * time.Second)
			e.same("after 10s", bodies(e.take(std, 10)), []string{"a"})
			e.pass(5 * time.Second)
			e.same("after 15s", bodies(e.take(std, 10)), []string{"b"})
		}},
		rule{name: "prior/a group waits for one that is due later", run: func(e *env) {
			e.append(
				entry(fifo, "g", "a"),
				had(fifo, "g", "b", queue.Prior{Receives: 1, Due: e.now.Add(10 * time.Second)}),
				entry(fifo, "g", "c"),
				had(fifo, "h", "x", queue.Prior{Receives: 1, Due: e.now.Add(10 * time.Second)}),
				entry(fifo, "h", "y"),
			)
			got := e.take(fifo, 10)
			e.same("at first", bodies(got), []string{"a"})
			e.ack(got...)
			e.same("then", bodies(e.take(fifo, 10)), []string{})
			e.reopen()
			e.pass(10 * time.Second)
			byGroup := map[string][]string{}
			for _, m := range e.take(fifo, 10) {
				byGroup[m.Group] = append(byGroup[m.Group], string(m.Body))
			}
			e.same("when it is due", byGroup, map[string][]string{"g": {"b", "c"}, "h": {"x", "y"}})
		}},
		rule{name: "prior/an entry of a log keeps its sequence", run: func(e *env) {
			at := func(d time.Duration, n uint64) uint64 { return queue.PositionAt(e.now.Add(d)).Sequence + n }
			seqs := []uint64{at(-time.Hour, 0), at(-time.Hour, 1), at(-time.Hour, 7), at(-time.Minute, 3), at(-time.Minute, 4)}
			for i, seq := range seqs {
				x := had(flog, "", string(rune('a'+i)), queue.Prior{Sequence: seq, Receives: 3, State: []byte("s"), Due: e.now.Add(time.Hour)})
				x.Message.Sent = queue.SequenceTime(seq)
				x.Key = "k"
				if done := e.append(x)[0]; done.Sequence != seq {
					e.Fatalf("appended with sequence %x, want %x", done.Sequence, seq)
				}
			}
			e.reopen()
			for i, p := range e.scanAll(flog, 2) {
				e.same("entry", []any{p.Position.Sequence, p.Message.Sequence, string(p.Message.Body), p.Status, p.Message.Receives}, []any{seqs[i], seqs[i], string(rune('a' + i)), queue.Ready, 0})
			}
			e.same("by key", peekedBodies(e.get(flog, "k")), []string{"a", "b", "c", "d", "e"})
			s := e.stats(flog)
			e.same("ends", []uint64{s.First.Sequence, s.End.Sequence}, []uint64{seqs[0], seqs[4] + 1})
			res := e.scan(queue.ScanRequest{Queue: flog, From: queue.PositionAt(e.now.Add(-time.Minute))})
			e.same("by time", peekedBodies(res.Messages), []string{"d", "e"})
			e.same("expired", e.expire(queue.Expiry{Queue: flog, Kind: queue.Log, Retention: 2 * time.Minute}).Messages, int64(3))
			e.same("left", peekedBodies(e.scanAll(flog, 10)), []string{"d", "e"})
		}},
		rule{name: "prior/a sequence that was reached is not kept", run: func(e *env) {
			e.send(flog, "", "a")
			last := e.scanAll(flog, 1)[0].Message.Sequence
			for _, seq := range []uint64{last, last - 1, 1} {
				done := e.append(had(flog, "", "b", queue.Prior{Sequence: seq}))[0]
				if done.Sequence <= last || !queue.SequenceTime(done.Sequence).Equal(e.now) {
					e.Fatalf("sequence %x after %x at %v", done.Sequence, last, e.now)
				}
				last = done.Sequence
			}
		}},
		rule{name: "prior/a log goes on after a sequence that is ahead of the time", run: func(e *env) {
			ahead := queue.PositionAt(e.now.Add(time.Minute)).Sequence + 5
			e.append(had(flog, "", "a", queue.Prior{Sequence: ahead}))
			e.send(flog, "", "b", "c")
			e.reopen()
			e.send(flog, "", "d")
			got := e.scanAll(flog, 10)
			e.same("entries", peekedBodies(got), []string{"a", "b", "c", "d"})
			e.same("first", got[0].Message.Sequence, ahead)
			e.pass(2 * time.Minute)
			e.send(flog, "", "e")
			if seq := e.scanAll(flog, 10)[4].Message.Sequence; !queue.SequenceTime(seq).Equal(e.now) {
				e.Fatalf("sequence %x at %v", seq, e.now)
			}
		}},
		rule{name: "prior/sequences of other queues are not kept", run: func(e *env) {
			for _, id := range []queue.ID{std, fifo} {
				done := e.append(had(id, "", "a", queue.Prior{Sequence: queue.PositionAt(e.now.Add(time.Hour)).Sequence}))[0]
				if !queue.SequenceTime(done.Sequence).Equal(e.now) {
					e.Fatalf("sequence %x at %v", done.Sequence, e.now)
				}
			}
		}},
		rule{name: "prior/the hash of a key stands for the key", run: func(e *env) {
			for _, id := range []queue.ID{std, fifo, flog} {
				x := entry(id, "", "a")
				x.Key = "some key"
				e.append(x)
				hash := e.scanAll(id, 1)[0].Key
				e.same("hash", hash, keyHash("some key"))
				e.append(had(id, "", "b", queue.Prior{Key: hash}))
				y := had(id, "", "c", queue.Prior{Key: hash})
				y.Key = "other key"
				e.append(y, had(id, "", "d", queue.Prior{}))
				e.wantBodies("by the key", peekedBodies(e.get(id, "some key")), "a", "b")
				e.same("by the other", peekedBodies(e.get(id, "other key")), []string{"c"})
				e.same("no key", e.get(id, "other key")[0].Key, keyHash("other key"))
			}
		}},
	)
}
