package redisstore

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/agenda"
)

// watchers are all open watchers of a store. They hear of a queue when a function publishes its ID, on whatever node that was
// called, which it does only if the queue was looked at since the last time; see stir in 10_base.lua.
type watchers struct {
	mu     sync.Mutex
	all    map[*watcher]struct{}
	queues map[queue.ID][]*watcher
	closed bool
}

// each calls f for the watchers of a queue.
func (ws *watchers) each(id queue.ID, f func(*watcher)) {
	ws.mu.Lock()
	list := slices.Clone(ws.queues[id])
	ws.mu.Unlock()
	for _, w := range list {
		f(w)
	}
}

// wake tells that a queue is worth a look.
func (ws *watchers) wake(id queue.ID) { ws.each(id, func(w *watcher) { w.tell(id) }) }

// dry tells that a receive of this process has emptied a queue, and when there will be something, zero for never.
func (ws *watchers) dry(id queue.ID, next time.Time) {
	ws.each(id, func(w *watcher) { w.dry(id, next) })
}

// lost tells that messages about a shard may have been missed.
func (ws *watchers) lost(parts *partitions, shard int) {
	ws.mu.Lock()
	var ids []queue.ID
	for id := range ws.queues {
		for p := range parts.count(id) {
			if shardOf(id, p) == shard {
				ids = append(ids, id)
			}
		}
	}
	ws.mu.Unlock()
	for _, id := range ids {
		ws.wake(id)
	}
}

func (ws *watchers) close() {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.closed = true
	for w := range ws.all {
		w.poke()
	}
}

// watcher implements [queue.Watcher]. A queue of its set is active, to be looked at or known to have something; due, to be
// looked at when a time has come; or idle, in neither and free of cost until it is told of.
type watcher struct {
	s    *Store
	wake chan struct{}

	mu     sync.Mutex
	set    map[queue.ID]struct{}
	active map[queue.ID]activity
	due    agenda.Agenda
	next   time.Time // that Ready gave last, or an earlier one that was told since; zero for none
	closed bool
}

// activity says what is known of an active queue.
type activity uint8

const (
	untold  activity = iota // it has to be looked at
	stocked                 // it had something, and no receive has found it empty since
)

// Watch implements [queue.Store].
func (s *Store) Watch() queue.Watcher {
	w := &watcher{s: s, wake: make(chan struct{}, 1), set: map[queue.ID]struct{}{}, active: map[queue.ID]activity{}}
	ws := &s.watchers
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.all == nil {
		ws.all, ws.queues = map[*watcher]struct{}{}, map[queue.ID][]*watcher{}
	}
	ws.all[w] = struct{}{}
	return w
}

func (w *watcher) poke() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Set implements [queue.Watcher].
func (w *watcher) Set(add, remove []queue.ID) {
	ws := &w.s.watchers
	ws.mu.Lock()
	w.mu.Lock()
	for _, id := range remove {
		if _, ok := w.set[id]; ok {
			delete(w.set, id)
			delete(w.active, id)
			w.due.Remove(id)
			ws.forget(id, w)
		}
	}
	for _, id := range add {
		if _, ok := w.set[id]; !ok && !w.closed {
			w.set[id] = struct{}{}
			ws.queues[id] = append(ws.queues[id], w)
		}
		if !w.closed {
			w.active[id] = untold
		}
	}
	w.mu.Unlock()
	ws.mu.Unlock()
	if len(add) > 0 {
		w.poke()
	}
}

// forget is called with mu held.
func (ws *watchers) forget(id queue.ID, w *watcher) {
	list := slices.DeleteFunc(slices.Clone(ws.queues[id]), func(o *watcher) bool { return o == w })
	if len(list) == 0 {
		delete(ws.queues, id)
		return
	}
	ws.queues[id] = list
}

// Wake implements [queue.Watcher].
func (w *watcher) Wake() <-chan struct{} { return w.wake }

func (w *watcher) tell(id queue.ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.set[id]; ok {
		w.active[id] = untold
		w.poke()
	}
}

func (w *watcher) dry(id queue.ID, next time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.set[id]; !ok {
		return
	}
	// One that was told of meanwhile stays to be looked at, for which the user may not wait for the next time.
	if a, ok := w.active[id]; ok && a == untold {
		w.poke()
		return
	}
	delete(w.active, id)
	w.schedule(id, next)
	if !next.IsZero() && (w.next.IsZero() || next.Before(w.next)) {
		w.next = next
		w.poke()
	}
}

// schedule is called with mu held.
func (w *watcher) schedule(id queue.ID, at time.Time) {
	if at.IsZero() {
		w.due.Remove(id)
		return
	}
	w.due.Put(id, at.UnixMilli())
}

// readyBatch is how many queues one call looks at.
const readyBatch = 100

// Ready implements [queue.Watcher].
func (w *watcher) Ready(ctx context.Context, now time.Time) (ready []queue.ID, next time.Time, err error) {
	if err := w.s.begin(ctx); err != nil {
		return nil, time.Time{}, err
	}
	defer w.s.end()
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return nil, time.Time{}, queue.ErrStoreClosed
	}
	var look []queue.ID
	for id, a := range w.active {
		if a == stocked {
			ready = append(ready, id)
			continue
		}
		look = append(look, id)
		delete(w.active, id) // what is told of from here on is to be looked at again
	}
	ms := now.UnixMilli()
	for id, ok := w.due.Pop(ms); ok; id, ok = w.due.Pop(ms) {
		if a, ok := w.active[id]; (!ok || a != stocked) && !slices.Contains(look, id) {
			look = append(look, id)
		}
	}
	w.mu.Unlock()
	found, err := w.s.look(ctx, now, look)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		for _, id := range look {
			if _, ok := w.set[id]; ok {
				w.active[id] = untold
			}
		}
		return nil, time.Time{}, err
	}
	for i, id := range look {
		_, told := w.active[id]
		switch _, ok := w.set[id]; {
		case !ok:
		case found[i].is:
			w.schedule(id, found[i].next)
		default:
			ready = append(ready, id)
			w.due.Remove(id)
			if !told {
				w.active[id] = stocked
			}
		}
	}
	ready = slices.DeleteFunc(ready, func(id queue.ID) bool {
		_, ok := w.set[id]
		return !ok
	})
	w.next = time.Time{}
	if at, ok := w.due.First(); ok {
		w.next = timeOf(at)
	}
	return ready, w.next, nil
}

// look asks Redis about queues, all partitions of each.
func (s *Store) look(ctx context.Context, now time.Time, ids []queue.ID) ([]dryness, error) {
	found := make([]dryness, len(ids))
	for i := range found {
		found[i] = allDry
	}
	var mu sync.Mutex
	err := s.byPart(ids, func(shard int, parts []part) error {
		for some := range slices.Chunk(parts, readyBatch) {
			args := make([]any, 1, 1+len(some))
			args[0] = s.time(now)
			for _, p := range some {
				args = append(args, s.base(ids[p.index], p.partition))
			}
			reply, err := s.call(ctx, shard, "ready", idempotent, args...)
			if err != nil {
				return err
			}
			a := answerOf(reply)
			local := momentOf(now, a.number())
			mu.Lock()
			for _, p := range some {
				is, at := a.number() == 1, local.at(a.number())
				found[p.index] = found[p.index].and(dryness{!is, at})
			}
			mu.Unlock()
			if a.err != nil {
				return a.err
			}
		}
		return nil
	})
	return found, err
}

// Close implements [queue.Watcher].
func (w *watcher) Close() {
	ws := &w.s.watchers
	ws.mu.Lock()
	defer ws.mu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	for id := range w.set {
		ws.forget(id, w)
	}
	clear(w.set)
	clear(w.active)
	delete(ws.all, w)
	w.poke()
}
