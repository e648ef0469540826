package sqs_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi/awstest"
	"github.com/signalbox-mq/signalbox/queue"
)

// scenarios are those of every operation: what it answers, and its errors.
func scenarios() map[string]awstest.Exchanges {
	const text = `line\r\nline\ttab \"quoted\" <b>&amp; é \ud83d\ude00`
	queues := []awstest.Step{
		awstest.Call("CreateQueue", `{"QueueName":"q"}`),
		awstest.Call("CreateQueue", `{"QueueName":"pay.fifo","Attributes":{"FifoQueue":"true","ContentBasedDeduplication":"true"}}`),
	}
	with := func(more ...awstest.Step) []awstest.Step { return append(queues[:2:2], more...) }
	call := awstest.Call
	send := call("SendMessage", `{"QueueUrl":"q","MessageBody":"b"}`)
	receive := call("ReceiveMessage", `{"QueueUrl":"q"}`)
	const attributes = `"MessageAttributes":{"size":{"DataType":"Number","StringValue":"7"},"raw":{"DataType":"Binary.png","BinaryValue":"AP+J"},"a.b":{"DataType":"String","StringValue":"` + text + `"}}`
	const trace = `"MessageSystemAttributes":{"AWSTraceHeader":{"DataType":"String","StringValue":"Root=1-5759e988-bd862e3fe1be46a994272793"}}`
	return map[string]awstest.Exchanges{
		"CreateQueue": {Before: queues, Steps: []awstest.Step{
			call("CreateQueue", `{"QueueName":"new"}`),
			call("CreateQueue", `{"QueueName":"new","Attributes":{"VisibilityTimeout":"30"}}`),
			call("CreateQueue", `{"QueueName":"new.fifo","Attributes":{"FifoQueue":"true","DelaySeconds":"5"},"tags":{"team":"shop","empty":""}}`),
			call("CreateQueue", `{"QueueName":"new","Attributes":{"VisibilityTimeout":"31"}}`),
			call("CreateQueue", `{"QueueName":"a b"}`),
			call("CreateQueue", `{"QueueName":"x","Attributes":{"Colour":"red"}}`),
			call("CreateQueue", `{"QueueName":"x","Attributes":{"DelaySeconds":"901"}}`),
			call("CreateQueue", `{}`),
		}},
		"DeleteQueue": {Before: queues, Steps: []awstest.Step{
			call("DeleteQueue", `{"QueueUrl":"http://router.test/000000000000/q"}`),
			call("DeleteQueue", `{"QueueUrl":"http://router.test/000000000000/q"}`),
			call("DeleteQueue", `{"QueueUrl":"http://router.test/q"}`),
		}},
		"GetQueueUrl": {Before: queues, Steps: []awstest.Step{
			call("GetQueueUrl", `{"QueueName":"q"}`),
			call("GetQueueUrl", `{"QueueName":"q","QueueOwnerAWSAccountId":"000000000000"}`),
			call("GetQueueUrl", `{"QueueName":"q","QueueOwnerAWSAccountId":"111111111111"}`),
			call("GetQueueUrl", `{"QueueName":"none"}`),
		}},
		"ListQueues": {Steps: append([]awstest.Step{
			call("ListQueues", `{}`)}, append(queues[:2:2],
			call("ListQueues", `{}`),
			call("ListQueues", `{"QueueNamePrefix":"pay"}`),
			call("ListQueues", `{"QueueNamePrefix":"x"}`),
			call("ListQueues", `{"MaxResults":1}`),
			call("ListQueues", `{"MaxResults":1,"NextToken":"cGF5LmZpZm8"}`),
			call("ListQueues", `{"MaxResults":0}`),
		)...)},
		"GetQueueAttributes": {Before: with(send), Steps: []awstest.Step{
			call("GetQueueAttributes", `{"QueueUrl":"q","AttributeNames":["All"]}`),
			call("GetQueueAttributes", `{"QueueUrl":"pay.fifo","AttributeNames":["All"]}`),
			call("GetQueueAttributes", `{"QueueUrl":"q","AttributeNames":["QueueArn","ApproximateNumberOfMessages","Policy"]}`),
			call("GetQueueAttributes", `{"QueueUrl":"q"}`),
			call("GetQueueAttributes", `{"QueueUrl":"q","AttributeNames":["Policy"]}`),
			call("GetQueueAttributes", `{"QueueUrl":"q","AttributeNames":["Colour"]}`),
			call("GetQueueAttributes", `{"QueueUrl":"none","AttributeNames":["All"]}`),
		}},
		"SetQueueAttributes": {Before: queues, Steps: []awstest.Step{
			call("SetQueueAttributes", `{"QueueUrl":"q","Attributes":{"VisibilityTimeout":"5","Policy":"{\"Version\":\"2012-10-17\"}","KmsMasterKeyId":"k"}}`),
			call("GetQueueAttributes", `{"QueueUrl":"q","AttributeNames":["VisibilityTimeout","Policy","KmsMasterKeyId","SqsManagedSseEnabled"]}`),
			call("SetQueueAttributes", `{"QueueUrl":"q","Attributes":{"Policy":"","KmsMasterKeyId":""}}`),
			call("GetQueueAttributes", `{"QueueUrl":"q","AttributeNames":["VisibilityTimeout","Policy","KmsMasterKeyId","SqsManagedSseEnabled"]}`),
			call("SetQueueAttributes", `{"QueueUrl":"q","Attributes":{"RedrivePolicy":"{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:000000000000:none\",\"maxReceiveCount\":3}"}}`),
			call("SetQueueAttributes", `{"QueueUrl":"q","Attributes":{"QueueArn":"x"}}`),
			call("SetQueueAttributes", `{"QueueUrl":"q"}`),
		}},
		"PurgeQueue": {Before: with(send), Steps: []awstest.Step{
			call("PurgeQueue", `{"QueueUrl":"q"}`),
			receive,
			call("PurgeQueue", `{"QueueUrl":"none"}`),
		}},
		"TagQueue": {Before: queues, Steps: []awstest.Step{
			call("TagQueue", `{"QueueUrl":"q","Tags":{"team":"shop","Team":"<&>","empty":""}}`),
			call("ListQueueTags", `{"QueueUrl":"q"}`),
			call("TagQueue", `{"QueueUrl":"q","Tags":{"":"v"}}`),
			call("TagQueue", `{"QueueUrl":"q"}`),
		}},
		"UntagQueue": {Before: with(call("TagQueue", `{"QueueUrl":"q","Tags":{"a":"1","b":"2"}}`)), Steps: []awstest.Step{
			call("UntagQueue", `{"QueueUrl":"q","TagKeys":["a","none"]}`),
			call("ListQueueTags", `{"QueueUrl":"q"}`),
			call("UntagQueue", `{"QueueUrl":"q"}`),
		}},
		"ListQueueTags": {Before: queues, Steps: []awstest.Step{
			call("ListQueueTags", `{"QueueUrl":"q"}`),
			call("ListQueueTags", `{"QueueUrl":"none"}`),
		}},
		"AddPermission": {Before: queues, Steps: []awstest.Step{
			call("AddPermission", `{"QueueUrl":"q","Label":"one","AWSAccountIds":["111111111111"],"Actions":["SendMessage"]}`),
			call("AddPermission", `{"QueueUrl":"q","Label":"two","AWSAccountIds":["111111111111","222222222222"],"Actions":["ReceiveMessage","DeleteMessage"]}`),
			call("GetQueueAttributes", `{"QueueUrl":"q","AttributeNames":["Policy"]}`),
			call("AddPermission", `{"QueueUrl":"q","Label":"one","AWSAccountIds":["111111111111"],"Actions":["SendMessage"]}`),
			call("AddPermission", `{"QueueUrl":"q","Label":"x","AWSAccountIds":["111111111111"],"Actions":["Fly"]}`),
		}},
		"RemovePermission": {Before: with(call("AddPermission", `{"QueueUrl":"q","Label":"one","AWSAccountIds":["111111111111"],"Actions":["SendMessage"]}`)), Steps: []awstest.Step{
			call("RemovePermission", `{"QueueUrl":"q","Label":"one"}`),
			call("GetQueueAttributes", `{"QueueUrl":"q","AttributeNames":["Policy"]}`),
			call("RemovePermission", `{"QueueUrl":"q","Label":"one"}`),
		}},
		"SendMessage": {Before: queues, Steps: []awstest.Step{
			send,
			call("SendMessage", `{"QueueUrl":"http://elsewhere:1/000000000000/q","MessageBody":"`+text+`",`+attributes+`,`+trace+`,"MessageGroupId":"tenant"}`),
			call("SendMessage", `{"QueueUrl":"pay.fifo","MessageBody":"b","MessageGroupId":"g","MessageDeduplicationId":"d"}`),
			call("SendMessage", `{"QueueUrl":"pay.fifo","MessageBody":"b"}`),
			call("SendMessage", `{"QueueUrl":"q","MessageBody":""}`),
			call("SendMessage", `{"QueueUrl":"q","MessageBody":"\u0001"}`),
			call("SendMessage", `{"QueueUrl":"none","MessageBody":"b"}`),
			call("SendMessage", send.Input).Failing(queue.ErrStoreFull),
			call("SendMessage", send.Input).Failing(queue.ErrStoreClosed),
			call("SendMessage", send.Input).Failing(fmt.Errorf("dial tcp 10.0.0.1:6379: %w", queue.ErrUnavailable)),
			call("SendMessage", send.Input).Failing(awstest.ErrSecret),
		}},
		"SendMessageBatch": {Before: queues, Steps: []awstest.Step{
			call("SendMessageBatch", `{"QueueUrl":"q","Entries":[{"Id":"1","MessageBody":"b"},{"Id":"2","MessageBody":"c",`+attributes+`}]}`),
			call("SendMessageBatch", `{"QueueUrl":"q","Entries":[{"Id":"1","MessageBody":"b"},{"Id":"2","MessageBody":"c","DelaySeconds":901}]}`),
			call("SendMessageBatch", `{"QueueUrl":"q","Entries":[{"Id":"1","MessageBody":"b","DelaySeconds":-1}]}`),
			call("SendMessageBatch", `{"QueueUrl":"pay.fifo","Entries":[{"Id":"1","MessageBody":"b","MessageGroupId":"g"},{"Id":"2","MessageBody":"c","MessageGroupId":"g"}]}`),
			call("SendMessageBatch", `{"QueueUrl":"q","Entries":[]}`),
			call("SendMessageBatch", `{"QueueUrl":"q","Entries":[{"Id":"1","MessageBody":"b"},{"Id":"1","MessageBody":"b"}]}`),
		}},
		"ReceiveMessage": {Before: with(
			call("SendMessage", `{"QueueUrl":"q","MessageBody":"`+text+`",`+attributes+`,`+trace+`}`),
			call("SendMessage", `{"QueueUrl":"pay.fifo","MessageBody":"b","MessageGroupId":"g","MessageDeduplicationId":"d"}`),
			call("CreateQueue", `{"QueueName":"empty"}`),
		), Steps: []awstest.Step{
			call("ReceiveMessage", `{"QueueUrl":"q","VisibilityTimeout":0}`),
			call("ReceiveMessage", `{"QueueUrl":"q","VisibilityTimeout":0,"MessageAttributeNames":["size"],"AttributeNames":["SenderId"]}`),
			call("ReceiveMessage", `{"QueueUrl":"q","VisibilityTimeout":0,"MaxNumberOfMessages":10,"MessageAttributeNames":["All"],"MessageSystemAttributeNames":["All"]}`),
			call("ReceiveMessage", `{"QueueUrl":"pay.fifo","MessageAttributeNames":["All"],"MessageSystemAttributeNames":["All"],"ReceiveRequestAttemptId":"r"}`),
			call("ReceiveMessage", `{"QueueUrl":"empty","AttributeNames":["All"]}`),
			call("ReceiveMessage", `{"QueueUrl":"q","MaxNumberOfMessages":11}`),
			call("ReceiveMessage", receive.Input).Failing(queue.ErrOverLimit),
		}},
		"DeleteMessage": {Before: with(send, receive), Steps: []awstest.Step{
			call("DeleteMessage", `{"QueueUrl":"q","ReceiptHandle":"{{receipt}}"}`),
			call("DeleteMessage", `{"QueueUrl":"q","ReceiptHandle":"{{receipt}}"}`),
			call("DeleteMessage", `{"QueueUrl":"pay.fifo","ReceiptHandle":"{{receipt}}"}`),
			call("DeleteMessage", `{"QueueUrl":"q","ReceiptHandle":"<x>"}`),
			call("DeleteMessage", `{"QueueUrl":"q"}`),
		}},
		"DeleteMessageBatch": {Before: with(send, receive), Steps: []awstest.Step{
			call("DeleteMessageBatch", `{"QueueUrl":"q","Entries":[{"Id":"1","ReceiptHandle":"{{receipt}}"},{"Id":"2","ReceiptHandle":"x"}]}`),
			call("DeleteMessageBatch", `{"QueueUrl":"q","Entries":[{"Id":"1","ReceiptHandle":"{{receipt}}"}]}`),
			call("DeleteMessageBatch", `{"QueueUrl":"q","Entries":[]}`),
		}},
		"ChangeMessageVisibility": {Before: with(send, receive), Steps: []awstest.Step{
			call("ChangeMessageVisibility", `{"QueueUrl":"q","ReceiptHandle":"{{receipt}}","VisibilityTimeout":60}`),
			call("ChangeMessageVisibility", `{"QueueUrl":"q","ReceiptHandle":"{{receipt}}","VisibilityTimeout":43201}`),
			call("ChangeMessageVisibility", `{"QueueUrl":"q","ReceiptHandle":"x","VisibilityTimeout":60}`),
			call("ChangeMessageVisibility", `{"QueueUrl":"q","ReceiptHandle":"{{receipt}}"}`),
			call("DeleteMessage", `{"QueueUrl":"q","ReceiptHandle":"{{receipt}}"}`),
			call("ChangeMessageVisibility", `{"QueueUrl":"q","ReceiptHandle":"{{receipt}}","VisibilityTimeout":60}`),
		}},
		"ChangeMessageVisibilityBatch": {Before: with(send, receive), Steps: []awstest.Step{
			call("ChangeMessageVisibilityBatch", `{"QueueUrl":"q","Entries":[{"Id":"1","ReceiptHandle":"{{receipt}}","VisibilityTimeout":60},{"Id":"2","ReceiptHandle":"x","VisibilityTimeout":0},{"Id":"3","ReceiptHandle":"{{receipt}}"}]}`),
			call("ChangeMessageVisibilityBatch", `{"QueueUrl":"q","Entries":[]}`),
		}},
		"ListDeadLetterSourceQueues": {Before: queues, Steps: []awstest.Step{
			call("ListDeadLetterSourceQueues", `{"QueueUrl":"q"}`),
			call("ListDeadLetterSourceQueues", `{"QueueUrl":"none"}`),
		}},
		"StartMessageMoveTask": {Before: queues, Steps: []awstest.Step{
			call("StartMessageMoveTask", `{"SourceArn":"arn:aws:sqs:us-east-1:000000000000:none"}`),
			call("StartMessageMoveTask", `{"SourceArn":"arn:aws:sqs:us-east-1:000000000000:q","MaxNumberOfMessagesPerSecond":501}`),
		}},
		"ListMessageMoveTasks": {Before: queues, Steps: []awstest.Step{
			call("ListMessageMoveTasks", `{"SourceArn":"arn:aws:sqs:us-east-1:000000000000:q"}`),
			call("ListMessageMoveTasks", `{"SourceArn":"arn:aws:sqs:us-east-1:000000000000:none"}`),
		}},
		"CancelMessageMoveTask": {Before: queues, Steps: []awstest.Step{
			call("CancelMessageMoveTask", `{"TaskHandle":"x"}`),
		}},
		// For clients of Query that take nothing else.
		"AcceptJSON": {Before: with(call("SendMessage", `{"QueueUrl":"q","MessageBody":"`+text+`",`+attributes+`}`)), Steps: []awstest.Step{
			call("GetQueueUrl", `{"QueueName":"q"}`, "Accept", "application/json"),
			call("ReceiveMessage", `{"QueueUrl":"q","MessageAttributeNames":["All"]}`, "Accept", "application/json"),
			call("ReceiveMessage", `{"QueueUrl":"q"}`, "Accept", "application/json"),
			call("PurgeQueue", `{"QueueUrl":"q"}`, "Accept", "application/json"),
			call("SendMessageBatch", `{"QueueUrl":"q","Entries":[{"Id":"1","MessageBody":"b"}]}`, "Accept", "application/json"),
			call("GetQueueUrl", `{"QueueName":"none"}`, "Accept", "application/json"),
			call("SendMessage", send.Input, "Accept", "application/json").Failing(awstest.ErrSecret),
		}},
	}
}

var receiptPattern = regexp.MustCompile(`"ReceiptHandle":"([^"]+)"|<ReceiptHandle>([^<]+)<`)

// golden is how the golden files are written. {{receipt}} in an input stands for the last receipt handle that was answered.
func golden() *awstest.Golden {
	receipt := ""
	return &awstest.Golden{
		Headers: []string{"X-Amz-Target", "Content-Type", "Content-Encoding", "Accept", "Authorization"},
		Masks: []awstest.Mask{
			awstest.MaskUUID(), awstest.NewMask(`\bAQ[A-Za-z0-9_-]{48}`, "{receipt}"), awstest.NewMask(`\b\d{20}\b`, "{sequence}"),
			awstest.NewMask(`\b\d{13}\b`, "{milliseconds}"), awstest.NewMask(`\b\d{10}\b`, "{seconds}"),
		},
		Fill: func(input string) string { return strings.ReplaceAll(input, "{{receipt}}", receipt) },
		Learn: func(a *awstest.Answer) {
			if m := receiptPattern.FindStringSubmatch(a.Body); m != nil {
				receipt = m[1] + m[2]
			}
		},
	}
}

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
				golden().Run(t, newEnv(t).client.Over(p), name+"."+string(p), x)
			})
		}
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
		golden().Ask(&b, e.client, x.method, x.target, x.body, x.header...)
	}
	golden().File(t, "protocol", b.String())
}
