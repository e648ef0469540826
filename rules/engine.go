package rules

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Engine matches published events against the rules of their bus and delivers them. It keeps no message: what is durable
// is in the store's queues. All methods may be called concurrently.
type Engine struct {
	broker      *queue.Broker
	definitions *catalog.Catalog
	buses       *catalog.Table[Bus]
	rules       *catalog.Table[Rule]
	functions   *catalog.Table[endpoint.Endpoint]
	archives    *catalog.Table[Archive]
	replays     *catalog.Table[Replay]
	transfers   *catalog.Table[queue.Transfer]
	compiled    *catalog.View[snapshot]
	config      Config

	// publishing has every publish from when it looks at the definitions until its append is durable. See Barrier.
	publishing *catalog.Passages

	// barred is a revision at which no publish goes on that was matched against older buses and rules.
	barred atomic.Uint64

	// reconciling is held, by a send, during a Reconcile. A channel, as it is held over I/O. It guards last.
	reconciling chan struct{}
	last        reconciled
}

// Config is what is optional about an [Engine].
type Config struct {
	// OnPublished, when set, is told of each event after its commit, duplicates excepted: for metrics and for people who
	// watch. It is called by the publisher's goroutine, concurrently, and must not wait.
	// Replayed events are not among them.
	OnPublished func(bus catalog.Name, ev *event.Event, match *Match)
	// OnScheduled, when set, is told of what became of the times at which rules were due: see [Engine.RunSchedules]. It must not
	// wait.
	OnScheduled func(s Scheduled)
	// OnDeleted, when set, is told of the records of buses and archives that were deleted, so that it ends their queues; before
	// has them still.
	OnDeleted func(records []catalog.Record, before *catalog.Snapshot)
	// OnFault, when set, is told of what keeps a schedule from being followed or a replay from going on, and of archived events
	// that one had to leave out. It must not wait.
	OnFault func(error)
}

// New returns an engine for the buses and rules in a catalog. It starts nothing.
func New(broker *queue.Broker, definitions *catalog.Catalog, config Config) *Engine {
	e := &Engine{
		config:      config,
		broker:      broker,
		definitions: definitions,
		buses:       catalog.NewTable[Bus](definitions, BusTable),
		rules:       catalog.NewTable[Rule](definitions, RuleTable),
		functions:   catalog.NewTable[endpoint.Endpoint](definitions, endpoint.FunctionTable),
		archives:    catalog.NewTable[Archive](definitions, ArchiveTable),
		replays:     catalog.NewTable[Replay](definitions, ReplayTable),
		transfers:   catalog.NewTable[queue.Transfer](definitions, queue.TransferTable),
		publishing:  catalog.NewPassages(),
		reconciling: make(chan struct{}, 1),
		last:        reconciled{before: definitions.Snapshot()},
	}
	e.compiled = catalog.NewView(definitions, []string{BusTable, RuleTable, ArchiveTable}, e.build)
	return e
}

// Barrier returns when every publish on this node that was matched against older buses and rules than the node has now is
// durable, or has failed. Publishes that begin later are matched against these, or newer ones. So the end of a log after the
// barriers of all nodes bounds what was matched against older definitions. To be what a node does after it has caught up with
// the others' definitions: see catalog.Catalog.Follow. It fails with ctx's error only.
func (e *Engine) Barrier(ctx context.Context) error {
	revision, barred := e.definitions.Revision(), e.barred.Load()
	if changes, _, err := e.definitions.Changes(barred, BusTable, RuleTable); err != nil || len(changes) > 0 {
		if err := e.publishing.Wait(ctx); err != nil {
			return err
		}
	}
	e.barred.CompareAndSwap(barred, revision)
	return nil
}

// bus returns a bus as it is now.
func (e *Engine) bus(ctx context.Context, name catalog.Name) (*snapshot, *busState, error) {
	for looked := false; ; looked = true {
		snap, err := e.compiled.Get()
		if err != nil {
			return nil, nil, err
		}
		if bus, ok := snap.buses[name]; ok {
			return snap, bus, nil
		}
		if looked {
			return nil, nil, fmt.Errorf("%w: %s", ErrBusNotFound, name.Name)
		}
		if err := e.definitions.LookAgain(ctx); err != nil {
			return nil, nil, err
		}
	}
}

// ensureBus makes the default bus of an account and region when it is first used.
func (e *Engine) ensureBus(ctx context.Context, name catalog.Name) error {
	if name.Name != DefaultBus {
		return nil
	}
	if _, _, err := e.bus(ctx, name); !errors.Is(err, ErrBusNotFound) {
		return err
	}
	if _, err := e.buses.Create(ctx, name, Bus{}); err != nil && !errors.Is(err, catalog.ErrExists) {
		return err
	}
	return nil
}

// EndpointID returns the catalog ID of a function, topic or bus.
func (e *Engine) EndpointID(kind string, name catalog.Name) (uint64, bool) {
	record, ok := e.definitions.Get(endpointTable(kind), name)
	return record.ID, ok
}

func endpointTable(kind string) string {
	switch kind {
	case KindTopic:
		return topicTable
	case KindBus:
		return BusTable
	case KindAPIDestination:
		return destinationTable
	}
	return endpoint.FunctionTable
}

// topicTable and destinationTable are topic.Table and destination.Table, which this package may not import.
const (
	topicTable       = "topics"
	destinationTable = "api-destinations"
)

// LogOf returns the log that holds a bus's retained events, or an error wrapping [ErrBusNotFound].
func (e *Engine) LogOf(name catalog.Name) (queue.ID, error) {
	entry, err := e.buses.Get(name)
	if errors.Is(err, catalog.ErrNotFound) {
		return 0, fmt.Errorf("%w: %s", ErrBusNotFound, name.Name)
	}
	return queue.IDFor(entry.ID, queue.Own), err
}

// Buses returns the names of the buses that q selects.
func (e *Engine) Buses(q catalog.Query) ([]catalog.Name, error) {
	entries, _, err := e.buses.List(q)
	if err != nil {
		return nil, err
	}
	names := make([]catalog.Name, len(entries))
	for i, b := range entries {
		names[i] = b.Name
	}
	return names, nil
}

// Expiries says what bounds the logs of all buses and archives have, for a queue.Sweeper.
func (e *Engine) Expiries() ([]queue.Expiry, error) {
	entries, _, err := e.buses.List(catalog.Query{})
	if err != nil {
		return nil, err
	}
	expiries := make([]queue.Expiry, len(entries))
	for i, b := range entries {
		expiries[i] = queue.Expiry{
			Queue: queue.IDFor(b.ID, queue.Own), Kind: queue.Log, Retention: b.Value.retention(), MaxBytes: b.Value.maxBytes(),
		}
	}
	archives, _, err := e.archives.List(catalog.Query{})
	if err != nil {
		return nil, err
	}
	for _, a := range archives { // zero is for ever there, too, and they have no bound but that
		expiries = append(expiries, queue.Expiry{
			Queue: queue.IDFor(a.ID, queue.Own), Kind: queue.Log, Retention: time.Duration(a.Value.Retention),
		})
	}
	return expiries, nil
}
