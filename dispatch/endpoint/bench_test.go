package endpoint_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
)

// BenchmarkDo is one signed attempt of 1 KiB to a loopback server in the same process; its allocations are the server's too.
// BenchmarkFloor is the same through a bare http.Transport, to compare with.
func BenchmarkDo(b *testing.B) {
	s := newServer(b, drain)
	signer, err := endpoint.NewSigner(endpoint.Signing{Secrets: []endpoint.Secret{vectorSecret}})
	if err != nil {
		b.Fatal(err)
	}
	e := endpoint.Endpoint{Name: "a", URL: s.URL, Managed: true}
	c := newClient(b, endpoint.ClientConfig{})
	body := make([]byte, 1024)
	attempt := func(b *testing.B) {
		r := e.Request()
		r.Body, r.ID, r.Attempt, r.Signer = body, "msg_1", 1, signer
		if res := c.Do(b.Context(), r); res.Class != endpoint.ClassNone {
			b.Error(res.Reason())
		}
	}
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			attempt(b)
		}
	})
	b.Run("parallel16", func(b *testing.B) {
		b.ReportAllocs()
		b.SetParallelism(8)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				attempt(b)
			}
		})
	})
}

func BenchmarkFloor(b *testing.B) {
	s := newServer(b, drain)
	t := &http.Transport{MaxIdleConnsPerHost: 100}
	b.Cleanup(t.CloseIdleConnections)
	body := string(make([]byte, 1024))
	attempt := func(b *testing.B) {
		req, err := http.NewRequestWithContext(b.Context(), "POST", s.URL, strings.NewReader(body))
		if err != nil {
			b.Error(err)
			return
		}
		resp, err := t.RoundTrip(req)
		if err != nil {
			b.Error(err)
			return
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			attempt(b)
		}
	})
	b.Run("parallel16", func(b *testing.B) {
		b.ReportAllocs()
		b.SetParallelism(8)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				attempt(b)
			}
		})
	})
}

func drain(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.WriteHeader(http.StatusNoContent)
}

func BenchmarkSignature(b *testing.B) {
	signer, err := endpoint.NewSigner(endpoint.Signing{Secrets: []endpoint.Secret{vectorSecret}})
	if err != nil {
		b.Fatal(err)
	}
	body := make([]byte, 1024)
	b.ReportAllocs()
	for b.Loop() {
		_ = signer.Signature(vectorID, vectorTime, body)
	}
}

func BenchmarkDecide(b *testing.B) {
	r := endpoint.Result{Class: endpoint.ClassHTTP, Status: 503}
	b.ReportAllocs()
	for b.Loop() {
		_ = endpoint.Decide(r, endpoint.RetryPolicy{}, endpoint.History{}, epoch, steady)
	}
}
