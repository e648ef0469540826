package tests

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

// eventsScene is what one scenario runs on: clients of EventBridge, SQS and SNS of the AWS SDK for Go, a bus of its own, and names
// that no other scenario has.
type eventsScene struct {
	*eventbridge.Client
	sns    *snsScene
	queues *sqsScene
	t      *testing.T
	router *harness.Router
	prefix string
	bus    string
}

func newEventsScene(t *testing.T, r *harness.Router, name string) *eventsScene {
	t.Helper()
	s := &eventsScene{sns: newSNSScene(t, r, name), t: t, router: r, prefix: name + "-", bus: name}
	s.queues = s.sns.queues
	s.reconnect()
	_, err := s.CreateEventBus(t.Context(), &eventbridge.CreateEventBusInput{Name: &s.bus})
	s.ok(err, "creating a bus")
	return s
}

// reconnect follows a router that was started anew.
func (s *eventsScene) reconnect() {
	s.Client = eventbridge.New(eventbridge.Options{
		BaseEndpoint: aws.String(s.router.URL("")), Region: "us-east-1", HTTPClient: harness.HTTPClient(s.t),
		Credentials: credentials.NewStaticCredentialsProvider("test", "secret", ""),
		Retryer:     aws.NopRetryer{}, // what fails, fails the test
	})
	s.queues.reconnect()
}

func (s *eventsScene) ok(err error, what string) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
}

// refused expects an error of that code and message.
func (s *eventsScene) refused(err error, what, code, message string) {
	s.t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != code || e.ErrorMessage() != message {
		s.t.Errorf("%s: %v, want %s: %s", what, err, code, message)
	}
}

// rule puts a rule on the scene's bus, with targets, and returns its ARN.
func (s *eventsScene) rule(name, pattern string, targets ...ebtypes.Target) string {
	s.t.Helper()
	out, err := s.PutRule(s.t.Context(), &eventbridge.PutRuleInput{Name: &name, EventBusName: &s.bus, EventPattern: &pattern})
	s.ok(err, "putting rule "+name)
	if len(targets) > 0 {
		s.targets(name, targets...)
	}
	return *out.RuleArn
}

func (s *eventsScene) targets(rule string, targets ...ebtypes.Target) {
	s.t.Helper()
	out, err := s.PutTargets(s.t.Context(), &eventbridge.PutTargetsInput{Rule: &rule, EventBusName: &s.bus, Targets: targets})
	s.ok(err, "putting targets of "+rule)
	if out.FailedEntryCount != 0 {
		s.t.Fatalf("putting targets of %s: %+v", rule, out.FailedEntries[0])
	}
}

// queue makes a queue and returns its URL, with a target for it.
func (s *eventsScene) queue(name string, attributes ...string) (url string, target ebtypes.Target) {
	s.t.Helper()
	return s.queues.create(name, attributes...), ebtypes.Target{Id: aws.String(name), Arn: aws.String(s.queues.arn(name))}
}

// put puts one event of the type, and returns its ID.
func (s *eventsScene) put(typ, detail string) string {
	s.t.Helper()
	out, err := s.PutEvents(s.t.Context(), &eventbridge.PutEventsInput{Entries: []ebtypes.PutEventsRequestEntry{
		{EventBusName: &s.bus, Source: aws.String("shop"), DetailType: &typ, Detail: &detail},
	}})
	s.ok(err, "PutEvents")
	if out.FailedEntryCount != 0 {
		s.t.Fatalf("PutEvents: %s: %s", aws.ToString(out.Entries[0].ErrorCode), aws.ToString(out.Entries[0].ErrorMessage))
	}
	return *out.Entries[0].EventId
}

// busEvent is an event as a target gets it.
type busEvent struct {
	Version    string          `json:"version"`
	ID         string          `json:"id"`
	DetailType string          `json:"detail-type"`
	Source     string          `json:"source"`
	Account    string          `json:"account"`
	Time       string          `json:"time"`
	Region     string          `json:"region"`
	ReplayName string          `json:"replay-name"`
	Resources  []string        `json:"resources"`
	Detail     json.RawMessage `json:"detail"`
}

// received receives and deletes one event of a queue.
func (s *eventsScene) received(url string) busEvent {
	s.t.Helper()
	body, _, _ := s.sns.receiveWhole(url)
	var e busEvent
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		s.t.Fatalf("received %s: %v", body, err)
	}
	return e
}
