package story

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/dispatch/destination"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
	"github.com/signalbox-mq/signalbox/topic"
)

// deliveryNotFoundError is an ErrNotFound for deliveries.
type deliveryNotFoundError struct{ id string }

func (e *deliveryNotFoundError) Error() string {
	return "no queue holds a delivery " + e.id + ": there is none, or it has ended, and is told with its event"
}

func (e *deliveryNotFoundError) Is(target error) bool { return target == ErrNotFound }

// Delivery tells one delivery by its ID, the webhook-id, for as long as it is in a queue: it waits, or its dead letter does.
// One that was delivered is in no queue; only the story of its event has it. The ID is looked for in up to 1000 delivery
// queues and 1000 queues of the account and region, one look each. It fails with an error that is [ErrNotFound].
func (t *Teller) Delivery(ctx context.Context, account, region, id string) (*Delivery, error) {
	given := id
	id, err := canonical(id)
	// In a query, an empty account would mean all of them. What is not derived (version 8) is no delivery's.
	if err != nil || account == "" || region == "" || uuid.MustParse(id).Version() != 8 {
		return nil, &deliveryNotFoundError{given}
	}
	at := catalog.Name{Account: account, Region: region}
	d, err := t.awaiting(ctx, at, id)
	if d == nil && err == nil {
		d, err = t.lying(ctx, at, id)
	}
	if d == nil && err == nil {
		err = &deliveryNotFoundError{id}
	}
	return d, err
}

// awaiting looks for a delivery in the delivery queues.
func (t *Teller) awaiting(ctx context.Context, at catalog.Name, id string) (*Delivery, error) {
	left := maxProbed
	for _, place := range []struct{ kind, table string }{
		{rules.KindFunction, endpoint.FunctionTable}, {dispatch.KindSubscription, endpoint.SubscriptionTable},
		{dispatch.KindDestination, destination.Table},
		{rules.KindTopic, topic.Table}, {rules.KindBus, rules.BusTable},
	} {
		records := t.definitions.Snapshot().Scan(place.table, catalog.Query{Account: at.Account, Region: at.Region, Limit: max(left, 1)})
		for record := range records {
			if left--; left < 0 {
				return nil, nil
			}
			q := queue.IDFor(record.ID, queue.Deliveries)
			found, err := t.find(ctx, q, id)
			if err != nil {
				return nil, err
			}
			if found == nil {
				continue
			}
			return t.inLine(ctx, at, place.kind, record.Name, q, id, found)
		}
	}
	return nil, nil
}

func (t *Teller) inLine(ctx context.Context, at catalog.Name, kind string, name catalog.Name, q queue.ID, id string, found *queue.Peeked) (*Delivery, error) {
	told := &Delivery{ID: id, Kind: kind, Name: name.Name}
	// What it does not say of itself is left out.
	var attempts []dispatch.Attempt
	if about, err := aboutOf(&found.Message); err == nil && about != nil {
		told.Event, told.Rule, told.Target, told.Topic, told.Subscription = about.Origin, about.Rule, about.Target, about.Topic, about.Subscription
		recorded, err := t.recorded(ctx, about.Origin)
		if err != nil {
			return nil, err
		}
		attempts = recorded[id]
	}
	return told, t.toEndpoint(ctx, at, told.Event, q, attempts, told)
}

// lying looks for a delivery in the queues that are targets, and for its dead letter.
func (t *Teller) lying(ctx context.Context, at catalog.Name, id string) (*Delivery, error) {
	queues, _, err := t.broker.List(catalog.Query{Account: at.Account, Region: at.Region, Limit: maxProbed})
	if err != nil {
		return nil, err
	}
	for i := range queues {
		found, err := t.find(ctx, queues[i].ID, id)
		if err != nil {
			return nil, err
		}
		if found == nil {
			continue
		}
		if d, err := t.throughEvent(ctx, at, id, &found.Message); d != nil || err != nil {
			return d, err
		}
		told := &Delivery{ID: id, Kind: rules.KindQueue, Name: queues[i].Name.Name}
		if attribute(&found.Message, "ERROR_CODE") != "" {
			// A dead letter of an event that is not retained any more.
			told.Event, told.Kind, told.Name = attribute(&found.Message, "router.event_id"), "", ""
			told.Status, told.Reason = DeadLettered, attribute(&found.Message, "ERROR_MESSAGE")
			told.DeadLetter = &DeadLetter{Queue: queues[i].Name.Name, There: true}
			return told, nil
		}
		return told, t.inQueue(ctx, at, queues[i].ID, told)
	}
	return nil, nil
}

// throughEvent tells a delivery with the story of its event, if the message says which that is: in the attributes of a
// dead letter, or because its body is the event. nil if that story has no such delivery.
func (t *Teller) throughEvent(ctx context.Context, at catalog.Name, id string, m *queue.Message) (*Delivery, error) {
	origin := attribute(m, "router.event_id")
	if origin == "" {
		ev, err := event.Parse(m.Body)
		if err != nil {
			return nil, nil
		}
		origin = ev.ID
	}
	s, err := t.Event(ctx, at.Account, at.Region, origin)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for i := range s.Deliveries {
		if d := &s.Deliveries[i]; d.ID == id {
			d.Event = s.ID
			return d, nil
		}
	}
	return nil, nil
}
