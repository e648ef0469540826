package storetest

import (
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// peek shows a message as it lies in its queue at ms. No receive, no receipt.
func (q *queueState) peek(m *message, ms int64) queue.Peeked {
	p := queue.Peeked{Message: clone(m.stored), Position: queue.Position{Sequence: m.stored.Sequence}, Key: m.key}
	if q.kind != queue.Log {
		var due int64
		p.Status, due = m.status(ms)
		p.Due = at(due)
	}
	return p
}

// stats counts. OldestSent is exact here.
func (q *queueState) stats(ms int64) queue.Stats {
	s := queue.Stats{Appended: q.appended, Acked: q.acked, Moved: q.moved, Expired: q.expired}
	for _, m := range q.messages {
		switch q.peek(m, ms).Status {
		case queue.Ready:
			s.Ready++
		case queue.Delayed:
			s.Delayed++
		case queue.InFlight:
			s.InFlight++
		}
		s.Bytes += int64(m.stored.Size())
		if s.OldestSent.IsZero() || m.stored.Sent.Before(s.OldestSent) {
			s.OldestSent = m.stored.Sent
		}
	}
	if q.kind == queue.Log && q.lastSeq > 0 {
		s.End = queue.Position{Sequence: q.lastSeq + 1}
		s.First = s.End
		if len(q.messages) > 0 {
			s.First = queue.Position{Sequence: q.messages[0].stored.Sequence}
		}
	}
	return s
}

// expire removes all that an expiry asks to remove.
func (q *queueState) expire(now time.Time, e queue.Expiry) (out queue.Expired) {
	ms := q.clock(now)
	var bytes int64
	for _, m := range q.messages {
		bytes += int64(m.stored.Size())
	}
	for _, m := range append([]*message(nil), q.messages...) {
		old := tooOld(m, ms, e.Retention)
		big := q.kind == queue.Log && e.MaxBytes > 0 && bytes > e.MaxBytes
		if !old && !big {
			continue
		}
		size := int64(m.stored.Size())
		q.remove(m)
		q.expired++
		bytes -= size
		out.Messages++
		out.Bytes += size
	}
	return out
}

// purge removes everything but what counts over the queue's life.
func (q *queueState) purge() int64 {
	n := int64(len(q.messages))
	q.messages, q.turns, q.groups = nil, nil, map[string]int{}
	q.dedup = map[string]dedupRecord{}
	q.attempts = map[string]attempt{}
	q.served, q.loose = map[string]turn{}, map[string]bool{}
	return n
}

// nextDue is when something in the queue becomes receivable by itself, zero for never.
func (q *queueState) nextDue(ms int64) int64 {
	next := int64(0)
	for _, m := range q.messages {
		if _, due := m.status(ms); due > ms && (next == 0 || due < next) {
			next = due
		}
	}
	return next
}
