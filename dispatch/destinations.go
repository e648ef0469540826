package dispatch

import (
	"github.com/signalbox-mq/signalbox/dispatch/destination"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// connectionState is one state of a connection; zero for none.
type connectionState struct{ id, revision uint64 }

// destinations are API destinations as callees.
func (d *Dispatcher) destinations() callees {
	table := catalog.NewTable[destination.Destination](d.definitions, destination.Table)
	return callees{
		states: catalog.NewTable[EndpointState](d.definitions, DestinationStateTable),
		spec: func(snap *catalog.Snapshot, name catalog.Name) (*spec, uint64, error) {
			defined, err := table.At(snap, name)
			if err != nil {
				return nil, 0, err
			}
			caller, err := destination.NewCaller(name, defined.Value, d.definitions, d.client, d.tokens)
			if err != nil {
				return nil, 0, err
			}
			e := defined.Value.Endpoint(name.Name).WithDefaults()
			s := &spec{
				endpoint: e, lease: destination.LongestCall + leaseMargin, limit: e.MaxInFlight, caller: caller,
				arn: endpoint.DestinationARN(name.Account, name.Region, name.Name, defined.Value.UUID),
			}
			if c, ok := snap.Get(destination.ConnectionTable, caller.Connection()); ok {
				s.connection = connectionState{c.ID, c.Revision}
			}
			return s, defined.ID, nil
		},
	}
}

// connectionChanged has the lanes of a connection's destinations begin anew, and its old tokens forgotten.
func (d *Dispatcher) connectionChanged(snap *catalog.Snapshot, record *catalog.Record) {
	now, err := catalog.NewTable[destination.Connection](d.definitions, destination.ConnectionTable).At(snap, record.Name)
	if err != nil || now.ID != record.ID {
		d.tokens.Changed(record.ID, nil)
	} else {
		d.tokens.Changed(record.ID, &now)
	}
	var names []catalog.Name
	d.mu.Lock()
	for _, l := range d.lanes {
		if l.kind == KindDestination && l.spec.caller != nil && l.spec.caller.Connection() == record.Name {
			names = append(names, l.name)
		}
	}
	d.mu.Unlock()
	for _, name := range names {
		d.loadOne(snap, KindDestination, name)
	}
}
