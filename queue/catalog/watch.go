package catalog

import (
	"context"
	"iter"
)

// Changes returns what changed after a revision, of all tables if none is given, and the revision up to which that is,
// which is where to ask from next. Records are in the order of their revisions; one that changed more than once may be
// there more than once, or with its last state only. The slice is the caller's, the Values are shared.
//
// About the last 16,000 changes are known one by one; it fails with ErrCompacted beyond, and for a revision that is not
// reached yet: take a Snapshot then, and go on from its revision.
func (c *Catalog) Changes(since uint64, tables ...string) (records []Record, revision uint64, err error) {
	s := c.snap.Load()
	records, ok := s.since(since, tables)
	if !ok {
		return nil, s.revision, ErrCompacted
	}
	return records, s.revision, nil
}

// Wait returns when the catalog's revision is not the given one (any more), or ctx ends, with its error.
func (c *Catalog) Wait(ctx context.Context, revision uint64) error {
	for {
		s := c.snap.Load()
		if s.revision != revision {
			return nil
		}
		select {
		case <-s.next:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Watch goes through the changes after a revision, of all tables if none is given, and waits for more. Each step has the
// changes of one or more whole sets, at least one record, as Changes returns them. It ends when ctx does, without an
// error, or after yielding ErrCompacted: take a Snapshot then, and watch from its revision. A watcher that is slow keeps
// nobody waiting.
func (c *Catalog) Watch(ctx context.Context, since uint64, tables ...string) iter.Seq2[[]Record, error] {
	return func(yield func([]Record, error) bool) {
		epoch := c.snap.Load().epoch
		for ctx.Err() == nil {
			s := c.snap.Load()
			records, ok := s.since(since, tables)
			if !ok || s.epoch != epoch {
				yield(nil, ErrCompacted)
				return
			}
			since = s.revision
			if len(records) > 0 && !yield(records, nil) {
				return
			}
			select {
			case <-s.next:
			case <-ctx.Done():
				return
			}
		}
	}
}
