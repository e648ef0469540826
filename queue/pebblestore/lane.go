package pebblestore

import (
	"fmt"
	"math"
	"sync"

	"github.com/signalbox-mq/signalbox/queue"
)

// lane is one queue in memory: a cache of its records, loaded at first touch, bounded by what is in flight.
type lane struct {
	id queue.ID

	mu     sync.Mutex
	loaded bool
	// moved says that the clock has moved since the state was written.
	moved bool
	// ticket is the number of the last commit that changed the queue.
	ticket uint64
	state  stateRecord

	// leases, by sequence, and not the waiting ones. Each is in one place: active when in flight (or waiting), returned
	// when its deadline has passed, or in neither when it is of a FIFO group and its deadline has passed.
	leases   map[uint64]*lease
	active   leaseHeap
	returned leaseHeap
	inFlight int

	// groups are the FIFO groups with leases. park are those with none in flight any more, which the next receive puts
	// back in line; first are those whose first message is receivable again while a later one is in flight, with their turn.
	groups map[h128]*group
	park   map[*group]struct{}
	first  map[*group]position
	// inLine says of some groups, those last met, from when on their turn in line is, or that they are not in line.
	inLine map[h128]uint64

	// tenants are those of a standard queue that have leases, waiting those among them that have other messages too, in the
	// order of their turn. Those without leases are in line as groups are.
	tenants map[h128]*tenant
	waiting tenantHeap

	delayed delayedCount

	// ahead is what was read ahead, from the cursor on. aheadSlot, when not zero, is that in the table of those who may.
	ahead     []aheadRecord
	aheadSlot int

	// nextMessage and nextReady are when the first m record from the cursor on, and the first r record, are due: never when
	// there is none, and only a lower bound unless exact.
	nextMessage, nextReady   int64
	exactMessage, exactReady bool

	// lookFrom and lookFromGroup are where to look for the oldest message: nothing live lies before them. sentFrom is the
	// same for t records.
	lookFrom      position
	lookFromGroup uint64
	sentFrom      uint64

	// removed counts messages removed since the low-water marks were moved.
	removed int

	// stirred says that something may have become receivable, or will earlier than before, since watchers were told.
	// taken says that a receive may have changed when the next is due, dry that it found nothing.
	stirred, taken, dry bool
	watchers            []*watcher
}

// group is a FIFO group that has leases. Its members are its messages up to the last that was leased, in order.
type group struct {
	hash     h128
	members  []*lease
	inFlight int
	// last is the sequence of the last member there ever was, whole that the group has no message after it.
	last  uint64
	whole bool
}

// reset forgets all but who watches. The next call loads the lane again.
func (l *lane) reset() {
	l.loaded, l.moved, l.stirred = false, false, true
	l.state = stateRecord{}
	l.leases, l.active, l.returned, l.inFlight = nil, nil, nil, 0
	l.groups, l.park, l.first, l.inLine = nil, nil, nil, nil
	l.tenants, l.waiting = nil, nil
	l.delayed = delayedCount{}
	l.nextMessage, l.nextReady, l.exactMessage, l.exactReady = 0, 0, false, false
	l.lookFrom, l.lookFromGroup, l.sentFrom = position{}, 0, 0
	l.removed = 0
	l.ahead = nil
}

// load reads the queue's state and leases, if that was not done. It never reads the backlog.
func (s *Store) load(l *lane) error {
	if l.loaded {
		return nil
	}
	t := &tx{s: s}
	v, closer, err := t.get(keyState(t.key[:0], l.id))
	if err != nil {
		return err
	}
	if closer != nil {
		err = parseState(&l.state, v, l.id)
		if e := closer.Close(); err == nil {
			err = e
		}
		if err != nil {
			return err
		}
	}
	l.leases = make(map[uint64]*lease)
	if l.state.last != 0 && !l.state.dropped && l.state.kind != queue.Log {
		if err := t.loadLeases(l); err != nil {
			l.reset()
			return err
		}
	}
	l.loaded = true
	return nil
}

func (t *tx) loadLeases(l *lane) (err error) {
	it, err := t.iter(key1(nil, l.id, subLease, l.state.lowLease), keySubEnd(nil, l.id, subLease))
	if err != nil {
		return err
	}
	defer closeIter(it, &err)
	for ok := it.First(); ok; ok = it.Next() {
		seq := tail8(it.Key())
		le, of, err := parseLease(it.Value(), l.id, seq)
		if err != nil {
			return err
		}
		l.leases[seq] = le
		switch of {
		case leaseGroup:
			g := l.group(le.extra.group)
			le.group = g
			g.members = append(g.members, le) // in order, as the l records are
			g.last = max(g.last, seq)
			g.inFlight++
		case leaseTenant:
			le.tenant = l.tenant(le.extra.group)
			le.tenant.leases++
			le.tenant.inFlight++
		}
		l.inFlight++
		l.active.add(le) // advance sorts out what has passed its deadline
	}
	for _, g := range l.groups {
		if err := t.loadWaiting(l, g); err != nil {
			return err
		}
	}
	return t.loadTenants(l)
}

// loadWaiting finds the messages of a group that were released until later and lie before leased ones.
func (t *tx) loadWaiting(l *lane, g *group) (err error) {
	low := g.members[0].seq
	for _, m := range g.members {
		low = min(low, m.extra.low)
	}
	it, err := t.iter(keyGroup(nil, l.id, g.hash, 0, low), keyGroup(nil, l.id, g.hash, 0, g.last))
	if err != nil {
		return err
	}
	defer closeIter(it, &err)
	for ok := it.First(); ok; ok = it.Next() {
		seq := tail8(it.Key())
		if l.leases[seq] != nil {
			continue
		}
		w, err := t.waitingMember(l, g, seq, it.Value())
		if err != nil {
			return err
		}
		g.insert(w)
		l.active.add(w)
	}
	return nil
}

// waitingMember makes a member of a message that is not leased, from its g record and its own.
func (t *tx) waitingMember(l *lane, g *group, seq uint64, value []byte) (*lease, error) {
	var gr groupRecord
	if err := parseGroupRecord(&gr, value, l.id, seq); err != nil {
		return nil, err
	}
	var h messageHeader
	v, closer, err := t.get(key2(t.key[:0], l.id, subMessage, 0, seq))
	if err != nil {
		return nil, err
	}
	if closer == nil {
		return nil, corrupt(l.id, seq, "the index by group names a message that is not there")
	}
	defer closer.Close()
	if _, err := parseHeader(&h, v, l.id, seq); err != nil {
		return nil, err
	}
	w := leaseOf(&h, position{0, seq})
	w.applyGroup(&gr)
	w.group, w.waiting, w.deadline = g, true, gr.notBefore
	return w, nil
}

// leaseOf makes a lease from a message's header.
func leaseOf(h *messageHeader, p position) *lease {
	le := &lease{
		seq: p.seq, at: p.at, index: -1, flags: h.flags, sent: h.sent, first: h.first, receives: h.receives,
		size: h.size, body: h.body,
	}
	if h.flags&(flagKeyed|flagGrouped) != 0 {
		le.extra = &leaseExtra{key: h.key, group: h.group, low: p.seq}
	}
	return le
}

// applyGroup takes over what a g record knows better than the message's own.
func (le *lease) applyGroup(g *groupRecord) {
	le.flags = le.flags&^flagState | g.flags&flagState
	le.receives, le.first, le.deadline = g.receives, g.first, g.notBefore
}

// group returns the memory of a FIFO group, which it makes if there is none.
func (l *lane) group(h h128) *group {
	g := l.groups[h]
	if g == nil {
		g = &group{hash: h}
		if l.groups == nil {
			l.groups = make(map[h128]*group)
		}
		l.groups[h] = g
	}
	return g
}

// find returns the index of the member with the sequence, or where it would be.
func (g *group) find(seq uint64) (int, bool) {
	lo, hi := 0, len(g.members)
	for lo < hi {
		mid := (lo + hi) / 2
		if g.members[mid].seq < seq {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, lo < len(g.members) && g.members[lo].seq == seq
}

func (g *group) insert(m *lease) {
	i, _ := g.find(m.seq)
	g.members = append(g.members, nil)
	copy(g.members[i+1:], g.members[i:])
	g.members[i] = m
	g.last = max(g.last, m.seq)
}

func (g *group) drop(m *lease) {
	if i, ok := g.find(m.seq); ok {
		copy(g.members[i:], g.members[i+1:])
		g.members[len(g.members)-1] = nil
		g.members = g.members[:len(g.members)-1]
	}
}

// advance moves the queue's clock and ends the leases whose deadline that passes.
func (l *lane) advance(now int64) {
	if now > l.state.clock {
		l.state.clock, l.moved = now, true
	}
	for len(l.active) > 0 && l.active[0].deadline <= l.state.clock {
		le := l.active[0]
		l.active.drop(le)
		l.ended(le)
	}
}

// ended books a lease (or a wait) whose deadline is now not after the clock. It is in no heap.
func (l *lane) ended(le *lease) {
	if !le.waiting {
		l.inFlight--
	}
	if le.tenant != nil {
		le.tenant.inFlight--
		le.tenant.returned.add(le)
		l.lineUp(le.tenant)
		return
	}
	g := le.group
	if g == nil {
		l.returned.add(le)
		return
	}
	if !le.waiting {
		g.inFlight--
	}
	l.consider(g)
}

// consider notes whether a group has something to give.
func (l *lane) consider(g *group) {
	turn, was := l.first[g]
	delete(l.first, g)
	delete(l.park, g)
	switch {
	case l.groups[g.hash] != g:
	case g.inFlight == 0:
		if l.park == nil {
			l.park = make(map[*group]struct{})
		}
		l.park[g] = struct{}{}
	case len(g.members) > 0 && g.members[0].deadline <= l.state.clock:
		if l.first == nil {
			l.first = make(map[*group]position)
		}
		if !was {
			turn = position{u64(l.state.clock), l.turn()}
		}
		l.first[g] = turn
	}
}

// begun books a lease that was given at the clock, with its deadline set. It is in no heap.
func (l *lane) begun(le *lease) {
	l.inFlight++
	if le.group != nil {
		le.group.inFlight++
	}
	if le.tenant != nil {
		le.tenant.inFlight++
	}
	if le.deadline > l.state.clock {
		l.active.add(le)
		if le.group != nil {
			l.consider(le.group)
		}
		return
	}
	l.ended(le)
}

// forget takes a lease (or a wait) out of memory.
func (l *lane) forget(le *lease) {
	if le.deadline > l.state.clock {
		if !le.waiting {
			l.inFlight--
			if le.group != nil {
				le.group.inFlight--
			}
			if le.tenant != nil {
				le.tenant.inFlight--
			}
		}
		l.active.drop(le)
	} else {
		l.dropReturned(le)
	}
	delete(l.leases, le.seq)
	if le.tenant != nil {
		le.tenant.leases--
	}
	if g := le.group; g != nil {
		g.drop(le)
		l.consider(g)
	}
}

// setDeadline moves the end of a lease.
func (l *lane) setDeadline(le *lease, deadline int64) {
	if le.deadline > l.state.clock {
		l.active.drop(le)
		l.inFlight--
		if le.group != nil {
			le.group.inFlight--
		}
		if le.tenant != nil {
			le.tenant.inFlight--
		}
	} else {
		l.dropReturned(le)
	}
	l.stirred = l.stirred || deadline < le.deadline
	le.deadline = deadline
	l.begun(le)
}

// dropReturned takes a lease that has ended out of the heap that it is in.
func (l *lane) dropReturned(le *lease) {
	switch {
	case le.tenant != nil:
		le.tenant.returned.drop(le)
		l.lineUp(le.tenant)
	case le.group == nil:
		l.returned.drop(le)
	}
}

// sequence returns the next sequence number, which is after all turns there were. In a log it is the one to keep, if that is higher
// than the last.
func (l *lane) sequence(keep uint64) uint64 {
	if keep > l.state.last {
		l.state.last = keep
		return keep
	}
	l.state.last = max(l.state.last+1, l.state.turn+1, uint64(max(l.state.clock, 0))<<20)
	return l.state.last
}

// turn returns a turn after all that there were, in one order with sequences, so that groups and free messages take turns.
func (l *lane) turn() uint64 {
	l.state.turn = max(l.state.turn, l.state.last) + 1
	return l.state.turn
}

// exists says whether the queue ever had a message and was not dropped.
func (l *lane) exists() bool { return l.state.last != 0 && !l.state.dropped }

// checkKind makes sure that a call and the queue's first append agree on what the queue is.
func (l *lane) checkKind(kind queue.Kind) error {
	if l.exists() && l.state.kind != kind {
		return fmt.Errorf("queue %d is %s and not %s: %w", l.id, l.state.kind, kind, queue.ErrKind)
	}
	return nil
}

// never is later than any time.
const never = math.MaxInt64

// addMillis is ms plus d in whole milliseconds, not later than the last time there is.
func addMillis(ms, d int64) int64 {
	if d > math.MaxInt64-1-ms {
		return math.MaxInt64 - 1
	}
	return ms + d
}

func u64(v int64) uint64 { return uint64(max(v, 0)) }
