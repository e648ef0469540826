package tests

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

// TestSNSFanOut has one router for the scenarios that need nothing else.
func TestSNSFanOut(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, harness.Options{})
	for name, scenario := range map[string]func(t *testing.T, s *snsScene){
		"operations": snsOperations, "queues": snsQueues, "filters": snsFilters, "fifo": snsFIFO, "batch": snsBatch, "errors": snsErrors,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scenario(t, newSNSScene(t, r, name))
		})
	}
}

// snsOperations goes through what the other scenarios do not: attributes, tags, permissions, lists.
func snsOperations(t *testing.T, s *snsScene) {
	ctx := t.Context()
	arn := s.topic("t", "DisplayName", "Alerts")
	_, err := s.SetTopicAttributes(ctx, &sns.SetTopicAttributesInput{TopicArn: &arn, AttributeName: aws.String("SignatureVersion"), AttributeValue: aws.String("2")})
	s.queues.ok(err, "SetTopicAttributes")
	if a := s.attributesOf(arn, ""); a["DisplayName"] != "Alerts" || a["SignatureVersion"] != "2" || a["Owner"] != "000000000000" {
		t.Errorf("the topic has %v", a)
	}
	_, err = s.TagResource(ctx, &sns.TagResourceInput{ResourceArn: &arn, Tags: []snstypes.Tag{{Key: aws.String("team"), Value: aws.String("blue")}, {Key: aws.String("empty"), Value: aws.String("")}}})
	s.queues.ok(err, "TagResource")
	_, err = s.UntagResource(ctx, &sns.UntagResourceInput{ResourceArn: &arn, TagKeys: []string{"team"}})
	s.queues.ok(err, "UntagResource")
	tags, err := s.ListTagsForResource(ctx, &sns.ListTagsForResourceInput{ResourceArn: &arn})
	s.queues.ok(err, "ListTagsForResource")
	if len(tags.Tags) != 1 || *tags.Tags[0].Key != "empty" || aws.ToString(tags.Tags[0].Value) != "" {
		t.Errorf("the tags are %+v", tags.Tags)
	}
	_, err = s.AddPermission(ctx, &sns.AddPermissionInput{TopicArn: &arn, Label: aws.String("l"), AWSAccountId: []string{"111111111111"}, ActionName: []string{"Publish"}})
	s.queues.ok(err, "AddPermission")
	if policy := s.attributesOf(arn, "")["Policy"]; !strings.Contains(policy, `"Sid":"l"`) {
		t.Errorf("the policy is %s", policy)
	}
	_, err = s.RemovePermission(ctx, &sns.RemovePermissionInput{TopicArn: &arn, Label: aws.String("l")})
	s.queues.ok(err, "RemovePermission")
	_, err = s.PutDataProtectionPolicy(ctx, &sns.PutDataProtectionPolicyInput{ResourceArn: &arn, DataProtectionPolicy: aws.String(`{"Name":"p"}`)})
	s.queues.ok(err, "PutDataProtectionPolicy")
	policy, err := s.GetDataProtectionPolicy(ctx, &sns.GetDataProtectionPolicyInput{ResourceArn: &arn})
	s.queues.ok(err, "GetDataProtectionPolicy")
	if *policy.DataProtectionPolicy != `{"Name":"p"}` {
		t.Errorf("the policy is %s", *policy.DataProtectionPolicy)
	}
	for i := range 101 {
		s.topic(fmt.Sprintf("more%03d", i))
	}
	listed := 0
	for pages := sns.NewListTopicsPaginator(s.Client, nil); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		s.queues.ok(err, "ListTopics")
		for _, topic := range page.Topics {
			if strings.Contains(*topic.TopicArn, ":"+s.prefix) {
				listed++
			}
		}
	}
	if listed != 102 {
		t.Errorf("%d topics were listed", listed)
	}
	s.queue(arn, "q")
	byTopic, err := s.ListSubscriptionsByTopic(ctx, &sns.ListSubscriptionsByTopicInput{TopicArn: &arn})
	s.queues.ok(err, "ListSubscriptionsByTopic")
	if len(byTopic.Subscriptions) != 1 || *byTopic.Subscriptions[0].Endpoint != s.queues.arn("q") || *byTopic.Subscriptions[0].Protocol != "sqs" {
		t.Fatalf("listed %+v", byTopic.Subscriptions)
	}
	if _, err = s.ListSubscriptions(ctx, &sns.ListSubscriptionsInput{}); err != nil {
		t.Error(err)
	}
	_, err = s.Unsubscribe(ctx, &sns.UnsubscribeInput{SubscriptionArn: byTopic.Subscriptions[0].SubscriptionArn})
	s.queues.ok(err, "Unsubscribe")
	_, err = s.DeleteTopic(ctx, &sns.DeleteTopicInput{TopicArn: &arn})
	s.queues.ok(err, "DeleteTopic")
	_, err = s.GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: &arn})
	var gone *snstypes.NotFoundException
	if !errors.As(err, &gone) {
		t.Errorf("asking about a deleted topic: %v", err)
	}
}

// envelope is what a subscriber gets that is not raw.
type envelope struct {
	Type, MessageId, SequenceNumber, TopicArn, Subject, Message, Timestamp, SignatureVersion, Signature, SigningCertURL, UnsubscribeURL string
	Token, SubscribeURL                                                                                                                 string
	MessageAttributes                                                                                                                   map[string]struct{ Type, Value string }
}

// snsQueues delivers to queues raw and in the envelope, whose signature is verified with the certificate that the router serves.
func snsQueues(t *testing.T, s *snsScene) {
	arn := s.topic("t")
	wrapped := s.queue(arn, "wrapped")
	raw := s.queue(arn, "raw", "RawMessageDelivery", "true")
	message, subject := "line\r\n\"quoted\" <&> é", "subject"
	out, err := s.Publish(t.Context(), &sns.PublishInput{
		TopicArn: &arn, Message: &message, Subject: &subject,
		MessageAttributes: map[string]snstypes.MessageAttributeValue{
			"colour": {DataType: aws.String("String"), StringValue: aws.String("red")}, "n": {DataType: aws.String("Number"), StringValue: aws.String("7")},
			"bytes": {DataType: aws.String("Binary"), BinaryValue: []byte{0, 1, 255}},
		},
	})
	s.queues.ok(err, "publishing")
	body, attributes, _ := s.receiveWhole(wrapped)
	var e envelope
	mustJSON(t, body, &e)
	if e.Type != "Notification" || e.MessageId != *out.MessageId || e.TopicArn != arn || e.Subject != subject || e.Message != message || e.SignatureVersion != "1" || len(attributes) != 0 {
		t.Errorf("the queue got %s and the attributes %v", body, attributes)
	}
	if got := e.MessageAttributes; len(got) != 3 || got["bytes"].Value != "AAH/" || got["n"].Type != "Number" || got["colour"].Value != "red" {
		t.Errorf("the attributes are %v", got)
	}
	verify(t, http.DefaultClient, &e)
	body, attributes, _ = s.receiveWhole(raw)
	if body != message || !maps.Equal(attributes, map[string]string{"colour": "red", "n": "7", "bytes": "[0 1 255]"}) {
		t.Errorf("the queue got %q and the attributes %v", body, attributes)
	}
	structured := `{"default": "for all", "sqs": "for queues"}`
	_, err = s.Publish(t.Context(), &sns.PublishInput{TopicArn: &arn, Message: &structured, MessageStructure: aws.String("json")})
	s.queues.ok(err, "publishing")
	if got := s.drain(raw, 1); got[0] != "for queues" {
		t.Errorf("the queue got %s", got)
	}
}

// snsFilters has policies of both scopes decide, and one that is changed.
func snsFilters(t *testing.T, s *snsScene) {
	arn := s.topic("t")
	raw := []string{"RawMessageDelivery", "true", "FilterPolicy"}
	red := s.queue(arn, "red", append(raw, `{"colour": ["red"], "size": [{"exists": false}]}`)...)
	large := s.queue(arn, "large", append(raw, `{"total": [{"numeric": [">=", 100]}]}`, "FilterPolicyScope", "MessageBody")...)
	s.queues.create("changed")
	subscription := s.subscribe(arn, "sqs", s.queues.arn("changed"), append(raw, `{"colour": ["blue"]}`)...)
	s.publish(arn, `{"total": 100}`, "colour", "red")
	s.publish(arn, `{"total": 99}`, "colour", "red", "size", "1")
	s.publish(arn, `not JSON`, "colour", "green")
	if got := s.drain(red, 1); got[0] != `{"total": 100}` {
		t.Errorf("red got %s", got)
	}
	if got := s.drain(large, 1); got[0] != `{"total": 100}` {
		t.Errorf("large got %s", got)
	}
	_, err := s.SetSubscriptionAttributes(t.Context(), &sns.SetSubscriptionAttributesInput{SubscriptionArn: &subscription, AttributeName: aws.String("FilterPolicy"), AttributeValue: aws.String(`{"colour": [{"prefix": "gr"}]}`)})
	s.queues.ok(err, "changing the policy")
	s.publish(arn, "now", "colour", "green")
	url, err := s.queues.GetQueueUrl(t.Context(), getQueueURL(s.queues.prefix+"changed"))
	s.queues.ok(err, "looking for a queue")
	if got := s.drain(*url.QueueUrl, 1); got[0] != "now" {
		t.Errorf("changed got %s", got)
	}
}

// snsFIFO keeps the order of each group, and refuses repeats.
func snsFIFO(t *testing.T, s *snsScene) {
	arn := s.topic("t.fifo", "FifoTopic", "true", "ContentBasedDeduplication", "true")
	url := s.queue(arn, "q.fifo", "RawMessageDelivery", "true")
	plain := s.queue(arn, "plain", "RawMessageDelivery", "true")
	var last string
	for i := range 10 {
		for range 2 { // the second is a repeat
			out, err := s.Publish(t.Context(), &sns.PublishInput{TopicArn: &arn, Message: aws.String(fmt.Sprint(i)), MessageGroupId: aws.String(fmt.Sprint("g", i%2))})
			s.queues.ok(err, "publishing")
			if *out.SequenceNumber < last {
				t.Errorf("%s came after %s", *out.SequenceNumber, last)
			}
			last = *out.SequenceNumber
		}
	}
	var even, odd []string
	for _, body := range s.drain(url, 10) {
		if strings.Contains("02468", body) {
			even = append(even, body)
		} else {
			odd = append(odd, body)
		}
	}
	if !slices.IsSorted(even) || !slices.IsSorted(odd) {
		t.Errorf("the queue got %v and %v", even, odd)
	}
	s.drain(plain, 10)
}

// snsBatch publishes what is valid of a batch.
func snsBatch(t *testing.T, s *snsScene) {
	arn := s.topic("t")
	url := s.queue(arn, "q", "RawMessageDelivery", "true")
	out, err := s.PublishBatch(t.Context(), &sns.PublishBatchInput{TopicArn: &arn, PublishBatchRequestEntries: []snstypes.PublishBatchRequestEntry{
		{Id: aws.String("one"), Message: aws.String("1"), MessageAttributes: map[string]snstypes.MessageAttributeValue{"a": {DataType: aws.String("String"), StringValue: aws.String("v")}}},
		{Id: aws.String("bad"), Message: aws.String("m"), Subject: aws.String("a\nb")},
		{Id: aws.String("two"), Message: aws.String("2")},
	}})
	s.queues.ok(err, "publishing")
	if len(out.Successful) != 2 || len(out.Failed) != 1 || *out.Failed[0].Id != "bad" || *out.Failed[0].Code != "InvalidParameter" || !out.Failed[0].SenderFault {
		t.Errorf("answered %+v", out)
	}
	if got := slices.Sorted(slices.Values(s.drain(url, 2))); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("the queue got %v", got)
	}
}

// snsErrors has the types that the SDK makes of errors.
func snsErrors(t *testing.T, s *snsScene) {
	arn := s.topic("t")
	_, err := s.Publish(t.Context(), &sns.PublishInput{TopicArn: &arn, Message: aws.String("")})
	var invalid *snstypes.InvalidParameterException
	if !errors.As(err, &invalid) || *invalid.Message != "Invalid parameter: Empty message" {
		t.Errorf("an empty message: %v", err)
	}
	_, err = s.Publish(t.Context(), &sns.PublishInput{TopicArn: &arn, Message: aws.String("m"), MessageAttributes: map[string]snstypes.MessageAttributeValue{"a": {DataType: aws.String("Text"), StringValue: aws.String("v")}}})
	var value *snstypes.InvalidParameterValueException
	if !errors.As(err, &value) {
		t.Errorf("an attribute of a wrong type: %v", err)
	}
	_, err = s.PublishBatch(t.Context(), &sns.PublishBatchInput{TopicArn: &arn, PublishBatchRequestEntries: []snstypes.PublishBatchRequestEntry{}})
	var empty *snstypes.EmptyBatchRequestException
	if !errors.As(err, &empty) {
		t.Errorf("an empty batch: %v", err)
	}
	if _, err = s.ListPlatformApplications(t.Context(), nil); codeOf(err) != "UnsupportedOperation" {
		t.Errorf("platform applications: %v", err)
	}
	if _, err = s.Subscribe(t.Context(), &sns.SubscribeInput{TopicArn: &arn, Protocol: aws.String("email"), Endpoint: aws.String("a@example.com")}); codeOf(err) != "InvalidParameter" {
		t.Errorf("mail: %v", err)
	}
}
