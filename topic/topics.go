package topic

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/topic/signing"
)

var (
	// ErrNotFound says that the account and region have no topic of that name.
	ErrNotFound = errors.New("topic does not exist")
	// ErrSubscriptionNotFound says that the topic has no such subscription, or that there is no such topic.
	ErrSubscriptionNotFound = errors.New("subscription does not exist")
	// ErrArchived says that a topic can not be deleted as long as it archives its messages.
	ErrArchived = errors.New("topic has an archive")
	// ErrSubscriptionLimit says that a FIFO topic has MaxFIFOSubscriptions.
	ErrSubscriptionLimit = errors.New("topic has as many subscriptions as a FIFO topic takes")
	// ErrToken says that a token confirms no subscription of the topic, or does not any more.
	ErrToken = errors.New("token is not valid")
	// ErrUnsubscribeDenied says that a subscription was confirmed so that its URL does not unsubscribe it.
	ErrUnsubscribeDenied = errors.New("unsubscribing needs authentication")
)

// Topics filters published messages by the subscriptions of their topic and delivers them. It keeps no message: what is
// durable is in the store's queues. All methods may be called concurrently.
type Topics struct {
	// PublicURL, without a slash at the end, is where the URLs lead that messages hold: those to confirm a subscription, to
	// unsubscribe, and to the certificate of the signatures. Set it before use; empty means DefaultPublicURL.
	PublicURL string
	// SignHTTPOnly leaves messages to queues and functions without the members of a signature, as those of FIFO topics are: a
	// signature takes most of the time of a publish to few subscriptions. What goes to URLs is signed always. Set it before use.
	SignHTTPOnly bool
	// Deleted, when not nil, is told of the records of topics and of HTTP subscriptions' endpoints that were deleted, so that
	// it ends their queues; before has them still. When it is nil their logs and delivery queues are dropped at once. Set it
	// before use.
	Deleted func(records []catalog.Record, before *catalog.Snapshot)
	// OnFault, when not nil, is told of what keeps replays from going on, before each time that Replay tries again. Replay waits
	// for it. Set it before use.
	OnFault func(error)

	broker        *queue.Broker
	definitions   *catalog.Catalog
	topics        *catalog.Table[Topic]
	subscriptions *catalog.Table[Subscription]
	functions     *catalog.Table[endpoint.Endpoint]
	endpoints     *catalog.Table[endpoint.Endpoint] // of HTTP subscriptions
	// subscribing has a lock for each receiver of each topic, so that this process makes one subscription of it, and one for all
	// of a FIFO topic.
	subscribing *stripes
	signer      *signing.Signer
	// groups has a lock for each group of each FIFO topic, numbers the sequence numbers of a process that is alone.
	groups  *stripes
	numbers sequencer
	// publishing are the publishes to FIFO topics; barred is the revision that the last Barrier was about.
	publishing *catalog.Passages
	barred     atomic.Uint64
	transfers  *catalog.Table[queue.Transfer]
	removed    removals
	compiled   *catalog.View[snapshot]
}

// DefaultPublicURL is that of a router on this machine.
const DefaultPublicURL = "http://127.0.0.1:4566"

func (t *Topics) publicURL() string {
	if t.PublicURL == "" {
		return DefaultPublicURL
	}
	return t.PublicURL
}

// New returns the topics and subscriptions in a catalog. It starts nothing.
func New(broker *queue.Broker, definitions *catalog.Catalog) *Topics {
	t := &Topics{
		broker:        broker,
		definitions:   definitions,
		topics:        catalog.NewTable[Topic](definitions, Table),
		subscriptions: catalog.NewTable[Subscription](definitions, SubscriptionTable),
		functions:     catalog.NewTable[endpoint.Endpoint](definitions, endpoint.FunctionTable),
		endpoints:     catalog.NewTable[endpoint.Endpoint](definitions, endpoint.SubscriptionTable),
		subscribing:   newStripes(),
		groups:        newStripes(),
		publishing:    catalog.NewPassages(),
		transfers:     catalog.NewTable[queue.Transfer](definitions, queue.TransferTable),
		signer:        signing.New(definitions),
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

// function returns the delivery queue of a function, and the function's format.
func (t *Topics) function(name catalog.Name) (id queue.ID, format endpoint.Format, ok bool, err error) {
	e, err := t.functions.Get(name)
	if errors.Is(err, catalog.ErrNotFound) {
		return 0, "", false, nil
	}
	return queue.IDFor(e.ID, queue.Deliveries), e.Value.Format, err == nil, err
}
