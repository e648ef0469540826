package sqs_test

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

var update = flag.Bool("update", false, "rewrite testdata/golden and docs/sqs.md")

// step is a call. {{receipt}} in its input stands for the last receipt handle that was answered.
type step struct {
	operation, input string
	header           []string
	// fault, when set, is what every call of the store fails with.
	fault error
}

// exchanges are the pairs of requests and answers of one golden file per protocol.
type exchanges struct {
	// before is what they work on.
	before []step
	steps  []step
}

var errSecret = fmt.Errorf("secret: %w", os.ErrInvalid)

// scenarios are those of every operation: what it answers, and its errors.
func scenarios() map[string]exchanges {
	const text = `line\r\nline\ttab \"quoted\" <b>&amp; é \ud83d\ude00`
	queues := []step{
		{operation: "CreateQueue", input: `{"QueueName":"q"}`},
		{operation: "CreateQueue", input: `{"QueueName":"pay.fifo","Attributes":{"FifoQueue":"true","ContentBasedDeduplication":"true"}}`},
	}
	with := func(more ...step) []step { return append(queues[:2:2], more...) }
	call := func(operation, input string, header ...string) step {
		return step{operation: operation, input: input, header: header}
	}
	send := call("SendMessage", `{"QueueUrl":"q","MessageBody":"b"}`)
	receive := call("ReceiveMessage", `{"QueueUrl":"q"}`)
	const attributes = `"MessageAttributes":{"size":{"DataType":"Number","StringValue":"7"},"raw":{"DataType":"Binary.png","BinaryValue":"AP+J"},"a.b":{"DataType":"String","StringValue":"` + text + `"}}`
	const trace = `"MessageSystemAttributes":{"AWSTraceHeader":{"DataType":"String","StringValue":"Root=1-5759e988-bd862e3fe1be46a994272793"}}`
	return map[string]exchanges{
		"CreateQueue": {before: queues, steps: []step{
			call("CreateQueue", `{"QueueName":"new"}`),
			call("CreateQueue", `{"QueueName":"new","Attributes":{"VisibilityTimeout":"30"}}`),
			call("CreateQueue", `{"QueueName":"new.fifo","Attributes":{"FifoQueue":"true","DelaySeconds":"5"},"tags":{"team":"shop","empty":""}}`),
			call("CreateQueue", `{"QueueName":"new","Attributes":{"VisibilityTimeout":"31"}}`),
			call("CreateQueue", `{"QueueName":"a b"}`),
			call("CreateQueue", `{"QueueName":"x","Attributes":{"Colour":"red"}}`),
			call("CreateQueue", `{"QueueName":"x","Attributes":{"DelaySeconds":"901"}}`),
			call("CreateQueue", `{}`),
		}},
		"DeleteQueue": {before: queues, steps: []step{
			call("DeleteQueue", `{"QueueUrl":"http://router.test/000000000000/q"}`),
			call("DeleteQueue", `{"QueueUrl":"http://router.test/000000000000/q"}`),
			call("DeleteQueue", `{"QueueUrl":"http://router.test/q"}`),
		}},
		"GetQueueUrl": {before: queues, steps: []step{
			call("GetQueueUrl", `{"QueueName":"q"}`),
			call("GetQueueUrl", `{"QueueName":"q","QueueOwnerAWSAccountId":"000000000000"}`),
			call("GetQueueUrl", `{"QueueName":"q","QueueOwnerAWSAccountId":"111111111111"}`),
			call("GetQueueUrl", `{"QueueName":"none"}`),
		}},
		"ListQueues": {steps: append([]step{
			call("ListQueues", `{}`)}, append(queues[:2:2],
			call("ListQueues", `{}`),
			call("ListQueues", `{"QueueNamePrefix":"pay"}`),
			call("ListQueues", `{"QueueNamePrefix":"x"}`),
			call("ListQueues", `{"MaxResults":1}`),
			call("ListQueues", `{"MaxResults":1,"NextToken":"cGF5LmZpZm8"}`),
			call("ListQueues", `{"MaxResults":0}`),
		)...)},
		"GetQueueAttributes": {before: with(send), steps: []step{
			call("GetQueueAttributes", `{"QueueUrl":"q","AttributeNames":["All"]}`),
			call("GetQueueAttributes", `{"QueueUrl":"pay.fifo","AttributeNames":["All"]}`),
			call("GetQueueAttributes", `{"QueueUrl":"q","AttributeNames":["QueueArn","ApproximateNumberOfMessages","Policy"]}`),
			call("GetQueueAttributes", `{"QueueUrl":"q"}`),
			call("GetQueueAttributes", `{"QueueUrl":"q","AttributeNames":["Policy"]}`),
			call("GetQueueAttributes", `{"QueueUrl":"q","AttributeNames":["Colour"]}`),
			call("GetQueueAttributes", `{"QueueUrl":"none","AttributeNames":["All"]}`),
		}},
		"SetQueueAttributes": {before: queues, steps: []step{
			call("SetQueueAttributes", `{"QueueUrl":"q","Attributes":{"VisibilityTimeout":"5","Policy":"{\"Version\":\"2012-10-17\"}","KmsMasterKeyId":"k"}}`),
			call("GetQueueAttributes", `{"QueueUrl":"q","AttributeNames":["VisibilityTimeout","Policy","KmsMasterKeyId","SqsManagedSseEnabled"]}`),
			call("SetQueueAttributes", `{"QueueUrl":"q","Attributes":{"Policy":"","KmsMasterKeyId":""}}`),
			call("GetQueueAttributes", `{"QueueUrl":"q","AttributeNames":["VisibilityTimeout","Policy","KmsMasterKeyId","SqsManagedSseEnabled"]}`),
			call("SetQueueAttributes", `{"QueueUrl":"q","Attributes":{"RedrivePolicy":"{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:000000000000:none\",\"maxReceiveCount\":3}"}}`),
			call("SetQueueAttributes", `{"QueueUrl":"q","Attributes":{"QueueArn":"x"}}`),
			call("SetQueueAttributes", `{"QueueUrl":"q"}`),
		}},
		"PurgeQueue": {before: with(send), steps: []step{
			call("PurgeQueue", `{"QueueUrl":"q"}`),
			receive,
			call("PurgeQueue", `{"QueueUrl":"none"}`),
		}},
		"TagQueue": {before: queues, steps: []step{
			call("TagQueue", `{"QueueUrl":"q","Tags":{"team":"shop","Team":"<&>","empty":""}}`),
			call("ListQueueTags", `{"QueueUrl":"q"}`),
			call("TagQueue", `{"QueueUrl":"q","Tags":{"":"v"}}`),
			call("TagQueue", `{"QueueUrl":"q"}`),
		}},
		"UntagQueue": {before: with(call("TagQueue", `{"QueueUrl":"q","Tags":{"a":"1","b":"2"}}`)), steps: []step{
			call("UntagQueue", `{"QueueUrl":"q","TagKeys":["a","none"]}`),
			call("ListQueueTags", `{"QueueUrl":"q"}`),
			call("UntagQueue", `{"QueueUrl":"q"}`),
		}},
		"ListQueueTags": {before: queues, steps: []step{
			call("ListQueueTags", `{"QueueUrl":"q"}`),
			call("ListQueueTags", `{"QueueUrl":"none"}`),
		}},
		"AddPermission": {before: queues, steps: []step{
			call("AddPermission", `{"QueueUrl":"q","Label":"one","AWSAccountIds":["111111111111"],"Actions":["SendMessage"]}`),
			call("AddPermission", `{"QueueUrl":"q","Label":"two","AWSAccountIds":["111111111111","222222222222"],"Actions":["ReceiveMessage","DeleteMessage"]}`),
			call("GetQueueAttributes", `{"QueueUrl":"q","AttributeNames":["Policy"]}`),
			call("AddPermission", `{"QueueUrl":"q","Label":"one","AWSAccountIds":["111111111111"],"Actions":["SendMessage"]}`),
			call("AddPermission", `{"QueueUrl":"q","Label":"x","AWSAccountIds":["111111111111"],"Actions":["Fly"]}`),
		}},
		"RemovePermission": {before: with(call("AddPermission", `{"QueueUrl":"q","Label":"one","AWSAccountIds":["111111111111"],"Actions":["SendMessage"]}`)), steps: []step{
			call("RemovePermission", `{"QueueUrl":"q","Label":"one"}`),
			call("GetQueueAttributes", `{"QueueUrl":"q","AttributeNames":["Policy"]}`),
			call("RemovePermission", `{"QueueUrl":"q","Label":"one"}`),
		}},
		"SendMessage": {before: queues, steps: []step{
			send,
			call("SendMessage", `{"QueueUrl":"http://elsewhere:1/000000000000/q","MessageBody":"`+text+`",`+attributes+`,`+trace+`,"MessageGroupId":"tenant"}`),
			call("SendMessage", `{"QueueUrl":"pay.fifo","MessageBody":"b","MessageGroupId":"g","MessageDeduplicationId":"d"}`),
			call("SendMessage", `{"QueueUrl":"pay.fifo","MessageBody":"b"}`),
			call("SendMessage", `{"QueueUrl":"q","MessageBody":""}`),
			call("SendMessage", `{"QueueUrl":"q","MessageBody":"\u0001"}`),
			call("SendMessage", `{"QueueUrl":"none","MessageBody":"b"}`),
			{operation: "SendMessage", input: send.input, fault: queue.ErrStoreFull},
			{operation: "SendMessage", input: send.input, fault: queue.ErrStoreClosed},
			{operation: "SendMessage", input: send.input, fault: fmt.Errorf("dial tcp 10.0.0.1:6379: %w", queue.ErrUnavailable)},
			{operation: "SendMessage", input: send.input, fault: errSecret},
		}},
		"SendMessageBatch": {before: queues, steps: []step{
			call("SendMessageBatch", `{"QueueUrl":"q","Entries":[{"Id":"1","MessageBody":"b"},{"Id":"2","MessageBody":"c",`+attributes+`}]}`),
			call("SendMessageBatch", `{"QueueUrl":"q","Entries":[{"Id":"1","MessageBody":"b"},{"Id":"2","MessageBody":"c","DelaySeconds":901}]}`),
			call("SendMessageBatch", `{"QueueUrl":"q","Entries":[{"Id":"1","MessageBody":"b","DelaySeconds":-1}]}`),
			call("SendMessageBatch", `{"QueueUrl":"pay.fifo","Entries":[{"Id":"1","MessageBody":"b","MessageGroupId":"g"},{"Id":"2","MessageBody":"c","MessageGroupId":"g"}]}`),
			call("SendMessageBatch", `{"QueueUrl":"q","Entries":[]}`),
			call("SendMessageBatch", `{"QueueUrl":"q","Entries":[{"Id":"1","MessageBody":"b"},{"Id":"1","MessageBody":"b"}]}`),
		}},
		"ReceiveMessage": {before: with(
			call("SendMessage", `{"QueueUrl":"q","MessageBody":"`+text+`",`+attributes+`,`+trace+`}`),
			call("SendMessage", `{"QueueUrl":"pay.fifo","MessageBody":"b","MessageGroupId":"g","MessageDeduplicationId":"d"}`),
			call("CreateQueue", `{"QueueName":"empty"}`),
		), steps: []step{
			call("ReceiveMessage", `{"QueueUrl":"q","VisibilityTimeout":0}`),
			call("ReceiveMessage", `{"QueueUrl":"q","VisibilityTimeout":0,"MessageAttributeNames":["size"],"AttributeNames":["SenderId"]}`),
			call("ReceiveMessage", `{"QueueUrl":"q","VisibilityTimeout":0,"MaxNumberOfMessages":10,"MessageAttributeNames":["All"],"MessageSystemAttributeNames":["All"]}`),
			call("ReceiveMessage", `{"QueueUrl":"pay.fifo","MessageAttributeNames":["All"],"MessageSystemAttributeNames":["All"],"ReceiveRequestAttemptId":"r"}`),
			call("ReceiveMessage", `{"QueueUrl":"empty","AttributeNames":["All"]}`),
			call("ReceiveMessage", `{"QueueUrl":"q","MaxNumberOfMessages":11}`),
			{operation: "ReceiveMessage", input: receive.input, fault: queue.ErrOverLimit},
		}},
		"DeleteMessage": {before: with(send, receive), steps: []step{
			call("DeleteMessage", `{"QueueUrl":"q","ReceiptHandle":"{{receipt}}"}`),
			call("DeleteMessage", `{"QueueUrl":"q","ReceiptHandle":"{{receipt}}"}`),
			call("DeleteMessage", `{"QueueUrl":"pay.fifo","ReceiptHandle":"{{receipt}}"}`),
			call("DeleteMessage", `{"QueueUrl":"q","ReceiptHandle":"<x>"}`),
			call("DeleteMessage", `{"QueueUrl":"q"}`),
		}},
		"DeleteMessageBatch": {before: with(send, receive), steps: []step{
			call("DeleteMessageBatch", `{"QueueUrl":"q","Entries":[{"Id":"1","ReceiptHandle":"{{receipt}}"},{"Id":"2","ReceiptHandle":"x"}]}`),
			call("DeleteMessageBatch", `{"QueueUrl":"q","Entries":[{"Id":"1","ReceiptHandle":"{{receipt}}"}]}`),
			call("DeleteMessageBatch", `{"QueueUrl":"q","Entries":[]}`),
		}},
		"ChangeMessageVisibility": {before: with(send, receive), steps: []step{
			call("ChangeMessageVisibility", `{"QueueUrl":"q","ReceiptHandle":"{{receipt}}","VisibilityTimeout":60}`),
			call("ChangeMessageVisibility", `{"QueueUrl":"q","ReceiptHandle":"{{receipt}}","VisibilityTimeout":43201}`),
			call("ChangeMessageVisibility", `{"QueueUrl":"q","ReceiptHandle":"x","VisibilityTimeout":60}`),
			call("ChangeMessageVisibility", `{"QueueUrl":"q","ReceiptHandle":"{{receipt}}"}`),
			call("DeleteMessage", `{"QueueUrl":"q","ReceiptHandle":"{{receipt}}"}`),
			call("ChangeMessageVisibility", `{"QueueUrl":"q","ReceiptHandle":"{{receipt}}","VisibilityTimeout":60}`),
		}},
		"ChangeMessageVisibilityBatch": {before: with(send, receive), steps: []step{
			call("ChangeMessageVisibilityBatch", `{"QueueUrl":"q","Entries":[{"Id":"1","ReceiptHandle":"{{receipt}}","VisibilityTimeout":60},{"Id":"2","ReceiptHandle":"x","VisibilityTimeout":0},{"Id":"3","ReceiptHandle":"{{receipt}}"}]}`),
			call("ChangeMessageVisibilityBatch", `{"QueueUrl":"q","Entries":[]}`),
		}},
		"ListDeadLetterSourceQueues": {before: queues, steps: []step{
			call("ListDeadLetterSourceQueues", `{"QueueUrl":"q"}`),
			call("ListDeadLetterSourceQueues", `{"QueueUrl":"none"}`),
		}},
		"StartMessageMoveTask": {before: queues, steps: []step{
			call("StartMessageMoveTask", `{"SourceArn":"arn:aws:sqs:us-east-1:000000000000:none"}`),
			call("StartMessageMoveTask", `{"SourceArn":"arn:aws:sqs:us-east-1:000000000000:q","MaxNumberOfMessagesPerSecond":501}`),
		}},
		"ListMessageMoveTasks": {before: queues, steps: []step{
			call("ListMessageMoveTasks", `{"SourceArn":"arn:aws:sqs:us-east-1:000000000000:q"}`),
			call("ListMessageMoveTasks", `{"SourceArn":"arn:aws:sqs:us-east-1:000000000000:none"}`),
		}},
		"CancelMessageMoveTask": {before: queues, steps: []step{
			call("CancelMessageMoveTask", `{"TaskHandle":"x"}`),
		}},
		// For clients of Query that take nothing else.
		"AcceptJSON": {before: with(call("SendMessage", `{"QueueUrl":"q","MessageBody":"`+text+`",`+attributes+`}`)), steps: []step{
			call("GetQueueUrl", `{"QueueName":"q"}`, "Accept", "application/json"),
			call("ReceiveMessage", `{"QueueUrl":"q","MessageAttributeNames":["All"]}`, "Accept", "application/json"),
			call("ReceiveMessage", `{"QueueUrl":"q"}`, "Accept", "application/json"),
			call("PurgeQueue", `{"QueueUrl":"q"}`, "Accept", "application/json"),
			call("SendMessageBatch", `{"QueueUrl":"q","Entries":[{"Id":"1","MessageBody":"b"}]}`, "Accept", "application/json"),
			call("GetQueueUrl", `{"QueueName":"none"}`, "Accept", "application/json"),
			{operation: "SendMessage", input: send.input, header: []string{"Accept", "application/json"}, fault: errSecret},
		}},
	}
}

var receiptPattern = regexp.MustCompile(`"ReceiptHandle":"([^"]+)"|<ReceiptHandle>([^<]+)<`)

// TestGolden writes what every operation answers, and its errors.
func TestGolden(t *testing.T) {
	t.Parallel()
	for name, x := range scenarios() {
		for _, p := range protocols() {
			if name == "AcceptJSON" && p == overJSON {
				continue
			}
			t.Run(name+"/"+string(p), func(t *testing.T) {
				t.Parallel()
				e := newEnv(t)
				receipt := ""
				run := func(p protocol, s step) (*http.Request, *answer) {
					none := error(nil)
					e.store.fault.Store(&none)
					if s.fault != nil {
						e.store.fail(s.fault)
					}
					r := request(t, p, s.operation, strings.ReplaceAll(s.input, "{{receipt}}", receipt), s.header...)
					a := e.do(r)
					if m := receiptPattern.FindStringSubmatch(a.body); m != nil {
						receipt = m[1] + m[2]
					}
					if errors.Is(s.fault, errSecret) && strings.Contains(a.body, "secret") {
						t.Errorf("an internal error is shown: %s", a.body)
					}
					return r, a
				}
				for _, s := range x.before {
					if _, a := run(overJSON, s); a.status != http.StatusOK {
						t.Fatalf("%s answered %s", s.operation, a.body)
					}
				}
				var b strings.Builder
				for _, s := range x.steps {
					r, a := run(p, s)
					if s.fault != nil {
						fmt.Fprintf(&b, "(the store fails: %v)\n", s.fault)
					}
					sent := s.input
					if p == overQuery {
						sent = strings.ReplaceAll(form(t, s.operation, s.input), "&", "\n&")
					}
					writeExchange(&b, r, sent, a)
				}
				golden(t, name+"."+string(p), b.String())
			})
		}
	}
}

// writeExchange writes a request and its answer, without what is different every time.
func writeExchange(b *strings.Builder, r *http.Request, sent string, a *answer) {
	fmt.Fprintf(b, "%s %s\n", r.Method, r.URL.RequestURI())
	for _, name := range []string{"X-Amz-Target", "Content-Type", "Content-Encoding", "Accept", "Authorization"} {
		if v := r.Header.Get(name); v != "" {
			fmt.Fprintf(b, "%s: %s\n", name, v)
		}
	}
	if sent != "" {
		fmt.Fprintf(b, "\n%s\n", sent)
	}
	fmt.Fprintf(b, "---\n%d\nContent-Type: %s\n", a.status, a.contentType)
	if a.shape != "" && a.code != "" {
		fault := "Receiver"
		if a.sender {
			fault = "Sender"
		}
		fmt.Fprintf(b, "x-amzn-query-error: %s;%s\n", a.code, fault)
	}
	if a.retryAfter != "" {
		fmt.Fprintf(b, "Retry-After: %s\n", a.retryAfter)
	}
	if a.body != "" {
		fmt.Fprintf(b, "\n%s\n", mask(a.body))
	}
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
	{regexp.MustCompile(`\bAQ[A-Za-z0-9_-]{48}`), "{receipt}"},
	{regexp.MustCompile(`\b\d{20}\b`), "{sequence}"},
	{regexp.MustCompile(`\b\d{13}\b`), "{milliseconds}"},
	{regexp.MustCompile(`\b\d{10}\b`), "{seconds}"},
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
			t.Errorf("%s has no golden files", op.Name)
		}
		if _, ok := examples()[op.Name]; !ok {
			t.Errorf("%s has no example", op.Name)
		}
	}
}

// TestGoldenOfTheProtocol writes what is answered to requests that are not the usual ones.
func TestGoldenOfTheProtocol(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("q")
	const signed = "AWS4-HMAC-SHA256 Credential=111111111111/20260101/eu-west-1/sqs/aws4_request, SignedHeaders=host, Signature=0"
	const at = "/000000000000/q"
	var b strings.Builder
	for _, x := range []struct {
		method, target, body string
		header               []string
	}{
		{"GET", at, "", nil},
		{"GET", at + "?Action=GetQueueAttributes&AttributeName.1=QueueArn", "", nil},
		{"GET", at + "?Action=SendMessage&Version=2012-11-05&MessageBody=a%20b", "", nil},
		{"POST", at, "Action=ReceiveMessage&Version=2012-11-05", nil},
		{"GET", at + "?Action=CreateQueue&QueueName=x", "", nil},
		{"GET", at + "?Action=ListQueues", "", nil},
		{"GET", at + "?Action=ListQueues", "", []string{"Accept", "application/json"}},
		{"GET", "/queue/us-east-1" + at + "?Action=GetQueueAttributes&AttributeName=QueueArn", "", nil},
		{"GET", "/?Action=ListQueues&Version=2012-11-05", "", nil},
		{"GET", "/?Action=ListQueues&Version=2012-11-05&X-Amz-Credential=AKID%2F20260101%2Feu-west-1%2Fsqs%2Faws4_request", "", nil},
		{"POST", "/", "Action=CreateQueue&QueueName=there", []string{"Authorization", signed}},
		{"POST", "/", "Action=Fly&Version=2012-11-05", nil},
		{"POST", "/", "Action=ListQueues&Version=1999-01-01", nil},
		{"POST", "/", "", nil},
		{"POST", "/", "%zz", nil},
		{"POST", "/", "Action=ReceiveMessage&QueueUrl=q&MaxNumberOfMessages=x", nil},
		{"POST", "/", "Action=SendMessage&QueueUrl=q&MessageBody=b&MessageAttribute.1.Value.DataType=String", nil},
		{"POST", "/", "{}", []string{"X-Amz-Target", "AmazonSQS.Fly"}},
		{"POST", "/", "{}", []string{"X-Amz-Target", "Other.ListQueues"}},
		{"POST", "/", "", []string{"X-Amz-Target", "AmazonSQS.ListQueues"}},
		{"POST", "/", "{", []string{"X-Amz-Target", "AmazonSQS.ListQueues"}},
		{"POST", "/", `{"MaxResults":"1"}`, []string{"X-Amz-Target", "AmazonSQS.ListQueues"}},
		{"POST", "/", "{}", []string{"X-Amz-Target", "AmazonSQS.ListQueues", "Content-Encoding", "gzip"}},
	} {
		r := httptest.NewRequestWithContext(t.Context(), x.method, x.target, strings.NewReader(x.body))
		for i := 0; i < len(x.header); i += 2 {
			r.Header.Set(x.header[i], x.header[i+1])
		}
		if !e.handler.Takes(r) {
			t.Errorf("%s %s is not taken", x.method, x.target)
		}
		writeExchange(&b, r, x.body, e.do(r))
	}
	golden(t, "protocol", b.String())
}
