package rules

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Errors of buses, besides [ErrBusNotFound].
var (
	// ErrBusExists says that there is a bus of that name.
	ErrBusExists = errors.New("event bus exists")
	// ErrBusInUse says that a bus can not be deleted because it has rules or archives.
	ErrBusInUse = errors.New("event bus has rules or archives")
	// ErrDefaultBus says that a default bus can not be deleted.
	ErrDefaultBus = errors.New("the default event bus can not be deleted")
)

// BusEntry is a bus with what the catalog knows of it. What Bus's maps and slices lead to is shared: do not change it.
type BusEntry struct {
	Name catalog.Name
	Bus  Bus
	// Created and Updated are when it was made and last changed; zero if that was under a release that did not write it down.
	Created, Updated time.Time
	// Managed says that the operator's file declares it.
	Managed bool
}

// BusNoteTable is the catalog table of what clients have noted about the built-in default bus: a [BusNotes] under the bus's name.
// The bus itself stays what the router comes with, so that a file can declare it.
const BusNoteTable = "bus-notes"

// BusNotes are those of a bus's attributes on which nothing acts.
type BusNotes struct {
	Description string            `json:"description,omitempty"`
	Policy      json.RawMessage   `json:"policy,omitempty"`
	Kept        map[string]string `json:"kept,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
}

func (e *Engine) notes() *catalog.Table[BusNotes] {
	return catalog.NewTable[BusNotes](e.definitions, BusNoteTable)
}

func (e *Engine) busEntryOf(at *catalog.Snapshot, r catalog.Entry[Bus]) (BusEntry, error) {
	entry := BusEntry{
		Name: r.Name, Bus: r.Value, Created: r.CreatedAt, Updated: r.ModifiedAt, Managed: r.Owner != "" && r.Owner != catalog.Builtin,
	}
	if r.Owner != catalog.Builtin {
		return entry, nil
	}
	notes, err := e.notes().At(at, r.Name)
	if errors.Is(err, catalog.ErrNotFound) {
		return entry, nil
	}
	entry.Updated = notes.ModifiedAt
	n := &notes.Value
	entry.Bus.Description, entry.Bus.Policy, entry.Bus.Kept, entry.Bus.Tags = n.Description, n.Policy, n.Kept, n.Tags
	return entry, err
}

// CreateBus makes a bus. Errors: [ErrBusExists], joined [*InvalidError]s.
func (e *Engine) CreateBus(ctx context.Context, name catalog.Name, def Bus) (BusEntry, error) {
	if err := def.Validate(name.Name); err != nil {
		return BusEntry{}, err
	}
	if err := e.ensureBus(ctx, name); err != nil {
		return BusEntry{}, err
	}
	r, err := e.buses.Create(ctx, name, def)
	if errors.Is(err, catalog.ErrExists) {
		return BusEntry{}, fmt.Errorf("%w: %s", ErrBusExists, name.Name)
	}
	if err != nil {
		return BusEntry{}, err
	}
	return e.busEntryOf(e.definitions.Snapshot(), r)
}

// Bus returns a bus. The default one of an account and region is made when it is first asked for. It fails with
// [ErrBusNotFound].
func (e *Engine) Bus(ctx context.Context, name catalog.Name) (BusEntry, error) {
	if err := e.ensureBus(ctx, name); err != nil {
		return BusEntry{}, err
	}
	if _, ok, err := e.definitions.Find(ctx, BusTable, name); err != nil || !ok {
		return BusEntry{}, errors.Join(err, busNotFound(name, ok))
	}
	at := e.definitions.Snapshot()
	r, err := e.buses.At(at, name)
	if errors.Is(err, catalog.ErrNotFound) {
		return BusEntry{}, busNotFound(name, false)
	}
	if err != nil {
		return BusEntry{}, err
	}
	return e.busEntryOf(at, r)
}

func busNotFound(name catalog.Name, found bool) error {
	if found {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrBusNotFound, name.Name)
}

// ListBuses returns those that q selects in the order of their names, and whether its Limit left some out. The default bus of
// q's account and region is among them.
func (e *Engine) ListBuses(ctx context.Context, q catalog.Query) (entries []BusEntry, more bool, err error) {
	if q.Account != "" && q.Region != "" {
		if err := e.ensureBus(ctx, catalog.Name{Account: q.Account, Region: q.Region, Name: DefaultBus}); err != nil {
			return nil, false, err
		}
	}
	at := e.definitions.Snapshot()
	all, more, err := e.buses.List(q)
	if err != nil {
		return nil, false, err
	}
	entries = make([]BusEntry, len(all))
	for i := range all {
		if entries[i], err = e.busEntryOf(at, all[i]); err != nil {
			return nil, false, err
		}
	}
	return entries, more, nil
}

// UpdateBus calls change with a definition of its own and makes the bus be what that has become; change is called again if the
// definition was changed meanwhile. Of the built-in default bus only what nothing acts on can be changed: the description, the
// policy, what is kept, and the tags. Errors: [ErrBusNotFound], a [*catalog.ManagedError] for a bus that a file declares, joined
// [*InvalidError]s, and change's own as it is.
func (e *Engine) UpdateBus(ctx context.Context, name catalog.Name, change func(*Bus) error) (BusEntry, error) {
	entry, err := e.Bus(ctx, name)
	if err != nil {
		return BusEntry{}, err
	}
	checked := func(def *Bus) error {
		if err := change(def); err != nil {
			return err
		}
		return def.Validate(name.Name)
	}
	r, err := e.buses.Get(name)
	if err == nil && r.Owner == catalog.Builtin {
		err = e.note(ctx, entry, checked)
	} else {
		_, err = e.buses.Update(ctx, name, checked)
	}
	if errors.Is(err, catalog.ErrNotFound) {
		return BusEntry{}, busNotFound(name, false)
	}
	if err != nil {
		return BusEntry{}, err
	}
	return e.Bus(ctx, name)
}

// note changes what is noted about the built-in bus.
func (e *Engine) note(ctx context.Context, entry BusEntry, change func(*Bus) error) error {
	for {
		noted, err := e.notes().Get(entry.Name)
		if err != nil && !errors.Is(err, catalog.ErrNotFound) {
			return err
		}
		old := noted.Value
		def := entry.Bus
		def.Description, def.Policy, def.Kept, def.Tags = old.Description, old.Policy, old.Kept, old.Tags
		def = def.Clone()
		if err := change(&def); err != nil {
			return err
		}
		notes := BusNotes{Description: def.Description, Policy: def.Policy, Kept: def.Kept, Tags: def.Tags}
		_, err = e.definitions.Apply(ctx, catalog.Set{Changes: []catalog.Change{e.notes().Putting(entry.Name, notes).If(noted.Revision)}})
		if raced := errors.Is(err, catalog.ErrConflict) || errors.Is(err, catalog.ErrExists); !raced || ctx.Err() != nil {
			return err
		}
	}
}

// DeleteBus removes a bus with its retained events; [Config].OnDeleted is told of it. It does nothing if there is no such bus.
// Errors: [ErrDefaultBus], [ErrBusInUse], a [*catalog.ManagedError].
func (e *Engine) DeleteBus(ctx context.Context, name catalog.Name) error {
	if name.Name == DefaultBus {
		return ErrDefaultBus
	}
	for {
		r, err := e.buses.Get(name)
		if errors.Is(err, catalog.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		// Rules and archives are made under the condition that their bus is there, and this under the condition that there are none:
		// of two that happen at the same time, on any nodes, one fails.
		var before *catalog.Snapshot
		applied, err := e.definitions.Apply(ctx, catalog.Set{
			Changes: []catalog.Change{e.buses.Deleting(name).If(r.Revision)},
			Guard: func(at *catalog.Snapshot) error {
				if before = at; e.busInUse(at, name) {
					return fmt.Errorf("%w: %s", ErrBusInUse, name.Name)
				}
				return nil
			},
		})
		if err == nil {
			if e.config.OnDeleted != nil {
				e.config.OnDeleted(applied.Records, before)
			}
			return nil
		}
		if raced := errors.Is(err, catalog.ErrConflict) || errors.Is(err, catalog.ErrNotFound); !raced || ctx.Err() != nil {
			return err
		}
	}
}

// busInUse says whether rules or archives name the bus.
func (e *Engine) busInUse(at *catalog.Snapshot, name catalog.Name) bool {
	for r := range at.Scan(RuleTable, catalog.Query{Account: name.Account, Region: name.Region, Prefix: name.Name + "/"}) {
		if bus, _ := SplitRuleName(r.Name); bus == name {
			return true
		}
	}
	archives := catalog.NewTable[Archive](e.definitions, ArchiveTable)
	for a, err := range archives.Scan(at, catalog.Query{Account: name.Account, Region: name.Region}) {
		if err == nil && a.Value.Bus == name.Name {
			return true
		}
	}
	return false
}
