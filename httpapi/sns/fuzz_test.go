package sns_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi/awstest"
)

// Every target goes through the whole handler. readAnswer checks that an answer is well formed and that an error is one that
// clients know; what is left to check is that it is never the router's fault.

// FuzzQuery takes any text for the parameters of an operation.
func FuzzQuery(f *testing.F) {
	topic := "TopicArn=" + topicARN("t")
	for _, query := range []string{
		"Action=Publish&" + topic + "&Message=m", "Action=Publish&" + topic + "&Message=%01&MessageAttributes.entry.1.Name=a&MessageAttributes.entry.1.Value.DataType=String&MessageAttributes.entry.1.Value.StringValue=v",
		"Action=Publish&" + topic + "&Message=m&MessageAttributes.entry.2.Name=&MessageAttributes.entry.2.Value.DataType=Binary&MessageAttributes.entry.2.Value.BinaryValue=AA==",
		"Action=PublishBatch&" + topic + "&PublishBatchRequestEntries.member.1.Id=a&PublishBatchRequestEntries.member.1.Message=m&PublishBatchRequestEntries.member.3.Id=b&PublishBatchRequestEntries.member.3.Message=",
		"Action=CreateTopic&Name=x&Attributes.entry.1.key=DisplayName&Attributes.entry.1.value=d&Tags.member.1.Key=k&Tags.member.1.Value=v",
		"Action=SetTopicAttributes&" + topic + "&AttributeName=DeliveryPolicy&AttributeValue={}", "Action=TagResource&ResourceArn=" + topicARN("t") + "&Tags.member.1.Key=k",
		"Action=Subscribe&" + topic + "&Protocol=sqs&Endpoint=" + queueARN("q") + "&Attributes.entry.1.key=RedrivePolicy&Attributes.entry.1.value={}",
		"Action=ConfirmSubscription&" + topic + "&Token=00", "Action=Unsubscribe&SubscriptionArn=" + topicARN("t") + ":x", "Action=AddPermission&" + topic + "&Label=l&AWSAccountId.member.1=1&ActionName.member.1=Publish",
		"Action=ListTopics&NextToken=AA==", "Action=ListSubscriptions&NextToken=dC8%3D", "%zz", "&&=&;", "Action=Publish&MessageAttributes=x&MessageAttributes.entry=y&MessageAttributes.entry.1=z&" + topic,
	} {
		f.Add(query, false)
		f.Add(query, true)
	}
	e := newEnv(f)
	e.topic("t")
	f.Fuzz(func(t *testing.T, query string, wantJSON bool) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, base+"/", strings.NewReader("Version=2010-03-31&"+query))
		if wantJSON {
			r.Header.Set("Accept", "application/json")
		}
		e := e.on(t)
		e.do(r).Blameless()
		// Whatever it did, the topic is one that can be used, or gone.
		if a := e.call("Publish", message(`"Message":"m"`)); a.Status != http.StatusOK && a.Code != notFound {
			t.Fatalf("%s: then publishing answered %s", query, a.Body)
		}
		e.topicAnew()
	})
}

// topicAnew makes the topic t what it was.
func (e *env) topicAnew() {
	e.tb.Helper()
	e.ok("DeleteTopic", `{"TopicArn":"`+topicARN("t")+`"}`)
	e.topic("t")
}

// FuzzFilterPolicy takes any text for a filter policy: it is refused, or it is shown as it was given, and messages can be
// published past it.
func FuzzFilterPolicy(f *testing.F) {
	for _, policy := range []string{
		`{}`, ``, `{"a":["b"]}`, `{"a":[{"prefix":"b"}]}`, `{"a":{"b":[1,null,true]}}`, `{"$or":[{"a":["b"]},{"c":[1]}]}`, `{"a":[{"numeric":[">",1,"<=",1e9]}]}`,
		`{"a":[{"anything-but":{"wildcard":"*x*"}}]}`, `{"a":[{"cidr":"::1/128"}]}`, `{"a":[{"exists":false}]}`, `{"a":"b"}`, `[`, "{\"\u2028\":[\"<\\u003c>\"]}", `{ "a" : [ ] }`, `{ }`, "null",
	} {
		f.Add(policy, false)
		f.Add(policy, true)
	}
	e := newEnv(f)
	e.topic("t")
	e.queue("q")
	f.Fuzz(func(t *testing.T, policy string, ofBody bool) {
		e := e.on(t)
		scope := "MessageAttributes"
		if ofBody {
			scope = "MessageBody"
		}
		const endpoint = `,"Protocol":"sqs","Endpoint":"arn:aws:sqs:us-east-1:000000000000:q"`
		a := e.call("Subscribe", `{"TopicArn":"`+topicARN("t")+`"`+endpoint+`,"Attributes":{"FilterPolicyScope":"`+scope+`","FilterPolicy":`+awstest.Quoted(policy)+`}}`)
		a.Blameless()
		if a.Status != http.StatusOK {
			if a.Code != invalidParameter || !strings.HasPrefix(a.Message, "Invalid parameter: Attributes Reason: Filter") {
				t.Fatalf("%q was refused with %s", policy, a.Body)
			}
			return
		}
		if policy != "" && !json.Valid([]byte(policy)) {
			t.Fatalf("took what is no JSON: %q", policy)
		}
		arn := a.Text("SubscriptionArn")
		// What was sent is JSON text, in which what is no UTF-8 became U+FFFD. XML has no control characters.
		want := strings.ToValidUTF8(policy, "\ufffd")
		if got := e.attributes(arn)["FilterPolicy"]; got != want && got != "" && !strings.ContainsFunc(want, func(r rune) bool { return r < ' ' || r == 0xfffe || r == 0xffff || r == '\ufffd' }) {
			t.Fatalf("%q is shown as %q", want, got)
		}
		e.ok("Publish", message(`"Message":"{\"a\":{\"b\":1}}","MessageAttributes":{"a":{"DataType":"String","StringValue":"b"}}`))
		e.ok("Unsubscribe", `{"SubscriptionArn":"`+arn+`"}`)
	})
}

// FuzzMessageStructure takes any text for a message per protocol: it is refused, or the queue gets its own text or the default.
func FuzzMessageStructure(f *testing.F) {
	for _, body := range []string{
		`{"default":"d"}`, `{"default":"d","sqs":"s"}`, `{"default":1}`, `{"default":"d","default":"e"}`, `{"default":""}`, `{"default":"d","sqs":""}`, `[]`, `{`, `{"default":"\ud800"}`, `{"default":"d"} x`,
	} {
		f.Add(body)
	}
	e := newEnv(f)
	e.topic("t")
	e.queue("q")
	e.subscribe("t", "q", `"Attributes":{"RawMessageDelivery":"true"}`)
	f.Fuzz(func(t *testing.T, body string) {
		e := e.on(t)
		a := e.call("Publish", message(`"MessageStructure":"json","Message":`+awstest.Quoted(body)))
		a.Blameless()
		var texts map[string]any
		if err := json.Unmarshal([]byte(strings.ToValidUTF8(body, "\ufffd")), &texts); (err != nil || texts["default"] == nil) && a.Status == http.StatusOK {
			t.Fatalf("took %q", body)
		}
	})
}
