package httpapi_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// discard is a writer of answers that keeps only what the benchmark needs.
type discard struct {
	header http.Header
	status int
	body   bytes.Buffer
	keep   bool
}

func (d *discard) Header() http.Header { return d.header }

func (d *discard) WriteHeader(status int) { d.status = status }

func (d *discard) Write(b []byte) (int, error) {
	if d.status == 0 {
		d.status = http.StatusOK
	}
	if d.keep {
		d.body.Write(b)
	}
	return len(b), nil
}

// ask serves one request without a connection: what is measured is everything above net/http.
func ask(b *testing.B, h http.Handler, w *discard, method, target string, body []byte) {
	r := httptest.NewRequest(method, target, nil)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header.Set("Content-Type", "application/json")
	w.header, w.status = make(http.Header, 4), 0
	w.body.Reset()
	h.ServeHTTP(w, r)
	if w.status/100 != 2 {
		b.Fatalf("%s %s answered %d", method, target, w.status)
	}
}

func BenchmarkPublishEvent(b *testing.B) {
	e := newEnv(b)
	body := []byte(`{"source":"shop","type":"order.created","data":{"order_id":"A-1007","total":50}}`)
	b.ReportAllocs()
	w := &discard{}
	for b.Loop() {
		ask(b, e.server, w, "POST", "/v1/events", body)
	}
}

func BenchmarkSendReceiveDelete(b *testing.B) {
	e := newEnv(b)
	body, err := json.Marshal(map[string]any{"body": string(bytes.Repeat([]byte("x"), 1024)), "attributes": map[string]string{"colour": "red"}})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	w := &discard{keep: true}
	for b.Loop() {
		ask(b, e.server, w, "POST", "/v1/queues/orders/messages", body)
		ask(b, e.server, w, "POST", "/v1/queues/orders/messages/receive?max=10", nil)
		var got struct{ Messages []struct{ Receipt string } }
		if err := json.Unmarshal(w.body.Bytes(), &got); err != nil || len(got.Messages) != 1 {
			b.Fatalf("received %s (%v)", w.body.Bytes(), err)
		}
		ask(b, e.server, w, "DELETE", "/v1/queues/orders/messages/"+got.Messages[0].Receipt, nil)
	}
}

// BenchmarkSend leaves out the store, as far as the model does: it is what HTTP costs.
func BenchmarkSend(b *testing.B) {
	e := newEnv(b)
	body := []byte(`{"body":"hello","attributes":{"colour":"red"}}`)
	b.ReportAllocs()
	w := &discard{}
	for b.Loop() {
		ask(b, e.server, w, "POST", "/v1/queues/orders/messages", body)
	}
}

// BenchmarkFloor is a path that does nothing: the middleware, the routing, and what the benchmark itself costs.
func BenchmarkFloor(b *testing.B) {
	e := newEnv(b)
	b.ReportAllocs()
	w := &discard{}
	for b.Loop() {
		ask(b, e.server, w, "GET", "/v1/openapi.json", nil)
	}
}

// BenchmarkRequest is what the benchmarks' requests cost before they are served.
func BenchmarkRequest(b *testing.B) {
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	b.ReportAllocs()
	w := &discard{}
	for b.Loop() {
		ask(b, h, w, "GET", "/v1/openapi.json", nil)
	}
}
