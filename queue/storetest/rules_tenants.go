package storetest

import (
	"fmt"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// tenantRules are about the message groups of standard queues: fair queues (AWS.md 4.6).
func tenantRules() []rule {
	// groups are the groups of messages, in order; of one without a group its body.
	groups := func(list []queue.Message) (out []string) {
		for _, m := range list {
			if m.Group == "" {
				out = append(out, string(m.Body))
			} else {
				out = append(out, m.Group)
			}
		}
		return out
	}
	// many appends n messages of a tenant at once.
	many := func(e *env, group string, n int) {
		e.Helper()
		for n > 0 {
			var entries []queue.Entry
			for range min(n, 1000) {
				entries = append(entries, entry(std, group, group))
			}
			e.append(entries...)
			n -= len(entries)
		}
	}
	list := []rule{
		{name: "tenants/take turns, one message at a time", run: func(e *env) {
			e.send(std, "a", "a0", "a1", "a2", "a3")
			e.send(std, "b", "b0", "b1")
			e.send(std, "c", "c0")
			e.same("one receive", bodies(e.take(std, 10)), []string{"a0", "b0", "c0", "a1", "b1", "a2", "a3"})
		}},
		{name: "tenants/take turns over several receives, also after reopen", run: func(e *env) {
			e.send(std, "a", "a0", "a1", "a2")
			e.send(std, "b", "b0", "b1")
			e.same("first", bodies(e.take(std, 1)), []string{"a0"})
			e.pass(time.Second)
			e.send(std, "c", "c0")
			e.same("b's turn", bodies(e.take(std, 1)), []string{"b0"})
			e.same("then", bodies(e.take(std, 2)), []string{"a1", "c0"})
			e.reopen()
			e.same("the rest", len(e.take(std, 10)), 2)
			e.wantCounts(std, 0, 0, 6)
		}},
		{name: "tenants/several messages of one may be in flight", run: func(e *env) {
			e.send(std, "a", "a0", "a1", "a2")
			e.same("two", bodies(e.take(std, 2)), []string{"a0", "a1"})
			e.same("third", bodies(e.take(std, 2)), []string{"a2"})
			e.wantCounts(std, 0, 0, 3)
		}},
		{name: "tenants/messages without a group are each their own", run: func(e *env) {
			e.send(std, "a", "a0", "a1")
			e.send(std, "", "x")
			e.send(std, "b", "b0")
			e.send(std, "", "y")
			e.same("order", bodies(e.take(std, 10)), []string{"a0", "x", "b0", "y", "a1"})
		}},
		{name: "tenants/a turn comes after all that wait at that time", run: func(e *env) {
			e.send(std, "a", "a0", "a1")
			e.send(std, "", "x")
			e.send(std, "b", "b0")
			e.same("a", bodies(e.take(std, 1)), []string{"a0"})
			e.send(std, "", "y")
			e.send(std, "c", "c0")
			e.same("the others", bodies(e.take(std, 3)), []string{"x", "b0", "a1"})
			e.same("who came later", bodies(e.take(std, 10)), []string{"y", "c0"})
		}},
		{name: "tenants/one whose message comes due stands in line from then on", run: func(e *env) {
			late := entry(std, "late", "late")
			late.Delay = 10 * time.Second
			e.append(late)
			later := entry(std, "b", "later")
			later.Delay = time.Minute
			e.append(later)
			e.send(std, "b", "b0")
			e.wantCounts(std, 1, 2, 0)
			e.same("not due", bodies(e.take(std, 10)), []string{"b0"})
			e.reopen()
			e.wantCounts(std, 0, 2, 1)
			e.pass(20 * time.Second)
			e.send(std, "", "x")
			e.wantCounts(std, 2, 1, 1)
			e.same("due", bodies(e.take(std, 10)), []string{"late", "x"})
			e.pass(40 * time.Second)
			e.same("returned: x first of all; then the turns", bodies(e.take(std, 10)), []string{"x", "b0", "late", "later"})
		}},
		{name: "tenants/returned messages come first among their tenant's alone", run: func(e *env) {
			e.send(std, "a", "a0", "a1")
			e.same("a", bodies(e.take(std, 1)), []string{"a0"})
			e.pass(20 * time.Second)
			e.send(std, "b", "b0", "b1")
			e.pass(10 * time.Second)
			// a's turn is from when it was served, 30s ago.
			got := e.take(std, 10)
			e.same("order", bodies(got), []string{"a0", "b0", "a1", "b1"})
			e.same("counts", []int{got[0].Receives, got[2].Receives}, []int{2, 1})
		}},
		{name: "tenants/a returned message does not jump ahead of other tenants", run: func(e *env) {
			e.send(std, "a", "a0")
			e.one(std)
			e.pass(20 * time.Second)
			e.send(std, "b", "b0")
			e.send(std, "", "x")
			e.pass(10 * time.Second)
			e.same("order", bodies(e.take(std, 10)), []string{"b0", "x", "a0"})
			e.pass(time.Minute)
			e.reopen()
			e.same("x, which has no group, comes first of all", bodies(e.take(std, 1)), []string{"x"})
		}},
		{name: "tenants/within one, returned messages first, then in the order of when they became receivable", run: func(e *env) {
			for i, delay := range []int{20, 10, 0} {
				m := entry(std, "a", fmt.Sprint("a", i))
				m.Delay = time.Duration(delay) * time.Second
				e.append(m)
			}
			e.same("first", bodies(e.take(std, 1)), []string{"a2"})
			e.pass(30 * time.Second)
			e.send(std, "a", "a3")
			e.same("order", bodies(e.take(std, 3)), []string{"a2", "a1", "a0"})
			e.same("the last", bodies(e.take(std, 3)), []string{"a3"})
		}},
		{name: "tenants/zero visibility is a turn too", run: func(e *env) {
			e.send(std, "a", "a0", "a1")
			e.send(std, "b", "b0")
			req := e.request(std)
			req.Max, req.Visibility = 1, 0
			seen := map[string]int{}
			for range 4 {
				seen[e.receive(req).Messages[0].Group]++
			}
			e.same("turns", seen, map[string]int{"a": 2, "b": 2})
			e.same("all, each once", len(e.takeFor(std, 0)), 3)
			e.wantCounts(std, 3, 0, 0)
		}},
		{name: "tenants/a quiet tenant is served before a noisy one", run: func(e *env) {
			many(e, "noisy", queue.NoisyInFlight+10)
			e.same("flood", len(e.take(std, queue.NoisyInFlight)), queue.NoisyInFlight)
			e.pass(time.Second)
			e.send(std, "quiet", "quiet", "quiet")
			e.send(std, "", "free")
			e.same("order", groups(e.take(std, 5)), []string{"quiet", "free", "quiet", "noisy", "noisy"})
		}},
		{name: "tenants/noisy is who has 30 in flight, and more than a tenth of all", run: func(e *env) {
			many(e, "a", queue.NoisyInFlight+4)
			e.take(std, queue.NoisyInFlight-1)
			e.pass(time.Millisecond)
			e.send(std, "b", "b0", "b1", "b2")
			e.same("29 in flight is quiet", groups(e.take(std, 1)), []string{"a"})
			e.same("30 is noisy", groups(e.take(std, 2)), []string{"b", "b"})
			// With 300 in flight, 30 are no more than a tenth.
			for i := range 300 - queue.NoisyInFlight - 2 {
				e.send(std, fmt.Sprint("other-", i), "x")
			}
			e.same("b before the others, and a passed over", groups(e.take(std, 1)), []string{"b"})
			for _, m := range e.take(std, 300-queue.NoisyInFlight-3) {
				if m.Group == "a" {
					e.Fatalf("a was served while others wait")
				}
			}
			e.pass(time.Millisecond)
			e.same("300 in flight", e.stats(std).InFlight, int64(300))
			e.send(std, "c", "c")
			e.same("a is quiet again, with its old turn", groups(e.take(std, 1)), []string{"a"})
			e.same("31 of 301 is noisy", groups(e.take(std, 2)), []string{"other-267", "c"})
		}},
		{name: "tenants/of noisy ones, who has the fewest in flight comes first", run: func(e *env) {
			many(e, "a", 100)
			many(e, "b", 100)
			e.same("both", len(e.take(std, 80)), 80)
			var acks []queue.Settlement
			for _, m := range e.take(std, 6) {
				if m.Group == "b" {
					acks = append(acks, queue.Settlement{Receipt: m.Receipt})
				}
			}
			e.settle(acks...)
			// a has 43, b 40.
			e.same("b catches up, then they take turns", groups(e.take(std, 4))[:3], []string{"b", "b", "b"})
			e.same("none is kept back", len(e.take(std, 1000)), 200-80-6-4)
		}},
		{name: "tenants/noise ends with the leases", run: func(e *env) {
			many(e, "noisy", 2*queue.NoisyInFlight)
			e.take(std, queue.NoisyInFlight)
			e.pass(time.Second)
			e.send(std, "b", "b0", "b1")
			e.same("passed over", groups(e.take(std, 1)), []string{"b"})
			e.pass(30 * time.Second)
			e.same("its turn", groups(e.take(std, 2)), []string{"noisy", "b"})
		}},
		{name: "tenants/all that settling does", run: func(e *env) {
			e.send(std, "a", "0", "1", "2", "3", "4", "5")
			m := e.take(std, 5)
			e.ack(m[0])
			e.release(m[1], 0)
			e.release(m[2], time.Minute)
			e.settled(queue.Settlement{Receipt: m[3].Receipt, Action: queue.Move, To: &queue.Destination{Queue: std2}})
			e.extend(m[4], 0)
			e.wantCounts(std, 3, 1, 0)
			e.wantCounts(std2, 1, 0, 0)
			e.reopen()
			e.wantCounts(std, 3, 1, 0)
			e.same("any receipt deletes", e.settle(queue.Settlement{Receipt: m[2].Receipt})[0], queue.SettleResult{})
			e.same("gone", e.settle(queue.Settlement{Receipt: m[2].Receipt})[0], queue.SettleResult{Gone: true})
			got := bodies(e.take(std, 10))
			e.same("how many", len(got), 3)
			e.same("the one never received is last", got[2], "5")
			e.same("moved", bodies(e.take(std2, 10)), []string{"3"})
		}},
		{name: "tenants/found by key, seen by scan, removed by age and by purge", run: func(e *env) {
			x := entry(std, "a", "x")
			x.Key, x.Delay = "key", 10*time.Second
			e.append(x)
			e.send(std, "a", "y")
			e.send(std, "", "z")
			e.same("scan", len(e.scanAll(std, 1)), 3)
			p := e.get(std, "key")
			if len(p) != 1 || p[0].Status != queue.Delayed || !p[0].Due.Equal(e.now.Add(10*time.Second).Truncate(time.Millisecond)) {
				e.Fatalf("get of a delayed message: %+v", p)
			}
			e.pass(11 * time.Second)
			e.same("due", e.get(std, "key")[0].Status, queue.Ready)
			e.one(std)
			e.pass(29 * time.Second)
			e.send(std, "a", "young")
			e.same("too old", e.expire(queue.Expiry{Queue: std, Retention: 40 * time.Second}).Messages, int64(3))
			e.same("left", bodies(e.take(std, 10)), []string{"young"})
			e.send(std, "b", "b0", "b1")
			e.one(std)
			e.same("purged", e.purge(std), int64(3))
			e.send(std, "b", "b2")
			e.same("after the purge", bodies(e.take(std, 10)), []string{"b2"})
			e.wantCounts(std, 0, 0, 1)
		}},
		{name: "tenants/a watcher is told", run: func(e *env) {
			w := e.store.Watch()
			defer w.Close()
			w.Set([]queue.ID{std}, nil)
			look := func(what string, want bool) time.Time {
				e.Helper()
				ready, next, err := w.Ready(e.ctx, e.now)
				if err != nil || (len(ready) == 1) != want {
					e.Fatalf("%s: ready %v, %v; want %v", what, ready, err, want)
				}
				return next
			}
			late := entry(std, "a", "late")
			late.Delay = 10 * time.Second
			e.append(late)
			due := e.now.Add(10 * time.Second).Truncate(time.Millisecond)
			e.same("delayed", look("delayed", false).Equal(due), true)
			e.pass(10 * time.Second)
			look("due", true)
			e.one(std)
			e.same("none", len(e.take(std, 1)), 0)
			e.same("leased", look("leased", false).Equal(e.now.Add(30*time.Second).Truncate(time.Millisecond)), true)
			e.send(std, "a", "x")
			look("another", true)
			e.pass(30 * time.Second)
			look("returned", true)
			e.same("both", len(e.take(std, 10)), 2)
		}},
		{name: "tenants/a flood of one does not make another wait", heavy: true, run: func(e *env) {
			many(e, "flood", 20_000)
			for range 5 {
				e.take(std, 1000)
			}
			e.pass(time.Second)
			e.send(std, "quiet", "quiet")
			e.send(std, "", "free")
			e.same("the next receive", groups(e.take(std, 3)), []string{"quiet", "free", "flood"})
			e.reopen()
			e.send(std, "other", "other")
			e.same("after reopen", groups(e.take(std, 1)), []string{"other"})
			e.wantCounts(std, 14_999, 0, 5004)
		}},
		{name: "tenants/1,000 of them", heavy: true, run: func(e *env) {
			const tenants = 1000
			for from := 0; from < tenants; from += 1000 {
				var entries []queue.Entry
				for i := from; i < from+1000; i++ {
					g := fmt.Sprint("tenant-", i)
					entries = append(entries, entry(std, g, "0"), entry(std, g, "1"))
				}
				e.append(entries...)
			}
			for round := range 2 {
				seen := map[string]bool{}
				for range tenants / 500 {
					var acks []queue.Settlement
					for _, m := range e.take(std, 500) {
						seen[m.Group] = true
						acks = append(acks, queue.Settlement{Receipt: m.Receipt})
					}
					e.settle(acks...)
				}
				e.same(fmt.Sprint("served in round ", round), len(seen), tenants)
			}
			e.wantCounts(std, 0, 0, 0)
		}},
	}
	for i := range list {
		run := list[i].run
		list[i].run = func(e *env) {
			if e.h.Unordered {
				e.Skipf("no order over the whole queue")
			}
			run(e)
		}
	}
	return list
}
