package dispatch

import (
	"context"
	"fmt"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch/destination"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/duration"
	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Kinds of endpoints. Functions, the endpoints of topics' HTTP subscriptions and API destinations are called; topics and buses get
// what is theirs from a [Sender].
const (
	KindFunction     = "function"
	KindSubscription = "subscription"
	KindDestination  = "api-destination"
	KindTopic        = "topic"
	KindBus          = "bus"
)

// Catalog tables whose records have a delivery queue each, besides endpoint.FunctionTable, endpoint.SubscriptionTable
// and destination.Table. They are topic.Table and rules.BusTable, which this package may not import.
const (
	topicTable = "topics"
	busTable   = "buses"
)

// Defaults of a [Config].
const (
	DefaultMaxInFlight      = 1024
	DefaultGrace            = 5 * time.Second
	DefaultAttemptRetention = 7 * duration.Day
	DefaultAttemptMaxBytes  = 1 << 30
)

// Sender passes a delivery on to a topic or a bus.
type Sender interface {
	// Send returns nil when the topic or bus of that name has the event durably. The delivery ID is the same on every
	// attempt: a Sender uses it as an idempotency token. d.Hops counts this hop already, so it is what the Sender's own
	// publish has passed through. Both ev and d are the Sender's to keep.
	//
	// An error is tried again by the retry policy, except a [*PermanentError]. When ctx ends, Send returns soon.
	Send(ctx context.Context, name catalog.Name, ev event.Event, d *endpoint.Delivery, deliveryID string) error
}

// PermanentError is what a [Sender] returns for what repetition does not heal. The delivery is dead-lettered at once.
type PermanentError struct {
	// Code is ERROR_CODE of the dead letter, such as INVALID_PARAMETER. Empty means SDK_CLIENT_ERROR.
	Code string
	Err  error
}

func (e *PermanentError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *PermanentError) Unwrap() error { return e.Err }

// Config has the settings of a [Dispatcher]. The zero value delivers to functions, HTTP subscriptions and API destinations, and
// records no attempts.
type Config struct {
	// Attempts is the log in which every attempt is recorded; zero for none. AttemptRetention (default 7d) and
	// AttemptMaxBytes (default 1 GiB) bound it; see Expiries.
	Attempts         queue.ID
	AttemptRetention time.Duration
	AttemptMaxBytes  int64

	// Client has the settings for calls: the version in User-Agent, the egress guard, TLS, DNS and proxy.
	Client endpoint.ClientConfig

	// DeliveredBelow500 has any answer from 200 to 499 but 429 of an HTTP subscription that a client made count as delivered, but for
	// confirmations. Subscriptions of a file say so themselves.
	DeliveredBelow500 bool

	// Tokens are had for API destinations here; nil means that the dispatcher has its own.
	Tokens *destination.Tokens

	// Senders pass deliveries on to other kinds of endpoints, by kind: KindTopic, KindBus. The delivery queues of a kind
	// that has none are left alone.
	Senders map[string]Sender

	// Shared says that other nodes drain the same store. An endpoint's limit on attempts is then kept by the store's count of
	// leases alone, which includes deliveries that are leased but not attempted at the moment, so that it holds over all
	// nodes at the cost of some throughput. A store that is a queue.Shared sets it, and keeps the endpoints' rates over all nodes
	// too.
	Shared bool

	// MaxInFlight is how many attempts run at the same time on this node, to all endpoints together. Default 1024.
	MaxInFlight int
	// Grace is how long running attempts may go on when Run's context has ended. Default 5s; negative for not at all.
	Grace time.Duration

	// OnAttempt, when set, is told of every attempt once it is recorded. It is called once at a time, and all
	// deliveries wait for it: it must be quick. It may keep the Attempt, but not change what it refers to.
	OnAttempt func(Attempt)
	// OnStateChange, when set, is told when an endpoint is disabled or enabled and when its breaker opens or closes. It may
	// be called by several goroutines at once, must be quick, and must not call the Dispatcher.
	OnStateChange func(StateChange)
	// OnRemoved, when set, is told of a definition that is gone, and its delivery queue, which is then to be retired, see
	// Dispatcher.Retire. One that went before Run, or when another process ran, is not told. As OnStateChange.
	OnRemoved func(id queue.ID, kind string, name catalog.Name)
	// OnFault, when set, is told of errors of the store that the dispatcher will try again after. As OnStateChange.
	OnFault func(error)
}

func (c *Config) ensureDefaults() {
	if c.AttemptRetention == 0 {
		c.AttemptRetention = DefaultAttemptRetention
	}
	if c.AttemptMaxBytes == 0 {
		c.AttemptMaxBytes = DefaultAttemptMaxBytes
	}
	if c.MaxInFlight == 0 {
		c.MaxInFlight = DefaultMaxInFlight
	}
	if c.Grace == 0 {
		c.Grace = DefaultGrace
	}
	if c.OnAttempt == nil {
		c.OnAttempt = func(Attempt) {}
	}
	if c.OnStateChange == nil {
		c.OnStateChange = func(StateChange) {}
	}
	if c.OnRemoved == nil {
		c.OnRemoved = func(queue.ID, string, catalog.Name) {}
	}
	if c.OnFault == nil {
		c.OnFault = func(error) {}
	}
}

// Validate returns a [*queue.InvalidError] for the first setting that is out of its range.
func (c *Config) Validate() error {
	switch {
	case c.AttemptRetention < 0:
		return &queue.InvalidError{Field: "attempt_retention", Reason: "must not be negative"}
	case c.AttemptMaxBytes < 0:
		return &queue.InvalidError{Field: "attempt_max_bytes", Reason: "must not be negative"}
	case c.MaxInFlight < 0:
		return &queue.InvalidError{Field: "max_in_flight", Reason: "must be at least 1"}
	}
	for kind := range c.Senders {
		if kind != KindTopic && kind != KindBus {
			return &queue.InvalidError{Field: "senders", Reason: fmt.Sprintf("has %q; kinds are topic and bus", kind)}
		}
	}
	return nil
}

// Change is what has happened to an endpoint's state.
type Change string

const (
	// Disabled: by an answer 410, or an operator. Deliveries wait.
	Disabled Change = "disabled"
	// Enabled: by an operator, or by a new URL.
	Enabled Change = "enabled"
	// BreakerOpened: after too many failures; attempts are spaced out.
	BreakerOpened Change = "breaker-opened"
	// BreakerClosed: an attempt succeeded.
	BreakerClosed Change = "breaker-closed"
)

// StateChange tells of a change of an endpoint's state.
type StateChange struct {
	Kind   string
	Name   catalog.Name
	Change Change
	// Reason is a sentence for people; may be empty.
	Reason string
	At     time.Time
}
