package endpoint

import "time"

// AttributeDelivery is the name of the system attribute, of type "String", in which a message of a delivery queue carries
// its [Delivery] as JSON.
const AttributeDelivery = "router.delivery"

// Delivery says what a message in an endpoint's delivery queue stands for. The message's body is an event in EventBridge
// form, unless Verbatim says otherwise; the message's ID is the delivery's ID, on every attempt.
//
// It is written by rules and topics when they publish, and complete: a delivery can be made, retried and dead-lettered
// after the rule or subscription it came from is gone.
type Delivery struct {
	// Origin is the ID of the published event or topic message; attempts are recorded under it.
	Origin string `json:"origin"`
	// Account and Region are those of the bus or topic.
	Account string `json:"account"`
	Region  string `json:"region"`
	// Bus, Rule and Target name where it came from: the rule's target by its ID. Or else:
	Bus    string `json:"bus,omitempty"`
	Rule   string `json:"rule,omitempty"`
	Target string `json:"target,omitempty"`
	// Topic and Subscription name where it came from.
	Topic        string `json:"topic,omitempty"`
	Subscription string `json:"subscription,omitempty"`
	// Published is when it was published, in milliseconds since 1970.
	Published int64 `json:"published"`
	// Hops counts the topics and buses the event has passed through before; see MaxHops.
	Hops int `json:"hops,omitempty"`
	// Text says that the event's detail is a JSON string that stands for plain text: formats that show the data alone
	// (raw) send the text.
	Text bool `json:"text,omitempty"`
	// Transformed says that the event's detail is a transform's result: what a topic's message is then made of.
	Transformed bool `json:"transformed,omitempty"`
	// Retry, when set, is the target's own retry policy; nil means the endpoint's.
	Retry *RetryPolicy `json:"retry,omitempty"`
	// DeadLetter, when set, names the target's own dead-letter queue, in Account and Region; empty means the endpoint's.
	DeadLetter string `json:"dead_letter,omitempty"`
	// Verbatim, when set, says that the message's body is no event but the request's body itself.
	Verbatim *Verbatim `json:"verbatim,omitempty"`
	// Bare says that the dead letter in the queue that DeadLetter names is what was to be delivered and no more, without
	// attributes that say why. In the built-in queue, where it may end if that one is gone, it has them.
	Bare bool `json:"bare,omitempty"`
	// NoDeadLetter says that it is for its endpoint alone: what can not be delivered is removed, and only its attempts tell of it.
	NoDeadLetter bool `json:"no_dead_letter,omitempty"`
	// HTTP, to an API destination, is what the rule's target adds to the request.
	HTTP *HTTPParameters `json:"http,omitempty"`
}

// HTTPParameters are parts of a request that a rule's target gives, with the values that the event had for them.
type HTTPParameters struct {
	// Path has the values for the asterisks in the destination's URL, in order, not escaped.
	Path   []string          `json:"path,omitempty"`
	Header map[string]string `json:"header,omitempty"`
	Query  map[string]string `json:"query,omitempty"`
}

// Verbatim is a request that was made when the message was published, by what knows its protocol. Whatever the endpoint's
// format, the body is sent as it is, with these headers. The endpoint of a subscription gives but the URL, with its user and
// password, the timeout and the limits: nothing is added but what HTTP needs, and User-Agent if Header has none. A function
// adds its own headers, the delivery's ID, the signature, and to format lambda belongs the way it is invoked.
type Verbatim struct {
	ContentType string            `json:"content_type,omitempty"`
	Header      map[string]string `json:"header,omitempty"`
}

// MaxHops is how often an event may pass from a bus or topic to another before the router takes it for a loop and
// dead-letters it.
const MaxHops = 8

// PublishedAt returns when the delivery was published.
func (d *Delivery) PublishedAt() time.Time { return time.UnixMilli(d.Published).UTC() }
