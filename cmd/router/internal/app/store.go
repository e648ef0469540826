package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/pebblestore"
	"github.com/signalbox-mq/signalbox/queue/redisstore"
)

// store is what every engine gives the router.
type store interface {
	queue.Store
	catalog.Backend
}

// ValidateStore reports what is wrong with the --store of a command line, as a sentence without a subject.
func ValidateStore(name string) error {
	switch {
	case name == "" || name == "pebble" || name == "memory":
		return nil
	case !strings.HasPrefix(name, "redis"):
		return fmt.Errorf("%q is not a store; use pebble, memory, or an address that begins with redis:// or rediss://", name)
	}
	return redisstore.Options{URL: name}.Validate()
}

// DescribeStore returns the --store of a command line for logs: an address without its passwords.
func DescribeStore(name string) string {
	if strings.HasPrefix(name, "redis") {
		return redisstore.Options{URL: name}.String()
	}
	return name
}

func (r *router) openStore(ctx context.Context) error {
	if err := ValidateStore(r.opts.Store); err != nil {
		return fmt.Errorf("--store: %w", err)
	}
	if strings.HasPrefix(r.opts.Store, "redis") {
		return r.openShared(ctx)
	}
	return r.openEmbedded(ctx)
}

// openShared opens a store that other nodes may use too. Its time is the servers', so that the nodes' clocks need not agree.
func (r *router) openShared(ctx context.Context) error {
	opts := redisstore.Options{URL: r.opts.Store, Log: func(level redisstore.LogLevel, text string) {
		e := r.log.Info()
		switch level {
		case redisstore.LogWarn:
			e = r.log.Warn()
		case redisstore.LogError:
			e = r.log.Error()
		}
		e.Str("component", "store").Msg(text)
	}}
	clock := queue.NewClock(time.Time{})
	s, err := redisstore.Open(ctx, opts, clock.Now)
	if err != nil {
		return fmt.Errorf("opening the store at %s: %w", opts, err)
	}
	r.store, r.clock = s, clock
	r.space = func() space {
		for _, m := range s.Memory() {
			if m.Full {
				return space{full: true}
			}
		}
		return space{}
	}
	return nil
}

func (r *router) openEmbedded(ctx context.Context) error {
	opts := pebblestore.Options{
		Fatal: func(err error) {
			select {
			case r.fault <- err:
			default:
			}
		},
		Corrupt: func(err error) { r.log.Error().Err(err).Str("component", "store").Msg("damaged file") },
		Log: func(level pebblestore.LogLevel, msg string) {
			e := r.log.Trace()
			if level == pebblestore.LogError {
				e = r.log.Error()
			}
			e.Str("component", "store").Msg(msg)
		},
	}
	if r.opts.MinFree != nil {
		if opts.MinFreeBytes = *r.opts.MinFree; opts.MinFreeBytes == 0 {
			opts.MinFreeBytes = -1
		}
	}
	dir := r.opts.Data
	if r.opts.Store == "memory" {
		dir, opts.FS = "memory", vfs.NewMem()
	}
	s, err := pebblestore.Open(dir, opts)
	if err != nil {
		return fmt.Errorf("opening the store in %s: %w", dir, err)
	}
	if r.clock, err = startClock(ctx, s, r); err != nil {
		return errors.Join(err, s.Close())
	}
	r.store = s
	r.space = spaceOn(s)
	return nil
}

func spaceOn(s *pebblestore.Store) func() space {
	return func() space {
		now := s.Space()
		return space{full: now.Full, known: now.Known, free: now.Free, least: now.Least}
	}
}

// startClock returns a clock that does not begin before what the store has seen.
func startClock(ctx context.Context, s *pebblestore.Store, r *router) (*queue.Clock, error) {
	wall := time.Now()
	// Beyond half of RetireAhead is what a crash left of a queue that was being retired, not a clock that was ahead.
	latest, err := s.Latest(ctx, wall.Add(queue.RetireAhead/2))
	if err != nil {
		return nil, err
	}
	if ahead := latest.Sub(wall); ahead > time.Minute {
		r.log.Warn().Dur("ahead_ms", ahead).Msg("the wall clock is behind what the store has seen; time goes on slower until it is there again")
	}
	return queue.NewClock(latest), nil
}

func (r *router) closeStore() error {
	if err := r.store.Close(); err != nil && !errors.Is(err, queue.ErrStoreClosed) {
		return fmt.Errorf("closing the store: %w", err)
	}
	return nil
}

// space is what a store has left to write to. free and least are of a disk, and known says whether it tells.
type space struct {
	full, known bool
	free, least uint64
}

// spaceEvery is how often it is looked whether the store is full.
const spaceEvery = 5 * time.Second

// watchSpace logs when the store becomes full and when it has space again, until ctx ends.
func (r *router) watchSpace(ctx context.Context) error {
	tick := time.NewTicker(spaceEvery)
	defer tick.Stop()
	for was := false; ; {
		now := r.space()
		e := r.log.Info()
		if now.full {
			e = r.log.Error()
		}
		if e = e.Str("component", "store"); now.known {
			e = e.Uint64("free_bytes", now.free).Uint64("min_free_bytes", now.least)
		}
		switch {
		case now.full && !was:
			e.Msg("the store is full: nothing new is taken until there is space")
		case was && !now.full:
			e.Msg("the store has space again")
		}
		was = now.full
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
