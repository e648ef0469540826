package topic

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// outgoing is one message on its way to the subscriptions that it matched.
type outgoing struct {
	*commit
	message *Message
	uuid    queue.MessageID
	id      string // the uuid as text
	// matched are the subscriptions that get it, held the IDs of those that a replay keeps from it.
	matched []*subscription
	held    []string
	// sequence is the number of a FIFO topic's message, in decimal.
	sequence string

	// What several subscriptions get is made once: plain for those that get the message's body, variants for the protocols
	// that have one of their own.
	plain    *rendition
	variants map[string]*rendition
}

// deliver returns the entry for one subscription. It can not fail for a fault of the receiver: what can not be delivered goes
// to a dead-letter queue.
func (o *outgoing) deliver(ctx context.Context, s *subscription) (queue.Entry, error) {
	id := deliveryID(o.id, o.topic.name.Name, s.id)
	if o.message.replayed { // one of its own, apart from that of the first time
		id = deliveryID(o.id+"/"+o.space, o.topic.name.Name, s.id)
	}
	var entry queue.Entry
	var err error
	switch s.kind {
	case KindQueue:
		entry, err = o.queueEntry(ctx, s, id)
	case KindHTTP:
		entry, err = o.httpEntry(ctx, s, id)
	default:
		entry, err = o.functionEntry(ctx, s, id)
	}
	if failure, ok := errors.AsType[*undeliverableError](err); ok {
		entry, err = o.deadLetter(ctx, s, id, failure)
	}
	entry.Key = id.String()
	return entry, err
}

// protocol is the subscription's, as SNS names it.
func (s *subscription) protocol() string {
	switch s.kind {
	case KindQueue:
		return ProtocolSQS
	case KindHTTP:
		if strings.HasPrefix(strings.ToLower(s.name), "https:") {
			return ProtocolHTTPS
		}
		return ProtocolHTTP
	default:
		return ProtocolLambda
	}
}

// label names the receiver for people. A URL may hold a secret.
func (s *subscription) label() string {
	if s.kind == KindHTTP {
		return "subscription " + s.id
	}
	return s.kind + " " + s.name
}

// undeliverableError says why a subscription can not get a message at all.
type undeliverableError struct {
	code   string // as in endpoint.DeadLetter
	reason string
}

func (e *undeliverableError) Error() string { return e.reason }

func undeliverable(code, format string, args ...any) error {
	return &undeliverableError{code: code, reason: fmt.Sprintf(format, args...)}
}

// maxRawAttributes is how many attributes a queue takes by raw delivery, as on AWS.
const maxRawAttributes = 10

// attributeTrace is the system attribute of SQS for AWS X-Ray.
const attributeTrace = "AWSTraceHeader"

// queueEntry makes the message of a queue.
func (o *outgoing) queueEntry(ctx context.Context, s *subscription, id queue.MessageID) (queue.Entry, error) {
	q, err := o.topics.broker.Lookup(o.receiver(s))
	if errors.Is(err, queue.ErrNotFound) {
		return queue.Entry{}, undeliverable("NO_RESOURCE", "queue %s does not exist", s.name)
	}
	if err != nil {
		return queue.Entry{}, err
	}
	// What the router wraps around a message does not count.
	limit := q.Definition.MaxMessageSize
	if limit == 0 {
		limit = queue.DefaultMessageSize
	}
	plain := queue.Message{Body: o.rendition(ProtocolSQS).body, Attributes: o.message.Attributes}
	if size := plain.Size(); size > limit && o.passed == "" {
		return queue.Entry{}, undeliverable("INVALID_PARAMETER", "queue %s: the message has %d bytes, more than the %d that the queue takes", s.name, size, limit)
	}
	if n := len(o.message.Attributes); s.raw && n > maxRawAttributes {
		return queue.Entry{}, undeliverable("INVALID_PARAMETER", "queue %s: the message has %d attributes, more than the %d of raw delivery", s.name, n, maxRawAttributes)
	}
	send := queue.Send{ID: id, Group: o.message.Group, SizeExempt: true}
	if send.Body, send.Attributes, err = o.wrapped(ctx, s); err != nil {
		return queue.Entry{}, err
	}
	if s.raw && o.message.replayed && len(send.Attributes) < maxRawAttributes {
		send.Attributes = append(slices.Clip(send.Attributes), queue.Attribute{Name: "Replayed", Type: "String", Value: []byte("true")})
	}
	if o.message.Trace != "" {
		send.System = []queue.Attribute{{Name: attributeTrace, Type: "String", Value: []byte(o.message.Trace)}}
	}
	if q.Definition.FIFO {
		send.DedupID = o.message.dedupID()
	}
	entry, invalid := q.Entry(&send)
	if invalid != nil {
		return queue.Entry{}, undeliverable("INVALID_PARAMETER", "queue %s: %s", s.name, invalid)
	}
	if o.message.logged && entry.Dedup != "" {
		// The time for which its deduplication ID counts began when it was published and may be over, so that another message has
		// that ID by now; and the queue may have had this one a moment ago. A repeat of this very delivery is refused all the same.
		entry.Dedup = id.String()
	}
	return entry, nil
}

// delivery is what all deliveries of a subscription say of themselves.
func (o *outgoing) delivery(s *subscription) endpoint.Delivery {
	topic := o.topic.name
	return endpoint.Delivery{
		Origin: o.id, Account: topic.Account, Region: topic.Region, Topic: topic.Name, Subscription: s.id,
		Published: o.now.UnixMilli(), Hops: o.hops, Retry: s.retry, DeadLetter: s.deadLetter, Bare: s.bare,
	}
}

// functionEntry makes a message in the delivery queue of a function.
func (o *outgoing) functionEntry(ctx context.Context, s *subscription, id queue.MessageID) (queue.Entry, error) {
	deliveries, format, ok, err := o.topics.function(o.receiver(s))
	if err != nil {
		return queue.Entry{}, err
	}
	if !ok {
		return queue.Entry{}, undeliverable("NO_RESOURCE", "function %s does not exist", s.name)
	}
	body, text, err := o.functionBody(ctx, s)
	if err != nil {
		return queue.Entry{}, err
	}
	delivery := o.delivery(s)
	delivery.Text = text
	if s.asSNS && format != endpoint.FormatLambda { // which sends the body as it is, to a URL of its own form
		delivery.Verbatim = &endpoint.Verbatim{ContentType: "application/json"}
	}
	group := o.message.Group
	if group != "" {
		// Subscriptions and rules share a function's delivery queue but not each other's order. Rules have no colon in their
		// names.
		group = "topic:" + o.topic.name.Name + "/" + s.id + "/" + group
	}
	return queue.Entry{
		Queue: deliveries,
		Kind:  queue.FIFO,
		Message: queue.Message{
			ID: id, Body: body, Attributes: o.message.Attributes, // which a dead letter keeps
			System: []queue.Attribute{{Name: endpoint.AttributeDelivery, Type: "String", Value: delivery.Encode()}},
			Group:  group,
		},
	}, nil
}

// functionBody is what a function gets; text is as in [endpoint.Delivery].
func (o *outgoing) functionBody(ctx context.Context, s *subscription) (body []byte, text bool, err error) {
	if s.asSNS {
		body, err = o.lambdaJSON(ctx, s)
		return body, false, err
	}
	body, text = o.eventJSON()
	return body, text, nil
}

// deadLetter makes the dead letter of what can not be delivered: what the subscription would have got, with the reason in
// attributes unless it wants none.
func (o *outgoing) deadLetter(ctx context.Context, s *subscription, id queue.MessageID, failure *undeliverableError) (queue.Entry, error) {
	topic := o.topic.name
	q, err := o.deadLetterQueue(ctx, s.deadLetter)
	if err != nil {
		return queue.Entry{}, err
	}
	m := queue.Message{ID: id, Attributes: o.message.Attributes}
	if s.kind == KindFunction {
		m.Body, _, err = o.functionBody(ctx, s)
	} else {
		m.Body, m.Attributes, err = o.wrapped(ctx, s)
	}
	if _, unwrapped := errors.AsType[*undeliverableError](err); unwrapped {
		m.Body, m.Attributes, err = o.rendition(s.protocol()).body, o.message.Attributes, nil
	}
	if err != nil {
		return queue.Entry{}, err
	}
	if !s.bare || q.Name.Name != s.deadLetter {
		target := SubscriptionARN(topic, s.uuid)
		if s.kind != KindHTTP {
			at := o.receiver(s)
			target = endpoint.TargetARN(at.Account, at.Region, s.kind, s.name)
		}
		m.Attributes = withReason(m.Attributes, &endpoint.DeadLetter{
			RuleARN: o.topic.arn, TargetARN: target, Code: failure.code, Message: failure.reason, Origin: o.id, Delivery: id.String(),
		})
	}
	entry := queue.Entry{Queue: q.ID, Kind: q.Definition.Kind(), Message: m}
	if q.Definition.FIFO {
		entry.Message.Group = id.String()
		if o.topic.def.FIFO {
			entry.Message.Group, entry.Message.DedupID = o.message.Group, o.message.dedupID()
		}
	}
	return entry, nil
}

// errNoDeadLetters says that there is no queue for dead letters yet.
var errNoDeadLetters = errors.New("the built-in dead-letter queue is to be made first")

// deadLetterQueue returns the queue for what can not be delivered. While other nodes may wait for the publish none is made: see
// [Topics.Barrier].
func (o *outgoing) deadLetterQueue(ctx context.Context, name string) (queue.Queue, error) {
	topic := o.topic.name
	if !o.passing {
		return o.topics.broker.DeadLetterQueue(ctx, topic.Account, topic.Region, name)
	}
	q, err := o.topics.broker.FindDeadLetterQueue(topic.Account, topic.Region, name)
	if errors.Is(err, queue.ErrNotFound) {
		err = errNoDeadLetters
	}
	return q, err
}

// withReason returns attributes with those of a reason, which replace others of the same names.
func withReason(attrs []queue.Attribute, reason *endpoint.DeadLetter) []queue.Attribute {
	var added []queue.Attribute
	reason.Each(func(name, typ, value string) {
		added = append(added, queue.Attribute{Name: name, Type: typ, Value: []byte(value)})
	})
	out := make([]queue.Attribute, 0, len(attrs)+len(added))
next:
	for _, a := range attrs {
		for i := range added {
			if added[i].Name == a.Name {
				continue next
			}
		}
		out = append(out, a)
	}
	return append(out, added...)
}

// receiver names the queue or function of a subscription.
func (o *outgoing) receiver(s *subscription) catalog.Name {
	return catalog.Name{
		Account: cmp.Or(s.account, o.topic.name.Account), Region: cmp.Or(s.region, o.topic.name.Region), Name: s.name,
	}
}

// eventJSON is the message as functions get it.
func (o *outgoing) eventJSON() (body []byte, text bool) {
	r := o.rendition(ProtocolLambda)
	if r.event == nil {
		ev, text := toEvent(o.topic, o.id, o.message, r.body, o.origin, o.now)
		r.event, r.text = ev.AppendEventBridge(make([]byte, 0, 512+len(ev.Detail))), text
	}
	return r.event, r.text
}
