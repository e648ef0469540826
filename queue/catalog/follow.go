package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Follower is what a [Shared] backend implements besides that tells its nodes of each other's changes. A process has one
// backend, and is one node.
type Follower interface {
	// Follow makes this process a node of those that share the backend, until ctx ends, which is no error. It calls caughtUp, once
	// at a time: at first, and whenever another node has committed, or may have, or may have lost what it had (a failover).
	// announced is the newest revision that is known to be committed, zero if none is known for certain, as at first and after
	// the backend could not be reached. What caughtUp returns is made known to the other nodes: the revision that this process
	// has. It may be below announced, because caughtUp does not wait long for a commit of its own process, which may wait for
	// this very answer; it is made known all the same, and then caughtUp is called again at once. After an error it is called
	// again, with zero.
	//
	// Commit on any node returns only when every other node that follows has made known its revision or a later one, or is taken
	// as gone because it has not for some seconds, the lease. A node that is taken as gone has noticed by then: stale was called
	// with true, as it is when the backend can not be reached for so long that this may be so. It is called with false when the
	// node has caught up with all that was committed before, and is waited for again.
	Follow(ctx context.Context, caughtUp func(ctx context.Context, announced uint64) (revision uint64, err error), stale func(bool)) error
}

const (
	// patience is how long a look at the backend waits for a commit of this process.
	patience = 20 * time.Millisecond
	// lookEvery is how often names that nobody knows make this process look at the backend at most, lookTimeout how long one waits.
	lookEvery   = 50 * time.Millisecond
	lookTimeout = time.Second
)

// Follow keeps up with the other nodes of the backend until ctx ends, which is no error. after is called each time before the
// other nodes are told that this one has caught up, and with the newer state in force: it returns when nothing goes on by
// older ones, as far as that matters. Where nobody else can commit, after is called once. Only one Follow may be active.
func (c *Catalog) Follow(ctx context.Context, after func(ctx context.Context) error) error {
	follower, ok := c.backend.(Follower)
	if !ok {
		if err := after(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		<-ctx.Done()
		return nil
	}
	err := follower.Follow(ctx, func(ctx context.Context, announced uint64) (uint64, error) {
		if announced == 0 || c.Revision() < announced {
			if err := c.look(ctx); err != nil {
				return 0, err
			}
		}
		revision := c.Revision() // before after, which may be about no later one
		if err := after(ctx); err != nil {
			return 0, err
		}
		return revision, nil
	}, c.stale.Store)
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("following definitions: %w", err)
	}
	return nil
}

// Stale says that other nodes may have changed definitions without this one knowing, because it is out of touch with them.
// Until that has passed, reads that are to know the newest state fail with ErrUnavailable: Get, List and Update of a [Table], Find,
// and Get of a [View]. A [Snapshot] is what this node knows.
func (c *Catalog) Stale() bool { return c.stale.Load() }

func (c *Catalog) fresh() error {
	if c.stale.Load() {
		return fmt.Errorf("definitions may be out of date: %w", ErrUnavailable)
	}
	return nil
}

// Find returns the newest record of that name, or false if, after a look at a [Shared] backend, there is none. Its Value is
// shared. It fails with ErrUnavailable as [Table.Get] does.
func (c *Catalog) Find(ctx context.Context, table string, name Name) (Record, bool, error) {
	if err := c.fresh(); err != nil {
		return Record{}, false, err
	}
	r, ok := c.Get(table, name)
	if ok || c.shared == nil {
		return r, ok, nil
	}
	if err := c.LookAgain(ctx); err != nil {
		return Record{}, false, err
	}
	r, ok = c.Get(table, name)
	return r, ok, nil
}

// LookAgain is for who does not know a name, before it is refused: on a [Shared] backend it catches up with the other nodes,
// unless that was done in the last 50ms, so that a flood of unknown names is no flood for the backend. It fails with
// ErrUnavailable, after a second at most.
func (c *Catalog) LookAgain(ctx context.Context) error {
	if c.shared == nil {
		return nil
	}
	looking, stop := context.WithTimeout(ctx, lookTimeout)
	defer stop()
	select {
	case c.looking <- struct{}{}:
		defer func() { <-c.looking }()
	case <-looking.Done():
		return fmt.Errorf("looking for a definition: %w: %w", ErrUnavailable, looking.Err())
	}
	begun := time.Now()
	if begun.Sub(c.looked) < lookEvery {
		return nil
	}
	if err := c.look(looking); err != nil {
		return fmt.Errorf("looking for a definition: %w: %w", ErrUnavailable, err)
	}
	c.looked = begun
	return nil
}

// look catches up with the other nodes, unless a commit of this process is in the way for longer than patience. While it is,
// this node is in touch with the others, and may itself be waited for.
func (c *Catalog) look(ctx context.Context) error {
	begun := c.reloads.Load()
	select {
	case c.writer <- struct{}{}:
	default:
		tick := time.NewTicker(patience)
		defer tick.Stop()
		for waiting := true; waiting; {
			select {
			case c.writer <- struct{}{}:
				waiting = false
			case <-tick.C:
				if c.committing.Load() {
					return nil
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	defer func() { <-c.writer }()
	return c.reloadSince(ctx, begun)
}

// fenceTable has one record, for Everywhere.
const fenceTable = "fence"

// Everywhere returns when every other node that follows the backend has the state that this node has now, and has called what it
// gave to Follow, or is taken as gone. Where nobody follows it does nothing. It is a commit.
func (c *Catalog) Everywhere(ctx context.Context) error {
	if _, ok := c.backend.(Follower); !ok {
		return nil
	}
	value, err := json.Marshal(c.Revision())
	if err != nil {
		return err
	}
	_, err = c.Apply(ctx, Set{Changes: []Change{{Table: fenceTable, Name: fileName("fence"), Value: value}}})
	return err
}
