package native

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/rules"
	"github.com/signalbox-mq/signalbox/story"
)

type publishedEvents struct {
	Events []rules.Published `json:"events"`
}

// PublishEvents is POST /v1/events (bus default) and POST /v1/buses/{bus}/events: CloudEvents or plain JSON, one or an
// array. It answers after the commit.
func (a *API) PublishEvents(r *http.Request) (any, error) {
	bus := a.named(r, "bus")
	if bus.Name == "" {
		bus.Name = rules.DefaultBus
	}
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	intake := event.Intake{Now: a.Broker.Now(), Account: a.account, Region: a.region}
	events, err := intake.DecodeHTTP(r.Header, body)
	if err != nil {
		return nil, err
	}
	if len(events) == 0 { // an empty batch is a valid one
		return publishedEvents{Events: []rules.Published{}}, nil
	}
	published, err := a.Rules.Publish(r.Context(), rules.Publish{Bus: bus, Events: events})
	if err != nil {
		return nil, err
	}
	return publishedEvents{Events: published}, nil
}

// Event is GET /v1/events/{id}: what became of an event, as JSON, or as text for people if that is what Accept begins with.
func (a *API) Event(r *http.Request) (any, error) {
	told, err := a.Story.Event(r.Context(), a.account, a.region, pathVariable(r, "id"))
	if err == nil && strings.HasPrefix(r.Header.Get("Accept"), "text/plain") {
		return plainText{told.Text}, nil
	}
	return told, err
}

// Delivery is GET /v1/deliveries/{id}: one delivery that is still in a queue, by its webhook-id.
func (a *API) Delivery(r *http.Request) (any, error) {
	delivery, err := a.Story.Delivery(r.Context(), a.account, a.region, pathVariable(r, "id"))
	if errors.Is(err, story.ErrNotFound) {
		return nil, fmt.Errorf("%w: %w", errUnknownDelivery, err)
	}
	return delivery, err
}
