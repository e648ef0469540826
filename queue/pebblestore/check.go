package pebblestore

import (
	"context"
	"errors"
	"fmt"

	"github.com/signalbox-mq/signalbox/queue"
)

// CheckReport is what Check looked at.
type CheckReport struct {
	Queues, Messages, Bytes int64
}

// Check reads everything the store holds, verifies every checksum and compares records with each other: the counts with
// the messages there are, every index with what it names, the cursors with what they promise. It returns what it found
// wrong, as errors wrapping [queue.ErrCorrupt], at most a hundred. Queues are locked one at a time while they are read. It
// changes nothing.
func (s *Store) Check(ctx context.Context) (CheckReport, error) {
	var report CheckReport
	if err := s.begin(ctx); err != nil {
		return report, err
	}
	defer s.end()
	var errs []error
	ids, err := s.listQueues(ctx, true)
	if err != nil {
		return report, err
	}
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return report, err
		}
		if err := s.checkQueue(id, &report); err != nil {
			errs = append(errs, err)
		}
		if len(errs) == 100 {
			break
		}
	}
	if _, _, err := s.loadCatalog(ctx, discard); err != nil {
		errs = append(errs, err)
	}
	return report, errors.Join(errs...)
}

// each calls f for every record in a range.
func (t *tx) each(lower, upper []byte, f func(key, value []byte) error) (err error) {
	it, err := t.iter(lower, upper)
	if err != nil {
		return err
	}
	defer closeIter(it, &err)
	for ok := it.First(); ok; ok = it.Next() {
		if err := f(it.Key(), it.Value()); err != nil {
			return err
		}
	}
	return nil
}

// checker checks one queue.
type checker struct {
	t *tx
	l *lane
	// counts of what was found, to be compared.
	messages, bytes, grouped                     int64
	leases, keys, sents, places, groups, waiting int64
	keyed, sent, placed, inGroups                int64 // how many messages say that they have such a record
	inLine, heads                                int64
	lined                                        map[h128]bool
	delayed                                      int64
	tenants, ofTenants                           int64 // u records, and messages that say that they have one
}

func (s *Store) checkQueue(id queue.ID, report *CheckReport) error {
	l := s.lane(id)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := s.load(l); err != nil {
		return err
	}
	l.advance(l.state.clock)
	c := checker{t: &tx{s: s}, l: l, lined: make(map[h128]bool)}
	if !l.exists() {
		return c.t.each(keyQueue(nil, id), keyQueueEnd(nil, id), func(key, _ []byte) error {
			return corrupt(id, 0, fmt.Sprintf("a record %q in a queue that does not exist", key[9]))
		})
	}
	report.Queues++
	for _, step := range []func() error{
		c.checkMessages, c.checkLeases, c.checkIndexes, c.checkLine, c.checkGroups, c.checkCounts,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	report.Messages += c.messages
	report.Bytes += c.bytes
	return nil
}

func (c *checker) each(sub byte, f func(key, value []byte) error) error {
	return c.t.each(keySub(nil, c.l.id, sub), keySubEnd(nil, c.l.id, sub), f)
}

func (c *checker) wrong(seq uint64, format string, args ...any) error {
	return corrupt(c.l.id, seq, fmt.Sprintf(format, args...))
}

// checkMessages reads every message with all its parts.
func (c *checker) checkMessages() error {
	if err := c.each(subLog, func(key, value []byte) error {
		return c.message(position{0, tail8(key)}, value)
	}); err != nil {
		return err
	}
	return c.each(subMessage, func(key, value []byte) error {
		at, seq := tail16(key)
		return c.message(position{at, seq}, value)
	})
}

func (c *checker) message(p position, value []byte) error {
	l, st := c.l, &c.l.state
	var m queue.Message
	var h messageHeader
	if err := c.t.readMessage(&m, &h, append([]byte(nil), value...), l.id, p.seq); err != nil {
		return err
	}
	c.messages++
	c.bytes += int64(h.size)
	le := l.leases[p.seq]
	grouped := st.kind != queue.Log && p.at == 0
	switch {
	case p.seq > st.last:
		return c.wrong(p.seq, "a sequence number that was not given yet")
	case int(h.size) != m.Size():
		return c.wrong(p.seq, "its size is %d and not %d", m.Size(), h.size)
	case grouped || st.kind == queue.Log:
		if p.seq < st.lowGroup {
			return c.wrong(p.seq, "it lies before the low-water mark")
		}
	case p.less(st.low):
		return c.wrong(p.seq, "it lies before the low-water mark")
	case p.less(st.cursor) && le == nil:
		return c.wrong(p.seq, "it lies before the cursor and is not leased")
	case !p.less(st.cursor) && le != nil:
		return c.wrong(p.seq, "it is leased and lies behind the cursor")
	}
	if grouped {
		c.grouped++
	} else if st.kind != queue.Log && int64(p.at) > st.clock {
		c.delayed++
	}
	return c.parts(p, &h, le, grouped)
}

// parts checks that the index records of a message are there. That there are no others, the counts tell.
func (c *checker) parts(p position, h *messageHeader, le *lease, grouped bool) error {
	id := c.l.id
	place := func(key []byte, what string, n *int64) error {
		*n++
		v, err := c.t.getCopy(key)
		if err != nil {
			return err
		}
		if at, err := parsePlace(v, id, p.seq); err != nil || at != p.at {
			return c.wrong(p.seq, "the index by %s does not name it", what)
		}
		return nil
	}
	if h.flags&flagKeyed != 0 {
		if err := place(keyHash1(nil, id, subKey, h.key, p.seq), "key", &c.keyed); err != nil {
			return err
		}
	}
	if h.flags&flagSent != 0 {
		if err := place(key2(nil, id, subSent, u64(h.sent), p.seq), "sent time", &c.sent); err != nil {
			return err
		}
	}
	if h.flags&flagPlaced != 0 {
		if err := place(key1(nil, id, subPlace, p.seq), "place", &c.placed); err != nil {
			return err
		}
	}
	flags := h.flags
	if grouped && c.l.state.kind == queue.Standard {
		if h.flags&flagGrouped == 0 {
			return c.wrong(p.seq, "it has no group and lies where those lie that have")
		}
		if le == nil {
			o, err := c.waitingOf(p, h)
			if err != nil {
				return err
			}
			flags = o.flags
		}
	} else if h.flags&flagGrouped != 0 {
		c.inGroups++
		if found, err := c.t.has(keyGroup(nil, id, h.group, p.at, p.seq)); err != nil || !found {
			return errors.Join(err, c.wrong(p.seq, "the index by group misses it"))
		}
		if grouped {
			g := leaseOf(h, p)
			if err := c.t.findInGroup(c.l, g); err != nil {
				return err
			}
			flags = g.flags
			if le == nil && g.waiting {
				c.waiting++
				if found, err := c.t.has(key2(nil, id, subWaiting, u64(g.deadline), p.seq)); err != nil || !found {
					return errors.Join(err, c.wrong(p.seq, "the index of waiting messages misses it"))
				}
				if g.deadline > c.l.state.clock {
					c.delayed++
				}
			}
		}
	}
	if le != nil {
		flags = le.flags
	}
	if flags&flagState != 0 {
		if found, err := c.t.has(key1(nil, id, subState, p.seq)); err != nil || !found {
			return errors.Join(err, c.wrong(p.seq, "its state is missing"))
		}
	}
	return nil
}

// waitingOf checks what a tenant's message has that is not leased.
func (c *checker) waitingOf(p position, h *messageHeader) (*lease, error) {
	id, o := c.l.id, leaseOf(h, p)
	if err := c.t.findInGroup(c.l, o); err != nil {
		return nil, err
	}
	c.ofTenants++
	if o.waiting != (o.extra.low != p.seq>>20) {
		return nil, c.wrong(p.seq, "it is marked wrongly as one that waits")
	}
	if !o.waiting {
		return o, nil
	}
	c.waiting++
	if o.deadline > c.l.state.clock {
		c.delayed++
	}
	p.at = o.extra.low
	if found, err := c.t.has(key2(nil, id, subWaiting, p.at, p.seq)); err != nil || !found {
		return nil, errors.Join(err, c.wrong(p.seq, "the index of waiting messages misses it"))
	}
	c.placed++
	v, err := c.t.getCopy(key1(nil, id, subPlace, p.seq))
	if err != nil {
		return nil, err
	}
	if at, err := parsePlace(v, id, p.seq); err != nil || at != p.at {
		return nil, c.wrong(p.seq, "the index by place does not name its turn")
	}
	return o, nil
}

// checkLeases compares the l records with memory and with the messages.
func (c *checker) checkLeases() error {
	return c.each(subLease, func(key, value []byte) error {
		seq := tail8(key)
		le, of, err := parseLease(value, c.l.id, seq)
		if err != nil {
			return err
		}
		c.leases++
		known := c.l.leases[seq]
		switch {
		case known == nil:
			return c.wrong(seq, "a lease that memory does not know")
		case known.at != le.at, known.deadline != le.deadline, known.nonce != le.nonce, known.receives != le.receives,
			known.flags != le.flags, (known.group != nil) != (of == leaseGroup), (known.tenant != nil) != (of == leaseTenant):
			return c.wrong(seq, "memory knows another lease than the record says")
		case seq < c.l.state.lowLease:
			return c.wrong(seq, "the lease lies before the low-water mark")
		}
		found, err := c.t.has(key2(nil, c.l.id, subMessage, le.at, seq))
		if err == nil && !found {
			err = c.wrong(seq, "a lease of a message that is not there")
		}
		return err
	})
}

// checkIndexes counts the records that messages name.
func (c *checker) checkIndexes() error {
	for _, index := range []struct {
		sub byte
		n   *int64
	}{{subKey, &c.keys}, {subSent, &c.sents}, {subPlace, &c.places}, {subGroup, &c.groups}, {subTenant, &c.tenants}} {
		if err := c.each(index.sub, func(_, _ []byte) error { *index.n++; return nil }); err != nil {
			return err
		}
	}
	if err := c.each(subAttempt, func(_, value []byte) error {
		_, err := parseAttempt(value, c.l.id)
		return err
	}); err != nil {
		return err
	}
	waiting := int64(0)
	if err := c.each(subWaiting, func(_, _ []byte) error { waiting++; return nil }); err != nil {
		return err
	}
	if waiting != c.waiting {
		return c.wrong(0, "%d messages wait in groups, %d are in the index", c.waiting, waiting)
	}
	return nil
}

// checkLine checks that every group in line has its two records, and that they name its first message.
func (c *checker) checkLine() error {
	l := c.l
	if err := c.each(subReady, func(key, value []byte) error {
		at, turn := tail16(key)
		var r readyRecord
		if err := parseReadyRecord(&r, value, l.id, turn); err != nil {
			return err
		}
		c.inLine++
		c.lined[r.group] = true
		v, err := c.t.getCopy(keyHash(nil, l.id, subHead, r.group))
		if err != nil {
			return err
		}
		where, seq, err := parseHeadRecord(v, l.id)
		first, found, err2 := c.first(r.group)
		switch {
		case err != nil || err2 != nil:
			return errors.Join(err, err2)
		case where != (position{at, turn}) || seq != r.seq:
			return c.wrong(r.seq, "the group's place in line is not where it says")
		case !found || first != r.seq:
			return c.wrong(r.seq, "the group in line has another first message: %d", first)
		case at < l.state.lowReady.at:
			return c.wrong(r.seq, "the group in line lies before the low-water mark")
		case l.groups[r.group] != nil || l.tenants[r.group] != nil:
			return c.wrong(r.seq, "the group is in line and leased")
		}
		return nil
	}); err != nil {
		return err
	}
	return c.each(subHead, func(_, _ []byte) error { c.heads++; return nil })
}

// first finds a group's first message.
func (c *checker) first(group h128) (seq uint64, found bool, err error) {
	if c.l.state.kind == queue.FIFO {
		seq, _, found, err = c.t.nextInGroup(c.l, group, 0)
		return seq, found, err
	}
	next, err := c.t.nextOfTenant(c.l, group, position{})
	return next.seq, next != nowhere, err
}

// checkGroups checks that every message in a group is in a group that is in line or leased, and that memory knows the
// first message of each tenant.
func (c *checker) checkGroups() error {
	sub := byte(subTenant)
	if c.l.state.kind == queue.FIFO {
		sub = subGroup
	}
	if err := c.each(sub, func(key, _ []byte) error {
		h := h128(key[10:26])
		if _, seq := tail16(key); !c.lined[h] && c.l.groups[h] == nil && c.l.tenants[h] == nil {
			return c.wrong(seq, "its group is neither in line nor leased")
		}
		return nil
	}); err != nil {
		return err
	}
	for h, tn := range c.l.tenants {
		next, err := c.t.nextOfTenant(c.l, h, position{})
		if err != nil {
			return err
		}
		waits := next != nowhere || len(tn.returned) > 0
		if next != tn.next || tn.leases == 0 || tn.aside || waits != (tn.index >= 0) {
			return c.wrong(next.seq, "memory knows other things of its tenant than there are")
		}
	}
	return nil
}

func (c *checker) checkCounts() error {
	st := &c.l.state
	inFlight := 0
	for _, le := range c.l.leases {
		if le.deadline > st.clock {
			inFlight++
		}
	}
	delayed, err := c.t.countDelayed(c.l)
	if err != nil {
		return err
	}
	for _, n := range []struct {
		what       string
		have, want int64
	}{
		{"messages", c.messages, st.count},
		{"bytes", c.bytes, st.bytes},
		{"messages in groups", c.grouped, st.grouped},
		{"leases", c.leases, int64(len(c.l.leases))},
		{"leases in flight", int64(inFlight), int64(c.l.inFlight)},
		{"delayed messages", c.delayed, delayed},
		{"records by key", c.keys, c.keyed},
		{"records by sent time", c.sents, c.sent},
		{"records by place", c.places, c.placed},
		{"records by group", c.groups, c.inGroups},
		{"records by tenant", c.tenants, c.ofTenants},
		{"groups in line", c.inLine, c.heads},
	} {
		if n.have != n.want {
			return c.wrong(0, "%d %s, and not %d", n.have, n.what, n.want)
		}
	}
	return nil
}
