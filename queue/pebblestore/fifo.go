package pebblestore

import "math"

// The groups of a FIFO queue. A group that has messages and no lease stands in line: it has one r record, ordered by when
// its turn comes, and an h record that says where. A receive takes groups from the front of the line, so it never looks
// at a group that is locked or waits, however many there are. While a group has leases it is in memory and not in line.

// enqueueGroup writes the g record of a new message, and puts its group in line if this is its first. The message waits until
// due, if that is after the clock.
func (t *tx) enqueueGroup(l *lane, h *messageHeader, seq uint64, due int64) error {
	g := groupRecord{flags: h.flags & flagState, sent: h.sent, receives: h.receives, first: h.first}
	if due > l.state.clock {
		g.notBefore = due
		if err := t.set(key2(t.key[:0], l.id, subWaiting, u64(due), seq), nil); err != nil {
			return err
		}
		l.delayed.add(due)
	}
	if err := t.set(keyGroup(t.key[:0], l.id, h.group, 0, seq), putGroupRecord(t.val[:0], &g)); err != nil {
		return err
	}
	if g := l.groups[h.group]; g != nil {
		g.whole = false
		return nil // unlock finds the message
	}
	turn, err := t.turnInLine(l, h.group)
	if err != nil || turn != notInLine {
		return err
	}
	return t.standInLine(l, h.group, head{seq, max(l.state.clock, g.notBefore), h.sent}, 0)
}

// head is a group's first message: its sequence, when it may be received whatever the delay, and when it was sent.
type head struct {
	seq         uint64
	floor, sent int64
}

// standInLine gives a group a turn: at its head's floor or, by the queue's delay, later. A turn of zero puts it after all
// that have their turn at that time or before.
func (t *tx) standInLine(l *lane, group h128, h head, turn uint64) error {
	if turn == 0 {
		turn = l.turn()
	}
	at := position{u64(max(h.floor, addMillis(h.sent, l.state.delay))), turn}
	l.stirred = true
	return t.putInLine(l, group, at, h)
}

// putInLine writes the r and h records of a group.
func (t *tx) putInLine(l *lane, group h128, at position, h head) error {
	r := readyRecord{group: group, head: h}
	if err := t.set(key2(t.key[:0], l.id, subReady, at.at, at.seq), putReadyRecord(t.val[:0], &r)); err != nil {
		return err
	}
	l.nextReady = min(l.nextReady, int64(at.at))
	l.noteLine(group, at.at)
	return t.set(keyHash(t.key[:0], l.id, subHead, group), putHeadRecord(t.val[:0], at, h.seq))
}

const (
	// maxInLine bounds lane.inLine.
	maxInLine = 512
	// notInLine is the turn of a group that is not in line.
	notInLine = math.MaxUint64
)

// turnInLine returns from when on the turn of a group in line is.
func (t *tx) turnInLine(l *lane, group h128) (uint64, error) {
	turn, known := l.inLine[group]
	if known {
		return turn, nil
	}
	at, _, found, err := t.headInLine(l, group)
	if err != nil {
		return 0, err
	}
	if turn = notInLine; found {
		turn = at.at
	}
	l.noteLine(group, turn)
	return turn, nil
}

// headInLine reads the h record of a group: its place in line, and its first message.
func (t *tx) headInLine(l *lane, group h128) (at position, first uint64, found bool, err error) {
	v, closer, err := t.get(keyHash(t.key[:0], l.id, subHead, group))
	if err != nil || closer == nil {
		return at, 0, false, err
	}
	at, first, err = parseHeadRecord(v, l.id)
	if e := closer.Close(); err == nil {
		err = e
	}
	return at, first, true, err
}

// noteLine remembers a group's turn in line.
func (l *lane) noteLine(group h128, turn uint64) {
	if _, known := l.inLine[group]; !known && len(l.inLine) >= maxInLine {
		clear(l.inLine)
	}
	if l.inLine == nil {
		l.inLine = make(map[h128]uint64)
	}
	l.inLine[group] = turn
}

// leaveLine takes a group out of the line.
func (t *tx) leaveLine(l *lane, group h128, at position) error {
	l.noteLine(group, notInLine)
	if err := t.delete(key2(t.key[:0], l.id, subReady, at.at, at.seq)); err != nil {
		return err
	}
	return t.delete(keyHash(t.key[:0], l.id, subHead, group))
}

// nextInGroup finds the first message of a group from a sequence on. It starts right there, so it passes no tombstones
// but of messages removed out of order.
func (t *tx) nextInGroup(l *lane, group h128, from uint64) (seq uint64, g groupRecord, found bool, err error) {
	it, err := t.iter(keyGroup(nil, l.id, group, 0, from), keyGroup(nil, l.id, group, 0, math.MaxUint64))
	if err != nil {
		return 0, g, false, err
	}
	defer closeIter(it, &err)
	if !it.First() {
		return 0, g, false, nil
	}
	seq = tail8(it.Key())
	return seq, g, true, parseGroupRecord(&g, it.Value(), l.id, seq)
}

// unlock puts a group that has nothing in flight back in line, and takes it out of memory: what its leases knew goes into
// the g records.
func (t *tx) unlock(l *lane, g *group) error {
	for _, m := range g.members {
		if m.waiting {
			l.active.drop(m) // its g record is written
			continue
		}
		r := groupRecord{flags: m.flags & flagState, sent: m.sent, receives: m.receives, first: m.first}
		if err := t.set(keyGroup(t.key[:0], l.id, g.hash, 0, m.seq), putGroupRecord(t.val[:0], &r)); err != nil {
			return err
		}
		if err := t.delete(key1(t.key[:0], l.id, subLease, m.seq)); err != nil {
			return err
		}
		delete(l.leases, m.seq)
	}
	delete(l.groups, g.hash)
	delete(l.park, g)
	delete(l.first, g)
	if len(g.members) > 0 {
		m := g.members[0]
		h := head{m.seq, l.state.clock, m.sent}
		if m.waiting {
			h.floor = max(h.floor, m.deadline)
		}
		return t.standInLine(l, g.hash, h, 0)
	}
	if g.whole {
		return nil
	}
	seq, r, found, err := t.nextInGroup(l, g.hash, g.last+1)
	if err != nil || !found {
		return err
	}
	return t.standInLine(l, g.hash, head{seq, max(l.state.clock, r.notBefore), r.sent}, 0)
}

// unlockEnded puts the groups back in line whose last lease has ended.
func (t *tx) unlockEnded(l *lane) error {
	for g := range l.park {
		if err := t.unlock(l, g); err != nil {
			return err
		}
	}
	return nil
}

// removedFromGroup mends the line after a message was removed whose group is not in memory.
func (t *tx) removedFromGroup(l *lane, group h128, seq uint64) error {
	at, first, found, err := t.headInLine(l, group)
	if err != nil || !found || first != seq {
		return err
	}
	if err := t.leaveLine(l, group, at); err != nil {
		return err
	}
	next, r, found, err := t.nextInGroup(l, group, seq+1)
	if err != nil || !found {
		return err
	}
	floor := min(int64(at.at), l.state.clock) // what the removed message had to wait for is no matter any more
	return t.standInLine(l, group, head{next, max(floor, r.notBefore), r.sent}, at.seq)
}

// changeDelay makes the line count with another delay. Turns that come too early by it are put off when they come; those
// that would come too late are moved here, which a change of the queue's definition is rare enough for.
func (t *tx) changeDelay(l *lane, delay int64) (err error) {
	shorter := delay < l.state.delay
	l.state.delay = delay
	if !shorter {
		return nil
	}
	type turn struct {
		at position
		readyRecord
	}
	var late []turn
	err = func() (err error) {
		it, err := t.iter(key1(nil, l.id, subReady, u64(l.state.clock)+1), keySubEnd(nil, l.id, subReady))
		if err != nil {
			return err
		}
		defer closeIter(it, &err)
		for ok := it.First(); ok; ok = it.Next() {
			at, number := tail16(it.Key())
			u := turn{at: position{at, number}}
			if err := parseReadyRecord(&u.readyRecord, it.Value(), l.id, number); err != nil {
				return err
			}
			if max(u.floor, addMillis(u.sent, delay)) < int64(at) {
				late = append(late, u)
			}
		}
		return nil
	}()
	for i := 0; i < len(late) && err == nil; i++ {
		u := &late[i]
		if err = t.leaveLine(l, u.group, u.at); err == nil {
			u.floor = max(u.floor, int64(l.state.lowReady.at))
			err = t.standInLine(l, u.group, u.head, u.at.seq)
		}
	}
	return err
}

// takeLine takes what it may of the group at the front of the line.
func (rx *receiver) takeLine() error {
	t, l := rx.t, rx.l
	key := rx.line.Key()
	var at position
	at.at, at.seq = tail16(key)
	var r readyRecord
	if err := parseReadyRecord(&r, rx.line.Value(), l.id, at.seq); err != nil {
		return err
	}
	l.state.lowReady = position{at.at, 0}
	took, left, err := rx.takeGroup(&r)
	if err != nil {
		return err
	}
	switch {
	case took: // in memory now
		err = t.leaveLine(l, r.group, at)
	case left.seq == 0: // nothing is left of it
		err = t.leaveLine(l, r.group, at)
	case left.seq != r.seq || left.blocked: // its head was too old, or is not receivable yet
		left.floor = max(left.floor, r.floor)
		if !left.blocked {
			left.floor = max(left.floor, int64(at.at))
		}
		if err = t.leaveLine(l, r.group, at); err == nil {
			err = t.standInLine(l, r.group, left.head, at.seq)
		}
	default: // there is no room for it; it stays at the front
		rx.stop()
	}
	return err
}

// leftOver is the first message of a group that was not taken; sequence 0 for none.
type leftOver struct {
	head
	blocked bool // not receivable yet
}

// takeGroup leases messages of a group that is in line, from its head on. It says whether it took any, and which it did
// not.
func (rx *receiver) takeGroup(r *readyRecord) (took bool, left leftOver, err error) {
	t, l := rx.t, rx.l
	it, err := t.iter(keyGroup(nil, l.id, r.group, 0, r.seq), keyGroup(nil, l.id, r.group, 0, math.MaxUint64))
	if err != nil {
		return false, left, err
	}
	defer closeIter(it, &err)
	var g *group
	low := uint64(0)
	for ok := it.First(); ok; ok = it.Next() {
		seq := tail8(it.Key())
		var gr groupRecord
		if err := parseGroupRecord(&gr, it.Value(), l.id, seq); err != nil {
			return took, left, err
		}
		left = leftOver{head: head{seq, gr.notBefore, gr.sent}}
		if gr.notBefore > rx.now || addMillis(gr.sent, l.state.delay) > rx.now {
			left.blocked = true
			return took, left, nil
		}
		record, h, err := rx.read(position{0, seq})
		if err != nil {
			return took, left, err
		}
		le := leaseOf(&h, position{0, seq})
		le.applyGroup(&gr)
		le.waiting = gr.notBefore != 0
		if rx.tooOld(le.sent) {
			if err := t.erase(l, le, false); err != nil {
				return took, left, err
			}
			rx.expire()
			left = leftOver{}
			continue
		}
		if !rx.admits(int(h.body)) {
			return took, left, nil
		}
		if low == 0 {
			low = seq
		}
		if g == nil {
			g = l.group(r.group)
		}
		if err := rx.unwait(le); err != nil {
			return took, left, err
		}
		le.group, le.extra.low = g, low
		g.insert(le)
		took, left = true, leftOver{}
		if err := rx.lease(le, record); err != nil {
			return took, left, err
		}
	}
	if g != nil {
		g.whole = true
	}
	return took, left, nil
}

// unwait removes the w record of a message that was released until a time that has come.
func (rx *receiver) unwait(le *lease) error {
	if !le.waiting {
		return nil
	}
	le.waiting = false
	return rx.t.delete(key2(rx.t.key[:0], rx.l.id, subWaiting, u64(le.deadline), le.seq))
}

// takeFirst leases the messages of a group that lie before the first that is in flight or waits.
func (rx *receiver) takeFirst(g *group) error {
	rx.served = append(rx.served, g)
	low := g.members[0].seq
	for len(g.members) > 0 {
		i := 0
		for i < len(g.members) && rx.took[g.members[i]] {
			i++
		}
		if i == len(g.members) || g.members[i].deadline > rx.now {
			break
		}
		le := g.members[i]
		if addMillis(le.sent, rx.l.state.delay) > rx.now {
			break
		}
		if rx.tooOld(le.sent) {
			if err := rx.t.erase(rx.l, le, !le.waiting); err != nil {
				return err
			}
			rx.expire()
			rx.l.forget(le)
			continue
		}
		if !rx.admits(int(le.body)) {
			break
		}
		record, _, err := rx.read(le.position())
		if err != nil {
			return err
		}
		if err := rx.unwait(le); err != nil {
			return err
		}
		le.extra.low = low
		if err := rx.lease(le, record); err != nil {
			return err
		}
	}
	return nil
}
