package topic

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// outgoing is one message on its way to the subscriptions that it matched.
type outgoing struct {
	*commit
	message *Message
	id      string

	// What several subscriptions get is made once, when first needed.
	envelope []byte
	event    []byte
	text     bool
}

// deliver returns the entry for one subscription. It can not fail for a fault of the receiver: what can not be delivered goes
// to a dead-letter queue.
func (o *outgoing) deliver(ctx context.Context, s *subscription) (queue.Entry, error) {
	id := deliveryID(o.id, o.topic.name.Name, s.id)
	var entry queue.Entry
	var err error
	if s.kind == KindQueue {
		entry, err = o.queueEntry(s, id)
	} else {
		entry, err = o.functionEntry(ctx, s, id)
	}
	if failure, ok := errors.AsType[*undeliverableError](err); ok {
		entry, err = o.deadLetter(ctx, s, id, failure)
	}
	entry.Key = id.String()
	return entry, err
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

// queueEntry makes the message of a queue.
func (o *outgoing) queueEntry(s *subscription, id queue.MessageID) (queue.Entry, error) {
	q, err := o.topics.broker.Lookup(o.sibling(s.name))
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
	if size := o.message.size(); size > limit && o.passed == "" {
		return queue.Entry{}, undeliverable("INVALID_PARAMETER", "queue %s: the message has %d bytes, more than the %d that the queue takes", s.name, size, limit)
	}
	send := queue.Send{ID: id, Group: o.message.Group, SizeExempt: true}
	if s.raw {
		send.Body, send.Attributes = o.message.Body, o.message.Attributes
	} else if send.Body = o.envelopeJSON(); send.Body == nil {
		return queue.Entry{}, undeliverable("INVALID_PARAMETER", "queue %s: the message is not UTF-8, which the SNS envelope needs; subscribe with raw: true", s.name)
	}
	entry, invalid := q.Entry(&send)
	if invalid != nil {
		return queue.Entry{}, undeliverable("INVALID_PARAMETER", "queue %s: %s", s.name, invalid)
	}
	return entry, nil
}

// functionEntry makes a message in the delivery queue of a function.
func (o *outgoing) functionEntry(ctx context.Context, s *subscription, id queue.MessageID) (queue.Entry, error) {
	deliveries, ok, err := o.topics.function(ctx, o.sibling(s.name))
	if err != nil {
		return queue.Entry{}, err
	}
	if !ok {
		return queue.Entry{}, undeliverable("NO_RESOURCE", "function %s does not exist", s.name)
	}
	body := o.eventJSON()
	topic := o.topic.name
	delivery := endpoint.Delivery{
		Origin: o.id, Account: topic.Account, Region: topic.Region,
		Topic: topic.Name, Subscription: s.id,
		Published: o.now.UnixMilli(), Hops: o.hops, Text: o.text, Retry: s.retry, DeadLetter: s.deadLetter,
	}
	group := o.message.Group
	if group != "" {
		// Subscriptions and rules share a function's delivery queue but not each other's order. Rules have no colon in their
		// names.
		group = "topic:" + topic.Name + "/" + s.id + "/" + group
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

// deadLetter makes the dead letter of what can not be delivered: what the subscription would have got, with the reason in
// attributes.
func (o *outgoing) deadLetter(ctx context.Context, s *subscription, id queue.MessageID, failure *undeliverableError) (queue.Entry, error) {
	q, err := o.topics.broker.DeadLetterQueue(ctx, o.topic.name.Account, o.topic.name.Region, s.deadLetter)
	if err != nil {
		return queue.Entry{}, err
	}
	m := queue.Message{ID: id, Body: o.message.Body}
	switch {
	case s.kind == KindFunction:
		m.Body = o.eventJSON()
		m.Attributes = o.message.Attributes
	case s.raw:
		m.Attributes = o.message.Attributes
	default:
		if envelope := o.envelopeJSON(); envelope != nil {
			m.Body = envelope
		} else {
			m.Attributes = o.message.Attributes
		}
	}
	topic := o.topic.name
	reason := endpoint.DeadLetter{
		RuleARN:   o.topic.arn,
		TargetARN: endpoint.TargetARN(topic.Account, topic.Region, s.kind, s.name),
		Code:      failure.code, Message: failure.reason,
		Origin: o.id, Delivery: id.String(),
	}
	m.Attributes = withReason(m.Attributes, &reason)
	entry := queue.Entry{Queue: q.ID, Kind: q.Definition.Kind(), Message: m}
	if q.Definition.FIFO {
		entry.Message.Group = id.String()
	}
	return entry, nil
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

// sibling names what is in the topic's account and region.
func (o *outgoing) sibling(name string) catalog.Name {
	return catalog.Name{Account: o.topic.name.Account, Region: o.topic.name.Region, Name: name}
}

// envelopeJSON is the message as SNS wraps it; nil if it is no text.
func (o *outgoing) envelopeJSON() []byte {
	if o.envelope == nil && utf8.Valid(o.message.Body) {
		room := 512 + len(o.message.Body) + len(o.message.Body)/8
		o.envelope = appendEnvelope(make([]byte, 0, room), o.id, o.topic.arn, o.message, o.now)
	}
	return o.envelope
}

// eventJSON is the message as functions get it.
func (o *outgoing) eventJSON() []byte {
	if o.event == nil {
		ev, text := toEvent(o.topic, o.id, o.message, o.origin, o.now)
		o.event, o.text = ev.AppendEventBridge(make([]byte, 0, 512+len(ev.Detail))), text
	}
	return o.event
}
