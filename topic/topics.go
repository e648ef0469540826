package topic

import (
	"context"
	"errors"
	"fmt"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// ErrNotFound says that the account and region have no topic of that name.
var ErrNotFound = errors.New("topic does not exist")

// Topics filters published messages by the subscriptions of their topic and delivers them. It keeps no message: what is
// durable is in the store's queues. All methods may be called concurrently.
type Topics struct {
	broker        *queue.Broker
	definitions   *catalog.Catalog
	topics        *catalog.Table[Topic]
	subscriptions *catalog.Table[Subscription]
	compiled      *catalog.View[snapshot]
}

// New returns the topics and subscriptions in a catalog. It starts nothing.
func New(broker *queue.Broker, definitions *catalog.Catalog) *Topics {
	t := &Topics{
		broker:        broker,
		definitions:   definitions,
		topics:        catalog.NewTable[Topic](definitions, Table),
		subscriptions: catalog.NewTable[Subscription](definitions, SubscriptionTable),
	}
	t.compiled = catalog.NewView(definitions, []string{Table, SubscriptionTable}, t.build)
	return t
}

// topic returns a topic as it is now.
func (t *Topics) topic(ctx context.Context, name catalog.Name) (*topicState, error) {
	for looked := false; ; looked = true {
		snap, err := t.compiled.Get()
		if err != nil {
			return nil, err
		}
		if state, ok := snap.topics[name]; ok {
			return state, nil
		}
		if looked {
			return nil, fmt.Errorf("%w: %s", ErrNotFound, name.Name)
		}
		if err := t.definitions.LookAgain(ctx); err != nil {
			return nil, err
		}
	}
}

// function returns the delivery queue of a function.
func (t *Topics) function(ctx context.Context, name catalog.Name) (queue.ID, bool, error) {
	record, ok, err := t.definitions.Find(ctx, endpoint.FunctionTable, name)
	return queue.IDFor(record.ID, queue.Deliveries), ok, err
}
