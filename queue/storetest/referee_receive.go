package storetest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// receive judges which messages the store chose, then leases the same ones.
func (r *referee) receive(o op) error {
	id := r.id(o.Slot)
	sec := func(n int) time.Duration { return time.Duration(n) * time.Second }
	req := queue.ReceiveRequest{
		Now: r.at(o.Back, id), Queue: id, Kind: slots[o.Slot], Max: o.Max, MaxBytes: o.MaxBytes, Visibility: sec(o.Visibility),
		MaxReceives: o.MaxReceives, MaxInFlight: o.MaxInFlight, Delay: sec(o.Delay), Retention: sec(o.Retention),
	}
	if o.Attempt > 0 {
		req.Attempt, req.AttemptWindow = r.attemptName(id, o.Attempt), 6*time.Second
	}
	if req.Visibility == 0 || r.h.Partitioned && req.Kind == queue.Standard {
		// Reading: whether a lease of no length counts toward the limit is open.
		req.MaxInFlight = 0
	}
	if _, ok := r.data.(Crasher); ok && req.Kind == queue.Standard {
		// Whether a removal for age survives a crash depends on the receive it was part of.
		req.Retention = 0
	}
	res, err := r.store.Receive(r.ctx, req)
	if err != nil {
		return err
	}
	n := len(res.Messages) + len(res.Exceeded)
	q := r.state.get(id)
	if q == nil {
		if n+res.Expired > 0 || res.OverLimit {
			return fmt.Errorf("from a queue without messages: %+v", res)
		}
		return nil
	}
	r.stir(id)
	if again := q.startAttempt(req, q.clock(req.Now)); again != nil {
		return r.repeated(q, again, req, res)
	}
	c, err := r.choices(q, req, res)
	if err != nil {
		return err
	}
	if err := c.allow(r, req, res); err != nil {
		return err
	}
	c.serve(len(res.Messages))
	for i, got := range slices.Concat(res.Messages, res.Exceeded) {
		if err := r.adopt(q, c.picked[i], req, got, i >= len(res.Messages)); err != nil {
			return err
		}
	}
	q.remember(req, c.ms, res.Messages)
	r.watch.received(id, millis(req.Delay), n == 0 && !res.OverLimit)
	return nil
}

// adopt leases a message as the store did and compares what it handed out.
func (r *referee) adopt(q *queueState, m *message, req queue.ReceiveRequest, got queue.Message, inExceeded bool) error {
	lease := queue.Receipt{Queue: q.id, Sequence: got.Sequence, Nonce: got.Receipt.Nonce}
	if r.nonces[lease] {
		return fmt.Errorf("message %d: nonce %d for a second time", got.Sequence, got.Receipt.Nonce)
	}
	r.nonces[lease] = true
	want, exceeded := q.lease(m, q.latest, req, got.Receipt.Nonce)
	want.Receipt.Locator = got.Receipt.Locator
	if exceeded != inExceeded {
		return fmt.Errorf("message %d received %d times with limit %d: in Exceeded %v", got.Sequence, got.Receives, req.MaxReceives, inExceeded)
	}
	if err := diff("message", got, want); err != nil {
		return err
	}
	if want.State == nil && got.State != nil {
		return fmt.Errorf("message %d: state is empty, want nil", got.Sequence)
	}
	r.receipts = append(r.receipts, got.Receipt)
	return nil
}

// choices are what a receive could choose from and what it chose.
type choices struct {
	q      *queueState
	ms     int64
	free   []*message
	groups map[string][]*message
	// tooOld are receivable but for their age, and still there.
	tooOld int
	// picked are the messages of the result, in its order, Exceeded last.
	picked []*message
	taken  map[*message]bool
	room   int
}

// choices finds what was there to choose. Messages that the store removed for their age are removed here too.
func (r *referee) choices(q *queueState, req queue.ReceiveRequest, res queue.ReceiveResult) (*choices, error) {
	c := &choices{q: q, ms: q.clock(req.Now), taken: map[*message]bool{}}
	c.room = req.Max
	if req.MaxInFlight > 0 {
		c.room = min(c.room, max(0, req.MaxInFlight-q.inFlight(c.ms)))
	}
	old := func(m *message) bool { return tooOld(m, c.ms, req.Retention) }
	c.free, c.groups = q.receivable(c.ms, millis(req.Delay))
	if res.Expired > 0 {
		left, err := r.sequences(q.id, q.kind)
		if err != nil {
			return nil, err
		}
		removed := 0
		for _, m := range slices.Clone(q.messages) {
			if left[m.stored.Sequence] {
				continue
			}
			if !old(m) || !slices.Contains(c.free, m) && !slices.Contains(c.groups[m.stored.Group], m) {
				return nil, fmt.Errorf("message %d was removed by a receive but not for its age", m.stored.Sequence)
			}
			q.remove(m)
			q.expired++
			removed++
		}
		if removed != res.Expired {
			return nil, fmt.Errorf("%d messages counted as expired, %d removed", res.Expired, removed)
		}
		c.free, c.groups = q.receivable(c.ms, millis(req.Delay))
	}
	all := len(c.all())
	c.free = slices.DeleteFunc(c.free, old)
	for g := range c.groups {
		if c.groups[g] = slices.DeleteFunc(c.groups[g], old); len(c.groups[g]) == 0 {
			delete(c.groups, g)
		}
	}
	c.tooOld = all - len(c.all())
	candidates := c.all()
	for _, got := range slices.Concat(res.Messages, res.Exceeded) {
		i := slices.IndexFunc(candidates, func(m *message) bool { return m.stored.Sequence == got.Sequence })
		if i < 0 {
			return nil, fmt.Errorf("message %d (%q) was not receivable: %s", got.Sequence, got.Body, q.describe(got.Sequence, c.ms))
		}
		m := candidates[i]
		if c.taken[m] {
			return nil, fmt.Errorf("message %d twice in one receive", got.Sequence)
		}
		c.taken[m] = true
		c.picked = append(c.picked, m)
	}
	return c, nil
}

func (c *choices) all() []*message {
	all := slices.Clone(c.free)
	for _, g := range c.groups {
		all = append(all, g...)
	}
	return all
}

// describe says what the referee knows of a message.
func (q *queueState) describe(sequence uint64, ms int64) string {
	m := q.find(sequence)
	if m == nil {
		return "it is not in the queue"
	}
	s, due := m.status(ms)
	return fmt.Sprintf("status %d until %d at %d, group %q, sent %d, received %d times", s, due, ms, m.stored.Group, m.stored.Sent.UnixMilli(), m.stored.Receives)
}

// sequences reads which messages a queue has.
func (r *referee) sequences(id queue.ID, kind queue.Kind) (map[uint64]bool, error) {
	out := map[uint64]bool{}
	req := queue.ScanRequest{Now: r.now, Queue: id, Kind: kind, Limit: 1000}
	for {
		res, err := r.store.Scan(r.ctx, req)
		if err != nil {
			return nil, err
		}
		for _, p := range res.Messages {
			out[p.Message.Sequence] = true
		}
		if !res.More {
			return out, nil
		}
		req.From = res.Next
	}
}

// allow checks amount and order of what was chosen.
func (c *choices) allow(r *referee, req queue.ReceiveRequest, res queue.ReceiveResult) error {
	n := len(c.picked)
	if n > c.room {
		return fmt.Errorf("%d messages, room for %d (%+v)", n, c.room, req)
	}
	total, sent := 0, 0
	for i, m := range c.picked {
		total += len(m.stored.Body)
		if i < len(res.Messages) {
			sent += len(m.stored.Body)
		}
	}
	if req.MaxBytes > 0 && sent > req.MaxBytes && len(res.Messages) > 1 {
		return fmt.Errorf("%d bytes in %d messages, limit %d", sent, len(res.Messages), req.MaxBytes)
	}
	// cut says that MaxBytes may have ended it.
	more, cut := false, false
	for _, m := range c.all() {
		if !c.taken[m] {
			more = true
			cut = cut || req.MaxBytes > 0 && n > 0 && total+len(m.stored.Body) > req.MaxBytes
		}
	}
	if n < c.room && !cut {
		if more {
			return fmt.Errorf("%d messages of %d receivable, room for %d", n, len(c.all()), c.room)
		}
		if c.tooOld > 0 {
			return fmt.Errorf("%d messages are too old and still there", c.tooOld)
		}
	}
	atLimit := c.room < req.Max && n == c.room
	switch {
	case res.OverLimit && (!atLimit && (n < c.room || req.MaxInFlight <= 0) || !more):
		return fmt.Errorf("OverLimit with %d messages, room for %d, more %v", n, c.room, more)
	case !res.OverLimit && atLimit && more && !cut:
		return fmt.Errorf("no OverLimit with %d messages, in-flight limit %d, more there", n, req.MaxInFlight)
	}
	if req.Kind == queue.Standard {
		if r.h.Unordered {
			return nil
		}
		return c.tenantOrder(len(res.Messages))
	}
	return errors.Join(c.freeOrder(r.h.Unordered, len(res.Messages)), c.groupOrder(r, len(res.Messages)))
}

// freeOrder checks the order of messages without a group: none may be passed over, or come later, that must come first.
func (c *choices) freeOrder(unordered bool, messages int) error {
	if unordered {
		return nil
	}
	var free []*message
	for i, m := range c.picked {
		if i == messages {
			free = nil // Exceeded has an order of its own.
		}
		if c.q.grouped(m) {
			continue
		}
		earliest, _ := m.turns()
		for _, o := range c.free {
			if _, latest := o.turns(); !c.taken[o] && latest.before(earliest) {
				return fmt.Errorf("message %d was passed over for %d", o.stored.Sequence, m.stored.Sequence)
			}
		}
		for _, o := range free {
			if _, latest := m.turns(); latest.before(first(o.turns())) {
				return fmt.Errorf("message %d came before %d", o.stored.Sequence, m.stored.Sequence)
			}
		}
		free = append(free, m)
	}
	return nil
}

// groupOrder checks that of each group the first were taken, in order; that one group was finished before the next; and
// that no group was served before one that waited while it was served the last time.
func (c *choices) groupOrder(r *referee, messages int) error {
	served := map[string]int{}
	var order []string
	parts := [2]map[string]bool{{}, {}}
	last := map[[2]string]uint64{}
	for i, m := range c.picked {
		if !c.q.grouped(m) {
			continue
		}
		g, part := m.stored.Group, 0
		if i >= messages {
			part = 1
		}
		list := [2]string{g, fmt.Sprint(part)}
		if m.stored.Sequence < last[list] {
			return fmt.Errorf("group %q out of order: %d after %d", g, m.stored.Sequence, last[list])
		}
		last[list] = m.stored.Sequence
		if served[g] == 0 {
			order = append(order, g)
		}
		served[g]++
		if parts[part][g] && c.lastGroup(i, part*messages) != g {
			return fmt.Errorf("group %q was left and taken up again in one receive", g)
		}
		parts[part][g] = true
	}
	unfinished := 0
	for g, n := range served {
		for i, m := range c.groups[g] {
			if c.taken[m] != (i < n) {
				return fmt.Errorf("group %q: %d taken but not the first ones", g, n)
			}
		}
		if n < len(c.groups[g]) {
			unfinished++
		}
	}
	if unfinished > 1 {
		return fmt.Errorf("%d groups taken in part, want one at most", unfinished)
	}
	return c.fair(r, order, served, parts)
}

// lastGroup is the group of the last grouped message before index i, from index start on.
func (c *choices) lastGroup(i, start int) string {
	for i--; i >= start; i-- {
		if c.q.grouped(c.picked[i]) {
			return c.picked[i].stored.Group
		}
	}
	return ""
}

// fair checks and records which groups were served while others waited.
func (c *choices) fair(r *referee, order []string, served map[string]int, parts [2]map[string]bool) error {
	passed := r.passed[c.q.id]
	if passed == nil {
		passed = map[string]map[string]bool{}
		r.passed[c.q.id] = passed
	}
	for waiting := range passed {
		if len(c.groups[waiting]) == 0 {
			delete(passed, waiting) // It does not wait now.
		}
	}
	for i, g := range order {
		for waiting, by := range passed {
			if !by[g] {
				continue
			}
			at := slices.Index(order, waiting)
			sameList := parts[0][g] && parts[0][waiting] || !parts[0][g] && !parts[0][waiting]
			if at < 0 || at > i && sameList {
				return fmt.Errorf("group %q was served again while %q waits since before", g, waiting)
			}
		}
	}
	for waiting := range c.groups {
		if served[waiting] > 0 {
			delete(passed, waiting)
			continue
		}
		if passed[waiting] == nil {
			passed[waiting] = map[string]bool{}
		}
		for _, g := range order {
			passed[waiting][g] = true
		}
	}
	return nil
}
