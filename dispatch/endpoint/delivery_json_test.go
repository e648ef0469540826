package endpoint_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/duration"
)

// The form is encoding/json's own, byte by byte, and reads back as the same value.
func TestDeliveryJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.StringMatching(`[a-z0-9./-]{0,12}`), rapid.String())
		d := &endpoint.Delivery{
			Origin: text.Draw(t, "origin"), Account: text.Draw(t, "account"), Region: text.Draw(t, "region"),
			Bus: text.Draw(t, "bus"), Rule: text.Draw(t, "rule"), Target: text.Draw(t, "target"),
			Topic: text.Draw(t, "topic"), Subscription: text.Draw(t, "subscription"), DeadLetter: text.Draw(t, "deadLetter"),
			Published: rapid.Int64().Draw(t, "published"), Hops: rapid.IntRange(-1, 9).Draw(t, "hops"),
			Text: rapid.Bool().Draw(t, "text"), Transformed: rapid.Bool().Draw(t, "transformed"),
			Bare: rapid.Bool().Draw(t, "bare"), NoDeadLetter: rapid.Bool().Draw(t, "noDeadLetter"),
		}
		if rapid.Bool().Draw(t, "retry") {
			d.Retry = drawPolicy(t)
		}
		if rapid.Bool().Draw(t, "verbatim") {
			d.Verbatim = &endpoint.Verbatim{ContentType: text.Draw(t, "contentType")}
			if rapid.Bool().Draw(t, "headers") {
				d.Verbatim.Header = rapid.MapOf(text, text).Draw(t, "header")
			}
		}
		want, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(d.Encode())); diff != "" {
			t.Fatalf("Encode (-encoding/json +got):\n%s", diff)
		}
		got, err := endpoint.DecodeDelivery(want)
		if err != nil {
			t.Fatal(err)
		}
		reference := new(endpoint.Delivery)
		if err := json.Unmarshal(want, reference); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(reference, got); diff != "" {
			t.Fatalf("DecodeDelivery (-encoding/json +got):\n%s", diff)
		}
	})
}

// The form is written field by field: one that is new must be written, and drawn here.
func TestPolicyFields(t *testing.T) {
	t.Parallel()
	if policy, exponential := reflect.TypeFor[endpoint.RetryPolicy]().NumField(), reflect.TypeFor[endpoint.Exponential]().NumField(); policy != 9 || exponential != 4 {
		t.Errorf("%d and %d fields: has retry_json.go all of them, and drawPolicy?", policy, exponential)
	}
}

// drawPolicy returns any retry policy, and often one of EventBridge's.
func drawPolicy(t *rapid.T) *endpoint.RetryPolicy {
	length := rapid.Custom(func(t *rapid.T) duration.Duration {
		return duration.Of(time.Duration(rapid.Int64Range(0, 100_000_000).Draw(t, "ms")) * time.Millisecond)
	})
	if rapid.Bool().Draw(t, "EventBridge's") {
		policy := endpoint.EventBridgeRetry(rapid.IntRange(0, 185).Draw(t, "retries"), length.Draw(t, "age").Std())
		return &policy
	}
	p := &endpoint.RetryPolicy{
		MaxAge: length.Draw(t, "maxAge"), RetryAfterMax: length.Draw(t, "retryAfterMax"),
		PermanentAttempts: rapid.IntRange(0, 9).Draw(t, "permanentAttempts"), EventBridge: rapid.Bool().Draw(t, "eventBridge"),
		DeliveredBelow500: rapid.Bool().Draw(t, "deliveredBelow500"),
	}
	if rapid.Bool().Draw(t, "exponential") {
		p.Exponential = &endpoint.Exponential{
			Min: length.Draw(t, "min"), Max: length.Draw(t, "max"), Attempts: rapid.IntRange(0, 1000).Draw(t, "attempts"),
			Factor: rapid.SampledFrom([]float64{0, 0, 2, 1.5}).Draw(t, "factor"),
		}
	}
	switch rapid.IntRange(0, 5).Draw(t, "more") {
	case 0:
		p.Schedule = rapid.SliceOfN(length, 0, 3).Draw(t, "schedule")
	case 1:
		p.Jitter = new(rapid.Float64Range(0, 1).Draw(t, "jitter"))
	case 2:
		p.PermanentStatuses = rapid.SliceOfN(rapid.IntRange(300, 599), 0, 3).Draw(t, "permanentStatuses")
	}
	return p
}

// FuzzDecodeDelivery: whatever the text, the result is encoding/json's.
func FuzzDecodeDelivery(f *testing.F) {
	for _, seed := range []string{
		`{"origin":"o","account":"1","region":"r","bus":"default","rule":"all","target":"f","published":1763920000000}`,
		`{"origin":"o","account":"1","region":"r","topic":"t","subscription":"s","published":0,"hops":2,"text":true,"transformed":true}`,
		`{}`, `{`, ``, `null`, `{"origin":"a","origin":"b"}`, `{"hops":00}`, `{"hops":-1}`, `{"published":1234567890123456789}`,
		`{"hops":1.5}`, `{"Origin":"x"}`, `{"text":false}`, `{"origin":"\u0041"}`, `{"origin":"é"}`, `{"origin":"x",}`, `{,}`,
		`{"a":1}`, `{"origin":"o"} `, `{"origin":"o"}x`, `{"retry":{"schedule":["1s"]}}`, `{"dead_letter":"q"}`, `{"hops":}`,
		`{"topic":"t","published":1,"dead_letter":"q","verbatim":{"content_type":"text/plain","header":{"X-A":"1","X-B":"2"}},"bare":true}`,
		`{"verbatim":{}}`, `{"verbatim":{"header":{}}}`, `{"verbatim":{"header":{"a":"1","a":"2"}}}`, `{"verbatim":null}`, `{"bare":false}`,
		`{"verbatim":{"header":{"a":"1"}},"verbatim":{"header":{"b":"2"}}}`, `{"verbatim":{"header":{"a":"1"},"header":{"b":"2"}}}`,
		`{"verbatim":{"header":{"a":"1"}`, `{"verbatim":{"header":{"a":1}}}`, `{"verbatim":{"content_type":"x"},"bare":true}}`, `{"verbatim":{,}}`,
		`{"retry":{"exponential":{"min":"1s","max":"7m","attempts":186},"max_age":"1d","retry_after_max":"30d","permanent_attempts":1,"eventbridge":true}}`,
		`{"retry":{"eventbridge":true,"delivered_below_500":true}}`, `{"retry":{"delivered_below_500":false}}`, `{"retry":{}}`, `{"retry":null}`, `{"retry":{"eventbridge":false}}`, `{"retry":{"max_age":0}}`, `{"retry":{"max_age":"0"}}`, `{"retry":{"max_age":"1x"}}`,
		`{"retry":{"max_age":"1s"},"retry":{"eventbridge":true}}`, `{"retry":{"exponential":{"min":"1s"},"exponential":{"max":"1s"}}}`,
		`{"retry":{"exponential":{"factor":2}}}`, `{"retry":{"exponential":null}}`, `{"retry":{"permanent_attempts":-1}}`, `{"retry":{"max_age":"1s","max_age":"bad"}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := endpoint.DecodeDelivery(b)
		want := new(endpoint.Delivery)
		wantErr := json.Unmarshal(b, want)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("error %v, encoding/json says %v", err, wantErr)
		}
		if err == nil {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("(-encoding/json +got):\n%s", diff)
			}
		}
	})
}
