package pebblestore

import (
	"context"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// Purge implements [queue.Store].
func (s *Store) Purge(ctx context.Context, now time.Time, id queue.ID) (int64, error) {
	if err := s.begin(ctx); err != nil {
		return 0, err
	}
	defer s.end()
	l, err := s.lockOne(id, now.UnixMilli())
	if err != nil {
		return 0, err
	}
	set := locked{l}
	t := s.begintx(false)
	defer t.close()
	var n int64
	if l.exists() {
		n = l.state.count
		err = t.empty(l)
	}
	if err := t.finish(set, true, err); err != nil {
		return 0, err
	}
	return n, nil
}

// empty removes all that a queue holds with one range tombstone, and its memory.
func (t *tx) empty(l *lane) error {
	if err := t.b.DeleteRange(keyQueue(t.key[:0], l.id), keyQueueEnd(t.end[:0], l.id), nil); err != nil {
		return err
	}
	st := l.state
	st.count, st.bytes, st.grouped = 0, 0, 0
	after := st.last + 1
	st.cursor, st.low = position{u64(st.clock), 0}, position{u64(st.clock), 0}
	st.lowGroup, st.lowLease, st.lowReady = after, after, position{u64(st.clock), 0}
	l.reset()
	l.loaded, l.state, l.leases = true, st, make(map[uint64]*lease)
	return t.putState(l)
}

// Drop implements [queue.Store].
func (s *Store) Drop(ctx context.Context, now time.Time, queues []queue.ID) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.end()
	t := s.newtx()
	defer t.close()
	set, err := t.lockAll(append(t.ids[:0], queues...), now.UnixMilli())
	if err != nil {
		return err
	}
	t.begin(false)
	for _, l := range set {
		if l.state.dropped {
			continue
		}
		l.state.dropped = true
		if err = t.empty(l); err != nil {
			break
		}
	}
	return t.finish(set, true, err)
}
