package pebblestore

import (
	"context"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// expirePiece is how many messages one Expiry looks at or removes in one call.
const expirePiece = 2000

// Expire implements [queue.Store].
func (s *Store) Expire(ctx context.Context, now time.Time, expiries []queue.Expiry) ([]queue.Expired, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.end()
	results := make([]queue.Expired, len(expiries))
	for i := range expiries {
		var err error
		if results[i], err = s.expire(now.UnixMilli(), &expiries[i]); err != nil {
			return results, err
		}
		if err := ctx.Err(); err != nil {
			return results, err
		}
	}
	return results, s.forget(now.UnixMilli())
}

func (s *Store) expire(now int64, e *queue.Expiry) (queue.Expired, error) {
	l, err := s.lockOne(e.Queue, now)
	if err != nil {
		return queue.Expired{}, err
	}
	if err := l.checkKind(e.Kind); err != nil || !l.exists() || l.state.count == 0 {
		l.mu.Unlock()
		return queue.Expired{}, err
	}
	set := locked{l}
	t := s.begintx(true)
	defer t.close()
	x := expirer{t: t, l: l, e: e, cutoff: -1, left: expirePiece}
	if r := e.Retention.Milliseconds(); e.Retention > 0 {
		x.cutoff = l.state.clock - r
	}
	if err = x.run(); err == nil {
		l.state.expired += x.res.Messages
		err = t.putStates(set)
	}
	if err := t.finish(set, x.res.Messages > 0, err); err != nil {
		return queue.Expired{}, err
	}
	return x.res, nil
}

// expirer removes a bounded number of messages that were sent at the cutoff or before.
type expirer struct {
	t      *tx
	l      *lane
	e      *queue.Expiry
	cutoff int64 // negative: none
	left   int
	res    queue.Expired
}

func (x *expirer) run() error {
	l := x.l
	switch l.state.kind {
	case queue.Log:
		if err := x.trim(); err != nil {
			return err
		}
	case queue.FIFO, queue.Standard:
		if l.state.grouped > 0 {
			if err := x.sweepGroups(); err != nil {
				return err
			}
		}
		low := l.state.low
		if low.less(l.lookFrom) {
			low = l.lookFrom
		}
		low.at = max(low.at, 1)
		if err := x.sweep(low, position{u64(x.cutoff + 1), 0}); err != nil {
			return err
		}
	}
	return x.sweepSent()
}

// sweepGroups is sweep for messages in groups.
func (x *expirer) sweepGroups() error {
	low := max(x.l.state.lowGroup, x.l.lookFromGroup)
	return x.sweep(position{0, low}, position{0, u64(x.cutoff+1) << 20})
}

// sweep removes messages whose key tells that they were sent before high, and moves the low-water mark behind them.
func (x *expirer) sweep(low, high position) (err error) {
	t, l := x.t, x.l
	if x.cutoff < 0 || !low.less(high) || x.res.More {
		return nil
	}
	it, err := t.iter(key2(nil, l.id, subMessage, low.at, low.seq), key2(nil, l.id, subMessage, high.at, high.seq))
	if err != nil {
		return err
	}
	defer closeIter(it, &err)
	clean := true // nothing between low and here stays
	for ok := it.First(); ok; ok = it.Next() {
		at, seq := tail16(it.Key())
		p := position{at, seq}
		var h messageHeader
		if _, err := parseHeader(&h, it.Value(), l.id, seq); err != nil {
			return err
		}
		if x.left--; x.left < 0 {
			x.res.More = true
			return nil
		}
		if h.sent > x.cutoff {
			clean = false
			continue
		}
		if err := x.remove(&h, p); err != nil {
			return err
		}
		if clean {
			x.passed(position{at, seq + 1})
		}
	}
	if clean {
		x.passed(high)
	}
	return nil
}

// passed moves the low-water mark: nothing live lies before p.
func (x *expirer) passed(p position) {
	st := &x.l.state
	if p.at == 0 {
		x.l.lookFromGroup = max(x.l.lookFromGroup, p.seq)
		return
	}
	if p.at <= u64(st.clock) && x.l.lookFrom.less(p) {
		x.l.lookFrom = p
	}
}

// remove takes one message out of the queue, wherever it is in its life.
func (x *expirer) remove(h *messageHeader, p position) error {
	t, l := x.t, x.l
	le := l.leases[p.seq]
	if le == nil && h.flags&flagGrouped != 0 {
		if g := l.groups[h.group]; g != nil && p.at == 0 {
			if i, ok := g.find(p.seq); ok {
				le = g.members[i]
			}
		}
	}
	if le == nil {
		le = leaseOf(h, p)
		if p.at == 0 {
			if err := t.findInGroup(l, le); err != nil {
				return err
			}
		}
	}
	x.res.Messages++
	x.res.Bytes += int64(le.size)
	l.stirred = true
	return t.remove(l, le)
}

// sweepSent removes the messages whose sent time only their t record tells.
func (x *expirer) sweepSent() (err error) {
	t, l := x.t, x.l
	if x.cutoff < 0 || x.res.More {
		return nil
	}
	it, err := t.iter(keySub(nil, l.id, subSent), key1(nil, l.id, subSent, u64(x.cutoff)+1))
	if err != nil {
		return err
	}
	defer closeIter(it, &err)
	for ok := it.First(); ok; ok = it.Next() {
		if x.left--; x.left < 0 {
			x.res.More = true
			return nil
		}
		seq := tail8(it.Key())
		at, err := parsePlace(it.Value(), l.id, seq)
		if err != nil {
			return err
		}
		if l.state.kind == queue.Log {
			err = x.removeEntry(seq)
		} else {
			var h messageHeader
			var found bool
			if h, found, err = t.header(l, position{at, seq}); err == nil && !found {
				err = corrupt(l.id, seq, "the index by sent time names a message that is not there")
			}
			if err == nil {
				err = x.remove(&h, position{at, seq})
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}
