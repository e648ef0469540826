package awstest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// Repeater sends a request again and again, straight to the handler, without a connection and without making anything that
// net/http would not.
type Repeater struct {
	// Request is what is sent, without its body.
	Request *http.Request
	b       *testing.B
	handler http.Handler
	w       sink
}

// sink is a writer of answers that keeps only what a benchmark needs.
type sink struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(status int)      { s.status = status }
func (s *sink) Write(b []byte) (int, error) { return s.body.Write(b) }

// NewRepeater returns a repeater of an operation, signed.
func NewRepeater(b *testing.B, c *Client, operation string) *Repeater {
	b.Helper()
	r := &Repeater{b: b, handler: c.Handler, Request: httptest.NewRequestWithContext(context.Background(), http.MethodPost, BaseURL+"/", nil)}
	set(r.Request.Header, Signed(c.Service.Name, "AKIDEXAMPLE", Region))
	if c.Protocol == JSON {
		r.Request.Header.Set("X-Amz-Target", c.Service.Target+"."+operation)
	}
	return r
}

// Send sends a body and returns what was answered, which is good until the next.
func (r *Repeater) Send(body []byte) []byte {
	r.w.header, r.w.status = make(http.Header, 4), 0
	r.w.body.Reset()
	r.Request.Body, r.Request.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.handler.ServeHTTP(&r.w, r.Request)
	if r.w.status != http.StatusOK {
		r.b.Fatalf("answered %d %s", r.w.status, r.w.body.Bytes())
	}
	return r.w.body.Bytes()
}

// Repeat sends a body for as long as the benchmark takes.
func (r *Repeater) Repeat(body []byte) {
	r.b.ReportAllocs()
	for r.b.Loop() {
		r.Send(body)
	}
}
