package app

import (
	"context"
	"errors"

	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
	"github.com/signalbox-mq/signalbox/topic"
)

// hop passes deliveries on to topics or buses, and tells dispatch which of their errors repetition does not heal. It is
// here because rules and topic do not know dispatch.
type hop struct{ to dispatch.Sender }

// Send is dispatch.Sender's.
func (h hop) Send(ctx context.Context, name catalog.Name, ev event.Event, d *endpoint.Delivery, deliveryID string) error {
	err := h.to.Send(ctx, name, ev, d, deliveryID)
	if errors.Is(err, rules.ErrBusNotFound) || errors.Is(err, topic.ErrNotFound) {
		return &dispatch.PermanentError{Code: "NO_RESOURCE", Err: err}
	}
	_, badEvent := errors.AsType[*rules.InvalidError](err)
	_, badMessage := errors.AsType[*topic.InvalidError](err)
	if badEvent || badMessage {
		return &dispatch.PermanentError{Code: "INVALID_PARAMETER", Err: err}
	}
	return err
}
