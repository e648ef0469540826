package story

import (
	"context"
	"errors"

	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/dispatch/destination"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
)

// later tells the deliveries that were made after the event was published, by a rule that came with a start before the event
// or that went on after a pause. The event's own record does not know them: their attempts and the transfers do.
func (t *Teller) later(ctx context.Context, bus catalog.Name, origin string, transferred []rules.Later, told map[string]bool, recorded map[string][]dispatch.Attempt) ([]Delivery, error) {
	var all []Delivery
	var err error
	for i := range transferred {
		for _, d := range transferred[i].Deliveries {
			if told[d.ID] {
				continue
			}
			one := Delivery{
				ID: d.ID, Rule: transferred[i].Rule, Target: d.Target, Kind: d.Kind, Name: d.Name,
				Status: Pending, Reason: "transfer " + transferred[i].Transfer + " brings it to the rule",
			}
			if failed := transferred[i].Failed; failed != "" {
				one.Reason = "transfer " + transferred[i].Transfer + ", which brings it to the rule, has failed and waits to be resumed: " + failed
			}
			if !transferred[i].Pending {
				if one, err = t.delivery(ctx, bus, origin, transferred[i].Rule, d, recorded[d.ID]); err != nil {
					return nil, err
				}
			}
			if one.Status == Unknown {
				continue // the rule was another when the transfer came by, and may not have made it
			}
			one.Later, one.Replay = true, transferred[i].Replay
			all, told[d.ID] = append(all, one), true
		}
	}
	for id, attempts := range recorded {
		if told[id] {
			continue
		}
		one := ofAttempts(id, attempts)
		one.Later = true
		if err := t.toEndpoint(ctx, bus, origin, t.deliveries(one.Kind, sibling(bus, one.Name)), attempts, &one); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// deliveries returns the delivery queue of an endpoint, zero if there is none.
func (t *Teller) deliveries(kind string, name catalog.Name) queue.ID {
	id, ok := t.endpointID(kind, name)
	if !ok {
		return 0
	}
	return queue.IDFor(id, queue.Deliveries)
}

// endpointID returns the catalog ID of an endpoint.
func (t *Teller) endpointID(kind string, name catalog.Name) (uint64, bool) {
	switch kind {
	case dispatch.KindSubscription:
		record, ok := t.definitions.Get(endpoint.SubscriptionTable, name)
		return record.ID, ok
	case dispatch.KindDestination:
		record, ok := t.definitions.Get(destination.Table, name)
		return record.ID, ok
	}
	return t.engine.EndpointID(kind, name)
}

// calledBy returns the definition of an endpoint that is called over HTTP; nil for another kind, or if there is none.
func (t *Teller) calledBy(kind string, name catalog.Name) *endpoint.Endpoint {
	if kind == dispatch.KindDestination {
		d, err := t.destinations.Get(name)
		if err != nil {
			return nil
		}
		e := d.Value.Endpoint(name.Name)
		return &e
	}
	table := t.called[kind]
	if table == nil {
		return nil
	}
	e, err := table.Get(name)
	if err != nil {
		return nil
	}
	return &e.Value
}

// probe tells a delivery of which only the ID is computed, and reports whether it is in a queue: its target's, or that of
// the dead letters.
func (t *Teller) probe(ctx context.Context, at catalog.Name, origin, deadLetter string, told *Delivery) (bool, error) {
	var err error
	if told.Kind == rules.KindQueue {
		target, lookup := t.broker.Lookup(sibling(at, told.Name))
		if lookup != nil && !errors.Is(lookup, queue.ErrNotFound) {
			return false, lookup
		}
		err = t.inQueue(ctx, at, target.ID, told)
	} else {
		err = t.toEndpoint(ctx, at, origin, t.deliveries(told.Kind, sibling(at, told.Name)), nil, told)
	}
	if err != nil {
		return false, err
	}
	if told.Status != Consumed && told.Status != Unknown {
		return true, nil
	}
	if deadLetter == "" {
		deadLetter = queue.BuiltinDeadLetters
	}
	return t.letter(ctx, at, []string{deadLetter}, told)
}

// ofAttempts is a delivery as the records of its attempts describe it, but for its end.
func ofAttempts(id string, attempts []dispatch.Attempt) Delivery {
	told := Delivery{ID: id}
	for i := range attempts {
		// The record of a delivery whose endpoint was gone may know little.
		if a := &attempts[i]; told.Kind == "" {
			told.Rule, told.Target, told.Topic, told.Subscription = a.Rule, a.Target, a.Topic, a.Subscription
			told.Kind, told.Name = a.Kind, a.Endpoint
		}
	}
	return told
}
