package tests

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

func TestSQSVisibility(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, harness.Options{Config: `
queues:
  json-limit: {max_in_flight: 3}
  query-limit: {max_in_flight: 3}
  json-limit.fifo: {fifo: true, max_in_flight: 3}
  query-limit.fifo: {fifo: true, max_in_flight: 3}
`})
	overBoth(t, r, "delays", delays)
	overBoth(t, r, "visibility", visibilityTimeouts)
	overBoth(t, r, "handles", handles)
	overBoth(t, r, "receive", receiveParameters)
	overBoth(t, r, "polls", longPolls)
	overBoth(t, r, "waiters", severalWaiters)
	overBoth(t, r, "limit", inFlightLimit)
	overBoth(t, r.Only(0), "purge", purgeTakesAll) // of the last purge only the node knows that did it
}

func delays(t *testing.T, s *sqsScene) {
	url := s.create("a", "DelaySeconds", "5")
	start := time.Now()
	s.send(url, "by the queue")
	s.wantCounts(url, counts{"0", "0", "1"})
	_, err := s.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("by itself"), DelaySeconds: 6})
	s.ok(err, "SendMessage")
	// A zero of its own is not the same as none.
	if a := s.call("SendMessage", map[string]any{"QueueUrl": url, "MessageBody": "at once", "DelaySeconds": 0}); a.Status != 200 {
		t.Fatalf("SendMessage answered %s", a)
	}
	for _, want := range []struct {
		body  string
		delay time.Duration
	}{{"at once", 0}, {"by the queue", 5 * time.Second}, {"by itself", 6 * time.Second}} {
		m := s.receiveOne(url)
		if took := time.Since(start); *m.Body != want.body || took < want.delay {
			t.Errorf("%q came after %v, want %q after %v", *m.Body, took, want.body, want.delay)
		}
	}
	s.refused(s.call("SendMessage", map[string]any{"QueueUrl": url, "MessageBody": "x", "DelaySeconds": 901}), "InvalidParameterValue",
		"Value 901 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.")
}

func visibilityTimeouts(t *testing.T, s *sqsScene) {
	url := s.create("a", "VisibilityTimeout", "600")
	id := s.send(url, "one")[0]
	m := s.receiveOne(url)
	s.wantBodies(url)
	s.wantCounts(url, counts{"0", "1", "0"})

	// 0 gives it back at once. The count goes up, the time of the first receive stays.
	s.visibility(url, m, 0)
	again := s.receiveOne(url)
	if *again.MessageId != id || again.Attributes["ApproximateReceiveCount"] != "2" || *again.ReceiptHandle == *m.ReceiptHandle ||
		again.Attributes["ApproximateFirstReceiveTimestamp"] != m.Attributes["ApproximateFirstReceiveTimestamp"] {
		t.Errorf("received again: %v", again.Attributes)
	}
	// A shorter one, from now.
	start := time.Now()
	s.visibility(url, again, 1)
	third := s.receiveOne(url)
	if took := time.Since(start); took < time.Second {
		t.Errorf("it came back after %v", took)
	}
	// At most 12 h in total, and it has been in flight for a moment.
	const beyond = "Value 43200 for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [43200 seconds]"
	harness.Until(t, "the lease to be older than a tick of the clock", func() (bool, string) {
		return time.Since(start) > 1100*time.Millisecond, ""
	})
	s.invalid(s.tryVisibility(url, *third.ReceiptHandle, 43200), beyond)
	s.ok(s.tryVisibility(url, *third.ReceiptHandle, 43100), "nearly 12 h")
	s.invalid(s.tryVisibility(url, *third.ReceiptHandle, 43201), "Value 43201 for parameter VisibilityTimeout is invalid. Reason: Must be >= 0 and <= 43200, if provided.")
	s.refused(s.call("ChangeMessageVisibility", map[string]any{"QueueUrl": url, "ReceiptHandle": *third.ReceiptHandle}), "MissingParameter", "The request must contain the parameter VisibilityTimeout.")

	// That of a receive is for this receive, and 0 leaves it visible.
	s.visibility(url, third, 0)
	for range 2 {
		if a := s.call("ReceiveMessage", map[string]any{"QueueUrl": url, "VisibilityTimeout": 0}); a.Status != 200 {
			t.Fatalf("ReceiveMessage answered %s", a)
		}
		s.wantCounts(url, counts{"1", "0", "0"})
	}
	if last := s.receiveFor(url, 1, 0, 1); len(last) != 1 || last[0].Attributes["ApproximateReceiveCount"] != "6" {
		t.Errorf("after 5 receives came %v", last)
	}
	s.receiveOne(url)
}

// handles is about handles that are old, of messages that are gone, and none at all.
func handles(t *testing.T, s *sqsScene) {
	url := s.create("a", "VisibilityTimeout", "1")
	const none = "Value %s for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change."
	s.send(url, "one")
	old := s.receiveOne(url)
	m := s.receiveOne(url) // the old one has expired
	// With the old handle it can still be deleted from a standard queue.
	s.delete(url, old)
	s.wantCounts(url, counts{"0", "0", "0"})
	s.delete(url, old)
	s.delete(url, m)
	s.invalid(s.tryVisibility(url, *m.ReceiptHandle, 1), none, *m.ReceiptHandle)

	// Expired, and not received since: it can be deleted.
	s.send(url, "two")
	m = s.receiveOne(url)
	harness.Until(t, "the message to be visible", func() (bool, string) {
		c := s.counts(url)
		return c.visible == "1", fmt.Sprint(c)
	})
	s.delete(url, m)
	s.wantCounts(url, counts{"0", "0", "0"})

	for _, bad := range []string{"x", "nonsense handle", "AQAAAAAAAAAwGiH2"} {
		text := `The input receipt handle "` + bad + `" is not a valid receipt handle.`
		s.fails(s.tryDelete(url, bad), "ReceiptHandleIsInvalid", text)
		s.fails(s.tryVisibility(url, bad, 1), "ReceiptHandleIsInvalid", text)
	}
	// That of another queue is none of this one.
	other := s.create("b")
	s.send(other, "three")
	foreign := *s.receiveOne(other).ReceiptHandle
	s.fails(s.tryDelete(url, foreign), "ReceiptHandleIsInvalid", `The input receipt handle "`+foreign+`" is not a valid receipt handle.`)
}

func receiveParameters(t *testing.T, s *sqsScene) {
	url := s.create("a")
	for _, test := range []struct {
		name  string
		value int
		text  string
	}{
		{"MaxNumberOfMessages", 0, "Must be between 1 and 10, if provided."},
		{"MaxNumberOfMessages", 11, "Must be between 1 and 10, if provided."},
		{"WaitTimeSeconds", -1, "Must be >= 0 and <= 20, if provided."},
		{"WaitTimeSeconds", 21, "Must be >= 0 and <= 20, if provided."},
		{"VisibilityTimeout", 43201, "Must be >= 0 and <= 43200, if provided."},
	} {
		s.refused(s.call("ReceiveMessage", map[string]any{"QueueUrl": url, test.name: test.value}), "InvalidParameterValue",
			fmt.Sprintf("Value %d for parameter %s is invalid. Reason: %s", test.value, test.name, test.text))
	}
	s.send(url, "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11")
	if out, err := s.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url}); err != nil || len(out.Messages) != 1 {
		t.Errorf("without a maximum came %v, %v", out, err)
	}
	s.wantBodies(url, "2", "3", "4", "5", "6", "7", "8", "9", "10", "11")
}

func longPolls(t *testing.T, s *sqsScene) {
	url := s.create("a", "ReceiveMessageWaitTimeSeconds", "2")
	// The queue's wait counts for a receive that does not say, and not for one that says 0.
	start := time.Now()
	if got := s.receive(url, 1, 0); len(got) != 0 {
		t.Errorf("received %q", bodiesOf(got))
	}
	if took := time.Since(start); took < 2*time.Second {
		t.Errorf("a receive returned nothing after %v, the queue's wait is 2s", took)
	}
	start = time.Now()
	if a := s.call("ReceiveMessage", map[string]any{"QueueUrl": url, "WaitTimeSeconds": 0}); a.Status != 200 {
		t.Errorf("ReceiveMessage answered %s", a)
	}
	if took := time.Since(start); took > 1900*time.Millisecond {
		t.Errorf("a receive that does not want to wait took %v", took)
	}
	// It returns when there is one, though it may take ten.
	start = time.Now()
	_, err := s.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("wake"), DelaySeconds: 1})
	s.ok(err, "SendMessage")
	got := s.receive(url, 10, 20)
	if took := time.Since(start); len(got) != 1 || took < time.Second || took > 10*time.Second {
		t.Errorf("received %q after %v", bodiesOf(got), took)
	}
}

func severalWaiters(t *testing.T, s *sqsScene) {
	url := s.create("a")
	const waiters = 5
	var mu sync.Mutex
	var got []string
	var waiting sync.WaitGroup
	for range waiters {
		waiting.Go(func() {
			out, err := s.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, WaitTimeSeconds: 20})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Errorf("a waiter: %v", err)
				return
			}
			got = append(got, bodiesOf(out.Messages)...)
		})
	}
	want := []string{"1", "2", "3", "4", "5"}
	s.send(url, want...)
	waiting.Wait()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%d waiters got %q", waiters, got)
	}
}

// inFlightLimit is on queues of the file, whose limit is lower than one can set here.
func inFlightLimit(t *testing.T, s *sqsScene) {
	url := "http://localhost/000000000000/" + s.protocol + "-limit"
	s.send(url, "1", "2", "3", "4")
	held := s.wantBodies(url, "1", "2", "3")
	_, err := s.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url})
	s.fails(err, "OverLimit", "Too many messages of the queue are in flight.")
	// A long poll waits instead, and goes on when there is room.
	if got := s.receive(url, 1, 1); len(got) != 0 {
		t.Errorf("over the limit came %q", bodiesOf(got))
	}
	s.delete(url, held[0])
	if m := s.receiveOne(url); *m.Body != "4" {
		t.Errorf("received %q", *m.Body)
	}
	// A FIFO queue has no error for it.
	fifo := url + ".fifo"
	for _, group := range []string{"a", "b", "c", "d"} {
		s.sendTo(fifo, group, "of-"+group)
	}
	if got := s.receive(fifo, 10, 0); len(got) != 3 {
		t.Errorf("received %q", bodiesOf(got))
	}
	s.wantBodies(fifo)
}

func purgeTakesAll(t *testing.T, s *sqsScene) {
	url := s.create("a")
	s.send(url, "in flight", "visible")
	m := s.receiveOne(url)
	_, err := s.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("delayed"), DelaySeconds: 900})
	s.ok(err, "SendMessage")
	s.wantCounts(url, counts{"1", "1", "1"})
	purge := func() error {
		_, err := s.PurgeQueue(t.Context(), &sqs.PurgeQueueInput{QueueUrl: &url})
		return err
	}
	s.ok(purge(), "PurgeQueue")
	s.wantCounts(url, counts{"0", "0", "0"})
	s.delete(url, m)
	// Once a minute.
	s.fails(purge(), "AWS.SimpleQueueService.PurgeQueueInProgress", "Only one PurgeQueue operation on "+s.prefix+"a is allowed every 60 seconds.")
	if a := s.call("PurgeQueue", map[string]any{"QueueUrl": url}); a.Status != 403 {
		t.Errorf("the second purge answered %s", a)
	}
}
