package dispatch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch/destination"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Catalog tables of what operation has made of functions, HTTP subscriptions and API destinations, an [EndpointState] under the
// name of each. Files do not declare it, so no reload overwrites it.
const (
	StateTable             = "endpoint-state"
	SubscriptionStateTable = "subscription-endpoint-state"
	DestinationStateTable  = "api-destination-state"
)

// EndpointState is an endpoint's operational state. It counts for the definition with that ID only, not for a later one of
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

// callees are a kind of endpoints that are called over HTTP.
type callees struct {
	// spec makes what a snapshot defines under a name ready, and returns the ID of its record.
	spec   func(snap *catalog.Snapshot, name catalog.Name) (s *spec, id uint64, err error)
	states *catalog.Table[EndpointState]
}

// callees are those of a kind whose table has endpoints.
func (d *Dispatcher) callees(kind string) callees {
	endpoints := catalog.NewTable[endpoint.Endpoint](d.definitions, tableOf(kind))
	return callees{
		states: catalog.NewTable[EndpointState](d.definitions, stateTableOf(kind)),
		spec: func(snap *catalog.Snapshot, name catalog.Name) (*spec, uint64, error) {
			defined, err := endpoints.At(snap, name)
			if err != nil {
				return nil, 0, err
			}
			if kind == KindSubscription && !defined.Value.Managed && d.cfg.DeliveredBelow500 {
				defined.Value.Retry.DeliveredBelow500 = true
			}
			s, err := newSpec(defined.Value, name.Name)
			return s, defined.ID, err
		},
	}
}

// tables are those that have definitions of endpoints, and those that have what these depend on.
func (d *Dispatcher) tables() (definitions, others []string) {
	others = append(others, destination.ConnectionTable)
	for kind := range d.called {
		definitions, others = append(definitions, tableOf(kind)), append(others, stateTableOf(kind))
	}
	for kind := range d.cfg.Senders {
		definitions = append(definitions, tableOf(kind))
	}
	return definitions, others
}

func tableOf(kind string) string {
	switch kind {
	case KindSubscription:
		return endpoint.SubscriptionTable
	case KindDestination:
		return destination.Table
	case KindTopic:
		return topicTable
	case KindBus:
		return busTable
	}
	return endpoint.FunctionTable
}

func stateTableOf(kind string) string {
	switch kind {
	case KindSubscription:
		return SubscriptionStateTable
	case KindDestination:
		return DestinationStateTable
	}
	return StateTable
}

// kindOf is the kind that a table has the definitions or the states of.
func kindOf(table string) string {
	switch table {
	case endpoint.SubscriptionTable, SubscriptionStateTable:
		return KindSubscription
	case destination.Table, DestinationStateTable:
		return KindDestination
	case topicTable:
		return KindTopic
	case busTable:
		return KindBus
	}
	return KindFunction
}

// follow keeps the lanes as the definitions are, until ctx ends. loaded is called once they are for the first time.
func (d *Dispatcher) follow(ctx context.Context, loaded func()) {
	definitions, others := d.tables()
	for ctx.Err() == nil {
		revision := d.catchUp()
		loaded()
		for _, err := range d.definitions.Watch(ctx, revision, append(others, definitions...)...) {
			if err != nil { // too much has changed to be told one by one
				d.following.Lock()
				d.followed = 0
				d.following.Unlock()
				break
			}
			d.catchUp()
			d.kick()
		}
	}
}

// catchUp makes the lanes be as the definitions are now, and returns a revision that they are not behind. Who asks how an endpoint is
// doing does not wait for follow to have run: it would not know of one that was defined just before.
func (d *Dispatcher) catchUp() uint64 {
	d.following.Lock()
	defer d.following.Unlock()
	definitions, others := d.tables()
	records, revision, err := d.definitions.Changes(d.followed, append(others, definitions...)...)
	snap := d.definitions.Snapshot() // not older than the changes
	if err != nil || d.followed == 0 {
		d.loadAll(snap, definitions)
		d.followed = snap.Revision()
		return d.followed
	}
	for i := range records {
		if records[i].Table == destination.ConnectionTable {
			d.connectionChanged(snap, &records[i])
		} else {
			d.loadOne(snap, kindOf(records[i].Table), records[i].Name)
		}
	}
	d.followed = revision
	return revision
}

func (d *Dispatcher) loadAll(snap *catalog.Snapshot, tables []string) {
	seen := map[queue.ID]bool{}
	for _, table := range tables {
		records, _ := snap.List(table, catalog.Query{})
		for i := range records {
			seen[queue.IDFor(records[i].ID, queue.Deliveries)] = true
			d.loadOne(snap, kindOf(table), records[i].Name)
		}
	}
	var gone []*lane
	d.mu.Lock()
	for id, l := range d.lanes {
		if !seen[id] {
			d.removeLocked(l)
			gone = append(gone, l)
		}
	}
	d.mu.Unlock()
	for _, l := range gone {
		d.cfg.OnRemoved(l.id, l.kind, l.name)
	}
}

// loadOne makes the lane of one definition be as the snapshot has it.
func (d *Dispatcher) loadOne(snap *catalog.Snapshot, kind string, name catalog.Name) {
	record, exists := snap.Get(tableOf(kind), name)
	var s *spec
	var disabled *Disabling
	if exists {
		s, disabled = d.specOf(snap, kind, name)
	}
	change := StateChange{Kind: kind, Name: name, At: d.broker.Now()}
	d.mu.Lock()
	key := laneName{kind, name}
	gone := d.named[key]
	if gone != nil && exists && gone.id == queue.IDFor(record.ID, queue.Deliveries) {
		gone = nil
	}
	if gone != nil {
		d.removeLocked(gone)
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
	if gone != nil {
		d.cfg.OnRemoved(gone.id, kind, name)
	}
	if change.Change != "" {
		d.cfg.OnStateChange(change)
	}
}

// specOf returns what is defined and whether it is disabled.
func (d *Dispatcher) specOf(snap *catalog.Snapshot, kind string, name catalog.Name) (*spec, *Disabling) {
	of, called := d.called[kind]
	if !called {
		return senderSpec(d.cfg.Senders[kind]), nil
	}
	unusable := func(err error) (*spec, *Disabling) {
		return &spec{limit: 1}, &Disabling{By: ByDefinition, Reason: err.Error()}
	}
	s, id, err := of.spec(snap, name)
	if err != nil {
		return unusable(err)
	}
	state, err := of.states.At(snap, name)
	switch {
	case errors.Is(err, catalog.ErrNotFound):
		return s, nil
	case err != nil:
		return s, &Disabling{By: ByDefinition, Reason: err.Error()}
	case state.Value.ID != id || !state.Value.Disabled.holds(s.endpoint.URL):
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

// Disable stops attempts to an endpoint of a kind that is called (KindFunction, KindSubscription, KindDestination) until Enable, durably. Its
// deliveries wait in their queue; this node starts none that comes after Disable has returned. Errors: catalog.ErrNotFound.
func (d *Dispatcher) Disable(ctx context.Context, kind string, name catalog.Name, reason string) error {
	return d.setDisabled(ctx, kind, name, &Disabling{By: ByOperator, Reason: reason, Since: d.broker.Now()}, 0)
}

// Enable undoes Disable, and what an answer 410 did. Errors: catalog.ErrNotFound.
func (d *Dispatcher) Enable(ctx context.Context, kind string, name catalog.Name) error {
	return d.setDisabled(ctx, kind, name, nil, 0)
}

// setDisabled writes the operational state of an endpoint, which must have the given ID unless that is zero.
func (d *Dispatcher) setDisabled(ctx context.Context, kind string, name catalog.Name, disabled *Disabling, id uint64) error {
	of, called := d.called[kind]
	if !called { // a topic, a bus: there is none that could be disabled
		return fmt.Errorf("%s %s: %w", kind, name.Name, catalog.ErrNotFound)
	}
	for {
		record, ok, err := d.definitions.Find(ctx, tableOf(kind), name)
		if err != nil {
			return err
		}
		if !ok || (id != 0 && record.ID != id) {
			return fmt.Errorf("%s %s: %w", kind, name.Name, catalog.ErrNotFound)
		}
		state := EndpointState{ID: record.ID, Disabled: disabled}
		_, err = d.definitions.Apply(ctx, catalog.Set{
			Changes:  []catalog.Change{of.states.Putting(name, state)},
			Requires: []catalog.Requirement{{Table: tableOf(kind), Name: name, ID: record.ID}},
		})
		if errors.Is(err, catalog.ErrConflict) && ctx.Err() == nil {
			continue // deleted and made anew meanwhile
		}
		if err == nil {
			d.catchUp() // what is published from now on finds it so
		}
		return err
	}
}
