package httpapi_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/signalbox-mq/signalbox/httpapi"
	"github.com/signalbox-mq/signalbox/httpapi/problem"
)

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	e := newModelEnv(t)
	ask := func(id string) string {
		r := httptest.NewRequest("GET", "/nowhere", nil)
		if id != "" {
			r.Header.Set("X-Request-Id", id)
		}
		w := httptest.NewRecorder()
		e.server.ServeHTTP(w, r)
		given := w.Header().Get("X-Request-Id")
		if !strings.Contains(w.Body.String(), `"request_id":"`+given+`"`) {
			t.Errorf("the header has %q, the problem %s", given, w.Body)
		}
		return given
	}
	if got := ask("mine-1_A"); got != "mine-1_A" {
		t.Errorf("a given id became %q", got)
	}
	seen := map[string]bool{}
	for _, bad := range []string{"", "a b", "ü", "a\"b", strings.Repeat("a", 129)} {
		got := ask(bad)
		if len(got) != 36 || got == bad || seen[got] {
			t.Errorf("%q became %q", bad, got)
		}
		seen[got] = true
	}
}

// TestRouteNames checks what metrics call a request: the route, whatever its path is, and nothing that a client makes up.
func TestRouteNames(t *testing.T) {
	t.Parallel()
	e := newModelEnv(t)
	for _, c := range []struct{ method, target, want string }{
		{"POST", "/v1/events", "POST /v1/events"},
		{"POST", "/v1/buses/x%2Fy/events", "POST /v1/buses/{bus}/events"},
		{"GET", "/v1/queues/orders", "GET /v1/queues/{queue}"},
		{"HEAD", "/v1/queues/orders", "GET /v1/queues/{queue}"},
		{"POST", "/v1/queues/orders/messages/receive", "POST /v1/queues/{queue}/messages/receive"},
		{"DELETE", "/v1/queues/orders/messages/abc", "DELETE /v1/queues/{queue}/messages/{receipt}"},
		{"POST", "/hooks/made-up", "POST /hooks/{source}"},
		{"BREW", "/v1/events", "other"},
		{"GET", "/made-up", "other"},
		{"GET", "/healthz", "GET /healthz"},
		{"GET", "/dev/x", "/dev/"},
	} {
		e.do(c.method, c.target, "")
		if seen := e.routesSeen(); seen[len(seen)-1] != c.want {
			t.Errorf("%s %s is counted as %q, want %q", c.method, c.target, seen[len(seen)-1], c.want)
		}
	}
	if w := e.do("GET", "/metrics", ""); w.Code != 200 || !strings.Contains(w.Body.String(), `router_http_request_seconds_count{route="POST /v1/events",status="400"} 1`) {
		t.Errorf("/metrics: %d %.3000s", w.Code, w.Body)
	}
}

func TestPanics(t *testing.T) {
	t.Parallel()
	e := newModelEnv(t)
	w := e.do("POST", "/dev/x", "")
	if w.Code != 500 || !strings.Contains(w.Body.String(), `"code":"internal"`) || strings.Contains(w.Body.String(), "extra") {
		t.Errorf("a panic was answered %d %s", w.Code, w.Body)
	}
	if log := e.log.String(); !strings.Contains(log, `"panic":"extra"`) || !strings.Contains(log, `"request_id":"test"`) || !strings.Contains(log, "env_test.go") {
		t.Errorf("the log has %s", log)
	}
}

// TestPanicInTheMiddle checks that half an answer does not look like a whole one.
func TestPanicInTheMiddle(t *testing.T) {
	t.Parallel()
	log := &syncBuffer{}
	statuses := make(chan int, 1)
	s := httpapi.New(newModelEnv(t).parts(func(_ string, status int, _ time.Duration) { statuses <- status }), zerolog.New(log))
	srv := httptest.NewServer(s.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", 10_000))
		_ = http.NewResponseController(w).Flush()
		panic("half way")
	})))
	defer srv.Close()
	resp, err := srv.Client().Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("read %d bytes and no error", len(body))
	}
	if status := <-statuses; status != 200 || !strings.Contains(log.String(), "half way") {
		t.Errorf("observed %d, logged %s", status, log)
	}
}

// TestErrorsAreLoggedOnce checks that what no table knows is in the log, under the ID that the client got, and what one
// knows is not.
func TestErrorsAreLoggedOnce(t *testing.T) {
	t.Parallel()
	e := newModelEnv(t)
	e.store.Fail(errSecret)
	e.do("POST", "/v1/queues/orders/messages", `{"body":"x"}`)
	if log := e.log.String(); strings.Count(log, "secret") != 1 || !strings.Contains(log, `"request_id":"test"`) || strings.Contains(log, `{"body"`) {
		t.Errorf("the log has %s", log)
	}
	e.do("POST", "/v1/queues/nowhere/messages", `{"body":"x"}`)
	if log := e.log.String(); strings.Contains(log, "nowhere") {
		t.Errorf("the log has %s", log)
	}
}

func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	e := newModelEnv(t)
	const event = `{"source":"s","type":"t"}`
	for _, c := range []struct {
		name   string
		header []string
		status int
	}{
		{"curl", nil, 200},
		{"a page of the same origin", []string{"Origin", "http://example.com", "Sec-Fetch-Site", "same-origin"}, 200},
		{"the same origin, an old browser", []string{"Origin", "http://example.com"}, 200},
		{"another origin", []string{"Origin", "http://evil.example", "Sec-Fetch-Site", "cross-site"}, 403},
		{"another origin of the same site", []string{"Origin", "http://a.example.com", "Sec-Fetch-Site", "same-site"}, 403},
		{"another origin, an old browser", []string{"Origin", "http://evil.example"}, 403},
		{"a sandboxed page", []string{"Origin", "null"}, 403},
	} {
		if w := e.do("POST", "/v1/events", event, c.header...); w.Code != c.status {
			t.Errorf("%s: answered %d %s, want %d", c.name, w.Code, w.Body, c.status)
		}
	}
}

// TestRealListener checks over a socket what pipes do not show: keep-alive, HEAD, and a shutdown that lets a request end.
func TestRealListener(t *testing.T) {
	t.Parallel()
	e := newModelEnv(t)
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stop, done := serveOn(e, l)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	ask := func(method, path, body string) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+l.Addr().String()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Fatal(err)
		}
		return resp
	}
	if resp := ask("HEAD", "/v1/queues/orders", ""); resp.StatusCode != 200 || resp.ContentLength <= 0 {
		t.Errorf("HEAD: %d with length %d", resp.StatusCode, resp.ContentLength)
	}
	if resp := ask("POST", "/v1/queues/order%73/messages", `{"body":"x"}`); resp.StatusCode != 200 {
		t.Errorf("an escaped name: %d", resp.StatusCode)
	}
	if resp := ask("POST", "//v1/events", `{}`); resp.StatusCode != 404 {
		t.Errorf("two slashes: %d", resp.StatusCode)
	}
	// A body that is refused and left unread must not become the next request.
	if resp := ask("POST", "/v1/events", strings.Repeat("x", 2<<20)); resp.StatusCode != 413 {
		t.Errorf("too large: %d", resp.StatusCode)
	}
	if resp := ask("GET", "/readyz", ""); resp.StatusCode != 200 {
		t.Errorf("after that: %d", resp.StatusCode)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", l.Addr().String()); err == nil {
		t.Error("it still listens")
	}
}

// TestInternal checks the form of a problem.
func TestInternal(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	w.Header().Set(problem.RequestIDHeader, "id")
	problem.Write(w, problem.Internal())
	want := `{"type":"about:blank","title":"Internal Server Error","status":500,"detail":"the router failed to do this; its log has the reason under the request id","code":"internal","request_id":"id"}` + "\n"
	if w.Code != 500 || w.Body.String() != want || !slices.Equal(w.Header()["Content-Type"], []string{problem.ContentType}) {
		t.Errorf("wrote %d %v %s", w.Code, w.Header(), w.Body)
	}
}
