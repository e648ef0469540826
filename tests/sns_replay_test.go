package tests

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

// TestSNSReplay has a subscription to a FIFO topic get what was published before it was made, in its order, across a restart of
// the router.
func TestSNSReplay(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, harness.Options{})
	s := newSNSScene(t, r, "replay")
	arn := s.topic("t.fifo", "FifoTopic", "true", "ContentBasedDeduplication", "true", "ArchivePolicy", `{"MessageRetentionPeriod":"1"}`)
	publish := func(from, to int) {
		for i := from; i < to; i++ {
			_, err := s.Publish(t.Context(), &sns.PublishInput{TopicArn: &arn, Message: aws.String(fmt.Sprintf("%03d", i)), MessageGroupId: aws.String("g")})
			s.queues.ok(err, "publishing")
		}
	}
	publish(0, 30)
	r.Stop()
	r.Restart()
	s = newSNSScene(t, r, "replay")
	url := s.queues.create("q.fifo", "FifoQueue", "true")
	began := s.attributesOf(arn, "")["BeginningArchiveTime"]
	subscription := s.subscribe(arn, "sqs", s.queues.arn("q.fifo"), "RawMessageDelivery", "true", "ReplayPolicy", `{"PointType":"Timestamp","StartingPoint":"`+began+`"}`)
	publish(30, 40)
	harness.Until(t, "the replay to be done", func() (bool, string) {
		a := s.attributesOf("", subscription)
		return a["ReplayStatus"] == "Completed", fmt.Sprint(a)
	})
	got := s.drain(url, 40)
	if !slices.IsSorted(got) || got[0] != "000" || got[39] != "039" {
		t.Errorf("the queue got %v", got)
	}
	if _, err := s.DeleteTopic(t.Context(), &sns.DeleteTopicInput{TopicArn: &arn}); codeOf(err) != "InvalidState" {
		t.Errorf("deleting a topic with an archive: %v", err)
	}
}
