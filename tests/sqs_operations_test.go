package tests

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

// TestSQSOperations makes every call of SQS once, as a client would in the life of a queue.
func TestSQSOperations(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, harness.Options{})
	overBoth(t, r, "queues", queueOperations)
	overBoth(t, r, "messages", messageOperations)
	overBoth(t, r, "moves", moveOperations)
}

func queueOperations(t *testing.T, s *sqsScene) {
	ctx := t.Context()
	out, err := s.CreateQueue(ctx, &sqs.CreateQueueInput{
		QueueName: aws.String(s.prefix + "a"), Attributes: map[string]string{"DelaySeconds": "7"}, Tags: map[string]string{"team": "blue"},
	})
	s.ok(err, "CreateQueue")
	url := *out.QueueUrl
	if want := s.router.URL("/000000000000/" + s.prefix + "a"); url != want {
		t.Errorf("the URL is %s, want %s", url, want)
	}
	found, err := s.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String(s.prefix + "a")})
	s.ok(err, "GetQueueUrl")
	if *found.QueueUrl != url {
		t.Errorf("GetQueueUrl answered %s, want %s", *found.QueueUrl, url)
	}
	_, err = s.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String(s.prefix + "none")})
	s.gone(err)
	s.ok(s.set(url, "VisibilityTimeout", "9"), "SetQueueAttributes")
	if got := s.attributes(url, "DelaySeconds", "VisibilityTimeout"); got["DelaySeconds"] != "7" || got["VisibilityTimeout"] != "9" || len(got) != 2 {
		t.Errorf("GetQueueAttributes answered %v", got)
	}
	_, err = s.TagQueue(ctx, &sqs.TagQueueInput{QueueUrl: &url, Tags: map[string]string{"cost": "1"}})
	s.ok(err, "TagQueue")
	_, err = s.UntagQueue(ctx, &sqs.UntagQueueInput{QueueUrl: &url, TagKeys: []string{"team"}})
	s.ok(err, "UntagQueue")
	tags, err := s.ListQueueTags(ctx, &sqs.ListQueueTagsInput{QueueUrl: &url})
	s.ok(err, "ListQueueTags")
	if len(tags.Tags) != 1 || tags.Tags["cost"] != "1" {
		t.Errorf("ListQueueTags answered %v", tags.Tags)
	}
	_, err = s.AddPermission(ctx, &sqs.AddPermissionInput{QueueUrl: &url, Label: aws.String("l"), AWSAccountIds: []string{"111111111111"}, Actions: []string{"SendMessage"}})
	s.ok(err, "AddPermission")
	_, err = s.RemovePermission(ctx, &sqs.RemovePermissionInput{QueueUrl: &url, Label: aws.String("l")})
	s.ok(err, "RemovePermission")
	s.listQueues()
	_, err = s.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: &url})
	s.ok(err, "DeleteQueue")
	_, err = s.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url})
	s.gone(err)
	_, err = s.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: &url})
	s.gone(err)
}

// listQueues makes five queues and reads them in pages. The token is there only when pages were asked for.
func (s *sqsScene) listQueues() {
	s.t.Helper()
	var want []string
	for _, name := range []string{"list-1", "list-2", "list-3", "list-4", "list-5"} {
		want = append(want, s.create(name))
	}
	all, err := s.ListQueues(s.t.Context(), &sqs.ListQueuesInput{QueueNamePrefix: aws.String(s.prefix + "list-")})
	s.ok(err, "ListQueues")
	if !slices.Equal(all.QueueUrls, want) || all.NextToken != nil {
		s.t.Errorf("ListQueues answered %q and the token %v", all.QueueUrls, all.NextToken)
	}
	var paged []string
	in := &sqs.ListQueuesInput{QueueNamePrefix: aws.String(s.prefix + "list-"), MaxResults: aws.Int32(2)}
	for range 3 {
		page, err := s.ListQueues(s.t.Context(), in)
		s.ok(err, "ListQueues")
		paged, in.NextToken = append(paged, page.QueueUrls...), page.NextToken
		if len(page.QueueUrls) > 2 {
			s.t.Errorf("a page of 2 has %d", len(page.QueueUrls))
		}
	}
	if !slices.Equal(paged, want) || in.NextToken != nil {
		s.t.Errorf("the pages are %q, and then there is the token %v", paged, in.NextToken)
	}
	_, err = s.ListQueues(s.t.Context(), &sqs.ListQueuesInput{MaxResults: aws.Int32(1001)})
	s.invalid(err, "Value 1001 for parameter MaxResults is invalid. Reason: Must be between 1 and 1000, if provided.")
}

func messageOperations(t *testing.T, s *sqsScene) {
	ctx := t.Context()
	url := s.create("a")
	id := s.send(url, "one")[0]
	batch, err := s.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &url, Entries: []types.SendMessageBatchRequestEntry{
		{Id: aws.String("x"), MessageBody: aws.String("two")}, {Id: aws.String("y"), MessageBody: aws.String("three")},
	}})
	s.ok(err, "SendMessageBatch")
	if len(batch.Successful) != 2 || len(batch.Failed) != 0 || *batch.Successful[0].Id != "x" || *batch.Successful[1].Id != "y" {
		t.Errorf("SendMessageBatch answered %+v", batch)
	}
	got := s.receive(url, 10, 20)
	if len(got) != 3 || *got[0].MessageId != id || strings.Join(bodiesOf(got), " ") != "one two three" {
		t.Fatalf("received %q", bodiesOf(got))
	}
	if *batch.Successful[1].MessageId != *got[2].MessageId {
		t.Errorf("the batch answered the id %s, the message has %s", *batch.Successful[1].MessageId, *got[2].MessageId)
	}
	s.delete(url, got[0])
	changed, err := s.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &url, Entries: []types.ChangeMessageVisibilityBatchRequestEntry{
		{Id: aws.String("x"), ReceiptHandle: got[1].ReceiptHandle, VisibilityTimeout: 60},
		{Id: aws.String("y"), ReceiptHandle: got[2].ReceiptHandle, VisibilityTimeout: 0},
		{Id: aws.String("z"), ReceiptHandle: aws.String("nonsense"), VisibilityTimeout: 1},
	}})
	s.ok(err, "ChangeMessageVisibilityBatch")
	if len(changed.Successful) != 2 || len(changed.Failed) != 1 || *changed.Failed[0].Id != "z" ||
		*changed.Failed[0].Code != "ReceiptHandleIsInvalid" || !changed.Failed[0].SenderFault {
		t.Errorf("ChangeMessageVisibilityBatch answered %+v", changed)
	}
	s.wantCounts(url, counts{"1", "1", "0"})
	again := s.wantBodies(url, "three")
	s.visibility(url, again[0], 60)
	deleted, err := s.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &url, Entries: []types.DeleteMessageBatchRequestEntry{
		{Id: aws.String("x"), ReceiptHandle: got[1].ReceiptHandle}, {Id: aws.String("y"), ReceiptHandle: aws.String("nonsense")},
	}})
	s.ok(err, "DeleteMessageBatch")
	if len(deleted.Successful) != 1 || *deleted.Successful[0].Id != "x" || len(deleted.Failed) != 1 || *deleted.Failed[0].Id != "y" ||
		*deleted.Failed[0].Message != `The input receipt handle "nonsense" is not a valid receipt handle.` {
		t.Errorf("DeleteMessageBatch answered %+v", deleted)
	}
	_, err = s.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: &url})
	s.ok(err, "PurgeQueue")
	s.wantCounts(url, counts{"0", "0", "0"})
}

func moveOperations(t *testing.T, s *sqsScene) {
	ctx := t.Context()
	dead := s.create("dead")
	source := s.create("source", "RedrivePolicy", `{"deadLetterTargetArn":"`+s.arn("dead")+`","maxReceiveCount":1}`)
	sources, err := s.ListDeadLetterSourceQueues(ctx, &sqs.ListDeadLetterSourceQueuesInput{QueueUrl: &dead})
	s.ok(err, "ListDeadLetterSourceQueues")
	if !slices.Equal(sources.QueueUrls, []string{source}) {
		t.Errorf("ListDeadLetterSourceQueues answered %q, want %s", sources.QueueUrls, source)
	}
	s.send(dead, "one")
	started, err := s.StartMessageMoveTask(ctx, &sqs.StartMessageMoveTaskInput{SourceArn: aws.String(s.arn("dead")), DestinationArn: aws.String(s.arn("source"))})
	s.ok(err, "StartMessageMoveTask")
	s.receiveOne(source)
	s.waitForTask("dead", "COMPLETED")
	_, err = s.CancelMessageMoveTask(ctx, &sqs.CancelMessageMoveTaskInput{TaskHandle: started.TaskHandle})
	s.fails(err, "ResourceNotFoundException", "Task does not exist.")
}

// waitForTask waits until the newest move task of a queue is in a state.
//
// What a kill left leased comes back within a minute.
func (s *sqsScene) waitForTask(name, status string) (task types.ListMessageMoveTasksResultEntry) {
	s.t.Helper()
	harness.Within(s.t, 4*harness.Limit, "the task to be "+status, func() (bool, string) {
		out, err := s.ListMessageMoveTasks(s.t.Context(), &sqs.ListMessageMoveTasksInput{SourceArn: aws.String(s.arn(name))})
		s.ok(err, "ListMessageMoveTasks")
		if len(out.Results) != 1 {
			return false, "no task"
		}
		task = out.Results[0]
		return aws.ToString(task.Status) == status, aws.ToString(task.Status) + " " + aws.ToString(task.FailureReason)
	})
	return task
}
