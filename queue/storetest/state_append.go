package storetest

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"github.com/signalbox-mq/signalbox/queue"
)

// sequencer chooses the sequence number of the next message of q, appended at ms.
type sequencer func(q *queueState, ms int64) uint64

// keyHash is what stores keep of a key.
func keyHash(key string) (hash queue.KeyHash) {
	if key != "" {
		sum := sha256.Sum256([]byte(key))
		copy(hash[:], sum[:])
	}
	return hash
}

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
	m := &message{stored: in, key: keyHash(e.Key)}
	m.stored.Receives, m.stored.FirstReceived, m.stored.State = 0, at(0), nil
	m.stored.Receipt, m.stored.Deadline = queue.Receipt{}, at(0)
	m.stored.Sent = at(ms)
	if !e.Message.Sent.IsZero() {
		m.stored.Sent = at(e.Message.Sent.UnixMilli())
	}
	until := int64(0)
	if e.Prior != nil {
		until = m.prior(e.Prior, e.Kind)
		if e.Key == "" {
			m.key = e.Prior.Key
		}
		next = keep(e.Prior.Sequence, next)
	}
	m.stored.Sequence = next(q, ms)
	s.place(q, m, millis(e.Delay), until, ms)
	done := queue.Appended{ID: in.ID, Sequence: m.stored.Sequence}
	if e.Dedup != "" {
		q.dedup[e.Dedup] = dedupRecord{expires: ms + millis(e.DedupWindow), first: done}
	}
	return done
}

// prior gives a message what it has behind it in another store. It returns until when it waits.
func (m *message) prior(p *queue.Prior, kind queue.Kind) (until int64) {
	if kind == queue.Log {
		return 0
	}
	m.stored.Receives = p.Receives
	if !p.FirstReceived.IsZero() {
		m.stored.FirstReceived = at(p.FirstReceived.UnixMilli())
	}
	if len(p.State) > 0 {
		m.stored.State = bytes.Clone(p.State)
	}
	if p.Due.IsZero() {
		return 0
	}
	return p.Due.UnixMilli()
}

// keep lets an entry of a log keep its sequence if it is higher than the last one.
func keep(sequence uint64, next sequencer) sequencer {
	return func(q *queueState, ms int64) uint64 {
		if q.kind == queue.Log && sequence > q.lastSeq {
			q.kept = sequence
		}
		return next(q, ms)
	}
}

// place adds a message with its sequence at the end of a queue. It waits for the delay, and until a time, also in a group.
func (s *state) place(q *queueState, m *message, delay, until, ms int64) {
	m.due = ms
	if q.kind != queue.Log && !q.grouped(m) {
		m.due, m.delayed = ms+delay, delay > 0
	}
	if q.kind != queue.Log && until > m.due {
		m.due, m.delayed = until, true
	}
	q.lastSeq, q.kept = m.stored.Sequence, 0
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
	return &message{stored: out, key: keyHash(to.Key)}
}
