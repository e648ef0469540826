package storetest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// lookout follows what one watcher over all queues has told, as the goroutine that uses it would know.
type lookout struct {
	w   queue.Watcher
	ids []queue.ID
	// reported are the queues of the last Ready that no receive has found empty since.
	reported map[queue.ID]bool
	// next is what the last Ready gave.
	next time.Time
	// delays are those given at receive, which the store may go by: a queue's receives all give the same, until somebody changes
	// the queue. (Reading: the contract allows to return a queue in vain because of such a delay; it is silent about whether a
	// store that was told of one must still report what only a receive without it would return.)
	delays map[queue.ID]int64
	// empty are the queues that a receive found empty and nothing touched since.
	empty map[queue.ID]bool
}

// watchAll starts a watcher over all present queues that can be received from.
func (r *referee) watchAll() {
	// A store may remember a delay longer than it is open, since other nodes receive with it.
	delays := r.watch.delays
	if delays == nil {
		delays = map[queue.ID]int64{}
	}
	r.watch = lookout{w: r.store.Watch(), reported: map[queue.ID]bool{}, empty: map[queue.ID]bool{}, delays: delays}
	for slot, kind := range slots {
		if kind != queue.Log {
			r.watch.ids = append(r.watch.ids, r.id(slot))
		}
	}
	r.watch.w.Set(r.watch.ids, nil)
}

// stir notes that something was done to a queue.
func (r *referee) stir(id queue.ID) { delete(r.watch.empty, id) }

// received notes a receive and whether it found nothing. One with a delay may have found nothing because of it.
func (l *lookout) received(id queue.ID, delay int64, nothing bool) {
	if !nothing {
		l.delays[id] = max(l.delays[id], delay)
		return
	}
	l.delays[id] = delay
	delete(l.reported, id)
	if delay == 0 {
		l.empty[id] = true
	}
}

// replace follows a drop.
func (l *lookout) replace(old, id queue.ID, kind queue.Kind) {
	if kind == queue.Log {
		return
	}
	l.w.Set([]queue.ID{id}, []queue.ID{old})
	l.ids = append(slices.DeleteFunc(l.ids, func(o queue.ID) bool { return o == old }), id)
	delete(l.reported, old)
}

// look waits for the wake-up if one is due, then asks. The property: a queue from which a receive would return something is
// never passed over in silence: it was reported, or the time told has come, or a wake-up was sent.
func (r *referee) look() error {
	l := &r.watch
	must, due := []queue.ID{}, map[queue.ID]time.Time{}
	wake := ""
	for _, id := range l.ids {
		q := r.state.get(id)
		if q == nil {
			continue
		}
		ms := q.clock(r.now)
		delay := l.delays[id]
		if q.hasReceivable(ms, delay) {
			must = append(must, id)
			if !l.reported[id] && (l.next.IsZero() || l.next.After(r.now)) {
				wake = fmt.Sprintf("queue %d has something at %v, reported %v, next was %v", id, r.now, l.reported[id], l.next)
			}
		} else if t := q.nextChange(ms, delay); t != 0 {
			due[id] = at(t)
			if !l.reported[id] && (l.next.IsZero() || l.next.After(at(t))) {
				wake = fmt.Sprintf("queue %d has something from %v on, reported %v, next was %v", id, at(t), l.reported[id], l.next)
			}
		}
	}
	if wake == "" {
		select {
		case <-l.w.Wake():
		default:
		}
	} else {
		select {
		case <-l.w.Wake():
		case <-time.After(r.h.wakeLimit()):
			return errors.New("no wake-up, though " + wake)
		}
	}
	got, next, err := l.w.Ready(r.ctx, r.now)
	if err != nil {
		return err
	}
	for _, id := range must {
		if !slices.Contains(got, id) {
			return fmt.Errorf("ready: %v, silent about %d, of which a receive would return something", got, id)
		}
	}
	for id, t := range due {
		if !slices.Contains(got, id) && (next.IsZero() || next.After(t)) {
			return fmt.Errorf("ready: %v, next %v; queue %d has something at %v", got, next, id, t)
		}
	}
	l.reported = map[queue.ID]bool{}
	for _, id := range got {
		switch {
		case !slices.Contains(l.ids, id) || l.reported[id]:
			return fmt.Errorf("ready: %v of %v, each once", got, l.ids)
		case !slices.Contains(must, id) && (l.empty[id] || r.state.get(id) == nil):
			return fmt.Errorf("ready: %v, with %d, which is empty", got, id)
		}
		l.reported[id] = true
	}
	l.next = next
	return nil
}

// nextChange is when a queue of which nothing is receivable will have something, if nobody touches it; zero for never. delay is
// that of the receive.
func (q *queueState) nextChange(ms, delay int64) int64 {
	for {
		next := q.nextDue(ms)
		for _, m := range q.messages {
			if t := m.stored.Sent.UnixMilli() + delay; q.grouped(m) && t > ms && (next == 0 || t < next) {
				next = t
			}
		}
		if next == 0 || q.hasReceivable(next, delay) {
			return next
		}
		ms = next
	}
}
