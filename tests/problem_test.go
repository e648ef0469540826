package tests

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

// wantProblem checks that an answer is a problem document (RFC 9457) with a status, whose detail has a text.
func wantProblem(t *testing.T, a *harness.Answer, status int, text string) {
	t.Helper()
	var p struct {
		Type, Title, Detail, Code, Field string
		Status                           int
		RequestID                        string `json:"request_id"`
	}
	if a.Status != status {
		t.Errorf("answered %s, want %d", a, status)
		return
	}
	if got := a.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("the Content-Type of a problem is %q: %s", got, a)
	}
	if err := json.Unmarshal(a.Body, &p); err != nil {
		t.Errorf("a problem that is no JSON: %v in %s", err, a)
		return
	}
	if p.Status != status || p.Type == "" || p.Title == "" || p.Detail == "" || p.RequestID == "" || p.RequestID != a.Header.Get("X-Request-Id") {
		t.Errorf("an incomplete problem: %s", a)
	}
	if !strings.Contains(p.Detail, text) {
		t.Errorf("the detail is %q, want it to have %q", p.Detail, text)
	}
}

// TestBadInput sends every kind of bad request of the native API. Each is refused by its status and a problem that says what
// is wrong, and changes nothing.
func TestBadInput(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, harness.Options{Config: apiYAML})
	receipt := func() string {
		r.Send("audit", `{"body": "x"}`)
		return r.ReceiveOne("audit").Receipt
	}()
	mebibyte := strings.Repeat("x", 1<<20)
	many := "[" + strings.TrimSuffix(strings.Repeat(`{"source":"s","type":"t"},`, 1001), ",") + "]"
	ce := map[string]string{"Content-Type": "application/cloudevents+json"}
	binary := func(name, value string) map[string]string {
		h := map[string]string{"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t", "Content-Type": "application/json"}
		if value == "" {
			delete(h, name)
		} else {
			h[name] = value
		}
		return h
	}
	const events, send, receive = "/v1/events", "/v1/queues/orders/messages", "/v1/queues/orders/messages/receive"
	for _, c := range []struct {
		name, method, path string
		header             map[string]string
		body               string
		status             int
		text               string
	}{
		// Events: plain JSON.
		{"empty body", "POST", events, nil, ``, 400, "body"},
		{"not JSON", "POST", events, nil, `{"source": "shop", "type": "a"`, 400, "body is not valid JSON: unexpected end at byte 30"},
		{"something behind", "POST", events, nil, `{"source": "s", "type": "t"} x`, 400, "body is not valid JSON"},
		{"a number", "POST", events, nil, `5`, 400, ""},
		{"unknown key", "POST", events, nil, `[{"source": "shop", "type": "a"}, {"source": "shop", "typ": "b"}]`, 400, "event 1: typ is not a known key"},
		{"no type", "POST", events, nil, `{"source": "shop"}`, 400, "type is missing"},
		{"no source", "POST", events, nil, `{"type": "a"}`, 400, "source is missing"},
		{"empty source", "POST", events, nil, `{"source": "", "type": "a"}`, 400, "source"},
		{"source is a number", "POST", events, nil, `{"source": 5, "type": "a"}`, 400, "source"},
		{"bad time", "POST", events, nil, `{"source": "shop", "type": "a", "time": "noon"}`, 400, "time must be an RFC 3339 time"},
		{"bad extension name", "POST", events, nil, `{"source": "s", "type": "t", "extensions": {"Bad": 1}}`, 400, "Bad"},
		{"repeated key", "POST", events, nil, `{"source": "s", "source": "t", "type": "t"}`, 400, "source"},
		{"not UTF-8", "POST", events, nil, "{\"source\": \"\xff\", \"type\": \"t\"}", 400, ""},
		{"too many", "POST", events, nil, many, 400, "events"},
		{"wrong content type", "POST", events, map[string]string{"Content-Type": "text/xml"}, `<a/>`, 400, "Content-Type"},
		{"event over 1 MiB", "POST", events, nil, `{"source": "s", "type": "t", "data": "` + mebibyte + `"}`, 413, ""},
		{"body over 1.25 MiB", "POST", events, nil, `{"source": "s", "type": "t", "data": "` + mebibyte + mebibyte + `"}`, 413, ""},
		// Events: CloudEvents.
		{"CloudEvent without id", "POST", events, ce, `{"specversion": "1.0", "source": "/s", "type": "t"}`, 400, "id is missing"},
		{"CloudEvent 0.3", "POST", events, ce, `{"specversion": "0.3", "id": "1", "source": "/s", "type": "t"}`, 400, `specversion must be "1.0"`},
		{"CloudEvent with a bad attribute", "POST", events, ce, `{"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "myExt": 1}`, 400, "myExt is not a valid attribute name"},
		{"CloudEvent with both data", "POST", events, ce, `{"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "data": 1, "data_base64": "AA=="}`, 400, "data"},
		{"CloudEvent with bad base64", "POST", events, ce, `{"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "data_base64": "?"}`, 400, "data_base64"},
		{"CloudEvents batch that is none", "POST", events, map[string]string{"Content-Type": "application/cloudevents-batch+json"}, `{}`, 400, ""},
		{"batch with a bad one", "POST", events, map[string]string{"Content-Type": "application/cloudevents-batch+json"}, `[{"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}, {"specversion": "1.0"}]`, 400, "event 1"},
		{"CloudEvents in Avro", "POST", events, map[string]string{"Content-Type": "application/cloudevents+avro"}, `x`, 400, "Content-Type"},
		{"binary without ce-type", "POST", events, binary("ce-type", ""), `{}`, 400, "ce-type is missing"},
		{"binary with overlong UTF-8", "POST", events, binary("ce-subject", "%C0%A0"), `{}`, 400, "ce-subject is not valid UTF-8"},
		{"binary with a bare percent", "POST", events, binary("ce-subject", "100% done"), `{}`, 400, "ce-subject"},
		{"binary with data that is not JSON", "POST", events, binary("ce-subject", "x"), `{`, 400, "JSON"},
		{"binary over 1.25 MiB", "POST", events, binary("ce-subject", "x"), `"` + mebibyte + mebibyte + `"`, 413, ""},
		{"unknown bus", "POST", "/v1/buses/nowhere/events", nil, `{"source": "s", "type": "t"}`, 404, "nowhere"},
		{"unknown event", "GET", "/v1/events/01a2098d-595b-774f-ac88-2bdc8d607159", nil, "", 404, ""},
		{"event id that is none", "GET", "/v1/events/x", nil, "", 404, ""},
		// Queues.
		{"unknown queue, send", "POST", "/v1/queues/nowhere/messages", nil, `{"body": "x"}`, 404, "nowhere"},
		{"unknown queue, receive", "POST", "/v1/queues/nowhere/messages/receive", nil, "", 404, "nowhere"},
		{"unknown queue, delete a message", "DELETE", "/v1/queues/nowhere/messages/x", nil, "", 404, "nowhere"},
		{"unknown queue", "GET", "/v1/queues/nowhere", nil, "", 404, "nowhere"},
		{"send without body", "POST", send, nil, ``, 400, "body"},
		{"send without a message body", "POST", send, nil, `{}`, 400, "body is required"},
		{"send with an unknown member", "POST", send, nil, `{"body": "x", "colour": "red"}`, 400, "colour"},
		{"send with a body that is a number", "POST", send, nil, `{"body": 5}`, 400, "body"},
		{"send, not JSON", "POST", send, nil, `{"body": `, 400, "JSON"},
		{"send with something behind", "POST", send, nil, `{"body": "x"}{}`, 400, "body"},
		{"send with a bad delay", "POST", send, nil, `{"body": "x", "delay": "soon"}`, 400, "delay"},
		{"send with a delay that is too long", "POST", send, nil, `{"body": "x", "delay": "16m"}`, 400, "delay"},
		{"send with a bad attribute", "POST", send, nil, `{"body": "x", "attributes": {"a": 5}}`, 400, "attributes"},
		{"send with base64 that is none", "POST", send, nil, `{"body": "x", "attributes": {"a": {"type": "Binary", "value": "?"}}}`, 400, "attributes"},
		{"send as XML", "POST", send, map[string]string{"Content-Type": "text/xml"}, `<a/>`, 415, "application/json"},
		{"message over 1 MiB", "POST", send, nil, `{"body": "` + mebibyte + `x"}`, 413, ""},
		{"message over the queue's limit", "POST", "/v1/queues/small/messages", nil, `{"body": "` + mebibyte[:1025] + `"}`, 413, ""},
		{"body over 1.25 MiB, send", "POST", send, nil, `{"body": "` + mebibyte + mebibyte + `"}`, 413, ""},
		{"FIFO without a group", "POST", "/v1/queues/payments.fifo/messages", nil, `{"body": "x"}`, 400, "group"},
		{"receive with a bad max", "POST", receive + "?max=many", nil, "", 400, "max"},
		{"receive of none", "POST", receive + "?max=0", nil, "", 400, "max"},
		{"receive of too many", "POST", receive + "?max=1001", nil, "", 400, "max"},
		{"receive with a bad wait", "POST", receive + "?wait=5", nil, "", 400, "wait"},
		{"receive with a wait that is too long", "POST", receive + "?wait=21s", nil, "", 400, "wait"},
		{"receive with a bad visibility", "POST", receive + "?visibility=13h", nil, "", 400, "visibility"},
		{"receive with an unknown parameter", "POST", receive + "?maximum=1", nil, "", 400, "maximum"},
		{"delete by what is no receipt", "DELETE", send + "/nonsense", nil, "", 400, "receipt"},
		{"delete by another queue's receipt", "DELETE", send + "/" + receipt, nil, "", 400, "receipt"},
		{"visibility of what is no receipt", "PATCH", send + "/nonsense", nil, `{"visibility": "1s"}`, 400, "receipt"},
		{"visibility that is missing", "PATCH", "/v1/queues/audit/messages/" + receipt, nil, `{}`, 400, "visibility is required"},
		{"visibility that is too long", "PATCH", "/v1/queues/audit/messages/" + receipt, nil, `{"visibility": "13h"}`, 400, "visibility"},
		{"queue with a bad name", "PUT", "/v1/queues/no%20good", nil, `{}`, 400, "name"},
		{"queue with an unknown key", "PUT", "/v1/queues/q", nil, `{"colour": 1}`, 400, "colour"},
		{"queue with a bad value", "PUT", "/v1/queues/q", nil, `{"retention": "5s"}`, 400, "retention"},
		// Topics.
		{"unknown topic", "POST", "/v1/topics/nowhere/messages", nil, `{"body": "x"}`, 404, "nowhere"},
		{"topic message without body", "POST", "/v1/topics/alerts/messages", nil, `{}`, 400, "body is required"},
		{"topic message with an unknown member", "POST", "/v1/topics/alerts/messages", nil, `{"body": "x", "delay": "1s"}`, 400, "delay"},
		{"topic message over 1 MiB", "POST", "/v1/topics/alerts/messages", nil, `{"body": "` + mebibyte + `x"}`, 413, ""},
		// The rest.
		{"unknown function", "GET", "/v1/functions/nowhere", nil, "", 404, "nowhere"},
		{"unknown function, enable", "POST", "/v1/functions/nowhere/enable", nil, "", 404, "nowhere"},
		{"unknown delivery", "GET", "/v1/deliveries/x", nil, "", 404, ""},
		{"unknown path", "GET", "/v1/nothing", nil, "", 404, ""},
		{"wrong method", "DELETE", events, nil, "", 405, ""},
		{"a page of another origin", "POST", events, map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", "Content-Type": "text/plain"}, `{"source": "s", "type": "t"}`, 403, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantProblem(t, r.Do(c.method, c.path, c.header, c.body), c.status, c.text)
		})
	}
	if a := r.Do(http.MethodDelete, events, nil, ""); a.Header.Get("Allow") != "POST" {
		t.Errorf("405 with Allow %q, want POST", a.Header.Get("Allow"))
	}
	for _, queue := range []string{"orders", "small", "payments.fifo", "pages", "dead-letters"} {
		r.Empty(queue)
	}
	if s := r.Stats("audit"); s.Ready+s.Delayed != 0 || s.InFlight != 1 {
		t.Errorf("after bad requests only, audit has %+v, want the one in flight", s)
	}
}

func sign(secret, text string) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// TestHooks signs as each provider does, by hand, and checks what is taken and what is refused.
func TestHooks(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, harness.Options{Config: apiYAML})
	const body = `{"action": "opened", "type": "invoice.paid", "id": "evt_1", "repository": {"url": "https://api.github.com/repos/acme/shop"}, "issue": {"number": 7}, "event": {"type": "app_mention"}, "event_id": "Ev1"}`
	now := time.Now().Unix()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(signingSecret, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	github := func(secret, text string) map[string]string {
		return map[string]string{"X-GitHub-Event": "issues", "X-GitHub-Delivery": "d-1", "Content-Type": "application/json", "X-Hub-Signature-256": "sha256=" + hex.EncodeToString(sign(secret, text))}
	}
	stripe := func(at int64) map[string]string {
		return map[string]string{"Stripe-Signature": fmt.Sprintf("t=%d,v1=%s", at, hex.EncodeToString(sign("whsec_test", fmt.Sprintf("%d.%s", at, body))))}
	}
	standard := func(at int64, id string) map[string]string {
		return map[string]string{"Webhook-Id": id, "Webhook-Timestamp": fmt.Sprint(at), "Webhook-Signature": "v1," + base64.StdEncoding.EncodeToString(sign(string(key), fmt.Sprintf("%s.%d.%s", id, at, body)))}
	}
	slack := func(at int64) map[string]string {
		return map[string]string{"X-Slack-Request-Timestamp": fmt.Sprint(at), "Content-Type": "application/json", "X-Slack-Signature": "v0=" + hex.EncodeToString(sign("slack-secret", fmt.Sprintf("v0:%d:%s", at, body)))}
	}
	shopify := map[string]string{"X-Shopify-Topic": "orders/create", "X-Shopify-Hmac-Sha256": base64.StdEncoding.EncodeToString(sign("shop-secret", body)), "Content-Type": "application/json"}
	without := func(h map[string]string, name string) map[string]string { delete(h, name); return h }

	for _, c := range []struct {
		name, source string
		header       map[string]string
		status       int
		code         string
	}{
		{"github", "github", github("first", body), 200, ""},
		{"github, the second secret", "github", github("second", body), 200, ""},
		{"github, wrong secret", "github", github("third", body), 401, "signature_invalid"},
		{"github, another body", "github", github("first", body+" "), 401, "signature_invalid"},
		{"github, not signed", "github", without(github("first", body), "X-Hub-Signature-256"), 401, "signature_missing"},
		{"github, no event", "github", without(github("first", body), "X-GitHub-Event"), 400, "malformed"},
		{"stripe", "stripe", stripe(now), 200, ""},
		{"stripe, stale", "stripe", stripe(now - 600), 401, "timestamp_stale"},
		{"stripe, from the future", "stripe", stripe(now + 600), 401, "timestamp_stale"},
		{"standard webhooks", "clerk", standard(now, "msg_1"), 200, ""},
		{"standard webhooks, stale", "clerk", standard(now-600, "msg_2"), 401, "timestamp_stale"},
		{"standard webhooks, not signed", "clerk", without(standard(now, "msg_3"), "Webhook-Signature"), 401, "signature_missing"},
		{"slack", "slack", slack(now), 200, ""},
		{"slack, stale", "slack", slack(now - 600), 401, "timestamp_stale"},
		{"shopify", "shopify", shopify, 200, ""},
		{"none", "open", map[string]string{"Content-Type": "application/json"}, 200, ""},
		{"unknown source", "nowhere", nil, 404, "unknown_source"},
		{"compressed", "open", map[string]string{"Content-Encoding": "gzip"}, 415, "content_encoding"},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer := r.Do(http.MethodPost, "/hooks/"+c.source, c.header, body)
			if c.status == http.StatusOK {
				var out harness.PublishedEvent
				answer.Decode(t, &out)
				if answer.Status != 200 || !uuidV7.MatchString(out.ID) || out.Matched == nil {
					t.Errorf("answered %s", answer)
				}
				return
			}
			wantProblem(t, answer, c.status, "")
			if !strings.Contains(string(answer.Body), `"code":"`+c.code+`"`) {
				t.Errorf("answered %s, want the code %s", answer, c.code)
			}
		})
	}

	// The same delivery again is a duplicate, where the source has dedup, also after a crash.
	first := r.Do(http.MethodPost, "/hooks/clerk", standard(now, "msg_again"), body)
	r.Kill()
	r.Restart()
	second := r.Do(http.MethodPost, "/hooks/clerk", standard(now, "msg_again"), body)
	var a, b harness.PublishedEvent
	first.Decode(t, &a)
	second.Decode(t, &b)
	if a.Duplicate || !b.Duplicate || a.ID != b.ID {
		t.Errorf("the same delivery twice: %s and %s", first, second)
	}
	wantProblem(t, r.Do(http.MethodPost, "/hooks/open", nil, `"`+strings.Repeat("x", 2<<20)+`"`), 413, "")
	wantProblem(t, r.Do(http.MethodPost, "/hooks/open", nil, `"`+strings.Repeat("x", 1<<20)+`"`), 413, "")
	wantProblem(t, r.Do(http.MethodGet, "/hooks/open", nil, ""), 405, "")
}
