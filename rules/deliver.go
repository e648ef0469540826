package rules

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// outgoing is one event on its way to the targets of the rules that matched it. The entries it makes go into the
// publish's one append, or into a transfer's.
type outgoing struct {
	engine *Engine
	bus    catalog.Name
	event  *event.Event
	// json is the event in EventBridge form.
	json []byte
	// now is when the event is, or was, published.
	now  time.Time
	hops int
	// trace is the header X-Amzn-Trace-Id that goes along, empty for none.
	trace string
	// replay keeps apart what a replay makes of an event; see Match.space. It is empty for a publish.
	replay string
	// publishing says that definitions must not be made on the way: errNoDeadLetters says that this is needed.
	publishing bool

	entries []queue.Entry
}

// errNoDeadLetters says that there is no queue for dead letters yet.
var errNoDeadLetters = errors.New("the built-in dead-letter queue is to be made first")

// deliver adds the entries for one target of a rule and returns the record of it. It can not fail: what can not be
// delivered goes to the dead-letter queue, in the same commit.
func (o *outgoing) deliver(ctx context.Context, r *compiledRule, t *compiledTarget) (Delivery, error) {
	id := deliveryID(o.event.ID, r.name, t.id, o.replay)
	d := Delivery{
		ID:     id.String(),
		Target: t.id, Kind: t.kind, Name: t.name,
	}
	payload, err := o.payload(r, t)
	if err == nil {
		var entry queue.Entry
		if t.kind == KindQueue {
			entry, err = o.queueEntry(id, t, payload)
		} else {
			entry, err = o.endpointEntry(ctx, id, r, t, payload)
		}
		if err == nil {
			entry.Key = d.ID
			d.Queue = entry.Queue
			o.entries = append(o.entries, entry)
			return d, nil
		}
	}
	failure, ok := errors.AsType[*undeliverableError](err)
	if !ok {
		return d, err
	}
	return o.deadLetter(ctx, r, t, id, d, payload.body, failure)
}

// undeliverableError says why a target can not get an event at all.
type undeliverableError struct {
	code   string // as in endpoint.DeadLetter
	reason string
}

func (e *undeliverableError) Error() string { return e.reason }

// payload is what a target gets: for a queue the body, for an endpoint the event's new data.
type payload struct {
	body []byte
	// transformed says that body is a transform's result, otherwise it is the whole event in EventBridge form.
	transformed bool
}

func (o *outgoing) payload(r *compiledRule, t *compiledTarget) (payload, error) {
	if t.transform == nil {
		return payload{body: o.json}, nil
	}
	body, err := t.transform.Apply(nil, o.json, Vars{
		RuleARN: endpoint.RuleARN(o.bus.Account, o.bus.Region, o.bus.Name, r.name), RuleName: r.name, IngestionTime: o.now,
	})
	if err != nil {
		return payload{body: o.json}, &undeliverableError{code: "INVALID_JSON", reason: "transform: " + err.Error()}
	}
	return payload{body: body, transformed: true}, nil
}

func (o *outgoing) group(t *compiledTarget) (string, error) {
	if t.group == nil {
		return t.groupText, nil
	}
	group, ok := t.group.Text(o.json)
	if !ok {
		return "", &undeliverableError{code: "INVALID_PARAMETER", reason: fmt.Sprintf("group: the event has no text or number at %s", t.group)}
	}
	return group, nil
}

func (o *outgoing) queueEntry(id uuid.UUID, t *compiledTarget, p payload) (queue.Entry, error) {
	q, err := o.engine.broker.Lookup(t.receiver(o.bus))
	if errors.Is(err, queue.ErrNotFound) {
		return queue.Entry{}, &undeliverableError{code: "NO_RESOURCE", reason: "queue " + t.name + " does not exist"}
	}
	if err != nil {
		return queue.Entry{}, err
	}
	// The message is the delivery; and an event of full size has an envelope around it.
	send := queue.Send{ID: id, Body: p.body, SizeExempt: true}
	if send.Group, err = o.group(t); err != nil {
		return queue.Entry{}, err
	}
	if o.trace != "" {
		send.System = []queue.Attribute{{Name: "AWSTraceHeader", Type: "String", Value: []byte(o.trace)}}
	}
	if q.Definition.FIFO {
		send.DedupID = o.event.ID
		if o.replay != "" { // it is not to be refused because the event was published just now
			send.DedupID = deliveryID(o.event.ID, "", "", o.replay).String()
		}
	}
	entry, invalid := q.Entry(&send)
	if invalid != nil {
		return queue.Entry{}, &undeliverableError{code: "INVALID_PARAMETER", reason: "queue " + t.name + ": " + invalid.Error()}
	}
	return entry, nil
}

// endpointEntry makes a message in the delivery queue of a function, an API destination, a topic or a bus.
func (o *outgoing) endpointEntry(ctx context.Context, id uuid.UUID, r *compiledRule, t *compiledTarget, p payload) (queue.Entry, error) {
	record, ok, err := o.engine.definitions.Find(ctx, endpointTable(t.kind), t.receiver(o.bus))
	if err != nil {
		return queue.Entry{}, err
	}
	if !ok {
		return queue.Entry{}, &undeliverableError{code: "NO_RESOURCE", reason: t.kind + " " + t.name + " does not exist"}
	}
	group, err := o.group(t)
	if err != nil {
		return queue.Entry{}, err
	}
	delivery := endpoint.Delivery{
		Origin: o.event.ID, Account: o.bus.Account, Region: o.bus.Region,
		Bus: o.bus.Name, Rule: r.name, Target: t.id,
		Published: o.now.UnixMilli(), Hops: o.hops, Retry: t.retry, DeadLetter: t.deadLetter,
	}
	body := p.body
	switch {
	case t.verbatim && (t.kind == KindFunction || t.kind == KindAPIDestination):
		delivery.Verbatim = &endpoint.Verbatim{ContentType: "application/json"}
		if o.trace != "" {
			delivery.Verbatim.Header = map[string]string{"X-Amzn-Trace-Id": o.trace}
		}
		delivery.HTTP = o.parameters(t)
	case p.transformed:
		delivery.Transformed = true
		detail := json.RawMessage(p.body)
		if !json.Valid(detail) {
			// Several lines of text, say. It travels as a JSON string and is unpacked where only the data is sent.
			if detail, err = json.Marshal(string(p.body)); err != nil {
				return queue.Entry{}, err
			}
			delivery.Text = true
		}
		ev := o.event.WithDetail(detail)
		body = envelope(&ev)
	}
	if group != "" {
		// Rules share an endpoint's delivery queue but not each other's order.
		group = o.bus.Name + "/" + r.name + "/" + group
	}
	return queue.Entry{
		Queue: queue.IDFor(record.ID, queue.Deliveries),
		Kind:  queue.FIFO,
		Message: queue.Message{
			ID:     id,
			Body:   body,
			System: []queue.Attribute{{Name: endpoint.AttributeDelivery, Type: "String", Value: delivery.Encode()}},
			Group:  group,
		},
	}, nil
}

// parameters returns what the target adds to a request. A header or a query parameter for which the event has no value is left
// out; a part of the path is empty then, which no call can be made with.
func (o *outgoing) parameters(t *compiledTarget) *endpoint.HTTPParameters {
	if t.http == nil {
		return nil
	}
	p := &endpoint.HTTPParameters{Header: o.values(t.http.header), Query: o.values(t.http.query)}
	for i := range t.http.path {
		text, _ := t.http.path[i].of(o.json)
		p.Path = append(p.Path, text)
	}
	return p
}

func (o *outgoing) values(of map[string]httpValue) map[string]string {
	values := make(map[string]string, len(of))
	for key, v := range of {
		if text, ok := v.of(o.json); ok {
			values[key] = text
		}
	}
	return values
}

// deadLetter adds the dead letter of what can not be delivered.
func (o *outgoing) deadLetter(
	ctx context.Context, r *compiledRule, t *compiledTarget, id uuid.UUID, d Delivery, body []byte, failure *undeliverableError,
) (Delivery, error) {
	q, err := o.deadLetterQueue(ctx, t.deadLetter)
	if err != nil {
		return d, err
	}
	receiver := t.receiver(o.bus)
	reason := endpoint.DeadLetter{
		RuleARN:   endpoint.RuleARN(o.bus.Account, o.bus.Region, o.bus.Name, r.name),
		TargetARN: endpoint.TargetARN(receiver.Account, receiver.Region, t.kind, t.name),
		Code:      failure.code, Message: failure.reason,
		Origin: o.event.ID, Delivery: d.ID,
	}
	m := queue.Message{ID: id, Body: body}
	reason.Each(func(name, typ, value string) {
		m.Attributes = append(m.Attributes, queue.Attribute{Name: name, Type: typ, Value: []byte(value)})
	})
	entry := queue.Entry{Queue: q.ID, Kind: q.Definition.Kind(), Message: m, Key: d.ID}
	if q.Definition.FIFO {
		entry.Message.Group = d.ID
	}
	o.entries = append(o.entries, entry)
	d.Queue, d.Error, d.DeadLetter = q.ID, failure.reason, q.Name.Name
	return d, nil
}

func (o *outgoing) deadLetterQueue(ctx context.Context, name string) (queue.Queue, error) {
	if !o.publishing {
		return o.engine.broker.DeadLetterQueue(ctx, o.bus.Account, o.bus.Region, name)
	}
	q, err := o.engine.broker.FindDeadLetterQueue(o.bus.Account, o.bus.Region, name)
	if errors.Is(err, queue.ErrNotFound) {
		err = errNoDeadLetters
	}
	return q, err
}

// deliveryID is the same for the same event, rule, target and replay (none for a publish), however often it is computed: a publish
// that is repeated under its token, or a transfer that goes on after a crash, makes the same deliveries.
func deliveryID(eventID, rule, target, replay string) uuid.UUID {
	text := make([]byte, 0, 192)
	text = append(append(text, eventID...), 0)
	text = append(append(text, rule...), 0)
	text = append(text, target...)
	if replay != "" {
		text = append(append(text, 0), replay...)
	}
	sum := sha256.Sum256(text)
	id := uuid.UUID(sum[:16])
	id[6] = id[6]&0x0f | 0x80 // version 8: of our own making
	id[8] = id[8]&0x3f | 0x80
	return id
}
