package topic

import (
	"context"
	"encoding/json"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Send publishes an event that was delivered to a topic, as a rule's target. The message's body is what a queue would get:
// the transform's result, or else the event in EventBridge form, whatever its size, without attributes; its ID is [PassedOnID] of the delivery. A repeated attempt of the same
// delivery publishes nothing more for 24h, and after that makes deliveries with the same IDs.
//
// Errors are those of [Topics.Publish].
func (t *Topics) Send(ctx context.Context, name catalog.Name, ev event.Event, d *endpoint.Delivery, deliveryID string) error {
	body := ev.AppendEventBridge(nil)
	if d.Transformed {
		body = ev.Detail
		var text string
		if d.Text && json.Unmarshal(ev.Detail, &text) == nil {
			body = []byte(text)
		}
	}
	_, err := t.Publish(ctx, Publish{
		Topic:    name,
		Messages: []Message{{Body: body}},
		Token:    deliveryID,
		Hops:     d.Hops, // counts this hop already
		Origin:   d.Origin,
		passedOn: deliveryID,
	})
	return err
}
