package pebblestore

import (
	"container/heap"
	"math"

	"github.com/signalbox-mq/signalbox/queue"
)

// The tenants of a standard queue: its message groups, which take turns. What a tenant has waiting lies in its u records,
// in the order in which it is handed out. A tenant without leases stands in line as a FIFO group does: one r record at its
// turn, and an h record that says where. One with leases is in memory, with its turn and the place of its first u record,
// so that handing out its messages writes nothing but their leases. Turns are counted in one order with sequences, so
// that tenants and free messages take turns.

// tenant is a tenant that has leases.
type tenant struct {
	hash     h128
	leases   int
	inFlight int
	returned leaseHeap
	// next is the first u record, nowhere for none; served the turn that the tenant was given when it was last served.
	next, served position
	// turn and index are its place in lane.waiting; index is -1 when it is not in there. aside says that a receive has passed
	// it over and keeps it out.
	turn  position
	index int
	aside bool
}

// noisyShare is the part of all that is in flight above which a tenant is noisy: more than one in so many.
const noisyShare = 10

// ofTenant says whether a message is one of a tenant's.
func (l *lane) ofTenant(le *lease) bool { return le.at == 0 && l.state.kind == queue.Standard }

// tenant returns the memory of a tenant, which it makes if there is none.
func (l *lane) tenant(h h128) *tenant {
	tn := l.tenants[h]
	if tn == nil {
		tn = newTenant(h)
		l.remember(tn)
	}
	return tn
}

func newTenant(h h128) *tenant { return &tenant{hash: h, next: nowhere, index: -1} }

func (l *lane) remember(tn *tenant) {
	if l.tenants == nil {
		l.tenants = make(map[h128]*tenant)
	}
	l.tenants[tn.hash] = tn
}

// lineUp gives a tenant in memory the turn that its messages and its last service make.
func (l *lane) lineUp(tn *tenant) {
	if tn.aside {
		return
	}
	turn := tn.next
	if len(tn.returned) > 0 {
		if first := tn.returned[0]; int64(turn.at) > first.deadline {
			turn = position{u64(first.deadline), first.seq}
		}
	}
	if turn == nowhere {
		l.waiting.drop(tn)
		return
	}
	tn.turn = later(turn, tn.served)
	l.waiting.put(tn)
}

func later(a, b position) position {
	if a.less(b) {
		return b
	}
	return a
}

// loadTenants finds what the tenants with leases have waiting. They were served when the last of these leases began.
func (t *tx) loadTenants(l *lane) (err error) {
	low := make(map[*tenant]uint64, len(l.tenants))
	for _, le := range l.leases {
		if tn := le.tenant; tn != nil {
			low[tn] = max(low[tn], le.extra.low)
			tn.served = later(tn.served, position{u64(le.received), 0})
		}
	}
	for _, tn := range l.tenants {
		if tn.next, err = t.nextOfTenant(l, tn.hash, position{low[tn], 0}); err != nil {
			return err
		}
		l.lineUp(tn)
	}
	return nil
}

// nextOfTenant finds a tenant's first u record from a place on; nowhere for none.
func (t *tx) nextOfTenant(l *lane, group h128, from position) (next position, err error) {
	it, err := t.iter(keyTenant(nil, l.id, group, from), keyTenant(nil, l.id, group, position{math.MaxUint64, 0}))
	if err != nil {
		return nowhere, err
	}
	defer closeIter(it, &err)
	if !it.First() {
		return nowhere, nil
	}
	next.at, next.seq = tail16(it.Key())
	return next, nil
}

// enqueueTenant writes the u record of a new message, and puts its tenant in line if need be.
func (t *tx) enqueueTenant(l *lane, h *messageHeader, p position) error {
	g := groupRecord{flags: h.flags & flagState, sent: h.sent, receives: h.receives, first: h.first}
	if err := t.putWaiting(l, h.group, &g, p); err != nil {
		return err
	}
	if tn := l.tenants[h.group]; tn != nil {
		if p.less(tn.next) {
			tn.next = p
			l.lineUp(tn)
		}
		return nil
	}
	turn, err := t.turnInLine(l, h.group)
	if err != nil || turn != notInLine && turn <= p.at {
		return err // what is first in line comes no later
	}
	if turn != notInLine {
		at, _, _, err := t.headInLine(l, h.group)
		if err != nil {
			return err
		}
		if err := t.leaveLine(l, h.group, at); err != nil {
			return err
		}
	}
	return t.putInLine(l, h.group, p, head{p.seq, int64(p.at), h.sent})
}

// putWaiting writes the u record of a message, and where it is if its sequence does not tell.
func (t *tx) putWaiting(l *lane, group h128, g *groupRecord, p position) error {
	if p.at != p.seq>>20 {
		g.flags |= flagPlaced
		if err := t.set(key1(t.key[:0], l.id, subPlace, p.seq), putPlace(t.val[:0], p.at)); err != nil {
			return err
		}
		if err := t.set(key2(t.key[:0], l.id, subWaiting, p.at, p.seq), nil); err != nil {
			return err
		}
		if int64(p.at) > l.state.clock {
			l.delayed.add(int64(p.at))
		}
	}
	return t.set(keyTenant(t.key[:0], l.id, group, p), putGroupRecord(t.val[:0], g))
}

// findInTenant adds what the u record knows of a message that is not leased.
func (t *tx) findInTenant(l *lane, le *lease) error {
	at := le.seq >> 20
	v, err := t.getCopy(keyTenant(t.key[:0], l.id, le.extra.group, position{at, le.seq}))
	if err != nil {
		return err
	}
	if v == nil { // its sequence does not tell where it is
		if v, err = t.getCopy(key1(t.key[:0], l.id, subPlace, le.seq)); err != nil {
			return err
		}
		if at, err = parsePlace(v, l.id, le.seq); err != nil {
			return err
		}
		if v, err = t.getCopy(keyTenant(t.key[:0], l.id, le.extra.group, position{at, le.seq})); err != nil {
			return err
		}
	}
	if v == nil {
		return corrupt(l.id, le.seq, "the index by tenant misses it")
	}
	var g groupRecord
	if err := parseGroupRecord(&g, v, l.id, le.seq); err != nil {
		return err
	}
	le.applyTenant(&g, at)
	return nil
}

// applyTenant takes over what a u record knows.
func (le *lease) applyTenant(g *groupRecord, at uint64) {
	le.applyGroup(g)
	le.flags = le.flags&^flagPlaced | g.flags&flagPlaced
	le.extra.low, le.deadline, le.waiting = at, int64(at), g.flags&flagPlaced != 0
}

// unplace removes what says where a message of a tenant is that is going to be leased.
func (t *tx) unplace(l *lane, le *lease) error {
	if err := t.delete(keyTenant(t.key[:0], l.id, le.extra.group, position{le.extra.low, le.seq})); err != nil || !le.waiting {
		return err
	}
	le.waiting = false
	le.flags &^= flagPlaced
	if err := t.delete(key1(t.key[:0], l.id, subPlace, le.seq)); err != nil {
		return err
	}
	return t.delete(key2(t.key[:0], l.id, subWaiting, le.extra.low, le.seq))
}

// putOffTenant gives a message back until later.
func (t *tx) putOffTenant(l *lane, le *lease, until int64) error {
	tn, p := le.tenant, position{u64(until), le.seq}
	if err := t.delete(key1(t.key[:0], l.id, subLease, le.seq)); err != nil {
		return err
	}
	g := groupRecord{flags: le.flags & flagState, sent: le.sent, receives: le.receives, first: le.first}
	if err := t.putWaiting(l, tn.hash, &g, p); err != nil {
		return err
	}
	l.forget(le)
	if p.less(tn.next) {
		tn.next = p
		l.lineUp(tn)
	}
	l.stirred = true
	return t.leaveMemory(l, tn)
}

// leaveMemory puts a tenant that has no leases any more back in line.
func (t *tx) leaveMemory(l *lane, tn *tenant) error {
	if tn.leases > 0 || l.tenants[tn.hash] != tn {
		return nil
	}
	delete(l.tenants, tn.hash)
	l.waiting.drop(tn)
	if tn.next == nowhere {
		return nil
	}
	return t.standAgain(l, tn.hash, later(tn.next, tn.served), tn.next)
}

// standAgain puts a tenant in line that had a turn before, not before the low-water mark of the line.
func (t *tx) standAgain(l *lane, group h128, turn, first position) error {
	turn.at = max(turn.at, l.state.lowReady.at)
	return t.putInLine(l, group, turn, head{first.seq, int64(first.at), 0})
}

// removedFromTenant mends turns after a message was removed that was not leased.
func (t *tx) removedFromTenant(l *lane, le *lease) error {
	group, p := le.extra.group, position{le.extra.low, le.seq}
	tn := l.tenants[group]
	if tn != nil {
		if tn.next != p {
			return nil
		}
		next, err := t.nextOfTenant(l, group, position{p.at, p.seq + 1})
		tn.next = next
		l.lineUp(tn)
		return err
	}
	at, first, found, err := t.headInLine(l, group)
	if err != nil || !found || first != p.seq {
		return err
	}
	if err := t.leaveLine(l, group, at); err != nil {
		return err
	}
	next, err := t.nextOfTenant(l, group, position{p.at, p.seq + 1})
	if err != nil || next == nowhere {
		return err
	}
	return t.standAgain(l, group, later(at, next), next)
}

// tenantHeap orders tenants by their turn.
type tenantHeap []*tenant

func (h tenantHeap) Len() int           { return len(h) }
func (h tenantHeap) Less(i, j int) bool { return h[i].turn.less(h[j].turn) }
func (h tenantHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *tenantHeap) Push(x any) {
	tn := x.(*tenant)
	tn.index = len(*h)
	*h = append(*h, tn)
}

func (h *tenantHeap) Pop() any {
	old := *h
	tn := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	tn.index = -1
	return tn
}

// put adds a tenant, or moves it to where its turn is now.
func (h *tenantHeap) put(tn *tenant) {
	if tn.index >= 0 {
		heap.Fix(h, tn.index)
		return
	}
	heap.Push(h, tn)
}

func (h *tenantHeap) drop(tn *tenant) {
	if tn.index >= 0 {
		heap.Remove(h, tn.index)
	}
}
