package dispatch_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/dispatch/destination"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

func TestDestinationRequest(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	m := e.destinations()
	var mu sync.Mutex
	seen := map[string]*http.Request{}
	c := collect(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen[r.Method] = r
		answering(200)(w, r)
	})
	e.connect(m, "all", withParameters(withBasic))
	e.connect(m, "key", withKey)
	full, _ := e.destination(m, "full", destination.Destination{Connection: "all", URL: c.url + "/orders/*/x?own=1&open=url", Method: "PUT"})
	bare, _ := e.destination(m, "bare", destination.Destination{Connection: "key", URL: c.url + "/bare", Method: "GET"})
	e.start()
	about := endpoint.Delivery{
		Verbatim: &endpoint.Verbatim{ContentType: "application/json", Header: map[string]string{"X-Amzn-Trace-Id": "Root=1", "x-open": "trace"}},
		HTTP: &endpoint.HTTPParameters{
			Path:   []string{"a/b ü", "left over"},
			Header: map[string]string{"x-open": "target", "X-KIND": "not this", "X-Kind": "k", "User-Agent": "mine", "Host": "elsewhere", "authorization": "mine"},
			Query:  map[string]string{"open": "target", "r": "t&"},
		},
	}
	first := e.last(e.invoke(full, `{"n": 1.0, "open": "event"}`, about), 1)
	second := e.last(e.invoke(bare, `{"n": 1}`, endpoint.Delivery{}), 1)

	calls := c.got()
	r := seen["PUT"]
	if r.URL.EscapedPath() != "/orders/a%2Fb%20%C3%BC/x" {
		t.Errorf("path %s", r.URL.EscapedPath())
	}
	if diff := cmp.Diff(url.Values{"own": {"1"}, "open": {"o"}, "r": {"t&"}, "hidden": {"query+s3cret&"}}, r.URL.Query()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(http.Header{
		"Content-Type": {"application/json; charset=utf-8"}, "User-Agent": {"Amazon/EventBridge/ApiDestinations"}, "Range": {"bytes=0-1048575"},
		"Accept-Encoding": {"gzip,deflate"}, "X-Open": {"open"}, "X-Hidden": {"header-s3cret"}, "X-Kind": {"k"}, "X-Amzn-Trace-Id": {"Root=1"},
		"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte("user:passw0rd"))}, "Content-Length": {fmt.Sprint(len(calls[0].body))},
	}, calls[0].header); diff != "" {
		t.Error(diff)
	}
	if want := `{"n":1.0,"open":"b","hidden":"body-s3cret\""}`; calls[0].body != want {
		t.Errorf("body %s", calls[0].body)
	}
	if g := calls[1]; g.body != "" || g.header.Get("X-Api-Key") != "k3y-value" || g.header.Get("Content-Type") == "" {
		t.Errorf("GET: %+v", g)
	}
	// What is recorded has no secrets.
	if diff := cmp.Diff(dispatch.Request{
		URL: c.url + "/orders/a%2Fb%20%C3%BC/x?own=1&r=t%26&open=o&hidden=***",
		Header: http.Header{
			"Content-Type": {"application/json; charset=utf-8"}, "User-Agent": {"Amazon/EventBridge/ApiDestinations"}, "Range": {"bytes=0-1048575"},
			"Accept-Encoding": {"gzip,deflate"}, "X-Open": {"open"}, "X-Hidden": {"***"}, "X-Kind": {"k"}, "X-Amzn-Trace-Id": {"Root=1"},
			"Authorization": {"***"},
		},
	}, first.Request); diff != "" {
		t.Error(diff)
	}
	if first.Outcome != dispatch.OutcomeDelivered || first.Kind != dispatch.KindDestination || first.Endpoint != "full" || first.Status != 200 ||
		!strings.Contains(string(first.Response.Body), "X-Hidden: ***") || second.Request.Header.Get("X-Api-Key") != "***" {
		t.Errorf("%+v", first)
	}
	e.hidden(full, bare)
}

func TestDestinationMethods(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	m := e.destinations()
	bodies := make(chan string, 1)
	url := collectRaw(t, func(w http.ResponseWriter, r *http.Request) {
		var b bytes.Buffer
		_, _ = b.ReadFrom(r.Body)
		bodies <- r.Method + " " + b.String()
		w.WriteHeader(200)
	})
	e.connect(m, "key", withKey)
	e.start()
	for _, method := range destination.Methods() {
		to, _ := e.destination(m, method, destination.Destination{Connection: "key", URL: url, Method: method})
		origin := e.invoke(to, `{}`, endpoint.Delivery{})
		want := method + " {}"
		if method == "GET" || method == "HEAD" || method == "OPTIONS" {
			want = method + " "
		}
		if got := <-bodies; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if a := e.last(origin, 1); a.Outcome != dispatch.OutcomeDelivered {
			t.Errorf("%s: %+v", method, a)
		}
	}
}

// TestDestinationContentTypes says which one is sent, and that only an object gets members.
func TestDestinationContentTypes(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	m := e.destinations()
	c := collect(t, nil)
	own := withKey
	own.Parameters.Header = []destination.Parameter{{Key: "content-type", Value: "application/vnd.x+json"}}
	e.connect(m, "key", withParameters(withKey))
	e.connect(m, "own", own)
	one, _ := e.destination(m, "one", destination.Destination{Connection: "key", URL: c.url})
	two, _ := e.destination(m, "two", destination.Destination{Connection: "own", URL: c.url})
	e.start()
	for i, row := range []struct {
		to         queue.ID
		about      endpoint.Delivery
		body       string
		kind, sent string
	}{
		{one, endpoint.Delivery{Verbatim: &endpoint.Verbatim{ContentType: "text/plain"}}, "plain", "text/plain", "plain"},
		{one, endpoint.Delivery{HTTP: &endpoint.HTTPParameters{Header: map[string]string{"content-type": "text/csv"}}}, "[1]", "text/csv", "[1]"},
		{two, endpoint.Delivery{HTTP: &endpoint.HTTPParameters{Header: map[string]string{"content-type": "text/csv"}}}, `{"a":1}`, "application/vnd.x+json", `{"a":1}`},
		{one, endpoint.Delivery{}, "", "application/json; charset=utf-8", `{"open":"b","hidden":"body-s3cret\""}`},
	} {
		e.invoke(row.to, row.body, row.about)
		got := c.await(t, i+1)[i]
		if got.header.Get("Content-Type") != row.kind || got.body != row.sent {
			t.Errorf("%d: %s %s", i, got.header.Get("Content-Type"), got.body)
		}
	}
}

// TestMisbehavingDestination lets one attempt meet whatever a server may do.
func TestMisbehavingDestination(t *testing.T) {
	t.Parallel()
	hijack := func(say string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte(say))
			_ = conn.Close()
		}
	}
	zipped := func(code int, say func(r *http.Request) string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.WriteHeader(code)
			z := gzip.NewWriter(w)
			_, _ = z.Write([]byte(say(r)))
			_ = z.Close()
		}
	}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		class   endpoint.ErrorClass
		code    string
		give    endpoint.GiveUp
		body    string // a part of the recorded answer
	}{
		"echo":       {answering(500), endpoint.ClassHTTP, "SDK_CLIENT_ERROR", endpoint.GiveUpAttempts, "X-Hidden: ***"},
		"final":      {answering(400), endpoint.ClassHTTP, "SDK_CLIENT_ERROR", endpoint.GiveUpPermanent, "X-Hidden: ***"},
		"gone":       {answering(410), endpoint.ClassHTTP, "NO_RESOURCE", endpoint.GiveUpPermanent, "X-Hidden: ***"},
		"throttle":   {answering(429), endpoint.ClassHTTP, "THROTTLING", endpoint.GiveUpAttempts, ""},
		"closes":     {hijack(""), endpoint.ClassReset, "CONNECTION_FAILURE", endpoint.GiveUpAttempts, ""},
		"nonsense":   {hijack("HTTP/1.1 twohundred OK\r\n\r\n"), endpoint.ClassProtocol, "CONNECTION_FAILURE", endpoint.GiveUpAttempts, ""},
		"cut":        {hijack("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), endpoint.ClassBody, "CONNECTION_FAILURE", endpoint.GiveUpAttempts, "half"},
		"cut 500":    {hijack("HTTP/1.1 500 No\r\nContent-Length: 100\r\n\r\nhalf"), endpoint.ClassHTTP, "SDK_CLIENT_ERROR", endpoint.GiveUpAttempts, "half"},
		"switches":   {hijack("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), endpoint.ClassProtocol, "CONNECTION_FAILURE", endpoint.GiveUpPermanent, ""},
		"status 600": {hijack("HTTP/1.1 600 What\r\nContent-Length: 0\r\n\r\n"), endpoint.ClassProtocol, "CONNECTION_FAILURE", endpoint.GiveUpPermanent, ""},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/again?token="+url.QueryEscape(r.URL.Query().Get("hidden")), http.StatusTemporaryRedirect)
		}, endpoint.ClassRedirect, "SDK_CLIENT_ERROR", endpoint.GiveUpPermanent, ""},
		"huge header": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Huge", strings.Repeat("x", 1<<20))
		}, endpoint.ClassProtocol, "CONNECTION_FAILURE", endpoint.GiveUpAttempts, ""},
		"huge body": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(500)
			for range 64 {
				_, _ = w.Write(bytes.Repeat([]byte(r.Header.Get("X-Hidden")), 10_000))
			}
		}, endpoint.ClassHTTP, "SDK_CLIENT_ERROR", endpoint.GiveUpAttempts, "******"},
		"gzip": {zipped(500, func(r *http.Request) string { return "you are " + r.Header.Get("X-Hidden") }), endpoint.ClassHTTP, "SDK_CLIENT_ERROR", endpoint.GiveUpAttempts, "you are ***"},
		"bomb": {zipped(500, func(*http.Request) string { return strings.Repeat("0", 1<<20) }), endpoint.ClassHTTP, "SDK_CLIENT_ERROR", endpoint.GiveUpAttempts, "000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			m := e.destinations()
			server := collect(t, c.handler)
			e.connect(m, "c", withParameters(withBasic))
			to, entry := e.destination(m, "d", destination.Destination{Connection: "c", URL: server.url})
			e.start()
			origin := e.invoke(to, `{"id":1}`, endpoint.Delivery{Retry: retries(0)})
			a := e.last(origin, 1)
			if a.Outcome != dispatch.OutcomeDeadLettered || a.Class != c.class || a.Code != c.code || a.GiveUp != c.give {
				t.Errorf("%s", mustJSON(t, a))
			}
			if !strings.Contains(string(a.Response.Body), c.body) || len(a.Response.Body) > endpoint.MaxResponseBody {
				t.Errorf("the answer is recorded as %.300q", a.Response.Body)
			}
			letters := e.builtin()
			if len(letters) != 1 || string(letters[0].Message.Body) != `{"id":1}` {
				t.Fatalf("%d dead letters", len(letters))
			}
			attributes := attributesOf(letters[0].Message)
			exhausted := map[endpoint.GiveUp]string{endpoint.GiveUpAttempts: "MaximumRetryAttempts"}[c.give]
			if attributes["ERROR_CODE"] != c.code || attributes["EXHAUSTED_RETRY_CONDITION"] != exhausted || attributes["RETRY_ATTEMPTS"] != "0" ||
				attributes["RULE_ARN"] != "arn:aws:events:us-east-1:000000000000:rule/shop/orders" ||
				attributes["TARGET_ARN"] != "arn:aws:events:us-east-1:000000000000:api-destination/d/"+entry.Destination.UUID {
				t.Errorf("%v", attributes)
			}
			if s, err := e.d.Status(t.Context(), dispatch.KindDestination, named("d")); err != nil || s.Disabled != nil || s.Rate.Count != 300 {
				t.Errorf("%+v %v", s, err)
			}
			e.hidden(to)
		})
	}
}

// TestSecretsAreNotCut has a reason be cut anywhere in and around a secret: no part of it is left.
func TestSecretsAreNotCut(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		c := serve("api", func(w http.ResponseWriter, r *http.Request) {
			n, _ := strconv.Atoi(r.URL.Query().Get("n"))
			w.Header().Set("Location", strings.Repeat("x", n)+r.Header.Get("X-Hidden"))
			w.WriteHeader(302)
		})
		m := e.destinations()
		e.connect(m, "c", withParameters(withBasic))
		to, _ := e.destination(m, "d", destination.Destination{Connection: "c", URL: c.url})
		e.start()
		for n := 2020; n < 2060; n++ {
			about := endpoint.Delivery{HTTP: &endpoint.HTTPParameters{Query: map[string]string{"n": strconv.Itoa(n)}}}
			a := e.last(e.invoke(to, `{}`, about), 1)
			if !strings.HasPrefix(a.Reason, "answered 302 Found to xxx") || strings.Contains(a.Reason, "head") || len(a.Reason) > 2200 {
				t.Errorf("%d: %s", n, a.Reason)
			}
		}
		e.hidden(to)
	})
}

// TestDestinationRefused has what can never be called go at once.
func TestDestinationRefused(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	m := e.destinations()
	c := collect(t, nil)
	e.connect(m, "c", withParameters(withBasic))
	to, _ := e.destination(m, "d", destination.Destination{Connection: "c", URL: c.url + "/*/x"})
	e.start()
	for _, row := range []struct {
		about        *endpoint.HTTPParameters
		reason, code string
	}{
		{nil, "too few values for the path of the URL: it has asterisks for 1, and the target gives 0", "INVALID_PARAMETER"},
		{&endpoint.HTTPParameters{Path: []string{""}}, "the value for asterisk 1 of the URL is empty, or the event has none", "INVALID_PARAMETER"},
		{&endpoint.HTTPParameters{Path: []string{".."}}, "a value for the path of the URL makes it lead elsewhere: ..", "INVALID_PARAMETER"},
		{&endpoint.HTTPParameters{Path: []string{"a"}, Header: map[string]string{"X-A": "line\r\nbreak: yes"}}, "the request could not be built: headers.X-A: is not a valid header", "SDK_CLIENT_ERROR"},
	} {
		a := e.last(e.invoke(to, `{}`, endpoint.Delivery{HTTP: row.about}), 1)
		if a.Outcome != dispatch.OutcomeDeadLettered || a.Reason != row.reason || a.Code != row.code {
			t.Errorf("%s", mustJSON(t, a))
		}
	}
	if n := len(c.got()); n != 0 {
		t.Errorf("%d calls", n)
	}
	e.hidden(to)
}

// TestDestinationEgress has a destination, and a token endpoint, that may not be called.
func TestDestinationEgress(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	m := destination.New(e.defs, e.broker.Now, destination.NewTokens(nil))
	c := collect(t, nil)
	e.connect(m, "key", withKey)
	e.connect(m, "oauth", withOAuth(c.url))
	one, _ := e.destination(m, "one", destination.Destination{Connection: "key", URL: c.url})
	two, _ := e.destination(m, "two", destination.Destination{Connection: "oauth", URL: "http://192.0.2.1/"})
	e.start()
	if a := e.last(e.invoke(one, `{}`, endpoint.Delivery{}), 1); a.Class != endpoint.ClassEgress || a.Code != "NO_PERMISSIONS" || a.GiveUp != endpoint.GiveUpPermanent {
		t.Errorf("%s", mustJSON(t, a))
	}
	a := e.last(e.invoke(two, `{}`, endpoint.Delivery{Retry: retries(0)}), 1)
	if a.Class != endpoint.ClassAuthorization || a.Code != "NO_PERMISSIONS" || !strings.Contains(a.Reason, "the token endpoint: the address may not be called") {
		t.Errorf("%s", mustJSON(t, a))
	}
	if n := len(c.got()); n != 0 {
		t.Errorf("%d calls", n)
	}
}

func TestDestinationDeleted(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	m := e.destinations()
	c := collect(t, status(500))
	e.connect(m, "c", withParameters(withKey))
	to, entry := e.destination(m, "d", destination.Destination{Connection: "c", URL: c.url})
	removed := make(chan queue.ID, 1)
	e.cfg.OnRemoved = func(id queue.ID, kind string, _ catalog.Name) {
		if kind == dispatch.KindDestination {
			removed <- id
		}
	}
	e.start()
	origin := e.invoke(to, `{"id":1}`, endpoint.Delivery{})
	e.last(origin, 1)
	if err := m.Delete(t.Context(), named("d")); err != nil {
		t.Fatal(err)
	}
	if err := e.d.Retire(t.Context(), <-removed, dispatch.Former{}); err != nil {
		t.Fatal(err)
	}
	letters := e.builtin()
	if len(letters) != 1 || string(letters[0].Message.Body) != `{"id":1}` {
		t.Fatalf("%d dead letters", len(letters))
	}
	if a := attributesOf(letters[0].Message); a["ERROR_CODE"] != "NO_RESOURCE" || !strings.HasSuffix(a["TARGET_ARN"], ":api-destination/d/"+entry.Destination.UUID) {
		t.Errorf("%v", a)
	}
	e.hidden()
}
