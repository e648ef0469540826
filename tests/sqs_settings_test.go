package tests

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

// TestSQSSettings is about what the file says: how long AWS makes clients wait, and queues that are the file's.
func TestSQSSettings(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, harness.Options{Config: `
aws: {purge_wait: 1s, recreate_wait: 1s}
queues:
  declared: {delay: 3s}
`})
	overBoth(t, r.Only(0), "purge", purgeWait) // each node keeps them for itself
	overBoth(t, r.Only(0), "recreate", recreateWait)
	overBoth(t, r, "declared", declaredQueue)
}

func purgeWait(t *testing.T, s *sqsScene) {
	url := s.create("a")
	other := s.create("b")
	purge := func(url string) error {
		_, err := s.PurgeQueue(t.Context(), &sqs.PurgeQueueInput{QueueUrl: &url})
		return err
	}
	start := time.Now()
	s.ok(purge(url), "the first purge")
	if err := purge(url); err == nil && time.Since(start) < time.Second {
		t.Error("a second purge was accepted at once")
	}
	s.ok(purge(other), "the purge of another queue")
	harness.Until(t, "a purge to be allowed again", func() (bool, string) {
		err := purge(url)
		if err == nil {
			return true, ""
		}
		s.fails(err, "AWS.SimpleQueueService.PurgeQueueInProgress", "Only one PurgeQueue operation on "+s.prefix+"a is allowed every 60 seconds.")
		return false, err.Error()
	})
}

func recreateWait(t *testing.T, s *sqsScene) {
	url := s.create("a")
	s.send(url, "of the first")
	start := time.Now()
	_, err := s.DeleteQueue(t.Context(), &sqs.DeleteQueueInput{QueueUrl: &url})
	s.ok(err, "DeleteQueue")
	create := func() error {
		_, err := s.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(s.prefix + "a")})
		return err
	}
	if create() == nil && time.Since(start) < time.Second {
		t.Error("the queue was made anew at once")
	}
	harness.Until(t, "the queue to be allowed again", func() (bool, string) {
		err := create()
		if err == nil {
			return true, ""
		}
		s.fails(err, "AWS.SimpleQueueService.QueueDeletedRecently", "You must wait 60 seconds after deleting a queue before you can create another with the same name.")
		return false, err.Error()
	})
	s.wantCounts(url, counts{"0", "0", "0"})
}

// declaredQueue is used like any other, and changed only by the file.
func declaredQueue(t *testing.T, s *sqsScene) {
	url := "http://localhost/000000000000/declared"
	unsupported := func(err error, what string) {
		t.Helper()
		if code := codeOf(err); code != "AWS.SimpleQueueService.UnsupportedOperation" {
			t.Errorf("%s of a declared queue: %v", what, err)
		}
	}
	ctx := t.Context()
	unsupported(s.set(url, "DelaySeconds", "5"), "SetQueueAttributes")
	_, err := s.TagQueue(ctx, &sqs.TagQueueInput{QueueUrl: &url, Tags: map[string]string{"a": "b"}})
	unsupported(err, "TagQueue")
	_, err = s.AddPermission(ctx, &sqs.AddPermissionInput{QueueUrl: &url, Label: aws.String("l"), AWSAccountIds: []string{"111111111111"}, Actions: []string{"SendMessage"}})
	unsupported(err, "AddPermission")
	_, err = s.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: &url})
	unsupported(err, "DeleteQueue")
	// What it has already is no change.
	_, err = s.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("declared"), Attributes: map[string]string{"DelaySeconds": "3"}})
	s.ok(err, "creating it as it is")
	_, err = s.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("declared"), Attributes: map[string]string{"DelaySeconds": "4"}})
	s.fails(err, "QueueAlreadyExists", "A queue already exists with the same name and a different value for attribute DelaySeconds")
	s.send(url, "x")
	if got := s.attributes(url, "DelaySeconds")["DelaySeconds"]; got != "3" {
		t.Errorf("DelaySeconds is %s", got)
	}
}
