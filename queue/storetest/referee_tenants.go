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
	_, err := c.replay(c.lineUp(), c.picked[:messages], c.picked[messages:])
	return err
}

// inOrder returns what was received from a standard queue, in an order in which it may have been taken. Messages and
// Exceeded are two lists, so that the order between them has to be found again.
func (c *choices) inOrder(messages int) []*message {
	if c.q.kind != queue.Standard {
		return nil
	}
	order, err := c.replay(c.lineUp(), c.picked[:messages], c.picked[messages:])
	if err != nil {
		return c.picked // unordered
	}
	return order
}

// lineUp lines up what there was to receive.
func (c *choices) lineUp() *line { return newLine(c.q, c.free, c.ms) }

// replay takes two lists, each in order, and returns an order of all in which each was next.
func (c *choices) replay(l *line, a, b []*message) (order []*message, err error) {
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
			if rest, err := c.replay(l2, a, b[1:]); err == nil {
				return append(append(order, b[0]), rest...), nil
			}
			fallthrough
		case okA:
			l.take(a[0])
			order, a = append(order, a[0]), a[1:]
		case okB:
			l.take(b[0])
			order, b = append(order, b[0]), b[1:]
		case errA != nil:
			return nil, errA
		default:
			return nil, errB
		}
	}
	return order, nil
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
