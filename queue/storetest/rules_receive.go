package storetest

import (
	"strings"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

func receiveRules() []rule {
	return []rule{
		{name: "receive/nothing from a queue never touched, one emptied, one of which all is hidden", run: func(e *env) {
			none := func(what string) {
				e.Helper()
				if res := e.receive(e.request(std)); len(res.Messages)+len(res.Exceeded)+res.Expired != 0 || res.OverLimit {
					e.Fatalf("%s: %+v", what, res)
				}
			}
			none("never touched")
			e.send(std, "", "a")
			m := e.one(std)
			none("all in flight")
			e.ack(m)
			none("emptied")
			e.reopen()
			none("emptied, reopened")
		}},
		{name: "receive/in order of sending, at most Max", run: func(e *env) {
			e.send(std, "", "a", "b", "c", "d", "e")
			got := append(bodies(e.take(std, 2)), bodies(e.take(std, 2))...)
			if len(got) != 4 {
				e.Fatalf("received %d messages, want 2 and 2", len(got))
			}
			e.wantBodies("all", append(got, bodies(e.take(std, 10))...), "a", "b", "c", "d", "e")
		}},
		{name: "receive/hidden until the deadline", run: func(e *env) {
			e.send(std, "", "a")
			m := e.one(std)
			e.wantCounts(std, 0, 0, 1)
			e.pass(30*time.Second - time.Millisecond)
			e.same("1ms before", len(e.take(std, 10)), 0)
			e.wantCounts(std, 0, 0, 1)
			e.pass(time.Millisecond)
			e.wantCounts(std, 1, 0, 0)
			again := e.one(std)
			e.same("count", again.Receives, 2)
			e.same("first received", again.FirstReceived, m.FirstReceived)
			e.same("ID and sequence", []any{again.ID, again.Sequence}, []any{m.ID, m.Sequence})
			if again.Receipt.Nonce == m.Receipt.Nonce {
				e.Fatalf("two leases have one nonce")
			}
		}},
		{name: "receive/returned messages come before those never received, by deadline", run: func(e *env) {
			if e.h.Unordered {
				e.Skipf("no order over the whole queue")
			}
			e.send(std, "", "a", "b", "c", "d")
			for i, d := range []time.Duration{20 * time.Second, 10 * time.Second} {
				req := e.request(std)
				req.Max, req.Visibility = 1, d
				e.same("lease", bodies(e.receive(req).Messages), []string{[]string{"a", "b"}[i]})
			}
			e.pass(15 * time.Second)
			e.same("b has returned", bodies(e.take(std, 2)), []string{"b", "c"})
			e.pass(5 * time.Second)
			e.same("a has returned", bodies(e.take(std, 10)), []string{"a", "d"})
			e.pass(30 * time.Second)
			e.same("by deadline", bodies(e.take(std, 10)), []string{"b", "c", "a", "d"})
		}},
		{name: "receive/returned messages come first after reopen too", run: func(e *env) {
			if e.h.Unordered {
				e.Skipf("no order over the whole queue")
			}
			e.send(std, "", "a", "b", "c", "d")
			e.takeFor(std, 20*time.Second)
			e.send(std, "", "e")
			e.reopen()
			e.same("still hidden", bodies(e.take(std, 1)), []string{"e"})
			e.pass(25 * time.Second)
			e.send(std, "", "f")
			e.reopen()
			e.same("order", bodies(e.take(std, 10)), []string{"a", "b", "c", "d", "f"})
		}},
		{name: "receive/zero visibility counts and leaves receivable", run: func(e *env) {
			e.send(std, "", "a")
			for i := 1; i <= 3; i++ {
				got := e.takeFor(std, 0)
				if len(got) != 1 || got[0].Receives != i || !got[0].Deadline.Equal(e.now) {
					e.Fatalf("receive %d returned %+v, want the message once", i, got)
				}
				e.wantCounts(std, 1, 0, 0)
			}
			e.reopen()
			m := e.one(std)
			e.same("count", m.Receives, 4)
			e.ack(m)
			e.wantCounts(std, 0, 0, 0)
		}},
		{name: "receive/the receipt of a zero visibility deletes", run: func(e *env) {
			e.send(std, "", "a")
			e.ack(e.takeFor(std, 0)...)
			e.wantCounts(std, 0, 0, 0)
		}},
		{name: "receive/zero visibility returns a message once per call", run: func(e *env) {
			e.send(std, "", "a", "b", "c")
			e.wantBodies("one call", bodies(e.takeFor(std, 0)), "a", "b", "c")
		}},
		{name: "receive/MaxBytes stops before the message that exceeds it, the first excepted", run: func(e *env) {
			for _, n := range []int{10, 20, 30, 5} {
				e.send(fifo, "g", strings.Repeat("x", n))
			}
			get := func(maxBytes int) (sizes []int) {
				req := e.request(fifo)
				req.MaxBytes, req.Visibility = maxBytes, 0
				for _, m := range e.receive(req).Messages {
					sizes = append(sizes, len(m.Body))
				}
				return sizes
			}
			for _, c := range []struct {
				maxBytes int
				want     []int
			}{{5, []int{10}}, {29, []int{10}}, {30, []int{10, 20}}, {59, []int{10, 20}}, {60, []int{10, 20, 30}}, {65, []int{10, 20, 30, 5}}, {0, []int{10, 20, 30, 5}}, {-1, []int{10, 20, 30, 5}}} {
				e.same("sizes", get(c.maxBytes), c.want)
			}
		}},
		{name: "receive/does not apply to a log", run: func(e *env) {
			e.send(flog, "", "a")
			_, err := e.store.Receive(e.ctx, e.request(flog))
			e.wantErr("receive", err, queue.ErrKind)
			e.same("log", peekedBodies(e.scanAll(flog, 10)), []string{"a"})
		}},
	}
}

func limitRules() []rule {
	return []rule{
		{name: "limit/MaxReceives hands over in Exceeded, leased, with the count unchanged", run: func(e *env) {
			for _, id := range []queue.ID{std, fifo} {
				e.send(id, "g", "a")
				req := e.request(id)
				req.MaxReceives = 2
				for i := 1; i <= 2; i++ {
					res := e.receive(req)
					if len(res.Messages) != 1 || len(res.Exceeded) != 0 || res.Messages[0].Receives != i {
						e.Fatalf("receive %d: %+v", i, res)
					}
					e.pass(30 * time.Second)
					req.Now = e.now
				}
				res := e.receive(req)
				if len(res.Messages) != 0 || len(res.Exceeded) != 1 {
					e.Fatalf("third receive: %+v, want it in Exceeded", res)
				}
				x := res.Exceeded[0]
				if x.Receives != 2 || !x.Deadline.Equal(e.now.Add(30*time.Second)) {
					e.Fatalf("exceeded %+v", x)
				}
				e.wantCounts(id, 0, 0, 1)
				e.same("leased", len(e.receive(req).Exceeded), 0)
				// A lost caller is no harm: it is handed over again.
				e.pass(30 * time.Second)
				req.Now = e.now
				e.reopen()
				res = e.receive(req)
				if len(res.Exceeded) != 1 || res.Exceeded[0].Receives != 2 {
					e.Fatalf("handed over again: %+v", res)
				}
				e.ack(res.Exceeded...)
				e.wantCounts(id, 0, 0, 0)
			}
		}},
		{name: "limit/Max counts Exceeded", run: func(e *env) {
			e.send(fifo, "g", "a", "b", "c")
			req := e.request(fifo)
			req.Max, req.Visibility, req.MaxReceives = 2, 0, 1
			e.same("first", bodies(e.receive(req).Messages), []string{"a", "b"})
			req.Max, req.Visibility = 10, time.Second
			res := e.receive(req)
			e.same("exceeded", bodies(res.Exceeded), []string{"a", "b"})
			e.same("messages", bodies(res.Messages), []string{"c"})
			e.pass(queue.ExceededLease)
			req.Now, req.Max = e.now, 2
			res = e.receive(req)
			e.same("with Max 2", [][]string{bodies(res.Exceeded), bodies(res.Messages)}, [][]string{{"a", "b"}, {}})
		}},
		{name: "limit/Exceeded is leased long enough to be moved", run: func(e *env) {
			for _, id := range []queue.ID{std, fifo} {
				e.send(id, "g", "a")
				req := e.request(id)
				req.Visibility, req.MaxReceives = 0, 1
				e.receive(req)
				res := e.receive(req)
				if len(res.Exceeded) != 1 || !res.Exceeded[0].Deadline.Equal(e.now.Truncate(time.Millisecond).Add(queue.ExceededLease)) {
					e.Fatalf("exceeded with no visibility: %+v", res)
				}
				e.settled(queue.Settlement{Receipt: res.Exceeded[0].Receipt, Action: queue.Move, To: &queue.Destination{Queue: dead}})
				e.wantCounts(id, 0, 0, 0)
			}
		}},
		{name: "limit/MaxReceives zero or less is no limit", run: func(e *env) {
			e.send(std, "", "a")
			for i := range 20 {
				req := e.request(std)
				req.Visibility, req.MaxReceives = 0, -(i % 2)
				if res := e.receive(req); len(res.Messages) != 1 || res.Messages[0].Receives != i+1 {
					e.Fatalf("receive %d: %+v", i+1, res)
				}
			}
		}},
		{name: "limit/MaxInFlight bounds what is in flight", whole: true, run: func(e *env) {
			for _, id := range []queue.ID{std, fifo} {
				for i := range 6 {
					e.send(id, string(rune('g'+i)), "m")
				}
				req := e.request(id)
				req.MaxInFlight = 3
				req.Max = 2
				res := e.receive(req)
				if len(res.Messages) != 2 || res.OverLimit {
					e.Fatalf("queue %d: first: %d messages, over limit %v", id, len(res.Messages), res.OverLimit)
				}
				req.Max = 10
				res2 := e.receive(req)
				if len(res2.Messages) != 1 || !res2.OverLimit {
					e.Fatalf("queue %d: second: %d messages, over limit %v; want 1, true", id, len(res2.Messages), res2.OverLimit)
				}
				e.wantCounts(id, 3, 0, 3)
				if res := e.receive(req); len(res.Messages) != 0 || !res.OverLimit {
					e.Fatalf("queue %d: at the limit: %+v", id, res)
				}
				e.reopen()
				if res := e.receive(req); len(res.Messages) != 0 || !res.OverLimit {
					e.Fatalf("queue %d: at the limit after reopen: %+v", id, res)
				}
				e.ack(res.Messages[0])
				e.release(res.Messages[1], time.Hour)
				if res := e.receive(req); len(res.Messages) != 2 || !res.OverLimit {
					e.Fatalf("queue %d: after an ack and a release: %d, %v; want 2, true", id, len(res.Messages), res.OverLimit)
				}
				e.pass(30 * time.Second)
				req.Now = e.now
				if res := e.receive(req); len(res.Messages) != 3 || !res.OverLimit {
					e.Fatalf("queue %d: after the leases ended: %d, %v; want 3, true", id, len(res.Messages), res.OverLimit)
				}
			}
		}},
		{name: "limit/OverLimit only when there was more", run: func(e *env) {
			// Reading: "MaxInFlight kept the call from returning more" is false when there is nothing more to return.
			e.send(std, "", "a", "b")
			req := e.request(std)
			req.MaxInFlight = 2
			if res := e.receive(req); len(res.Messages) != 2 || res.OverLimit {
				e.Fatalf("all at the limit: %+v", res)
			}
			if res := e.receive(req); len(res.Messages) != 0 || res.OverLimit {
				e.Fatalf("none left: %+v", res)
			}
			// In a FIFO queue, messages behind a lease of their group can not be returned anyway.
			e.send(fifo, "g", "a")
			e.one(fifo)
			e.send(fifo, "g", "b")
			req = e.request(fifo)
			req.MaxInFlight = 1
			if res := e.receive(req); len(res.Messages) != 0 || res.OverLimit {
				e.Fatalf("locked group: %+v", res)
			}
		}},
		{name: "limit/Exceeded counts as in flight", whole: true, run: func(e *env) {
			e.send(std, "", "a", "b", "c")
			e.takeFor(std, 0)
			req := e.request(std)
			req.MaxReceives, req.MaxInFlight = 1, 2
			if res := e.receive(req); len(res.Exceeded) != 2 || !res.OverLimit {
				e.Fatalf("%d exceeded, over limit %v; want 2, true", len(res.Exceeded), res.OverLimit)
			}
		}},
		{name: "limit/raised and lowered between calls", run: func(e *env) {
			e.send(std, "", "a", "b", "c", "d")
			req := e.request(std)
			req.MaxInFlight = 3
			e.same("three", len(e.receive(req).Messages), 3)
			req.MaxInFlight = 1
			if res := e.receive(req); len(res.Messages) != 0 || !res.OverLimit {
				e.Fatalf("lowered: %+v", res)
			}
			req.MaxInFlight = 0
			if res := e.receive(req); len(res.Messages) != 1 || res.OverLimit {
				e.Fatalf("no limit: %+v", res)
			}
		}},
	}
}
