package tests

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

// openEgress lets clients have endpoints called that are on this machine.
const openEgress = "egress: {allow: [loopback]}\n"

// snsScene is what one scenario runs on: clients of SNS and SQS of the AWS SDK for Go, and names that no other scenario has.
type snsScene struct {
	*sns.Client
	queues *sqsScene
	t      *testing.T
	router *harness.Router
	prefix string
}

func newSNSScene(t *testing.T, r *harness.Router, name string) *snsScene {
	t.Helper()
	client := sns.New(sns.Options{
		BaseEndpoint: aws.String(r.URL("")), Region: "us-east-1", HTTPClient: harness.HTTPClient(t),
		Credentials: credentials.NewStaticCredentialsProvider("test", "secret", ""),
		Retryer:     aws.NopRetryer{}, // what fails, fails the test
	})
	queues := newScene(t, r, "json", name)
	queues.prefix = name + "-"
	return &snsScene{Client: client, queues: queues, t: t, router: r, prefix: name + "-"}
}

// topic makes a topic and returns its ARN. Attributes come in pairs.
func (s *snsScene) topic(name string, attributes ...string) string {
	s.t.Helper()
	out, err := s.CreateTopic(s.t.Context(), &sns.CreateTopicInput{Name: aws.String(s.prefix + name), Attributes: pairs(attributes)})
	s.queues.ok(err, "creating topic "+name)
	return *out.TopicArn
}

// subscribe subscribes an endpoint, and returns the subscription's ARN.
func (s *snsScene) subscribe(topic, protocol, endpoint string, attributes ...string) string {
	s.t.Helper()
	out, err := s.Subscribe(s.t.Context(), &sns.SubscribeInput{
		TopicArn: &topic, Protocol: &protocol, Endpoint: &endpoint, Attributes: pairs(attributes), ReturnSubscriptionArn: true,
	})
	s.queues.ok(err, "subscribing "+endpoint)
	return *out.SubscriptionArn
}

// queue makes a queue, FIFO if its name is that of one, subscribes it, and returns its URL.
func (s *snsScene) queue(topic, name string, attributes ...string) (url string) {
	s.t.Helper()
	var settings []string
	if len(name) > 5 && name[len(name)-5:] == ".fifo" {
		settings = []string{"FifoQueue", "true"}
	}
	url = s.queues.create(name, settings...)
	s.subscribe(topic, "sqs", s.queues.arn(name), attributes...)
	return url
}

// publish publishes a message and returns its ID.
func (s *snsScene) publish(topic, message string, attributes ...string) string {
	s.t.Helper()
	in := &sns.PublishInput{TopicArn: &topic, Message: &message}
	for name, value := range pairs(attributes) {
		if in.MessageAttributes == nil {
			in.MessageAttributes = map[string]snstypes.MessageAttributeValue{}
		}
		in.MessageAttributes[name] = snstypes.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
	}
	out, err := s.Publish(s.t.Context(), in)
	s.queues.ok(err, "publishing")
	return *out.MessageId
}

// drain receives and deletes n messages, and returns their bodies. There must be no more.
func (s *snsScene) drain(url string, n int) (bodies []string) {
	s.t.Helper()
	for len(bodies) < n {
		messages := s.queues.receive(url, 10, 10)
		if len(messages) == 0 {
			s.t.Fatalf("%s has %d messages, want %d", url, len(bodies), n)
		}
		for _, m := range messages {
			bodies = append(bodies, *m.Body)
			s.queues.delete(url, m)
		}
	}
	if c := s.queues.counts(url); c != (counts{"0", "0", "0"}) || len(bodies) > n {
		s.t.Fatalf("%s had %d messages, and has %v; want %d", url, len(bodies), c, n)
	}
	return bodies
}

// attributesOf are those of a topic or subscription.
func (s *snsScene) attributesOf(topic, subscription string) map[string]string {
	s.t.Helper()
	if subscription != "" {
		out, err := s.GetSubscriptionAttributes(s.t.Context(), &sns.GetSubscriptionAttributesInput{SubscriptionArn: &subscription})
		s.queues.ok(err, "asking for attributes")
		return out.Attributes
	}
	out, err := s.GetTopicAttributes(s.t.Context(), &sns.GetTopicAttributesInput{TopicArn: &topic})
	s.queues.ok(err, "asking for attributes")
	return out.Attributes
}

// receiveWhole receives a message with all its attributes.
func (s *snsScene) receiveWhole(url string) (body string, attributes, system map[string]string) {
	s.t.Helper()
	out, err := s.queues.ReceiveMessage(s.t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: &url, WaitTimeSeconds: 10, MessageAttributeNames: []string{"All"}, MessageSystemAttributeNames: everySystemAttribute,
	})
	s.queues.ok(err, "receiving")
	if len(out.Messages) != 1 {
		s.t.Fatalf("%s has %d messages", url, len(out.Messages))
	}
	m := out.Messages[0]
	attributes = map[string]string{}
	for name, value := range m.MessageAttributes {
		if attributes[name] = aws.ToString(value.StringValue); value.StringValue == nil {
			attributes[name] = fmt.Sprint(value.BinaryValue)
		}
	}
	s.queues.delete(url, m)
	return *m.Body, attributes, m.Attributes
}
