package redisstore

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/signalbox-mq/signalbox/queue/catalog"
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
	s.hint(s.news)
}

// Follow implements [catalog.Follower]. A node tells every second that it is there, and is waited for until it has not done so for
// three.
func (s *Store) Follow(ctx context.Context, caughtUp func(context.Context, uint64) (uint64, error), stale func(bool)) error {
	tick := time.NewTicker(nodeBeat)
	defer tick.Stop()
	f := follower{s: s, caughtUp: caughtUp}
	defer func() {
		last, stop := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer stop()
		_, _ = s.beat(last, f.known, 0) // nobody needs to wait for this node any more
	}()
	// A timer tells that this node is out of touch, whatever it is that does not come back.
	var mu sync.Mutex
	isStale := false
	turn := func(to bool) {
		mu.Lock()
		defer mu.Unlock()
		if isStale != to {
			isStale = to
			stale(to)
		}
	}
	timer := time.AfterFunc(nodeStale, func() { turn(true) })
	defer timer.Stop()
	f.inTouch = func() bool {
		left := nodeStale - time.Since(f.reached)
		if left > 0 {
			timer.Reset(left)
		}
		return left > 0
	}
	lost := false
	for {
		err := f.round(ctx)
		if is := errors.Is(err, catalog.ErrLost); is != lost {
			lost = is
			if lost {
				s.c.log(LogError, err.Error())
				turn(true)
			}
		}
		switch {
		case err == nil:
			if f.inTouch() {
				turn(false)
			}
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errOwnCommit):
		default:
			f.certain = false
		}
		select {
		case <-tick.C:
		case <-s.news:
		case <-ctx.Done():
			return nil
		}
	}
}

// follower is a Follow in progress.
type follower struct {
	s        *Store
	caughtUp func(context.Context, uint64) (uint64, error)
	// known is the revision that this node has, certain that nothing can have been lost since it was found out.
	known   uint64
	certain bool
	// reached is when the store was last told, before it was.
	reached time.Time
	// inTouch notes that as of reached other nodes wait for this one, so that what it knows is good for some time. It returns false
	// if that time is over.
	inTouch func() bool
}

// errOwnCommit ends a round that would end only with a commit of this node, which waits for others.
var errOwnCommit = errors.New("a commit of this node is under way")

// round tells what this node has, after catching up if there is more.
func (f *follower) round(ctx context.Context) error {
	// No longer than what makes it stale, so that a store that does not answer is noticed.
	ctx, stop := context.WithTimeout(ctx, nodeStale)
	defer stop()
	announced := f.s.newest.Load()
	if !f.certain {
		if f.reached.IsZero() {
			// From here on commits wait for this node. Later it tells that it is there only when it has caught up, so that one that
			// hangs is not waited for.
			f.reached = time.Now()
			if _, err := f.s.beat(ctx, f.known, nodeLease); err != nil {
				return err
			}
		}
		announced = 0
	}
	behind := !f.certain || announced > f.known
	for pause := firstBehindPause; ; {
		if behind {
			revision, err := f.caughtUp(ctx, announced)
			if err != nil {
				return err
			}
			f.known = revision
		}
		told := time.Now()
		committed, err := f.s.beat(ctx, f.known, nodeLease)
		if err != nil {
			return err
		}
		f.reached = told
		if f.certain {
			// Others wait for this node with whatever there is that it does not have yet.
			f.inTouch()
		}
		switch {
		case committed == f.known:
			f.certain = true
			return nil
		case committed < f.known: // a failover has lost some
			announced = 0
		default:
			announced = committed
		}
		if behind { // its own commit is in the way
			if sleep(ctx, pause) != nil {
				return errOwnCommit
			}
			pause = min(2*pause, lastBehindPause)
		}
		behind = true
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
