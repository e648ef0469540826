package storetest

import (
	"slices"

	"github.com/signalbox-mq/signalbox/queue"
)

// sequencer chooses the sequence number of the next message of q, appended at ms.
type sequencer func(q *queueState, ms int64) uint64

// push puts one entry into its queue, unless it is a duplicate.
func (s *state) push(e queue.Entry, ms int64, next sequencer) queue.Appended {
	q := s.need(e.Queue, e.Kind)
	if e.Dedup != "" {
		if d, ok := q.dedup[e.Dedup]; ok && ms < d.expires {
			first := d.first
			first.Duplicate = true
			return first
		}
	}
	in := clone(e.Message)
	m := &message{stored: in, key: e.Key, due: ms}
	m.stored.Sequence = next(q, ms)
	m.stored.Receives, m.stored.FirstReceived, m.stored.State = 0, at(0), nil
	m.stored.Receipt, m.stored.Deadline = queue.Receipt{}, at(0)
	m.stored.Sent = at(ms)
	if !e.Message.Sent.IsZero() {
		m.stored.Sent = at(e.Message.Sent.UnixMilli())
	}
	s.place(q, m, millis(e.Delay), ms)
	done := queue.Appended{ID: in.ID, Sequence: m.stored.Sequence}
	if e.Dedup != "" {
		q.dedup[e.Dedup] = dedupRecord{expires: ms + millis(e.DedupWindow), first: done}
	}
	return done
}

// place adds a message with its sequence at the end of a queue.
func (s *state) place(q *queueState, m *message, delay, ms int64) {
	m.due = ms
	if q.kind != queue.Log && !q.grouped(m) {
		m.due, m.delayed = ms+delay, delay > 0
	}
	q.lastSeq = m.stored.Sequence
	q.placed++
	m.number = q.placed
	i, _ := q.index(m.stored.Sequence) // the end, unless the queue has partitions
	q.messages = slices.Insert(q.messages, i, m)
	q.appended++
	if g := m.stored.Group; q.grouped(m) {
		if q.groups[g]++; q.groups[g] == 1 {
			q.turns = append(q.turns, g)
		}
	}
}

// moved builds the message that a Move makes of m, without its sequence.
func moved(from queue.ID, m *message, to *queue.Destination, ms int64) *message {
	out := clone(m.stored)
	if to.NewID != (queue.MessageID{}) {
		// Reading: a message with a new ID is a new message, so its first receipt and state go too.
		out.ID, out.Receives, out.FirstReceived, out.State = to.NewID, 0, at(0), nil
		out.Sent = at(ms)
	} else if to.Kind != queue.Standard {
		out.Sent = at(ms)
	}
	if to.Body != nil {
		out.Body = append([]byte{}, to.Body...)
	}
	if to.System != nil {
		out.System = cloneAttributes(to.System)
	}
	for _, a := range cloneAttributes(to.Attributes) {
		replaced := false
		for i := range out.Attributes {
			if out.Attributes[i].Name == a.Name {
				out.Attributes[i], replaced = a, true
			}
		}
		if !replaced {
			out.Attributes = append(out.Attributes, a)
		}
	}
	out.Source = from
	if to.DropSource {
		out.Source = 0
	}
	return &message{stored: out, key: to.Key}
}
