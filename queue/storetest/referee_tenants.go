package storetest

import (
	"fmt"

	"github.com/signalbox-mq/signalbox/queue"
)

// flood makes a tenant noisy, in most cases: it sends more than what makes one noisy, and much of that is received.
func (r *referee) flood(o op) error {
	send := op{Verb: "append"}
	for range queue.NoisyInFlight + 5 {
		send.Entries = append(send.Entries, opEntry{Slot: o.Slot, Group: o.Key})
	}
	if err := r.append(send); err != nil {
		return err
	}
	return r.receive(op{Verb: "receive", Slot: o.Slot, Max: queue.NoisyInFlight + 1, Visibility: o.Visibility})
}

// tenantOrder checks that what was received from a standard queue was next each time.
func (c *choices) tenantOrder(messages int) error {
	return newLine(c.q, c.free, c.ms).replay(c.picked[:messages], c.picked[messages:])
}

// serve notes which tenants were served. Messages and Exceeded are two lists, so that the order between tenants with
// messages in both can not be told for certain.
func (c *choices) serve(messages int) {
	for _, m := range c.picked {
		c.q.serve(m, c.ms)
	}
	if messages == 0 || messages == len(c.picked) {
		return
	}
	for _, m := range c.picked {
		if c.q.tenant(m) {
			c.q.served[m.stored.Group], c.q.loose[m.stored.Group] = turn{1, c.ms, c.q.placed}, true
		}
	}
}

// replay takes two lists, each in order, and says why there is no order of all in which each is next.
func (l *line) replay(a, b []*message) error {
	for len(a)+len(b) > 0 {
		var errA, errB error
		if len(a) > 0 {
			errA = l.allowed(a[0])
		}
		if len(b) > 0 {
			errB = l.allowed(b[0])
		}
		okA, okB := len(a) > 0 && errA == nil, len(b) > 0 && errB == nil
		switch {
		case okA && okB: // where turns are vague, either may have been
			l2 := l.copy()
			l2.take(b[0])
			if l2.replay(a, b[1:]) == nil {
				return nil
			}
			fallthrough
		case okA:
			l.take(a[0])
			a = a[1:]
		case okB:
			l.take(b[0])
			b = b[1:]
		case errA != nil:
			return errA
		default:
			return errB
		}
	}
	return nil
}

// allowed says why a message is not next, if it is not.
func (l *line) allowed(m *message) error {
	g, seq := m.stored.Group, m.stored.Sequence
	own := l.free
	if g != "" {
		own = l.tenants[g]
	}
	earliest, _ := m.turns()
	for _, o := range own {
		if _, latest := o.turns(); o != m && latest.before(earliest) {
			return fmt.Errorf("message %d of %q was passed over for %d", o.stored.Sequence, g, seq)
		}
	}
	if l.noisy[g] {
		return l.allowedNoisy(g)
	}
	mine := l.span(m).earliest
	for other := range l.tenants {
		if s := l.turns[other]; other != g && !l.noisy[other] && s.latest.before(mine) {
			return fmt.Errorf("message %d of %q was taken at the turn of %q: %v, not before %v", seq, g, other, s, mine)
		}
	}
	if g == "" {
		return nil // compared above
	}
	for _, o := range l.free {
		if s := l.span(o); s.latest.before(mine) {
			return fmt.Errorf("message %d of %q was taken at the turn of %d, which has no group: %v, not before %v", seq, g, o.stored.Sequence, s, mine)
		}
	}
	return nil
}

// allowedNoisy says why a noisy tenant is not next.
func (l *line) allowedNoisy(g string) error {
	if len(l.free) > 0 {
		return fmt.Errorf("noisy %q was served while %d, which has no group, waits", g, l.free[0].stored.Sequence)
	}
	for other := range l.tenants {
		switch {
		case !l.noisy[other]:
			return fmt.Errorf("noisy %q was served while %q waits", g, other)
		case l.inFlight[other] < l.inFlight[g]:
			return fmt.Errorf("noisy %q was served with %d in flight while %q waits with %d", g, l.inFlight[g], other, l.inFlight[other])
		}
	}
	return nil
}
