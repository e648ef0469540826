package topic

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Entry is a topic with what the catalog knows of it. What Topic's maps and slices lead to is shared: do not change it.
type Entry struct {
	Name  catalog.Name
	Topic Topic
	// Created and Updated are when it was made and last changed; zero if that was under a release that did not write it down.
	Created, Updated time.Time
	// Managed says that the operator's file declares it.
	Managed bool
}

func entryOf(e catalog.Entry[Topic]) Entry {
	entry := Entry{Name: e.Name, Topic: e.Value, Created: e.CreatedAt, Updated: e.ModifiedAt, Managed: e.Owner != ""}
	if entry.Topic.Retention != 0 && entry.Topic.ArchivedSince.IsZero() {
		entry.Topic.ArchivedSince = e.CreatedAt // what a file declares does not say
	}
	return entry
}

func notFound(name catalog.Name) error { return fmt.Errorf("%w: %s", ErrNotFound, name.Name) }

// Get returns a topic. It fails with [ErrNotFound].
func (t *Topics) Get(_ context.Context, name catalog.Name) (Entry, error) {
	e, err := t.topics.Get(name)
	if errors.Is(err, catalog.ErrNotFound) {
		return Entry{}, notFound(name)
	}
	if err != nil {
		return Entry{}, err
	}
	return entryOf(e), nil
}

// List returns the topics that q selects in the order of their names, and whether its Limit left some out.
func (t *Topics) List(_ context.Context, q catalog.Query) (entries []Entry, more bool, err error) {
	all, more, err := t.topics.List(q)
	if err != nil {
		return nil, false, err
	}
	entries = make([]Entry, len(all))
	for i := range all {
		entries[i] = entryOf(all[i])
	}
	return entries, more, nil
}

// Create makes a topic. If there is one of that name it is returned as it is, and created is false. A definition that does not
// validate is an error joining [*InvalidError]s.
func (t *Topics) Create(ctx context.Context, name catalog.Name, def Topic) (e Entry, created bool, err error) {
	if err := def.Validate(name.Name); err != nil {
		return Entry{}, false, err
	}
	def = def.Clone()
	def.ArchivedSince = time.Time{}
	if def.Retention != 0 {
		def.ArchivedSince = t.broker.Now()
	}
	for {
		e, err := t.Get(ctx, name)
		if !errors.Is(err, ErrNotFound) {
			return e, false, err
		}
		// What is left of an earlier topic of that name is not this one's.
		before := t.definitions.Snapshot()
		left, more, err := t.removals(before, name, maxRemovals)
		if err != nil {
			return Entry{}, false, err
		}
		if more && len(left) > 0 { // too much for one set of changes
			if err := t.removeLeft(ctx, name); err != nil {
				return Entry{}, false, err
			}
			continue
		}
		applied, err := t.definitions.Apply(ctx, catalog.Set{Changes: append([]catalog.Change{t.topics.Creating(name, def)}, left...)})
		switch {
		case err == nil:
			t.deleted(ctx, applied.Records[1:], before)
			e, err = t.Get(ctx, name)
			return e, true, err
		case raced(err) && ctx.Err() == nil && t.definitions.Revision() != before.Revision():
		default:
			return Entry{}, false, err
		}
	}
}

// raced says that a set of changes was made for another state of the catalog than there was.
func raced(err error) bool {
	return errors.Is(err, catalog.ErrConflict) || errors.Is(err, catalog.ErrExists) || errors.Is(err, catalog.ErrNotFound)
}

// Update calls change with a definition of its own and makes the topic's be what that has become; change is called again if
// the definition was changed meanwhile. The endpoints of the topic's HTTP subscriptions follow its delivery policy before
// Update returns. Errors: [ErrNotFound], a [*catalog.ManagedError] for a topic that a file declares, joined [*InvalidError]s,
// and change's own as it is.
func (t *Topics) Update(ctx context.Context, name catalog.Name, change func(*Topic) error) (Entry, error) {
	aligned := true
	e, err := t.topics.Update(ctx, name, func(def *Topic) error {
		before := def.Clone()
		if err := change(def); err != nil {
			return err
		}
		if def.FIFO != before.FIFO {
			return &InvalidError{Field: "fifo", Reason: "can not be changed"}
		}
		switch {
		case def.Retention == 0:
			def.ArchivedSince = time.Time{}
		case before.Retention == 0:
			def.ArchivedSince = t.broker.Now()
		default:
			def.ArchivedSince = before.ArchivedSince
		}
		aligned = string(def.DeliveryPolicy) == string(before.DeliveryPolicy)
		return def.Validate(name.Name)
	})
	if errors.Is(err, catalog.ErrNotFound) {
		return Entry{}, notFound(name)
	}
	if err != nil {
		return Entry{}, err
	}
	if !aligned {
		err = t.alignEndpoints(ctx, name)
	}
	return entryOf(e), err
}

// Delete removes a topic with its subscriptions, their endpoints and its log; HTTP subscribers are not told. It does nothing
// if there is no such topic. Errors: [ErrArchived], and a [*catalog.ManagedError] for a topic that a file declares.
func (t *Topics) Delete(ctx context.Context, name catalog.Name) error {
	for {
		e, err := t.topics.Get(name)
		if errors.Is(err, catalog.ErrNotFound) {
			return t.removeLeft(ctx, name) // which a crash may have kept from being done
		}
		if err != nil {
			return err
		}
		if e.Value.Retention != 0 && e.Owner == "" {
			return fmt.Errorf("%w: %s", ErrArchived, name.Name)
		}
		before := t.definitions.Snapshot()
		changes, _, err := t.removals(before, name, maxRemovals)
		if err != nil {
			return err
		}
		changes = append([]catalog.Change{t.topics.Deleting(name).If(e.Revision)}, changes...)
		applied, err := t.definitions.Apply(ctx, catalog.Set{Changes: changes})
		switch {
		case err == nil:
			t.deleted(ctx, applied.Records, before)
			return t.removeLeft(ctx, name)
		case raced(err) && ctx.Err() == nil && t.definitions.Revision() != before.Revision():
		default:
			return err
		}
	}
}
