package sqs_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// sink is a writer of answers that keeps only what a benchmark needs.
type sink struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(status int)      { s.status = status }
func (s *sink) Write(b []byte) (int, error) { return s.body.Write(b) }

// client sends requests straight to the handler, without a connection and without making anything that net/http would not.
type client struct {
	b *testing.B
	e *env
	r *http.Request
	w sink
}

func newClient(b *testing.B, p protocol, operation string) *client {
	b.Helper()
	c := &client{b: b, e: newEnv(b)}
	c.e.create("q")
	c.r = httptest.NewRequestWithContext(context.Background(), http.MethodPost, base+"/", nil)
	c.r.Header.Set("Authorization", signed("AKIDEXAMPLE", region)[1])
	if p == overJSON {
		c.r.Header.Set("X-Amz-Target", "AmazonSQS."+operation)
	}
	return c
}

// call sends a body and returns what was answered, which is good until the next call.
func (c *client) call(body []byte) []byte {
	c.w.header, c.w.status = make(http.Header, 4), 0
	c.w.body.Reset()
	c.r.Body, c.r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	c.e.handler.ServeHTTP(&c.w, c.r)
	if c.w.status != http.StatusOK {
		c.b.Fatalf("answered %d %s", c.w.status, c.w.body.Bytes())
	}
	return c.w.body.Bytes()
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
func eachProtocol(b *testing.B, operation, input string, run func(b *testing.B, c *client, body []byte)) {
	for _, p := range protocols() {
		b.Run(string(p), func(b *testing.B) {
			body := []byte(input)
			if p == overQuery {
				body = []byte(form(b, operation, input))
			}
			b.ReportAllocs()
			run(b, newClient(b, p, operation), body)
		})
	}
}

func repeat(b *testing.B, c *client, body []byte) {
	for b.Loop() {
		c.call(body)
	}
}

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
	eachProtocol(b, "ReceiveMessage", receive, func(b *testing.B, c *client, body []byte) {
		c.e.ok(overJSON, "SendMessageBatch", batch)
		repeat(b, c, body)
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
			body := []byte(input)
			if p == overQuery {
				body = []byte(form(b, "DeleteMessageBatch", input))
			}
			b.ReportAllocs()
			repeat(b, c, body)
		})
	}
}

// BenchmarkQueuePath is SendMessage to the URL of a queue, as older clients send it.
func BenchmarkQueuePath(b *testing.B) {
	c := newClient(b, overQuery, "SendMessage")
	c.r.URL.Path = "/000000000000/q"
	body := []byte("Action=SendMessage&Version=2012-11-05&MessageBody=" + url.QueryEscape(strings.Repeat("x y", 341)))
	b.ReportAllocs()
	repeat(b, c, body)
}
