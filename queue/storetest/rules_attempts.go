package storetest

import (
	"errors"
	"strings"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// attemptRules are about receives that are repeated (SQS: ReceiveRequestAttemptId).
func attemptRules() []rule {
	// try receives up to n messages for 30 seconds under a name, remembered for a minute.
	try := func(e *env, id queue.ID, name string, n int) []queue.Message {
		e.Helper()
		req := e.request(id)
		req.Max, req.Attempt, req.AttemptWindow = n, name, time.Minute
		return e.receive(req).Messages
	}
	// again checks that a receive returns the same as before, leased for 30 seconds from now.
	again := func(e *env, name string, before []queue.Message) {
		e.Helper()
		want := append([]queue.Message(nil), before...)
		for i := range want {
			want[i].Deadline = e.now.Add(30 * time.Second).Truncate(time.Millisecond)
		}
		e.same("the same again", try(e, fifo, name, 1), want)
	}
	return []rule{
		{name: "attempt/the same messages again, with the same receipts and counts and a new deadline", run: func(e *env) {
			e.send(fifo, "g", "a", "b", "c")
			e.send(fifo, "", "free")
			got := try(e, fifo, "one", 10)
			e.same("received", len(got), 4)
			e.pass(20 * time.Second)
			again(e, "one", got)
			e.pass(20 * time.Second)
			e.reopen()
			again(e, "one", got)
			e.same("nothing else", bodies(try(e, fifo, "two", 10)), []string{})
			e.ack(got...)
			e.wantCounts(fifo, 0, 0, 0)
		}},
		{name: "attempt/another name, or none, is another receive", run: func(e *env) {
			for _, g := range []string{"a", "b", "c"} {
				e.send(fifo, g, g)
			}
			e.same("one", bodies(try(e, fifo, "one", 1)), []string{"a"})
			e.same("two", bodies(try(e, fifo, "two", 1)), []string{"b"})
			e.same("none", bodies(e.take(fifo, 1)), []string{"c"})
			e.same("one again", bodies(try(e, fifo, "one", 1)), []string{"a"})
		}},
		{name: "attempt/fresh when one of its leases does not stand as it was given", run: func(e *env) {
			for name, change := range map[string]func(m queue.Message){
				"settled":            func(m queue.Message) { e.ack(m) },
				"released":           func(m queue.Message) { e.release(m, 0) },
				"released for later": func(m queue.Message) { e.release(m, time.Second) },
				"extended":           func(m queue.Message) { e.extend(m, time.Hour) },
				"given back":         func(m queue.Message) { e.extend(m, 0) },
			} {
				e.purge(fifo)
				e.send(fifo, "g", "a", "b")
				got := try(e, fifo, name, 10)
				e.same(name, bodies(got), []string{"a", "b"})
				e.send(fifo, "h", "c")
				change(got[1])
				e.same(name, bodies(try(e, fifo, name, 10)), []string{"c"})
			}
		}},
		{name: "attempt/fresh when the leases have ended", run: func(e *env) {
			e.send(fifo, "g", "a")
			e.same("count", try(e, fifo, "one", 1)[0].Receives, 1)
			e.pass(30 * time.Second)
			got := try(e, fifo, "one", 1)
			e.same("count", got[0].Receives, 2)
			again(e, "one", got)
		}},
		{name: "attempt/a forgotten one stays forgotten", run: func(e *env) {
			e.send(fifo, "g", "a")
			got := try(e, fifo, "one", 1)
			e.extend(got[0], time.Hour)
			e.same("extended", len(try(e, fifo, "one", 1)), 0)
			e.extend(got[0], 30*time.Second)
			e.same("with its old deadline", len(try(e, fifo, "one", 1)), 0)
		}},
		{name: "attempt/counts for its window from each use", run: func(e *env) {
			e.send(fifo, "g", "a")
			got := try(e, fifo, "one", 1)
			for range 5 {
				e.pass(20 * time.Second)
				again(e, "one", got)
			}
			req := e.request(fifo)
			req.Attempt, req.AttemptWindow, req.Visibility = "one", time.Minute, time.Hour
			e.same("for an hour", len(e.receive(req).Messages), 1)
			e.expire(queue.Expiry{Queue: fifo, Kind: queue.FIFO})
			e.pass(time.Minute - time.Millisecond)
			req.Now = e.now
			e.same("in the window", len(e.receive(req).Messages), 1)
			e.pass(time.Minute)
			req.Now = e.now
			e.same("after the window", len(e.receive(req).Messages), 0)
			e.pass(2 * time.Minute)
			e.expire(queue.Expiry{Queue: fifo, Kind: queue.FIFO})
			e.wantCounts(fifo, 0, 0, 1)
		}},
		{name: "attempt/a receive of nothing is not remembered", run: func(e *env) {
			e.same("nothing", len(try(e, fifo, "one", 1)), 0)
			e.send(fifo, "g", "a")
			e.same("one", bodies(try(e, fifo, "one", 1)), []string{"a"})
		}},
		{name: "attempt/zero visibility receives afresh", run: func(e *env) {
			e.send(fifo, "g", "a")
			got := try(e, fifo, "one", 1)
			req := e.request(fifo)
			req.Attempt, req.AttemptWindow, req.Visibility = "one", time.Minute, 0
			for i := 2; i <= 3; i++ {
				res := e.receive(req).Messages
				if len(res) != 1 || res[0].Receives != i || res[0].Receipt.Nonce == got[0].Receipt.Nonce {
					e.Fatalf("receive %d: %+v", i, res)
				}
			}
			e.wantCounts(fifo, 1, 0, 0)
		}},
		{name: "attempt/Exceeded is not part of it", run: func(e *env) {
			e.send(fifo, "g", "a")
			e.takeFor(fifo, 0)
			e.send(fifo, "g", "b")
			req := e.request(fifo)
			req.Attempt, req.AttemptWindow, req.MaxReceives = "one", time.Minute, 1
			res := e.receive(req)
			e.same("first", [][]string{bodies(res.Messages), bodies(res.Exceeded)}, [][]string{{"b"}, {"a"}})
			e.settled(queue.Settlement{Receipt: res.Exceeded[0].Receipt, Action: queue.Move, To: &queue.Destination{Queue: dead}})
			res = e.receive(req)
			e.same("again", [][]string{bodies(res.Messages), bodies(res.Exceeded)}, [][]string{{"b"}, {}})
		}},
		{name: "attempt/forgotten by purge", run: func(e *env) {
			e.send(fifo, "g", "a")
			try(e, fifo, "one", 1)
			e.purge(fifo)
			e.send(fifo, "g", "b")
			e.same("after the purge", bodies(try(e, fifo, "one", 1)), []string{"b"})
		}},
		{name: "attempt/at most 128 bytes; ignored on a standard queue", run: func(e *env) {
			long := strings.Repeat("x", queue.MaxAttempt+1)
			e.send(fifo, "g", "a")
			e.same("longest", bodies(try(e, fifo, long[1:], 1)), []string{"a"})
			req := e.request(fifo)
			req.Attempt, req.AttemptWindow = long, time.Minute
			_, err := e.store.Receive(e.ctx, req)
			var invalid *queue.InvalidError
			if !errors.As(err, &invalid) || invalid.Field != "attempt" {
				e.Fatalf("too long: %v, want an InvalidError of attempt", err)
			}
			e.send(std, "", "a", "b")
			e.same("standard", len(try(e, std, "one", 1))+len(try(e, std, "one", 10))+len(try(e, std, long, 1)), 2)
		}},
	}
}
