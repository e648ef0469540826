package sqs_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi/awstest"
)

// Every target goes through the whole handler. readAnswer checks that an answer is well formed and that an error is one that
// clients know; what is left to check is that it is never the router's fault.

func FuzzSendMessageJSON(f *testing.F) {
	for _, input := range []string{
		`{"QueueUrl":"q","MessageBody":"b"}`, examples()["SendMessage"], examples()["SendMessageBatch"],
		`{"QueueUrl":"f.fifo","MessageBody":"b","MessageGroupId":"g","MessageDeduplicationId":"d","DelaySeconds":0}`,
		`{"QueueUrl":"q","MessageBody":"\u0000\ud800","DelaySeconds":1e2}`, `{"Entries":[null,{}],"QueueUrl":null}`, ``, `[`,
	} {
		f.Add([]byte(input), false)
		f.Add([]byte(input), true)
	}
	e := newEnv(f)
	e.create("q", "f.fifo")
	f.Fuzz(func(t *testing.T, body []byte, batch bool) {
		e := e.on(t)
		operation := "SendMessage"
		if batch {
			operation = "SendMessageBatch"
		}
		a := e.call(overJSON, operation, string(body))
		a.Blameless()
		if a.Status == http.StatusOK && !json.Valid(body) {
			t.Fatalf("took what is no JSON: %q", body)
		}
		e.ok(overJSON, "PurgeQueue", `{"QueueUrl":"q"}`)
		e.ok(overJSON, "PurgeQueue", `{"QueueUrl":"f.fifo"}`)
	})
}

func FuzzReceiveQuery(f *testing.F) {
	for _, query := range []string{
		"QueueUrl=q", "QueueUrl=q&AttributeName.1=All&MessageAttributeName.1=All&MaxNumberOfMessages=10",
		"QueueUrl=q&AttributeName=All&MessageAttributeName.2=a.*&MessageAttributeName.1=&VisibilityTimeout=0", "QueueUrl=%zz", "&&=&QueueUrl=q;",
		"QueueUrl=http%3A%2F%2Fsqs.eu-west-1.amazonaws.com%2F000000000000%2Fq", "QueueUrl=f.fifo&ReceiveRequestAttemptId=r&WaitTimeSeconds=0",
		"Action=SendMessage&QueueUrl=q&MessageBody=%01&MessageAttribute.1.Name=a&MessageAttribute.1.Value.DataType=String",
	} {
		f.Add(query, false)
		f.Add(query, true)
	}
	e := newEnv(f)
	e.create("q", "f.fifo")
	e.ok(overJSON, "SendMessage", `{"QueueUrl":"q","MessageBody":"<&\r\n>","MessageAttributes":{"a.b":{"DataType":"String","StringValue":"v"}}}`)
	e.ok(overJSON, "SendMessage", `{"QueueUrl":"f.fifo","MessageBody":"b","MessageGroupId":"g","MessageDeduplicationId":"d"}`)
	f.Fuzz(func(t *testing.T, query string, wantJSON bool) {
		// What comes first counts: it is a receive that does not wait.
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, base+"/", strings.NewReader("Action=ReceiveMessage&WaitTimeSeconds=0&"+query))
		if wantJSON {
			r.Header.Set("Accept", "application/json")
		}
		e.on(t).do(r).Blameless()
	})
}

// FuzzDeleteHandle takes any text for a receipt handle: it is refused, or the message goes that it is of.
func FuzzDeleteHandle(f *testing.F) {
	e := newEnv(f)
	e.create("q")
	e.ok(overJSON, "SendMessage", `{"QueueUrl":"q","MessageBody":"kept"}`)
	handle := e.receive(`{"QueueUrl":"q","VisibilityTimeout":43200}`)[0].ReceiptHandle
	f.Add(handle[1:])
	f.Add(handle[:49] + "A")
	f.Add(strings.ToLower(handle))
	f.Add("")
	f.Add("x")
	f.Add(" " + handle)
	f.Add("\x00\xff<&>\"")
	f.Fuzz(func(t *testing.T, text string) {
		e := e.on(t)
		if text == handle {
			t.Skip("the right one")
		}
		for _, input := range []string{
			`{"QueueUrl":"q","ReceiptHandle":` + awstest.Quoted(text) + `}`, `{"QueueUrl":"q","VisibilityTimeout":0,"ReceiptHandle":` + awstest.Quoted(text) + `}`,
		} {
			for _, p := range protocols() {
				for _, operation := range []string{"DeleteMessage", "ChangeMessageVisibility"} {
					if operation == "ChangeMessageVisibility" && !strings.Contains(input, "Visibility") {
						continue
					}
					a := e.call(p, operation, input)
					if a.Status == http.StatusOK || a.Code != "ReceiptHandleIsInvalid" && (text != "" || a.Code != "MissingParameter") {
						t.Fatalf("%s %q: answered %d %s", operation, text, a.Status, a.Body)
					}
				}
			}
		}
		a := e.ok(overJSON, "GetQueueAttributes", `{"QueueUrl":"q","AttributeNames":["ApproximateNumberOfMessagesNotVisible"]}`)
		if !strings.Contains(a.Body, `"ApproximateNumberOfMessagesNotVisible":"1"`) {
			t.Fatalf("%q: the message is not in flight any more: %s", text, a.Body)
		}
	})
}

// FuzzQueueURL takes any text for the URL of a queue: it is that of the queue that its last two segments name, or of none.
func FuzzQueueURL(f *testing.F) {
	for _, text := range []string{
		"q", "/000000000000/q", base + "/000000000000/q", "https://sqs.us-east-1.amazonaws.com/000000000000/q", "http://us-east-1.queue.localhost:4566/000000000000/q/",
		"http://h/queue/us-east-1/000000000000/q", "http://h/queue/us-east-1/q", "//", "http://", "http://h", "q/", "../q", "\x00", "000000000000/q?x", "é/é",
	} {
		f.Add(text)
	}
	e := newEnv(f)
	e.create("q")
	f.Fuzz(func(t *testing.T, text string) {
		e := e.on(t)
		for _, p := range protocols() {
			a := e.call(p, "GetQueueAttributes", `{"AttributeNames":["QueueArn"],"QueueUrl":`+awstest.Quoted(text)+`}`)
			a.Blameless()
			if a.Status != http.StatusOK {
				continue
			}
			if !strings.Contains(a.Body, arn("q")) || !strings.HasSuffix(strings.TrimSuffix(text, "/"), "q") {
				t.Fatalf("%q is the queue of %s", text, a.Body)
			}
		}
		path := "/000000000000/" + url.PathEscape(text)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, base+path+"?Action=GetQueueAttributes", nil)
		if e.handler.Takes(r) {
			e.do(r).Blameless()
		}
	})
}

// FuzzAttributeNames takes any text for the name of an attribute that a receiver asks for.
func FuzzAttributeNames(f *testing.F) {
	for _, name := range []string{"All", ".*", "a.*", "a", "", "*", "..*", "a.b.*", "A.*", "\xff", "a.b"} {
		f.Add(name)
	}
	e := newEnv(f)
	e.create("q")
	e.ok(overJSON, "SendMessage", `{"QueueUrl":"q","MessageBody":"b","MessageAttributes":{"a.b":{"DataType":"String","StringValue":"v"},"ab":{"DataType":"String","StringValue":"v"}}}`)
	f.Fuzz(func(t *testing.T, name string) {
		e := e.on(t)
		e.call(overQuery, "ReceiveMessage", `{"QueueUrl":"q","VisibilityTimeout":0,"AttributeNames":[`+awstest.Quoted(name)+`]}`).Blameless()
		m := e.receive(`{"QueueUrl":"q","VisibilityTimeout":0,"MessageAttributeNames":[` + awstest.Quoted(name) + `]}`)[0]
		for got := range m.MessageAttributes {
			if name != "All" && name != ".*" && name != got && (!strings.HasSuffix(name, ".*") || !strings.HasPrefix(got, strings.TrimSuffix(name, ".*"))) {
				t.Fatalf("%q gave %s", name, got)
			}
		}
		if (m.MD5OfMessageAttributes != "") != (len(m.MessageAttributes) > 0) {
			t.Fatalf("%q gave %+v", name, m)
		}
	})
}
