package sqs_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi/awstest"
)

// client sends requests straight to the handler.
type client struct {
	*awstest.Repeater
	e *env
}

func newClient(b *testing.B, p awstest.Protocol, operation string) *client {
	b.Helper()
	e := newEnv(b)
	e.create("q")
	return &client{awstest.NewRepeater(b, e.client.Over(p), operation), e}
}

const benchAttributes = `"MessageAttributes":{"colour":{"DataType":"String","StringValue":"red"},"size":{"DataType":"Number","StringValue":"7"}}`

// send is the input of a SendMessage of 1 KiB, batch that of ten.
func benchInputs() (send, batch string) {
	message := `"MessageBody":"` + strings.Repeat("x", 1024) + `",` + benchAttributes
	entries := make([]string, 10)
	for i := range entries {
		entries[i] = fmt.Sprintf(`{"Id":"%d",%s}`, i, message)
	}
	return `{"QueueUrl":"` + base + `/000000000000/q",` + message + `}`, `{"QueueUrl":"` + base + `/000000000000/q","Entries":[` + strings.Join(entries, ",") + `]}`
}

// eachProtocol runs a benchmark with an input as each protocol has it.
func eachProtocol(b *testing.B, operation, input string, run func(c *client, body []byte)) {
	for _, p := range protocols() {
		b.Run(string(p), func(b *testing.B) {
			c := newClient(b, p, operation)
			run(c, []byte(c.e.client.Over(p).Body(operation, input)))
		})
	}
}

func repeat(c *client, body []byte) { c.Repeat(body) }

func BenchmarkSendMessage(b *testing.B) {
	send, _ := benchInputs()
	eachProtocol(b, "SendMessage", send, repeat)
}

func BenchmarkSendMessageBatch(b *testing.B) {
	_, batch := benchInputs()
	eachProtocol(b, "SendMessageBatch", batch, repeat)
}

// BenchmarkReceiveMessage receives ten messages of 1 KiB. They stay visible.
func BenchmarkReceiveMessage(b *testing.B) {
	_, batch := benchInputs()
	const receive = `{"QueueUrl":"` + base + `/000000000000/q","MaxNumberOfMessages":10,"VisibilityTimeout":0,"AttributeNames":["All"],"MessageAttributeNames":["All"]}`
	eachProtocol(b, "ReceiveMessage", receive, func(c *client, body []byte) {
		c.e.ok(overJSON, "SendMessageBatch", batch)
		c.Repeat(body)
	})
}

// BenchmarkDeleteMessageBatch deletes ten messages that are gone: what it costs is the protocol, and ten looks.
func BenchmarkDeleteMessageBatch(b *testing.B) {
	_, batch := benchInputs()
	for _, p := range protocols() {
		b.Run(string(p), func(b *testing.B) {
			c := newClient(b, p, "DeleteMessageBatch")
			c.e.ok(overJSON, "SendMessageBatch", batch)
			entries := make([]string, 10)
			for i, m := range c.e.receive(`{"QueueUrl":"q","MaxNumberOfMessages":10}`) {
				entries[i] = fmt.Sprintf(`{"Id":"%d","ReceiptHandle":"%s"}`, i, m.ReceiptHandle)
			}
			input := `{"QueueUrl":"` + base + `/000000000000/q","Entries":[` + strings.Join(entries, ",") + `]}`
			c.Repeat([]byte(c.e.client.Over(p).Body("DeleteMessageBatch", input)))
		})
	}
}

// BenchmarkQueuePath is SendMessage to the URL of a queue, as older clients send it.
func BenchmarkQueuePath(b *testing.B) {
	c := newClient(b, overQuery, "SendMessage")
	c.Request.URL.Path = "/000000000000/q"
	body := []byte("Action=SendMessage&Version=2012-11-05&MessageBody=" + url.QueryEscape(strings.Repeat("x y", 341)))
	c.Repeat(body)
}
