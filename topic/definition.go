package topic

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/duration"
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
	// FIFO makes it a FIFO topic, which keeps the order of each message group and refuses repeats; its name then ends in
	// ".fifo", and only then. It can not be changed.
	FIFO bool `json:"fifo,omitempty" yaml:"fifo"`
	// ContentBasedDeduplication derives a missing deduplication ID of a FIFO topic's message from its body (SHA-256).
	ContentBasedDeduplication bool `json:"content_based_deduplication,omitempty" yaml:"content_based_deduplication"`
	// DeduplicationScope is "topic" (the default) or "group": whether a deduplication ID counts in the FIFO topic or within
	// each message group.
	DeduplicationScope string `json:"deduplication_scope,omitempty" yaml:"deduplication_scope"`
	// DisplayName is for people, at most 100 characters.
	DisplayName string `json:"display_name,omitempty" yaml:"display_name"`
	// SignatureVersion is 1 (SHA-1) or 2 (SHA-256); zero means 1. What a FIFO topic delivers is not signed.
	SignatureVersion int `json:"signature_version,omitempty" yaml:"signature_version"`
	// DeliveryPolicy, in the form of SNS, {"http":{…}}, says how its HTTP subscriptions are called; empty for the defaults.
	DeliveryPolicy json.RawMessage `json:"delivery_policy,omitempty" yaml:"delivery_policy"`
	// Retention is for how long a FIFO topic's messages are archived, to be replayed: 1d to 365d, or zero for not at all.
	Retention duration.Duration `json:"retention,omitempty" yaml:"retention"`
	// ArchivedSince is when that began. Create and Update set it.
	ArchivedSince time.Time `json:"archived_since,omitzero" yaml:"-"`
	// DataProtection is a data protection policy, which is kept and does nothing.
	DataProtection string `json:"data_protection,omitempty" yaml:"-"`
	// Kept are attributes that a protocol keeps with the topic and on which nothing acts, such as the Policy of SNS.
	Kept map[string]string `json:"kept,omitempty" yaml:"-"`
	// Tags are for people and their tools, as those of queues.
	Tags map[string]string `json:"tags,omitempty" yaml:"tags"`
}

// Scopes of deduplication IDs.
const (
	ScopeTopic = "topic"
	ScopeGroup = "group"
)

// Clone returns a copy that shares nothing with t.
func (t *Topic) Clone() Topic {
	c := *t
	c.DeliveryPolicy, c.Kept, c.Tags = slices.Clone(t.DeliveryPolicy), maps.Clone(t.Kept), maps.Clone(t.Tags)
	return c
}

// Scopes of filter policies.
const (
	ScopeAttributes = "attributes"
	ScopeBody       = "body"
)

// What answers of a URL count as delivered. AWS's documentation of SNS has it both ways. 429 and 5xx are tried again with either.
const (
	Success2xx      = "2xx"
	SuccessBelow500 = "200-499"
)

// Which messages are signed: all that have the form of SNS, or those to URLs, see Topics.SignHTTPOnly. What a FIFO topic delivers never is.
const (
	SignAll  = "all"
	SignHTTP = "http"
)

// Subscription is one receiver of a topic's messages: exactly one of Queue, Function and URL is set.
type Subscription struct {
	// ID tells the subscriptions of a topic apart. Empty means "kind:name", as in "queue:orders".
	ID       string `json:"id,omitempty" yaml:"id"`
	Queue    string `json:"queue,omitempty" yaml:"queue"`
	Function string `json:"function,omitempty" yaml:"function"`
	// Qualifier tells subscriptions of one function apart, as the versions in ARNs of Lambda functions do. Nothing else comes of it.
	Qualifier string `json:"qualifier,omitempty" yaml:"-"`
	// URL is called over HTTP as SNS does. A FIFO topic has no such subscriptions.
	URL string `json:"url,omitempty" yaml:"url"`
	// Account and Region are those of the queue or function; empty for the topic's.
	Account string `json:"account,omitempty" yaml:"account"`
	Region  string `json:"region,omitempty" yaml:"region"`
	// Filter is a filter policy; empty passes everything.
	Filter json.RawMessage `json:"filter,omitempty" yaml:"filter"`
	// FilterScope is "attributes" (the default) or "body".
	FilterScope string `json:"filter_scope,omitempty" yaml:"filter_scope"`
	// Raw, for a queue or URL: true (the default) delivers the body as it is, to a queue with its attributes; false wraps it in
	// the SNS envelope.
	Raw *bool `json:"raw,omitempty" yaml:"raw"`
	// Retry and DeadLetter, for a function, replace the function's own. A URL has the delivery policy instead of the first.
	Retry      *endpoint.RetryPolicy `json:"retry,omitempty" yaml:"retry"`
	DeadLetter string                `json:"dead_letter,omitempty" yaml:"dead_letter"`
	// DeliveryPolicy, of a URL, in the form of SNS, replaces what the topic's says, if that lets it.
	DeliveryPolicy json.RawMessage `json:"delivery_policy,omitempty" yaml:"delivery_policy"`
	// Success, of a URL, is which answers count as delivered: Success2xx (the default) or SuccessBelow500.
	Success string `json:"success,omitempty" yaml:"success"`
	// AsSNS gives a function the event that SNS invokes Lambda functions with, {"Records":[…]}, instead of an event.
	AsSNS bool `json:"as_sns,omitempty" yaml:"-"`
	// Bare leaves dead letters exactly what the subscriber would have got, without attributes that say why.
	Bare bool `json:"bare,omitempty" yaml:"-"`
	// Replay, of a FIFO topic, brings archived messages again; see UpdateSubscription.
	Replay *Replay `json:"replay,omitempty" yaml:"-"`
	// Feed is how far the replay has come; nil when nothing is under way. It is this package's alone.
	Feed *Feed `json:"feed,omitempty" yaml:"-"`
	// Pending, when set, keeps it from getting messages: it is not confirmed yet, or not any more.
	Pending *Pending `json:"pending,omitempty" yaml:"-"`
	// Token is the one by which it was confirmed, so that confirming again is no error.
	Token string `json:"token,omitempty" yaml:"-"`
	// AuthenticatedUnsubscribe refuses to unsubscribe by the URL that is in each message.
	AuthenticatedUnsubscribe bool `json:"authenticated_unsubscribe,omitempty" yaml:"-"`
	// ConfirmationAuthenticated says how it was confirmed. Nothing acts on it.
	ConfirmationAuthenticated bool `json:"confirmation_authenticated,omitempty" yaml:"-"`
	// Kept are attributes that a protocol keeps with the subscription and on which nothing acts.
	Kept map[string]string `json:"kept,omitempty" yaml:"-"`
}

// qualifier is Qualifier, which subscriptions made before there was one have only in the ARN that is kept.
func (s *Subscription) qualifier() string {
	if _, of, ok := strings.Cut(s.Kept["Endpoint"], ":function:"+s.Function+":"); ok && s.Qualifier == "" {
		return of
	}
	return s.Qualifier
}

// Clone returns a copy that shares nothing with s that a change of it would touch: of Retry it shares the schedule.
func (s *Subscription) Clone() Subscription {
	c := *s
	c.Filter, c.DeliveryPolicy, c.Kept = slices.Clone(s.Filter), slices.Clone(s.DeliveryPolicy), maps.Clone(s.Kept)
	if s.Raw != nil {
		c.Raw = new(*s.Raw)
	}
	if s.Retry != nil {
		c.Retry = new(*s.Retry)
	}
	if s.Replay != nil {
		c.Replay = new(*s.Replay)
	}
	if s.Feed != nil {
		c.Feed = new(*s.Feed)
	}
	if s.Pending != nil {
		c.Pending = new(*s.Pending)
	}
	return c
}

// Pending says what a subscription waits for.
type Pending struct {
	// Token is what confirms it, for [TokenLife] from Since on.
	Token string    `json:"token"`
	Since time.Time `json:"since"`
	// Removed says that it was unsubscribed, which its token undoes. To whoever asks there is no such subscription.
	Removed bool `json:"removed,omitempty"`
}

// Replay is a range of a FIFO topic's archive.
type Replay struct {
	// From and Until are times of publishing, the latter exclusive. Without an Until the replay goes over into what is
	// published now; with one, the subscription gets nothing that was published later.
	From  time.Time `json:"from"`
	Until time.Time `json:"until,omitzero"`
}

// SubscriptionID returns the subscription's ID, or the one it has by default. That of a URL which has other characters than an
// ID is made of a digest of it.
func (s *Subscription) SubscriptionID() string {
	switch {
	case s.ID != "":
		return s.ID
	case s.Queue != "":
		return "queue:" + s.Queue
	case s.URL == "":
		return "function:" + s.Function
	case validSubscriptionID("url:" + s.URL):
		return "url:" + s.URL
	default:
		return "url:" + derivedID("url", s.URL).String()
	}
}

// UUID returns the last part of the subscription's ARN: its ID if that is a UUID, or else one made of where it is and its ID.
func (s *Subscription) UUID(topic catalog.Name) string {
	return subscriptionUUID(topic, s.SubscriptionID())
}

func subscriptionUUID(topic catalog.Name, id string) string {
	if isUUID(id) {
		return id
	}
	return derivedID("subscription", topic.Account, topic.Region, topic.Name, id).String()
}

// isUUID says whether an ID is a UUID in its usual form.
func isUUID(id string) bool {
	parsed, err := uuid.Parse(id)
	return err == nil && parsed.String() == id
}

// SubscriptionARN returns the ARN of the subscription of a topic with that UUID.
func SubscriptionARN(topic catalog.Name, uuid string) string {
	return endpoint.TopicARN(topic.Account, topic.Region, topic.Name) + ":" + uuid
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
