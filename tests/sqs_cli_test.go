package tests

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

// awsCLI is the AWS command line. Debian's, of the version 2.9, speaks Query to SQS.
type awsCLI struct {
	t    *testing.T
	path string
	env  []string
}

func newCLI(t *testing.T, r *harness.Router) *awsCLI {
	t.Helper()
	path := "/usr/bin/aws" // rather than a newer one that comes first in the PATH, which speaks JSON
	if _, err := os.Stat(path); err != nil {
		if path, err = exec.LookPath("aws"); err != nil {
			t.Skip("the AWS command line is not installed: make test-setup does it")
		}
	}
	return &awsCLI{t: t, path: path, env: []string{
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=secret", "AWS_DEFAULT_REGION=us-east-1", "AWS_PAGER=",
		"AWS_ENDPOINT_URL=", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "ENDPOINT=" + r.URL(""),
	}}
}

// run runs `aws sqs` with arguments, which must go well, and decodes what it prints into out, nil for nothing.
func (c *awsCLI) run(out any, args ...string) {
	c.t.Helper()
	code, stdout, stderr := c.try(args...)
	if code != 0 {
		c.t.Fatalf("aws sqs %q ended with %d:\n%s", args, code, stderr)
	}
	if out == nil {
		if strings.TrimSpace(stdout) != "" {
			c.t.Errorf("aws sqs %q printed %s", args, stdout)
		}
		return
	}
	if err := json.Unmarshal([]byte(stdout), out); err != nil {
		c.t.Fatalf("aws sqs %q printed %s: %v", args, stdout, err)
	}
}

func (c *awsCLI) try(args ...string) (code int, stdout, stderr string) {
	c.t.Helper()
	endpoint := strings.TrimPrefix(c.env[len(c.env)-1], "ENDPOINT=")
	args = append([]string{"--endpoint-url", endpoint, "--output", "json", "sqs"}, args...)
	return harness.Output(c.t, harness.Command{Path: c.path, Args: args, Env: c.env})
}

// TestSQSCommandLine goes through every operation with the AWS command line.
func TestSQSCommandLine(t *testing.T) {
	t.Parallel()
	sameOnEveryStore(t)
	r := harness.Start(t, harness.Options{})
	c := newCLI(t, r)
	var made struct{ QueueUrl string }
	c.run(&made, "create-queue", "--queue-name", "dead")
	dead := made.QueueUrl
	c.run(&made, "create-queue", "--queue-name", "orders", "--attributes", "DelaySeconds=0,VisibilityTimeout=60", "--tags", "team=blue")
	url := made.QueueUrl
	c.run(&made, "get-queue-url", "--queue-name", "orders")
	if made.QueueUrl != url {
		t.Errorf("get-queue-url printed %s, want %s", made.QueueUrl, url)
	}
	const deadARN = "arn:aws:sqs:us-east-1:000000000000:dead"
	c.run(nil, "set-queue-attributes", "--queue-url", url, "--attributes", `{"RedrivePolicy": "{\"deadLetterTargetArn\":\"`+deadARN+`\",\"maxReceiveCount\":\"5\"}"}`)
	var attributes struct{ Attributes map[string]string }
	c.run(&attributes, "get-queue-attributes", "--queue-url", url, "--attribute-names", "All")
	if attributes.Attributes["VisibilityTimeout"] != "60" || attributes.Attributes["RedrivePolicy"] != `{"deadLetterTargetArn":"`+deadARN+`","maxReceiveCount":5}` {
		t.Errorf("get-queue-attributes printed %v", attributes.Attributes)
	}
	c.tagsAndPermissions(url)
	c.messages(url)
	c.run(nil, "purge-queue", "--queue-url", url)
	var list struct{ QueueUrls []string }
	c.run(&list, "list-queues", "--queue-name-prefix", "ord")
	if len(list.QueueUrls) != 1 || list.QueueUrls[0] != url {
		t.Errorf("list-queues printed %v", list)
	}
	t.Run("moves", func(t *testing.T) { (&awsCLI{t, c.path, c.env}).moves(url, dead, deadARN) })
	c.run(nil, "delete-queue", "--queue-url", url)
	if code, _, stderr := c.try("get-queue-attributes", "--queue-url", url, "--attribute-names", "All"); code == 0 || !strings.Contains(stderr, "AWS.SimpleQueueService.NonExistentQueue") {
		t.Errorf("asking about a deleted queue ended with %d: %s", code, stderr)
	}
}

func (c *awsCLI) tagsAndPermissions(url string) {
	c.t.Helper()
	c.run(nil, "tag-queue", "--queue-url", url, "--tags", "cost=1")
	c.run(nil, "untag-queue", "--queue-url", url, "--tag-keys", "team")
	var tags struct{ Tags map[string]string }
	c.run(&tags, "list-queue-tags", "--queue-url", url)
	if len(tags.Tags) != 1 || tags.Tags["cost"] != "1" {
		c.t.Errorf("list-queue-tags printed %v", tags)
	}
	c.run(nil, "add-permission", "--queue-url", url, "--label", "l", "--aws-account-ids", "111111111111", "--actions", "SendMessage")
	c.run(nil, "remove-permission", "--queue-url", url, "--label", "l")
}

func (c *awsCLI) messages(url string) {
	c.t.Helper()
	type result struct {
		Successful, Failed []struct{ Id, MessageId string }
	}
	var sent struct{ MessageId, MD5OfMessageBody, MD5OfMessageAttributes string }
	// The command line checks the digests itself.
	c.run(&sent, "send-message", "--queue-url", url, "--message-body", "one \"é\" <&>", "--message-attributes", `{"colour":{"DataType":"String","StringValue":"red"}}`)
	var batch result
	c.run(&batch, "send-message-batch", "--queue-url", url, "--entries", `[{"Id":"a","MessageBody":"two"},{"Id":"b","MessageBody":"three"}]`)
	if len(batch.Successful) != 2 || len(batch.Failed) != 0 {
		c.t.Errorf("send-message-batch printed %+v", batch)
	}
	var got struct {
		Messages []struct {
			MessageId, ReceiptHandle, Body, MD5OfBody, MD5OfMessageAttributes string
			Attributes                                                        map[string]string
			MessageAttributes                                                 map[string]struct{ StringValue, DataType string }
		}
	}
	c.run(&got, "receive-message", "--queue-url", url, "--max-number-of-messages", "10", "--wait-time-seconds", "5", "--attribute-names", "All", "--message-attribute-names", "All")
	if len(got.Messages) != 3 {
		c.t.Fatalf("receive-message printed %d messages", len(got.Messages))
	}
	m := got.Messages[0]
	if m.MessageId != sent.MessageId || m.Body != `one "é" <&>` || m.MessageAttributes["colour"].StringValue != "red" || m.Attributes["ApproximateReceiveCount"] != "1" {
		c.t.Errorf("receive-message printed %+v", m)
	}
	c.run(nil, "change-message-visibility", "--queue-url", url, "--receipt-handle", m.ReceiptHandle, "--visibility-timeout", "100")
	var done result
	c.run(&done, "change-message-visibility-batch", "--queue-url", url, "--entries", `[{"Id":"a","ReceiptHandle":"`+got.Messages[1].ReceiptHandle+`","VisibilityTimeout":0}]`)
	c.run(nil, "delete-message", "--queue-url", url, "--receipt-handle", m.ReceiptHandle)
	var deleted result
	c.run(&deleted, "delete-message-batch", "--queue-url", url, "--entries", `[{"Id":"a","ReceiptHandle":"`+got.Messages[2].ReceiptHandle+`"}]`)
	if len(done.Successful) != 1 || len(deleted.Successful) != 1 {
		c.t.Errorf("the batches printed %+v and %+v", done, deleted)
	}
}

func (c *awsCLI) moves(url, dead, deadARN string) {
	c.t.Helper()
	var sources struct {
		QueueUrls []string `json:"queueUrls"`
	}
	c.run(&sources, "list-dead-letter-source-queues", "--queue-url", dead)
	if len(sources.QueueUrls) != 1 || sources.QueueUrls[0] != url {
		c.t.Errorf("list-dead-letter-source-queues printed %v", sources)
	}
	help := func(name string) bool {
		_, _, stderr := c.try(name)
		return !strings.Contains(stderr, "Invalid choice")
	}
	if !help("start-message-move-task") {
		return // Debian's is older than move tasks, so it has 20 of the 23 operations
	}
	var started struct{ TaskHandle string }
	c.run(&started, "start-message-move-task", "--source-arn", deadARN)
	var tasks struct{ Results []struct{ Status string } }
	c.run(&tasks, "list-message-move-tasks", "--source-arn", deadARN)
	if len(tasks.Results) != 1 {
		c.t.Errorf("list-message-move-tasks printed %+v", tasks)
	}
	c.try("cancel-message-move-task", "--task-handle", started.TaskHandle) // it has ended or it has not
}
