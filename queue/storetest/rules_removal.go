package storetest

import (
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// removalRules are about Purge and Drop.
func removalRules() []rule {
	// busy fills a queue with a message in flight, a delayed one and a ready one, with keys, and returns the first.
	busy := func(e *env, id queue.ID) queue.Message {
		e.Helper()
		x, y, z := entry(id, "g", "flying"), entry(id, "", "delayed"), entry(id, "h", "ready")
		x.Key, y.Key, z.Key = "x", "y", "z"
		e.append(x)
		m := e.one(id)
		y.Delay = time.Hour
		e.append(y, z)
		return m
	}
	gone := func(e *env, id queue.ID, m queue.Message) {
		e.Helper()
		e.wantCounts(id, 0, 0, 0)
		e.same("bytes", e.stats(id).Bytes, int64(0))
		e.same("by key", len(e.get(id, "x"))+len(e.get(id, "y"))+len(e.get(id, "z")), 0)
		e.same("scan", len(e.scanAll(id, 10)), 0)
		for _, s := range []queue.Settlement{{}, {Action: queue.Release}, {Action: queue.Move, To: &queue.Destination{Queue: std2}}} {
			s.Receipt = m.Receipt
			if res := e.settle(s)[0]; res != (queue.SettleResult{Gone: true}) {
				e.Fatalf("action %d with a receipt from before: %+v, want Gone", s.Action, res)
			}
		}
		e.wantErr("extend", e.extendErr(m.Receipt, time.Minute), queue.ErrNotInFlight)
	}
	return []rule{
		{name: "purge/a queue never touched, or empty", run: func(e *env) {
			e.same("never touched", e.purge(std), int64(0))
			e.send(std, "", "a")
			e.ack(e.one(std))
			e.same("empty", e.purge(std), int64(0))
			e.same("stats", e.stats(std), queue.Stats{Appended: 1, Acked: 1})
		}},
		{name: "purge/removes everything, in flight and delayed too", run: func(e *env) {
			for _, id := range []queue.ID{std, fifo} {
				m := busy(e, id)
				e.same("removed", e.purge(id), int64(3))
				gone(e, id, m)
				e.reopen()
				e.pass(2 * time.Hour)
				gone(e, id, m)
				e.same("receive", len(e.take(id, 10)), 0)
				s := e.stats(id)
				e.same("counts over the queue's life", []int64{s.Appended, s.Acked, s.Moved, s.Expired}, []int64{3, 0, 0, 0})
				if !s.OldestSent.IsZero() {
					e.Fatalf("oldest sent %v in a purged queue", s.OldestSent)
				}
				e.same("again", e.purge(id), int64(0))
			}
		}},
		{name: "purge/the queue goes on, its locks are gone, its sequences go on", run: func(e *env) {
			for _, id := range []queue.ID{std, fifo} {
				m := busy(e, id)
				e.purge(id)
				done := e.append(entry(id, "g", "new"), entry(id, "g", "newer"))
				if done[0].Sequence <= m.Sequence && !(e.h.Partitioned && id == std) {
					e.Fatalf("sequence %d after %d", done[0].Sequence, m.Sequence)
				}
				if res := e.settle(queue.Settlement{Receipt: m.Receipt})[0]; !res.Gone {
					e.Fatalf("old receipt %+v", res)
				}
				e.reopen()
				e.wantBodies("received", bodies(e.take(id, 10)), "new", "newer")
			}
		}},
		{name: "purge/the in-flight limit starts anew", run: func(e *env) {
			e.send(std, "", "a", "b")
			e.take(std, 10)
			e.purge(std)
			e.send(std, "", "c")
			req := e.request(std)
			req.MaxInFlight = 2
			e.same("received", bodies(e.receive(req).Messages), []string{"c"})
		}},
		{name: "purge/other queues keep theirs", run: func(e *env) {
			busy(e, std)
			busy(e, std2)
			e.purge(std)
			e.wantCounts(std2, 1, 1, 1)
		}},
		{name: "purge/a log", run: func(e *env) {
			e.send(flog, "", "a", "b")
			next := e.scan(queue.ScanRequest{Queue: flog}).Next
			e.same("removed", e.purge(flog), int64(2))
			s := e.stats(flog)
			e.same("stats", []int64{s.Ready, s.Bytes, s.Appended, s.Expired}, []int64{0, 0, 2, 0})
			e.send(flog, "", "c")
			e.same("a reader goes on", peekedBodies(e.scan(queue.ScanRequest{Queue: flog, From: next}).Messages), []string{"c"})
			e.same("from the start", peekedBodies(e.scanAll(flog, 10)), []string{"c"})
		}},
		{name: "drop/all it held and the right to append", run: func(e *env) {
			for _, id := range []queue.ID{std, fifo} {
				m := busy(e, id)
				e.drop(id)
				for range 2 {
					gone(e, id, m)
					e.same("stats", e.stats(id), queue.Stats{})
					// Reading: "no error when there is nothing to receive" holds for a dropped queue too.
					e.same("receive", len(e.take(id, 10)), 0)
					_, err := e.appendErr(entry(id, "g", "new"))
					e.wantDropped("append", err, id)
					e.reopen()
				}
			}
		}},
		{name: "drop/again, and one never touched", run: func(e *env) {
			e.send(std, "", "a")
			e.drop(std, std2)
			e.drop(std2, std)
			e.drop(std)
			for _, id := range []queue.ID{std, std2} {
				_, err := e.appendErr(entry(id, "", "new"))
				e.wantDropped("append", err, id)
			}
			e.drop()
		}},
		{name: "drop/a new incarnation has nothing of the old", run: func(e *env) {
			x := entry(fifo, "g", "old")
			x.Dedup, x.DedupWindow, x.Key = "d", time.Hour, "k"
			e.append(x)
			m := e.one(fifo)
			e.drop(fifo)
			const again queue.ID = 1003
			x.Queue, x.Message.Body = again, []byte("new")
			if e.append(x)[0].Duplicate {
				e.Fatalf("refused as a duplicate of the old incarnation's")
			}
			if res := e.settle(queue.Settlement{Receipt: m.Receipt})[0]; !res.Gone {
				e.Fatalf("old receipt: %+v", res)
			}
			req := e.request(fifo)
			req.Queue = again
			e.same("received", bodies(e.receive(req).Messages), []string{"new"})
			e.same("by key", len(e.get(fifo, "k")), 0)
			e.same("appended", e.stats(again).Appended, int64(1))
		}},
		{name: "drop/empty only", run: func(e *env) {
			tryDrop := func(id queue.ID, want bool) {
				e.Helper()
				got, err := e.store.DropEmpty(e.ctx, e.now, id)
				if err != nil || got != want {
					e.Fatalf("DropEmpty(%d): %v, %v; want %v", id, got, err, want)
				}
			}
			e.send(std, "", "a")
			tryDrop(std, false)
			m := e.one(std) // in flight is not empty
			tryDrop(std, false)
			e.settled(queue.Settlement{Receipt: m.Receipt, Action: queue.Release, NotBefore: e.now.Add(time.Hour)})
			tryDrop(std, false) // nor is delayed
			e.purge(std)
			tryDrop(std, true)
			tryDrop(std, true)
			tryDrop(std2, true) // never touched
			e.reopen()
			for _, id := range []queue.ID{std, std2} {
				_, err := e.appendErr(entry(id, "", "new"))
				e.wantDropped("append", err, id)
			}
			e.send(flog, "", "a")
			tryDrop(flog, false)
		}},
		{name: "drop/a log", run: func(e *env) {
			e.send(flog, "", "a")
			e.drop(flog)
			if res := e.scan(queue.ScanRequest{Queue: flog}); len(res.Messages) != 0 || res.More {
				e.Fatalf("scan: %+v", res)
			}
			_, err := e.appendErr(entry(flog, "", "b"))
			e.wantDropped("append", err, flog)
		}},
	}
}

func statsRules() []rule {
	return []rule{
		{name: "stats/one result per queue, zero for one never touched", run: func(e *env) {
			e.send(std, "", "abc")
			res, err := e.store.Stats(e.ctx, e.now, []queue.ID{std2, std, std2, std, 999})
			if err != nil {
				e.Fatalf("stats: %v", err)
			}
			s := queue.Stats{Ready: 1, Bytes: 3, OldestSent: e.now, Appended: 1}
			e.same("stats", res, []queue.Stats{{}, s, {}, s, {}})
			if res, err := e.store.Stats(e.ctx, e.now, nil); err != nil || len(res) != 0 {
				e.Fatalf("none asked: %v, %v", res, err)
			}
		}},
		{name: "stats/through a message's life", run: func(e *env) {
			start := e.now
			x := entry(std, "", "body")
			x.Delay = 10 * time.Second
			x.Message.Attributes = []queue.Attribute{{Name: "name", Type: "String", Value: []byte("value")}}
			x.Message.System = []queue.Attribute{{Name: "not", Type: "String", Value: []byte("counted")}}
			e.append(x)
			want := queue.Stats{Bytes: 4 + 4 + 6 + 5, OldestSent: start, Appended: 1}
			step := func(what string, ready, delayed, inFlight int64) {
				e.Helper()
				want.Ready, want.Delayed, want.InFlight = ready, delayed, inFlight
				e.same(what, e.stats(std), want)
				e.reopen()
				e.same(what+", reopened", e.stats(std), want)
			}
			step("delayed", 0, 1, 0)
			e.pass(10 * time.Second)
			step("due", 1, 0, 0)
			e.one(std)
			step("in flight", 0, 0, 1)
			e.pass(30 * time.Second)
			step("lease ended", 1, 0, 0)
			m := e.one(std)
			e.release(m, 5*time.Second)
			step("released until later", 0, 1, 0)
			e.pass(5 * time.Second)
			step("due again", 1, 0, 0)
			m = e.one(std)
			e.extend(m, time.Hour)
			e.pass(59 * time.Minute)
			step("extended", 0, 0, 1)
			e.ack(m)
			want = queue.Stats{Appended: 1, Acked: 1}
			step("acknowledged", 0, 0, 0)
		}},
		{name: "stats/a group's locked messages are ready", run: func(e *env) {
			e.send(fifo, "g", "a", "b", "c")
			m := e.take(fifo, 1)
			e.wantCounts(fifo, 2, 0, 1)
			e.release(m[0], time.Hour)
			e.wantCounts(fifo, 2, 1, 0)
		}},
		{name: "stats/a duplicate counts nowhere", run: func(e *env) {
			x := entry(fifo, "g", "a")
			x.Dedup, x.DedupWindow = "d", time.Minute
			e.append(x)
			before := e.stats(fifo)
			e.append(x)
			e.same("stats", e.stats(fifo), before)
		}},
		{name: "stats/the oldest sent time", run: func(e *env) {
			start := e.now
			for range 3 {
				e.send(fifo, "g", "x")
				e.pass(time.Second)
			}
			e.ack(e.one(fifo))
			s := e.stats(fifo)
			if s.OldestSent.Before(start) || s.OldestSent.After(start.Add(time.Second)) {
				e.Fatalf("oldest sent %v, want at most %v", s.OldestSent, start.Add(time.Second))
			}
			e.expire(queue.Expiry{Queue: fifo, Kind: queue.FIFO, Retention: time.Hour})
			e.same("after Expire", e.stats(fifo).OldestSent, start.Add(time.Second))
		}},
	}
}

func clockRules() []rule {
	return []rule{
		{name: "clock/an earlier now is the latest one", whole: true, run: func(e *env) {
			e.send(std, "", "a")
			m := e.one(std)
			e.pass(-time.Hour)
			e.wantCounts(std, 0, 0, 1)
			e.same("hidden", len(e.take(std, 1)), 0)
			d := e.append(entry(std, "", "b"))[0]
			if d.Sequence <= m.Sequence {
				e.Fatalf("sequence %d after %d", d.Sequence, m.Sequence)
			}
			e.pass(time.Hour)
			b := e.one(std)
			e.same("b's sent time and deadline", []time.Time{b.Sent, b.Deadline}, []time.Time{e.now, e.now.Add(30 * time.Second)})
			e.pass(30 * time.Second)
			e.wantBodies("come again at their deadline", bodies(e.take(std, 10)), "a", "b")
		}},
		{name: "clock/leases, delays and extensions of a clock that went back", run: func(e *env) {
			e.send(std, "", "a", "b")
			m := e.take(std, 10)
			start := e.now
			e.pass(-time.Hour)
			e.release(m[0], time.Hour+10*time.Second) // an absolute time: start + 10s
			e.extend(m[1], 20*time.Second)            // from the queue's time: start + 20s
			e.now = start.Add(10*time.Second - time.Millisecond)
			e.wantCounts(std, 0, 1, 1)
			e.pass(time.Millisecond)
			e.wantCounts(std, 1, 0, 1)
			e.pass(10*time.Second - time.Millisecond)
			e.wantCounts(std, 1, 0, 1)
			e.pass(time.Millisecond)
			e.wantCounts(std, 2, 0, 0)
		}},
		{name: "clock/does not go back over a reopen", run: func(e *env) {
			e.send(fifo, "g", "a")
			m := e.one(fifo)
			e.reopen()
			e.pass(-time.Hour)
			d := e.append(entry(fifo, "g", "b"))[0]
			if d.Sequence <= m.Sequence || queue.SequenceTime(d.Sequence).Before(m.Sent) {
				e.Fatalf("sequence %d (%v) after %d", d.Sequence, queue.SequenceTime(d.Sequence), m.Sequence)
			}
			e.wantCounts(fifo, 1, 0, 1)
			e.ack(m)
			e.same("next", bodies(e.take(fifo, 1)), []string{"b"})
		}},
		{name: "clock/each queue has its own", run: func(e *env) {
			e.pass(time.Hour)
			e.send(std, "", "a")
			e.pass(-time.Hour)
			e.send(std2, "", "b")
			e.same("sent", e.one(std2).Sent, e.now)
		}},
		{name: "clock/deduplication of a clock that went back", run: func(e *env) {
			x := entry(fifo, "g", "a")
			x.Dedup, x.DedupWindow = "d", time.Minute
			e.append(x)
			e.pass(-time.Hour)
			if !e.append(x)[0].Duplicate {
				e.Fatalf("accepted a duplicate at an earlier time")
			}
			e.pass(time.Hour + time.Minute)
			if e.append(x)[0].Duplicate {
				e.Fatalf("refused after the window")
			}
		}},
		{name: "clock/a year at once", run: func(e *env) {
			e.send(std, "", "a")
			e.one(std)
			e.pass(366 * 24 * time.Hour)
			e.reopen()
			e.same("comes again", e.one(std).Receives, 2)
		}},
	}
}
