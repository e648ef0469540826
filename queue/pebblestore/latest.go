package pebblestore

import (
	"context"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// Latest returns the latest time before the given one that any queue which still exists has seen; zero if there is none. A
// process starts its clock there, so that time does not run backwards when the wall clock was set back meanwhile. Its
// cost grows with the number of queues and not with what they hold.
func (s *Store) Latest(ctx context.Context, before time.Time) (time.Time, error) {
	if err := s.begin(ctx); err != nil {
		return time.Time{}, err
	}
	defer s.end()
	t := &tx{s: s}
	limit, latest := before.UnixMilli(), int64(0)
	err := t.each([]byte{spaceState}, []byte{spaceState + 1}, func(key, value []byte) error {
		var st stateRecord
		if err := parseState(&st, value, queue.ID(tail8(key))); err != nil {
			return err
		}
		if !st.dropped && st.clock < limit {
			latest = max(latest, st.clock)
		}
		return ctx.Err()
	})
	if err != nil || latest == 0 {
		return time.Time{}, err
	}
	return timeOf(latest), nil
}
