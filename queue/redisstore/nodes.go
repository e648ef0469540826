package redisstore

import (
	"context"
	"strconv"
	"time"
)

const (
	// nodeLease is for how long a node that is not heard of is still waited for, and nodeBeat how often it tells that it is there.
	nodeLease = 3 * time.Second
	nodeBeat  = time.Second
	// A node that has not reached the store for nodeStale takes its definitions for stale: before others stop to wait for it.
	nodeStale = 2 * time.Second

	firstBehindPause = time.Millisecond
	lastBehindPause  = 50 * time.Millisecond
)

// awaitNodes returns when no other node that is alive is behind a revision. Its error is only that of the context or of the
// store: the revision is committed.
func (s *Store) awaitNodes(ctx context.Context, revision uint64) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for pause := firstBehindPause; ; pause = min(2*pause, lastBehindPause) {
		reply, err := s.call(ctx, catalogShard, "behind", read, s.c.tag(catalogShard), strconv.FormatUint(revision, 10), s.node)
		if err != nil {
			return err
		}
		a := &answer{values: []any{reply}}
		if n := a.number(); n == 0 || a.err != nil {
			return a.err
		}
		timer.Reset(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// announced passes on that a revision was committed.
func (s *Store) announced(revision string) {
	n, err := strconv.ParseUint(revision, 10, 64)
	if err != nil {
		return
	}
	for {
		last := s.newest.Load()
		if n <= last || s.newest.CompareAndSwap(last, n) {
			break
		}
	}
	select {
	case s.news <- struct{}{}:
	default:
	}
}

// Follow implements [catalog.Follower]. A node tells every second that it is there, and is waited for until it has not done so for
// three.
func (s *Store) Follow(ctx context.Context, caughtUp func(context.Context, uint64) (uint64, error), stale func(bool)) error {
	tick := time.NewTicker(nodeBeat)
	defer tick.Stop()
	var known uint64 // the revision that this node has
	isStale := false
	reached := time.Now()
	defer func() {
		last, stop := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer stop()
		_, _ = s.beat(last, known, 0)
	}()
	for {
		begun := time.Now()
		newest, err := s.follow(ctx, known, caughtUp)
		switch {
		case err == nil:
			known, reached = newest, begun
			if isStale {
				isStale = false
				stale(false)
			}
		case ctx.Err() != nil:
			return nil
		case !isStale && time.Since(reached) > nodeStale:
			isStale = true
			stale(true)
		}
		select {
		case <-tick.C:
		case <-s.news:
		case <-ctx.Done():
			return nil
		}
	}
}

// follow tells what this node has and catches up if there is more.
func (s *Store) follow(ctx context.Context, known uint64, caughtUp func(context.Context, uint64) (uint64, error)) (uint64, error) {
	// No longer than what makes it stale, so that a store that does not answer is noticed.
	ctx, stop := context.WithTimeout(ctx, nodeStale)
	defer stop()
	if newest := s.newest.Load(); newest > known {
		revision, err := caughtUp(ctx, newest)
		if err != nil {
			return known, err
		}
		known = revision
	}
	for {
		newest, err := s.beat(ctx, known, nodeLease)
		if err != nil || newest == known {
			return known, err
		}
		revision, err := caughtUp(ctx, newest)
		if err != nil || revision == known {
			return known, err
		}
		known = revision
	}
}

// beat tells that this node is there for so long, and which revision it has. It returns which one there is.
func (s *Store) beat(ctx context.Context, revision uint64, ttl time.Duration) (uint64, error) {
	reply, err := s.call(ctx, catalogShard, "beat", 0, s.c.tag(catalogShard), s.node, strconv.FormatUint(revision, 10), millis(ttl))
	if err != nil {
		return 0, err
	}
	a := &answer{values: []any{reply}}
	return uint64(a.number()), a.err
}
