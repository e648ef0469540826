package endpoint_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
)

func TestEventBridgeRetry(t *testing.T) {
	t.Parallel()
	full := endpoint.EventBridgeRetry(endpoint.EventBridgeRetries, endpoint.EventBridgeMaxAge)
	for name, p := range map[string]endpoint.RetryPolicy{
		"full": full, "out of range": endpoint.EventBridgeRetry(-1, 0), "beyond": endpoint.EventBridgeRetry(1000, 1000*time.Hour),
	} {
		if err := p.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var back endpoint.RetryPolicy
		if err := json.Unmarshal(text, &back); err != nil || cmp.Diff(p, back) != "" || len(text) > 200 {
			t.Errorf("%s: %s: %v %s", name, text, err, cmp.Diff(p, back))
		}
	}
	if a := endpoint.EventBridgeRetry(0, time.Hour).Attempts(); a != 1 {
		t.Errorf("without retries: %d attempts", a)
	}
	if a := full.Attempts(); a != 186 {
		t.Errorf("%d attempts", a)
	}
	// All of them fit into the age, at worst with the longest jitter of most and attempts that take their time.
	for name, c := range map[string]struct {
		rnd  func() float64
		most time.Duration
	}{"on average": {func() float64 { return 0.5 }, 21 * time.Hour}, "seldom": {func() float64 { return 0.75 }, 23 * time.Hour}} {
		age := time.Duration(0)
		for n := 1; n < full.Attempts(); n++ {
			delay, ok, why := full.Next(n, epoch, epoch.Add(age), 0, c.rnd)
			if !ok {
				t.Fatalf("%s: attempt %d at the age of %s: %s", name, n, age, why)
			}
			age += delay
		}
		if age < 20*time.Hour || age > c.most {
			t.Errorf("%s: the retries take %s", name, age)
		}
	}
}

func TestEventBridgeStatuses(t *testing.T) {
	t.Parallel()
	policy := endpoint.EventBridgeRetry(endpoint.EventBridgeRetries, endpoint.EventBridgeMaxAge)
	for _, p := range []endpoint.RetryPolicy{policy, policy.WithDefaults()} {
		for status := 100; status < 700; status++ {
			r := endpoint.Result{Status: status, Class: endpoint.Classify(status, http.Header{}, endpoint.FormatRaw)}
			want := endpoint.ActionGiveUp
			switch {
			case status >= 200 && status < 300:
				want = endpoint.ActionDone
			case status == 401, status == 407, status == 409, status == 429, status >= 500 && status < 600:
				want = endpoint.ActionRetry
			}
			step := endpoint.Decide(r, p, endpoint.History{}, epoch, nil)
			if step.Action != want || step.Verdict.Kind == endpoint.Disable {
				t.Errorf("%d: %s (%s), want %s", status, step.Action, step.Verdict.Kind, want)
			}
		}
		for _, class := range endpoint.ErrorClasses() {
			step := endpoint.Decide(endpoint.Result{Class: class}, p, endpoint.History{}, epoch, nil)
			want := endpoint.ActionRetry
			switch class {
			case endpoint.ClassEgress, endpoint.ClassRequest, endpoint.ClassRedirect, endpoint.ClassHTTP: // the latter two without a status
				want = endpoint.ActionGiveUp
			case endpoint.ClassInterrupted:
				want = endpoint.ActionRelease
			}
			if step.Action != want {
				t.Errorf("%s: %s, want %s", class, step.Action, want)
			}
		}
	}
}

func TestEventBridgeRetryAfter(t *testing.T) {
	t.Parallel()
	p := endpoint.EventBridgeRetry(endpoint.EventBridgeRetries, 24*time.Hour)
	for _, c := range []struct {
		asked, want time.Duration
		why         endpoint.GiveUp
	}{
		{0, time.Second, ""},
		{time.Nanosecond, time.Second, ""},
		{time.Hour, time.Hour, ""},
		{23 * time.Hour, 23 * time.Hour, ""},
		{24 * time.Hour, 24 * time.Hour, ""},
		{25 * time.Hour, 0, endpoint.GiveUpAge},
		{-1, 0, endpoint.GiveUpAsked},
	} {
		delay, ok, why := p.Next(1, epoch, epoch, c.asked, nil)
		if delay != c.want || why != c.why || ok != (c.why == "") {
			t.Errorf("%s: %s %v %q", c.asked, delay, ok, why)
		}
	}
	if _, _, why := p.Next(1, epoch, epoch.Add(time.Minute), 24*time.Hour, nil); why != endpoint.GiveUpAge {
		t.Errorf("beyond the age: %q", why)
	}
	if _, ok, _ := (endpoint.RetryPolicy{}).Next(1, epoch, epoch, -1, nil); !ok {
		t.Error("other policies do not know a negative Retry-After")
	}
	if p.Expired(epoch, epoch.Add(24*time.Hour)) || !p.Expired(epoch, epoch.Add(24*time.Hour+1)) || (endpoint.RetryPolicy{MaxAge: 1}).Expired(epoch, epoch.Add(time.Hour)) {
		t.Error("Expired")
	}
}
