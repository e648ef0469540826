package topic_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/topic"
)

func TestEnvelopeGolden(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 6_789_000, time.FixedZone("", 3600))
	const id, arn = "0199f0f0-0000-7000-8000-000000000000", "arn:aws:sns:eu-west-1:123456789012:alerts"
	const uuid = "c2f0a6a4-5d5e-4a59-8a0c-2b8d1d3a7f10"
	got := topic.AppendEnvelope(nil, id, arn, uuid, &topic.Message{
		Body: []byte("{\"a\": \"<é>\"}\n"), Subject: `A "b"`,
		Attributes: []queue.Attribute{
			text("severity", "high"), number("count", "7"),
			{Name: "tags", Type: "String.Array", Value: []byte(`["a","b"]`)}, {Name: "blob", Type: "Binary", Value: []byte{0xff, 0}},
		},
	}, at, "c2ln")
	want := `{
  "Type" : "Notification",
  "MessageId" : "0199f0f0-0000-7000-8000-000000000000",
  "TopicArn" : "arn:aws:sns:eu-west-1:123456789012:alerts",
  "Subject" : "A \"b\"",
  "Message" : "{\"a\": \"<é>\"}\n",
  "Timestamp" : "2026-01-02T02:04:05.006Z",
  "SignatureVersion" : "1",
  "Signature" : "c2ln",
  "SigningCertURL" : "http://127.0.0.1:4566/SimpleNotificationService-8d1e9c6a.pem",
  "UnsubscribeURL" : "http://127.0.0.1:4566/?Action=Unsubscribe&SubscriptionArn=arn:aws:sns:eu-west-1:123456789012:alerts:c2f0a6a4-5d5e-4a59-8a0c-2b8d1d3a7f10",
  "MessageAttributes" : {
    "severity" : {"Type":"String","Value":"high"},
    "count" : {"Type":"Number","Value":"7"},
    "tags" : {"Type":"String.Array","Value":"[\"a\",\"b\"]"},
    "blob" : {"Type":"Binary","Value":"/wA="}
  }
}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
	got = topic.AppendEnvelope(nil, id, arn, uuid, &topic.Message{Body: []byte("x")}, at, "c2ln")
	want = `{
  "Type" : "Notification",
  "MessageId" : "0199f0f0-0000-7000-8000-000000000000",
  "TopicArn" : "arn:aws:sns:eu-west-1:123456789012:alerts",
  "Message" : "x",
  "Timestamp" : "2026-01-02T02:04:05.006Z",
  "SignatureVersion" : "1",
  "Signature" : "c2ln",
  "SigningCertURL" : "http://127.0.0.1:4566/SimpleNotificationService-8d1e9c6a.pem",
  "UnsubscribeURL" : "http://127.0.0.1:4566/?Action=Unsubscribe&SubscriptionArn=arn:aws:sns:eu-west-1:123456789012:alerts:c2f0a6a4-5d5e-4a59-8a0c-2b8d1d3a7f10"
}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestPublishEnvelope(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	orders := e.queue("orders", queue.Definition{})
	e.subscribe("alerts", topic.Subscription{Queue: "orders", Raw: new(false)})
	got := e.publishOne(topic.Message{Body: []byte("hello"), Attributes: []queue.Attribute{text("a", "b")}, Group: "g"})
	m := e.only(orders.ID, queue.Standard)
	if len(m.Attributes) != 0 || m.Group != "g" {
		t.Errorf("attributes %v, group %q", m.Attributes, m.Group)
	}
	envelope := object(t, m.Body)
	at, err := time.Parse("2006-01-02T15:04:05.000Z", envelope["Timestamp"].(string))
	if err != nil || time.Since(at).Abs() > time.Minute {
		t.Errorf("timestamp %v, %v", at, err)
	}
	delete(envelope, "Timestamp")
	for _, member := range []string{"Signature", "SigningCertURL", "UnsubscribeURL"} {
		if text, _ := envelope[member].(string); text == "" {
			t.Errorf("%s is %q", member, text)
		}
		delete(envelope, member)
	}
	want := map[string]any{
		"Type": "Notification", "MessageId": got.ID, "TopicArn": "arn:aws:sns:eu-west-1:123456789012:alerts", "Message": "hello",
		"SignatureVersion": "1", "MessageAttributes": map[string]any{"a": map[string]any{"Type": "String", "Value": "b"}},
	}
	if diff := cmp.Diff(want, envelope); diff != "" {
		t.Error(diff)
	}
	// A message that is just within the queue's limit is, with the envelope, beyond it.
	e.publishOne(topic.Message{Body: []byte(strings.Repeat("x", topic.MaxMessageSize))})
	if n := len(e.messages(orders.ID, queue.Standard)); n != 2 {
		t.Errorf("%d messages, want 2", n)
	}
}

// FuzzEnvelope checks that the envelope of any text is JSON that gives it back.
func FuzzEnvelope(f *testing.F) {
	f.Add("body", "subject", "name", "String", []byte("value"))
	f.Add("\x00\u2028<>&\"\\", "é", "a.b", "Binary", []byte{0xff})
	f.Fuzz(func(t *testing.T, body, subject, name, typ string, value []byte) {
		for _, s := range []string{body, subject, name, typ} {
			if !utf8.ValidString(s) {
				t.Skip("no text")
			}
		}
		if !utf8.Valid(value) {
			typ = "Binary"
		}
		m := &topic.Message{Body: []byte(body), Subject: subject, Attributes: []queue.Attribute{{Name: name, Type: typ, Value: value}}}
		got := topic.AppendEnvelope(nil, "id", "arn", "uuid", m, time.Unix(0, 0), "c2ln")
		var envelope struct {
			Message, Subject  string
			MessageAttributes map[string]struct{ Type, Value string }
		}
		if err := json.Unmarshal(got, &envelope); err != nil {
			t.Fatalf("%v in %s", err, got)
		}
		a := envelope.MessageAttributes[name]
		if envelope.Message != body || envelope.Subject != subject || a.Type != typ {
			t.Errorf("%q, %q, %q came back as %s", body, subject, typ, got)
		}
	})
}
