package pebblestore

import (
	"context"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// DropEmpty implements [queue.Store].
func (s *Store) DropEmpty(ctx context.Context, now time.Time, id queue.ID) (bool, error) {
	if err := s.begin(ctx); err != nil {
		return false, err
	}
	defer s.end()
	l, err := s.lockOne(id, now.UnixMilli())
	if err != nil {
		return false, err
	}
	if l.state.count > 0 {
		l.mu.Unlock()
		return false, nil
	}
	set := locked{l}
	t := s.begintx(false)
	defer t.close()
	if !l.state.dropped {
		l.state.dropped = true
		err = t.empty(l)
	}
	if err := t.finish(set, true, err); err != nil {
		return false, err
	}
	return true, nil
}
