package ingest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/signalbox-mq/signalbox/duration"
	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/httpapi/ingest"
)

// discard is a publisher that matches nothing.
type discard struct{}

func (discard) PublishHook(_ context.Context, bus string, ev event.Event, _ string, _ time.Duration) (ingest.PublishedEvent, error) {
	return ingest.PublishedEvent{ID: "019ab0f2-0000-7000-8000-000000000000"}, nil
}

func ExampleHandler() {
	sources := map[string]ingest.Source{
		"github": {Scheme: ingest.GitHub, Secrets: []ingest.Secret{"It's a Secret to Everybody"}, Dedup: duration.Of(24 * time.Hour)},
	}
	lookup := func(name string) (ingest.Source, bool) {
		source, ok := sources[name]
		return source, ok
	}
	handler := ingest.New(lookup, discard{}, ingest.Config{})

	post := func(signature string) {
		r := httptest.NewRequest(http.MethodPost, "/hooks/github", strings.NewReader(`{"zen":"Speak like a human."}`))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-GitHub-Event", "ping")
		r.Header.Set("X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")
		r.Header.Set("X-Hub-Signature-256", signature)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		fmt.Print(w.Code, " ", w.Body)
	}
	post("sha256=" + hexMAC("It's a Secret to Everybody", `{"zen":"Speak like a human."}`))
	post("sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")
	// Output:
	// 200 {"id":"019ab0f2-0000-7000-8000-000000000000","matched":[],"duplicate":false}
	// 401 {"type":"about:blank","title":"Unauthorized","status":401,"detail":"the signature is not valid: X-Hub-Signature-256 was not made with one of the secrets over the body as it arrived","code":"signature_invalid"}
}

func ExampleSource_Verify() {
	source := ingest.Source{
		Name:    "clerk",
		Scheme:  ingest.StandardWebhooks,
		Secrets: []ingest.Secret{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
	}
	header := http.Header{}
	header.Set("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
	header.Set("webhook-timestamp", "1614265330")
	header.Set("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
	body := []byte(`{"test": 2432232314}`)

	delivery, err := source.Verify(time.Unix(1614265330, 0), header, body)
	fmt.Println(delivery.ID, delivery.Event.Type, string(delivery.Event.Detail), err)

	_, err = source.Verify(time.Unix(1614265330, 0).Add(6*time.Minute), header, body)
	fmt.Println(err)
	// Output:
	// msg_p5jXN8AQM9LWM0D4loKWxJek webhook.clerk {"test":2432232314} <nil>
	// the timestamp is outside the tolerance: it was signed 6m0s ago, and 5m0s is allowed; look at the clocks, or it is a replay
}

func ExampleSource_Validate() {
	source := ingest.Source{Name: "acme", Scheme: ingest.HMAC, Dedup: duration.Of(time.Hour), HMAC: &ingest.Signature{Signed: "{timestamp}"}}
	fmt.Println(source.Validate())
	// Output:
	// secrets needs at least one secret
	// dedup needs an id, such as id: "{header:X-Request-Id}" or id: "{json:$.id}"
	// hmac.header must be the name of the header with the signature
	// hmac.signed must contain {body}: else anybody could change it
	// hmac.timestamp_header is missing: hmac.signed has {timestamp}
}
