package ingest_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/duration"
	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/httpapi/ingest"
	"github.com/signalbox-mq/signalbox/httpapi/problem"
)

// call is one call of a recorder.
type call struct {
	Bus    string
	Event  event.Event
	Token  string
	Window time.Duration
}

// recorder is a Publisher that keeps what it got, and knows its tokens.
type recorder struct {
	err error

	mu    sync.Mutex
	calls []call
	ids   map[string]string
}

func (p *recorder) PublishHook(_ context.Context, bus string, ev event.Event, token string, window time.Duration) (ingest.PublishedEvent, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return ingest.PublishedEvent{}, p.err
	}
	if id, ok := p.ids[token]; ok {
		return ingest.PublishedEvent{ID: id, Matched: []string{"rule"}, Duplicate: true}, nil
	}
	p.calls = append(p.calls, call{bus, ev, token, window})
	id := "event-" + string(rune('0'+len(p.calls)))
	if token != "" {
		if p.ids == nil {
			p.ids = map[string]string{}
		}
		p.ids[token] = id
		return ingest.PublishedEvent{ID: id, Matched: []string{"rule"}}, nil
	}
	return ingest.PublishedEvent{ID: id}, nil
}

// observed collects what a handler told its observer.
type observed struct {
	mu  sync.Mutex
	all []string
}

func (o *observed) add(source, outcome string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = append(o.all, source+" "+outcome)
}

func handlerOf(p ingest.Publisher, config ingest.Config) *ingest.Handler {
	sources := map[string]ingest.Source{"open": {Scheme: ingest.None}}
	for _, p := range providers() {
		p.source.Dedup = duration.Of(time.Hour)
		sources[p.source.Name] = p.source
	}
	return ingest.New(func(name string) (ingest.Source, bool) {
		s, ok := sources[name]
		return s, ok
	}, p, config)
}

func serve(h http.Handler, method, path string, headers http.Header, body io.Reader) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, body)
	for name, values := range headers {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestEveryProviderOverHTTP publishes each provider's delivery, sends it again, and then with
// another secret, too late, and changed.
func TestEveryProviderOverHTTP(t *testing.T) {
	t.Parallel()
	for _, p := range providers() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			published := &recorder{}
			seen := &observed{}
			h := handlerOf(published, ingest.Config{Observe: seen.add})
			path := "/hooks/" + p.source.Name
			now := time.Now()
			post := func(signed http.Header, body string) *httptest.ResponseRecorder {
				return serve(h, http.MethodPost, path, signed, strings.NewReader(body))
			}
			w := post(p.sign(p.source.Secrets[1], now, p.body), p.body)
			if got, want := w.Body.String(), `{"id":"event-1","matched":["rule"],"duplicate":false}`+"\n"; w.Code != 200 || got != want || w.Header().Get("Content-Type") != "application/json" {
				t.Fatalf("%d %s, want %s", w.Code, got, want)
			}
			w = post(p.sign(p.source.Secrets[0], now.Add(time.Second), p.body), p.body)
			if got, want := w.Body.String(), `{"id":"event-1","matched":["rule"],"duplicate":true}`+"\n"; w.Code != 200 || got != want {
				t.Errorf("again: %d %s, want %s", w.Code, got, want)
			}
			wantProblem(t, post(p.sign("whsec_b3RoZXI=", now, p.body), p.body), 401, "signature_invalid")
			wantProblem(t, post(p.sign(p.source.Secrets[0], now, p.body), p.body+" "), 401, "signature_invalid")
			wantProblem(t, post(http.Header{}, p.body), 401, "signature_missing")
			want := []string{"published", "duplicate", "signature_invalid", "signature_invalid", "signature_missing"}
			if p.timed {
				wantProblem(t, post(p.sign(p.source.Secrets[0], now.Add(-time.Hour), p.body), p.body), 401, "timestamp_stale")
				wantProblem(t, post(p.sign(p.source.Secrets[0], now.Add(time.Hour), p.body), p.body), 401, "timestamp_stale")
				want = append(want, "timestamp_stale", "timestamp_stale")
			}
			for i := range want {
				want[i] = p.source.Name + " " + want[i]
			}
			if diff := cmp.Diff(want, seen.all); diff != "" {
				t.Error(diff)
			}
			if len(published.calls) != 1 {
				t.Fatalf("%d events published", len(published.calls))
			}
			got := published.calls[0]
			if got.Bus != "default" || got.Token != "hook/"+p.source.Name+"/"+p.wantID || got.Window != time.Hour || got.Event.Type != p.wantType {
				t.Errorf("published %+v", got)
			}
			if since := got.Event.Time.Sub(now); since <= -time.Second || since > time.Minute {
				t.Errorf("the event is of %s, it was sent at %s", got.Event.Time, now)
			}
		})
	}
}

func wantProblem(t *testing.T, w *httptest.ResponseRecorder, status int, code string) {
	t.Helper()
	var p problem.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Errorf("%d %s: %v", w.Code, w.Body, err)
		return
	}
	if w.Code != status || p.Status != status || p.Code != code || p.Type != "about:blank" || p.Title != http.StatusText(status) || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %s %s, want %d %s", w.Code, w.Header(), w.Body, status, code)
	}
	if (status == 401) != (w.Header().Get("WWW-Authenticate") != "") {
		t.Errorf("status %d with WWW-Authenticate %q", status, w.Header().Get("WWW-Authenticate"))
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	big := strings.Repeat(" ", ingest.DefaultMaxBody+1)
	gh := func(event, body string) http.Header {
		return header("X-GitHub-Event", event, "X-Hub-Signature-256", "sha256="+hexMAC("first secret", body))
	}
	for _, test := range []struct {
		name, method, path string
		header             http.Header
		body               io.Reader
		status             int
		code, detail       string
	}{
		{"GET", "GET", "/hooks/open", nil, nil, 405, "method", "GET"},
		{"HEAD", "HEAD", "/hooks/open", nil, nil, 405, "method", "HEAD"},
		{"OPTIONS of an unknown source", "OPTIONS", "/hooks/nowhere", nil, nil, 405, "method", "POST only"},
		{"unknown source", "POST", "/hooks/nowhere", nil, strings.NewReader(`{}`), 404, "unknown_source", `"nowhere"`},
		{"no source", "POST", "/hooks/", nil, strings.NewReader(`{}`), 404, "unknown_source", ""},
		{"deeper path", "POST", "/hooks/open/x", nil, strings.NewReader(`{}`), 404, "unknown_source", `"open/x"`},
		{"escaped path", "POST", "/hooks/%2e%2e", nil, strings.NewReader(`{}`), 404, "unknown_source", ""},
		{"other path", "POST", "/hook/open", nil, strings.NewReader(`{}`), 404, "unknown_source", ""},
		{"too large, declared", "POST", "/hooks/open", nil, strings.NewReader(big), 413, "body_too_large", "1310720"},
		{"too large, chunked", "POST", "/hooks/open", nil, io.MultiReader(strings.NewReader(big)), 413, "body_too_large", "1310720"},
		{"too large before the signature", "POST", "/hooks/gh", nil, strings.NewReader(big), 413, "body_too_large", "1310720"},
		{
			"event too large", "POST", "/hooks/open", header("Content-Type", "application/json"),
			strings.NewReader(`"` + strings.Repeat("x", event.MaxSize) + `"`), 413, "body_too_large", "1048576",
		},
		{"broken off", "POST", "/hooks/open", nil, iotest.TimeoutReader(io.MultiReader(strings.NewReader("{"), strings.NewReader("}"))), 400, "malformed", "could not be read"},
		{"not JSON", "POST", "/hooks/gh", gh("push", `{"a"`), strings.NewReader(`{"a"`), 400, "malformed", "not valid JSON"},
		{"no event", "POST", "/hooks/gh", header("X-Hub-Signature-256", "sha256="+hexMAC("first secret", `{}`)), strings.NewReader(`{}`), 400, "malformed", "X-GitHub-Event"},
		{"compressed", "POST", "/hooks/open", header("Content-Encoding", "gzip"), strings.NewReader(`{}`), 415, "content_encoding", "gzip"},
		{"no signature", "POST", "/hooks/gh", nil, strings.NewReader(`{}`), 401, "signature_missing", "X-Hub-Signature-256"},
		{"SHA-1", "POST", "/hooks/gh", header("X-Hub-Signature", "sha1=00"), strings.NewReader(`{}`), 401, "signature_missing", "X-Hub-Signature-256"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			published := &recorder{}
			w := serve(handlerOf(published, ingest.Config{}), test.method, test.path, test.header, test.body)
			wantProblem(t, w, test.status, test.code)
			var p problem.Problem
			_ = json.Unmarshal(w.Body.Bytes(), &p)
			if !strings.Contains(p.Detail, test.detail) {
				t.Errorf("detail %q, want %q in it", p.Detail, test.detail)
			}
			if test.status == 405 && w.Header().Get("Allow") != "POST" {
				t.Errorf("Allow: %q", w.Header().Get("Allow"))
			}
			if len(published.calls) != 0 {
				t.Errorf("published %+v", published.calls)
			}
		})
	}
}

func TestAsLargeAsAllowed(t *testing.T) {
	t.Parallel()
	published := &recorder{}
	h := handlerOf(published, ingest.Config{})
	// Insignificant white space counts for the body and not for the event.
	body := `{}` + strings.Repeat(" ", ingest.DefaultMaxBody-2)
	for _, reader := range []io.Reader{strings.NewReader(body), io.MultiReader(strings.NewReader(body))} {
		w := serve(h, http.MethodPost, "/hooks/open", nil, reader)
		if w.Code != 200 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	for _, c := range published.calls {
		if string(c.Event.Detail) != "{}" || c.Token != "" || c.Window != 0 {
			t.Errorf("published %+v", c)
		}
	}
}

func TestGitHubPingIsPublished(t *testing.T) {
	t.Parallel()
	published := &recorder{}
	const body = `{"zen":"Keep it logically awesome.","hook_id":109948940,"repository":{"url":"https://api.github.com/repos/acme/shop"}}`
	h := header("Content-Type", "application/json", "X-GitHub-Event", "ping", "X-GitHub-Delivery", "p-1", "X-Hub-Signature-256", "sha256="+hexMAC("first secret", body))
	w := serve(handlerOf(published, ingest.Config{}), http.MethodPost, "/hooks/gh", h, strings.NewReader(body))
	if w.Code != 200 || len(published.calls) != 1 || published.calls[0].Event.Type != "com.github.ping" {
		t.Errorf("%d %s, published %+v", w.Code, w.Body, published.calls)
	}
}

func TestSlackChallengeIsAnswered(t *testing.T) {
	t.Parallel()
	published := &recorder{}
	seen := &observed{}
	h := handlerOf(published, ingest.Config{Observe: seen.add})
	const body = `{"token":"t","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P","type":"url_verification"}`
	ts := seconds(time.Now())
	signed := header("Content-Type", "application/json", "X-Slack-Request-Timestamp", ts, "X-Slack-Signature", "v0="+hexMAC("first secret", "v0:"+ts+":"+body))
	w := serve(h, http.MethodPost, "/hooks/slack", signed, strings.NewReader(body))
	if w.Code != 200 || w.Body.String() != "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P" || w.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("%d %s %s", w.Code, w.Header(), w.Body)
	}
	signed.Set("X-Slack-Signature", "v0=00")
	wantProblem(t, serve(h, http.MethodPost, "/hooks/slack", signed, strings.NewReader(body)), 401, "signature_invalid")
	if len(published.calls) != 0 {
		t.Errorf("published %+v", published.calls)
	}
	if diff := cmp.Diff([]string{"slack challenge", "slack signature_invalid"}, seen.all); diff != "" {
		t.Error(diff)
	}
}

func TestPublisherErrors(t *testing.T) {
	t.Parallel()
	full := errors.New("the store is full: /secret/path")
	w := serve(handlerOf(&recorder{err: full}, ingest.Config{}), http.MethodPost, "/hooks/open", nil, strings.NewReader(`{}`))
	if w.Code != 500 || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	wantProblem(t, w, 500, "")

	var got error
	seen := &observed{}
	h := handlerOf(&recorder{err: full}, ingest.Config{Observe: seen.add, WriteError: func(w http.ResponseWriter, _ *http.Request, err error) {
		got = err
		w.WriteHeader(http.StatusServiceUnavailable)
	}})
	w = serve(h, http.MethodPost, "/hooks/open", nil, strings.NewReader(`{}`))
	if w.Code != 503 || !errors.Is(got, full) || len(seen.all) != 1 || seen.all[0] != "open error" {
		t.Errorf("%d, the writer got %v, the observer %q", w.Code, got, seen.all)
	}
	serve(h, http.MethodPost, "/hooks/nowhere", nil, strings.NewReader(`{}`))
	if !errors.Is(got, ingest.ErrUnknownSource) || seen.all[1] != " unknown_source" {
		t.Errorf("the writer got %v, the observer %q", got, seen.all)
	}
	tooLarge := serve(handlerOf(&recorder{err: event.ErrTooLarge}, ingest.Config{}), http.MethodPost, "/hooks/open", nil, strings.NewReader(`{}`))
	wantProblem(t, tooLarge, 413, "body_too_large")
}

func TestDedup(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 200)
	sum := sha256.Sum256([]byte(long))
	for _, test := range []struct {
		dedup time.Duration
		id    string
		want  string
	}{
		{0, "1", ""},
		{time.Hour, "", ""},
		{time.Hour, "1", "hook/s/1"},
		{time.Hour, long[:128], "hook/s/" + long[:128]},
		{time.Hour, long, "hook/s/sha256:" + hex.EncodeToString(sum[:])},
	} {
		s := ingest.Source{Name: "s", Scheme: ingest.None, Dedup: duration.Of(test.dedup)}
		if got := s.DedupToken(test.id); got != test.want {
			t.Errorf("%s %q: %q, want %q", test.dedup, test.id, got, test.want)
		}
	}
	// Without an id each one is published.
	published := &recorder{}
	h := handlerOf(published, ingest.Config{})
	const body = `{"ref":"refs/heads/main"}`
	for range 2 {
		w := serve(h, http.MethodPost, "/hooks/gh", header("X-GitHub-Event", "push", "X-Hub-Signature-256", "sha256="+hexMAC("first secret", body)), strings.NewReader(body))
		if w.Code != 200 || !strings.Contains(w.Body.String(), `"matched":[],"duplicate":false`) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	if len(published.calls) != 2 {
		t.Errorf("%d published, want 2", len(published.calls))
	}
	for _, c := range published.calls {
		if c.Token != "" || c.Window != 0 {
			t.Errorf("token %q for %s, want none", c.Token, c.Window)
		}
	}
}
