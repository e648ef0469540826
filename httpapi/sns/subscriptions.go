package sns

import (
	"context"
	"errors"
	"iter"

	"github.com/google/uuid"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/topic"
)

// What stands in for the ARN of a subscription that is to be confirmed: in the answer to who subscribed, and in lists.
const (
	pendingAnswer = "pending confirmation"
	pendingListed = "PendingConfirmation"
)

func (a *API) subscribe(ctx context.Context, r *awsapi.Request, in *subscribeInput) (*subscriptionOutput, error) {
	name, err := topicName(r, "TopicArn", in.TopicARN)
	if err != nil {
		return nil, err
	}
	of, err := a.topics.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	s, err := receiver(&of, in.Protocol, in.Endpoint)
	if err != nil {
		return nil, err
	}
	s.ID = uuid.NewString()
	given := &subscriptionFacts{SubscriptionEntry: &topic.SubscriptionEntry{Topic: name, ID: s.ID, UUID: s.ID, Subscription: s}, of: &of.Topic}
	for _, attribute := range in.Attributes {
		if f := setSubscriptionAttribute(given, attribute.Key, attribute.Value); f != nil {
			return nil, invalidParameter("Attributes Reason: " + f.text(attribute.Key))
		}
	}
	if f := checkFilter(&given.Subscription); f != nil {
		return nil, invalidParameter("Attributes Reason: " + f.text(filterPolicy))
	}
	s = given.Subscription
	keep(&s.Kept, principalAttribute, principalOf(r.Account, r.Principal))
	e, created, err := a.topics.Subscribe(ctx, name, s)
	if err != nil {
		return nil, endpointFault(err)
	}
	if !created && !sameSubscription(&subscriptionFacts{SubscriptionEntry: &e, of: &of.Topic}, given, names(in.Attributes)) {
		return nil, invalidParameter("Attributes Reason: Subscription already exists with different attributes")
	}
	if e.Subscription.Pending != nil && !in.ReturnARN {
		return &subscriptionOutput{pendingAnswer}, nil
	}
	return &subscriptionOutput{topic.SubscriptionARN(name, e.UUID)}, nil
}

// names are those of attributes that were given.
func names(given []awsapi.TextEntry) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range given {
			if !yield(given[i].Key) {
				return
			}
		}
	}
}

// endpointFault tells what the topic does not take of a receiver in the terms of the request.
func endpointFault(err error) error {
	if e, ok := errors.AsType[*topic.InvalidError](err); ok {
		switch e.Field {
		case "url", "queue", "function":
			return invalidParameter("Endpoint Reason: " + awsapi.Clip(e.Reason))
		}
	}
	return err
}

func (a *API) confirmSubscription(ctx context.Context, r *awsapi.Request, in *confirmInput) (*subscriptionOutput, error) {
	name, err := topicName(r, "TopicArn", in.TopicARN)
	if err != nil {
		return nil, invalidParameter("Topic") // whatever is wrong with it
	}
	e, err := a.topics.Confirm(ctx, name, in.Token, in.AuthenticateOnUnsubscribe == textTrue)
	if errors.Is(err, topic.ErrNotFound) {
		return nil, invalidParameter("Topic")
	}
	if err != nil {
		return nil, err
	}
	return &subscriptionOutput{topic.SubscriptionARN(name, e.UUID)}, nil
}

func (a *API) unsubscribe(ctx context.Context, r *awsapi.Request, in *onSubscription) (*awsapi.Empty, error) {
	of, uuid, err := subscriptionName(in.SubscriptionARN)
	if err != nil {
		return nil, err
	}
	err = a.topics.Unsubscribe(ctx, of, uuid, r.Principal == "")
	if errors.Is(err, topic.ErrNotFound) || errors.Is(err, topic.ErrSubscriptionNotFound) {
		return nil, nil // gone already
	}
	return nil, err
}

func (a *API) listSubscriptions(ctx context.Context, r *awsapi.Request, in *listInput) (*listSubscriptionsOutput, error) {
	return a.list(ctx, nil, r.Account, r.Region, in.NextToken)
}

func (a *API) listSubscriptionsByTopic(ctx context.Context, r *awsapi.Request, in *listByTopicInput) (*listSubscriptionsOutput, error) {
	name, err := topicName(r, "TopicArn", in.TopicARN)
	if err != nil {
		return nil, err
	}
	if _, err := a.topics.Get(ctx, name); err != nil {
		return nil, err
	}
	return a.list(ctx, &name, name.Account, name.Region, in.NextToken)
}

// list lists subscriptions, of one topic or of all.
func (a *API) list(ctx context.Context, of *catalog.Name, account, region, token string) (*listSubscriptionsOutput, error) {
	after, err := pages.After(token)
	if err != nil {
		return nil, err
	}
	all, next, err := a.topics.Subscriptions(ctx, of, account, region, after, pageSize)
	if err != nil {
		return nil, err
	}
	out := &listSubscriptionsOutput{NextToken: pages.Token(next)}
	for i := range all {
		e := &all[i]
		listed := listedSubscription{
			SubscriptionARN: topic.SubscriptionARN(e.Topic, e.UUID), Owner: e.Topic.Account, Protocol: protocolOf(&e.Subscription),
			Endpoint: endpointOf(e.Topic, &e.Subscription), TopicARN: arnOf(e.Topic),
		}
		if e.Subscription.Pending != nil {
			listed.SubscriptionARN = pendingListed
		}
		out.Subscriptions = append(out.Subscriptions, listed)
	}
	return out, nil
}

// subscription finds a subscription with its topic.
func (a *API) subscription(ctx context.Context, arn string) (*subscriptionFacts, error) {
	of, uuid, err := subscriptionName(arn)
	if err != nil {
		return nil, err
	}
	e, err := a.topics.Get(ctx, of)
	if errors.Is(err, topic.ErrNotFound) {
		return nil, topic.ErrSubscriptionNotFound
	}
	if err != nil {
		return nil, err
	}
	s, err := a.topics.Subscription(ctx, of, uuid)
	return &subscriptionFacts{SubscriptionEntry: &s, of: &e.Topic}, err
}

func (a *API) getSubscriptionAttributes(ctx context.Context, _ *awsapi.Request, in *onSubscription) (*attributesOutput, error) {
	facts, err := a.subscription(ctx, in.SubscriptionARN)
	if err != nil {
		return nil, err
	}
	facts.replay = a.topics.ReplayStatus(facts.SubscriptionEntry)
	out := &attributesOutput{}
	for i := range subscriptionAttributes {
		row := &subscriptionAttributes[i]
		if value := row.get(facts); value != "" {
			out.Attributes = append(out.Attributes, awsapi.TextEntry{Key: row.name, Value: value})
		}
	}
	return out, nil
}

func (a *API) setSubscriptionAttributes(ctx context.Context, _ *awsapi.Request, in *setSubscriptionAttributesInput) (*awsapi.Empty, error) {
	facts, err := a.subscription(ctx, in.SubscriptionARN)
	if err != nil {
		return nil, err
	}
	_, err = a.topics.UpdateSubscription(ctx, facts.Topic, facts.UUID, func(s *topic.Subscription) error {
		changed := *facts.SubscriptionEntry
		changed.Subscription = *s
		f := setSubscriptionAttribute(&subscriptionFacts{SubscriptionEntry: &changed, of: facts.of}, in.Name, in.Value)
		if f == nil {
			f = checkFilter(&changed.Subscription)
		}
		if f != nil {
			return invalidParameter(f.text(in.Name))
		}
		*s = changed.Subscription
		return nil
	})
	return nil, err
}
