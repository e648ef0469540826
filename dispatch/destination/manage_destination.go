package destination

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Entry is a destination with what the catalog knows of it. What Destination's map leads to is shared: do not change it.
type Entry struct {
	Name             catalog.Name
	Destination      Destination
	Created, Updated time.Time
	Managed          bool
	// Active says that its connection is there and authorized.
	Active bool
}

func (m *Manager) entry(at *catalog.Snapshot, e catalog.Entry[Destination]) Entry {
	c, err := m.connections.At(at, connectionOf(e.Name, &e.Value))
	return Entry{
		Name: e.Name, Destination: e.Value, Created: e.CreatedAt, Updated: e.ModifiedAt, Managed: e.Owner != "",
		Active: err == nil && c.Value.authorized(),
	}
}

func connectionOf(name catalog.Name, d *Destination) catalog.Name {
	return catalog.Name{Account: name.Account, Region: name.Region, Name: d.Connection}
}

// Create makes a destination. Errors: ErrExists, ErrNotFound for its connection, joined [*InvalidError]s.
func (m *Manager) Create(ctx context.Context, name catalog.Name, def Destination) (Entry, error) {
	def.UUID, def.Managed = uuid.NewString(), false
	if err := def.Validate(name.Name); err != nil {
		return Entry{}, err
	}
	if _, ok, err := m.definitions.Find(ctx, Table, name); ok || err != nil {
		if err == nil {
			err = named(catalog.ErrExists, name)
		}
		return Entry{}, err
	}
	return m.apply(ctx, name, &def, m.destinations.Creating(name, def))
}

// Get returns a destination. It fails with ErrNotFound.
func (m *Manager) Get(_ context.Context, name catalog.Name) (Entry, error) {
	e, err := m.destinations.Get(name)
	if err != nil {
		return Entry{}, named(err, name)
	}
	return m.entry(m.definitions.Snapshot(), e), nil
}

// List returns those that q selects in the order of their names, and whether its Limit left some out.
func (m *Manager) List(_ context.Context, q catalog.Query) (entries []Entry, more bool, err error) {
	all, more, err := m.destinations.List(q)
	if err != nil {
		return nil, false, err
	}
	at := m.definitions.Snapshot()
	entries = make([]Entry, len(all))
	for i := range all {
		entries[i] = m.entry(at, all[i])
	}
	return entries, more, nil
}

// Update is as UpdateConnection. A connection that the destination did not have before must be there: ErrNotFound.
func (m *Manager) Update(ctx context.Context, name catalog.Name, change func(*Destination) error) (Entry, error) {
	for {
		r, ok, err := m.definitions.Find(ctx, Table, name)
		if err != nil {
			return Entry{}, err
		}
		if !ok {
			return Entry{}, notFound(name)
		}
		if r.Owner != "" {
			return Entry{}, &catalog.ManagedError{Table: Table, Name: name, Owner: r.Owner}
		}
		old, err := m.destinations.Decode(r)
		if err != nil {
			return Entry{}, err
		}
		def := old.Value
		if err := change(&def); err != nil {
			return Entry{}, err
		}
		def.UUID, def.Managed = old.Value.UUID, false
		if err := def.Validate(name.Name); err != nil {
			return Entry{}, err
		}
		var requires *Destination
		if def.Connection != old.Value.Connection {
			requires = &def
		}
		e, err := m.apply(ctx, name, requires, m.destinations.Putting(name, def).If(r.Revision))
		if !errors.Is(err, catalog.ErrConflict) || ctx.Err() != nil {
			return e, err
		}
	}
}

// apply makes a change of a destination while the connection that it is to have is there; nil for none.
func (m *Manager) apply(ctx context.Context, name catalog.Name, def *Destination, change catalog.Change) (Entry, error) {
	for {
		set := catalog.Set{Changes: []catalog.Change{change}}
		before := m.definitions.Revision()
		if def != nil {
			connection, ok, err := m.definitions.Find(ctx, ConnectionTable, connectionOf(name, def))
			if err != nil {
				return Entry{}, err
			}
			if !ok {
				return Entry{}, fmt.Errorf("%w: connection %s", ErrNotFound, def.Connection)
			}
			set.Requires = []catalog.Requirement{{Table: ConnectionTable, Name: connection.Name, ID: connection.ID}}
		}
		applied, err := m.definitions.Apply(ctx, set)
		if err == nil {
			e, err := m.destinations.Decode(applied.Records[0])
			return m.entry(m.definitions.Snapshot(), e), err
		}
		// The destination itself may be what is not found, or the connection may have been made anew: then there is another one now.
		if def == nil || !errors.Is(err, catalog.ErrNotFound) || ctx.Err() != nil || m.definitions.Revision() == before {
			return Entry{}, named(err, name)
		}
		if _, ok := m.definitions.Get(Table, name); !ok && change.IfRevision != nil && *change.IfRevision != 0 {
			return Entry{}, notFound(name)
		}
	}
}

// Delete removes a destination; what waits for it becomes dead letters. It does nothing if there is none. Errors: a
// [*catalog.ManagedError].
func (m *Manager) Delete(ctx context.Context, name catalog.Name) error {
	err := m.destinations.Delete(ctx, name)
	if errors.Is(err, catalog.ErrNotFound) {
		return nil
	}
	return err
}
