package catalog

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Shared is what a [Backend] that several nodes write to implements besides, so that catching up with the other nodes does
// not read everything. A catalog on such a backend also catches up before it refuses a set of changes.
type Shared interface {
	Backend
	// LoadSince calls yield for the records whose Revision is above since, in any order: the live ones as they are, and the
	// deleted ones as a trace with Deleted, the last ID and the Revision of the deletion. It returns what Load does. It fails
	// with ErrCompacted, maybe after some calls, if it does not know all of them any more or if its revision is below since.
	LoadSince(ctx context.Context, since uint64, yield func(Record) error) (revision, lastID uint64, err error)
}

// Catalog holds the definitions of a router, in memory and in a [Backend]. All methods may be called concurrently. Reads
// take no lock and see whole sets of changes only.
type Catalog struct {
	backend Backend
	shared  Shared // nil if the backend is not shared
	snap    atomic.Pointer[Snapshot]

	// writer is held, by a send, by the one that commits or reloads. A channel, as it is held over I/O.
	writer chan struct{}
	// For the holder of writer: the last ID given, and the number of the last reload that succeeded.
	lastID   uint64
	reloaded uint64
	reloads  atomic.Uint64 // how many were begun
	// committing says that the backend is at a commit, which may wait for other nodes.
	committing atomic.Bool

	// stale says that other nodes may have committed what this one does not know; see Follow.
	stale atomic.Bool
	// looking is held, by a send, during a look. It guards looked, when the last one began that succeeded.
	looking chan struct{}
	looked  time.Time

	// mu is held for moments only.
	mu    sync.Mutex
	queue []*pending
}

// Open reads a backend. It starts nothing, and there is nothing to close. No two catalogs may have one backend unless it
// is a [Shared] one, or at least fails with ErrConflict as Commit says.
func Open(ctx context.Context, backend Backend) (*Catalog, error) {
	c := &Catalog{backend: backend, writer: make(chan struct{}, 1), looking: make(chan struct{}, 1)}
	c.shared, _ = backend.(Shared)
	c.snap.Store(&Snapshot{tables: map[string]tree{}, next: make(chan struct{})})
	if err := c.reloadAll(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// Snapshot returns the newest state. It costs one atomic load.
func (c *Catalog) Snapshot() *Snapshot { return c.snap.Load() }

// Revision is the newest state's. It grows by one with each commit; sets of changes that wait for each other may share
// one. It costs one atomic load.
func (c *Catalog) Revision() uint64 { return c.snap.Load().revision }

// Get returns the record of that name in the newest state. Its Value is shared: do not change it.
func (c *Catalog) Get(table string, name Name) (Record, bool) { return c.snap.Load().Get(table, name) }

// List returns the records that q selects in the newest state, and whether its Limit left some out. The slice is the
// caller's, the Values are shared.
func (c *Catalog) List(table string, q Query) (records []Record, more bool) {
	return c.snap.Load().List(table, q)
}

// Refresh catches up with what other nodes have committed before it was called. It does nothing if the backend is not
// [Shared]. It waits for a commit of this process that is under way. Calls that come while one is under way share the next one.
func (c *Catalog) Refresh(ctx context.Context) error {
	if c.shared == nil {
		return nil
	}
	begun := c.reloads.Load()
	select {
	case c.writer <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-c.writer }()
	return c.reloadSince(ctx, begun)
}

// reloadSince reloads unless somebody has since so many were begun. The caller holds writer.
func (c *Catalog) reloadSince(ctx context.Context, begun uint64) error {
	if c.reloaded > begun {
		return nil
	}
	return c.reload(ctx)
}

// publish makes a snapshot the newest state. The caller holds writer.
func (c *Catalog) publish(s *Snapshot, lastID uint64) {
	old := c.snap.Load()
	c.lastID = lastID
	c.snap.Store(s)
	close(old.next)
}

// reload catches up with the backend. The caller holds writer.
func (c *Catalog) reload(ctx context.Context) error {
	number := c.reloads.Add(1)
	err := c.reloadChanges(ctx)
	if err != nil {
		// The whole is asked for whatever the error was: if it is the connection, that fails too and says why.
		err = c.reloadAll(ctx)
	}
	if err == nil {
		c.reloaded = number
	}
	return err
}

// reloadChanges catches up with a shared backend step by step. It fails if that is not possible.
func (c *Catalog) reloadChanges(ctx context.Context) error {
	if c.shared == nil {
		return ErrCompacted
	}
	old := c.snap.Load()
	var changes []*entry
	revision, lastID, err := c.shared.LoadSince(ctx, old.revision, func(r Record) error {
		changes = append(changes, newEntry(r))
		return nil
	})
	if err != nil {
		return err
	}
	if revision < old.revision {
		return ErrCompacted
	}
	if revision > old.revision {
		sortByRevision(changes)
		c.publish(old.with(revision, changes), max(lastID, c.lastID))
	}
	return nil
}

// reloadAll reads everything and publishes what is different. The caller holds writer.
func (c *Catalog) reloadAll(ctx context.Context) error {
	old := c.snap.Load()
	fresh := &Snapshot{tables: map[string]tree{}, next: make(chan struct{})}
	ed := new(edit)
	var changes []*entry
	revision, lastID, err := c.backend.Load(ctx, func(r Record) error {
		// What has not changed keeps its memory and its decoded value.
		if e := old.tables[r.Table].get(&r.Name); e != nil && e.rec.ID == r.ID && e.rec.Revision == r.Revision &&
			bytes.Equal(e.rec.Value, r.Value) {
			fresh.set(e, ed)
			return nil
		}
		e := newEntry(r)
		fresh.set(e, ed)
		changes = append(changes, e)
		return nil
	})
	if err != nil {
		return fmt.Errorf("loading definitions: %w", err)
	}
	if revision == 0 && old.revision > 0 {
		return ErrLost
	}
	if revision == old.revision && len(changes) == 0 {
		c.lastID = max(lastID, c.lastID)
		return nil
	}
	fresh.revision, fresh.epoch = revision, old.epoch
	switch {
	case old.revision == 0:
		// The first load. Nobody has seen an earlier state, so nobody can ask for these changes.
		fresh.floor = revision
	case revision <= old.revision:
		// The backend lost what it had acknowledged (a failover to a replica that was behind). What it has now counts;
		// revisions may come a second time with other contents, so no list of changes bridges this.
		fresh.epoch++
		fresh.floor = revision
	default:
		for table, t := range old.tables {
			now := fresh.tables[table]
			t.root.ascend(nil, func(e *entry) bool {
				if now.get(&e.rec.Name) == nil {
					changes = append(changes, trace(&e.rec, revision))
				}
				return true
			})
		}
		sortByRevision(changes)
		fresh.floor, fresh.bytes, fresh.changes = old.floor, old.bytes, append(old.changes, changes...)
		for _, e := range changes {
			fresh.bytes += len(e.rec.Value)
		}
		fresh.trim()
	}
	c.publish(fresh, max(lastID, c.lastID))
	return nil
}

// newEntry takes a record over from a backend, which may use its Value's memory again.
func newEntry(r Record) *entry {
	r.Value = bytes.Clone(r.Value)
	intern(&r)
	return &entry{rec: r}
}

// trace is what a list of changes says of a deleted record.
func trace(r *Record, revision uint64) *entry {
	gone := *r
	gone.Revision, gone.Value, gone.Deleted = revision, nil, true
	return &entry{rec: gone}
}

// sortByRevision puts what another node has changed into order: by revision, and the same on every node within one.
func sortByRevision(entries []*entry) {
	slices.SortFunc(entries, func(a, b *entry) int {
		return cmp.Or(
			cmp.Compare(a.rec.Revision, b.rec.Revision),
			strings.Compare(a.rec.Table, b.rec.Table),
			compareNames(&a.rec.Name, &b.rec.Name),
		)
	})
}
