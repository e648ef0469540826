package dispatch_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue"
)

func TestDeliversAndRecords(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	c := collect(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Seen", "yes")
		_, _ = w.Write([]byte("thanks"))
	})
	url := strings.Replace(c.url, "http://", "http://user:hush@", 1) + "/orders"
	f := e.function("f", endpoint.Endpoint{URL: url, Headers: map[string]string{"X-Api-Key": "hush"}})
	e.start()
	ev := sample(`{"total":5}`)
	id := e.publish(post{to: f, event: ev})[0]

	got := c.await(t, 1)[0]
	if got.path != "/orders" || got.header.Get("Webhook-Id") != id.String() || got.header.Get("Signalbox-Attempt") != "1" ||
		got.header.Get("X-Api-Key") != "hush" || got.header.Get("Authorization") == "" {
		t.Errorf("request: %+v", got)
	}
	if want := string(ev.AppendStructured(nil)); got.body != want {
		t.Errorf("body %s, want %s", got.body, want)
	}
	e.awaitAttempts(1)
	all := e.recorded(ev.ID)
	if len(all) != 1 {
		t.Fatalf("%d attempts recorded", len(all))
	}
	a := all[0]
	if a.Outcome != dispatch.OutcomeDelivered || a.Delivery != id.String() || a.Number != 1 || a.Status != 200 ||
		a.Rule != "orders" || a.Kind != "function" || a.Endpoint != "f" || a.Durations.Total <= 0 {
		t.Errorf("attempt: %+v", a)
	}
	if string(a.Response.Body) != "thanks" || a.Response.Header.Get("X-Seen") != "yes" || a.Response.Truncated {
		t.Errorf("response: %+v", a.Response)
	}
	if a.Request.URL != c.url+"/orders" || a.Request.Header.Get("X-Api-Key") != "***" ||
		a.Request.Header.Get("Authorization") != "***" || a.Request.Header.Get("Webhook-Id") != id.String() {
		t.Errorf("request: %+v", a.Request)
	}
	if n := e.stats(f).Total(); n != 0 {
		t.Errorf("%d messages left", n)
	}
}

func TestFormats(t *testing.T) {
	t.Parallel()
	traced := sample(`{"a":1}`)
	traced.Extensions = map[string]event.Value{"traceparent": event.StringValue("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")}
	binary := sample(`"AAEC"`)
	binary.Base64, binary.DataContentType = true, "image/png"
	text := sample(`"two\nlines"`)
	plain := text
	plain.DataContentType = "text/csv"
	for _, test := range []struct {
		name        string
		format      endpoint.Format
		event       event.Event
		text        bool
		contentType string
		body        string
		header      map[string]string
	}{
		{"cloudevent", "", traced, false, event.ContentTypeStructured, string(traced.AppendStructured(nil)),
			map[string]string{"Traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}},
		{"cloudevent-binary", endpoint.FormatCloudEventBinary, traced, false, "application/json", `{"a":1}`,
			map[string]string{"Ce-Type": "order.created", "Ce-Id": traced.ID, "Ce-Specversion": "1.0"}},
		{"cloudevent-binary of bytes", endpoint.FormatCloudEventBinary, binary, false, "image/png", "\x00\x01\x02", nil},
		{"eventbridge", endpoint.FormatEventBridge, traced, false, "application/json", string(traced.AppendEventBridge(nil)),
			map[string]string{"Traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}},
		{"raw", endpoint.FormatRaw, traced, false, "application/json", `{"a":1}`, nil},
		{"raw of bytes", endpoint.FormatRaw, binary, false, "image/png", "\x00\x01\x02", nil},
		{"raw text", endpoint.FormatRaw, text, true, "text/plain; charset=utf-8", "two\nlines", nil},
		{"raw string", endpoint.FormatRaw, text, false, "application/json", `"two\nlines"`, nil},
		{"raw of a text type", endpoint.FormatRaw, plain, false, "text/csv", "two\nlines", nil},
		{"raw of nothing", endpoint.FormatRaw, sample("null"), false, "application/json", "", nil},
		{"lambda", endpoint.FormatLambda, traced, false, "application/json", string(traced.AppendEventBridge(nil)),
			map[string]string{"X-Amz-Invocation-Type": "RequestResponse"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			c := collect(t, nil)
			f := e.function("f", endpoint.Endpoint{URL: c.url, Format: test.format})
			e.start()
			e.publish(post{to: f, event: test.event, about: endpoint.Delivery{Text: test.text}})
			got := c.await(t, 1)[0]
			if diff := cmp.Diff(test.body, got.body); diff != "" {
				t.Error(diff)
			}
			if ct := got.header.Get("Content-Type"); ct != test.contentType {
				t.Errorf("Content-Type %q, want %q", ct, test.contentType)
			}
			for name, want := range test.header {
				if v := got.header.Get(name); v != want {
					t.Errorf("%s: %q, want %q", name, v, want)
				}
			}
			if test.format == endpoint.FormatLambda && got.path != "/2015-03-31/functions/f/invocations" {
				t.Errorf("path %s", got.path)
			}
			e.awaitAttempts(1)
		})
	}
}

func TestGivesUpWithReason(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	c := collect(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(503)
		_, _ = w.Write([]byte("out of order"))
	})
	f := e.function("f", endpoint.Endpoint{URL: c.url, Format: endpoint.FormatRaw, Retry: schedule(20*time.Millisecond, 20*time.Millisecond)})
	e.start()
	ev := sample(`{"total":5}`)
	id := e.publish(post{to: f, event: ev})[0]
	e.awaitAttempts(3)

	calls := c.got()
	for i, got := range calls {
		if got.header.Get("Webhook-Id") != id.String() || got.header.Get("Signalbox-Attempt") != string(rune('1'+i)) {
			t.Errorf("attempt %d: %v", i+1, got.header)
		}
	}
	letters := e.builtin()
	if len(letters) != 1 {
		t.Fatalf("%d dead letters", len(letters))
	}
	m := letters[0].Message
	if string(m.Body) != `{"total":5}` || m.ID != id || m.Source != f {
		t.Errorf("dead letter: %+v", m)
	}
	want := map[string]string{
		"RULE_ARN":                  "arn:aws:events:us-east-1:000000000000:rule/orders",
		"TARGET_ARN":                "arn:aws:lambda:us-east-1:000000000000:function:f",
		"ERROR_CODE":                "SDK_CLIENT_ERROR",
		"ERROR_MESSAGE":             "answered 503 Service Unavailable",
		"RETRY_ATTEMPTS":            "2",
		"EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
		"router.status":             "503",
		"router.error_class":        "http",
		"router.response":           "out of order",
		"router.event_id":           ev.ID,
		"router.delivery_id":        id.String(),
	}
	if diff := cmp.Diff(want, attributesOf(m)); diff != "" {
		t.Error(diff)
	}
	all := e.recorded(ev.ID)
	var outcomes []dispatch.Outcome
	for _, a := range all {
		outcomes = append(outcomes, a.Outcome)
	}
	if diff := cmp.Diff([]dispatch.Outcome{"retry", "retry", "dead-lettered"}, outcomes); diff != "" {
		t.Error(diff)
	}
	if last := all[len(all)-1]; last.DeadLetter != queue.BuiltinDeadLetters || last.GiveUp != endpoint.GiveUpAttempts || last.Code != "SDK_CLIENT_ERROR" {
		t.Errorf("last attempt: %+v", last)
	}
}
