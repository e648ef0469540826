package tests

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

func TestSQSMoves(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, harness.Options{})
	overBoth(t, r, "sources", deadLetterSources)
	overBoth(t, r, "back", moveBack)
	overBoth(t, r, "elsewhere", moveElsewhere)
	overBoth(t, r, "fifo", moveGroups)
	overBoth(t, r, "rate", moveAtARate)
	overBoth(t, r, "refused", movesRefused)
}

// redriven makes a queue whose messages go to a dead-letter queue after one receive.
func (s *sqsScene) redriven(name, dead string) string {
	s.t.Helper()
	return s.create(name, "VisibilityTimeout", "0", "RedrivePolicy", redriveTo(s.arn(dead), "1"))
}

// die sends messages to such a queue and receives them until they are in the dead-letter queue.
func (s *sqsScene) die(url string, bodies ...string) {
	s.t.Helper()
	s.send(url, bodies...)
	harness.Until(s.t, "the messages to be dead", func() (bool, string) {
		s.receive(url, 10, 0)
		c := s.counts(url)
		return c == counts{"0", "0", "0"}, fmt.Sprint(c)
	})
}

func (s *sqsScene) startMove(source, destination string, rate int32) (handle string) {
	s.t.Helper()
	in := &sqs.StartMessageMoveTaskInput{SourceArn: aws.String(s.arn(source))}
	if destination != "" {
		in.DestinationArn = aws.String(s.arn(destination))
	}
	if rate > 0 {
		in.MaxNumberOfMessagesPerSecond = &rate
	}
	out, err := s.StartMessageMoveTask(s.t.Context(), in)
	s.ok(err, "StartMessageMoveTask")
	return aws.ToString(out.TaskHandle)
}

func (s *sqsScene) cancelMove(handle string) (int64, error) {
	out, err := s.CancelMessageMoveTask(s.t.Context(), &sqs.CancelMessageMoveTaskInput{TaskHandle: &handle})
	if err != nil {
		return 0, err
	}
	return out.ApproximateNumberOfMessagesMoved, nil
}

func deadLetterSources(t *testing.T, s *sqsScene) {
	dead := s.create("dead")
	list := func(limit *int32, token *string) *sqs.ListDeadLetterSourceQueuesOutput {
		t.Helper()
		out, err := s.ListDeadLetterSourceQueues(t.Context(), &sqs.ListDeadLetterSourceQueuesInput{QueueUrl: &dead, MaxResults: limit, NextToken: token})
		s.ok(err, "ListDeadLetterSourceQueues")
		return out
	}
	if got := list(nil, nil).QueueUrls; len(got) != 0 {
		t.Errorf("the sources are %q", got)
	}
	want := []string{s.redriven("a", "dead"), s.redriven("b", "dead"), s.redriven("c", "dead")}
	if got := list(nil, nil).QueueUrls; !slices.Equal(got, want) {
		t.Errorf("the sources are %q", got)
	}
	first := list(aws.Int32(2), nil)
	if first.NextToken == nil {
		t.Fatal("the first of two pages has no token")
	}
	second := list(aws.Int32(2), first.NextToken)
	if got := append(first.QueueUrls, second.QueueUrls...); !slices.Equal(got, want) || second.NextToken != nil {
		t.Errorf("the pages are %q and then %v", got, second.NextToken)
	}
	s.ok(s.set(want[0], "RedrivePolicy", ""), "SetQueueAttributes")
	if got := list(nil, nil).QueueUrls; !slices.Equal(got, want[1:]) {
		t.Errorf("the sources are %q", got)
	}
}

// moveBack has each message return to where it came from.
func moveBack(t *testing.T, s *sqsScene) {
	dead := s.create("dead")
	a, b := s.redriven("a", "dead"), s.redriven("b", "dead")
	s.die(a, "a1", "a2")
	s.die(b, "b1")
	s.wantCounts(dead, counts{"3", "0", "0"})
	s.startMove("dead", "", 0)
	task := s.waitForTask("dead", "COMPLETED")
	if task.ApproximateNumberOfMessagesMoved != 3 || aws.ToInt64(task.ApproximateNumberOfMessagesToMove) != 3 || task.TaskHandle != nil ||
		task.DestinationArn != nil || aws.ToString(task.SourceArn) != s.arn("dead") || time.Since(time.UnixMilli(task.StartedTimestamp)) > time.Minute {
		t.Errorf("the task is %+v", task)
	}
	s.wantCounts(dead, counts{"0", "0", "0"})
	s.wantCounts(a, counts{"2", "0", "0"})
	s.wantCounts(b, counts{"1", "0", "0"})
	if m := s.receiveOne(b); *m.Body != "b1" || m.Attributes["ApproximateReceiveCount"] != "1" {
		t.Errorf("received %q with %v", *m.Body, m.Attributes)
	}
}

func moveElsewhere(t *testing.T, s *sqsScene) {
	s.create("dead")
	s.die(s.redriven("a", "dead"), "one", "two")
	other := s.create("other")
	s.startMove("dead", "other", 0)
	task := s.waitForTask("dead", "COMPLETED")
	if aws.ToString(task.DestinationArn) != s.arn("other") || task.ApproximateNumberOfMessagesMoved != 2 {
		t.Errorf("the task is %+v", task)
	}
	s.wantCounts(other, counts{"2", "0", "0"})
}

// moveGroups moves a FIFO queue: the messages of a group keep their order.
func moveGroups(t *testing.T, s *sqsScene) {
	dead := s.fifo("dead")
	url := s.fifo("a", "VisibilityTimeout", "0", "RedrivePolicy", redriveTo(s.arn("dead.fifo"), "1"))
	s.sendTo(url, "g", "g1", "g2", "g3")
	harness.Until(t, "the messages to be dead", func() (bool, string) {
		s.receive(url, 10, 0)
		c := s.counts(dead)
		return c == counts{"3", "0", "0"}, fmt.Sprint(c)
	})
	s.ok(s.set(url, "VisibilityTimeout", "600"), "SetQueueAttributes")
	s.startMove("dead.fifo", "", 0)
	s.waitForTask("dead.fifo", "COMPLETED")
	s.wantBodies(url, "g1", "g2", "g3")
	s.wantCounts(dead, counts{"0", "0", "0"})
}

// moveAtARate watches a slow task, starts another on the side in vain, and cancels it.
func moveAtARate(t *testing.T, s *sqsScene) {
	dead := s.create("dead")
	s.redriven("a", "dead")
	other := s.create("other")
	s.sendMany(dead, 50)
	start := time.Now()
	handle := s.startMove("dead", "other", 5)
	task := s.waitForTask("dead", "RUNNING")
	if aws.ToString(task.TaskHandle) != handle || aws.ToInt32(task.MaxNumberOfMessagesPerSecond) != 5 || aws.ToInt64(task.ApproximateNumberOfMessagesToMove) != 50 {
		t.Errorf("the task is %+v", task)
	}
	_, err := s.StartMessageMoveTask(t.Context(), &sqs.StartMessageMoveTaskInput{SourceArn: aws.String(s.arn("dead"))})
	s.invalid(err, "There is already a task running. Only one active task is allowed for a source queue arn at a given time.")
	harness.Until(t, "some messages to be moved", func() (bool, string) {
		task = s.waitForTask("dead", "RUNNING")
		return task.ApproximateNumberOfMessagesMoved >= 10, fmt.Sprint(task.ApproximateNumberOfMessagesMoved)
	})
	if took := time.Since(start); took < 500*time.Millisecond {
		t.Errorf("10 messages were moved in %v, the rate is 5/s", took)
	}
	moved, err := s.cancelMove(handle)
	s.ok(err, "CancelMessageMoveTask")
	task = s.waitForTask("dead", "CANCELLED")
	if task.ApproximateNumberOfMessagesMoved < moved || task.ApproximateNumberOfMessagesMoved > 40 || task.TaskHandle != nil {
		t.Errorf("%d were moved when it was cancelled, then %+v", moved, task)
	}
	// What was on its way when it was cancelled is still moved, and counted then.
	harness.Until(t, "the counts to agree", func() (bool, string) {
		moved := s.waitForTask("dead", "CANCELLED").ApproximateNumberOfMessagesMoved
		left, there := s.counts(dead).visible, s.counts(other).visible
		return there == fmt.Sprint(moved) && left == fmt.Sprint(50-moved), fmt.Sprintf("%s are left and %s there, %d were moved", left, there, moved)
	})
	_, err = s.cancelMove(handle)
	s.fails(err, "ResourceNotFoundException", "Task does not exist.")
}

// sendMany sends n messages, whose bodies are the numbers from 0.
func (s *sqsScene) sendMany(url string, n int) {
	s.t.Helper()
	for from := 0; from < n; from += 10 {
		in := &sqs.SendMessageBatchInput{QueueUrl: &url}
		for i := from; i < min(from+10, n); i++ {
			text := fmt.Sprint(i)
			in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{Id: &text, MessageBody: &text})
		}
		out, err := s.SendMessageBatch(s.t.Context(), in)
		s.ok(err, "SendMessageBatch")
		if len(out.Failed) > 0 {
			s.t.Fatalf("SendMessageBatch answered %+v", out.Failed)
		}
	}
}

func movesRefused(t *testing.T, s *sqsScene) {
	s.create("plain")
	s.create("dead")
	s.redriven("a", "dead")
	start := func(source, destination string, rate *int32) error {
		in := &sqs.StartMessageMoveTaskInput{SourceArn: &source, MaxNumberOfMessagesPerSecond: rate}
		if destination != "" {
			in.DestinationArn = &destination
		}
		_, err := s.StartMessageMoveTask(t.Context(), in)
		return err
	}
	s.invalid(start(s.arn("plain"), "", nil), "Source queue must be configured as a Dead Letter Queue.")
	const missing = "The resource that you specified for the %s parameter doesn't exist."
	s.fails(start(s.arn("none"), "", nil), "ResourceNotFoundException", fmt.Sprintf(missing, "SourceArn"))
	s.fails(start("nonsense", "", nil), "ResourceNotFoundException", fmt.Sprintf(missing, "SourceArn"))
	s.fails(start(s.arn("dead"), s.arn("none"), nil), "ResourceNotFoundException", fmt.Sprintf(missing, "DestinationArn"))
	s.invalid(start(s.arn("dead"), "", aws.Int32(501)), "Value 501 for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: Must be between 1 and 500, if provided.")
	_, err := s.cancelMove("nonsense")
	s.invalid(err, "Value for parameter TaskHandle is invalid.")
	if a := s.call("ListMessageMoveTasks", map[string]any{"SourceArn": s.arn("none")}); a.Status != 404 {
		t.Errorf("the tasks of no queue: %s", a)
	}
}

// TestSQSMovesAcrossRestarts kills the router in the middle of a task. It goes on by itself, and no message is lost or there
// twice.
func TestSQSMovesAcrossRestarts(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, harness.Options{})
	s := newScene(t, r, "json", "restart")
	dead := s.create("dead")
	s.redriven("a", "dead")
	other := s.create("other")
	const n = 200
	s.sendMany(dead, n)
	s.startMove("dead", "other", 50)
	harness.Until(t, "some messages to be moved", func() (bool, string) {
		task := s.waitForTask("dead", "RUNNING")
		return task.ApproximateNumberOfMessagesMoved > 0, ""
	})
	r.Kill()
	r.Restart()
	s.reconnect()
	// What was moved between the last time that the count was saved and the kill is missing in it.
	if moved := s.waitForTask("dead", "COMPLETED").ApproximateNumberOfMessagesMoved; moved < 1 || moved > n {
		t.Errorf("%d of %d messages were moved", moved, n)
	}
	s.wantCounts(dead, counts{"0", "0", "0"})
	seen := map[string]int{}
	for range n {
		for _, m := range s.receive(other, 10, 0) {
			seen[*m.Body]++
		}
	}
	if len(seen) != n {
		t.Errorf("%d messages have arrived, want %d", len(seen), n)
	}
	for body, times := range seen {
		if times > 1 {
			t.Errorf("message %s was there %d times", body, times)
		}
	}
}
