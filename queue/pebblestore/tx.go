package pebblestore

import (
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2"

	"github.com/signalbox-mq/signalbox/queue"
)

// tx is the batch that one call builds while it holds its lanes.
type tx struct {
	s *Store
	b *pebble.Batch
	// indexed says that reads see what the batch holds so far. Calls that never read what they wrote go without.
	indexed bool
	ticket  uint64
	waits   bool // the commit must be waited for: b.SyncWait is due
	// ids and lanes are memory for those of the call.
	ids   []queue.ID
	lanes locked
	key   [maxKey]byte
	end   [maxKey]byte
	val   [256]byte
}

// newtx is for a call that locks its lanes before it knows what batch it needs; begin and close must follow.
func (s *Store) newtx() *tx {
	t := s.txs.Get().(*tx)
	t.s, t.ticket, t.waits = s, 0, false
	return t
}

// begin starts the batch.
func (t *tx) begin(indexed bool) {
	if t.indexed = indexed; indexed {
		t.b = t.s.db.NewIndexedBatch()
	} else {
		t.b = t.s.db.NewBatch()
	}
}

// begintx starts a batch; close must follow.
func (s *Store) begintx(indexed bool) *tx {
	t := s.newtx()
	t.begin(indexed)
	return t
}

func (t *tx) close() {
	if t.waits {
		_ = t.wait() // a failed sync has stopped the store
	}
	if t.b != nil {
		_ = t.b.Close() // fails only when closed before
		t.b = nil
	}
	clear(t.lanes)
	t.s.txs.Put(t)
}

// commit applies the batch, so that reads see it, and with sync has it written to disk, for which wait waits. It returns
// the number of the last commit that the call's answer depends on. It is called with the call's lanes locked.
//
// Commits are applied one at a time. That costs little, as the log is written by one at a time anyway, and makes sure
// that after a fault, with which the engine leaves its locks behind, no other caller is caught in them.
func (t *tx) commit(sync bool) (uint64, error) {
	t.s.commit.Lock()
	defer t.s.commit.Unlock()
	if err := t.s.stopped(); err != nil {
		return 0, err
	}
	if t.b.Empty() {
		t.ticket = t.s.applied
		return t.ticket, nil
	}
	if err := t.apply(sync); err != nil {
		t.s.fail(err)
	}
	if err := t.s.stopped(); err != nil {
		return 0, err
	}
	t.s.applied++
	t.ticket = t.s.applied
	return t.ticket, nil
}

func (t *tx) apply(sync bool) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("engine: %v", r)
		}
	}()
	if !sync {
		return t.s.db.Apply(t.b, pebble.NoSync)
	}
	if err := t.s.db.ApplyNoSyncWait(t.b, pebble.Sync); err != nil {
		return err
	}
	t.waits = true
	return nil
}

// wait returns when the commit, and with it all before it, is durable. It is called without any lock.
func (t *tx) wait() error {
	if !t.waits {
		return t.s.barrier(t.ticket)
	}
	t.waits = false
	if err := t.b.SyncWait(); err != nil {
		t.s.fail(fmt.Errorf("write-ahead log: %w", err))
	}
	if err := t.s.stopped(); err != nil {
		return err
	}
	t.s.markSynced(t.ticket)
	return nil
}

func (s *Store) markSynced(ticket uint64) {
	for {
		old := s.synced.Load()
		if old >= ticket || s.synced.CompareAndSwap(old, ticket) {
			return
		}
	}
}

// barrier returns when all commits up to the given one are durable.
func (s *Store) barrier(ticket uint64) error {
	if s.synced.Load() >= ticket {
		return nil
	}
	t := s.begintx(false)
	defer t.close()
	if err := t.b.LogData(nil, nil); err != nil {
		return err
	}
	if _, err := t.commit(true); err != nil {
		return err
	}
	return t.wait()
}

// get reads a record. The value is good until the closer is closed; a missing one is nil without error.
func (t *tx) get(key []byte) ([]byte, io.Closer, error) {
	var v []byte
	var closer io.Closer
	var err error
	if t.indexed {
		v, closer, err = t.b.Get(key)
	} else {
		v, closer, err = t.s.db.Get(key)
	}
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, translate(err)
	}
	return v, closer, nil
}

// getCopy reads a record into memory of its own; a missing one is nil without error.
func (t *tx) getCopy(key []byte) ([]byte, error) {
	v, closer, err := t.get(key)
	if err != nil || closer == nil {
		return nil, err
	}
	defer closer.Close()
	return append(make([]byte, 0, len(v)), v...), nil
}

func (t *tx) has(key []byte) (bool, error) {
	_, closer, err := t.get(key)
	if err != nil || closer == nil {
		return false, err
	}
	return true, closer.Close()
}

func (t *tx) iter(lower, upper []byte) (*pebble.Iterator, error) {
	o := &pebble.IterOptions{LowerBound: lower, UpperBound: upper}
	if t.indexed {
		it, err := t.b.NewIter(o)
		return it, translate(err)
	}
	it, err := t.s.db.NewIter(o)
	return it, translate(err)
}

// closeIter closes an iterator and keeps the first error.
func closeIter(it *pebble.Iterator, err *error) {
	if e := errors.Join(it.Error(), it.Close()); e != nil && *err == nil {
		*err = translate(e)
	}
}

func (t *tx) set(key, value []byte) error { return t.b.Set(key, value, nil) }
func (t *tx) delete(key []byte) error     { return t.b.Delete(key, nil) }

func (t *tx) putState(l *lane) error {
	l.moved = false
	op := t.b.SetDeferred(9, stateSize)
	keyState(op.Key[:0], l.id)
	putState(op.Value, l.id, &l.state)
	return op.Finish()
}

// finish commits a call's batch, tells the watchers of its lanes, unlocks them and waits if told to. After an error in
// building the batch it changes nothing and throws the lanes' memory away.
func (t *tx) finish(set locked, wait bool, err error) error {
	if err == nil {
		_, err = t.commit(wait)
	}
	if err != nil {
		set.reset()
		set.unlock()
		return err
	}
	ticket := t.ticket
	for _, l := range set {
		if t.waits || !t.b.Empty() {
			l.ticket = ticket
		}
		l.notify(t.s)
	}
	set.unlock()
	if !wait {
		return nil
	}
	return t.wait()
}
