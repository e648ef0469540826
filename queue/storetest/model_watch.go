package storetest

import (
	"context"
	"slices"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// modelWatcher looks at its queues anew at each Ready and is woken by everything that may change an answer.
type modelWatcher struct {
	model *Model
	wake  chan struct{}
	// queues and closed are guarded by model.mu.
	queues map[queue.ID]bool
	closed bool
}

// Watch implements [queue.Store].
func (m *Model) Watch() queue.Watcher {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := &modelWatcher{model: m, wake: make(chan struct{}, 1), queues: map[queue.ID]bool{}}
	m.watchers[w] = true
	return w
}

func (m *Model) wakeLocked() {
	for w := range m.watchers {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

// Set implements [queue.Watcher].
func (w *modelWatcher) Set(add, remove []queue.ID) {
	w.model.mu.Lock()
	defer w.model.mu.Unlock()
	for _, id := range add {
		w.queues[id] = true
	}
	for _, id := range remove {
		delete(w.queues, id)
	}
	w.model.wakeLocked()
}

// Wake implements [queue.Watcher].
func (w *modelWatcher) Wake() <-chan struct{} { return w.wake }

// Ready implements [queue.Watcher].
func (w *modelWatcher) Ready(ctx context.Context, now time.Time) (ready []queue.ID, due time.Time, err error) {
	if err := w.model.begin(ctx); err != nil {
		return nil, time.Time{}, err
	}
	defer w.model.mu.Unlock()
	if w.closed {
		return nil, time.Time{}, queue.ErrStoreClosed
	}
	var earliest int64
	for id := range w.queues {
		q := w.model.state.get(id)
		if q == nil || q.kind == queue.Log {
			continue
		}
		ms := q.clock(now)
		if q.hasReceivable(ms, 0) {
			ready = append(ready, id)
		}
		if next := q.nextDue(ms); next != 0 && (earliest == 0 || next < earliest) {
			earliest = next
		}
	}
	slices.Sort(ready)
	return ready, at(earliest), nil
}

// hasReceivable says whether a receive with this delay and no limits would return something.
func (q *queueState) hasReceivable(ms, delay int64) bool {
	free, groups := q.receivable(ms, delay)
	return len(free) > 0 || len(groups) > 0
}

// Close implements [queue.Watcher].
func (w *modelWatcher) Close() {
	w.model.mu.Lock()
	defer w.model.mu.Unlock()
	w.closed = true
	delete(w.model.watchers, w)
}
