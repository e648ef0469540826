package dispatch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// StateTable is the catalog table of what operation has made of endpoints, an [EndpointState] under the function's name.
// Files do not declare it, so no reload overwrites it.
const StateTable = "endpoint-state"

// EndpointState is an endpoint's operational state. It counts for the function with that ID only, not for a later one of
// the same name.
type EndpointState struct {
	ID       uint64     `json:"id"`
	Disabled *Disabling `json:"disabled,omitempty"`
}

// Disabling says why nothing is attempted.
type Disabling struct {
	// By is "endpoint" (it answered 410), "operator", or "definition" (it can not be used as it is).
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`
	Since  time.Time `json:"since,omitzero"`
	// URL is a digest of the URL that answered 410. It ends with another one.
	URL string `json:"url,omitempty"`
}

// Who disables an endpoint.
const (
	ByEndpoint   = "endpoint"
	ByOperator   = "operator"
	ByDefinition = "definition"
)

func digestURL(u string) string {
	sum := sha256.Sum256([]byte(u))
	return hex.EncodeToString(sum[:16])
}

func (d *Dispatcher) tables() []string {
	tables := []string{endpoint.FunctionTable, StateTable}
	for kind := range d.cfg.Senders {
		tables = append(tables, tableOf(kind))
	}
	return tables
}

func tableOf(kind string) string {
	switch kind {
	case KindTopic:
		return topicTable
	case KindBus:
		return busTable
	}
	return endpoint.FunctionTable
}

func kindOf(table string) string {
	switch table {
	case topicTable:
		return KindTopic
	case busTable:
		return KindBus
	}
	return KindFunction
}

// follow keeps the lanes as the definitions are, until ctx ends. loaded is called once they are for the first time.
func (d *Dispatcher) follow(ctx context.Context, loaded func()) {
	for ctx.Err() == nil {
		snap := d.definitions.Snapshot()
		d.loadAll(snap)
		loaded()
		for records, err := range d.definitions.Watch(ctx, snap.Revision(), d.tables()...) {
			if err != nil {
				break // too much has changed to be told one by one
			}
			for i := range records {
				d.loadOne(d.definitions.Snapshot(), records[i].Table, records[i].Name)
			}
			d.kick()
		}
	}
}

func (d *Dispatcher) loadAll(snap *catalog.Snapshot) {
	seen := map[queue.ID]bool{}
	for _, table := range d.tables() {
		if table == StateTable {
			continue
		}
		records, _ := snap.List(table, catalog.Query{})
		for i := range records {
			seen[queue.IDFor(records[i].ID, queue.Deliveries)] = true
			d.loadOne(snap, table, records[i].Name)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, l := range d.lanes {
		if !seen[id] {
			d.removeLocked(l)
		}
	}
}

// loadOne makes the lane of one definition be as the snapshot has it.
func (d *Dispatcher) loadOne(snap *catalog.Snapshot, table string, name catalog.Name) {
	if table == StateTable {
		table = endpoint.FunctionTable
	}
	kind := kindOf(table)
	record, exists := snap.Get(table, name)
	var s *spec
	var disabled *Disabling
	if exists {
		s, disabled = d.specOf(snap, kind, name)
	}
	change := StateChange{Kind: kind, Name: name, At: d.broker.Now()}
	d.mu.Lock()
	key := laneName{kind, name}
	if old := d.named[key]; old != nil && (!exists || old.id != queue.IDFor(record.ID, queue.Deliveries)) {
		d.removeLocked(old)
	}
	if exists {
		l := d.named[key]
		if l == nil {
			l = &lane{id: queue.IDFor(record.ID, queue.Deliveries), kind: kind, name: name}
			d.lanes[l.id], d.named[key] = l, l
			d.watch = append(d.watch, l.id)
		} else if (l.disabled == nil) != (disabled == nil) {
			change.Change = Enabled
			if disabled != nil {
				change.Change, change.Reason = Disabled, disabled.Reason
			} else { // whoever enables it wants to know now whether it works
				l.breaker, l.window, l.resume = breaker{}, 1, time.Time{}
			}
		}
		l.disabled = disabled
		l.setSpec(s)
		if d.permits != nil {
			l.limiter = nil // the store keeps the rate
		}
		if disabled != nil || l.limiter != nil {
			d.flushLocked(l)
		}
		d.wantLocked(l)
	}
	d.mu.Unlock()
	if change.Change != "" {
		d.cfg.OnStateChange(change)
	}
}

// specOf returns what is defined and whether it is disabled.
func (d *Dispatcher) specOf(snap *catalog.Snapshot, kind string, name catalog.Name) (*spec, *Disabling) {
	if kind != KindFunction {
		return senderSpec(d.cfg.Senders[kind]), nil
	}
	unusable := func(err error) (*spec, *Disabling) {
		return &spec{limit: 1}, &Disabling{By: ByDefinition, Reason: err.Error()}
	}
	function, err := d.functions.At(snap, name)
	if err != nil {
		return unusable(err)
	}
	s, err := newSpec(function.Value, name.Name)
	if err != nil {
		return unusable(err)
	}
	state, err := d.states.At(snap, name)
	switch {
	case errors.Is(err, catalog.ErrNotFound):
		return s, nil
	case err != nil:
		return s, &Disabling{By: ByDefinition, Reason: err.Error()}
	case state.Value.ID != function.ID || !state.Value.Disabled.holds(function.Value.URL):
		return s, nil
	}
	return s, state.Value.Disabled
}

// holds says whether the endpoint at that URL is disabled.
func (s *Disabling) holds(u string) bool {
	return s != nil && (s.By != ByEndpoint || s.URL == digestURL(u))
}

// removeLocked forgets a lane. Attempts that run go on.
func (d *Dispatcher) removeLocked(l *lane) {
	l.gone = true
	d.flushLocked(l)
	delete(d.lanes, l.id)
	if key := (laneName{l.kind, l.name}); d.named[key] == l {
		delete(d.named, key)
	}
	d.unwatch = append(d.unwatch, l.id)
	d.retired[l.id] = l
}

// Disable stops attempts to a function until Enable, durably. Its deliveries wait in their queue. Errors:
// catalog.ErrNotFound.
func (d *Dispatcher) Disable(ctx context.Context, name catalog.Name, reason string) error {
	return d.setDisabled(ctx, name, &Disabling{By: ByOperator, Reason: reason, Since: d.broker.Now()}, 0)
}

// Enable undoes Disable, and what an answer 410 did. Errors: catalog.ErrNotFound.
func (d *Dispatcher) Enable(ctx context.Context, name catalog.Name) error {
	return d.setDisabled(ctx, name, nil, 0)
}

// setDisabled writes the operational state of a function, which must have the given ID unless that is zero.
func (d *Dispatcher) setDisabled(ctx context.Context, name catalog.Name, disabled *Disabling, id uint64) error {
	for {
		record, ok, err := d.definitions.Find(ctx, endpoint.FunctionTable, name)
		if err != nil {
			return err
		}
		if !ok || (id != 0 && record.ID != id) {
			return fmt.Errorf("function %s: %w", name.Name, catalog.ErrNotFound)
		}
		state := EndpointState{ID: record.ID, Disabled: disabled}
		_, err = d.definitions.Apply(ctx, catalog.Set{
			Changes:  []catalog.Change{d.states.Putting(name, state)},
			Requires: []catalog.Requirement{{Table: endpoint.FunctionTable, Name: name, ID: record.ID}},
		})
		if errors.Is(err, catalog.ErrConflict) && ctx.Err() == nil {
			continue // deleted and made anew meanwhile
		}
		return err
	}
}
