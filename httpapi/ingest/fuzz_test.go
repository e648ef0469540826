package ingest_test

import (
	"net/http"
	"testing"

	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/httpapi/ingest"
)

// FuzzVerify signs whatever body and sends it with whatever headers: a delivery that is accepted
// makes an event that the router can keep, or a challenge.
func FuzzVerify(f *testing.F) {
	for i, p := range providers() {
		f.Add(i, p.body, "application/json", "issues")
	}
	f.Add(0, "payload=%7B%7D", "application/x-www-form-urlencoded", "push")
	f.Add(2, "command=%2Fx", "application/x-www-form-urlencoded", "")
	f.Add(7, "\xff", "text/plain", "")
	f.Fuzz(func(t *testing.T, i int, body, contentType, name string) {
		all := providers()
		p := all[uint(i)%uint(len(all))]
		h := p.sign(p.source.Secrets[0], at(), body)
		h.Set("Content-Type", contentType)
		for _, field := range []string{"X-GitHub-Event", "X-Shopify-Topic", "X-Acme-Id"} {
			if http.CanonicalHeaderKey(field) != "X-Acme-Id" || p.source.Name != "acme" {
				h.Set(field, name)
			}
		}
		d, err := p.source.Verify(at(), h, []byte(body))
		if err != nil {
			if _, ok := ingest.ProblemOf(err); !ok {
				t.Fatalf("no problem for %v", err)
			}
			return
		}
		if d.Challenge != "" {
			return
		}
		event.Intake{Now: at(), Account: "000000000000", Region: "us-east-1"}.Stamp(&d.Event)
		if err := d.Event.Validate(); err != nil {
			t.Fatalf("%+v: %v", d.Event, err)
		}
		if d.ID != d.Event.ProducerID || len(d.ID) > 256 {
			t.Fatalf("id %q", d.ID)
		}
	})
}
