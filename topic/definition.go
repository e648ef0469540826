package topic

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Catalog tables of this package's definitions.
const (
	// Table holds a [Topic] under its name.
	Table = "topics"
	// SubscriptionTable holds a [Subscription] under "topic/id"; see SubscriptionName.
	SubscriptionTable = "subscriptions"
)

// Topic is a definition: what is published to it goes to every subscription whose filter policy it passes.
type Topic struct {
	Description string `json:"description,omitempty" yaml:"description"`
}

// Scopes of filter policies.
const (
	ScopeAttributes = "attributes"
	ScopeBody       = "body"
)

// Subscription is one receiver of a topic's messages: exactly one of Queue and Function is set.
type Subscription struct {
	// ID tells the subscriptions of a topic apart. Empty means "kind:name", as in "queue:orders".
	ID       string `json:"id,omitempty" yaml:"id"`
	Queue    string `json:"queue,omitempty" yaml:"queue"`
	Function string `json:"function,omitempty" yaml:"function"`
	// Filter is a filter policy; empty passes everything.
	Filter json.RawMessage `json:"filter,omitempty" yaml:"filter"`
	// FilterScope is "attributes" (the default) or "body".
	FilterScope string `json:"filter_scope,omitempty" yaml:"filter_scope"`
	// Raw, for a queue: true (the default) delivers the body as it is, with its attributes; false wraps it in the SNS
	// envelope.
	Raw *bool `json:"raw,omitempty" yaml:"raw"`
	// Retry and DeadLetter, for a function, replace the function's own.
	Retry      *endpoint.RetryPolicy `json:"retry,omitempty" yaml:"retry"`
	DeadLetter string                `json:"dead_letter,omitempty" yaml:"dead_letter"`
}

// SubscriptionID returns the subscription's ID, or the one it has by default.
func (s *Subscription) SubscriptionID() string {
	switch {
	case s.ID != "":
		return s.ID
	case s.Queue != "":
		return "queue:" + s.Queue
	default:
		return "function:" + s.Function
	}
}

// SubscriptionName returns the catalog name of a subscription.
func SubscriptionName(topic catalog.Name, id string) catalog.Name {
	return catalog.Name{Account: topic.Account, Region: topic.Region, Name: topic.Name + "/" + id}
}

// SplitSubscriptionName undoes SubscriptionName. A topic's name has no slash.
func SplitSubscriptionName(n catalog.Name) (topic catalog.Name, id string) {
	name, id, _ := strings.Cut(n.Name, "/")
	return catalog.Name{Account: n.Account, Region: n.Region, Name: name}, id
}

// InvalidError says what is wrong with a field of a definition or a request. Nothing was changed.
type InvalidError struct {
	Field  string
	Reason string
	// Line and Column, from 1, point into a text value; zero when it does not apply.
	Line, Column int
}

func (e *InvalidError) Error() string { return fmt.Sprintf("%s %s", e.Field, e.Reason) }
