package storetest

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// view is everything of some queues that can be looked at without touching them.
func (e *env) view(ids ...queue.ID) (out []any) {
	e.Helper()
	for _, id := range ids {
		s := e.stats(id)
		// It may be older than the oldest message by messages removed out of order; the rest is exact.
		s.OldestSent = time.Time{}
		all := e.scanAll(id, 100)
		slices.SortFunc(all, func(a, b queue.Peeked) int { return int(int64(a.Message.Sequence) - int64(b.Message.Sequence)) })
		for i := range all {
			all[i].Position = queue.Position{}
		}
		out = append(out, s, all)
	}
	return out
}

func reopenRules() []rule {
	return []rule{
		{name: "reopen/nothing is changed by it, after every kind of operation", run: func(e *env) {
			ids := []queue.ID{std, std2, fifo, flog, dead}
			step := func(what string, f func()) {
				e.Helper()
				f()
				before := e.view(ids...)
				e.reopen()
				e.same(what, e.view(ids...), before)
				e.pass(time.Second)
			}
			var held []queue.Message
			step("open", func() {})
			step("append", func() {
				x, y := entry(std, "", "delayed"), entry(fifo, "g", "f0")
				x.Delay, x.Key = time.Minute, "k"
				y.Dedup, y.DedupWindow = "d", time.Minute
				e.append(x, y, entry(std, "", "s0"), entry(std, "", "s1"), entry(fifo, "g", "f1"), entry(fifo, "h", "f2"), entry(fifo, "", "free"), entry(flog, "", "l0"))
			})
			step("receive, standard", func() { held = e.take(std, 10) })
			step("receive, fifo", func() { held = append(held, e.take(fifo, 2)...) })
			step("receive with zero visibility", func() { e.takeFor(fifo, 0) })
			step("extend", func() { e.extend(held[0], time.Hour) })
			step("release", func() { e.release(held[0], 10*time.Second) })
			step("move", func() {
				e.settled(queue.Settlement{Receipt: held[1].Receipt, Action: queue.Move, To: &queue.Destination{Queue: dead, Attributes: []queue.Attribute{{Name: "a", Type: "String", Value: []byte("v")}}}})
			})
			step("ack with a record", func() {
				x := entry(flog, "", "l1")
				e.settled(queue.Settlement{Receipt: held[2].Receipt, Record: &x})
			})
			step("leases end", func() { e.pass(time.Minute) })
			step("expire", func() { e.expire(queue.Expiry{Queue: fifo, Kind: queue.FIFO, Retention: time.Minute}) })
			step("append after", func() { e.append(entry(std, "", "s2"), entry(fifo, "g", "f3"), entry(flog, "", "l2")) })
			step("expire a log", func() { e.expire(queue.Expiry{Queue: flog, Kind: queue.Log, MaxBytes: 4}) })
			step("purge", func() { e.purge(std) })
			step("drop", func() { e.drop(dead) })
			step("append at the end", func() { e.append(entry(std, "", "s3"), entry(fifo, "g", "f4"), entry(flog, "", "l3")) })
			e.same("log", peekedBodies(e.scanAll(flog, 10))[1:], []string{"l2", "l3"})
		}},
		{name: "reopen/receipts and counts are those of the lease", run: func(e *env) {
			e.send(std, "", "a", "b")
			m := e.take(std, 10)
			e.reopen()
			e.ack(m[0])
			e.reopen()
			if res := e.settle(queue.Settlement{Receipt: m[0].Receipt})[0]; !res.Gone {
				e.Fatalf("acknowledged twice: %+v", res)
			}
			e.pass(30 * time.Second)
			got := e.take(std, 10)
			e.same("left", bodies(got), bodies(m[1:]))
			e.same("count", got[0].Receives, 2)
		}},
		{name: "reopen/nonces go on", run: func(e *env) {
			e.send(std, "", "a")
			seen := map[uint64]bool{}
			for range 5 {
				m := e.one(std)
				if seen[m.Receipt.Nonce] {
					e.Fatalf("two leases have one nonce over a reopen")
				}
				seen[m.Receipt.Nonce] = true
				e.pass(30 * time.Second)
				e.reopen()
			}
		}},
		{name: "reopen/sequences go on", run: func(e *env) {
			last := e.append(entry(std, "", "a"))[0].Sequence
			e.purge(std)
			for range 3 {
				e.reopen()
				d := e.append(entry(std, "", "a"))[0]
				if d.Sequence <= last {
					e.Fatalf("sequence %d after %d", d.Sequence, last)
				}
				last = d.Sequence
				e.ack(e.one(std))
			}
		}},
		{name: "crash/what was acknowledged as done is there", run: func(e *env) {
			c, ok := e.data.(Crasher)
			if !ok {
				e.Skipf("the harness can not crash")
			}
			crash := func() {
				e.Helper()
				if err := c.Crash(); err != nil {
					e.Fatalf("crash: %v", err)
				}
				e.open()
			}
			x := entry(fifo, "g", "f0")
			x.Dedup, x.DedupWindow = "d", time.Hour
			e.append(x, entry(fifo, "g", "f1"), entry(std, "", "a"), entry(std, "", "b"), entry(std, "", "c"), entry(flog, "", "l"))
			crash()
			e.wantCounts(std, 3, 0, 0)
			e.wantCounts(fifo, 2, 0, 0)
			if !e.append(x)[0].Duplicate {
				e.Fatalf("a deduplication ID was lost")
			}
			f := e.take(fifo, 1)
			crash()
			e.same("a FIFO receive is durable", len(e.take(fifo, 10)), 0)
			e.ack(f...)
			crash()
			e.same("the ack too", bodies(e.take(fifo, 10)), []string{"f1"})
			m := e.take(std, 10)
			crash()
			if r := e.scanAll(std, 10); len(r) != 3 || r[0].Message.Receives > 1 {
				e.Fatalf("after a crash: %+v", r)
			}
			e.ack(m[0])
			crash()
			if s := e.stats(std); s.Total() != 2 || s.Acked != 1 {
				e.Fatalf("an acknowledged message came back, or its count is lost: %+v", s)
			}
			e.pass(time.Minute)
			m = e.take(std, 10)
			e.settled(queue.Settlement{Receipt: m[0].Receipt, Action: queue.Release, NotBefore: e.now.Add(time.Hour), State: []byte("s")})
			e.settled(queue.Settlement{Receipt: m[1].Receipt, Action: queue.Move, To: &queue.Destination{Queue: dead}})
			crash()
			e.wantCounts(std, 0, 1, 0)
			e.wantCounts(dead, 1, 0, 0)
			e.same("state", string(e.scanAll(std, 1)[0].Message.State), "s")
			e.purge(std)
			e.drop(dead)
			crash()
			e.wantCounts(std, 0, 0, 0)
			_, err := e.appendErr(entry(dead, "", "x"))
			e.wantDropped("append", err, dead)
			e.same("log", len(e.scanAll(flog, 10)), 1)
		}},
	}
}

// ownershipRules: nothing that was handed over is shared.
func ownershipRules() []rule {
	scribble := func(m queue.Message) {
		for _, b := range [][]byte{m.Body, m.State} {
			copy(b, bytes.Repeat([]byte("X"), len(b)))
		}
		for _, attrs := range [][]queue.Attribute{m.Attributes, m.System} {
			for i := range attrs {
				copy(attrs[i].Value, "XXXXXXX")
				attrs[i].Name = "X"
			}
		}
	}
	full := func(id queue.ID) queue.Entry {
		x := entry(id, "g", "body")
		x.Message.Attributes = []queue.Attribute{{Name: "a", Type: "String", Value: []byte("v")}}
		x.Message.System = []queue.Attribute{{Name: "s", Type: "String", Value: []byte("v")}}
		return x
	}
	check := func(e *env, what string, m queue.Message) {
		e.Helper()
		want := full(std).Message
		e.same(what, []any{m.Body, m.Attributes, m.System}, []any{want.Body, want.Attributes, want.System})
	}
	return []rule{
		{name: "slices/of an append belong to the caller afterwards", run: func(e *env) {
			for _, id := range []queue.ID{std, fifo, flog} {
				x := full(id)
				e.append(x)
				scribble(x.Message)
				check(e, "scanned", e.scanAll(id, 1)[0].Message)
				if id != flog {
					check(e, "received", e.one(id))
				}
			}
		}},
		{name: "slices/of a received or peeked message belong to the caller", run: func(e *env) {
			for _, id := range []queue.ID{std, fifo} {
				x := full(id)
				x.Key = "k"
				e.append(x)
				for range 2 {
					scribble(e.takeFor(id, 0)[0])
					scribble(e.scanAll(id, 1)[0].Message)
					scribble(e.get(id, "k")[0].Message)
				}
				m := e.one(id)
				check(e, "received", m)
				e.settled(queue.Settlement{Receipt: m.Receipt, Action: queue.Release, State: []byte("state")})
				m = e.one(id)
				scribble(m)
				e.extend(m, 0)
				m = e.one(id)
				check(e, "received again", m)
				e.same("state", string(m.State), "state")
			}
		}},
		{name: "slices/of a settlement belong to the caller afterwards", run: func(e *env) {
			e.append(full(std), full(std))
			m := e.take(std, 10)
			want := full(std)
			to := queue.Destination{Queue: dead, Body: bytes.Clone(want.Message.Body), Attributes: cloneAttributes(want.Message.Attributes), System: cloneAttributes(want.Message.System)}
			record, state := full(flog), []byte("state")
			e.settled(queue.Settlement{Receipt: m[0].Receipt, Action: queue.Move, To: &to, Record: &record})
			e.settled(queue.Settlement{Receipt: m[1].Receipt, Action: queue.Release, State: state})
			scribble(queue.Message{Body: to.Body, Attributes: to.Attributes, System: to.System, State: state})
			scribble(record.Message)
			check(e, "moved", e.one(dead))
			check(e, "record", e.scanAll(flog, 1)[0].Message)
			e.same("state", string(e.one(std).State), "state")
		}},
		{name: "slices/of repeated results belong to the caller", run: func(e *env) {
			req := queue.AppendRequest{Now: e.now, Token: "t", TokenWindow: time.Hour, Entries: []queue.Entry{full(std)}}
			res, err := e.store.Append(e.ctx, req)
			if err != nil {
				e.Fatalf("append: %v", err)
			}
			want := res.Results[0]
			for range 3 {
				res.Results[0] = queue.Appended{}
				if res, err = e.store.Append(e.ctx, req); err != nil || res.Results[0] != want {
					e.Fatalf("repeat: %+v, %v; want %+v", res, err, want)
				}
			}
		}},
	}
}

// closeRules are about closing and about contexts.
func closeRules() []rule {
	return []rule{
		{name: "close/calls after it fail, closing again does nothing", run: func(e *env) {
			e.send(std, "", "a")
			m := e.one(std)
			if err := e.store.Close(); err != nil {
				e.Fatalf("close: %v", err)
			}
			if err := e.store.Close(); err != nil {
				e.Fatalf("close again: %v", err)
			}
			s, ids := e.store, []queue.ID{std}
			for name, call := range map[string]func() error{
				"append":  func() error { _, err := e.appendErr(entry(std, "", "b")); return err },
				"receive": func() error { _, err := s.Receive(e.ctx, e.request(std)); return err },
				"settle": func() error {
					_, err := s.Settle(e.ctx, e.now, []queue.Settlement{{Receipt: m.Receipt}})
					return err
				},
				"extend": func() error {
					_, err := s.Extend(e.ctx, e.now, []queue.Extension{{Receipt: m.Receipt}})
					return err
				},
				"get":    func() error { _, err := s.Get(e.ctx, e.now, std, "k"); return err },
				"scan":   func() error { _, err := s.Scan(e.ctx, queue.ScanRequest{Now: e.now, Queue: std, Limit: 1}); return err },
				"purge":  func() error { _, err := s.Purge(e.ctx, e.now, std); return err },
				"drop":   func() error { return s.Drop(e.ctx, e.now, ids) },
				"stats":  func() error { _, err := s.Stats(e.ctx, e.now, ids); return err },
				"expire": func() error { _, err := s.Expire(e.ctx, e.now, []queue.Expiry{{Queue: std, Retention: 1}}); return err },
			} {
				e.wantErr(name, call(), queue.ErrStoreClosed)
			}
			e.open()
			e.wantCounts(std, 0, 0, 1)
		}},
		{name: "context/a cancelled call returns its error, or has succeeded", run: func(e *env) {
			ctx, cancel := context.WithCancel(e.ctx)
			cancel()
			n := int64(0)
			for range 10 {
				_, err := e.store.Append(ctx, queue.AppendRequest{Now: e.now, Entries: []queue.Entry{entry(std, "", "a")}})
				if err == nil {
					n++
				} else {
					e.wantErr("append", err, context.Canceled)
				}
			}
			e.reopen()
			// Each of the cancelled calls may have happened; those that succeeded have.
			if s := e.stats(std); s.Ready < n || s.Ready > 10 || s.Appended != s.Ready {
				e.Fatalf("%d appends succeeded of 10: %+v", n, s)
			}
		}},
	}
}
