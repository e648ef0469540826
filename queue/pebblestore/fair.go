package pebblestore

import (
	"bytes"
	"math"
	"slices"

	"github.com/signalbox-mq/signalbox/queue"
)

// How a receive from a standard queue takes turns among tenants.

func (rx *receiver) prepareTenants() error {
	l := rx.l
	if l.state.grouped == 0 || l.nextReady > rx.now {
		return nil
	}
	it, err := rx.t.iter(key1(nil, l.id, subReady, l.state.lowReady.at), keySubEnd(nil, l.id, subReady))
	if err != nil {
		return err
	}
	rx.line = it
	it.First()
	return nil
}

// lineEnds notes when something in line will be due, after all that is has been taken.
func (rx *receiver) lineEnds() {
	l := rx.l
	switch {
	case rx.line == nil:
	case rx.req.Kind == queue.FIFO || rx.stoodAgain:
		l.nextReady, l.exactReady = rx.now+1, false
	case rx.line.Valid():
		at, _ := tail16(rx.line.Key())
		l.nextReady, l.exactReady = int64(at), true
	default:
		l.nextReady, l.exactReady = never, true
	}
}

// noisy says whether a tenant in memory is noisy. What this receive takes is not booked before it ends.
func (l *lane) noisy(tn *tenant) bool {
	return tn.inFlight >= queue.NoisyInFlight && tn.inFlight*noisyShare > l.inFlight
}

// tenantTurn says whose turn comes next among the tenants in memory that are not noisy; it puts the others aside, of which
// there are fewer than noisyShare.
func (rx *receiver) tenantTurn() position {
	l := rx.l
	for len(l.waiting) > 0 && int64(l.waiting[0].turn.at) <= rx.now {
		tn := l.waiting[0]
		if !l.noisy(tn) {
			return tn.turn
		}
		l.waiting.drop(tn)
		tn.aside = true
		rx.noisy = append(rx.noisy, tn)
	}
	return nowhere
}

// takeWaiting takes a message of the tenant in memory whose turn it is.
func (rx *receiver) takeWaiting() error {
	_, err := rx.takeOf(rx.l.waiting[0])
	return err
}

// takeNoisy takes a message of the noisy tenant that has the fewest in flight.
func (rx *receiver) takeNoisy() error {
	held := func(tn *tenant) int { return tn.inFlight + rx.taken[tn] }
	first := slices.MinFunc(rx.noisy, func(a, b *tenant) int { return held(a) - held(b) })
	took, err := rx.takeOf(first)
	if err == nil && !took && !rx.done { // it has no more
		rx.noisy = slices.DeleteFunc(rx.noisy, func(tn *tenant) bool { return tn == first })
		first.aside = false
		rx.l.lineUp(first)
	}
	return err
}

// takeTenantInLine takes a message of the tenant at the front of the line.
func (rx *receiver) takeTenantInLine() error {
	t, l := rx.t, rx.l
	var at position
	at.at, at.seq = tail16(rx.line.Key())
	var r readyRecord
	if err := parseReadyRecord(&r, rx.line.Value(), l.id, at.seq); err != nil {
		return err
	}
	l.state.lowReady = position{at.at, 0}
	tn, first := newTenant(r.group), position{u64(r.floor), r.seq}
	tn.next, tn.served, tn.aside = first, at, true
	took, err := rx.takeOf(tn)
	if err != nil || !took && tn.next == first {
		return err // there is no room for it; it stays at the front
	}
	if err := t.leaveLine(l, r.group, at); err != nil {
		return err
	}
	tn.aside = false
	switch {
	case took: // in memory now
		l.remember(tn)
		l.lineUp(tn)
	case tn.next != nowhere: // its first messages were too old
		rx.stoodAgain = true
		return t.standAgain(l, r.group, later(at, tn.next), tn.next)
	}
	return nil
}

// takeOf takes one message of a tenant, if it has one, and gives the tenant its next turn.
func (rx *receiver) takeOf(tn *tenant) (took bool, err error) {
	l := rx.l
	for !took && !rx.done {
		switch {
		case len(rx.picked) == rx.req.Max:
			rx.stop()
		case rx.res.Expired >= maxExpiredPerReceive:
			return false, nil
		case len(tn.returned) > 0:
			took, err = rx.takeBack(tn)
		case int64(tn.next.at) <= rx.now:
			took, err = rx.takeNext(tn)
		default:
			l.lineUp(tn)
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	if took {
		tn.served = position{u64(rx.now), l.turn()}
		if rx.taken == nil {
			rx.taken = make(map[*tenant]int)
		}
		rx.taken[tn]++
	}
	l.lineUp(tn)
	return took, nil
}

// takeBack leases a tenant's message whose last lease has ended.
func (rx *receiver) takeBack(tn *tenant) (took bool, err error) {
	t, l := rx.t, rx.l
	le := tn.returned[0]
	if rx.tooOld(le.sent) {
		if err := t.erase(l, le, true); err != nil {
			return false, err
		}
		rx.expire()
		l.forget(le)
		rx.shrunk = append(rx.shrunk, tn)
		return false, nil
	}
	if !rx.admits(int(le.body)) {
		return false, nil
	}
	record, _, err := rx.read(le.position())
	if err != nil {
		return false, err
	}
	tn.returned.drop(le)
	return true, rx.lease(le, record)
}

// takeNext leases the first of a tenant's messages that are not leased.
func (rx *receiver) takeNext(tn *tenant) (took bool, err error) {
	t, l := rx.t, rx.l
	p := tn.next
	if err := rx.seekBacklog(tn); err != nil {
		return false, err
	}
	var g groupRecord
	if err := parseGroupRecord(&g, rx.backlog.Value(), l.id, p.seq); err != nil {
		return false, err
	}
	record, h, err := rx.read(position{0, p.seq})
	if err != nil {
		return false, err
	}
	le := leaseOf(&h, position{0, p.seq})
	if le.extra == nil {
		return false, corrupt(l.id, p.seq, "no group in a message of one")
	}
	le.applyTenant(&g, p.at)
	old := rx.tooOld(le.sent)
	if !old && !rx.admits(int(h.body)) {
		return false, nil
	}
	tn.next = nowhere
	if rx.backlog.Next() {
		tn.next.at, tn.next.seq = tail16(rx.backlog.Key())
	}
	if old {
		if err := t.erase(l, le, false); err != nil {
			return false, err
		}
		rx.expire()
		return false, nil
	}
	if err := t.unplace(l, le); err != nil {
		return false, err
	}
	le.tenant = tn
	tn.leases++
	return true, rx.lease(le, record)
}

// seekBacklog moves the backlog iterator to the tenant's first u record. Its bounds are the tenant's own, so that it never
// passes what was consumed of another.
func (rx *receiver) seekBacklog(tn *tenant) (err error) {
	t, l := rx.t, rx.l
	key := keyTenant(t.key[:0], l.id, tn.hash, tn.next)
	if rx.backlog != nil && rx.of == tn.hash && rx.backlog.Valid() && bytes.Equal(rx.backlog.Key(), key) {
		return nil
	}
	end := keyTenant(t.end[:0], l.id, tn.hash, position{math.MaxUint64, 0})
	if rx.backlog == nil {
		if rx.backlog, err = t.iter(bytes.Clone(key), bytes.Clone(end)); err != nil {
			return err
		}
	} else {
		rx.backlog.SetBounds(key, end)
	}
	rx.of = tn.hash
	if !rx.backlog.First() || !bytes.Equal(rx.backlog.Key(), key) {
		return corrupt(l.id, tn.next.seq, "the index by tenant misses it")
	}
	return nil
}

// leave puts tenants back in line that have lost their last lease by age.
func (rx *receiver) leave() error {
	for _, tn := range rx.noisy {
		tn.aside = false
		rx.l.lineUp(tn)
	}
	for _, tn := range rx.shrunk {
		if err := rx.t.leaveMemory(rx.l, tn); err != nil {
			return err
		}
	}
	return nil
}
