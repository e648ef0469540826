package catalog

import (
	"sync"
	"sync/atomic"
)

// Build makes the state of a [View] at a snapshot. With prev nil it makes it from the snapshot; otherwise from prev, which
// is in use and must not be changed, and what has changed since in the view's tables: at least one record, as
// [Catalog.Changes] returns them. A record among them may already be gone from the snapshot, or be another; what the
// snapshot has is what counts.
//
// It must depend on its arguments only, and must not wait for anything, nor use a view that uses this one.
type Build[S any] func(prev *S, changes []Record, at *Snapshot) (*S, error)

// View is something derived from the definitions in some tables, such as an index of rules, and made anew when they have
// changed and someone asks. It has no goroutine: who asks first after a change pays for it.
type View[S any] struct {
	c      *Catalog
	tables []string
	build  Build[S]
	state  atomic.Pointer[viewState[S]]
	mu     sync.Mutex // held while building, so that it is done once
}

// viewState is what Get answers for one state of the catalog.
type viewState[S any] struct {
	epoch, revision uint64
	s               *S
	err             error
	// last is the latest state that could be built (nil for none), and lastRevision the revision it is good for.
	last         *S
	lastRevision uint64
}

// NewView returns a view of those tables. Nothing is built before the first Get.
func NewView[S any](c *Catalog, tables []string, build Build[S]) *View[S] {
	return &View[S]{c: c, tables: append([]string(nil), tables...), build: build}
}

// Get returns the state for the catalog's newest revision. It is shared: do not change it. Whoever has seen an Apply return
// gets a state that has it. Unless there is a newer revision than at the last Get this costs three atomic loads, and changes
// in other tables cost little more. While the catalog is stale it fails with ErrUnavailable.
//
// If build fails, its error is returned for as long as the revision is the same; the next time it is given the changes
// since it last succeeded.
func (v *View[S]) Get() (*S, error) {
	if err := v.c.fresh(); err != nil {
		return nil, err
	}
	snap, st := v.c.snap.Load(), v.state.Load()
	if st == nil || st.revision != snap.revision || st.epoch != snap.epoch {
		st = v.catchUp()
	}
	return st.s, st.err
}

func (v *View[S]) catchUp() *viewState[S] {
	v.mu.Lock()
	defer v.mu.Unlock()
	// Read under the lock, so that states follow each other in order.
	snap, st := v.c.snap.Load(), v.state.Load()
	next := &viewState[S]{epoch: snap.epoch, revision: snap.revision}
	var changes []Record
	whole := st == nil || st.last == nil || st.epoch != snap.epoch
	switch {
	case st != nil && st.revision == snap.revision && st.epoch == snap.epoch:
		return st // another was faster
	case !whole:
		var known bool
		changes, known = snap.since(st.lastRevision, v.tables)
		whole = !known
	}
	switch {
	case whole:
		next.s, next.err = v.build(nil, nil, snap)
	case len(changes) == 0:
		next.s = st.last
	default:
		next.s, next.err = v.build(st.last, changes, snap)
	}
	switch {
	case next.err == nil:
		next.last, next.lastRevision = next.s, snap.revision
	default:
		next.s = nil
		if st != nil && st.epoch == snap.epoch {
			next.last, next.lastRevision = st.last, st.lastRevision
		}
	}
	v.state.Store(next)
	return next
}
