package endpoint_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
)

func TestJudgeEveryClass(t *testing.T) {
	t.Parallel()
	want := map[endpoint.ErrorClass]struct {
		kind   endpoint.Kind
		reason string
	}{
		endpoint.ClassNone:          {endpoint.Delivered, "answered 200 OK"},
		endpoint.ClassDNS:           {endpoint.Retry, "the host name did not resolve: boom"},
		endpoint.ClassRefused:       {endpoint.Retry, "connection refused: boom"},
		endpoint.ClassUnreachable:   {endpoint.Retry, "the host cannot be reached: boom"},
		endpoint.ClassReset:         {endpoint.Retry, "the connection was closed without an answer: boom"},
		endpoint.ClassTimeout:       {endpoint.Retry, "no answer in time: boom"},
		endpoint.ClassTLS:           {endpoint.Retry, "the TLS handshake failed: boom"},
		endpoint.ClassRedirect:      {endpoint.Retry, "answered 302 Found to https://x.example/login; redirects are not followed"},
		endpoint.ClassHTTP:          {endpoint.Retry, "answered 500 Internal Server Error"},
		endpoint.ClassFunction:      {endpoint.Retry, "the function failed (X-Amz-Function-Error: Unhandled)"},
		endpoint.ClassEgress:        {endpoint.Permanent, "the address may not be called: boom"},
		endpoint.ClassProtocol:      {endpoint.Retry, "the answer is not valid HTTP: boom"},
		endpoint.ClassBody:          {endpoint.Retry, "answered 200 OK, but its body was cut off: boom"},
		endpoint.ClassRequest:       {endpoint.Permanent, "the request could not be built: boom"},
		endpoint.ClassAuthorization: {endpoint.Retry, "the call is not authorized: boom"},
		endpoint.ClassLocal:         {endpoint.Retry, "this machine is out of resources: boom"},
		endpoint.ClassInterrupted:   {endpoint.Interrupted, "broken off by this side: boom"},
	}
	if len(want) != len(endpoint.ErrorClasses())+1 {
		t.Fatalf("%d classes, %d rows", len(endpoint.ErrorClasses()), len(want))
	}
	for _, class := range append(endpoint.ErrorClasses(), endpoint.ClassNone) {
		r := endpoint.Result{Class: class, Err: errors.New("boom")}
		switch class {
		case endpoint.ClassNone, endpoint.ClassBody:
			r.Status = 200
		case endpoint.ClassRedirect:
			r.Status, r.Location = 302, "https://x.example/login"
		case endpoint.ClassHTTP:
			r.Status = 500
		case endpoint.ClassFunction:
			r.Status, r.Header = 200, http.Header{"X-Amz-Function-Error": {"Unhandled"}}
		}
		row, ok := want[class]
		if !ok {
			t.Errorf("no row for %q", class)
		}
		v := endpoint.Judge(r, endpoint.RetryPolicy{})
		if v.Kind != row.kind || v.Class != class || v.Reason != row.reason {
			t.Errorf("%q: %+v; want %+v", class, v, row)
		}
	}
}

func TestJudgeStatus(t *testing.T) {
	t.Parallel()
	kind := func(status int, header http.Header, format endpoint.Format, p endpoint.RetryPolicy) endpoint.Kind {
		return endpoint.Judge(endpoint.Result{Class: endpoint.Classify(status, header, format), Status: status, Header: header}, p).Kind
	}
	for status := 100; status <= 999; status++ {
		want := endpoint.Retry
		switch {
		case status >= 200 && status < 300:
			want = endpoint.Delivered
		case status == 410:
			want = endpoint.Disable
		}
		for _, s := range []int{400, 401, 403, 404, 405, 406, 411, 413, 414, 415, 422, 431, 501, 505} {
			if s == status {
				want = endpoint.Permanent
			}
		}
		if got := kind(status, nil, "", endpoint.RetryPolicy{}); got != want {
			t.Errorf("%d: %s; want %s", status, got, want)
		}
		if got := kind(status, nil, "", endpoint.RetryPolicy{}.WithDefaults()); got != want {
			t.Errorf("%d with defaults filled in: %s; want %s", status, got, want)
		}
	}
	failed := http.Header{"X-Amz-Function-Error": {"Unhandled"}}
	if got := kind(200, failed, endpoint.FormatLambda, endpoint.RetryPolicy{}); got != endpoint.Retry {
		t.Errorf("lambda error: %s", got)
	}
	if got := kind(200, failed, endpoint.FormatRaw, endpoint.RetryPolicy{}); got != endpoint.Delivered {
		t.Errorf("the header means something with format raw: %s", got)
	}
	own := endpoint.RetryPolicy{PermanentStatuses: []int{302, 410, 503}}
	for status, want := range map[int]endpoint.Kind{302: endpoint.Permanent, 410: endpoint.Permanent, 503: endpoint.Permanent, 404: endpoint.Retry} {
		if got := kind(status, nil, "", own); got != want {
			t.Errorf("%d with an own list: %s; want %s", status, got, want)
		}
	}
	if got := kind(404, nil, "", endpoint.RetryPolicy{PermanentStatuses: []int{}}); got != endpoint.Retry {
		t.Errorf("404 with an empty list: %s", got)
	}
}

func TestJudgeBelow500(t *testing.T) {
	t.Parallel()
	p := endpoint.RetryPolicy{PermanentStatuses: []int{404, 429}, DeliveredBelow500: true}
	for status := 100; status <= 999; status++ {
		r := endpoint.Result{Class: endpoint.Classify(status, nil, ""), Status: status}
		v := endpoint.Judge(r, p)
		if want := status >= 200 && status < 500 && status != 429; (v.Kind == endpoint.Delivered) != want || v.Class != r.Class {
			t.Errorf("%d: %+v", status, v)
		}
		if said := strings.HasSuffix(v.Reason, "; here 200 to 499 counts as delivered"); said != (v.Kind == endpoint.Delivered && status >= 300) {
			t.Errorf("%d: %s", status, v.Reason)
		}
	}
	for _, class := range []endpoint.ErrorClass{endpoint.ClassBody, endpoint.ClassTimeout} { // an answer that is not whole is none
		if v := endpoint.Judge(endpoint.Result{Class: class, Status: 404}, p); v.Kind != endpoint.Retry {
			t.Errorf("%s: %+v", class, v)
		}
	}
}

func TestDecide(t *testing.T) {
	t.Parallel()
	status := func(s int) endpoint.Result {
		return endpoint.Result{Status: s, Class: endpoint.Classify(s, nil, "")}
	}
	interrupted := endpoint.Result{Class: endpoint.ClassInterrupted}
	p := endpoint.RetryPolicy{Schedule: list(time.Second, time.Second, time.Second, time.Second, time.Second, time.Second)}
	for name, c := range map[string]struct {
		results []endpoint.Result
		policy  endpoint.RetryPolicy
		action  endpoint.Action
		why     endpoint.GiveUp
		history endpoint.History // First only tells whether it is set
	}{
		"delivered":                  {[]endpoint.Result{status(204)}, p, endpoint.ActionDone, "", endpoint.History{Attempts: 1}},
		"retry then delivered":       {[]endpoint.Result{status(500), status(200)}, p, endpoint.ActionDone, "", endpoint.History{Attempts: 2, First: epoch}},
		"one failure":                {[]endpoint.Result{status(500)}, p, endpoint.ActionRetry, "", endpoint.History{Attempts: 1, First: epoch}},
		"used up":                    {[]endpoint.Result{status(500), status(500), status(500), status(500), status(500), status(500), status(500)}, p, endpoint.ActionGiveUp, endpoint.GiveUpAttempts, endpoint.History{Attempts: 7, First: epoch}},
		"permanent twice":            {[]endpoint.Result{status(404), status(404)}, p, endpoint.ActionRetry, "", endpoint.History{Attempts: 2, Permanent: 2, First: epoch}},
		"permanent thrice":           {[]endpoint.Result{status(404), status(401), status(404)}, p, endpoint.ActionGiveUp, endpoint.GiveUpPermanent, endpoint.History{Attempts: 3, Permanent: 3, First: epoch}},
		"a retry between resets it":  {[]endpoint.Result{status(404), status(404), status(502), status(404)}, p, endpoint.ActionRetry, "", endpoint.History{Attempts: 4, Permanent: 1, First: epoch}},
		"permanent at once":          {[]endpoint.Result{status(404)}, endpoint.RetryPolicy{PermanentAttempts: 1}, endpoint.ActionGiveUp, endpoint.GiveUpPermanent, endpoint.History{Attempts: 1, Permanent: 1, First: epoch}},
		"short schedule wins":        {[]endpoint.Result{status(404)}, endpoint.RetryPolicy{Schedule: list()}, endpoint.ActionGiveUp, endpoint.GiveUpAttempts, endpoint.History{Attempts: 1, Permanent: 1, First: epoch}},
		"gone":                       {[]endpoint.Result{status(500), status(410)}, p, endpoint.ActionGiveUp, endpoint.GiveUpDisabled, endpoint.History{Attempts: 2, First: epoch}},
		"interrupted does not count": {[]endpoint.Result{status(404), interrupted}, p, endpoint.ActionRelease, "", endpoint.History{Attempts: 1, Permanent: 1, First: epoch}},
		"interrupted first":          {[]endpoint.Result{interrupted}, p, endpoint.ActionRelease, "", endpoint.History{}},
	} {
		var s endpoint.Step
		for i, r := range c.results {
			s = endpoint.Decide(r, c.policy, s.History, epoch.Add(time.Duration(i)*time.Minute), steady)
			if i < len(c.results)-1 && s.Action != endpoint.ActionRetry {
				t.Fatalf("%s: after %d: %+v", name, i+1, s)
			}
		}
		if s.Action != c.action || s.GiveUp != c.why || s.History != c.history {
			t.Errorf("%s: %+v; want %s %q %+v", name, s, c.action, c.why, c.history)
		}
		if (s.Action == endpoint.ActionRetry) != (s.Delay == time.Second) {
			t.Errorf("%s: delay %v", name, s.Delay)
		}
	}
	asked := endpoint.Result{Status: 429, Class: endpoint.ClassHTTP, RetryAfter: 42 * time.Second}
	if s := endpoint.Decide(asked, p, endpoint.History{}, epoch, steady); s.Delay != 42*time.Second {
		t.Errorf("Retry-After is not honoured: %+v", s)
	}
}

// A delivery always ends: whatever the endpoint answers, at most Attempts() count.
func TestDecideEnds(t *testing.T) {
	t.Parallel()
	classes := append(endpoint.ErrorClasses(), endpoint.ClassNone)
	rapid.Check(t, func(t *rapid.T) {
		p := genPolicy(t)
		var h endpoint.History
		now, counted := epoch, 0
		for range 1100 {
			class := rapid.SampledFrom(classes).Draw(t, "class")
			r := endpoint.Result{Class: class}
			if class == endpoint.ClassHTTP {
				r.Status = rapid.IntRange(400, 599).Draw(t, "status")
			}
			s := endpoint.Decide(r, p, h, now, func() float64 { return 0.9 })
			h = s.History
			switch s.Action {
			case endpoint.ActionDone, endpoint.ActionGiveUp:
				return
			case endpoint.ActionRetry:
				counted++
				now = now.Add(s.Delay)
				if counted >= p.Attempts() || h.Attempts != counted {
					t.Fatalf("%d attempts of %d, history %+v", counted, p.Attempts(), h)
				}
			}
		}
	})
}

func TestReasonIsBounded(t *testing.T) {
	t.Parallel()
	r := endpoint.Result{Class: endpoint.ClassProtocol, Err: errors.New("a\r\nb\x00" + strings.Repeat("é", 100_000))}
	text := r.Reason()
	if len(text) > 1024 || !utf8.ValidString(text) || strings.ContainsAny(text, "\r\n\x00") {
		t.Errorf("%d bytes: %.80q", len(text), text)
	}
}
