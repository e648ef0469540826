package tests

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

func TestSQSAttributes(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, harness.Options{})
	overBoth(t, r, "defaults", attributeDefaults)
	overBoth(t, r, "ranges", attributeRanges)
	overBoth(t, r, "fifo", attributesOfFIFO)
	overBoth(t, r, "encryption", encryptionAttributes)
	overBoth(t, r, "removal", attributeRemoval)
	overBoth(t, r, "again", createAgain)
	overBoth(t, r, "names", queueNames)
}

// standardDefaults are all the attributes of a new standard queue, but for those that tell when and where.
var standardDefaults = map[string]string{
	"ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesDelayed": "0", "ApproximateNumberOfMessagesNotVisible": "0",
	"DelaySeconds": "0", "MaximumMessageSize": "1048576", "MessageRetentionPeriod": "345600", "ReceiveMessageWaitTimeSeconds": "0",
	"SqsManagedSseEnabled": "true", "VisibilityTimeout": "30",
}

func attributeDefaults(t *testing.T, s *sqsScene) {
	check := func(url, arn string, want map[string]string) {
		t.Helper()
		got := s.attributes(url, "All")
		for _, name := range []string{"CreatedTimestamp", "LastModifiedTimestamp"} {
			if len(got[name]) != 10 {
				t.Errorf("%s is %q, which is not in seconds", name, got[name])
			}
			delete(got, name)
		}
		want = maps.Clone(want)
		want["QueueArn"] = arn
		if !maps.Equal(got, want) {
			t.Errorf("the attributes are\n%v\nwant\n%v", got, want)
		}
	}
	check(s.create("standard"), s.arn("standard"), standardDefaults)
	fifo := maps.Clone(standardDefaults)
	maps.Copy(fifo, map[string]string{
		"FifoQueue": "true", "ContentBasedDeduplication": "false", "DeduplicationScope": "queue", "FifoThroughputLimit": "perQueue",
	})
	url := s.fifo("f")
	check(url, s.arn("f.fifo"), fifo)
	if got := s.attributes(url); len(got) != 0 {
		t.Errorf("asked for nothing, got %v", got)
	}
	_, err := s.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []types.QueueAttributeName{"Nonsense"}})
	s.fails(err, "InvalidAttributeName", "Unknown Attribute Nonsense.")
}

func attributeRanges(t *testing.T, s *sqsScene) {
	url := s.create("a")
	for _, test := range []struct {
		name      string
		good, bad []string
	}{
		{"DelaySeconds", []string{"0", "900"}, []string{"-1", "901", "x"}},
		{"MaximumMessageSize", []string{"1024", "1048576"}, []string{"1023", "1048577"}},
		{"MessageRetentionPeriod", []string{"60", "1209600"}, []string{"59", "1209601"}},
		{"ReceiveMessageWaitTimeSeconds", []string{"0", "20"}, []string{"-1", "21"}},
		{"VisibilityTimeout", []string{"0", "43200"}, []string{"-1", "43201"}},
		{"KmsDataKeyReusePeriodSeconds", []string{"60", "86400"}, []string{"59", "86401"}},
	} {
		for _, value := range test.good {
			s.ok(s.set(url, test.name, value), test.name+" "+value)
			if got := s.attributes(url, types.QueueAttributeName(test.name))[test.name]; got != value {
				t.Errorf("%s is %q after it was set to %q", test.name, got, value)
			}
		}
		for _, value := range test.bad {
			s.fails(s.set(url, test.name, value), "InvalidAttributeValue", "Invalid value for the parameter "+test.name+".")
		}
	}
	s.fails(s.set(url, "Nonsense", "1"), "InvalidAttributeName", "Unknown Attribute Nonsense.")
	s.fails(s.set(url, "QueueArn", "x"), "InvalidAttributeName", "Unknown Attribute QueueArn.")
	// One that is wrong and nothing is set.
	if err := s.set(url, "DelaySeconds", "5", "VisibilityTimeout", "x"); err == nil || s.attributes(url, "DelaySeconds")["DelaySeconds"] != "900" {
		t.Errorf("half of the attributes were set: %v", err)
	}
}

func attributesOfFIFO(t *testing.T, s *sqsScene) {
	standard := s.create("a")
	s.fails(s.set(standard, "FifoQueue", "false"), "InvalidAttributeName", "Unknown Attribute FifoQueue.")
	s.fails(s.set(standard, "ContentBasedDeduplication", "true"), "InvalidAttributeName", "Unknown Attribute ContentBasedDeduplication.")
	for _, name := range []string{"DeduplicationScope", "FifoThroughputLimit"} {
		s.fails(s.set(standard, name, "x"), "InvalidAttributeName", "You can specify the "+name+" only when FifoQueue is set to true.")
	}
	_, err := s.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(s.prefix + "b"), Attributes: pairs([]string{"FifoQueue", "false"})})
	s.fails(err, "InvalidAttributeName", "Unknown Attribute FifoQueue.")
	url := s.fifo("f")
	s.fails(s.set(url, "FifoQueue", "false"), "InvalidAttributeValue", "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.")
	s.fails(s.set(url, "FifoThroughputLimit", "perMessageGroupId"), "InvalidAttributeValue", "Invalid value for the parameter FifoThroughputLimit. Reason: perMessageGroupId can only be used with DeduplicationScope messageGroup.")
	s.ok(s.set(url, "FifoThroughputLimit", "perMessageGroupId", "DeduplicationScope", "messageGroup", "ContentBasedDeduplication", "true"), "SetQueueAttributes")
	got := s.attributes(url, "All")
	if got["FifoThroughputLimit"] != "perMessageGroupId" || got["DeduplicationScope"] != "messageGroup" || got["ContentBasedDeduplication"] != "true" {
		t.Errorf("the attributes are %v", got)
	}
}

func encryptionAttributes(t *testing.T, s *sqsScene) {
	url := s.create("a")
	check := func(managed, key string) {
		t.Helper()
		got := s.attributes(url, "All")
		value, has := got["KmsMasterKeyId"]
		if got["SqsManagedSseEnabled"] != managed || value != key || has != (key != "") {
			t.Errorf("SqsManagedSseEnabled is %q and KmsMasterKeyId %q (there: %v), want %q and %q", got["SqsManagedSseEnabled"], value, has, managed, key)
		}
	}
	s.ok(s.set(url, "KmsMasterKeyId", "alias/mine"), "SetQueueAttributes")
	check("false", "alias/mine")
	s.fails(s.set(url, "SqsManagedSseEnabled", "true"), "InvalidAttributeValue", "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.")
	s.ok(s.set(url, "KmsMasterKeyId", ""), "SetQueueAttributes")
	check("true", "")
	s.ok(s.set(url, "SqsManagedSseEnabled", "false"), "SetQueueAttributes")
	check("false", "")
}

func attributeRemoval(t *testing.T, s *sqsScene) {
	s.create("dead")
	policy := `{"Version":"2012-10-17","Statement":[]}`
	redrive := `{"deadLetterTargetArn":"` + s.arn("dead") + `","maxReceiveCount":3}`
	url := s.create("a", "Policy", policy, "RedrivePolicy", redrive)
	got := s.attributes(url, "All")
	if got["Policy"] != policy || got["RedrivePolicy"] != redrive {
		t.Errorf("the attributes are %v", got)
	}
	s.ok(s.set(url, "Policy", "", "RedrivePolicy", ""), "removing both")
	got = s.attributes(url, "All")
	if _, ok := got["Policy"]; ok {
		t.Error("the policy is still there")
	}
	if _, ok := got["RedrivePolicy"]; ok {
		t.Error("the redrive policy is still there")
	}
	s.fails(s.set(url, "Policy", "nonsense"), "InvalidAttributeValue", "Invalid value for the parameter Policy.")
}

func createAgain(t *testing.T, s *sqsScene) {
	again := func(attributes ...string) error {
		_, err := s.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(s.prefix + "a"), Attributes: pairs(attributes)})
		return err
	}
	url := s.create("a", "DelaySeconds", "5")
	s.send(url, "the counters change and are no part of it")
	s.ok(again(), "creating it without attributes")
	s.ok(again("DelaySeconds", "5", "VisibilityTimeout", "30"), "creating it with the same attributes")
	const differs = "A queue already exists with the same name and a different value for attribute "
	s.fails(again("DelaySeconds", "6"), "QueueAlreadyExists", differs+"DelaySeconds")
	s.fails(again("DelaySeconds", "5", "MaximumMessageSize", "2048"), "QueueAlreadyExists", differs+"MaximumMessageSize")
	s.ok(s.set(url, "DelaySeconds", "6"), "SetQueueAttributes")
	s.ok(again("DelaySeconds", "6"), "creating it with what was set")

	// What depends on another attribute differs before it is wrong.
	s.ok(s.set(url, "KmsMasterKeyId", "alias/mine"), "SetQueueAttributes")
	s.ok(again("SqsManagedSseEnabled", "false"), "creating it with what is shown")
	s.fails(again("SqsManagedSseEnabled", "true"), "QueueAlreadyExists", differs+"SqsManagedSseEnabled")
	s.fifo("f", "FifoThroughputLimit", "perMessageGroupId", "DeduplicationScope", "messageGroup")
	_, err := s.CreateQueue(t.Context(), &sqs.CreateQueueInput{
		QueueName: aws.String(s.prefix + "f.fifo"), Attributes: map[string]string{"FifoQueue": "true", "DeduplicationScope": "queue"},
	})
	s.fails(err, "QueueAlreadyExists", differs+"DeduplicationScope")
}

func queueNames(t *testing.T, s *sqsScene) {
	create := func(name string, attributes ...string) error {
		_, err := s.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: pairs(attributes)})
		return err
	}
	long := s.prefix + strings.Repeat("x", 80-len(s.prefix))
	s.ok(create(long), "80 characters")
	s.ok(create(long[:75]+".fifo", "FifoQueue", "true"), "80 characters with .fifo")
	for _, name := range []string{long + "x", "a b", "a.b", "é", "a.fifo"} {
		s.invalid(create(name), "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	}
	for _, name := range []string{long[:76] + ".fifo", "a", "a.b.fifo"} {
		s.invalid(create(name, "FifoQueue", "true"), "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.")
	}
}

// tags and permissions are attributes of another kind.

func TestSQSTagsAndPermissions(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, harness.Options{})
	overBoth(t, r, "tags", queueTags)
	overBoth(t, r, "permissions", permissions)
}

func queueTags(t *testing.T, s *sqsScene) {
	url := s.create("a")
	tags := func() map[string]string {
		t.Helper()
		out, err := s.ListQueueTags(t.Context(), &sqs.ListQueueTagsInput{QueueUrl: &url})
		s.ok(err, "ListQueueTags")
		return out.Tags
	}
	tag := func(tags map[string]string) error {
		_, err := s.TagQueue(t.Context(), &sqs.TagQueueInput{QueueUrl: &url, Tags: tags})
		return err
	}
	if got := tags(); got != nil {
		t.Errorf("a new queue has the tags %v", got)
	}
	s.ok(tag(map[string]string{"team": "blue", "Team": "red", "empty": ""}), "TagQueue")
	s.ok(tag(map[string]string{"team": "green"}), "TagQueue")
	if got := tags(); !maps.Equal(got, map[string]string{"team": "green", "Team": "red", "empty": ""}) {
		t.Errorf("the tags are %v", got)
	}
	many := map[string]string{}
	for i := range 47 {
		many[strings.Repeat("k", i+1)] = "v"
	}
	s.ok(tag(many), "50 tags")
	s.invalid(tag(map[string]string{"one more": ""}), "Too many tags added for queue %sa.", s.prefix)
	_, err := s.UntagQueue(t.Context(), &sqs.UntagQueueInput{QueueUrl: &url, TagKeys: append(slices.Collect(maps.Keys(tags())), "unknown")})
	s.ok(err, "UntagQueue")
	if got := tags(); got != nil {
		t.Errorf("after all were removed, the tags are %v", got)
	}
}

func permissions(t *testing.T, s *sqsScene) {
	url := s.create("a")
	arn := s.arn("a")
	add := func(label string, accounts, actions []string) error {
		_, err := s.AddPermission(t.Context(), &sqs.AddPermissionInput{QueueUrl: &url, Label: &label, AWSAccountIds: accounts, Actions: actions})
		return err
	}
	remove := func(label string) error {
		_, err := s.RemovePermission(t.Context(), &sqs.RemovePermissionInput{QueueUrl: &url, Label: &label})
		return err
	}
	want := func(policy string) {
		t.Helper()
		if got := s.attributes(url, "Policy")["Policy"]; got != policy {
			t.Errorf("the policy is\n%s\nwant\n%s", got, policy)
		}
	}
	head := `{"Version":"2008-10-17","Id":"` + arn + `/SQSDefaultPolicy","Statement":[`
	one := `{"Sid":"one","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"SQS:SendMessage","Resource":"` + arn + `"}`
	two := `{"Sid":"two","Effect":"Allow","Principal":{"AWS":["arn:aws:iam::111111111111:root","arn:aws:iam::222222222222:root"]},"Action":["SQS:ReceiveMessage","SQS:DeleteMessage"],"Resource":"` + arn + `"}`
	s.ok(add("one", []string{"111111111111"}, []string{"SendMessage"}), "AddPermission")
	want(head + one + "]}")
	s.ok(add("two", []string{"111111111111", "222222222222"}, []string{"ReceiveMessage", "DeleteMessage"}), "AddPermission")
	want(head + one + "," + two + "]}")
	s.invalid(add("one", []string{"111111111111"}, []string{"SendMessage"}), "Value one for parameter Label is invalid. Reason: Already exists.")
	s.invalid(remove("three"), "Value three for parameter Label is invalid. Reason: can't find label.")
	s.invalid(add("x", []string{"111111111111"}, []string{"CreateQueue"}), "Value SQS:CreateQueue for parameter ActionName is invalid. Reason: Only the queue owner is allowed to invoke this action.")
	s.ok(remove("one"), "RemovePermission")
	want(head + two + "]}")
	s.ok(remove("two"), "RemovePermission")
	if got, ok := s.attributes(url, "All")["Policy"]; ok {
		t.Errorf("without statements the policy is %q", got)
	}
}
