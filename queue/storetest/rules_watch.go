package storetest

import (
	"slices"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// looker is a watcher's one user in a rule.
type looker struct {
	e    *env
	w    queue.Watcher
	next time.Time
}

func (e *env) watch(ids ...queue.ID) *looker {
	l := &looker{e: e, w: e.store.Watch()}
	l.w.Set(ids, nil)
	return l
}

// ready calls Ready and demands these queues; others may be in vain.
func (l *looker) ready(want ...queue.ID) {
	l.e.Helper()
	got := l.look()
	for _, id := range want {
		if !slices.Contains(got, id) {
			l.e.Fatalf("ready: %v, silent about %d", got, id)
		}
	}
}

func (l *looker) look() []queue.ID {
	l.e.Helper()
	got, next, err := l.w.Ready(l.e.ctx, l.e.now)
	if err != nil {
		l.e.Fatalf("ready: %v", err)
	}
	sorted := slices.Sorted(slices.Values(got))
	if len(slices.Compact(sorted)) != len(got) {
		l.e.Fatalf("ready: %v, each must be once", got)
	}
	l.next = next
	return got
}

// quiet receives all there is as a consumer does, then demands that Ready reports nothing more of id.
func (l *looker) quiet(id queue.ID) {
	l.e.Helper()
	for range 100 {
		if len(l.e.take(id, 10)) == 0 {
			break
		}
	}
	if got := l.look(); slices.Contains(got, id) {
		l.e.Fatalf("ready: %v, after a receive found %d empty", got, id)
	}
	select {
	case <-l.w.Wake():
	default:
	}
}

// woken waits for a wake-up that must come.
func (l *looker) woken(why string) {
	l.e.Helper()
	select {
	case <-l.w.Wake():
	case <-time.After(l.e.h.wakeLimit()):
		l.e.Fatalf("no wake-up for %s", why)
	}
}

// due demands that the last next is not after t.
func (l *looker) due(t time.Time) {
	l.e.Helper()
	if l.next.IsZero() || l.next.After(t) {
		l.e.Fatalf("next is %v, want %v or earlier", l.next, t)
	}
}

func watchRules() []rule {
	return []rule{
		{name: "watch/an append wakes", run: func(e *env) {
			for _, id := range []queue.ID{std, fifo} {
				l := e.watch(id)
				l.quiet(id)
				e.send(id, "g", "a")
				l.woken("an append")
				l.ready(id)
				l.ready(id) // again, until a receive has found it empty
				l.quiet(id)
				l.w.Close()
			}
		}},
		{name: "watch/an added queue is reported if it has something", run: func(e *env) {
			e.send(std, "", "a")
			l := e.watch()
			e.same("no queues", len(l.look()), 0)
			l.w.Set([]queue.ID{std, std2}, nil)
			e.same("added", l.look(), []queue.ID{std})
			l.w.Set(nil, []queue.ID{std})
			e.same("removed", len(l.look()), 0)
			l.w.Set([]queue.ID{std}, nil)
			l.ready(std)
			e.reopen()
			l = e.watch(std, std2)
			e.same("after reopen", l.look(), []queue.ID{std})
		}},
		{name: "watch/of many queues only those with something", run: func(e *env) {
			l := e.watch(std, std2, fifo, dead)
			e.same("nothing", len(l.look()), 0)
			if !l.next.IsZero() {
				e.Fatalf("next is %v with nothing to come", l.next)
			}
			e.append(entry(std2, "", "a"), entry(fifo, "g", "b"))
			l.woken("an append")
			got := l.look()
			slices.Sort(got)
			e.same("ready", got, []queue.ID{std2, fifo})
		}},
		{name: "watch/a delay comes due", run: func(e *env) {
			l := e.watch(std)
			l.quiet(std)
			due := e.now.Add(10 * time.Second)
			x := entry(std, "", "a")
			x.Delay = 10 * time.Second
			e.append(x)
			l.woken("a message that is due at a time earlier than the last next")
			l.look()
			l.due(due)
			e.reopen()
			l = e.watch(std)
			l.look()
			l.due(due)
			e.now = due
			l.ready(std)
			e.one(std)
		}},
		{name: "watch/an earlier due time than the last one", run: func(e *env) {
			l := e.watch(std)
			l.quiet(std)
			for _, d := range []time.Duration{time.Hour, time.Minute, time.Second} {
				x := entry(std, "", "a")
				x.Delay = d
				e.append(x)
				l.woken("an earlier time")
				l.look()
				l.due(e.now.Add(d))
			}
		}},
		{name: "watch/a lease ends", run: func(e *env) {
			for _, id := range []queue.ID{std, fifo} {
				e.send(id, "g", "a")
				l := e.watch(id)
				l.ready(id)
				m := e.one(id)
				l.woken("a lease that ends at a time earlier than the last next")
				l.quiet(id)
				l.due(e.now.Add(30 * time.Second))
				e.extend(m, 10*time.Second)
				l.woken("a lease shortened")
				l.look()
				l.due(e.now.Add(10 * time.Second))
				e.pass(10 * time.Second)
				l.ready(id)
				e.one(id)
				l.quiet(id)
				e.reopen()
				l = e.watch(id)
				l.look()
				l.due(e.now.Add(30 * time.Second))
				e.pass(30 * time.Second)
				l.ready(id)
				e.purge(id)
			}
		}},
		{name: "watch/an extension to zero, a release at once and until later", run: func(e *env) {
			for _, id := range []queue.ID{std, fifo} {
				e.send(id, "g", "a")
				l := e.watch(id)
				m := e.one(id)
				l.quiet(id)
				e.extend(m, 0)
				l.woken("an extension to zero")
				l.ready(id)
				m = e.one(id)
				l.quiet(id)
				e.release(m, 0)
				l.woken("a release")
				l.ready(id)
				m = e.one(id)
				l.quiet(id)
				e.release(m, 10*time.Second)
				l.woken("a release to a time earlier than the last next")
				l.look()
				l.due(e.now.Add(10 * time.Second))
				e.pass(10 * time.Second)
				l.ready(id)
			}
		}},
		{name: "watch/an acknowledgement unlocks a group", run: func(e *env) {
			e.send(fifo, "g", "a")
			m := e.one(fifo)
			e.send(fifo, "g", "b")
			l := e.watch(fifo)
			l.quiet(fifo)
			e.ack(m)
			l.woken("a group unlocked by an ack")
			l.ready(fifo)
			m = e.one(fifo)
			e.send(fifo, "g", "c")
			l.quiet(fifo)
			e.settled(queue.Settlement{Receipt: m.Receipt, Action: queue.Move, To: &queue.Destination{Queue: dead}})
			l.woken("a group unlocked by a move")
			l.ready(fifo)
		}},
		{name: "watch/a move wakes its destination", run: func(e *env) {
			e.send(std, "", "a")
			m := e.one(std)
			l := e.watch(dead)
			l.quiet(dead)
			e.settled(queue.Settlement{Receipt: m.Receipt, Action: queue.Move, To: &queue.Destination{Queue: dead}})
			l.woken("a move")
			l.ready(dead)
		}},
		{name: "watch/expiry of a lease holder's message unlocks the group", run: func(e *env) {
			e.send(fifo, "g", "a")
			e.extend(e.one(fifo), time.Hour)
			e.pass(time.Minute)
			e.send(fifo, "g", "b")
			l := e.watch(fifo)
			l.quiet(fifo)
			e.expire(queue.Expiry{Queue: fifo, Kind: queue.FIFO, Retention: time.Minute})
			l.woken("a group unlocked by Expire")
			l.ready(fifo)
		}},
		{name: "watch/a purge does not silence what comes after", run: func(e *env) {
			for _, id := range []queue.ID{std, fifo} {
				e.send(id, "g", "a")
				e.one(id)
				l := e.watch(id)
				l.quiet(id)
				e.purge(id)
				l.quiet(id)
				e.send(id, "g", "b")
				l.woken("an append after a purge")
				l.ready(id)
			}
		}},
		{name: "watch/found empty by age, with something due later", run: func(e *env) {
			for _, id := range []queue.ID{std, fifo} {
				e.send(id, "", "old")
				x := entry(id, "", "later")
				x.Delay = 10 * time.Second
				e.append(x)
				e.pass(2 * time.Second)
				l := e.watch(id)
				l.ready(id)
				select {
				case <-l.w.Wake():
				default:
				}
				told := l.next
				req := e.request(id)
				req.Retention = 2 * time.Second
				if res := e.receive(req); len(res.Messages) != 0 || res.Expired != 1 {
					e.Fatalf("received %+v", res)
				}
				// The user waits now, for Wake or the next time it was told; no lease was made that would wake it later.
				if told.IsZero() || told.After(e.now.Add(8*time.Second)) {
					l.woken("a queue found empty that has something due earlier than the last next")
					l.look()
					l.due(e.now.Add(8 * time.Second))
				}
			}
		}},
		{name: "watch/in-flight limits aside", whole: true, run: func(e *env) {
			e.send(std, "", "a", "b")
			req := e.request(std)
			req.MaxInFlight = 1
			e.receive(req)
			l := e.watch(std)
			l.ready(std)
			if res := e.receive(req); len(res.Messages) != 0 || !res.OverLimit {
				e.Fatalf("over the limit: %+v", res)
			}
			// It was found full, not empty.
			l.ready(std)
		}},
		{name: "watch/the prefix of a group comes due", run: func(e *env) {
			e.send(fifo, "g", "1", "2")
			m := e.take(fifo, 10)
			e.extend(m[1], time.Hour)
			l := e.watch(fifo)
			l.quiet(fifo)
			l.due(e.now.Add(30 * time.Second))
			e.pass(30 * time.Second)
			l.ready(fifo)
			e.same("received", bodies(e.take(fifo, 10)), []string{"1"})
		}},
		{name: "watch/each watcher is woken", run: func(e *env) {
			a, b := e.watch(std), e.watch(std, std2)
			a.quiet(std)
			b.quiet(std)
			e.send(std, "", "a")
			a.woken("an append")
			b.woken("an append")
			a.ready(std)
			b.ready(std)
		}},
		{name: "watch/a missed wake-up has no consequence", run: func(e *env) {
			l := e.watch(std, std2)
			for range 5 {
				e.send(std, "", "a")
				e.send(std2, "", "a")
			}
			l.ready(std, std2)
			e.same("capacity", cap(l.w.Wake()), 1)
		}},
		{name: "watch/closed", run: func(e *env) {
			l, other := e.watch(std), e.watch(std)
			l.w.Close()
			_, _, err := l.w.Ready(e.ctx, e.now)
			e.wantErr("ready of a closed watcher", err, queue.ErrStoreClosed)
			e.send(std, "", "a")
			other.ready(std)
			e.reopen()
			_, _, err = other.w.Ready(e.ctx, e.now)
			e.wantErr("ready of a closed store's watcher", err, queue.ErrStoreClosed)
			other.w.Close()
		}},
	}
}
