package sns_test

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/queue"
)

var update = flag.Bool("update", false, "rewrite testdata/golden and docs/sns.md")

// step is a call. {{subscription}} in its input stands for the last subscription's ARN that was answered, {{token}} for the token
// that the endpoint of an HTTP subscription was sent last.
type step struct {
	operation, input string
	header           []string
	// fault, when set, is what appending to the store fails with.
	fault error
}

// exchanges are the pairs of requests and answers of one golden file.
type exchanges struct {
	// before is what they work on.
	before []step
	steps  []step
}

var errSecret = fmt.Errorf("secret: %w", os.ErrInvalid)

func call(operation, input string, header ...string) step {
	return step{operation: operation, input: input, header: header}
}

// scenarios are those of every operation: what it answers, and its errors.
func scenarios() map[string]exchanges {
	const (
		text  = `line\r\nline\ttab \"quoted\" <b>&amp; é \ud83d\ude00`
		topic = `"TopicArn":"arn:aws:sns:us-east-1:000000000000:t"`
		none  = `"TopicArn":"arn:aws:sns:us-east-1:000000000000:none"`
		fifo  = `"TopicArn":"arn:aws:sns:us-east-1:000000000000:f.fifo"`
		of    = `"ResourceArn":"arn:aws:sns:us-east-1:000000000000:t"`
		ofNo  = `"ResourceArn":"arn:aws:sns:us-east-1:000000000000:none"`
		queue = `"Protocol":"sqs","Endpoint":"arn:aws:sqs:us-east-1:000000000000:q"`
	)
	topics := []step{
		call("CreateTopic", `{"Name":"t","Attributes":{"DisplayName":"Alerts <&>"},"Tags":[{"Key":"team","Value":"shop"},{"Key":"empty","Value":""}]}`),
		call("CreateTopic", `{"Name":"f.fifo","Attributes":{"FifoTopic":"true","ContentBasedDeduplication":"true"}}`),
	}
	with := func(more ...step) []step { return append(topics[:2:2], more...) }
	subscribe := call("Subscribe", `{`+topic+`,`+queue+`,"Attributes":{"FilterPolicy":"{\"a\": [\"b\"]}","RawMessageDelivery":"true"}}`)
	overHTTP := call("Subscribe", `{`+topic+`,"Protocol":"https","Endpoint":"https://example.com/?a=b&c=d","ReturnSubscriptionArn":true}`)
	const attributes = `"MessageAttributes":{"a":{"DataType":"String","StringValue":"b"},"bytes":{"DataType":"Binary.png","BinaryValue":"AP+J"},"list":{"DataType":"String.Array","StringValue":"[\"` + `x` + `\"]"}}`
	publish := call("Publish", `{`+topic+`,"Message":"m"}`)
	return map[string]exchanges{
		"CreateTopic": {before: topics, steps: []step{
			call("CreateTopic", `{"Name":"new"}`),
			call("CreateTopic", `{"Name":"t"}`),
			call("CreateTopic", `{"Name":"t","Attributes":{"DisplayName":"other"}}`),
			call("CreateTopic", `{"Name":"t","Tags":[{"Key":"team","Value":"other"}]}`),
			call("CreateTopic", `{"Name":"new.fifo","Attributes":{"FifoTopic":"true"},"DataProtectionPolicy":"{}"}`),
			call("CreateTopic", `{"Name":"a.b"}`),
			call("CreateTopic", `{}`),
		}},
		"DeleteTopic": {before: topics, steps: []step{
			call("DeleteTopic", `{`+topic+`}`), call("DeleteTopic", `{`+topic+`}`), call("DeleteTopic", `{"TopicArn":"t"}`),
		}},
		"ListTopics": {steps: append([]step{call("ListTopics", `{}`)}, append(topics[:2:2],
			call("ListTopics", `{}`), call("ListTopics", `{"NextToken":"Zi5maWZv"}`), call("ListTopics", `{"NextToken":"*"}`))...)},
		"GetTopicAttributes": {before: topics, steps: []step{
			call("GetTopicAttributes", `{`+topic+`}`), call("GetTopicAttributes", `{`+fifo+`}`), call("GetTopicAttributes", `{`+none+`}`),
			call("GetTopicAttributes", `{"TopicArn":"arn:aws:sns:eu-west-1:000000000000:t"}`),
		}},
		"SetTopicAttributes": {before: topics, steps: []step{
			call("SetTopicAttributes", `{`+topic+`,"AttributeName":"DisplayName","AttributeValue":"`+text+`"}`),
			call("SetTopicAttributes", `{`+topic+`,"AttributeName":"DeliveryPolicy","AttributeValue":"{\"http\":{\"defaultThrottlePolicy\":{\"maxReceivesPerSecond\":5}}}"}`),
			call("GetTopicAttributes", `{`+topic+`}`),
			call("SetTopicAttributes", `{`+topic+`,"AttributeName":"Colour","AttributeValue":"red"}`),
			call("SetTopicAttributes", `{`+topic+`}`),
		}},
		"AddPermission": {before: topics, steps: []step{
			call("AddPermission", `{`+topic+`,"Label":"l","AWSAccountId":["111111111111","222222222222"],"ActionName":["Publish"]}`),
			call("AddPermission", `{`+topic+`,"Label":"l","AWSAccountId":["111111111111"],"ActionName":["Publish"]}`),
			call("AddPermission", `{`+topic+`,"Label":"x","AWSAccountId":["111111111111"],"ActionName":["Fly"]}`),
		}},
		"RemovePermission": {before: topics, steps: []step{call("RemovePermission", `{`+topic+`,"Label":"l"}`), call("RemovePermission", `{`+none+`,"Label":"l"}`)}},
		"TagResource": {before: topics, steps: []step{
			call("TagResource", `{`+of+`,"Tags":[{"Key":"k","Value":"<v>"}]}`),
			call("TagResource", `{`+of+`,"Tags":[{"Key":"k","Value":"v"},{"Key":"k","Value":"v"}]}`),
			call("TagResource", `{`+of+`,"Tags":[{"Key":"","Value":"v"}]}`),
			call("TagResource", `{`+ofNo+`,"Tags":[{"Key":"k","Value":"v"}]}`),
		}},
		"UntagResource": {before: topics, steps: []step{
			call("UntagResource", `{`+of+`,"TagKeys":["team","none"]}`), call("UntagResource", `{`+ofNo+`,"TagKeys":["team"]}`),
		}},
		"ListTagsForResource": {before: topics, steps: []step{
			call("ListTagsForResource", `{`+of+`}`), call("ListTagsForResource", `{"ResourceArn":"arn:aws:sns:us-east-1:000000000000:f.fifo"}`), call("ListTagsForResource", `{`+ofNo+`}`),
		}},
		"PutDataProtectionPolicy": {before: topics, steps: []step{
			call("PutDataProtectionPolicy", `{`+of+`,"DataProtectionPolicy":"{\"Name\":\"p\"}"}`), call("PutDataProtectionPolicy", `{`+of+`,"DataProtectionPolicy":"p"}`),
		}},
		"GetDataProtectionPolicy": {before: with(call("PutDataProtectionPolicy", `{`+of+`,"DataProtectionPolicy":"{\"Name\":\"p\"}"}`)), steps: []step{
			call("GetDataProtectionPolicy", `{`+of+`}`), call("GetDataProtectionPolicy", `{"ResourceArn":"arn:aws:sns:us-east-1:000000000000:f.fifo"}`),
		}},
		"Subscribe": {before: topics, steps: []step{
			subscribe,
			call("Subscribe", `{`+topic+`,`+queue+`,"Attributes":{"RawMessageDelivery":"false"}}`),
			overHTTP,
			call("Subscribe", `{`+topic+`,"Protocol":"https","Endpoint":"https://example.com/?a=b&c=d"}`),
			call("Subscribe", `{`+topic+`,"Protocol":"sqs","Endpoint":"http://router.test/000000000000/q"}`),
			call("Subscribe", `{`+topic+`,"Protocol":"email","Endpoint":"a@example.com"}`),
			call("Subscribe", `{`+topic+`,"Protocol":"sqs","Endpoint":"arn:aws:sqs:us-east-1:000000000000:p","Attributes":{"FilterPolicy":"{\"a\":[{\"numeric\":[\">\",\"x\"]}]}"}}`),
			call("Subscribe", `{`+none+`,`+queue+`}`),
			call("Subscribe", `{`+topic+`}`),
		}},
		"ConfirmSubscription": {before: with(overHTTP), steps: []step{
			call("ConfirmSubscription", `{`+topic+`,"Token":"x"}`),
			call("ConfirmSubscription", `{`+topic+`,"Token":"{{token}}"}`),
			call("ConfirmSubscription", `{`+topic+`,"Token":"{{token}}"}`),
			call("ConfirmSubscription", `{"TopicArn":"t","Token":"x"}`),
		}},
		"Unsubscribe": {before: with(subscribe), steps: []step{
			call("Unsubscribe", `{"SubscriptionArn":"{{subscription}}"}`), call("Unsubscribe", `{"SubscriptionArn":"{{subscription}}"}`),
			call("Unsubscribe", `{"SubscriptionArn":"x"}`), call("Unsubscribe", `{"SubscriptionArn":"arn:aws:sns:us-east-1:000000000000:t"}`),
		}},
		"ListSubscriptions":        {before: topics, steps: []step{call("ListSubscriptions", `{}`), subscribe, call("ListSubscriptions", `{}`)}},
		"ListSubscriptionsByTopic": {before: with(overHTTP), steps: []step{call("ListSubscriptionsByTopic", `{`+topic+`}`), call("ListSubscriptionsByTopic", `{`+fifo+`}`), call("ListSubscriptionsByTopic", `{`+none+`}`)}},
		"GetSubscriptionAttributes": {before: with(subscribe), steps: []step{
			call("GetSubscriptionAttributes", `{"SubscriptionArn":"{{subscription}}"}`),
			call("GetSubscriptionAttributes", `{"SubscriptionArn":"arn:aws:sns:us-east-1:000000000000:t:8a21d249-4329-4871-acc6-7be709c6ea7f"}`),
		}},
		"SetSubscriptionAttributes": {before: with(subscribe), steps: []step{
			call("SetSubscriptionAttributes", `{"SubscriptionArn":"{{subscription}}","AttributeName":"RawMessageDelivery","AttributeValue":"false"}`),
			call("SetSubscriptionAttributes", `{"SubscriptionArn":"{{subscription}}","AttributeName":"FilterPolicy","AttributeValue":"{\"a\":\"b\"}"}`),
			call("SetSubscriptionAttributes", `{"SubscriptionArn":"{{subscription}}","AttributeName":"Colour","AttributeValue":"red"}`),
		}},
		"Publish": {before: with(subscribe), steps: []step{
			publish,
			call("Publish", `{`+topic+`,"Message":"`+text+`","Subject":"s",`+attributes+`,"MessageGroupId":"tenant"}`),
			call("Publish", `{`+fifo+`,"Message":"m","MessageGroupId":"g"}`),
			call("Publish", `{`+fifo+`,"Message":"m"}`),
			call("Publish", `{`+topic+`,"Message":""}`),
			call("Publish", `{`+topic+`}`),
			call("Publish", `{`+topic+`,"Message":"m","MessageAttributes":{"a":{"DataType":"Number","BinaryValue":"AA=="}}}`),
			call("Publish", `{`+none+`,"Message":"m"}`),
			{operation: "Publish", input: `{` + topic + `,"Message":"m","MessageAttributes":{"a":{"DataType":"String","StringValue":"b"}}}`, fault: errFull},
			{operation: "Publish", input: `{` + topic + `,"Message":"m","MessageAttributes":{"a":{"DataType":"String","StringValue":"b"}}}`, fault: errSecret},
		}},
		"PublishBatch": {before: topics, steps: []step{
			call("PublishBatch", `{`+topic+`,"PublishBatchRequestEntries":[{"Id":"1","Message":"m",`+attributes+`},{"Id":"2","Message":""}]}`),
			call("PublishBatch", `{`+fifo+`,"PublishBatchRequestEntries":[{"Id":"1","Message":"m","MessageGroupId":"g"}]}`),
			call("PublishBatch", `{`+topic+`,"PublishBatchRequestEntries":[{"Id":"1","Message":"m"},{"Id":"1","Message":"m"}]}`),
			call("PublishBatch", `{`+topic+`,"PublishBatchRequestEntries":[]}`),
		}},
		// For clients that take nothing else.
		"AcceptJSON": {before: topics, steps: []step{
			call("Publish", `{`+topic+`,"Message":"m"}`, "Accept", "application/json"),
			call("GetTopicAttributes", `{`+topic+`}`, "Accept", "application/json"),
			call("DeleteTopic", `{`+topic+`}`, "Accept", "application/json"),
			call("GetTopicAttributes", `{`+topic+`}`, "Accept", "application/json"),
		}},
	}
}

var errFull = fmt.Errorf("no room: %w", queue.ErrStoreFull)

var subscriptionPattern = regexp.MustCompile(`<SubscriptionArn>(arn:[^<]+)<`)

// TestGolden writes what every operation answers, and its errors.
func TestGolden(t *testing.T) {
	t.Parallel()
	for name, x := range scenarios() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			subscription := ""
			run := func(s step) (*http.Request, string, *answer) {
				e.store.fail(s.fault)
				input := strings.ReplaceAll(s.input, "{{subscription}}", subscription)
				if strings.Contains(input, "{{token}}") {
					input = strings.ReplaceAll(input, "{{token}}", e.sent(subscription)[0]["Token"])
				}
				r := request(t, s.operation, input, s.header...)
				a := e.do(r)
				if m := subscriptionPattern.FindStringSubmatch(a.body); m != nil {
					subscription = m[1]
				}
				if errors.Is(s.fault, errSecret) && strings.Contains(a.body, "secret") {
					t.Errorf("an internal error is shown: %s", a.body)
				}
				return r, input, a
			}
			for _, s := range x.before {
				if _, _, a := run(s); a.status != http.StatusOK {
					t.Fatalf("%s answered %s", s.operation, a.body)
				}
			}
			var b strings.Builder
			for _, s := range x.steps {
				r, input, a := run(s)
				if s.fault != nil {
					fmt.Fprintf(&b, "(the store fails: %v)\n", s.fault)
				}
				writeExchange(&b, r, strings.ReplaceAll(form(t, s.operation, input), "&", "\n&"), a)
			}
			golden(t, name, b.String())
		})
	}
}

// writeExchange writes a request and its answer, without what is different every time.
func writeExchange(b *strings.Builder, r *http.Request, sent string, a *answer) {
	fmt.Fprintf(b, "%s %s\n", r.Method, mask(r.URL.RequestURI()))
	if accept := r.Header.Get("Accept"); accept != "" {
		fmt.Fprintf(b, "Accept: %s\n", accept)
	}
	if sent != "" {
		fmt.Fprintf(b, "\n%s\n", mask(sent))
	}
	fmt.Fprintf(b, "---\n%d\nContent-Type: %s\n", a.status, a.contentType)
	if a.retryAfter != "" {
		fmt.Fprintf(b, "Retry-After: %s\n", a.retryAfter)
	}
	fmt.Fprintf(b, "\n%s\n", mask(a.body))
	fmt.Fprintln(b, strings.Repeat("=", 80))
}

func mask(body string) string {
	for _, v := range volatile {
		body = v.pattern.ReplaceAllString(body, v.with)
	}
	return body
}

var volatile = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "{id}"},
	{regexp.MustCompile(`\b[0-9a-f]{128}\b`), "{token}"},
	{regexp.MustCompile(`\b\d{20}\b`), "{sequence}"},
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name+".txt")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got); go test -update rewrites it:\n%s", path, diff)
	}
}

// TestScenariosAreComplete keeps the scenarios in step with the table of operations.
func TestScenariosAreComplete(t *testing.T) {
	t.Parallel()
	all := scenarios()
	for _, op := range newEnv(t).service.Operations {
		if _, ok := all[op.Name]; !ok {
			t.Errorf("%s has no golden file", op.Name)
		}
	}
}

// TestGoldenOfTheProtocol writes what is answered to requests that are not the usual ones.
func TestGoldenOfTheProtocol(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	arn := e.topic("t")
	var b strings.Builder
	for _, x := range []struct{ method, target, body string }{
		{"GET", "/?Action=ListTopics&Version=2010-03-31", ""},
		{"GET", "/?Action=Publish&TopicArn=" + arn + "&Message=a%20b", ""},
		{"GET", "/?Action=Unsubscribe&SubscriptionArn=x", ""},
		{"GET", "/?Action=ConfirmSubscription&TopicArn=" + arn + "&Token=x", ""},
		{"POST", "/", "Action=Publish&Version=2010-03-31&TopicArn=" + arn},
		{"POST", "/", "Action=Publish&Version=2010-03-31&TopicArn=" + arn + "&Message=m&MessageAttributes.entry.1.Value.DataType=String"},
		{"POST", "/", "Action=Subscribe&Version=2010-03-31&TopicArn=" + arn + "&Protocol=sqs&ReturnSubscriptionArn=yes"},
		{"POST", "/", "Action=Fly&Version=2010-03-31"},
		{"POST", "/", "Action=ListPlatformApplications&Version=2010-03-31"},
		{"POST", "/", "Action=ListTopics&Version=1999-01-01"},
		{"POST", "/", "Action=ListQueues&Version=2010-03-31"},
		{"POST", "/", "Version=2010-03-31"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), x.method, x.target, strings.NewReader(x.body))
		if !e.handler.Takes(r) {
			t.Errorf("%s %s is not taken", x.method, x.target)
		}
		writeExchange(&b, r, x.body, e.do(r))
	}
	golden(t, "protocol", b.String())
}
