package tests

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

// TestSQSFairness has one tenant of a standard queue send 2,000 messages, and another five after them. The five must not wait
// for the 2,000: they are among what the next receives bring.
func TestSQSFairness(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, harness.Options{})
	s := newScene(t, r, "json", "fair")
	url := s.create("a", "VisibilityTimeout", "600")
	s.sendAs(url, "noisy", 2000)
	// The noisy one's consumers are at work: it is by what is in flight that a tenant is known to be noisy.
	for range 5 {
		if got := s.receive(url, 10, 0); len(got) != 10 {
			t.Fatalf("received %d messages", len(got))
		}
	}
	s.sendAs(url, "quiet", 5)
	quiet, receives := 0, 0
	for quiet < 5 && receives < 10 {
		receives++
		for _, m := range s.receive(url, 10, 0) {
			if m.Attributes["MessageGroupId"] == "quiet" {
				quiet++
			}
		}
	}
	if quiet != 5 {
		t.Errorf("%d receives of 10 messages brought %d of the 5 of the quiet tenant", receives, quiet)
	}
	// Nothing is lost for it.
	if c := s.counts(url); c.visible != fmt.Sprint(2005-50-10*receives) {
		t.Errorf("after %d receives the queue has %+v", receives, c)
	}
}

// sendAs sends n messages of a tenant to a standard queue.
func (s *sqsScene) sendAs(url, tenant string, n int) {
	s.t.Helper()
	for from := 0; from < n; from += 10 {
		in := &sqs.SendMessageBatchInput{QueueUrl: &url}
		for i := from; i < min(from+10, n); i++ {
			in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{
				Id: aws.String(fmt.Sprint(i)), MessageBody: aws.String(fmt.Sprint(tenant, "-", i)), MessageGroupId: &tenant,
			})
		}
		_, err := s.SendMessageBatch(s.t.Context(), in)
		s.ok(err, "SendMessageBatch")
	}
}

// TestSQSReceiveAttempts repeats receives of a FIFO queue by their ReceiveRequestAttemptId.
func TestSQSReceiveAttempts(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, harness.Options{})
	overBoth(t, r, "attempts", receiveAttempts)
}

func receiveAttempts(t *testing.T, s *sqsScene) {
	url := s.fifo("a", "VisibilityTimeout", "600")
	s.sendTo(url, "g", "g1", "g2", "g3")
	s.sendTo(url, "h", "h1")
	receive := func(attempt string) []types.Message {
		t.Helper()
		out, err := s.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
			QueueUrl: &url, MaxNumberOfMessages: 2, ReceiveRequestAttemptId: &attempt,
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{"ApproximateReceiveCount"},
		})
		s.ok(err, "ReceiveMessage")
		return out.Messages
	}
	first := receive("one")
	again := receive("one")
	if len(first) != 2 || len(again) != 2 {
		t.Fatalf("received %q and then %q", bodiesOf(first), bodiesOf(again))
	}
	for i := range first {
		if *first[i].Body != *again[i].Body || *first[i].ReceiptHandle != *again[i].ReceiptHandle {
			t.Errorf("the same attempt brought %q with %s and %q with %s", *first[i].Body, *first[i].ReceiptHandle, *again[i].Body, *again[i].ReceiptHandle)
		}
	}
	if other := receive("two"); len(other) != 1 || *other[0].Body != "h1" {
		t.Errorf("another attempt brought %q", bodiesOf(other))
	}
	// When one of them was deleted, the attempt is not repeated any more.
	s.delete(url, first[0])
	if got := receive("one"); len(got) != 0 {
		t.Errorf("after a delete the attempt brought %q", bodiesOf(got))
	}
	s.delete(url, first[1])
	if got := receive("three"); len(got) != 1 || *got[0].Body != "g3" {
		t.Errorf("received %q", bodiesOf(got))
	}
	bad := "a b"
	_, err := s.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, ReceiveRequestAttemptId: &bad})
	s.invalid(err, "Value a b for parameter ReceiveRequestAttemptId is invalid. Reason: ReceiveRequestAttemptId can only include alphanumeric and punctuation characters. 1 to 128 in length.")
}
