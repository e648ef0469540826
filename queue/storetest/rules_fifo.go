package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// fifoRules are about one message group.
func fifoRules() []rule {
	// lease receives n messages of the group and returns them by body.
	lease := func(e *env, n int) map[string]queue.Message {
		e.Helper()
		out := map[string]queue.Message{}
		for _, m := range e.take(fifo, n) {
			out[string(m.Body)] = m
		}
		return out
	}
	return []rule{
		{name: "fifo/a group in order, locked while in flight", run: func(e *env) {
			e.send(fifo, "g", "1", "2", "3", "4")
			m := e.take(fifo, 2)
			e.same("first", bodies(m), []string{"1", "2"})
			e.same("locked", bodies(e.take(fifo, 10)), []string{})
			e.ack(m[0])
			e.same("partial deletes keep it locked", bodies(e.take(fifo, 10)), []string{})
			e.ack(m[1])
			e.same("deleting the last unlocks", bodies(e.take(fifo, 10)), []string{"3", "4"})
		}},
		{name: "fifo/an expired lease gives back in order", run: func(e *env) {
			e.send(fifo, "g", "1", "2", "3")
			e.takeFor(fifo, 10*time.Second)
			e.send(fifo, "g", "4")
			e.same("locked", bodies(e.take(fifo, 10)), []string{})
			e.pass(10 * time.Second)
			got := e.take(fifo, 10)
			e.same("again", bodies(got), []string{"1", "2", "3", "4"})
			e.same("counts", []int{got[0].Receives, got[3].Receives}, []int{2, 1})
		}},
		{name: "fifo/prefix redelivery", run: func(e *env) {
			// AWS.md 4.5: when one is extended while others expire, only those before the first still invisible one come again.
			e.send(fifo, "g", "1", "2", "3", "4")
			m := lease(e, 3)
			e.extend(m["2"], 2*time.Minute)
			e.pass(30 * time.Second)
			e.same("before the extended one", bodies(e.take(fifo, 10)), []string{"1"})
			e.same("none", bodies(e.take(fifo, 10)), []string{})
			e.pass(30 * time.Second)
			e.reopen()
			again := e.take(fifo, 10)
			e.same("before the extended one, again", bodies(again), []string{"1"})
			e.same("count", again[0].Receives, 3)
			e.ack(again...)
			e.same("the extended one still holds the group", bodies(e.take(fifo, 10)), []string{})
			e.ack(m["2"])
			e.same("the rest", bodies(e.take(fifo, 10)), []string{"3", "4"})
		}},
		{name: "fifo/extending one extends the group's lock", run: func(e *env) {
			e.send(fifo, "g", "1", "2")
			m := lease(e, 1)
			e.extend(m["1"], time.Hour)
			e.pass(59 * time.Minute)
			e.same("locked", bodies(e.take(fifo, 10)), []string{})
			e.pass(time.Minute)
			e.same("unlocked", bodies(e.take(fifo, 10)), []string{"1", "2"})
		}},
		{name: "fifo/extend to zero gives back in place", run: func(e *env) {
			e.send(fifo, "g", "1", "2", "3")
			m := lease(e, 2)
			e.extend(m["2"], 0)
			e.same("1 is in flight", bodies(e.take(fifo, 10)), []string{})
			e.extend(m["1"], 0)
			e.same("all", bodies(e.take(fifo, 10)), []string{"1", "2", "3"})
		}},
		{name: "fifo/release keeps the place", run: func(e *env) {
			e.send(fifo, "g", "1", "2", "3")
			m := lease(e, 2)
			e.release(m["1"], 0)
			e.same("before the one in flight", bodies(e.take(fifo, 10)), []string{"1"})
			e.release(m["2"], 0)
			e.same("1 is in flight", bodies(e.take(fifo, 10)), []string{})
		}},
		{name: "fifo/release until later makes the group wait", run: func(e *env) {
			e.send(fifo, "g", "1", "2")
			e.send(fifo, "h", "x")
			req := e.request(fifo)
			req.Max = 1
			m := e.receive(req).Messages
			for string(m[0].Body) != "1" {
				m = e.receive(req).Messages
			}
			e.release(m[0], 40*time.Second)
			s := e.stats(fifo)
			e.same("delayed", s.Delayed, int64(1))
			e.reopen()
			for _, x := range e.take(fifo, 10) {
				if x.Group == "g" {
					e.Fatalf("%q handed out while its group waits", x.Body)
				}
			}
			e.pass(40*time.Second - time.Millisecond)
			for _, x := range e.take(fifo, 10) {
				if x.Group == "g" {
					e.Fatalf("%q handed out 1ms before its group's time", x.Body)
				}
			}
			e.pass(time.Millisecond)
			got := slices.DeleteFunc(e.take(fifo, 10), func(m queue.Message) bool { return m.Group != "g" })
			e.same("the group", bodies(got), []string{"1", "2"})
		}},
		{name: "fifo/a released message behind others does not hold those before it", run: func(e *env) {
			e.send(fifo, "g", "1", "2", "3")
			m := lease(e, 2)
			e.release(m["2"], time.Hour)
			e.release(m["1"], 0)
			got := e.take(fifo, 10)
			e.same("before it", bodies(got), []string{"1"})
			e.ack(got...)
			e.same("it holds the rest", bodies(e.take(fifo, 10)), []string{})
		}},
		{name: "fifo/zero visibility locks nothing", run: func(e *env) {
			e.send(fifo, "g", "1", "2")
			e.same("first", bodies(e.takeFor(fifo, 0)), []string{"1", "2"})
			got := e.takeFor(fifo, 0)
			e.same("again", bodies(got), []string{"1", "2"})
			// The lease has ended at once, so its receipt has expired.
			e.wantErr("ack", e.settle(queue.Settlement{Receipt: got[0].Receipt})[0].Err, queue.ErrReceiptExpired)
			e.wantCounts(fifo, 2, 0, 0)
		}},
		{name: "fifo/free messages lock nothing and have their own order", run: func(e *env) {
			e.send(fifo, "", "a", "b", "c")
			e.same("one", len(e.take(fifo, 1)), 1)
			e.same("more", len(e.take(fifo, 1)), 1)
			m := e.take(fifo, 10)
			if len(m) != 1 {
				e.Fatalf("received %d, want the last one", len(m))
			}
			e.pass(30 * time.Second)
			e.wantBodies("returned", bodies(e.take(fifo, 10)), "a", "b", "c")
		}},
		{name: "fifo/receipts of free messages are as on standard queues", run: func(e *env) {
			e.send(fifo, "", "a")
			old := e.one(fifo)
			e.pass(30 * time.Second)
			e.extend(old, 10*time.Second)
			e.wantCounts(fifo, 0, 0, 1)
			e.pass(10 * time.Second)
			e.one(fifo)
			e.ack(old)
			e.wantCounts(fifo, 0, 0, 0)
		}},
		{name: "fifo/the delay at receive counts from Sent and is retroactive", run: func(e *env) {
			e.send(fifo, "g", "1")
			e.pass(5 * time.Second)
			e.send(fifo, "g", "2")
			e.send(fifo, "", "free")
			req := e.request(fifo)
			req.Delay = 10 * time.Second
			e.same("only the free one", bodies(e.receive(req).Messages), []string{"free"})
			e.pass(5*time.Second - time.Millisecond)
			req.Now = e.now
			e.same("1ms before", bodies(e.receive(req).Messages), []string{})
			e.pass(time.Millisecond)
			req.Now, req.Visibility = e.now, 0
			e.same("the first", bodies(e.receive(req).Messages), []string{"1"})
			req.Delay = 0
			e.same("without delay", bodies(e.receive(req).Messages), []string{"1", "2"})
		}},
		{name: "fifo/the delay of an earlier message holds the later ones", run: func(e *env) {
			// Sent is kept for a copy, so that a later message can have the earlier time.
			e.send(fifo, "g", "1")
			old := entry(fifo, "g", "2")
			old.Message.Sent = e.now.Add(-time.Hour)
			e.append(old)
			req := e.request(fifo)
			req.Delay = 10 * time.Second
			e.same("held", bodies(e.receive(req).Messages), []string{})
		}},
		{name: "fifo/order survives reopen between every step", run: func(e *env) {
			var got []string
			for i := range 5 {
				e.send(fifo, "g", fmt.Sprint(2*i), fmt.Sprint(2*i+1))
				e.reopen()
			}
			for range 4 {
				m := e.take(fifo, 3)
				e.reopen()
				e.same("locked after reopen", len(e.take(fifo, 3)), 0)
				got = append(got, bodies(m)...)
				e.ack(m...)
				e.reopen()
			}
			e.same("order", got, []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"})
		}},
		{name: "fifo/Exceeded keeps its group locked", run: func(e *env) {
			e.send(fifo, "g", "1", "2")
			req := e.request(fifo)
			req.Max, req.Visibility, req.MaxReceives = 1, 0, 1
			e.receive(req)
			req.Visibility = 30 * time.Second
			res := e.receive(req)
			e.same("exceeded", bodies(res.Exceeded), []string{"1"})
			e.same("locked", bodies(e.take(fifo, 10)), []string{})
			e.settled(queue.Settlement{Receipt: res.Exceeded[0].Receipt, Action: queue.Move, To: &queue.Destination{Queue: dead}})
			e.same("goes on", bodies(e.take(fifo, 10)), []string{"2"})
		}},
	}
}

// turnRules are about several groups.
func turnRules() []rule {
	groupsOf := func(messages []queue.Message) (groups []string) {
		for _, m := range messages {
			if len(groups) == 0 || groups[len(groups)-1] != m.Group {
				groups = append(groups, m.Group)
			}
		}
		return groups
	}
	return []rule{
		{name: "groups/what it may of one group before the next", run: func(e *env) {
			for i := range 3 {
				for _, g := range []string{"a", "b", "c"} {
					e.send(fifo, g, fmt.Sprint(g, i))
				}
			}
			got := e.take(fifo, 7)
			if len(got) != 7 {
				e.Fatalf("received %d, want 7", len(got))
			}
			groups := groupsOf(got)
			if len(groups) != 3 {
				e.Fatalf("groups in order received: %v, want each once", groups)
			}
			next := map[string]int{}
			for _, m := range got {
				e.same("order within the group", string(m.Body), fmt.Sprint(m.Group, next[m.Group]))
				next[m.Group]++
			}
			e.same("taken of each", []int{next[groups[0]], next[groups[1]], next[groups[2]]}, []int{3, 3, 1})
			e.same("all locked", len(e.take(fifo, 10)), 0)
		}},
		{name: "groups/one group's lock does not hold another", run: func(e *env) {
			e.send(fifo, "a", "a0", "a1")
			e.take(fifo, 1)
			e.send(fifo, "b", "b0")
			e.same("b", bodies(e.take(fifo, 10)), []string{"b0"})
		}},
		{name: "groups/a group that was served comes after those waiting", run: func(e *env) {
			for _, g := range []string{"a", "b", "c"} {
				for i := range 6 {
					e.send(fifo, g, fmt.Sprint(g, i))
				}
			}
			for round := range 6 {
				seen := map[string]bool{}
				for range 3 {
					m := e.one(fifo)
					if seen[m.Group] {
						e.Fatalf("round %d: group %q served twice while others wait", round, m.Group)
					}
					seen[m.Group] = true
					e.same("in order", string(m.Body), fmt.Sprint(m.Group, round))
					e.ack(m)
				}
			}
			e.wantCounts(fifo, 0, 0, 0)
		}},
		{name: "groups/served with zero visibility, also after those waiting", run: func(e *env) {
			for _, g := range []string{"a", "b", "c"} {
				e.send(fifo, g, g)
			}
			req := e.request(fifo)
			req.Max, req.Visibility = 1, 0
			for range 4 {
				seen := map[string]bool{}
				for range 3 {
					seen[e.receive(req).Messages[0].Group] = true
				}
				e.same("groups served in a round", len(seen), 3)
			}
		}},
		{name: "groups/one busy group does not starve one that was released", run: func(e *env) {
			e.send(fifo, "a", "a")
			e.send(fifo, "b", "b")
			for range 10 {
				x, y := e.one(fifo), e.one(fifo)
				if x.Group == y.Group {
					e.Fatalf("one group twice")
				}
				e.release(x, 0)
				e.release(y, 0)
			}
		}},
		{name: "groups/one that was given back in part comes after those waiting", run: func(e *env) {
			e.send(fifo, "g", "a", "b")
			e.send(fifo, "h", "c")
			held := e.take(fifo, 2)
			e.same("first", bodies(held), []string{"a", "b"})
			e.extend(held[0], 0)
			e.same("then", bodies(e.take(fifo, 1)), []string{"c"})
			e.same("at last", bodies(e.take(fifo, 1)), []string{"a"})
		}},
		{name: "groups/an exceeded message stays leased beside one read without a lease", run: func(e *env) {
			e.send(fifo, "g", "a")
			e.send(std, "g", "b")
			b := e.one(std)
			e.settled(queue.Settlement{Receipt: b.Receipt, Action: queue.Move, To: &queue.Destination{Queue: fifo, Kind: queue.FIFO}})
			req := e.request(fifo)
			req.Visibility, req.MaxReceives = 0, 1
			res := e.receive(req)
			e.same("messages", bodies(res.Messages), []string{"a"})
			e.same("exceeded", bodies(res.Exceeded), []string{"b"})
			req.MaxReceives = 0
			for range 3 {
				e.same("again", bodies(e.receive(req).Messages), []string{"a"})
				e.wantCounts(fifo, 1, 0, 1)
			}
			e.pass(queue.ExceededLease)
			req.Now = e.now
			e.same("after the lease", bodies(e.receive(req).Messages), []string{"a", "b"})
		}},
		{name: "groups/10,000 groups", heavy: true, run: func(e *env) {
			const groups = 10_000
			for from := 0; from < groups; from += 1000 {
				var entries []queue.Entry
				for i := from; i < from+1000; i++ {
					g := fmt.Sprint("group-", i)
					entries = append(entries, entry(fifo, g, "0"), entry(fifo, g, "1"))
				}
				e.append(entries...)
			}
			e.wantCounts(fifo, 2*groups, 0, 0)
			e.reopen()
			seen := map[string]int{}
			for round := range 2 {
				var held []queue.Message
				for {
					req := e.request(fifo)
					req.Max = 500
					got := e.receive(req).Messages
					if len(got) == 0 {
						break
					}
					held = append(held, got...)
				}
				if len(held) != 2*groups {
					e.Fatalf("round %d: received %d messages, want %d", round, len(held), 2*groups)
				}
				for _, m := range held {
					if fmt.Sprint(seen[m.Group]%2) != string(m.Body) {
						e.Fatalf("group %s out of order", m.Group)
					}
					seen[m.Group]++
				}
				e.wantCounts(fifo, 0, 0, 2*groups)
				if round == 0 {
					e.pass(30 * time.Second)
					e.wantCounts(fifo, 2*groups, 0, 0)
					continue
				}
				for batch := range slices.Chunk(held, 1000) {
					var acks []queue.Settlement
					for _, m := range batch {
						acks = append(acks, queue.Settlement{Receipt: m.Receipt})
					}
					for _, r := range e.settle(acks...) {
						if r.Err != nil || r.Gone {
							e.Fatalf("ack: %+v", r)
						}
					}
				}
			}
			e.wantCounts(fifo, 0, 0, 0)
			e.same("groups seen", len(seen), groups)
		}},
	}
}
