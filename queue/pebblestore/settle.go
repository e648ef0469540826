package pebblestore

import (
	"context"
	"slices"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// Settle implements [queue.Store].
func (s *Store) Settle(ctx context.Context, now time.Time, settlements []queue.Settlement) ([]queue.SettleResult, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.end()
	t := s.newtx()
	defer t.close()
	ids := t.ids[:0]
	plain := true // nothing but acknowledgements
	for i := range settlements {
		st := &settlements[i]
		ids = append(ids, st.Receipt.Queue)
		if st.To != nil {
			ids = append(ids, st.To.Queue)
		}
		if st.Record != nil {
			ids = append(ids, st.Record.Queue)
		}
		plain = plain && st.Action == queue.Ack && st.Record == nil
	}
	set, err := t.lockAll(ids, now.UnixMilli())
	if err != nil {
		return nil, err
	}
	t.begin(!plain || len(settlements) > 1 && !set.apart(settlements))
	results := make([]queue.SettleResult, len(settlements))
	for i := range settlements {
		if results[i], err = t.settle(set, &settlements[i]); err != nil {
			break
		}
	}
	if err == nil {
		err = t.putStates(set)
	}
	if err := t.finish(set, true, err); err != nil {
		return nil, err
	}
	return results, nil
}

// apart says that acknowledgements have nothing to do with each other, so that none reads what another wrote: they are of
// different messages, and none of these is in a group.
func (set locked) apart(settlements []queue.Settlement) bool {
	if len(set) != 1 || set[0].state.grouped > 0 || len(settlements) > 32 {
		return false
	}
	for i := range settlements {
		for k := range i {
			if settlements[i].Receipt.Sequence == settlements[k].Receipt.Sequence {
				return false
			}
		}
	}
	return true
}

// settle does one settlement. The error is one that ends the whole call.
func (t *tx) settle(set locked, st *queue.Settlement) (res queue.SettleResult, err error) {
	l := set.of(st.Receipt.Queue)
	le, refusal, err := t.judge(l, st)
	if err != nil {
		return res, err
	}
	if refusal == nil && le != nil {
		refusal = refuseTargets(set, st)
	}
	if refusal != nil || le == nil {
		return queue.SettleResult{Err: refusal, Gone: refusal == nil}, nil
	}
	switch st.Action {
	case queue.Ack:
		l.state.acked++
		err = t.remove(l, le)
	case queue.Release:
		err = t.release(l, le, st)
	case queue.Move:
		l.state.moved++
		res.Moved, err = t.move(l, set.of(st.To.Queue), le, st.To)
	}
	if err == nil && st.Record != nil {
		res.Record, err = t.appendEntry(set.of(st.Record.Queue), st.Record)
	}
	return res, err
}

// judge decides whether the receipt is good. It returns the lease to end, one made up for a message that is not leased,
// or nil for a message that is gone.
func (t *tx) judge(l *lane, st *queue.Settlement) (le *lease, refusal, err error) {
	r := &st.Receipt
	switch {
	case l.state.dropped:
		return nil, nil, nil
	case l.state.last == 0 || r.Sequence == 0:
		return nil, queue.ErrReceiptInvalid, nil
	case l.state.kind == queue.Log:
		return nil, queue.ErrKind, nil
	case st.Action > queue.Move:
		return nil, &queue.InvalidError{Field: "action", Reason: "must be ack, release or move"}, nil
	}
	le = l.leases[r.Sequence]
	if le != nil && le.nonce == r.Nonce && r.Nonce != 0 && (le.group == nil || le.deadline > l.state.clock) {
		return le, nil, nil
	}
	if le != nil && (le.group != nil || st.Action != queue.Ack) {
		return nil, queue.ErrReceiptExpired, nil
	}
	if le == nil {
		if le, err = t.find(l, r.Sequence, r.Locator); err != nil || le == nil {
			return nil, nil, err
		}
		if le.at == 0 && l.state.kind == queue.FIFO || st.Action != queue.Ack {
			return nil, queue.ErrReceiptExpired, nil
		}
	}
	return le, nil, nil
}

// refuseTargets says why a settlement's destination or log can not be written to.
func refuseTargets(set locked, st *queue.Settlement) error {
	if st.Action == queue.Move {
		if st.To == nil {
			return &queue.InvalidError{Field: "to", Reason: "is required for a move"}
		}
		to := set.of(st.To.Queue)
		if to.state.dropped {
			return &queue.DroppedError{Queue: st.To.Queue}
		}
		if err := to.checkKind(st.To.Kind); err != nil || st.To.Kind == queue.Log {
			return queue.ErrKind
		}
	}
	if st.Record != nil {
		log := set.of(st.Record.Queue)
		if log.state.dropped {
			return &queue.DroppedError{Queue: st.Record.Queue}
		}
		if err := log.checkKind(st.Record.Kind); err != nil || st.Record.Kind != queue.Log {
			return queue.ErrKind
		}
	}
	return nil
}

// find looks for a message that is not leased, at where a receipt says or where it went since. It returns nil when there
// is none.
func (t *tx) find(l *lane, seq, at uint64) (*lease, error) {
	h, found, err := t.header(l, position{at, seq})
	if err != nil {
		return nil, err
	}
	if !found {
		v, closer, err := t.get(key1(t.key[:0], l.id, subPlace, seq))
		if err != nil || closer == nil {
			return nil, err
		}
		place, err := parsePlace(v, l.id, seq)
		if e := closer.Close(); err == nil {
			err = e
		}
		if err != nil {
			return nil, err
		}
		if at = place; at != 0 && l.state.kind == queue.Standard {
			if inGroup, err := t.has(key2(t.key[:0], l.id, subMessage, 0, seq)); err != nil {
				return nil, err
			} else if inGroup {
				at = 0 // the p record is of its u record
			}
		}
		if h, found, err = t.header(l, position{at, seq}); err != nil {
			return nil, err
		}
		if !found {
			return nil, corrupt(l.id, seq, "the index by place names a message that is not there")
		}
	}
	le := leaseOf(&h, position{at, seq})
	if at == 0 {
		return le, t.findInGroup(l, le)
	}
	return le, nil
}

// findInGroup adds what the g record, or the u record, knows.
func (t *tx) findInGroup(l *lane, le *lease) error {
	if l.state.kind == queue.Standard {
		return t.findInTenant(l, le)
	}
	v, closer, err := t.get(keyGroup(t.key[:0], l.id, le.extra.group, 0, le.seq))
	if err != nil {
		return err
	}
	if closer == nil {
		return corrupt(l.id, le.seq, "the index by group misses it")
	}
	defer closer.Close()
	var g groupRecord
	if err := parseGroupRecord(&g, v, l.id, le.seq); err != nil {
		return err
	}
	le.applyGroup(&g)
	le.waiting = g.notBefore != 0
	return nil
}

// header reads a message's header.
func (t *tx) header(l *lane, p position) (h messageHeader, found bool, err error) {
	v, closer, err := t.get(key2(t.key[:0], l.id, subMessage, p.at, p.seq))
	if err != nil || closer == nil {
		return h, false, err
	}
	defer closer.Close()
	_, err = parseHeader(&h, v, l.id, p.seq)
	if err == nil && p.at == 0 && h.flags&flagGrouped == 0 {
		err = corrupt(l.id, p.seq, "no group in a message of one")
	}
	return h, true, err
}

// release gives a message back.
func (t *tx) release(l *lane, le *lease, st *queue.Settlement) error {
	if st.State != nil {
		if err := t.set(key1(t.key[:0], l.id, subState, le.seq), st.State); err != nil {
			return err
		}
		le.flags |= flagState
	}
	until := millis(st.NotBefore)
	le.nonce = 0
	switch {
	case until <= l.state.clock:
		return t.endLease(l, le, l.state.clock)
	case le.group != nil:
		return t.postpone(l, le, until)
	case le.tenant != nil:
		return t.putOffTenant(l, le, until)
	}
	return t.putOff(l, le, until)
}

// endLease moves a lease's end to a time that is not after the clock: the message is receivable in its old place.
func (t *tx) endLease(l *lane, le *lease, deadline int64) error {
	l.setDeadline(le, deadline)
	l.stirred = true
	if le.group != nil && le.group.inFlight == 0 {
		return t.unlock(l, le.group)
	}
	return t.set(key1(t.key[:0], l.id, subLease, le.seq), putLease(t.val[:0], le))
}

// postpone makes a message of a FIFO group wait in its place.
func (t *tx) postpone(l *lane, le *lease, until int64) error {
	g := groupRecord{flags: le.flags & flagState, sent: le.sent, notBefore: until, receives: le.receives, first: le.first}
	if err := t.set(keyGroup(t.key[:0], l.id, le.group.hash, 0, le.seq), putGroupRecord(t.val[:0], &g)); err != nil {
		return err
	}
	if err := t.set(key2(t.key[:0], l.id, subWaiting, u64(until), le.seq), nil); err != nil {
		return err
	}
	if err := t.delete(key1(t.key[:0], l.id, subLease, le.seq)); err != nil {
		return err
	}
	l.active.drop(le) // it was in flight, or the receipt would have been refused
	l.inFlight--
	le.group.inFlight--
	delete(l.leases, le.seq)
	le.waiting, le.deadline = true, until
	l.active.add(le)
	l.delayed.add(until)
	l.stirred = true
	l.consider(le.group)
	return t.unlockIf(l, le.group)
}

// putOff moves a free message to where it becomes receivable, with what its lease knew.
func (t *tx) putOff(l *lane, le *lease, until int64) error {
	old := le.position()
	record, err := t.getCopy(key2(t.key[:0], l.id, subMessage, old.at, old.seq))
	if err != nil {
		return err
	}
	var h messageHeader
	if _, err := parseHeader(&h, record, l.id, le.seq); err != nil {
		return err
	}
	flags := le.flags | flagPlaced | flagSent
	patchMessage(record, l.id, le.seq, flags, le.receives, le.first)
	if err := t.delete(key2(t.key[:0], l.id, subMessage, old.at, old.seq)); err != nil {
		return err
	}
	if err := t.delete(key1(t.key[:0], l.id, subLease, le.seq)); err != nil {
		return err
	}
	if flags&flagGrouped != 0 {
		if err := t.delete(keyGroup(t.key[:0], l.id, h.group, old.at, old.seq)); err != nil {
			return err
		}
	}
	l.forget(le)
	at := position{u64(until), le.seq}
	if err := t.set(key2(t.key[:0], l.id, subMessage, at.at, at.seq), record); err != nil {
		return err
	}
	if err := t.set(key1(t.key[:0], l.id, subPlace, le.seq), putPlace(t.val[:0], at.at)); err != nil {
		return err
	}
	h.flags = flags
	l.nextMessage = min(l.nextMessage, until)
	l.sentFrom = min(l.sentFrom, u64(h.sent))
	l.delayed.add(until)
	l.stirred = true
	l.removed++
	if err := t.putIndexes(l, &h, at); err != nil {
		return err
	}
	return t.collect(l)
}

// move takes a message out of one queue and puts it into another.
func (t *tx) move(from, to *lane, le *lease, dest *queue.Destination) (queue.Appended, error) {
	record, err := t.getCopy(key2(t.key[:0], from.id, subMessage, le.at, le.seq))
	if err != nil {
		return queue.Appended{}, err
	}
	var m queue.Message
	var h messageHeader
	if err := t.readMessage(&m, &h, record, from.id, le.seq); err != nil {
		return queue.Appended{}, err
	}
	n := newMessage{
		message: &m,
		kind:    dest.Kind,
		delay:   dest.Delay.Milliseconds(),
		key:     dest.Key,
		header:  messageHeader{id: m.ID, sent: to.state.clock, source: from.id},
	}
	if dest.DropSource {
		n.header.source = 0
	}
	if dest.NewID != (queue.MessageID{}) {
		n.header.id = dest.NewID
	} else {
		n.header.receives, n.header.first = le.receives, le.first
		if dest.Kind == queue.Standard {
			n.header.sent = le.sent
		}
		if le.flags&flagState != 0 {
			if err := t.readState(&m, from.id, le.seq); err != nil {
				return queue.Appended{}, err
			}
			n.state = m.State
		}
	}
	if dest.Body != nil {
		m.Body = dest.Body
	}
	if dest.System != nil {
		m.System = dest.System
	}
	m.Attributes = mergeAttributes(m.Attributes, dest.Attributes)
	if err := t.remove(from, le); err != nil {
		return queue.Appended{}, err
	}
	return t.add(to, &n)
}

// mergeAttributes adds attributes, each in the place of one of the same name if there is one.
func mergeAttributes(attrs, more []queue.Attribute) []queue.Attribute {
	for _, a := range more {
		i := slices.IndexFunc(attrs, func(o queue.Attribute) bool { return o.Name == a.Name })
		if i < 0 {
			attrs = append(attrs, a)
		} else {
			attrs[i] = a
		}
	}
	return attrs
}
