package pebblestore

import (
	"context"
	"math"

	"github.com/signalbox-mq/signalbox/queue"
)

var _ queue.Lister = (*Store)(nil)

// Queues implements [queue.Lister], in order of the IDs. A dropped queue is not among them: all that is left of it is that
// it was dropped. One that was emptied is, for its counts. The cost grows with the number of queues and not with what they hold.
func (s *Store) Queues(ctx context.Context) ([]queue.ID, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.end()
	return s.listQueues(ctx, false)
}

// listQueues lists the queues that have a state, dropped ones if asked for, and then those that have other records only,
// which would be a fault.
func (s *Store) listQueues(ctx context.Context, dropped bool) (ids []queue.ID, err error) {
	t := &tx{s: s}
	seen := make(map[queue.ID]bool)
	err = t.each([]byte{spaceState}, []byte{spaceState + 1}, func(key, value []byte) error {
		id := queue.ID(tail8(key))
		seen[id] = true
		if !dropped {
			var st stateRecord
			if err := parseState(&st, value, id); err != nil {
				return err
			}
			if st.dropped {
				return ctx.Err()
			}
		}
		ids = append(ids, id)
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	it, err := t.iter([]byte{spaceQueue}, []byte{spaceQueue + 1})
	if err != nil {
		return nil, err
	}
	defer closeIter(it, &err)
	for ok := it.First(); ok; { // one seek per queue
		r := reader{b: it.Key()[1:]}
		id := queue.ID(r.u64())
		if !seen[id] {
			ids = append(ids, id)
		}
		if id == math.MaxUint64 {
			break
		}
		ok = it.SeekGE(keyQueue(nil, id+1))
	}
	return ids, ctx.Err()
}
