package tests

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

// sqsAPI is SQS as scenarios use it: every operation, in the shapes of the AWS SDK for Go. The SDK's client speaks JSON,
// queryClient speaks Query, and a scenario does not know which it has.
type sqsAPI interface {
	AddPermission(context.Context, *sqs.AddPermissionInput, ...func(*sqs.Options)) (*sqs.AddPermissionOutput, error)
	CancelMessageMoveTask(context.Context, *sqs.CancelMessageMoveTaskInput, ...func(*sqs.Options)) (*sqs.CancelMessageMoveTaskOutput, error)
	ChangeMessageVisibility(context.Context, *sqs.ChangeMessageVisibilityInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityOutput, error)
	ChangeMessageVisibilityBatch(context.Context, *sqs.ChangeMessageVisibilityBatchInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error)
	CreateQueue(context.Context, *sqs.CreateQueueInput, ...func(*sqs.Options)) (*sqs.CreateQueueOutput, error)
	DeleteMessage(context.Context, *sqs.DeleteMessageInput, ...func(*sqs.Options)) (*sqs.DeleteMessageOutput, error)
	DeleteMessageBatch(context.Context, *sqs.DeleteMessageBatchInput, ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error)
	DeleteQueue(context.Context, *sqs.DeleteQueueInput, ...func(*sqs.Options)) (*sqs.DeleteQueueOutput, error)
	GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
	GetQueueUrl(context.Context, *sqs.GetQueueUrlInput, ...func(*sqs.Options)) (*sqs.GetQueueUrlOutput, error)
	ListDeadLetterSourceQueues(context.Context, *sqs.ListDeadLetterSourceQueuesInput, ...func(*sqs.Options)) (*sqs.ListDeadLetterSourceQueuesOutput, error)
	ListMessageMoveTasks(context.Context, *sqs.ListMessageMoveTasksInput, ...func(*sqs.Options)) (*sqs.ListMessageMoveTasksOutput, error)
	ListQueueTags(context.Context, *sqs.ListQueueTagsInput, ...func(*sqs.Options)) (*sqs.ListQueueTagsOutput, error)
	ListQueues(context.Context, *sqs.ListQueuesInput, ...func(*sqs.Options)) (*sqs.ListQueuesOutput, error)
	PurgeQueue(context.Context, *sqs.PurgeQueueInput, ...func(*sqs.Options)) (*sqs.PurgeQueueOutput, error)
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	RemovePermission(context.Context, *sqs.RemovePermissionInput, ...func(*sqs.Options)) (*sqs.RemovePermissionOutput, error)
	SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
	SendMessageBatch(context.Context, *sqs.SendMessageBatchInput, ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error)
	SetQueueAttributes(context.Context, *sqs.SetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.SetQueueAttributesOutput, error)
	StartMessageMoveTask(context.Context, *sqs.StartMessageMoveTaskInput, ...func(*sqs.Options)) (*sqs.StartMessageMoveTaskOutput, error)
	TagQueue(context.Context, *sqs.TagQueueInput, ...func(*sqs.Options)) (*sqs.TagQueueOutput, error)
	UntagQueue(context.Context, *sqs.UntagQueueInput, ...func(*sqs.Options)) (*sqs.UntagQueueOutput, error)
}

// protocols are the two that SQS is spoken in. On a store that nodes share one of them does: they differ in nothing that comes to the
// store.
func protocols(t *testing.T) []string {
	t.Helper()
	if harness.Shared(t) {
		return []string{"json"}
	}
	return []string{"json", "query"}
}

// connect returns a client of a router. With the key "test" it is of the router's own account; 12 digits are an account.
func connect(t *testing.T, r *harness.Router, protocol, key, region string) sqsAPI {
	t.Helper()
	client := harness.HTTPClient(t)
	if protocol == "query" {
		return &queryClient{http: client, url: r.URL("/"), key: key, region: region}
	}
	return sqs.New(sqs.Options{
		BaseEndpoint: aws.String(r.URL("")), Region: region, HTTPClient: client,
		Credentials: credentials.NewStaticCredentialsProvider(key, "secret", ""),
		Retryer:     aws.NopRetryer{}, // what fails, fails the test
	})
}

// sqsScene is what one scenario runs on: a client of one protocol, and names of queues that no other scenario has.
type sqsScene struct {
	sqsAPI
	t        *testing.T
	router   *harness.Router
	protocol string
	prefix   string
}

// overBoth runs a scenario over both protocols, see there, on one router.
func overBoth(t *testing.T, r *harness.Router, name string, scenario func(t *testing.T, s *sqsScene)) {
	t.Helper()
	for _, protocol := range protocols(t) {
		t.Run(name+"/"+protocol, func(t *testing.T) {
			t.Parallel()
			scenario(t, newScene(t, r, protocol, name))
		})
	}
}

func newScene(t *testing.T, r *harness.Router, protocol, name string) *sqsScene {
	t.Helper()
	return &sqsScene{
		sqsAPI: connect(t, r, protocol, "test", "us-east-1"), t: t, router: r, protocol: protocol, prefix: protocol + "-" + name + "-",
	}
}

// reconnect follows a router that was started anew.
func (s *sqsScene) reconnect() { s.sqsAPI = connect(s.t, s.router, s.protocol, "test", "us-east-1") }

// create makes a queue and returns its URL. Attributes come in pairs.
func (s *sqsScene) create(name string, attributes ...string) string {
	s.t.Helper()
	out, err := s.CreateQueue(s.t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(s.prefix + name), Attributes: pairs(attributes)})
	if err != nil {
		s.t.Fatalf("creating queue %s: %v", name, err)
	}
	return *out.QueueUrl
}

// fifo makes a FIFO queue.
func (s *sqsScene) fifo(name string, attributes ...string) string {
	s.t.Helper()
	return s.create(name+".fifo", append([]string{"FifoQueue", "true"}, attributes...)...)
}

func pairs(list []string) map[string]string {
	if len(list) == 0 {
		return nil
	}
	m := make(map[string]string, len(list)/2)
	for i := 0; i+1 < len(list); i += 2 {
		m[list[i]] = list[i+1]
	}
	return m
}

// arn is the ARN of a queue that create made.
func (s *sqsScene) arn(name string) string {
	return "arn:aws:sqs:us-east-1:000000000000:" + s.prefix + name
}

// attributes returns attributes of a queue.
func (s *sqsScene) attributes(url string, names ...types.QueueAttributeName) map[string]string {
	s.t.Helper()
	out, err := s.GetQueueAttributes(s.t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: names})
	if err != nil {
		s.t.Fatalf("attributes of %s: %v", url, err)
	}
	return out.Attributes
}

// set sets attributes of a queue, in pairs.
func (s *sqsScene) set(url string, attributes ...string) error {
	_, err := s.SetQueueAttributes(s.t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: &url, Attributes: pairs(attributes)})
	return err
}

// counts are how many messages a queue has.
type counts struct{ visible, inFlight, delayed string }

func (s *sqsScene) counts(url string) counts {
	s.t.Helper()
	a := s.attributes(url, "All")
	return counts{a["ApproximateNumberOfMessages"], a["ApproximateNumberOfMessagesNotVisible"], a["ApproximateNumberOfMessagesDelayed"]}
}

func (s *sqsScene) wantCounts(url string, want counts) {
	s.t.Helper()
	if got := s.counts(url); got != want {
		s.t.Errorf("%s has %+v, want %+v", url, got, want)
	}
}

// send sends bodies to a standard queue, one by one, and returns their IDs.
func (s *sqsScene) send(url string, bodies ...string) []string {
	s.t.Helper()
	ids := make([]string, len(bodies))
	for i, body := range bodies {
		out, err := s.SendMessage(s.t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body})
		if err != nil {
			s.t.Fatalf("sending to %s: %v", url, err)
		}
		ids[i] = *out.MessageId
	}
	return ids
}

// sendTo sends a message to a group of a FIFO queue; its deduplication ID is its body.
func (s *sqsScene) sendTo(url, group string, bodies ...string) (sent []*sqs.SendMessageOutput) {
	s.t.Helper()
	for _, body := range bodies {
		out, err := s.SendMessage(s.t.Context(), &sqs.SendMessageInput{
			QueueUrl: &url, MessageBody: &body, MessageGroupId: &group, MessageDeduplicationId: &body,
		})
		if err != nil {
			s.t.Fatalf("sending to %s: %v", url, err)
		}
		sent = append(sent, out)
	}
	return sent
}

// receive receives what there is, at most limit, with everything that can be asked for.
func (s *sqsScene) receive(url string, limit, waitSeconds int32) []types.Message {
	s.t.Helper()
	return s.receiveFor(url, limit, waitSeconds, 0)
}

// receiveFor is receive with a visibility timeout; 0 is the queue's.
func (s *sqsScene) receiveFor(url string, limit, waitSeconds, visibility int32) []types.Message {
	s.t.Helper()
	out, err := s.ReceiveMessage(s.t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: &url, MaxNumberOfMessages: limit, WaitTimeSeconds: waitSeconds, VisibilityTimeout: visibility,
		MessageAttributeNames: []string{"All"}, MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"},
	})
	if err != nil {
		s.t.Fatalf("receiving from %s: %v", url, err)
	}
	return out.Messages
}

// receiveOne waits for a message.
func (s *sqsScene) receiveOne(url string) types.Message {
	s.t.Helper()
	got := s.receive(url, 1, 20)
	if len(got) != 1 {
		s.t.Fatalf("%s has no message after 20s", url)
	}
	return got[0]
}

// wantBodies receives once, at most 10, and wants these bodies in this order.
func (s *sqsScene) wantBodies(url string, want ...string) []types.Message {
	s.t.Helper()
	got := s.receive(url, 10, 0)
	if bodies := bodiesOf(got); strings.Join(bodies, " ") != strings.Join(want, " ") {
		s.t.Fatalf("received %q, want %q", bodies, want)
	}
	return got
}

func bodiesOf(messages []types.Message) []string {
	bodies := make([]string, len(messages))
	for i := range messages {
		bodies[i] = *messages[i].Body
	}
	return bodies
}

func (s *sqsScene) delete(url string, m types.Message) {
	s.t.Helper()
	if err := s.tryDelete(url, *m.ReceiptHandle); err != nil {
		s.t.Fatalf("deleting %q: %v", *m.Body, err)
	}
}

func (s *sqsScene) tryDelete(url, handle string) error {
	_, err := s.DeleteMessage(s.t.Context(), &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: &handle})
	return err
}

func (s *sqsScene) tryVisibility(url, handle string, seconds int32) error {
	_, err := s.ChangeMessageVisibility(s.t.Context(), &sqs.ChangeMessageVisibilityInput{QueueUrl: &url, ReceiptHandle: &handle, VisibilityTimeout: seconds})
	return err
}

func (s *sqsScene) visibility(url string, m types.Message, seconds int32) {
	s.t.Helper()
	if err := s.tryVisibility(url, *m.ReceiptHandle, seconds); err != nil {
		s.t.Fatalf("changing the visibility of %q: %v", *m.Body, err)
	}
}

// fails wants an error of a code and a text, which are the same in both protocols.
func (s *sqsScene) fails(err error, code, message string) {
	s.t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) {
		s.t.Errorf("got the error %v, want %s: %s", err, code, message)
		return
	}
	if e.ErrorCode() != code || e.ErrorMessage() != message {
		s.t.Errorf("got the error\n%s: %s\nwant\n%s: %s", e.ErrorCode(), e.ErrorMessage(), code, message)
	}
}

// gone wants the error of a queue that is not there. Its text is the one that differs.
func (s *sqsScene) gone(err error) {
	s.t.Helper()
	text := "The specified queue does not exist."
	if s.protocol == "query" {
		text = "The specified queue does not exist for this wsdl version."
	}
	s.fails(err, "AWS.SimpleQueueService.NonExistentQueue", text)
}

// invalid wants the commonest error.
func (s *sqsScene) invalid(err error, format string, args ...any) {
	s.t.Helper()
	s.fails(err, "InvalidParameterValue", fmt.Sprintf(format, args...))
}

// ok wants no error.
func (s *sqsScene) ok(err error, what string) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
}

// text is a message attribute of type String.
func text(value string) types.MessageAttributeValue {
	return types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
}

// everyAttribute asks for all attributes of a queue.
var everyAttribute = []types.QueueAttributeName{"All"}

// codeOf is the code of an error that a router answered; empty for none.
func codeOf(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
}
