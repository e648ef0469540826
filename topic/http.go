package topic

import (
	"context"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue"
)

// Headers of what is sent over HTTP, as SNS sends them.
const (
	headerType         = "x-amz-sns-message-type"
	headerID           = "x-amz-sns-message-id"
	headerTopic        = "x-amz-sns-topic-arn"
	headerSubscription = "x-amz-sns-subscription-arn"
	headerRaw          = "x-amz-sns-rawdelivery"

	userAgent = "Amazon Simple Notification Service Agent"
)

// httpHeader returns the headers that every such message has. The map is the caller's.
func httpHeader(kind, id, topicARN string) map[string]string {
	return map[string]string{
		headerType: kind, headerID: id, headerTopic: topicARN,
		"User-Agent": userAgent, "Accept-Encoding": "gzip,deflate",
	}
}

// httpEntry makes the message in the delivery queue of a URL: the body of a request, and its headers.
func (o *outgoing) httpEntry(ctx context.Context, s *subscription, id queue.MessageID) (queue.Entry, error) {
	topic := o.topic.name
	record, ok, err := o.topics.definitions.Find(ctx, endpoint.SubscriptionTable, SubscriptionName(topic, s.id))
	if err != nil {
		return queue.Entry{}, err
	}
	if !ok { // the topic's state is a moment old
		return queue.Entry{}, undeliverable("NO_RESOURCE", "subscription %s does not exist", s.id)
	}
	body, attributes, err := o.wrapped(ctx, s)
	if err != nil {
		return queue.Entry{}, err
	}
	header := httpHeader(typeNotification, o.id, o.topic.arn)
	header[headerSubscription] = SubscriptionARN(topic, s.uuid)
	if s.raw {
		header[headerRaw] = "true"
	}
	delivery := o.delivery(s)
	delivery.Verbatim = &endpoint.Verbatim{ContentType: s.contentType, Header: header}
	return queue.Entry{
		Queue: queue.IDFor(record.ID, queue.Deliveries), Kind: queue.FIFO,
		Message: queue.Message{
			ID: id, Body: body, Attributes: attributes, // which a dead letter keeps
			System: []queue.Attribute{{Name: endpoint.AttributeDelivery, Type: "String", Value: delivery.Encode()}},
		},
	}, nil
}
