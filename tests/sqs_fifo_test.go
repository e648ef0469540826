package tests

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

func TestSQSFIFO(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, harness.Options{})
	overBoth(t, r, "order", fifoOrder)
	overBoth(t, r, "lock", groupLock)
	overBoth(t, r, "prefix", prefixRedelivery)
	overBoth(t, r, "extension", extension)
	overBoth(t, r, "expired", fifoExpiredHandle)
	overBoth(t, r, "numbers", sequenceNumbers)
	overBoth(t, r, "dedup", deduplication)
	overBoth(t, r, "content", contentDeduplication)
	overBoth(t, r, "scope", deduplicationScope)
	overBoth(t, r, "delay", fifoDelay)
	overBoth(t, r, "required", fifoRequired)
}

// fifoOrder has a receive take from one group as much as it can before the next.
func fifoOrder(t *testing.T, s *sqsScene) {
	url := s.fifo("a")
	s.sendTo(url, "g", "g1")
	s.sendTo(url, "h", "h1")
	s.sendTo(url, "g", "g2")
	s.sendTo(url, "h", "h2")
	s.sendTo(url, "g", "g3")
	got := s.wantBodies(url, "g1", "g2", "g3", "h1", "h2")
	if a := got[0].Attributes; a["MessageGroupId"] != "g" || a["MessageDeduplicationId"] != "g1" || len(a["SequenceNumber"]) != 20 {
		t.Errorf("the system attributes are %v", a)
	}
	for _, m := range got {
		s.delete(url, m)
	}
	s.wantCounts(url, counts{"0", "0", "0"})
}

// groupLock has a group with a message in flight give no other, until that is deleted or given back.
func groupLock(t *testing.T, s *sqsScene) {
	url := s.fifo("a")
	s.sendTo(url, "g", "g1", "g2", "g3")
	s.sendTo(url, "h", "h1")
	receive := func(want string) types.Message {
		t.Helper()
		got := s.receive(url, 1, 0)
		if strings.Join(bodiesOf(got), " ") != want {
			t.Fatalf("received %q, want %q", bodiesOf(got), want)
		}
		if want == "" {
			return types.Message{}
		}
		return got[0]
	}
	g1 := receive("g1")
	h1 := receive("h1") // of the other group
	receive("")
	s.sendTo(url, "g", "g4")
	receive("")
	s.delete(url, g1)
	g2 := receive("g2")
	s.visibility(url, g2, 0)
	s.delete(url, h1)
	both := s.receive(url, 2, 0)
	if strings.Join(bodiesOf(both), " ") != "g2 g3" {
		t.Fatalf("received %q after g2 was given back", bodiesOf(both))
	}
	// Some deleted is not all.
	s.delete(url, both[0])
	receive("")
	s.delete(url, both[1])
	receive("g4")
}

// prefixRedelivery has three in flight, of which the second stays so: only those before it come again.
func prefixRedelivery(t *testing.T, s *sqsScene) {
	url := s.fifo("a", "VisibilityTimeout", "1")
	s.sendTo(url, "g", "g1", "g2", "g3", "g4")
	got := s.receiveFor(url, 3, 0, 600)
	if len(got) != 3 {
		t.Fatalf("received %q", bodiesOf(got))
	}
	s.visibility(url, got[2], 1)
	s.visibility(url, got[0], 1) // when its time is over, so is that of g3
	if again := s.receive(url, 10, 20); strings.Join(bodiesOf(again), " ") != "g1" {
		t.Errorf("while g2 is in flight came %q", bodiesOf(again))
	}
	// All given back, they come in the order they had.
	s.visibility(url, got[1], 0)
	var again []string
	harness.Until(t, "all four to come again", func() (bool, string) {
		again = bodiesOf(s.receiveFor(url, 10, 1, 600))
		return len(again) > 0, ""
	})
	if strings.Join(again, " ") != "g1 g2 g3 g4" {
		t.Errorf("received %q", again)
	}
}

// extension extends one of two in flight: the group stays locked when the other's time is over, as that one is behind.
func extension(t *testing.T, s *sqsScene) {
	url := s.fifo("a", "VisibilityTimeout", "5") // within which g1 must be extended
	s.sendTo(url, "g", "g1", "g2", "g3")
	got := s.receive(url, 2, 0)
	if len(got) != 2 {
		t.Fatalf("received %q", bodiesOf(got))
	}
	s.visibility(url, got[0], 600)
	if again := s.receive(url, 10, 6); len(again) != 0 {
		t.Errorf("while g1 is in flight came %q", bodiesOf(again))
	}
	s.delete(url, got[0]) // extended in time, its handle holds
	s.wantBodies(url, "g2", "g3")
}

func fifoExpiredHandle(t *testing.T, s *sqsScene) {
	url := s.fifo("a", "VisibilityTimeout", "1")
	s.sendTo(url, "g", "g1")
	old := s.receiveOne(url)
	start := time.Now()
	harness.Until(t, "the lease to expire", func() (bool, string) { return time.Since(start) > 1100*time.Millisecond, "" })
	const expired = "Value %s for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."
	s.invalid(s.tryDelete(url, *old.ReceiptHandle), expired, *old.ReceiptHandle)
	m := s.receiveFor(url, 1, 20, 600)
	if len(m) != 1 {
		t.Fatal("it did not come again")
	}
	s.invalid(s.tryDelete(url, *old.ReceiptHandle), expired, *old.ReceiptHandle)
	s.delete(url, m[0])
	s.wantCounts(url, counts{"0", "0", "0"})
}

func sequenceNumbers(t *testing.T, s *sqsScene) {
	url := s.fifo("a")
	last := ""
	next := func(number *string) {
		t.Helper()
		if n := aws.ToString(number); len(n) != 20 || n <= last {
			t.Errorf("the sequence number %q comes after %q", n, last)
		}
		last = aws.ToString(number)
	}
	for i := range 5 {
		for _, sent := range s.sendTo(url, fmt.Sprint("g", i%2), fmt.Sprint("m", i)) {
			next(sent.SequenceNumber)
		}
	}
	in := &sqs.SendMessageBatchInput{QueueUrl: &url}
	for i := range 10 {
		id := aws.String(fmt.Sprint("b", i))
		in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{Id: id, MessageBody: id, MessageDeduplicationId: id, MessageGroupId: aws.String("b")})
	}
	out, err := s.SendMessageBatch(t.Context(), in)
	s.ok(err, "SendMessageBatch")
	for _, sent := range out.Successful {
		next(sent.SequenceNumber)
	}
	standard := s.create("standard")
	sent, err := s.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &standard, MessageBody: aws.String("x"), MessageGroupId: aws.String("tenant")})
	s.ok(err, "SendMessage")
	if m := s.receiveOne(standard); sent.SequenceNumber != nil || m.Attributes["SequenceNumber"] != "" || m.Attributes["MessageGroupId"] != "tenant" {
		t.Errorf("a standard queue answered the number %v and has %v", sent.SequenceNumber, m.Attributes)
	}
}

// wantDuplicate sends again what was sent, to a group, and wants the first one's answer.
func (s *sqsScene) wantDuplicate(url, group, body string, first *sqs.SendMessageOutput) {
	s.t.Helper()
	again := s.sendTo(url, group, body)[0]
	if *again.MessageId != *first.MessageId || *again.SequenceNumber != *first.SequenceNumber {
		s.t.Errorf("the duplicate has %s %s, the first one %s %s", *again.MessageId, *again.SequenceNumber, *first.MessageId, *first.SequenceNumber)
	}
}

func deduplication(t *testing.T, s *sqsScene) {
	url := s.fifo("a")
	first := s.sendTo(url, "g", "one")[0]
	s.wantDuplicate(url, "g", "one", first)
	s.wantDuplicate(url, "another", "one", first)
	got := s.wantBodies(url, "one")
	s.wantDuplicate(url, "g", "one", first)
	s.delete(url, got[0])
	s.wantDuplicate(url, "g", "one", first) // it is forgotten after 5 minutes only
	s.wantCounts(url, counts{"0", "0", "0"})
	// But not what was purged.
	_, err := s.PurgeQueue(t.Context(), &sqs.PurgeQueueInput{QueueUrl: &url})
	s.ok(err, "PurgeQueue")
	if anew := s.sendTo(url, "g", "one")[0]; *anew.MessageId == *first.MessageId {
		t.Error("a purge has not cleared the deduplication")
	}
	s.wantBodies(url, "one")
}

func contentDeduplication(t *testing.T, s *sqsScene) {
	url := s.fifo("a", "ContentBasedDeduplication", "true")
	send := func(body string, id *string) *sqs.SendMessageOutput {
		t.Helper()
		out, err := s.SendMessage(t.Context(), &sqs.SendMessageInput{
			QueueUrl: &url, MessageBody: &body, MessageGroupId: aws.String("g"), MessageDeduplicationId: id,
			MessageAttributes: map[string]types.MessageAttributeValue{"n": text(fmt.Sprint(time.Now().UnixNano()))}, // attributes do not count
		})
		s.ok(err, "SendMessage")
		return out
	}
	first := send("body", nil)
	sum := sha256.Sum256([]byte("body"))
	for _, again := range []*sqs.SendMessageOutput{send("body", nil), send("other", aws.String(hex.EncodeToString(sum[:])))} {
		if *again.MessageId != *first.MessageId {
			t.Error("the same content was accepted twice")
		}
	}
	if explicit := send("body", aws.String("explicit")); *explicit.MessageId == *first.MessageId {
		t.Error("an explicit id did not count")
	}
	got := s.wantBodies(url, "body", "body")
	if id := got[0].Attributes["MessageDeduplicationId"]; id != hex.EncodeToString(sum[:]) {
		t.Errorf("MessageDeduplicationId is %s", id)
	}
}

func deduplicationScope(t *testing.T, s *sqsScene) {
	url := s.fifo("a", "DeduplicationScope", "messageGroup")
	g := s.sendTo(url, "g", "one")[0]
	h := s.sendTo(url, "h", "one")[0]
	if *g.MessageId == *h.MessageId {
		t.Error("one group's deduplication id counts in another")
	}
	s.wantDuplicate(url, "g", "one", g)
	s.wantDuplicate(url, "h", "one", h)
	s.wantBodies(url, "one", "one")
}

func fifoDelay(t *testing.T, s *sqsScene) {
	url := s.fifo("a", "DelaySeconds", "1")
	send := func(id string, delay any) *harness.Answer {
		return s.call("SendMessage", map[string]any{"QueueUrl": url, "MessageBody": id, "MessageGroupId": "g", "MessageDeduplicationId": id, "DelaySeconds": delay})
	}
	s.refused(send("bad", 2), "InvalidParameterValue", "Value 2 for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this queue type.")
	start := time.Now()
	if a := send("one", 0); a.Status != 200 {
		t.Fatalf("SendMessage with a delay of 0 answered %s", a)
	}
	s.receiveOne(url)
	if took := time.Since(start); took < time.Second {
		t.Errorf("it came after %v, the queue's delay is 1s", took)
	}
	// A change of it is for what is there already, too.
	late := s.fifo("late", "DelaySeconds", "900")
	s.sendTo(late, "g", "one", "two")
	s.wantBodies(late)
	s.ok(s.set(late, "DelaySeconds", "0"), "SetQueueAttributes")
	s.wantBodies(late, "one", "two")
}

// TestSQSDelayedCountFIFO counts what a FIFO queue's delay keeps back as delayed.
func TestSQSDelayedCountFIFO(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, harness.Options{})
	overBoth(t, r, "delayed", func(_ *testing.T, s *sqsScene) {
		url := s.fifo("a", "DelaySeconds", "900")
		s.sendTo(url, "g", "one", "two")
		s.wantCounts(url, counts{"0", "0", "2"})
		s.ok(s.set(url, "DelaySeconds", "0"), "SetQueueAttributes")
		s.wantCounts(url, counts{"2", "0", "0"})
	})
}

func fifoRequired(t *testing.T, s *sqsScene) {
	url := s.fifo("a")
	standard := s.create("standard")
	send := func(url string, group, id *string) error {
		_, err := s.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("x"), MessageGroupId: group, MessageDeduplicationId: id})
		return err
	}
	one := aws.String("1")
	s.fails(send(url, nil, one), "MissingParameter", "The request must contain the parameter MessageGroupId.")
	s.invalid(send(url, one, nil), "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
	const characters = "Value %s for parameter %s is invalid. Reason: %[2]s can only include alphanumeric and punctuation characters. 1 to 128 in length."
	for _, bad := range []string{"a b", "é", strings.Repeat("x", 129)} {
		s.invalid(send(url, &bad, one), characters, bad, "MessageGroupId")
		s.invalid(send(url, one, &bad), characters, bad, "MessageDeduplicationId")
		s.invalid(send(standard, &bad, nil), characters, bad, "MessageGroupId")
	}
	s.invalid(send(standard, nil, one), "Value 1 for parameter MessageDeduplicationId is invalid. Reason: The request includes a parameter that is not valid for this queue type.")
	every := "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~azAZ09"
	s.ok(send(url, &every, &every), "all of the characters")
	_, err := s.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: &url, Entries: []types.SendMessageBatchRequestEntry{
		{Id: one, MessageBody: one, MessageDeduplicationId: one},
	}})
	s.invalid(err, "The request must contain the parameter MessageGroupId.")
}

// TestSQSDeduplicationAcrossRestarts sends again after the router was stopped, and after it was killed.
func TestSQSDeduplicationAcrossRestarts(t *testing.T) {
	t.Parallel()
	for _, protocol := range protocols(t) {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			r := harness.Start(t, harness.Options{})
			s := newScene(t, r, protocol, "restarts")
			url := s.fifo("a")
			deleted := s.sendTo(url, "g", "deleted")[0]
			s.delete(url, s.receiveOne(url))
			kept := s.sendTo(url, "g", "kept")[0]
			again := func() {
				r.Restart()
				s.reconnect()
				s.wantDuplicate(url, "g", "deleted", deleted)
				s.wantDuplicate(url, "g", "kept", kept)
			}
			r.Stop()
			again()
			r.Kill()
			again()
			if next := s.sendTo(url, "g", "next")[0]; *next.SequenceNumber <= *kept.SequenceNumber {
				t.Errorf("after a restart comes the sequence number %s, before it was %s", *next.SequenceNumber, *kept.SequenceNumber)
			}
			s.wantBodies(url, "kept", "next")
		})
	}
}
