package storetest

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// peeked is what the referee expects to see of a message. Only in logs is the position its business.
func (r *referee) peeked(q *queueState, m *message, got queue.Peeked) queue.Peeked {
	want := q.peek(m, q.clock(r.now))
	if q.kind != queue.Log {
		want.Position = got.Position
	}
	return want
}

// scan reads a whole queue in pieces and compares each message.
func (r *referee) scan(id queue.ID, kind queue.Kind, limit, maxBytes int) error {
	q := r.state.get(id)
	if q == nil {
		q = &queueState{id: id, kind: kind}
	}
	var all []queue.Peeked
	req := queue.ScanRequest{Now: r.now, Queue: id, Kind: kind, Limit: limit, MaxBytes: maxBytes}
	for {
		res, err := r.store.Scan(r.ctx, req)
		if err != nil {
			return err
		}
		if n := len(res.Messages); n > limit || n == 0 && res.More {
			return fmt.Errorf("%d messages with limit %d, more %v", n, limit, res.More)
		}
		size := 0
		for i, p := range res.Messages {
			if size += len(p.Message.Body); i > 0 && maxBytes > 0 && size > maxBytes {
				return fmt.Errorf("more than %d bytes", maxBytes)
			}
		}
		all = append(all, res.Messages...)
		if !res.More || len(all) > len(q.messages) {
			break
		}
		req.From = res.Next
	}
	if !slices.IsSortedFunc(all, bySequence) {
		if q.kind == queue.Log {
			return fmt.Errorf("log out of order: %v", all)
		}
		slices.SortFunc(all, bySequence)
	}
	want := []queue.Peeked{}
	for i, m := range q.messages {
		var got queue.Peeked
		if i < len(all) {
			got = all[i]
		}
		want = append(want, r.peeked(q, m, got))
	}
	return diff(fmt.Sprintf("scan of queue %d", id), all, want)
}

func bySequence(a, b queue.Peeked) int {
	switch {
	case a.Message.Sequence < b.Message.Sequence:
		return -1
	case a.Message.Sequence > b.Message.Sequence:
		return 1
	}
	return 0
}

// read goes on with a log where its reader is.
func (r *referee) read(o op) error {
	id := r.id(o.Slot)
	if slots[o.Slot] != queue.Log {
		return r.scan(id, slots[o.Slot], o.Max, o.MaxBytes)
	}
	from, seen := r.cursors[id], r.lastRead[id]
	res, err := r.store.Scan(r.ctx, queue.ScanRequest{Now: r.now, Queue: id, Kind: queue.Log, From: from, Limit: o.Max, MaxBytes: o.MaxBytes})
	if err != nil {
		return err
	}
	r.cursors[id] = res.Next
	q := r.state.get(id)
	if q == nil {
		q = &queueState{id: id, kind: queue.Log}
	}
	want, total, more := []queue.Peeked{}, 0, false
	for _, m := range q.messages {
		if m.stored.Sequence <= seen {
			continue
		}
		total += len(m.stored.Body)
		if n := len(want); n == o.Max || n > 0 && o.MaxBytes > 0 && total > o.MaxBytes {
			more = true
			break
		}
		want = append(want, q.peek(m, q.clock(r.now)))
		r.lastRead[id] = m.stored.Sequence
	}
	if res.More != more {
		return fmt.Errorf("the scan has More %v with %d messages, want %v", res.More, len(res.Messages), more)
	}
	return diff("log from the reader's position", res.Messages, want)
}

// get looks a key up, of a log or of a message.
func (r *referee) get(o op) error {
	id, key := r.id(o.Slot), fmt.Sprint("k", o.Key)
	if slots[o.Slot] != queue.Log {
		if len(r.keys) == 0 {
			return nil
		}
		key = r.keys[max(0, len(r.keys)-1-o.Key)]
	}
	got, err := r.store.Get(r.ctx, r.now, id, key)
	if err != nil {
		return err
	}
	want := []queue.Peeked{}
	if q := r.state.get(id); q != nil {
		for _, m := range q.messages {
			if m.key == keyHash(key) && key != "" {
				var g queue.Peeked
				if len(want) < len(got) {
					g = got[len(want)]
				}
				want = append(want, r.peeked(q, m, g))
			}
		}
	}
	return diff(fmt.Sprintf("get %q from queue %d", key, id), got, want)
}

// stats compares all counts. OldestSent may be early until an Expire, and where messages keep their Sent, the oldest need
// not be the first.
func (r *referee) stats() error {
	var ids []queue.ID
	for slot := range slots {
		ids = append(ids, r.id(slot))
		if r.incarnation[slot] > 0 {
			ids = append(ids, r.id(slot)-queue.ID(len(slots)))
		}
	}
	got, err := r.store.Stats(r.ctx, r.now, ids)
	if err != nil {
		return err
	}
	if len(got) != len(ids) {
		return fmt.Errorf("stats of %d queues has %d results", len(ids), len(got))
	}
	for i, id := range ids {
		var want queue.Stats
		if q := r.state.get(id); q != nil {
			want = q.stats(q.clock(r.now))
		}
		switch oldest := got[i].OldestSent; {
		case oldest.IsZero() != (want.Total() == 0):
			return fmt.Errorf("queue %d: oldest sent %v with %d messages", id, oldest, want.Total())
		case !r.mixed[id] && oldest.After(want.OldestSent):
			return fmt.Errorf("queue %d: oldest sent %v, want %v or earlier", id, oldest, want.OldestSent)
		}
		got[i].OldestSent = want.OldestSent
		if want.Total() == 0 && want.Appended > 0 {
			// Where an emptied log begins is not said.
			got[i].First, got[i].End = want.First, want.End
		}
		if err := diff(fmt.Sprintf("stats of queue %d", id), got[i], want); err != nil {
			return err
		}
	}
	return nil
}

// expire bounds every queue.
func (r *referee) expire(o op) error {
	var list []queue.Expiry
	for slot, kind := range slots {
		x := queue.Expiry{Queue: r.id(slot), Kind: kind, Retention: time.Duration(o.Retention) * time.Second}
		if kind == queue.Log {
			x.MaxBytes = int64(o.MaxBytes)
		}
		list = append(list, x)
	}
	sum := make([]queue.Expired, len(list))
	for more, calls := true, 0; more; calls++ {
		res, err := r.store.Expire(r.ctx, r.now, list)
		if err != nil {
			return err
		}
		if len(res) != len(list) || calls > 1000 {
			return fmt.Errorf("%d expiries have %d results after %d calls", len(list), len(res), calls)
		}
		more = false
		for i, x := range res {
			sum[i].Messages, sum[i].Bytes, more = sum[i].Messages+x.Messages, sum[i].Bytes+x.Bytes, more || x.More
		}
	}
	for i, x := range list {
		r.stir(x.Queue)
		want := queue.Expired{}
		if q := r.state.get(x.Queue); q != nil {
			before := maps.Clone(q.groups)
			want = q.expire(r.now, x)
			q.forgetAttempts()
			for g := range r.passed[x.Queue] {
				if q.groups[g] < before[g] {
					delete(r.passed[x.Queue], g) // What waited is gone; what comes after it may wait anew.
				}
			}
		}
		if err := diff(fmt.Sprintf("expired from queue %d", x.Queue), sum[i], want); err != nil {
			return err
		}
	}
	return nil
}

func (r *referee) purge(o op) error {
	id := r.id(o.Slot)
	got, err := r.store.Purge(r.ctx, r.now, id)
	if err != nil {
		return err
	}
	r.stir(id)
	want := int64(0)
	if q := r.state.get(id); q != nil {
		q.clock(r.now)
		want = q.purge()
	}
	delete(r.passed, id)
	return diff(fmt.Sprintf("purged from queue %d", id), got, want)
}

func (r *referee) drop(o op) error {
	id := r.id(o.Slot)
	if err := r.store.Drop(r.ctx, r.now, []queue.ID{id}); err != nil {
		return err
	}
	r.stir(id)
	delete(r.state.queues, id)
	r.state.dropped[id] = true
	r.incarnation[o.Slot]++
	r.watch.replace(id, r.id(o.Slot), slots[o.Slot])
	return nil
}

// crash takes the store's power, if it can, and looks at what is left. Nothing may be missing but receives from standard
// queues and extensions, which may be undone: the referee adopts what it finds of those.
func (r *referee) crash() error {
	c, ok := r.data.(Crasher)
	if !ok {
		return nil
	}
	if err := c.Crash(); err != nil {
		return fmt.Errorf("crash: %w", err)
	}
	if err := r.open(); err != nil {
		return err
	}
	r.doubtAttempts()
	for _, q := range r.state.queues {
		delete(r.solid, q.id)
		if q.kind == queue.Log {
			continue
		}
		res, err := r.store.Scan(r.ctx, queue.ScanRequest{Now: r.now, Queue: q.id, Kind: q.kind, Limit: 10_000})
		if err != nil {
			return err
		}
		for _, p := range res.Messages {
			if m := q.find(p.Message.Sequence); m != nil && m.held && !m.released {
				r.undo(q, m, p)
			}
		}
	}
	// Whatever else differs shows here.
	for slot, kind := range slots {
		if err := r.scan(r.id(slot), kind, 100, 0); err != nil {
			return err
		}
	}
	return r.stats()
}

// undo takes back what a crash may have taken back of a lease.
func (r *referee) undo(q *queueState, m *message, p queue.Peeked) {
	want := q.peek(m, q.clock(r.now))
	same := p.Status == want.Status && p.Due.Equal(want.Due) && p.Message.Receives == want.Message.Receives && p.Message.FirstReceived.Equal(want.Message.FirstReceived)
	if same && !q.grouped(m) && p.Status == queue.Ready {
		// Both that lease and what an undone one, or an undone extension, leaves have ended. When the last did is open, and so
		// is which one that was, if it did not count.
		m.vague, m.undone = true, m.undone || m.uncounted
	}
	fewer := p.Message.Receives <= m.stored.Receives
	if same || !fewer || q.grouped(m) && p.Message.Receives != m.stored.Receives {
		return // Nothing to adopt, or something that a scan will refuse.
	}
	m.stored.Receives, m.stored.FirstReceived = p.Message.Receives, p.Message.FirstReceived
	m.undone, m.vague = true, true
	m.deadline, m.released, m.notBefore = 0, false, 0
	switch p.Status {
	case queue.InFlight:
		m.deadline = p.Due.UnixMilli()
	case queue.Delayed:
		m.released, m.notBefore, m.vague = true, p.Due.UnixMilli(), false
	}
}
