package ingest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/httpapi/ingest"
)

// BenchmarkVerify is verification and normalisation, for a body of about 8 KiB.
func BenchmarkVerify(b *testing.B) {
	padding := `,"padding":{"commits":[` + strings.TrimSuffix(strings.Repeat(`{"id":"0d1a26e67d8f5eaf1f6ba5c57fc3c7d91ac0fd1c","message":"Update README.md","n":12},`, 90), ",") + `]}}`
	for _, p := range providers() {
		spaced := strings.TrimSuffix(p.body, "}") + padding
		compact := strings.NewReplacer(`": `, `":`, `, "`, `,"`).Replace(spaced)
		for _, form := range [...]struct{ name, body string }{{"spaced", spaced}, {"compact", compact}} {
			b.Run(p.name+"/"+form.name, func(b *testing.B) {
				raw := []byte(form.body)
				h := p.sign(p.source.Secrets[0], at(), form.body)
				b.SetBytes(int64(len(raw)))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := p.source.Verify(at(), h, raw); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkHandler is the whole endpoint without the network, over a publisher that does nothing.
func BenchmarkHandler(b *testing.B) {
	p := providers()[0]
	h := ingest.New(func(string) (ingest.Source, bool) { return p.source, true }, discard{}, ingest.Config{})
	signed := p.sign(p.source.Secrets[0], time.Now(), p.body)
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/hooks/gh", io.NopCloser(strings.NewReader(p.body)))
		r.Header = signed
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != 200 {
			b.Fatal(w.Body)
		}
	}
}
