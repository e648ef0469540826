package tests

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

func TestSQSDeadLetters(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, harness.Options{})
	overBoth(t, r, "moved", deadLettered)
	overBoth(t, r, "fifo", deadLetteredFIFO)
	overBoth(t, r, "policy", redrivePolicies)
	overBoth(t, r, "allow", redriveAllowPolicies)
}

// redrive is the text of a RedrivePolicy.
func redriveTo(arn, count string) string {
	return `{"deadLetterTargetArn":"` + arn + `","maxReceiveCount":` + count + `}`
}

func deadLettered(t *testing.T, s *sqsScene) {
	dead := s.create("dead")
	url := s.create("a", "VisibilityTimeout", "0", "RedrivePolicy", redriveTo(s.arn("dead"), `"2"`))
	attributes := map[string]types.MessageAttributeValue{"colour": text("red")}
	sent, err := s.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("x"), MessageAttributes: attributes})
	s.ok(err, "SendMessage")
	first := s.receiveOne(url)
	s.receiveOne(url)
	s.wantBodies(url) // the third is none
	s.wantCounts(url, counts{"0", "0", "0"})
	m := s.receiveOne(dead)
	if *m.MessageId != *sent.MessageId || *m.Body != "x" || aws.ToString(m.MessageAttributes["colour"].StringValue) != "red" {
		t.Errorf("the dead letter is %+v", m)
	}
	if a := m.Attributes; a["ApproximateReceiveCount"] != "3" || a["DeadLetterQueueSourceArn"] != s.arn("a") || a["SentTimestamp"] != first.Attributes["SentTimestamp"] {
		t.Errorf("the dead letter has %v, the message had %v", a, first.Attributes)
	}
}

func deadLetteredFIFO(t *testing.T, s *sqsScene) {
	dead := s.fifo("dead")
	url := s.fifo("a", "VisibilityTimeout", "0", "RedrivePolicy", redriveTo(s.arn("dead.fifo"), "1"))
	sent := s.sendTo(url, "g", "g1", "g2")
	if m := s.receiveOne(url); *m.Body != "g1" {
		t.Errorf("received %q", *m.Body)
	}
	// The first has gone, and its group goes on.
	if m := s.receiveOne(url); *m.Body != "g2" {
		t.Errorf("received %q", *m.Body)
	}
	m := s.receiveOne(dead)
	if a := m.Attributes; *m.MessageId != *sent[0].MessageId || a["MessageGroupId"] != "g" || a["DeadLetterQueueSourceArn"] != s.arn("a.fifo") {
		t.Errorf("the dead letter is %s with %v", *m.Body, a)
	}
}

func redrivePolicies(t *testing.T, s *sqsScene) {
	s.create("dead")
	s.fifo("dead")
	url := s.create("a")
	set := func(policy string) error { return s.set(url, "RedrivePolicy", policy) }
	arn := s.arn("dead")
	s.ok(set(redriveTo(arn, "1000")), "SetQueueAttributes")
	for _, test := range []struct{ policy, reason string }{
		{`nonsense`, "Redrive policy is not a valid JSON map."},
		{`{"deadLetterTargetArn":"` + arn + `"}`, "Redrive policy does not contain mandatory attribute: maxReceiveCount."},
		{`{"maxReceiveCount":1}`, "Redrive policy does not contain mandatory attribute: deadLetterTargetArn."},
		{redriveTo(arn, "0"), "Invalid value for maxReceiveCount: 0, valid values are from 1 to 1000 both inclusive."},
		{redriveTo(arn, "1001"), "Invalid value for maxReceiveCount: 1001, valid values are from 1 to 1000 both inclusive."},
		{redriveTo(s.arn("dead.fifo"), "1"), "Dead-letter queue must be same type of queue as the source."},
		{redriveTo("arn:aws:sqs:eu-west-1:000000000000:"+s.prefix+"dead", "1"), "Dead letter target must be owned by the same account and in the same region as the source."},
	} {
		s.invalid(set(test.policy), "Value %s for parameter RedrivePolicy is invalid. Reason: %s", test.policy, test.reason)
	}
	if err := set(redriveTo(s.arn("none"), "1")); codeOf(err) != "InvalidParameterValue" {
		t.Errorf("a dead-letter queue that is not there: %v", err)
	}
	if got := s.attributes(url, "RedrivePolicy")["RedrivePolicy"]; got != redriveTo(arn, "1000") {
		t.Errorf("the policy is %s", got)
	}
}

func redriveAllowPolicies(t *testing.T, s *sqsScene) {
	dead := s.create("dead")
	url := s.create("a")
	other := s.create("b")
	allow := func(policy string) {
		t.Helper()
		s.ok(s.set(dead, "RedriveAllowPolicy", policy), "SetQueueAttributes")
		if got := s.attributes(dead, "RedriveAllowPolicy")["RedriveAllowPolicy"]; got != policy {
			t.Errorf("the policy is %s, want %s", got, policy)
		}
	}
	name := func(url string) error { return s.set(url, "RedrivePolicy", redriveTo(s.arn("dead"), "1")) }
	refused := func(err error) {
		t.Helper()
		if codeOf(err) != "InvalidParameterValue" {
			t.Errorf("a queue that is not allowed to: %v", err)
		}
	}
	allow(`{"redrivePermission":"denyAll"}`)
	refused(name(url))
	allow(`{"redrivePermission":"byQueue","sourceQueueArns":["` + s.arn("a") + `"]}`)
	s.ok(name(url), "the queue that may")
	refused(name(other))
	allow(`{"redrivePermission":"allowAll"}`)
	s.ok(name(other), "any queue")
	allow("")
	const bad = `{"redrivePermission":"sometimes"}`
	if err := s.set(dead, "RedriveAllowPolicy", bad); codeOf(err) != "InvalidParameterValue" {
		t.Errorf("%s: %v", bad, err)
	}
}
