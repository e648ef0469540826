package pebblestore

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/agenda"
)

// watcher implements [queue.Watcher]. A queue of its set is in one of three states: active, to be looked at by the next
// Ready; due, to be looked at when a time has come; or idle, in neither and free of cost until its lane tells.
type watcher struct {
	s    *Store
	wake chan struct{}

	setMu sync.Mutex // serialises Set

	// mu guards what follows. It may be locked while a lane is, never the other way around.
	mu     sync.Mutex
	set    map[queue.ID]*lane
	active map[queue.ID]struct{}
	due    agenda.Agenda
	next   int64 // that Ready gave last, or an earlier one that was told since; never for none
	closed bool
}

// Watch implements [queue.Store].
func (s *Store) Watch() queue.Watcher {
	w := &watcher{
		s: s, wake: make(chan struct{}, 1),
		set: make(map[queue.ID]*lane), active: make(map[queue.ID]struct{}), next: never,
	}
	s.watchMu.Lock()
	defer s.watchMu.Unlock()
	if s.watchers == nil {
		s.watchers = make(map[*watcher]struct{})
	}
	s.watchers[w] = struct{}{}
	return w
}

// closeWatchers wakes who waits, so that Ready tells them.
func (s *Store) closeWatchers() {
	s.watchMu.Lock()
	defer s.watchMu.Unlock()
	for w := range s.watchers {
		w.poke()
	}
}

// Wake implements [queue.Watcher].
func (w *watcher) Wake() <-chan struct{} { return w.wake }

func (w *watcher) poke() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Set implements [queue.Watcher].
func (w *watcher) Set(add, remove []queue.ID) {
	w.setMu.Lock()
	defer w.setMu.Unlock()
	for _, id := range remove {
		w.mu.Lock()
		l := w.set[id]
		delete(w.set, id)
		delete(w.active, id)
		w.due.Remove(id)
		w.mu.Unlock()
		if l != nil {
			l.unwatch(w)
		}
	}
	for _, id := range add {
		l := w.s.lane(id)
		w.mu.Lock()
		known := w.set[id] != nil
		if !w.closed && !known {
			w.set[id] = l
			w.active[id] = struct{}{}
		}
		closed := w.closed
		w.mu.Unlock()
		if !known && !closed {
			l.mu.Lock()
			l.watchers = append(l.watchers, w)
			l.mu.Unlock()
		}
	}
	if len(add) > 0 {
		w.poke()
	}
}

func (l *lane) unwatch(w *watcher) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.watchers = slices.DeleteFunc(l.watchers, func(o *watcher) bool { return o == w })
}

// notify tells the watchers of a locked lane that it is worth a look, if it is: because something has become receivable,
// or because a receive took what was, and what is left comes earlier than the watcher knows.
func (l *lane) notify(s *Store) {
	stirred, taken, dry := l.stirred, l.taken, l.dry
	l.stirred, l.taken, l.dry = false, false, false
	if len(l.watchers) == 0 || !stirred && !taken {
		return
	}
	next := int64(never)
	if !stirred {
		ready, due, err := (&tx{s: s}).look(l)
		if ready && err == nil && !dry {
			return // the watcher was told of it, and no receive has found it empty
		}
		stirred, next = err != nil, due
	}
	for _, w := range l.watchers {
		w.tell(l, stirred, next)
	}
}

// tell notes that a lane is worth a look, now or at a time.
func (w *watcher) tell(l *lane, stirred bool, next int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.set[l.id] != l {
		return
	}
	if !stirred {
		if next >= w.next {
			return
		}
		w.next = next
	}
	w.active[l.id] = struct{}{}
	w.poke()
}

// Ready implements [queue.Watcher].
func (w *watcher) Ready(ctx context.Context, now time.Time) (ready []queue.ID, next time.Time, err error) {
	if err := w.s.begin(ctx); err != nil {
		return nil, time.Time{}, err
	}
	defer w.s.end()
	ms := now.UnixMilli()
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return nil, time.Time{}, queue.ErrStoreClosed
	}
	// What is told from here on goes into a new set, so that it is not lost when this look is over.
	look := w.active
	w.active = make(map[queue.ID]struct{})
	for id, ok := w.due.Pop(ms); ok; id, ok = w.due.Pop(ms) {
		look[id] = struct{}{}
	}
	w.mu.Unlock()
	for id := range look {
		ok, due, err := w.s.look(id, ms)
		w.mu.Lock()
		if err != nil {
			for id := range look {
				w.active[id] = struct{}{}
			}
			w.mu.Unlock()
			return nil, time.Time{}, err
		}
		switch {
		case w.set[id] == nil: // removed meanwhile
			delete(w.active, id)
		case ok:
			ready = append(ready, id)
			w.active[id] = struct{}{}
			w.due.Remove(id)
			if due != never {
				w.due.Put(id, due)
			}
		case due != never:
			w.due.Put(id, due)
		default:
			w.due.Remove(id)
		}
		w.mu.Unlock()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.next = never
	if at, ok := w.due.First(); ok {
		w.next, next = at, timeOf(at)
	}
	return ready, next, nil
}

// Close implements [queue.Watcher].
func (w *watcher) Close() {
	w.setMu.Lock()
	defer w.setMu.Unlock()
	w.mu.Lock()
	lanes := w.set
	w.closed = true
	w.set, w.active, w.due = map[queue.ID]*lane{}, map[queue.ID]struct{}{}, agenda.Agenda{}
	w.mu.Unlock()
	for _, l := range lanes {
		l.unwatch(w)
	}
	w.s.watchMu.Lock()
	delete(w.s.watchers, w)
	w.s.watchMu.Unlock()
	w.poke()
}

// look says whether a queue has something to receive, and when it next may have more.
func (s *Store) look(id queue.ID, now int64) (ready bool, next int64, err error) {
	l, err := s.lockOne(id, now)
	if err != nil {
		return false, never, err
	}
	defer l.mu.Unlock()
	if !l.exists() || l.state.kind == queue.Log {
		return false, never, nil
	}
	return (&tx{s: s}).look(l)
}

func (t *tx) look(l *lane) (ready bool, next int64, err error) {
	next = never
	if len(l.active) > 0 {
		next = l.active[0].deadline
	}
	ready = len(l.returned) > 0 || len(l.first) > 0
	if len(l.waiting) > 0 {
		if at := int64(l.waiting[0].turn.at); at <= l.state.clock {
			ready = true
		} else {
			next = min(next, at)
		}
	}
	for g := range l.first { // by the last receive's delay it may have to wait, as what is in line
		if at := addMillis(g.members[0].sent, l.state.delay); at > l.state.clock {
			next = min(next, at)
		}
	}
	for g := range l.park {
		if ready {
			break
		}
		ready = len(g.members) > 0 && g.members[0].deadline <= l.state.clock
	}
	low := l.state.cursor
	low.at = max(low.at, 1)
	message := int64(0)
	if len(l.ahead) > 0 {
		message = int64(l.ahead[0].at)
	} else if message, err = t.firstDue(l, subMessage, low, &l.nextMessage, &l.exactMessage); err != nil {
		return false, never, err
	}
	line := int64(never)
	if l.state.kind == queue.FIFO || l.state.grouped > 0 {
		if line, err = t.firstDue(l, subReady, position{l.state.lowReady.at, 0}, &l.nextReady, &l.exactReady); err != nil {
			return false, never, err
		}
	}
	if message <= l.state.clock {
		ready = true
	} else {
		next = min(next, message)
	}
	// The line counts with the last receive's delay, and the next may have a shorter one or none. So a group is told of
	// when it may be ready by that, and again when it is ready by this.
	if line != never && line-l.state.delay > l.state.clock {
		next = min(next, line-l.state.delay)
	} else if line != never {
		ready = true
		if line > l.state.clock {
			next = min(next, line)
		}
	}
	return ready, next, nil
}

// firstDue returns the time of the first m or r record from low on. It reads only when memory does not know.
func (t *tx) firstDue(l *lane, sub byte, low position, known *int64, exact *bool) (due int64, err error) {
	if *exact && *known > l.state.clock {
		return *known, nil
	}
	it, err := t.iter(key2(nil, l.id, sub, low.at, low.seq), keySubEnd(nil, l.id, sub))
	if err != nil {
		return never, err
	}
	defer closeIter(it, &err)
	*known, *exact = never, true
	if it.First() {
		at, _ := tail16(it.Key())
		*known = int64(at)
	}
	return *known, nil
}
