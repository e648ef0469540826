package events

import (
	"github.com/rs/zerolog"

	"github.com/signalbox-mq/signalbox/dispatch/destination"
	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/rules"
)

// Services are what the operations work on.
type Services struct {
	Broker       *queue.Broker
	Rules        *rules.Engine
	Destinations *destination.Manager
	// Log is told why entries of PutEvents failed that are answered with no more than InternalFailure.
	Log zerolog.Logger
}

// API is the operations of EventBridge.
type API struct {
	broker       *queue.Broker
	rules        *rules.Engine
	destinations *destination.Manager
	log          zerolog.Logger
}

// New returns the API.
func New(s Services) *API {
	return &API{broker: s.Broker, rules: s.Rules, destinations: s.Destinations, log: s.Log}
}

// Service returns the table of the operations.
func (a *API) Service() *awsapi.Service {
	return &awsapi.Service{
		Name:        "events",
		Target:      "AWSEvents",
		JSONVersion: "1.1",
		Coral:       true,
		Operations:  a.operations(),
		Refused:     refused(),
		ErrorOf:     errorOf,
	}
}
