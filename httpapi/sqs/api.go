package sqs

import (
	"time"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue"
)

// Waits are the times that AWS makes a client wait between two operations on one queue.
type Waits struct {
	// Purge is between two PurgeQueue, Recreate between DeleteQueue and CreateQueue of the same name. On AWS both are 60 s;
	// zero for none. They are kept in memory: a restart, or another node, knows nothing of what was before.
	Purge, Recreate time.Duration
}

// Services are what the API is a face of.
type Services struct {
	Broker   *queue.Broker
	Redrives *queue.Redrives
}

// API is the operations of SQS.
type API struct {
	broker   *queue.Broker
	redrives *queue.Redrives
	purged   recent
	deleted  recent
	waits    Waits
}

// New returns the API.
func New(services Services, waits Waits) *API {
	return &API{broker: services.Broker, redrives: services.Redrives, waits: waits}
}

// Service returns the table of the operations.
func (a *API) Service() *awsapi.Service {
	return &awsapi.Service{
		Name:           "sqs",
		Target:         "AmazonSQS",
		JSONVersion:    "1.0",
		QueryVersion:   "2012-11-05",
		Namespace:      "http://queue.amazonaws.com/doc/2012-11-05/",
		Flat:           true,
		QueryErrors:    true,
		ErrorNamespace: "com.amazonaws.sqs",
		QueuePath:      true,
		Operations:     a.operations(),
		ErrorOf:        errorOf,
	}
}
