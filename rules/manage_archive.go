package rules

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Errors of archives.
var (
	ErrArchiveExists   = errors.New("archive exists")
	ErrArchiveNotFound = errors.New("archive does not exist")
)

// ArchiveEntry is an archive with what the catalog knows of it.
type ArchiveEntry struct {
	Name             catalog.Name
	Archive          Archive
	Created, Updated time.Time
	Managed          bool
	// Events and Bytes count what it holds.
	Events, Bytes int64
}

// CreateArchive makes an archive; without a Bus, of the default one. What is published after it has returned is archived. Errors:
// ErrArchiveExists, [ErrBusNotFound], joined [*InvalidError]s (fields as in the type: "when").
func (e *Engine) CreateArchive(ctx context.Context, name catalog.Name, def Archive) (ArchiveEntry, error) {
	fail := func(err error) (ArchiveEntry, error) {
		return ArchiveEntry{}, fmt.Errorf("creating archive %s: %w", name.Name, err)
	}
	if def = def.Clone(); def.Bus == "" {
		def.Bus = DefaultBus
	}
	if err := def.Validate(name.Name); err != nil {
		return fail(err)
	}
	bus := catalog.Name{Account: name.Account, Region: name.Region, Name: def.Bus}
	if err := e.ensureBus(ctx, bus); err != nil {
		return fail(err)
	}
	record, ok, err := e.definitions.Find(ctx, BusTable, bus)
	if err == nil && !ok {
		err = fmt.Errorf("%w: %s", ErrBusNotFound, def.Bus)
	}
	if err != nil {
		return fail(err)
	}
	applied, err := e.definitions.Apply(ctx, catalog.Set{
		Changes:  []catalog.Change{e.archives.Creating(name, def)},
		Requires: []catalog.Requirement{{Table: BusTable, Name: bus, ID: record.ID}},
	})
	switch {
	case errors.Is(err, catalog.ErrExists):
		return fail(ErrArchiveExists)
	case errors.Is(err, catalog.ErrNotFound):
		return fail(fmt.Errorf("%w: %s", ErrBusNotFound, def.Bus))
	case err != nil:
		return fail(err)
	}
	made := applied.Records[0]
	return ArchiveEntry{Name: name, Archive: def, Created: made.CreatedAt, Updated: made.ModifiedAt}, nil
}

// Archive returns an archive. It fails with ErrArchiveNotFound.
func (e *Engine) Archive(ctx context.Context, name catalog.Name) (ArchiveEntry, error) {
	entry, err := e.archives.Get(name)
	if err != nil {
		return ArchiveEntry{}, archiveError(name, err)
	}
	all, err := e.archiveEntries(ctx, []catalog.Entry[Archive]{entry})
	if err != nil {
		return ArchiveEntry{}, err
	}
	return all[0], nil
}

// Archives returns those that q selects in the order of their names, and whether its Limit left some out.
func (e *Engine) Archives(ctx context.Context, q catalog.Query) (entries []ArchiveEntry, more bool, err error) {
	found, more, err := e.archives.List(q)
	if err != nil || len(found) == 0 {
		return nil, false, err
	}
	entries, err = e.archiveEntries(ctx, found)
	return entries, more, err
}

// archiveEntries counts what archives hold.
func (e *Engine) archiveEntries(ctx context.Context, found []catalog.Entry[Archive]) ([]ArchiveEntry, error) {
	ids := make([]queue.ID, len(found))
	for i, a := range found {
		ids[i] = queue.IDFor(a.ID, queue.Own)
	}
	stats, err := e.broker.Store().Stats(ctx, e.broker.Now(), ids)
	if err != nil {
		return nil, fmt.Errorf("counting archived events: %w", err)
	}
	entries := make([]ArchiveEntry, len(found))
	for i, a := range found {
		entries[i] = ArchiveEntry{
			Name: a.Name, Archive: a.Value.Clone(), Created: a.CreatedAt, Updated: a.ModifiedAt, Managed: a.Owner != "",
			Events: stats[i].Total(), Bytes: stats[i].Bytes,
		}
	}
	return entries, nil
}

// UpdateArchive calls change with a definition of its own and makes the archive be what that has become; change is called again
// if the definition was changed meanwhile. Another Retention counts for the events that are there, too, and another When for
// those that come. Errors: ErrArchiveNotFound, a [*catalog.ManagedError], joined [*InvalidError]s, and change's own.
func (e *Engine) UpdateArchive(ctx context.Context, name catalog.Name, change func(*Archive) error) (ArchiveEntry, error) {
	_, err := e.archives.Update(ctx, name, func(a *Archive) error {
		bus := a.Bus
		if err := change(a); err != nil {
			return err
		}
		if a.Bus != bus {
			return &InvalidError{Field: "bus", Reason: "can not be changed"}
		}
		return a.Validate(name.Name)
	})
	if err != nil {
		return ArchiveEntry{}, archiveError(name, err)
	}
	return e.Archive(ctx, name)
}

// DeleteArchive removes an archive with its events; replays of it fail. Errors: ErrArchiveNotFound, a [*catalog.ManagedError].
func (e *Engine) DeleteArchive(ctx context.Context, name catalog.Name) error {
	if _, err := e.archives.Get(name); err != nil {
		return archiveError(name, err)
	}
	before := e.definitions.Snapshot()
	applied, err := e.definitions.Apply(ctx, catalog.Set{Changes: []catalog.Change{e.archives.Deleting(name)}})
	if err != nil {
		return archiveError(name, err)
	}
	if e.config.OnDeleted != nil {
		e.config.OnDeleted(applied.Records, before)
		return nil
	}
	// No node archives anything there any more but what it is in the midst of, and does then anew. If the log can not be dropped
	// now, it is by who looks for queues of which no definition is left.
	log := queue.IDFor(applied.Records[0].ID, queue.Own)
	_ = e.broker.Store().Drop(context.WithoutCancel(ctx), e.broker.Now(), []queue.ID{log})
	return nil
}

// archiveError puts ErrArchiveNotFound in place of the catalog's.
func archiveError(name catalog.Name, err error) error {
	if errors.Is(err, catalog.ErrNotFound) {
		return fmt.Errorf("%w: %s", ErrArchiveNotFound, name.Name)
	}
	return err
}
