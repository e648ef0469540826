package pebblestore

import (
	"context"
	"math/rand/v2"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/signalbox-mq/signalbox/queue"
)

// maxExpiredPerReceive is how many messages that are too old one receive removes before it gives up looking for others;
// that is Expire's work.
const maxExpiredPerReceive = 10_000

// Receive implements [queue.Store].
func (s *Store) Receive(ctx context.Context, req queue.ReceiveRequest) (queue.ReceiveResult, error) {
	var none queue.ReceiveResult
	if err := s.begin(ctx); err != nil {
		return none, err
	}
	defer s.end()
	if req.Kind == queue.Log {
		return none, queue.ErrKind
	}
	if req.Max < 1 {
		return none, &queue.InvalidError{Field: "max", Reason: "must be at least 1"}
	}
	if req.Kind == queue.FIFO && len(req.Attempt) > queue.MaxAttempt {
		return none, &queue.InvalidError{Field: "attempt", Reason: "must be at most 128 bytes"}
	}
	l, err := s.lockOne(req.Queue, req.Now.UnixMilli())
	if err != nil {
		return none, err
	}
	if err := l.checkKind(req.Kind); err != nil || !l.exists() {
		l.mu.Unlock()
		return none, err
	}
	set := locked{l}
	t := s.begintx(req.Kind == queue.FIFO)
	defer t.close()
	rx := receiver{t: t, l: l, req: &req, now: l.state.clock}
	repeated, err := rx.repeat()
	if err == nil && !repeated {
		err = rx.fresh()
	}
	if err == nil {
		err = t.putStates(set)
	}
	// Losing the lease on a message of a group would break the group's order; losing that on a free one does not.
	inGroup := func(le *lease) bool { return le.group != nil }
	grouped := slices.ContainsFunc(rx.picked, inGroup) || slices.ContainsFunc(rx.given, inGroup)
	if err := t.finish(set, grouped || rx.res.Expired > 0, err); err != nil {
		return none, err
	}
	return rx.res, nil
}

// fresh receives, and books what was taken.
func (rx *receiver) fresh() error {
	err := rx.run()
	if err == nil {
		rx.readAhead()
		err = rx.leave()
	}
	rx.close(&err)
	if err == nil {
		err = rx.remember()
	}
	if err == nil {
		rx.settle()
	}
	return err
}

// receiver is one receive in the making.
type receiver struct {
	t   *tx
	l   *lane
	req *queue.ReceiveRequest
	now int64

	room   int // in flight
	bytes  int
	picked []*lease
	took   map[*lease]bool // picked, where it matters
	served []*group        // groups whose turn as firstTurn has been
	done   bool
	res    queue.ReceiveResult

	attempt h128     // of the request's
	given   []*lease // of res.Messages

	free     *pebble.Iterator // messages outside of FIFO groups, from the cursor or what was read ahead to now
	freeOpen bool             // free is there, or there is none
	tookFree bool             // at least one was taken from free
	line     *pebble.Iterator // groups in line, from the front to now

	backlog *pebble.Iterator // over the u records of the tenant that was looked at last
	of      h128             // that tenant
	noisy   []*tenant        // tenants that were passed over: their turn has come and they are not in lane.waiting
	taken   map[*tenant]int  // how many messages of each tenant were taken
	shrunk  []*tenant        // tenants that lost a lease by age

	stoodAgain bool // line does not show all that is in line
}

// run takes messages in their order until there are no more or no room.
func (rx *receiver) run() error {
	l := rx.l
	rx.room = rx.req.Max
	if rx.req.MaxInFlight > 0 {
		rx.room = max(rx.req.MaxInFlight-l.inFlight, 0)
	}
	prepare := rx.prepareTenants
	if rx.req.Kind == queue.FIFO {
		prepare = rx.prepareGroups
	}
	if err := prepare(); err != nil {
		return err
	}
	if err := rx.takeReturned(); err != nil || rx.done {
		return err
	}
	for !rx.done {
		turn, g := rx.firstTurn()
		line := rx.lineTurn()
		waiting := rx.tenantTurn()
		free, err := rx.freeTurn()
		if err != nil {
			return err
		}
		switch {
		case free != nowhere && free.less(line) && free.less(turn) && free.less(waiting):
			err = rx.takeFree(free)
		case waiting != nowhere && waiting.less(line):
			err = rx.takeWaiting()
		case turn != nowhere && turn.less(line):
			err = rx.takeFirst(g)
		case line != nowhere:
			take := rx.takeTenantInLine
			if rx.req.Kind == queue.FIFO {
				take = rx.takeLine
			}
			if err = take(); err == nil && !rx.done {
				rx.line.Next()
			}
		case len(rx.noisy) > 0:
			err = rx.takeNoisy()
		default:
			if rx.free != nil {
				l.nextMessage, l.exactMessage = rx.now+1, false
			}
			rx.lineEnds()
			return nil
		}
		if err != nil {
			return err
		}
		if rx.res.Expired >= maxExpiredPerReceive {
			rx.stop()
		}
	}
	return nil
}

func (rx *receiver) stop() { rx.done = true }

// nowhere is after every turn.
var nowhere = position{never, never}

func (rx *receiver) prepareGroups() error {
	l := rx.l
	if err := rx.t.unlockEnded(l); err != nil {
		return err
	}
	if delay := max(rx.req.Delay.Milliseconds(), 0); delay != l.state.delay {
		if err := rx.t.changeDelay(l, delay); err != nil {
			return err
		}
	}
	rx.took = make(map[*lease]bool)
	if l.nextReady > rx.now {
		return nil
	}
	it, err := rx.t.iter(key1(nil, l.id, subReady, l.state.lowReady.at), key1(nil, l.id, subReady, u64(rx.now)+1))
	if err != nil {
		return err
	}
	rx.line = it
	it.First()
	return nil
}

// openFree opens the iterator behind the cursor. What was read ahead must have been taken.
func (rx *receiver) openFree() error {
	l := rx.l
	if rx.freeOpen || l.nextMessage > rx.now {
		return nil
	}
	rx.freeOpen = true
	low := l.state.cursor
	low.at = max(low.at, 1) // at zero are those in FIFO groups
	var lower, upper [maxKey]byte
	it, err := rx.t.iter(key2(lower[:0], l.id, subMessage, low.at, low.seq), key1(upper[:0], l.id, subMessage, u64(rx.now)+1))
	if err != nil {
		return err
	}
	rx.free = it
	it.First()
	return nil
}

func (rx *receiver) close(err *error) {
	if rx.free != nil {
		closeIter(rx.free, err)
	}
	if rx.line != nil {
		closeIter(rx.line, err)
	}
	if rx.backlog != nil {
		closeIter(rx.backlog, err)
	}
}

// freeTurn, lineTurn and firstTurn say whose turn comes next among free messages, groups in line, and groups of which
// messages before those in flight are receivable again.
func (rx *receiver) freeTurn() (position, error) {
	if len(rx.l.ahead) > 0 {
		return rx.l.ahead[0].position, nil
	}
	if err := rx.openFree(); err != nil {
		return nowhere, err
	}
	if rx.free == nil || !rx.free.Valid() {
		return nowhere, nil
	}
	at, seq := tail16(rx.free.Key())
	return position{at, seq}, nil
}

func (rx *receiver) lineTurn() position {
	if rx.line == nil || !rx.line.Valid() {
		return nowhere
	}
	at, seq := tail16(rx.line.Key())
	if int64(at) > rx.now {
		return nowhere
	}
	return position{at, seq}
}

func (rx *receiver) firstTurn() (position, *group) {
	turn, first := nowhere, (*group)(nil)
	for g, p := range rx.l.first {
		if p.less(turn) && !slices.Contains(rx.served, g) {
			turn, first = p, g
		}
	}
	return turn, first
}

// takeReturned leases free messages whose last lease has ended.
func (rx *receiver) takeReturned() error {
	l := rx.l
	for len(l.returned) > 0 {
		le := l.returned[0]
		if rx.tooOld(le.sent) {
			if err := rx.t.erase(l, le, true); err != nil {
				return err
			}
			rx.expire()
			l.forget(le)
			continue
		}
		if !rx.admits(int(le.body)) {
			return nil
		}
		record, _, err := rx.read(le.position())
		if err != nil {
			return err
		}
		l.returned.drop(le)
		if err := rx.lease(le, record); err != nil {
			return err
		}
	}
	return nil
}

// takeFree leases the free message whose turn it is.
func (rx *receiver) takeFree(p position) error {
	t, l := rx.t, rx.l
	ahead := len(l.ahead) > 0
	var record []byte
	if ahead {
		record = l.ahead[0].record
	} else {
		record = append([]byte(nil), rx.free.Value()...)
	}
	var h messageHeader
	if _, err := parseHeader(&h, record, l.id, p.seq); err != nil {
		return err
	}
	le := leaseOf(&h, p)
	if rx.tooOld(h.sent) {
		if err := t.erase(l, le, false); err != nil {
			return err
		}
		rx.expire()
	} else {
		if !rx.admits(int(h.body)) {
			return nil
		}
		if err := rx.lease(le, record); err != nil {
			return err
		}
	}
	l.state.cursor = position{p.at, p.seq + 1}
	if !ahead {
		rx.tookFree = true
		rx.free.Next()
	} else {
		l.ahead[0] = aheadRecord{}
		l.ahead = l.ahead[1:]
	}
	return nil
}

func (rx *receiver) tooOld(sent int64) bool {
	r := rx.req.Retention.Milliseconds()
	return rx.req.Retention > 0 && addMillis(sent, r) <= rx.now
}

// expire counts a message that was removed for its age.
func (rx *receiver) expire() {
	rx.res.Expired++
	rx.l.state.expired++
}

// admits says whether another message may be returned, and ends the receive if not.
func (rx *receiver) admits(body int) bool {
	n := len(rx.picked)
	switch {
	case n == rx.req.Max, n > 0 && rx.req.MaxBytes > 0 && rx.bytes+body > rx.req.MaxBytes:
		rx.stop()
		return false
	case n == rx.room:
		rx.res.OverLimit = true
		rx.stop()
		return false
	}
	return true
}

// read copies a message's record and parses its header.
func (rx *receiver) read(p position) (record []byte, h messageHeader, err error) {
	record, err = rx.t.getCopy(key2(rx.t.key[:0], rx.l.id, subMessage, p.at, p.seq))
	if err != nil {
		return nil, h, err
	}
	if record == nil {
		return nil, h, corrupt(rx.l.id, p.seq, "an index names a message that is not there")
	}
	_, err = parseHeader(&h, record, rx.l.id, p.seq)
	return record, h, err
}

// lease hands a message out.
func (rx *receiver) lease(le *lease, record []byte) error {
	t, l, req := rx.t, rx.l, rx.req
	exceeded := req.MaxReceives > 0 && int(le.receives) >= req.MaxReceives
	if !exceeded {
		le.receives++
		if le.first == 0 {
			le.first = rx.now
		}
	}
	le.received, le.nonce = rx.now, rand.Uint64()|1 // zero is no lease's
	visibility := req.Visibility
	if exceeded {
		visibility = max(visibility, queue.ExceededLease)
	}
	le.deadline = addMillis(rx.now, max(visibility.Milliseconds(), 0))
	l.leases[le.seq] = le
	l.state.lowLease = min(l.state.lowLease, le.seq)
	if err := t.set(key1(t.key[:0], l.id, subLease, le.seq), putLease(t.val[:0], le)); err != nil {
		return err
	}
	m, err := rx.message(le, record)
	if err != nil {
		return err
	}
	if exceeded {
		rx.res.Exceeded = append(rx.res.Exceeded, m)
	} else {
		rx.res.Messages = append(rx.res.Messages, m)
		if req.Attempt != "" {
			rx.given = append(rx.given, le)
		}
	}
	rx.picked = append(rx.picked, le)
	rx.bytes += len(m.Body)
	if rx.took != nil {
		rx.took[le] = true
	}
	return nil
}

// message makes what is handed out of a message's record, which it takes over, and its lease.
func (rx *receiver) message(le *lease, record []byte) (m queue.Message, err error) {
	t, l := rx.t, rx.l
	var h messageHeader
	if err := t.readMessage(&m, &h, record, l.id, le.seq); err != nil {
		return m, err
	}
	if le.flags&flagState != 0 {
		if err := t.readState(&m, l.id, le.seq); err != nil {
			return m, err
		}
	}
	m.Receives, m.FirstReceived = int(le.receives), timeOf(le.first)
	m.Receipt = queue.Receipt{Queue: l.id, Sequence: le.seq, Locator: le.at, Nonce: le.nonce}
	m.Deadline = timeOf(le.deadline)
	return m, nil
}

// settle books the leases in memory, after all have been taken: one of no length must not be taken twice.
func (rx *receiver) settle() {
	rx.l.taken, rx.l.dry = true, len(rx.picked) == 0
	for _, g := range rx.served {
		delete(rx.l.first, g) // it gets another turn
	}
	for _, le := range rx.picked {
		rx.l.begun(le)
	}
	for _, g := range rx.served {
		rx.l.consider(g)
	}
}
