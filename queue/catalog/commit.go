package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	// commitTimeout bounds a commit, which goes on when the caller that happened to carry it out gives up.
	commitTimeout = 30 * time.Second
	// commitAttempts is how often other nodes may be first before a set is given up with ErrConflict.
	commitAttempts = 100
)

// pending is a set of changes on its way into the backend.
type pending struct {
	set Set
	// done is closed when applied or err is set.
	done    chan struct{}
	applied Applied
	err     error
}

func (p *pending) finish(applied Applied, err error) {
	p.applied, p.err = applied, err
	close(p.done)
}

// Apply makes a set of changes: all of it, at one revision, or nothing. When it returns without an error the changes are
// durable and every read in this process sees them. A set with no changes does nothing.
//
// It fails with what Set, Change and Requirement name, with an [*InvalidError], or with the backend's error; in the last
// case the state in memory is as before, and whether the backend has the changes is unknown until the next Apply or
// Refresh that succeeds. Cancelling ctx withdraws the set if its commit has not begun, and has no effect afterwards.
//
// Concurrent calls whose sets have no record in common are committed together: they share a revision and the wait for
// the disk, and each has its own outcome.
func (c *Catalog) Apply(ctx context.Context, set Set) (Applied, error) {
	if len(set.Changes) == 0 {
		return Applied{Revision: c.Revision()}, nil
	}
	if err := set.check(); err != nil {
		return Applied{}, err
	}
	p := &pending{set: set, done: make(chan struct{})}
	c.mu.Lock()
	c.queue = append(c.queue, p)
	c.mu.Unlock()
	// Whoever gets the writer's place commits for all that wait, itself or not.
	for {
		select {
		case <-p.done:
			return p.applied, p.err
		case <-ctx.Done():
			if c.withdraw(p) {
				return Applied{}, ctx.Err()
			}
			<-p.done
			return p.applied, p.err
		case c.writer <- struct{}{}:
			c.commitQueued(ctx)
			<-c.writer
		}
	}
}

// withdraw takes a set out of the queue. It returns false if it is not there any more.
func (c *Catalog) withdraw(p *pending) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.Index(c.queue, p)
	if i < 0 {
		return false
	}
	c.queue = slices.Delete(c.queue, i, i+1)
	return true
}

// commitQueued commits the queued sets that have no record in common. The caller holds writer.
func (c *Catalog) commitQueued(ctx context.Context) {
	c.mu.Lock()
	var batch []*pending
	batch, c.queue = disjoint(c.queue)
	c.mu.Unlock()
	if len(batch) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	if batch, err := c.commit(ctx, batch); err != nil {
		for _, p := range batch {
			p.finish(Applied{}, err)
		}
	}
}

// disjoint divides sets into those that can be committed together and those that must wait. Two that change the same
// record cannot, since one revision of a record has one value; nor can one that changes what another requires. One with a
// Guard, which may look at any record, is alone.
func disjoint(sets []*pending) (now, later []*pending) {
	if len(sets) == 1 {
		return sets, nil
	}
	changed, required := map[key]bool{}, map[key]bool{}
	guarded := false
	for i, p := range sets {
		free := !guarded
		if p.set.Guard != nil {
			free, guarded = i == 0, true
		}
		for i := range p.set.Changes {
			k := key{p.set.Changes[i].Table, p.set.Changes[i].Name}
			free = free && !changed[k] && !required[k]
		}
		for _, q := range p.set.Requires {
			free = free && !changed[key{q.Table, q.Name}]
		}
		// A set that waits also bars its records, so that no later one overtakes it.
		for i := range p.set.Changes {
			changed[key{p.set.Changes[i].Table, p.set.Changes[i].Name}] = true
		}
		for _, q := range p.set.Requires {
			required[key{q.Table, q.Name}] = true
		}
		if free {
			now = append(now, p)
		} else {
			later = append(later, p)
		}
	}
	return now, later
}

// commit validates sets against the newest state, writes those that are good and publishes the result. Those that are
// refused are finished with their own error. It returns the sets that an error left unfinished.
func (c *Catalog) commit(ctx context.Context, batch []*pending) ([]*pending, error) {
	// On a shared backend this node may know less than was acknowledged elsewhere, so it looks again before it refuses.
	fresh := c.shared == nil
	now := time.UnixMilli(time.Now().UnixMilli()).UTC()
	for range commitAttempts {
		base := c.snap.Load()
		revision, lastID := base.revision+1, c.lastID
		var good, refused []*pending
		var reasons []error
		var planned [][]*entry
		var changes []*entry
		for _, p := range batch {
			entries, last, err := p.set.plan(base, revision, lastID, now)
			if err != nil {
				refused, reasons = append(refused, p), append(reasons, err)
				continue
			}
			lastID = last
			good, planned, changes = append(good, p), append(planned, entries), append(changes, entries...)
		}
		if len(refused) > 0 && !fresh {
			if err := c.reload(ctx); err != nil {
				return batch, err
			}
			fresh = true
			continue
		}
		for i, p := range refused {
			p.finish(Applied{}, reasons[i])
		}
		if batch = good; len(batch) == 0 {
			return nil, nil
		}
		records := make([]Record, len(changes))
		for i, e := range changes {
			records[i] = e.rec
		}
		c.committing.Store(true)
		err := c.backend.Commit(ctx, revision, lastID, records)
		c.committing.Store(false)
		if err == nil {
			c.publish(base.with(revision, changes), lastID)
			for i, p := range batch {
				p.finish(Applied{Revision: revision, Records: recordsOf(planned[i])}, nil)
			}
			return nil, nil
		}
		if !errors.Is(err, ErrConflict) {
			return batch, fmt.Errorf("committing definitions: %w", err)
		}
		if err := c.reload(ctx); err != nil {
			return batch, err
		}
		if c.snap.Load() == base {
			return batch, fmt.Errorf("backend refused revision %d although it stands at %d: %w", revision, base.revision, err)
		}
		fresh = true
	}
	return batch, fmt.Errorf("other nodes were first %d times: %w", commitAttempts, ErrConflict)
}

func recordsOf(entries []*entry) []Record {
	records := make([]Record, len(entries))
	for i, e := range entries {
		records[i] = e.rec
	}
	return records
}
