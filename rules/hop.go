package rules

import (
	"context"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// hopWindow is how long a repeated attempt of a delivery to a bus is known to be one.
const hopWindow = 24 * time.Hour

// Send publishes an event that was delivered to a bus, as a rule's target. There it is an event of its own: it gets a fresh
// ID; all else, its producer's identity included, goes along. Its Match names the event it
// came from as Origin. A repeated attempt of the same delivery publishes nothing more for 24h.
//
// d.Hops counts this hop already, as dispatch says of its senders. A bus's own deduplication does not apply: the event was
// accepted when it was published first.
//
// Errors are those of [Engine.Publish].
func (e *Engine) Send(ctx context.Context, name catalog.Name, ev event.Event, d *endpoint.Delivery, deliveryID string) error {
	ev.ID = event.NewID(e.broker.Now())
	_, err := e.Publish(ctx, Publish{
		Bus: name, Events: []event.Event{ev},
		Token: hopToken(deliveryID), Window: hopWindow,
		Hops: d.Hops, Origin: d.Origin,
	})
	return err
}

// hopToken keeps the tokens of hops apart from those of clients.
func hopToken(deliveryID string) string { return "hop\x00" + deliveryID }
