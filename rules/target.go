package rules

import "github.com/signalbox-mq/signalbox/dispatch/endpoint"

// Target is one receiver of what a rule matched: exactly one of Function, Queue, Topic, Bus and
// APIDestination is set.
type Target struct {
	// ID tells the targets of a rule apart. Empty means "kind:name", as in "function:charge-card".
	ID       string `json:"id,omitempty" yaml:"id"`
	Function string `json:"function,omitempty" yaml:"function"`
	Queue    string `json:"queue,omitempty" yaml:"queue"`
	Topic    string `json:"topic,omitempty" yaml:"topic"`
	Bus      string `json:"bus,omitempty" yaml:"bus"`
	// APIDestination is called over HTTP with what its connection adds.
	APIDestination string `json:"api_destination,omitempty" yaml:"api_destination"`
	// Account and Region are those of the receiver; empty for the bus's.
	Account string `json:"account,omitempty" yaml:"account"`
	Region  string `json:"region,omitempty" yaml:"region"`
	// Group is a path such as "$.detail.order_id" that gives the message group: required for FIFO queues, optional for
	// functions, whose deliveries it orders.
	Group string `json:"group,omitempty" yaml:"group"`
	// GroupText is the message group itself, where Group is not given.
	GroupText string `json:"group_text,omitempty" yaml:"group_text"`
	// HTTP, of an API destination, is what this target adds to the request.
	HTTP *HTTPParameters `json:"http,omitempty" yaml:"http"`
	// Transform shapes what the target gets.
	Transform *Transform `json:"transform,omitempty" yaml:"transform"`
	// Retry, when set, replaces the endpoint's retry policy for this target.
	Retry *endpoint.RetryPolicy `json:"retry,omitempty" yaml:"retry"`
	// DeadLetter, when set, replaces the endpoint's dead-letter queue for this target.
	DeadLetter string `json:"dead_letter,omitempty" yaml:"dead_letter"`
	// AsEventBridge has the target get what EventBridge would send it: the event, or the transform's result, is the whole
	// payload, also of a function whatever its format; and without Retry, EventBridge's own retry policy counts rather than the
	// function's.
	AsEventBridge bool `json:"as_eventbridge,omitempty" yaml:"-"`
	// Kept are attributes that a protocol keeps with the target and on which nothing acts.
	Kept map[string]string `json:"kept,omitempty" yaml:"-"`
}

// HTTPParameters are what a target adds to the request to an API destination. A value that begins with "$." is a path into the
// event, and stands for the text or number there.
type HTTPParameters struct {
	// Path has the values for the asterisks in the destination's URL, in order.
	Path []string `json:"path,omitempty" yaml:"path"`
	// Header and Query are added unless the connection has them.
	Header map[string]string `json:"header,omitempty" yaml:"header"`
	Query  map[string]string `json:"query,omitempty" yaml:"query"`
}

// Kinds of targets.
const (
	KindFunction = "function"
	KindQueue    = "queue"
	KindTopic    = "topic"
	KindBus      = "bus"
	// KindAPIDestination is dispatch's, which this package may not import.
	KindAPIDestination = "api-destination"
)

// Receiver returns the kind and the name of the target, or two empty strings unless exactly one is set.
func (t *Target) Receiver() (kind, name string) {
	set := 0
	for _, c := range []struct{ kind, name string }{
		{KindFunction, t.Function}, {KindQueue, t.Queue}, {KindTopic, t.Topic}, {KindBus, t.Bus},
		{KindAPIDestination, t.APIDestination},
	} {
		if c.name != "" {
			kind, name = c.kind, c.name
			set++
		}
	}
	if set != 1 {
		return "", ""
	}
	return kind, name
}

// TargetID returns the target's ID, or the one it has by default.
func (t *Target) TargetID() string {
	if t.ID != "" {
		return t.ID
	}
	kind, name := t.Receiver()
	return kind + ":" + name
}
