package pebblestore

import "github.com/signalbox-mq/signalbox/queue"

// erase deletes all records of a message that is not in a log, and takes it out of the counts. leased says that it has an
// l record; otherwise a tenant's message has a u record, at its extra's low. What memory knows of it, and its group's place
// in line, are the caller's.
func (t *tx) erase(l *lane, le *lease, leased bool) error {
	if err := t.delete(key2(t.key[:0], l.id, subMessage, le.at, le.seq)); err != nil {
		return err
	}
	if leased {
		if err := t.delete(key1(t.key[:0], l.id, subLease, le.seq)); err != nil {
			return err
		}
	}
	if !leased && l.ofTenant(le) {
		if err := t.delete(keyTenant(t.key[:0], l.id, le.extra.group, position{le.extra.low, le.seq})); err != nil {
			return err
		}
	}
	if le.waiting {
		if err := t.delete(key2(t.key[:0], l.id, subWaiting, u64(le.deadline), le.seq)); err != nil {
			return err
		}
		if le.deadline > l.state.clock {
			l.delayed.remove(le.deadline)
		}
	}
	if le.flags != 0 {
		if err := t.eraseIndexes(l, le); err != nil {
			return err
		}
	}
	l.state.count--
	l.state.bytes -= int64(le.size)
	if le.at == 0 {
		l.state.grouped--
	} else if int64(le.at) > l.state.clock {
		l.delayed.remove(int64(le.at))
	}
	l.removed++
	return t.collect(l)
}

func (t *tx) eraseIndexes(l *lane, le *lease) error {
	if le.flags&flagGrouped != 0 && !l.ofTenant(le) {
		if err := t.delete(keyGroup(t.key[:0], l.id, le.extra.group, le.at, le.seq)); err != nil {
			return err
		}
	}
	if le.flags&flagKeyed != 0 {
		if err := t.delete(keyHash1(t.key[:0], l.id, subKey, le.extra.key, le.seq)); err != nil {
			return err
		}
	}
	if le.flags&flagSent != 0 {
		if err := t.delete(key2(t.key[:0], l.id, subSent, u64(le.sent), le.seq)); err != nil {
			return err
		}
	}
	if le.flags&flagPlaced != 0 {
		if err := t.delete(key1(t.key[:0], l.id, subPlace, le.seq)); err != nil {
			return err
		}
	}
	if le.flags&flagState != 0 {
		if err := t.delete(key1(t.key[:0], l.id, subState, le.seq)); err != nil {
			return err
		}
	}
	for i := range chunks(int(le.body)) {
		if err := t.delete(keyBody(t.key[:0], l.id, le.seq, i)); err != nil {
			return err
		}
	}
	return nil
}

// remove erases a message, and takes it out of memory and of its group's line.
func (t *tx) remove(l *lane, le *lease) error {
	if l.leases[le.seq] == le || le.group != nil && le.waiting {
		if err := t.erase(l, le, !le.waiting); err != nil {
			return err
		}
		l.forget(le)
		if le.tenant != nil {
			return t.leaveMemory(l, le.tenant)
		}
		return t.unlockIf(l, le.group)
	}
	if err := t.erase(l, le, false); err != nil {
		return err
	}
	if l.ofTenant(le) {
		return t.removedFromTenant(l, le)
	}
	if le.at == 0 {
		return t.removedFromGroup(l, le.extra.group, le.seq)
	}
	l.ahead = nil // it may be among them
	return nil
}

// unlockIf puts a group back in line if nothing of it is in flight any more.
func (t *tx) unlockIf(l *lane, g *group) error {
	if g == nil || g.inFlight > 0 || l.groups[g.hash] != g {
		return nil
	}
	return t.unlock(l, g)
}

// collect moves the low-water marks, now and then, and lets the engine drop what lies before them in one piece.
func (t *tx) collect(l *lane) error {
	if l.removed < t.s.opts.collectEvery || l.removed < len(l.leases)/4 { // it looks at all leases
		return nil
	}
	l.removed = 0
	st := &l.state
	low, lowLease := st.cursor, st.last+1
	for _, le := range l.leases {
		lowLease = min(lowLease, le.seq)
		if le.at != 0 && le.position().less(low) {
			low = le.position()
		}
	}
	if low.at != 0 && st.low.less(low) {
		from := max(st.low.at, 1) // at zero are those in FIFO groups
		if err := t.b.DeleteRange(key2(nil, l.id, subMessage, from, st.low.seq), key2(nil, l.id, subMessage, low.at, low.seq), nil); err != nil {
			return err
		}
		st.low = low
	}
	if st.lowLease < lowLease {
		if err := t.b.DeleteRange(key1(nil, l.id, subLease, st.lowLease), key1(nil, l.id, subLease, lowLease), nil); err != nil {
			return err
		}
		st.lowLease = lowLease
	}
	if st.kind == queue.FIFO || st.grouped > 0 {
		return t.collectGroups(l)
	}
	return nil
}

// collectGroups does it for messages in groups, of which the first live one has to be looked for. Each tombstone is
// passed once in its life.
func (t *tx) collectGroups(l *lane) (err error) {
	low := l.state.last + 1
	it, err := t.iter(key2(nil, l.id, subMessage, 0, l.state.lowGroup), key1(nil, l.id, subMessage, 1))
	if err != nil {
		return err
	}
	defer closeIter(it, &err)
	if it.First() {
		low = tail8(it.Key())
	}
	if low <= l.state.lowGroup {
		return nil
	}
	if err := t.b.DeleteRange(key2(nil, l.id, subMessage, 0, l.state.lowGroup), key2(nil, l.id, subMessage, 0, low), nil); err != nil {
		return err
	}
	l.state.lowGroup = low
	return nil
}
