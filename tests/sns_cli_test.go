package tests

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

// sns runs `aws sns` with arguments, which must go well, and decodes what it prints into out, nil for nothing.
func (c *awsCLI) sns(out any, args ...string) {
	c.t.Helper()
	code, stdout, stderr := c.trySNS(args...)
	if code != 0 {
		c.t.Fatalf("aws sns %q ended with %d:\n%s", args, code, stderr)
	}
	if out == nil {
		if strings.TrimSpace(stdout) != "" {
			c.t.Errorf("aws sns %q printed %s", args, stdout)
		}
		return
	}
	if err := json.Unmarshal([]byte(stdout), out); err != nil {
		c.t.Fatalf("aws sns %q printed %s: %v", args, stdout, err)
	}
}

func (c *awsCLI) trySNS(args ...string) (code int, stdout, stderr string) {
	c.t.Helper()
	endpoint := strings.TrimPrefix(c.env[len(c.env)-1], "ENDPOINT=")
	args = append([]string{"--endpoint-url", endpoint, "--output", "json", "sns"}, args...)
	return harness.Output(c.t, harness.Command{Path: c.path, Args: args, Env: c.env})
}

// TestSNSPage runs the commands of docs/sns.md as printed there, but for the port.
func TestSNSPage(t *testing.T) {
	t.Parallel()
	p := newPage(t, harness.Start(t, harness.Options{Verb: "dev"}), "sns.md")
	if len(p.blocks) != 2 {
		t.Fatalf("docs/sns.md has %d blocks of commands for a running router, want 2", len(p.blocks))
	}
	if got := p.run(0); !strings.Contains(got, `The disk is full`) {
		t.Errorf("the message was not received:\n%s", got)
	}
	if got := p.run(1); !strings.Contains(got, `"PublishResponse"`) {
		t.Errorf("Publish answered %s", got)
	}
}

// TestSNSCommandLine goes through every operation with the AWS command line.
func TestSNSCommandLine(t *testing.T) {
	t.Parallel()
	sameOnEveryStore(t)
	r := harness.Start(t, harness.Options{})
	c := newCLI(t, r)
	const queue = "arn:aws:sqs:us-east-1:000000000000:orders"
	var made struct{ TopicArn string }
	c.sns(&made, "create-topic", "--name", "t", "--attributes", "DisplayName=Alerts", "--tags", "Key=team,Value=blue")
	arn := made.TopicArn
	var url struct{ QueueUrl string }
	c.run(&url, "create-queue", "--queue-name", "orders")
	var subscribed struct{ SubscriptionArn string }
	c.sns(&subscribed, "subscribe", "--topic-arn", arn, "--protocol", "sqs", "--notification-endpoint", queue, "--attributes", `{"FilterPolicy": "{\"colour\": [\"red\"]}"}`)
	c.sns(nil, "set-subscription-attributes", "--subscription-arn", subscribed.SubscriptionArn, "--attribute-name", "RawMessageDelivery", "--attribute-value", "true")
	var published struct{ MessageId string }
	c.sns(&published, "publish", "--topic-arn", arn, "--message", `one "é" <&>`, "--message-attributes", `{"colour":{"DataType":"String","StringValue":"red"}}`)
	var batch struct{ Successful, Failed []struct{ Id string } }
	c.sns(&batch, "publish-batch", "--topic-arn", arn, "--publish-batch-request-entries", `[{"Id":"a","Message":"two"},{"Id":"b","Message":"three"}]`)
	if len(batch.Successful) != 2 || len(batch.Failed) != 0 {
		t.Errorf("publish-batch printed %+v", batch)
	}
	var received struct{ Messages []struct{ Body string } }
	c.run(&received, "receive-message", "--queue-url", url.QueueUrl, "--wait-time-seconds", "5", "--max-number-of-messages", "10")
	if len(received.Messages) != 1 || received.Messages[0].Body != `one "é" <&>` {
		t.Errorf("the queue got %+v", received)
	}
	c.attributesOfTopics(arn, subscribed.SubscriptionArn)
	c.sns(nil, "unsubscribe", "--subscription-arn", subscribed.SubscriptionArn)
	c.sns(nil, "delete-topic", "--topic-arn", arn)
	for operation, want := range map[string]string{
		"get-topic-attributes --topic-arn " + arn:                                      "(NotFound)",
		"list-platform-applications":                                                   "(UnsupportedOperation)",
		"publish --phone-number +15555550100 --message m":                              "(InvalidParameter)",
		"confirm-subscription --token x --topic-arn " + arn:                            "(InvalidParameter)",
		"get-subscription-attributes --subscription-arn " + subscribed.SubscriptionArn: "(NotFound)",
		"create-topic --name a.b":                                                      "Invalid parameter: Topic Name",
	} {
		if code, _, stderr := c.trySNS(strings.Split(operation, " ")...); code == 0 || !strings.Contains(stderr, want) {
			t.Errorf("aws sns %s ended with %d: %s", operation, code, stderr)
		}
	}
}

func (c *awsCLI) attributesOfTopics(topic, subscription string) {
	c.t.Helper()
	c.sns(nil, "set-topic-attributes", "--topic-arn", topic, "--attribute-name", "DisplayName", "--attribute-value", "Other")
	var has struct{ Attributes map[string]string }
	c.sns(&has, "get-topic-attributes", "--topic-arn", topic)
	if has.Attributes["DisplayName"] != "Other" || has.Attributes["SubscriptionsConfirmed"] != "1" {
		c.t.Errorf("get-topic-attributes printed %v", has)
	}
	c.sns(&has, "get-subscription-attributes", "--subscription-arn", subscription)
	if has.Attributes["RawMessageDelivery"] != "true" || has.Attributes["FilterPolicy"] != `{"colour": ["red"]}` {
		c.t.Errorf("get-subscription-attributes printed %v", has)
	}
	var topics struct{ Topics []struct{ TopicArn string } }
	c.sns(&topics, "list-topics")
	var subscriptions struct {
		Subscriptions []struct{ SubscriptionArn string }
	}
	c.sns(&subscriptions, "list-subscriptions")
	if len(topics.Topics) != 1 || topics.Topics[0].TopicArn != topic || len(subscriptions.Subscriptions) != 1 || subscriptions.Subscriptions[0].SubscriptionArn != subscription {
		c.t.Errorf("listed are %v and %v", topics, subscriptions)
	}
	c.sns(&subscriptions, "list-subscriptions-by-topic", "--topic-arn", topic)
	c.sns(nil, "tag-resource", "--resource-arn", topic, "--tags", "Key=cost,Value=1")
	c.sns(nil, "untag-resource", "--resource-arn", topic, "--tag-keys", "team")
	var tags struct{ Tags []struct{ Key, Value string } }
	c.sns(&tags, "list-tags-for-resource", "--resource-arn", topic)
	if len(tags.Tags) != 1 || tags.Tags[0].Key != "cost" {
		c.t.Errorf("list-tags-for-resource printed %v", tags)
	}
	c.sns(nil, "add-permission", "--topic-arn", topic, "--label", "l", "--aws-account-id", "111111111111", "--action-name", "Publish")
	c.sns(nil, "remove-permission", "--topic-arn", topic, "--label", "l")
	c.sns(nil, "put-data-protection-policy", "--resource-arn", topic, "--data-protection-policy", `{"Name":"p"}`)
	var policy struct{ DataProtectionPolicy string }
	c.sns(&policy, "get-data-protection-policy", "--resource-arn", topic)
	if policy.DataProtectionPolicy != `{"Name":"p"}` {
		c.t.Errorf("get-data-protection-policy printed %v", policy)
	}
}
