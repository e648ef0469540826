package sqs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi/awstest"
	"github.com/signalbox-mq/signalbox/httpapi/longpoll"
)

type sent struct {
	MessageID                    string `json:"MessageId"`
	MD5OfMessageBody             string
	MD5OfMessageAttributes       string
	MD5OfMessageSystemAttributes string
	SequenceNumber               string
}

func (e *env) send(input string) sent {
	e.tb.Helper()
	return awstest.Decode[sent](e.ok(overJSON, "SendMessage", input))
}

// TestReturnedAttributes receives some attributes: what is returned, and the digest of just that.
func TestReturnedAttributes(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("q")
	const foobar, timestamp = "adb59cd4678ea5a855436b949cd07ab6", "235c5c510d26fb653d073faed50ae77c" // as AWS answered for each alone
	s := e.send(`{"QueueUrl":"q","MessageBody":"b","MessageAttributes":{"MyAttribute":{"DataType":"String","StringValue":"foobar"},
		"timestamp":{"DataType":"Number","StringValue":"1493147359900"},"app.raw":{"DataType":"Binary","BinaryValue":"AP8="}},
		"MessageSystemAttributes":{"AWSTraceHeader":{"DataType":"String","StringValue":"Root=1"}}}`)
	if s.MD5OfMessageAttributes == "" || s.MD5OfMessageSystemAttributes == "" || s.MD5OfMessageAttributes == s.MD5OfMessageSystemAttributes || s.SequenceNumber != "" {
		t.Errorf("sent %+v", s)
	}
	for _, c := range []struct {
		names, md5 string
		want       []string
	}{
		{``, "", nil},
		{`"none"`, "", nil},
		{`"MyAttribute"`, foobar, []string{"MyAttribute"}},
		{`"timestamp","none"`, timestamp, []string{"timestamp"}},
		{`"All"`, s.MD5OfMessageAttributes, []string{"MyAttribute", "app.raw", "timestamp"}},
		{`".*"`, s.MD5OfMessageAttributes, []string{"MyAttribute", "app.raw", "timestamp"}},
		{`"app"`, "", nil},
		{`"app.*"`, "-", []string{"app.raw"}},
	} {
		m := e.receive(`{"QueueUrl":"q","VisibilityTimeout":0,"MessageAttributeNames":[` + c.names + `]}`)[0]
		var got []string
		for name := range m.MessageAttributes {
			got = append(got, name)
		}
		if diff := cmp.Diff(len(c.want), len(got)); diff != "" {
			t.Errorf("%s: got %v", c.names, got)
		}
		for _, name := range c.want {
			if _, ok := m.MessageAttributes[name]; !ok {
				t.Errorf("%s: got %v, not %s", c.names, got, name)
			}
		}
		if c.md5 != "-" && m.MD5OfMessageAttributes != c.md5 {
			t.Errorf("%s: got the digest %q, want %q", c.names, m.MD5OfMessageAttributes, c.md5)
		}
		if m.Attributes != nil {
			t.Errorf("%s: got attributes that nobody asked for: %v", c.names, m.Attributes)
		}
	}
}

// TestSystemAttributes receives what a queue gives a message, in both ways to ask for it.
func TestSystemAttributes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEnv(t)
		e.create("q", "q.fifo")
		e.send(`{"QueueUrl":"q","MessageBody":"b","MessageGroupId":"tenant","MessageSystemAttributes":{"AWSTraceHeader":{"DataType":"String","StringValue":"Root=1"}}}`)
		pass(t, time.Second)
		want := map[string]string{
			"SenderId": account, "SentTimestamp": "946684800000", "ApproximateFirstReceiveTimestamp": "946684801000", "ApproximateReceiveCount": "1",
			"MessageGroupId": "tenant", "AWSTraceHeader": "Root=1",
		}
		got := e.receive(`{"QueueUrl":"q","VisibilityTimeout":0,"MessageSystemAttributeNames":["All"]}`)[0].Attributes
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		got = e.receive(`{"QueueUrl":"q","VisibilityTimeout":0,"AttributeNames":["SenderId","QueueArn"],"MessageSystemAttributeNames":["ApproximateReceiveCount","MessageDeduplicationId"]}`)[0].Attributes
		if diff := cmp.Diff(map[string]string{"SenderId": account, "ApproximateReceiveCount": "2"}, got); diff != "" {
			t.Error(diff)
		}
		s := e.send(`{"QueueUrl":"q.fifo","MessageBody":"b","MessageGroupId":"g","MessageDeduplicationId":"d"}`)
		got = e.receive(`{"QueueUrl":"q.fifo","AttributeNames":["All"]}`)[0].Attributes
		if got["SequenceNumber"] != s.SequenceNumber || got["MessageDeduplicationId"] != "d" || got["MessageGroupId"] != "g" {
			t.Errorf("got %v, sent %+v", got, s)
		}
	})
}

// TestSequenceNumbers have 20 digits and rise; a duplicate has those of the first.
func TestSequenceNumbers(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("q.fifo")
	last := ""
	var first sent
	for i := range 20 {
		s := e.send(fmt.Sprintf(`{"QueueUrl":"q.fifo","MessageBody":"b","MessageGroupId":"g%d","MessageDeduplicationId":"d%d"}`, i%3, i))
		if len(s.SequenceNumber) != 20 || s.SequenceNumber <= last {
			t.Errorf("%s after %s", s.SequenceNumber, last)
		}
		if last = s.SequenceNumber; i == 0 {
			first = s
		}
	}
	again := e.send(`{"QueueUrl":"q.fifo","MessageBody":"other","MessageGroupId":"g0","MessageDeduplicationId":"d0"}`)
	if again.MessageID != first.MessageID || again.SequenceNumber != first.SequenceNumber || again.MD5OfMessageBody == first.MD5OfMessageBody {
		t.Errorf("a duplicate: %+v, the first: %+v", again, first)
	}
}

// TestHandlesAfterTheirTime deletes and extends with handles whose visibility timeout is over.
func TestHandlesAfterTheirTime(t *testing.T) {
	t.Parallel()
	for _, p := range protocols() {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e := newEnv(t)
				e.create("q", "q.fifo")
				e.send(`{"QueueUrl":"q","MessageBody":"b"}`)
				e.send(`{"QueueUrl":"q.fifo","MessageBody":"b","MessageGroupId":"g","MessageDeduplicationId":"d"}`)
				standard := e.receive(`{"QueueUrl":"q","VisibilityTimeout":1}`)[0].ReceiptHandle
				fifo := e.receive(`{"QueueUrl":"q.fifo","VisibilityTimeout":1}`)[0].ReceiptHandle
				pass(t, 2*time.Second)
				remove := func(queue, handle string) *awstest.Answer {
					return e.call(p, "DeleteMessage", `{"QueueUrl":"`+queue+`","ReceiptHandle":"`+handle+`"}`)
				}
				remove("q.fifo", fifo).Is("a FIFO queue's", invalidParameter, outOf(fifo, "ReceiptHandle", "The receipt handle has expired."))
				if a := remove("q", standard); a.Status != 200 {
					t.Errorf("answered %s", a.Body)
				}
				if left := e.receive(`{"QueueUrl":"q"}`); left != nil {
					t.Errorf("left %v", left)
				}
				if a := remove("q", standard); a.Status != 200 {
					t.Errorf("deleting it again: %s", a.Body)
				}
				e.call(p, "ChangeMessageVisibility", `{"QueueUrl":"q","ReceiptHandle":"`+standard+`","VisibilityTimeout":5}`).
					Is("of a deleted message", invalidParameter, outOf(standard, "ReceiptHandle", "Message does not exist or is not available for visibility timeout change."))
				remove("q", fifo).Is("another queue's", "ReceiptHandleIsInvalid", `The input receipt handle "`+fifo+`" is not a valid receipt handle.`)
				if got := e.receive(`{"QueueUrl":"q.fifo"}`); len(got) != 1 {
					t.Errorf("the FIFO queue has %v", got)
				}
			})
		})
	}
}

// TestTotalVisibility extends a message beyond 12 hours.
func TestTotalVisibility(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEnv(t)
		e.create("q")
		e.send(`{"QueueUrl":"q","MessageBody":"b"}`)
		handle := e.receive(`{"QueueUrl":"q","VisibilityTimeout":43200}`)[0].ReceiptHandle
		pass(t, time.Minute)
		change := func(seconds int) *awstest.Answer {
			return e.call(overJSON, "ChangeMessageVisibility", `{"QueueUrl":"q","ReceiptHandle":"`+handle+`","VisibilityTimeout":`+strconv.Itoa(seconds)+`}`)
		}
		change(43200).Is("beyond the limit", invalidParameter, outOf("43200", "VisibilityTimeout", "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]"))
		if a := change(43200 - 60); a.Status != 200 {
			t.Errorf("answered %s", a.Body)
		}
		if a := change(0); a.Status != 200 || len(e.receive(`{"QueueUrl":"q"}`)) != 1 {
			t.Errorf("answered %s, and is not visible", a.Body)
		}
	})
}

// TestLongPolls wait by the request or else by the queue, and end with the first message, or when the server stops.
func TestLongPolls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEnv(t)
		e.create("q")
		took := func(input string) (time.Duration, []received) {
			began := time.Now()
			got := e.receive(input)
			return time.Since(began), got
		}
		if d, got := took(`{"QueueUrl":"q"}`); d != 0 || got != nil {
			t.Errorf("took %v, got %v", d, got)
		}
		if d, got := took(`{"QueueUrl":"q","WaitTimeSeconds":20}`); d != 20*time.Second || got != nil {
			t.Errorf("took %v, got %v", d, got)
		}
		e.ok(overJSON, "SetQueueAttributes", `{"QueueUrl":"q","Attributes":{"ReceiveMessageWaitTimeSeconds":"3"}}`)
		if d, _ := took(`{"QueueUrl":"q"}`); d != 3*time.Second {
			t.Errorf("by the queue's wait, took %v", d)
		}
		if d, _ := took(`{"QueueUrl":"q","WaitTimeSeconds":0}`); d != 0 {
			t.Errorf("by its own wait of 0, took %v", d)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			pass(t, 2*time.Second)
			e.send(`{"QueueUrl":"q","MessageBody":"b"}`)
		}()
		if d, got := took(`{"QueueUrl":"q","WaitTimeSeconds":20,"MaxNumberOfMessages":10}`); d != 2*time.Second || len(got) != 1 {
			t.Errorf("took %v, got %v", d, got)
		}
		<-done

		stopping, stop := context.WithCancel(t.Context())
		defer stop()
		r := e.client.Request("ReceiveMessage", `{"QueueUrl":"q","WaitTimeSeconds":20}`)
		r = r.WithContext(longpoll.WithStopping(t.Context(), stopping))
		timer := time.AfterFunc(time.Second, stop)
		defer timer.Stop()
		began := time.Now()
		if a := e.do(r); a.Status != 200 || a.Body != "{}" || time.Since(began) != time.Second {
			t.Errorf("a server that stops answered %d %s after %v", a.Status, a.Body, time.Since(began))
		}
	})
}

// TestDeadLetters has what a message keeps when it moves.
func TestDeadLetters(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("dead", "q")
	e.ok(overJSON, "SetQueueAttributes", `{"QueueUrl":"q","Attributes":{"RedrivePolicy":`+awstest.Quoted(`{"deadLetterTargetArn":"`+arn("dead")+`","maxReceiveCount":1}`)+`}}`)
	s := e.send(`{"QueueUrl":"q","MessageBody":"b","MessageAttributes":{"a":{"DataType":"String","StringValue":"v"}}}`)
	if got := e.receive(`{"QueueUrl":"q","VisibilityTimeout":0}`); len(got) != 1 {
		t.Fatalf("got %v", got)
	}
	if got := e.receive(`{"QueueUrl":"q","VisibilityTimeout":0}`); got != nil {
		t.Fatalf("got it once too often: %v", got)
	}
	got := e.receive(`{"QueueUrl":"dead","AttributeNames":["All"],"MessageAttributeNames":["All"]}`)
	if len(got) != 1 || got[0].MessageID != s.MessageID || got[0].MD5OfMessageAttributes != s.MD5OfMessageAttributes ||
		got[0].Attributes["DeadLetterQueueSourceArn"] != arn("q") || got[0].Attributes["ApproximateReceiveCount"] != "2" {
		t.Errorf("sent %+v, dead letter %+v", s, got)
	}
}

// TestDeadLetterQueueThatDoesNotLet names a queue that lets only others have it as their dead-letter queue.
func TestDeadLetterQueueThatDoesNotLet(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("dead", "q", "friend")
	e.ok(overJSON, "SetQueueAttributes", `{"QueueUrl":"dead","Attributes":{"RedriveAllowPolicy":`+awstest.Quoted(`{"redrivePermission":"byQueue","sourceQueueArns":["`+arn("friend")+`"]}`)+`}}`)
	set := func(name string) *awstest.Answer {
		return e.call(overJSON, "SetQueueAttributes", `{"QueueUrl":"`+name+`","Attributes":{"RedrivePolicy":`+awstest.Quoted(`{"deadLetterTargetArn":"`+arn("dead")+`","maxReceiveCount":1}`)+`}}`)
	}
	if a := set("friend"); a.Status != 200 {
		t.Errorf("answered %s", a.Body)
	}
	if a := set("q"); a.Status != 400 || a.Code != "InvalidParameterValue" || !strings.Contains(a.Message, "for parameter RedrivePolicy is invalid. Reason: Dead letter target") {
		t.Errorf("answered %s", a.Body)
	}
}

// TestBodiesTravel sends bodies over one protocol and receives them over each.
func TestBodiesTravel(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	// What was received stays away, however slow the machine is.
	e.ok(overJSON, "CreateQueue", `{"QueueName":"q","Attributes":{"VisibilityTimeout":"43200"}}`)
	for _, body := range []string{"\r\n \t\r", "<&>\"'", "a+b=c&d%20", "\u2028é😀\ufffd", `{"json":"\u0000"}`, strings.Repeat("x", 1<<20)} {
		for _, p := range protocols() {
			e.ok(p, "SendMessage", `{"QueueUrl":"q","MessageBody":`+awstest.Quoted(body)+`}`)
			if got := e.receive(`{"QueueUrl":"q"}`); len(got) != 1 || got[0].Body != body {
				t.Errorf("%s: sent %q, received %.100q", p, awstest.Short(body), got)
			}
			e.ok(p, "SendMessage", `{"QueueUrl":"q","MessageBody":`+awstest.Quoted(body)+`}`)
			a := e.ok(overQuery, "ReceiveMessage", `{"QueueUrl":"q"}`, "Accept", "application/json")
			var got struct {
				ReceiveMessageResponse struct {
					ReceiveMessageResult struct{ Messages []received }
				}
			}
			if err := json.Unmarshal([]byte(a.Body), &got); err != nil || got.ReceiveMessageResponse.ReceiveMessageResult.Messages[0].Body != body {
				t.Errorf("%s: sent %q, received %.100s", p, awstest.Short(body), a.Body)
			}
			e.ok(p, "SendMessage", `{"QueueUrl":"q","MessageBody":`+awstest.Quoted(body)+`}`)
			if got := e.ok(overQuery, "ReceiveMessage", `{"QueueUrl":"q"}`).Text("Body"); got != body {
				t.Errorf("%s: sent %q, received %.100q", p, awstest.Short(body), got)
			}
		}
	}
}
