package sns_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/topic"
)

// declare defines a topic and its subscriptions as a file does.
func (e *env) declare(name string, def topic.Topic, subscriptions ...topic.Subscription) {
	e.tb.Helper()
	all := []catalog.Declaration{{Table: topic.Table, Name: named(name), Value: encoded(e.tb, def)}}
	for _, s := range subscriptions {
		all = append(all, catalog.Declaration{Table: topic.SubscriptionTable, Name: topic.SubscriptionName(named(name), s.SubscriptionID()), Value: encoded(e.tb, s)})
	}
	if _, err := e.defs.Declare(context.Background(), "file:router.yaml", "1", all, catalog.DeclareOptions{}); err != nil {
		e.tb.Fatal(err)
	}
}

func encoded(tb testing.TB, v any) []byte {
	tb.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// TestTopicsOfTheFile are used as others are, also by more subscriptions, and can not be changed.
func TestTopicsOfTheFile(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.queue("q")
	e.queue("more")
	e.declare("t", topic.Topic{DisplayName: "d"}, topic.Subscription{Queue: "q", DeadLetter: "dead"}, topic.Subscription{Function: "f", Filter: json.RawMessage(`{"a":["b"]}`)})
	a := e.ok("ListSubscriptionsByTopic", `{"TopicArn":"`+topicARN("t")+`"}`)
	arns := a.Texts("SubscriptionArn")
	if got := a.Texts("Endpoint"); len(got) != 2 || got[0] != "arn:aws:lambda:us-east-1:000000000000:function:f" || got[1] != queueARN("q") {
		t.Fatalf("listed %v", got)
	}
	if got := e.attributes(arns[1]); got["RawMessageDelivery"] != "true" || got["RedrivePolicy"] != `{"deadLetterTargetArn":"`+queueARN("dead")+`"}` || got["PendingConfirmation"] != "false" {
		t.Errorf("the queue's has %v", got)
	}
	if got := e.attributes(arns[0]); got["Protocol"] != "lambda" || got["FilterPolicy"] != `{"a":["b"]}` || got["FilterPolicyScope"] != "MessageAttributes" {
		t.Errorf("the function's has %v", got)
	}
	e.ok("CreateTopic", `{"Name":"t","Attributes":{"DisplayName":"d"}}`)
	if got := e.subscribe("t", "q"); got != arns[1] {
		t.Errorf("subscribed again it is %s, by the file %s", got, arns[1])
	}
	e.subscribe("t", "more")
	e.ok("Publish", message(`"Message":"m"`))
	if n, more := len(e.messages("q")), len(e.messages("more")); n != 1 || more != 1 {
		t.Errorf("the queues got %d and %d", n, more)
	}
	for operation, input := range map[string]string{
		"DeleteTopic":               `{"TopicArn":"` + topicARN("t") + `"}`,
		"SetTopicAttributes":        `{"TopicArn":"` + topicARN("t") + `","AttributeName":"DisplayName","AttributeValue":"x"}`,
		"AddPermission":             `{"TopicArn":"` + topicARN("t") + `","Label":"l","AWSAccountId":["111111111111"],"ActionName":["Publish"]}`,
		"TagResource":               `{"ResourceArn":"` + topicARN("t") + `","Tags":[{"Key":"a","Value":"b"}]}`,
		"Unsubscribe":               `{"SubscriptionArn":"` + arns[0] + `"}`,
		"SetSubscriptionAttributes": `{"SubscriptionArn":"` + arns[1] + `","AttributeName":"RawMessageDelivery","AttributeValue":"false"}`,
	} {
		if a := e.call(operation, input); a.Status != 403 || a.Code != "AuthorizationError" || !strings.Contains(a.Message, "router.yaml") {
			t.Errorf("%s answered %d %s", operation, a.Status, a.Body)
		}
	}
}
