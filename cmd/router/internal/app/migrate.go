package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/signalbox-mq/signalbox/cmd/router/internal/migrate"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/pebblestore"
	"github.com/signalbox-mq/signalbox/queue/redisstore"
)

// MigrateOptions say what is copied where.
type MigrateOptions struct {
	// From and To are stores: the address of a shared one, or the directory of an embedded one, with "pebble:" before it or not.
	From, To string
	// DryRun only counts.
	DryRun bool
	// Restart erases first what a migration that was broken off has left in To.
	Restart bool
	// Say is told what happens, a line at a time.
	Say func(string)
}

// Validate reports what is wrong with the options, as a sentence.
func (o MigrateOptions) Validate() error {
	for name, store := range map[string]string{"--from": o.From, "--to": o.To} {
		switch {
		case store == "":
			return fmt.Errorf("%s is needed: a directory or an address that begins with redis:// or rediss://", name)
		case store == "memory" || store == "pebble":
			return fmt.Errorf("%s: %q names no data: use a directory or an address that begins with redis:// or rediss://", name, store)
		}
		if isShared(store) {
			if err := ValidateStore(store); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	if o.From == o.To {
		return errors.New("--from and --to are the same store")
	}
	return nil
}

func isShared(store string) bool {
	return strings.HasPrefix(store, "redis://") || strings.HasPrefix(store, "rediss://")
}

// migrated is a store at one end of a migration.
type migrated interface {
	migrate.Source
	migrate.Target
}

// Migrate copies all that a store holds to another one; see package migrate. No router may run on either.
func Migrate(ctx context.Context, o MigrateOptions) (_ migrate.Report, err error) {
	if err := o.Validate(); err != nil {
		return migrate.Report{}, err
	}
	from, err := openMigrated(ctx, "--from", o.From, true, o.Say)
	if err != nil {
		return migrate.Report{}, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	opts := migrate.Options{From: DescribeStore(o.From), Restart: o.Restart, Progress: func(r migrate.Report) { o.Say(r.Line()) }}
	if s, ok := from.(*pebblestore.Store); ok {
		latest, err := s.Latest(ctx, time.Now().Add(queue.RetireAhead/2))
		if err != nil {
			return migrate.Report{}, err
		}
		opts.Ahead = max(0, time.Until(latest))
	}
	if o.DryRun {
		if err := idle(from)(ctx); err != nil {
			return migrate.Report{}, err
		}
		return migrate.Count(ctx, from, opts)
	}
	to, err := openMigrated(ctx, "--to", o.To, false, o.Say)
	if err != nil {
		return migrate.Report{}, err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	opts.Idle = idle(from, to)
	if s, ok := from.(*redisstore.Store); ok {
		if err := opts.Idle(ctx); err != nil {
			return migrate.Report{}, err
		}
		if err := s.Finish(ctx); err != nil {
			return migrate.Report{}, err
		}
	}
	report, err := migrate.Run(ctx, from, to, opts)
	if errors.Is(err, queue.ErrNotEmpty) {
		err = fmt.Errorf("%w: a router has been started on it, which is enough; migrate before that, or to another namespace, database or directory", err)
	}
	return report, err
}

// idle fails when a router uses one of the stores. An embedded one is locked.
func idle(stores ...migrated) func(context.Context) error {
	return func(ctx context.Context) error {
		for _, m := range stores {
			s, ok := m.(*redisstore.Store)
			if !ok {
				continue
			}
			n, err := s.Nodes(ctx)
			if err != nil {
				return err
			}
			if n > 0 {
				return fmt.Errorf("the shared store is in use by %d of its routers, or was a few seconds ago: stop them first", n)
			}
		}
		return nil
	}
}

func openMigrated(ctx context.Context, flag, name string, mustExist bool, say func(string)) (migrated, error) {
	if isShared(name) {
		opts := redisstore.Options{URL: name, Unfinished: !mustExist, Log: func(level redisstore.LogLevel, text string) {
			if level != redisstore.LogInfo {
				say(flag + ": " + text)
			}
		}}
		s, err := redisstore.Open(ctx, opts, time.Now)
		if err != nil {
			return nil, fmt.Errorf("opening %s %s: %w", flag, opts, err)
		}
		return s, nil
	}
	dir := strings.TrimPrefix(name, "pebble:")
	if mustExist {
		if found, err := pebblestore.Exists(vfs.Default, dir); err != nil || !found {
			return nil, errors.Join(fmt.Errorf("%s: there is no store in %s", flag, dir), err)
		}
	} else if names, err := os.ReadDir(dir); err == nil && len(names) > 0 {
		if found, err := pebblestore.Exists(vfs.Default, dir); err != nil || !found {
			return nil, errors.Join(fmt.Errorf("%s: %s is neither empty nor a store", flag, dir), err)
		}
	}
	s, err := pebblestore.Open(dir, pebblestore.Options{Unfinished: !mustExist})
	if err != nil {
		return nil, fmt.Errorf("opening %s %s: %w", flag, dir, err)
	}
	return s, nil
}

// IsUnfinished says that a store was refused because a migration to it has not ended.
func IsUnfinished(err error) bool { return errors.Is(err, queue.ErrUnfinished) }
