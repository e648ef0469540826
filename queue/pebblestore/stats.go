package pebblestore

import (
	"context"
	"math"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// Stats implements [queue.Store].
func (s *Store) Stats(ctx context.Context, now time.Time, queues []queue.ID) ([]queue.Stats, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.end()
	results := make([]queue.Stats, len(queues))
	for i, id := range queues {
		l, err := s.lockOne(id, now.UnixMilli())
		if err != nil {
			return nil, err
		}
		if l.exists() {
			results[i], err = (&tx{s: s}).stats(l)
		}
		l.mu.Unlock()
		if err != nil {
			return nil, err
		}
	}
	return results, nil
}

func (t *tx) stats(l *lane) (out queue.Stats, err error) {
	st := &l.state
	out = queue.Stats{
		Ready: st.count, Bytes: st.bytes,
		Appended: st.appended, Acked: st.acked, Moved: st.moved, Expired: st.expired,
	}
	if st.kind == queue.Log {
		out.End = queue.Position{Sequence: st.last + 1}
		out.First = out.End
	} else {
		out.InFlight = int64(l.inFlight)
		if out.Delayed, err = t.countDelayed(l); err != nil {
			return out, err
		}
		out.Ready -= out.InFlight + out.Delayed
	}
	if st.count == 0 {
		return out, nil
	}
	oldest, first, err := t.oldest(l)
	if err != nil {
		return out, err
	}
	out.OldestSent = timeOf(oldest)
	if st.kind == queue.Log {
		out.First = queue.Position{Sequence: first}
	}
	return out, nil
}

// oldest returns the earliest sent time in the queue, and the sequence of the first message in the order of keys. It
// looks at the first of each kind of key: all others were sent later, or have a t record.
func (t *tx) oldest(l *lane) (sent int64, first uint64, err error) {
	sent = never
	look := func(lower, upper []byte, found func(key, value []byte) error) (err error) {
		it, err := t.iter(lower, upper)
		if err != nil {
			return err
		}
		defer closeIter(it, &err)
		if !it.First() {
			return found(nil, nil)
		}
		return found(it.Key(), it.Value())
	}
	header := func(seq uint64, value []byte) error {
		var h messageHeader
		_, err := parseHeader(&h, value, l.id, seq)
		if first == 0 {
			first = seq
		}
		sent = min(sent, h.sent)
		return err
	}
	st := &l.state
	from := max(st.lowGroup, l.lookFromGroup)
	lower, upper := key2(nil, l.id, subMessage, 0, from), key1(nil, l.id, subMessage, 1)
	if st.kind == queue.Log {
		lower, upper = key1(nil, l.id, subLog, from), keySubEnd(nil, l.id, subLog)
	}
	if st.kind != queue.Standard || st.grouped > 0 {
		if err := look(lower, upper, func(key, value []byte) error {
			if key == nil {
				l.lookFromGroup = st.last + 1
				return nil
			}
			l.lookFromGroup = tail8(key)
			return header(l.lookFromGroup, value)
		}); err != nil {
			return 0, 0, err
		}
	}
	if st.kind != queue.Log {
		p := st.low
		if p.less(l.lookFrom) {
			p = l.lookFrom
		}
		p.at = max(p.at, 1)
		if err := look(key2(nil, l.id, subMessage, p.at, p.seq), keySubEnd(nil, l.id, subMessage), func(key, value []byte) error {
			here := position{u64(st.clock), 0} // what comes yet lies behind the clock
			if key == nil {
				l.lookFrom = here
				return nil
			}
			at, seq := tail16(key)
			if here = (position{u64(st.clock), 0}); (position{at, seq}).less(here) {
				here = position{at, seq}
			}
			l.lookFrom = here
			return header(seq, value)
		}); err != nil {
			return 0, 0, err
		}
	}
	err = look(key1(nil, l.id, subSent, l.sentFrom), keySubEnd(nil, l.id, subSent), func(key, _ []byte) error {
		if key == nil {
			l.sentFrom = math.MaxUint64
			return nil
		}
		at, _ := tail16(key)
		l.sentFrom = at
		sent = min(sent, int64(at))
		return nil
	})
	return sent, first, err
}
