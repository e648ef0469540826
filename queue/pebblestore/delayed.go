package pebblestore

import "container/heap"

// delayedCount counts a queue's delayed messages, exactly and at any time, in memory that does not grow with their
// number: per minute, and per millisecond in the minute that has begun. It is made when first asked for, from the keys
// that lie after the clock.
type delayedCount struct {
	known   bool
	clock   int64 // the time that the counts are of
	total   int64
	minutes map[int64]int64 // by minute, those after the clock's
	fine    map[int64]int64 // by millisecond, in the clock's minute, after the clock
	due     int64Heap       // keys of fine
}

const minute = 60_000

// add counts a message that becomes due at a time after the lane's clock; remove takes it back.
func (d *delayedCount) add(at int64) {
	if !d.known {
		return
	}
	d.total++
	if at/minute > d.clock/minute {
		d.minutes[at/minute]++
		return
	}
	d.addFine(at, 1)
}

func (d *delayedCount) addFine(at, n int64) {
	if _, ok := d.fine[at]; !ok {
		heap.Push(&d.due, at)
	}
	d.fine[at] += n
}

func (d *delayedCount) remove(at int64) {
	if !d.known {
		return
	}
	d.total--
	if at/minute > d.clock/minute {
		if d.minutes[at/minute]--; d.minutes[at/minute] == 0 {
			delete(d.minutes, at/minute)
		}
		return
	}
	d.fine[at]--
}

// countDelayed returns how many messages of the queue are delayed at its clock.
func (t *tx) countDelayed(l *lane) (int64, error) {
	d := &l.delayed
	now := l.state.clock
	if !d.known {
		*d = delayedCount{clock: now, minutes: make(map[int64]int64), fine: make(map[int64]int64)}
		if err := t.scanDue(l, now+1, never, func(at int64) { d.known = true; d.add(at) }); err != nil {
			*d = delayedCount{}
			return 0, err
		}
		d.known = true
		return d.total, nil
	}
	if now/minute > d.clock/minute {
		if err := t.turnMinute(l, now); err != nil {
			*d = delayedCount{}
			return 0, err
		}
	}
	d.clock = now
	for len(d.due) > 0 && d.due[0] <= now {
		at := heap.Pop(&d.due).(int64)
		d.total -= d.fine[at]
		delete(d.fine, at)
	}
	return d.total, nil
}

// turnMinute drops the minutes that have passed and looks closely at the one that has begun. Each key is looked at once.
func (t *tx) turnMinute(l *lane, now int64) error {
	d := &l.delayed
	for _, n := range d.fine {
		d.total -= n
	}
	clear(d.fine)
	d.due = d.due[:0]
	for m, n := range d.minutes {
		if m <= now/minute {
			d.total -= n
			delete(d.minutes, m)
		}
	}
	return t.scanDue(l, now+1, (now/minute+1)*minute, func(at int64) {
		d.total++
		d.addFine(at, 1)
	})
}

// scanDue calls f for every message that becomes due from from until before until.
func (t *tx) scanDue(l *lane, from, until int64, f func(int64)) error {
	for _, sub := range [...]byte{subMessage, subWaiting} {
		upper := keySubEnd(nil, l.id, sub)
		if until != never {
			upper = key1(nil, l.id, sub, uint64(until))
		}
		if err := t.scanDueIn(key1(nil, l.id, sub, uint64(from)), upper, f); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) scanDueIn(lower, upper []byte, f func(int64)) (err error) {
	it, err := t.iter(lower, upper)
	if err != nil {
		return err
	}
	defer closeIter(it, &err)
	for ok := it.First(); ok; ok = it.Next() {
		at, _ := tail16(it.Key())
		f(int64(at))
	}
	return nil
}

type int64Heap []int64

func (h int64Heap) Len() int           { return len(h) }
func (h int64Heap) Less(i, j int) bool { return h[i] < h[j] }
func (h int64Heap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *int64Heap) Push(x any)        { *h = append(*h, x.(int64)) }
func (h *int64Heap) Pop() any {
	old := *h
	v := old[len(old)-1]
	*h = old[:len(old)-1]
	return v
}
