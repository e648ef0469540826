package topic

import (
	"bytes"
	"context"
	"errors"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// EndpointOf returns the endpoint by which an HTTP subscription of a topic is called, as the delivery policies of both have
// it. managed says that the operator's file declares the subscription.
func EndpointOf(topic catalog.Name, t *Topic, s *Subscription, managed bool) endpoint.Endpoint {
	policy, err := parseTopicPolicy(t.DeliveryPolicy)
	if err != nil {
		policy = topicPolicy{} // it does not validate
	}
	return policy.endpoint(topic, s, managed)
}

func (p topicPolicy) endpoint(topic catalog.Name, s *Subscription, managed bool) endpoint.Endpoint {
	e := endpoint.Endpoint{Name: s.UUID(topic), URL: s.URL, Managed: managed}
	p.of(s).Apply(&e)
	e.Retry.DeliveredBelow500 = s.Success == SuccessBelow500
	return e
}

// endpointChange returns the change that makes a subscription's endpoint what it is to be. The one that was looked at, if any,
// must not have been changed.
func (t *Topics) endpointChange(at *catalog.Snapshot, state *topicState, name catalog.Name, s *Subscription) catalog.Change {
	change := t.endpoints.Putting(name, state.policy.endpoint(state.name, s, false))
	old, ok := at.Get(endpoint.SubscriptionTable, name)
	if !ok {
		return change.If(0)
	}
	return change.If(old.Revision)
}

// maxAligned is how many endpoints are changed at once.
const maxAligned = 500

// alignEndpoints makes the endpoints of a topic's HTTP subscriptions what its delivery policy says, but for those that a file
// declares: a file says that of them itself. Who subscribes meanwhile requires the topic as it is now.
func (t *Topics) alignEndpoints(ctx context.Context, name catalog.Name) error {
	for {
		at := t.definitions.Snapshot()
		state, err := t.topic(ctx, name)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		var changes []catalog.Change
		for _, full := range state.names(KindHTTP) {
			e, err := t.subscriptions.At(at, full)
			if err != nil || e.Owner != "" {
				continue // gone, or not readable
			}
			if change := t.endpointChange(at, state, full, &e.Value); differs(at, &change) {
				if changes = append(changes, change); len(changes) == maxAligned {
					break
				}
			}
		}
		if len(changes) == 0 {
			return nil
		}
		_, err = t.definitions.Apply(ctx, catalog.Set{
			Changes: changes, Requires: []catalog.Requirement{{Table: Table, Name: name, ID: state.id, Revision: state.revision}},
		})
		if err != nil && (!raced(err) || ctx.Err() != nil || t.definitions.Revision() == at.Revision()) {
			return err
		}
	}
}

// differs says whether a change changes anything.
func differs(at *catalog.Snapshot, ch *catalog.Change) bool {
	old, ok := at.Get(ch.Table, ch.Name)
	return !ok || !bytes.Equal(old.Value, ch.Value)
}
