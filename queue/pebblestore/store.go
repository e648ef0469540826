package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Store is an open data directory.
type Store struct {
	opts  Options
	db    *pebble.DB
	lock  *pebble.Lock
	space diskSpace

	// life is held for reading by every call, and for writing by Close.
	life   sync.RWMutex
	closed bool
	fault  atomic.Pointer[error] // why the store stopped

	// mu guards lanes, not what is in them.
	mu    sync.RWMutex
	lanes map[queue.ID]*lane

	// ahead says which lanes read ahead.
	ahead aheadTable

	// tokens serialises calls with the same idempotency token. Locked before any lane.
	tokens [64]sync.Mutex

	txs sync.Pool // of *tx

	// commit guards the order of commits; see tx.commit.
	commit  sync.Mutex
	applied uint64        // number of the last commit
	synced  atomic.Uint64 // all commits up to this one are durable

	// catalogMu serialises changes of definitions.
	catalogMu sync.Mutex

	// expiryMu serialises forget. Before the minute expiryLow there is no y record.
	expiryMu  sync.Mutex
	expiryLow uint64

	// watchMu guards watchers, for Close.
	watchMu  sync.Mutex
	watchers map[*watcher]struct{}
}

var (
	_ queue.Store     = (*Store)(nil)
	_ catalog.Backend = (*Store)(nil)
)

// begin starts a call; end must follow if it returns no error.
func (s *Store) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.life.RLock()
	err := s.stopped()
	if s.closed {
		err = queue.ErrStoreClosed
	}
	if err != nil {
		s.life.RUnlock()
	}
	return err
}

func (s *Store) end() { s.life.RUnlock() }

// stopped returns an [queue.ErrStoreClosed] that says why, after a fault.
func (s *Store) stopped() error {
	if fault := s.fault.Load(); fault != nil {
		return fmt.Errorf("%w: %w", queue.ErrStoreClosed, *fault)
	}
	return nil
}

// fail stops the store for good.
func (s *Store) fail(err error) {
	if s.fault.CompareAndSwap(nil, &err) {
		s.opts.Fatal(err)
	}
}

// Close implements [queue.Store]. After a fault it releases nothing: the process has to end.
func (s *Store) Close() error {
	s.life.Lock()
	defer s.life.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.closeWatchers()
	if err := s.stopped(); err != nil {
		return err
	}
	return errors.Join(s.saveClocks(), s.db.Close(), s.lock.Close())
}

// saveClocks writes the clocks that have moved since their queues last changed, so that time does not run backwards in
// them after a clean restart.
func (s *Store) saveClocks() error {
	t := s.begintx(false)
	defer t.close()
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, l := range s.lanes {
		if l.loaded && l.state.last != 0 && l.moved {
			if err := t.putState(l); err != nil {
				return err
			}
		}
	}
	if _, err := t.commit(true); err != nil {
		return err
	}
	return t.wait()
}

// lane returns the lane of a queue, which may not be loaded.
func (s *Store) lane(id queue.ID) *lane {
	s.mu.RLock()
	l := s.lanes[id]
	s.mu.RUnlock()
	if l != nil {
		return l
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if l = s.lanes[id]; l == nil {
		l = &lane{id: id}
		s.lanes[id] = l
	}
	return l
}

// lockOne locks and loads one lane and moves its clock to now.
func (s *Store) lockOne(id queue.ID, now int64) (*lane, error) {
	l := s.lane(id)
	l.mu.Lock()
	if err := s.load(l); err != nil {
		l.mu.Unlock()
		return nil, err
	}
	l.advance(now)
	return l, nil
}

// locked is a set of locked lanes in the order of their IDs.
type locked []*lane

// lockAll locks and loads lanes. It sorts ids, and names each once. The set is in the memory of the call's tx.
func (t *tx) lockAll(ids []queue.ID, now int64) (locked, error) {
	s := t.s
	slices.Sort(ids)
	ids = slices.Compact(ids)
	t.ids = ids
	set := locked(t.lanes[:0])
	for _, id := range ids {
		l, err := s.lockOne(id, now)
		if err != nil {
			set.unlock()
			return nil, err
		}
		set = append(set, l)
	}
	t.lanes = set
	return set, nil
}

func (set locked) of(id queue.ID) *lane {
	if len(set) == 1 && set[0].id == id {
		return set[0]
	}
	i, ok := slices.BinarySearchFunc(set, id, func(l *lane, id queue.ID) int {
		switch {
		case l.id < id:
			return -1
		case l.id > id:
			return 1
		}
		return 0
	})
	if !ok {
		return nil
	}
	return set[i]
}

func (set locked) unlock() {
	for _, l := range set {
		l.mu.Unlock()
	}
}

// reset throws the memory of lanes away, after a call that failed half way.
func (set locked) reset() {
	for _, l := range set {
		l.reset()
	}
}
