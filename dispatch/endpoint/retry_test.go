package endpoint_test

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/duration"
)

var (
	epoch  = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	steady = func() float64 { return 0.5 } // no jitter
)

func list(ds ...time.Duration) []duration.Duration {
	out := make([]duration.Duration, len(ds))
	for i, d := range ds {
		out[i] = duration.Of(d)
	}
	return out
}

func TestNext(t *testing.T) {
	t.Parallel()
	two := endpoint.RetryPolicy{Schedule: list(5*time.Second, time.Minute)}
	aged := endpoint.RetryPolicy{Schedule: list(5*time.Second, time.Minute), MaxAge: duration.Of(time.Minute)}
	exp := endpoint.RetryPolicy{Exponential: &endpoint.Exponential{Min: duration.Of(time.Second), Max: duration.Of(10 * time.Second), Attempts: 7}}
	none := endpoint.RetryPolicy{Schedule: list()}
	capped := endpoint.RetryPolicy{Schedule: list(5 * time.Second), RetryAfterMax: duration.Of(time.Minute)}
	for _, c := range []struct {
		name       string
		policy     endpoint.RetryPolicy
		attempt    int
		age        time.Duration
		retryAfter time.Duration
		rnd        func() float64
		want       time.Duration
		why        endpoint.GiveUp
	}{
		{name: "first entry", policy: two, attempt: 1, want: 5 * time.Second},
		{name: "second entry", policy: two, attempt: 2, want: time.Minute},
		{name: "used up", policy: two, attempt: 3, why: endpoint.GiveUpAttempts},
		{name: "far beyond", policy: two, attempt: math.MaxInt, why: endpoint.GiveUpAttempts},
		{name: "attempt 0 counts as 1", policy: two, attempt: 0, want: 5 * time.Second},
		{name: "no retries", policy: none, attempt: 1, why: endpoint.GiveUpAttempts},
		{name: "lowest jitter", policy: two, attempt: 2, rnd: func() float64 { return 0 }, want: 48 * time.Second},
		{name: "highest jitter", policy: two, attempt: 2, rnd: func() float64 { return 1 }, want: 72 * time.Second},
		{name: "rnd out of range", policy: two, attempt: 2, rnd: func() float64 { return -7 }, want: 48 * time.Second},
		{name: "retry-after is later", policy: two, attempt: 1, retryAfter: 20 * time.Second, want: 20 * time.Second},
		{name: "retry-after is earlier", policy: two, attempt: 2, retryAfter: 20 * time.Second, want: time.Minute},
		{name: "retry-after is later than the jittered", policy: two, attempt: 2, retryAfter: time.Minute, rnd: func() float64 { return 0 }, want: time.Minute},
		{name: "retry-after capped by default", policy: two, attempt: 1, retryAfter: 50 * time.Hour, want: time.Hour},
		{name: "retry-after capped", policy: capped, attempt: 1, retryAfter: time.Hour, want: time.Minute},
		{name: "negative retry-after", policy: two, attempt: 1, retryAfter: -time.Hour, want: 5 * time.Second},
		{name: "within max_age", policy: aged, attempt: 1, age: 55 * time.Second, want: 5 * time.Second},
		{name: "beyond max_age", policy: aged, attempt: 1, age: 55*time.Second + 1, why: endpoint.GiveUpAge},
		{name: "retry-after beyond max_age", policy: aged, attempt: 1, retryAfter: 61 * time.Second, why: endpoint.GiveUpAge},
		{name: "attempts end before max_age", policy: aged, attempt: 3, age: time.Hour, why: endpoint.GiveUpAttempts},
		{name: "exponential 1", policy: exp, attempt: 1, want: time.Second},
		{name: "exponential 3", policy: exp, attempt: 3, want: 4 * time.Second},
		{name: "exponential at max", policy: exp, attempt: 5, want: 10 * time.Second},
		{name: "exponential used up", policy: exp, attempt: 7, why: endpoint.GiveUpAttempts},
		{name: "default", attempt: 9, want: 24 * time.Hour},
		{name: "default used up", attempt: 10, why: endpoint.GiveUpAttempts},
	} {
		rnd := c.rnd
		if rnd == nil {
			rnd = steady
		}
		delay, ok, why := c.policy.Next(c.attempt, epoch, epoch.Add(c.age), c.retryAfter, rnd)
		if delay != c.want || why != c.why || ok != (c.why == endpoint.GiveUpNone) {
			t.Errorf("%s: Next = %v, %v, %q; want %v, %q", c.name, delay, ok, why, c.want, c.why)
		}
	}
	if d, ok, _ := two.Next(2, time.Time{}, epoch, 0, nil); d != time.Minute || !ok {
		t.Errorf("without rnd and first: %v %v", d, ok)
	}
	if _, ok, why := aged.Next(1, time.Time{}, epoch, 2*time.Minute, nil); ok || why != endpoint.GiveUpAge {
		t.Errorf("max_age without first: %v %v", ok, why)
	}
}

func TestDelays(t *testing.T) {
	t.Parallel()
	want := []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute,
		2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 24 * time.Hour}
	for _, p := range []endpoint.RetryPolicy{{}, endpoint.RetryPolicy{}.WithDefaults()} {
		if diff := cmp.Diff(want, p.Delays()); diff != "" || p.Attempts() != 10 {
			t.Errorf("%d attempts, %s", p.Attempts(), diff)
		}
	}
	huge := endpoint.RetryPolicy{Exponential: &endpoint.Exponential{Min: 1e6, Max: duration.Of(time.Hour), Factor: 1000, Attempts: 1000}}
	for i, d := range huge.Delays() {
		if d <= 0 || d > time.Hour {
			t.Fatalf("delay %d is %v", i, d)
		}
	}
}

func genPolicy(t *rapid.T) endpoint.RetryPolicy {
	delays := rapid.Int64Range(0, int64(endpoint.MaxDelay/time.Millisecond))
	ms := func(label string) duration.Duration {
		return duration.Duration(delays.Draw(t, label) * int64(time.Millisecond))
	}
	var p endpoint.RetryPolicy
	switch rapid.IntRange(0, 2).Draw(t, "form") {
	case 0:
		p.Schedule = make([]duration.Duration, rapid.IntRange(0, 20).Draw(t, "entries"))
		for i := range p.Schedule {
			p.Schedule[i] = ms("entry")
		}
	case 1:
		low := max(ms("min"), 1e6)
		p.Exponential = &endpoint.Exponential{Min: low, Max: max(low, ms("max")), Factor: rapid.Float64Range(1, 1000).Draw(t, "factor"),
			Attempts: rapid.IntRange(1, endpoint.MaxAttempts).Draw(t, "attempts")}
	}
	if rapid.Bool().Draw(t, "has jitter") {
		p.Jitter = new(rapid.Float64Range(0, 1).Draw(t, "jitter"))
	}
	if rapid.Bool().Draw(t, "has max_age") {
		p.MaxAge = ms("max_age")
	}
	if rapid.Bool().Draw(t, "has retry_after_max") {
		p.RetryAfterMax = ms("retry_after_max")
	}
	return p
}

func TestNextProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := genPolicy(t)
		if err := p.Validate(); err != nil {
			t.Fatalf("generated policy: %v", err)
		}
		full := p.WithDefaults()
		attempt := rapid.IntRange(1, 1100).Draw(t, "attempt")
		age := time.Duration(rapid.Int64Range(0, int64(40*24*time.Hour)).Draw(t, "age"))
		asked := time.Duration(rapid.Int64Range(-int64(time.Hour), int64(endpoint.MaxDelay)).Draw(t, "retry-after"))
		chance := rapid.Float64Range(0, 1).Draw(t, "chance")
		now := epoch.Add(age)
		delay, ok, why := p.Next(attempt, epoch, now, asked, func() float64 { return chance })

		if d2, ok2, why2 := full.Next(attempt, epoch, now, asked, func() float64 { return chance }); d2 != delay || ok2 != ok || why2 != why {
			t.Fatalf("defaults filled in change the answer: %v %v %q, %v %v %q", delay, ok, why, d2, ok2, why2)
		}
		if ok != (why == endpoint.GiveUpNone) {
			t.Fatalf("ok %v, why %q", ok, why)
		}
		if (attempt >= p.Attempts()) != (why == endpoint.GiveUpAttempts) {
			t.Fatalf("attempt %d of %d: %q", attempt, p.Attempts(), why)
		}
		if !ok {
			if delay != 0 {
				t.Fatalf("given up with delay %v", delay)
			}
			return
		}
		base, j := p.Delays()[attempt-1], *full.Jitter
		honoured := min(max(asked, 0), full.RetryAfterMax.Std())
		const rounding = time.Microsecond // float64 over 30 days
		if low := time.Duration(float64(base) * (1 - j)); delay < low-rounding {
			t.Fatalf("delay %v is earlier than the schedule's %v minus jitter %v", delay, base, j)
		}
		if delay < honoured {
			t.Fatalf("delay %v is earlier than the endpoint asked, %v", delay, honoured)
		}
		if high := max(time.Duration(float64(base)*(1+j)), honoured); delay > high+rounding {
			t.Fatalf("delay %v is beyond %v", delay, high)
		}
		if p.MaxAge > 0 && age+delay > p.MaxAge.Std() {
			t.Fatalf("at age %v + %v the delivery is older than %v", age, delay, p.MaxAge)
		}
	})
}

func TestRetryPolicyEncodings(t *testing.T) {
	t.Parallel()
	var fromYAML endpoint.RetryPolicy
	if err := yaml.Unmarshal([]byte("{schedule: [5s, 30s, 2m, 10m, 30m, 2h], jitter: 0, max_age: 24h}"), &fromYAML); err != nil {
		t.Fatal(err)
	}
	if fromYAML.Attempts() != 7 || fromYAML.MaxAge.Std() != 24*time.Hour || fromYAML.Jitter == nil || *fromYAML.Jitter != 0 {
		t.Errorf("from YAML: %+v", fromYAML)
	}
	// What is set to nothing on purpose must not become the default on its way through the catalog.
	for _, p := range []endpoint.RetryPolicy{
		{}, fromYAML, {Schedule: list()}, {PermanentStatuses: []int{}, Jitter: new(0.0)},
		{Exponential: &endpoint.Exponential{Min: duration.Of(time.Second), Max: duration.Of(time.Hour), Attempts: 186}},
		endpoint.RetryPolicy{}.WithDefaults(),
	} {
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var back endpoint.RetryPolicy
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p, back); diff != "" {
			t.Errorf("through %s: %s", text, diff)
		}
	}
}

func TestRetryPolicyValidate(t *testing.T) {
	t.Parallel()
	sec := duration.Of(time.Second)
	for field, p := range map[string]endpoint.RetryPolicy{
		"schedule[1]":           {Schedule: list(0, -1)},
		"schedule[0]":           {Schedule: list(31 * 24 * time.Hour)},
		"schedule":              {Schedule: make([]duration.Duration, endpoint.MaxAttempts)},
		"exponential":           {Schedule: list(1e9), Exponential: &endpoint.Exponential{Min: sec, Max: sec, Attempts: 1}},
		"exponential.min":       {Exponential: &endpoint.Exponential{Max: sec, Attempts: 1}},
		"exponential.max":       {Exponential: &endpoint.Exponential{Min: sec, Attempts: 1}},
		"exponential.factor":    {Exponential: &endpoint.Exponential{Min: sec, Max: sec, Attempts: 1, Factor: math.NaN()}},
		"exponential.attempts":  {Exponential: &endpoint.Exponential{Min: sec, Max: sec}},
		"jitter":                {Jitter: new(1.01)},
		"max_age":               {MaxAge: -sec},
		"retry_after_max":       {RetryAfterMax: duration.Of(endpoint.MaxDelay) + sec},
		"permanent_attempts":    {PermanentAttempts: -1},
		"permanent_statuses[1]": {PermanentStatuses: []int{404, 200}},
	} {
		if got := fields(t, p.Validate()); !slices.Equal(got, []string{field}) {
			t.Errorf("%+v: fields %v; want %s", p, got, field)
		}
	}
	if err := (endpoint.RetryPolicy{Jitter: new(math.NaN())}).Validate(); err == nil {
		t.Error("NaN jitter was accepted")
	}
}

// fields lists the fields of every InvalidError in a joined error.
func fields(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	var out []string
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("not joined: %v", err)
	}
	for _, e := range joined.Unwrap() {
		var invalid *endpoint.InvalidError
		if !errors.As(e, &invalid) || invalid.Reason == "" || strings.ContainsRune(invalid.Field, ' ') {
			t.Fatalf("not an InvalidError with field and reason: %v", e)
		}
		out = append(out, invalid.Field)
	}
	return out
}
