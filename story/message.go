package story

import (
	"context"
	"maps"
	"slices"

	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
	"github.com/signalbox-mq/signalbox/topic"
)

// maxProbed bounds under how many subscriptions, and in how many queues, one ID is looked for.
const maxProbed = 1000

const (
	noteMessage = "a topic keeps no messages: this is what the records of attempts and the queues know. Not told: subscriptions that did not match, and what consumers have taken from queues."
	noteExpired = "the event is past its bus's retention: this is what the records of attempts know. Not told: the event, rules, and what went to queues."
)

// message tells a topic's message, or an event past its bus's retention, from the records of its attempts and from what is
// still in queues under the IDs that subscriptions give to deliveries. nil if there is nothing.
func (t *Teller) message(ctx context.Context, account, region, id string) (*Story, error) {
	at := catalog.Name{Account: account, Region: region}
	recorded, err := t.recorded(ctx, id)
	if err != nil {
		return nil, err
	}
	ours := false
	s := &Story{ID: id, Kind: KindEvent, Note: noteExpired, Rules: []Rule{}, Deliveries: []Delivery{}}
	for _, delivery := range slices.Sorted(maps.Keys(recorded)) {
		for i := range recorded[delivery] {
			a := &recorded[delivery][i]
			if a.Account != "" && (a.Account != account || a.Region != region) {
				return nil, nil // somebody else's
			}
			ours = ours || a.Account != ""
			if a.Bus != "" {
				s.Bus = a.Bus
			}
			if a.Topic != "" {
				s.Topic = a.Topic
			}
		}
	}
	if len(recorded) > 0 && !ours {
		return nil, nil // records of endpoints that were gone do not say whose they are
	}
	for delivery, attempts := range recorded {
		one := ofAttempts(delivery, attempts)
		if err := t.toEndpoint(ctx, at, id, t.deliveries(one.Kind, sibling(at, one.Name)), attempts, &one); err != nil {
			return nil, err
		}
		s.Deliveries = append(s.Deliveries, one)
	}
	if s.Bus == "" {
		if err := t.subscribed(ctx, at, s, recorded); err != nil {
			return nil, err
		}
		s.Kind, s.Note = KindMessage, noteMessage
	}
	if len(s.Deliveries) == 0 {
		return nil, nil
	}
	if published, err := event.IDTime(id); err == nil && s.Published.IsZero() {
		s.Published = published.UTC() // when the ID was made, a moment before
	}
	s.finish()
	return s, nil
}

// subscribed adds a message's deliveries that no attempt knows. The topic is looked for if the story does not name it.
func (t *Teller) subscribed(ctx context.Context, at catalog.Name, s *Story, recorded map[string][]dispatch.Attempt) error {
	prefix := ""
	if s.Topic != "" {
		prefix = s.Topic + "/"
	}
	subscriptions, _, err := t.subscriptions.List(catalog.Query{
		Account: at.Account, Region: at.Region, Prefix: prefix, Limit: maxProbed,
	})
	if err != nil {
		return err
	}
	for i := range subscriptions {
		sub := &subscriptions[i]
		of, sid := topic.SplitSubscriptionName(sub.Name)
		id := topicDeliveryID(s.ID, of.Name, sid)
		if s.Topic != "" && s.Topic != of.Name || recorded[id] != nil {
			continue
		}
		one := Delivery{ID: id, Topic: of.Name, Subscription: sid, Kind: rules.KindFunction, Name: sub.Value.Function}
		switch {
		case sub.Value.Queue != "":
			one.Kind, one.Name = rules.KindQueue, sub.Value.Queue
		case sub.Value.Function == "": // over HTTP, where the endpoint is the subscription's own
			one.Kind, one.Name = dispatch.KindSubscription, sub.Name.Name
		}
		there, err := t.probe(ctx, at, s.ID, sub.Value.DeadLetter, &one)
		if err != nil {
			return err
		}
		if there {
			s.Topic = of.Name
			s.Deliveries = append(s.Deliveries, one)
		}
	}
	return t.describe(ctx, at, s)
}

// describe reads from a delivery that still waits when its message was published, and which event was passed on as it.
func (t *Teller) describe(ctx context.Context, at catalog.Name, s *Story) error {
	for i := range s.Deliveries {
		d := &s.Deliveries[i]
		if d.Kind != rules.KindFunction && d.Kind != dispatch.KindSubscription || d.Status != Waiting && d.Status != Retrying && d.Status != InFlight {
			continue
		}
		found, err := t.find(ctx, t.deliveries(d.Kind, sibling(at, d.Name)), d.ID)
		if err != nil {
			return err
		}
		if found == nil {
			continue
		}
		about, err := aboutOf(&found.Message)
		if err != nil || about == nil {
			continue // it is told by the dispatcher, as a dead letter
		}
		s.Published, s.Hops = about.PublishedAt(), about.Hops
		if about.Verbatim != nil {
			return nil // what is sent is no event
		}
		if ev, err := event.Parse(found.Message.Body); err == nil {
			if origin, ok := ev.Extensions[topic.ExtensionOrigin]; ok {
				s.Origin = origin.String()
			}
		}
		return nil
	}
	return nil
}

// aboutOf returns what a message in a delivery queue says of itself; nil if it says nothing.
func aboutOf(m *queue.Message) (*endpoint.Delivery, error) {
	a, ok := m.SystemAttribute(endpoint.AttributeDelivery)
	if !ok {
		return nil, nil
	}
	return endpoint.DecodeDelivery(a.Value)
}
