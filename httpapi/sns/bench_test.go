package sns_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
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

// repeat sends a request again and again, straight to the handler, without a connection and without making anything that net/http
// would not.
func repeat(b *testing.B, e *env, operation, input string) {
	b.Helper()
	body := []byte(form(b, operation, input))
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, base+"/", nil)
	r.Header.Set("Authorization", signed("AKIDEXAMPLE", region)[1])
	var w sink
	b.ReportAllocs()
	for b.Loop() {
		w.header, w.status = make(http.Header, 4), 0
		w.body.Reset()
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		e.handler.ServeHTTP(&w, r)
		if w.status != http.StatusOK {
			b.Fatalf("answered %d %s", w.status, w.body.Bytes())
		}
	}
}

const benchAttributes = `"MessageAttributes":{"colour":{"DataType":"String","StringValue":"red"},"size":{"DataType":"Number","StringValue":"7"}}`

// BenchmarkPublish publishes 1 KiB with two attributes to topics with as many raw queues.
func BenchmarkPublish(b *testing.B) {
	for _, queues := range []int{0, 1, 10} {
		b.Run(fmt.Sprintf("queues=%d", queues), func(b *testing.B) {
			e := newEnv(b)
			e.topic("t")
			for i := range queues {
				name := fmt.Sprint("q", i)
				e.queue(name)
				e.subscribe("t", name, `"Attributes":{"RawMessageDelivery":"true"}`)
			}
			repeat(b, e, "Publish", message(`"Message":"`+strings.Repeat("x", 1024)+`",`+benchAttributes))
		})
	}
}

// BenchmarkPublishFiltered publishes to a topic of 1,000 filtered subscriptions of which one matches.
func BenchmarkPublishFiltered(b *testing.B) {
	e := newEnv(b)
	e.topic("t")
	for i := range 1000 {
		e.subscribe("t", fmt.Sprint("q", i), `"Attributes":{"RawMessageDelivery":"true","FilterPolicy":"{\"size\":[`+fmt.Sprint(i)+`]}"}`)
	}
	e.queue("q7")
	repeat(b, e, "Publish", message(`"Message":"`+strings.Repeat("x", 1024)+`",`+benchAttributes))
}

// BenchmarkPublishEnvelope publishes to a queue that is not raw: each message is signed.
func BenchmarkPublishEnvelope(b *testing.B) {
	e := newEnv(b)
	e.topic("t")
	e.queue("q")
	e.subscribe("t", "q")
	repeat(b, e, "Publish", message(`"Message":"`+strings.Repeat("x", 1024)+`",`+benchAttributes))
}

// BenchmarkPublishBatch publishes ten messages of 1 KiB to one queue.
func BenchmarkPublishBatch(b *testing.B) {
	e := newEnv(b)
	e.topic("t")
	e.queue("q")
	e.subscribe("t", "q", `"Attributes":{"RawMessageDelivery":"true"}`)
	entries := make([]string, 10)
	for i := range entries {
		entries[i] = fmt.Sprintf(`{"Id":"%d","Message":"%s",%s}`, i, strings.Repeat("x", 1024), benchAttributes)
	}
	repeat(b, e, "PublishBatch", `{"TopicArn":"`+topicARN("t")+`","PublishBatchRequestEntries":[`+strings.Join(entries, ",")+`]}`)
}
