package endpoint_test

import (
	"encoding/json"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/duration"
)

const functionYAML = `
url: https://example.com/charge
format: cloudevent-binary
timeout: 20s
max_in_flight: 3
rate: 100/s
retry: {schedule: [5s, 30s], jitter: 0.1, max_age: 24h}
sign: {scheme: standard-webhooks, secrets: [whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw]}
headers: {X-Team: payments, Authorization: Bearer abc}
`

func TestEndpointEncodings(t *testing.T) {
	t.Parallel()
	want := endpoint.Endpoint{
		URL: "https://example.com/charge", Format: endpoint.FormatCloudEventBinary, Timeout: duration.Of(20 * time.Second), MaxInFlight: 3,
		Rate:    endpoint.Rate{Count: 100, Per: time.Second},
		Retry:   endpoint.RetryPolicy{Schedule: list(5*time.Second, 30*time.Second), Jitter: new(0.1), MaxAge: duration.Of(24 * time.Hour)},
		Sign:    endpoint.Signing{Scheme: endpoint.StandardWebhooks, Secrets: []endpoint.Secret{vectorSecret}},
		Headers: map[string]string{"X-Team": "payments", "Authorization": "Bearer abc"},
	}
	var got endpoint.Endpoint
	if err := yaml.Unmarshal([]byte(functionYAML), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("from YAML (-want +got):\n%s", diff)
	}
	got.Name, got.DeadLetter, got.Managed = "charge", "failed", true
	if err := got.Validate(); err != nil {
		t.Error(err)
	}
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var back endpoint.Endpoint
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, back); diff != "" {
		t.Errorf("through JSON %s:\n%s", text, diff)
	}
	text, err = json.Marshal(endpoint.Endpoint{Name: "a", URL: "http://a"})
	if err != nil || string(text) != `{"name":"a","url":"http://a"}` {
		t.Errorf("smallest endpoint: %s, %v", text, err)
	}
}

func TestEndpointDefaults(t *testing.T) {
	t.Parallel()
	e := endpoint.Endpoint{Name: "a", URL: "http://a", Sign: endpoint.Signing{Secrets: []endpoint.Secret{vectorSecret}}}
	if err := e.Validate(); err != nil {
		t.Fatalf("zero values with defaults: %v", err)
	}
	d := e.WithDefaults()
	if d.Timeout.Std() != 15*time.Second || d.MaxInFlight != 10 || d.Format != endpoint.FormatCloudEvent || !d.Rate.Unlimited() ||
		len(d.Retry.Schedule) != 9 || *d.Retry.Jitter != 0.2 || d.Retry.PermanentAttempts != 3 || d.Sign.Scheme != endpoint.StandardWebhooks {
		t.Errorf("defaults: %+v", d)
	}
	if err := d.Validate(); err != nil {
		t.Errorf("defaults are not valid: %v", err)
	}
	if diff := cmp.Diff(d, d.WithDefaults()); diff != "" {
		t.Errorf("defaults of defaults differ: %s", diff)
	}
}

func TestEndpointValidateURL(t *testing.T) {
	t.Parallel()
	for raw, reason := range map[string]string{
		"":                                      "is required",
		"example.com/x":                         "must be absolute",
		"//example.com/x":                       "must be absolute",
		"127.0.0.1:8080/x":                      "must be absolute",
		"ftp://example.com":                     `scheme "ftp"`,
		"file:///etc/passwd":                    `scheme "file"`,
		"http://":                               "has no host",
		"http:///x":                             "has no host",
		"http:example.com":                      "has no host",
		"http://example.com:0/":                 "out of range",
		"http://example.com:65536/":             "out of range",
		"http://example.com:/":                  "colon without a port",
		"http://example.com/#a":                 "fragment",
		"http://example.com/#":                  "fragment",
		"http://a b/":                           "cannot be read",
		"http://a/\x7f":                         "cannot be read",
		"http://a/%zz":                          "cannot be read",
		"http://[::1/":                          "cannot be read",
		"http://a/\xff":                         "UTF-8",
		"http://u:secretpw@a:99999/":            "out of range",
		"http://a/" + strings.Repeat("x", 2048): "maximum is 2048",
	} {
		err := endpoint.Endpoint{Name: "a", URL: raw}.Validate()
		if err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%q: %v; want %q", raw, err, reason)
		}
		if err != nil && (strings.Contains(err.Error(), "secretpw") || len(err.Error()) > 200) {
			t.Errorf("%q: the error shows too much: %v", raw, err)
		}
	}
	for _, raw := range []string{"http://a", "https://EXAMPLE.com:8443/p?q=1", "http://[::1]:80/", "http://user:pw@host/", "http://bücher.example/"} {
		if err := (endpoint.Endpoint{Name: "a", URL: raw}).Validate(); err != nil {
			t.Errorf("%q: %v", raw, err)
		}
	}
}

func TestEndpointValidateAll(t *testing.T) {
	t.Parallel()
	bad := endpoint.Endpoint{
		Name: "no spaces", URL: "ftp://x", Format: "xml", Timeout: duration.Of(31 * time.Second), MaxInFlight: -1,
		Rate: endpoint.Rate{Count: -1, Per: time.Second}, Retry: endpoint.RetryPolicy{Jitter: new(2.0)},
		Sign: endpoint.Signing{Scheme: "x", Secrets: []endpoint.Secret{"y"}},
		Headers: map[string]string{"host": "a", "webhook-ID": "b", "Content-Type": "c", "ce-id": "d", "X-A": "a\r\nb", "x-a": "", "Bad Name": "",
			"Signalbox-Attempt": "", "Proxy-Authorization": "", "traceparent": "", "User-agent": ""},
	}
	want := []string{"name", "url", "format", "timeout", "max_in_flight", "rate", "retry.jitter", "sign.scheme", "sign.secrets[0]", "headers",
		"headers.Content-Type", "headers.Proxy-Authorization", "headers.Signalbox-Attempt", "headers.User-agent", "headers.X-A", "headers.ce-id",
		"headers.host", "headers.traceparent", "headers.webhook-ID", "headers.x-a"}
	if diff := cmp.Diff(want, fields(t, bad.Validate())); diff != "" {
		t.Error(diff)
	}
	for name, ok := range map[string]bool{"": false, "..": false, "a/..": true, "a b": false, "é": false, "arn:aws:sns:us-east-1:000000000000:t:1-2": true,
		strings.Repeat("n", 256): true, strings.Repeat("n", 257): false} {
		if err := (endpoint.Endpoint{Name: name, URL: "http://a"}).Validate(); (err == nil) != ok {
			t.Errorf("name %.20q: %v", name, err)
		}
	}
	raw := endpoint.Endpoint{Name: "a", URL: "http://a", Format: endpoint.FormatRaw, Headers: map[string]string{"content-type": "text/csv"}}
	if err := raw.Validate(); err != nil {
		t.Errorf("content-type with format raw: %v", err)
	}
}

func TestLambdaURL(t *testing.T) {
	t.Parallel()
	const base = "http://h:9001/2015-03-31/functions/"
	for raw, want := range map[string]string{
		"http://h:9001":                            base + "resize/invocations",
		"http://h:9001/":                           base + "resize/invocations",
		base + "other":                             base + "other/invocations",
		base + "other/invocations":                 base + "other/invocations",
		base + "other/invocations?Qualifier=live":  base + "other/invocations?Qualifier=live",
		base + "other?Qualifier=live":              base + "other/invocations?Qualifier=live",
		base + "arn%3Aaws%3Alambda/invocations":    base + "arn%3Aaws%3Alambda/invocations",
		"http://h/proxy/2015-03-31/functions/f":    "http://h/proxy/2015-03-31/functions/f/invocations",
		base + "a/b":                               "",
		base:                                       "",
		base + "f/invocations/x":                   "",
		"http://h/fn":                              "",
		"https://abc.lambda-url.eu-west-1.on.aws/": "",
	} {
		got, err := endpoint.LambdaURL(raw, "resize")
		if got != want || (err == nil) != (want != "") {
			t.Errorf("LambdaURL(%s) = %s, %v; want %s", raw, got, err, want)
		}
		e := endpoint.Endpoint{Name: "resize", URL: raw, Format: endpoint.FormatLambda}
		if err := e.Validate(); (err == nil) != (want != "") {
			t.Errorf("%s: Validate = %v", raw, err)
		}
		if want != "" && e.Request().URL != want {
			t.Errorf("%s: Request has %s", raw, e.Request().URL)
		}
	}
	if got, err := endpoint.LambdaURL("http://h", "a/b c"); err != nil || got != "http://h/2015-03-31/functions/a%2Fb%20c/invocations" {
		t.Errorf("name is not escaped: %s, %v", got, err)
	}
}

func TestRate(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		perSecond float64
		burst     int
	}{"100/s": {100, 100}, "30/m": {0.5, 1}, "1/h": {1.0 / 3600, 1}, "90/m": {1.5, 2}, "": {math.Inf(1), math.MaxInt}, "1000000/s": {1e6, 1e6}} {
		r, err := endpoint.ParseRate(text)
		if err != nil || r.PerSecond() != want.perSecond || r.Burst() != want.burst {
			t.Errorf("%q: %v %v %v, %v", text, r, r.PerSecond(), r.Burst(), err)
		}
	}
	for _, bad := range []string{"0/s", "-1/s", "+1/s", "1", "1/", "/s", "1/d", "1.5/s", "1 /s", "1000001/s", "99999999999999999999/s", "1/s/s", "unlimited", "0"} {
		if r, err := endpoint.ParseRate(bad); err == nil {
			t.Errorf("%q was accepted as %v", bad, r)
		}
	}
	if _, err := json.Marshal(endpoint.Rate{Count: 1, Per: time.Millisecond}); err == nil {
		t.Error("a rate that cannot be read back was written")
	}
	if s := (endpoint.Rate{}).String(); s != "unlimited" {
		t.Error(s)
	}
}

func TestRateRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := endpoint.Rate{Count: rapid.IntRange(1, endpoint.MaxRate).Draw(t, "n"), Per: rapid.SampledFrom([]time.Duration{time.Second, time.Minute, time.Hour}).Draw(t, "per")}
		if back, err := endpoint.ParseRate(r.String()); err != nil || back != r {
			t.Fatalf("%v reads back as %v, %v", r, back, err)
		}
	})
}

func FuzzParseRate(f *testing.F) {
	for _, s := range []string{"100/s", "0/m", "", "1/h", "/", "999999999999/s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := endpoint.ParseRate(s)
		if err != nil {
			return
		}
		text, err := r.MarshalText()
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		if back, err := endpoint.ParseRate(string(text)); err != nil || back != r {
			t.Fatalf("%q: %v reads back as %v, %v", s, r, back, err)
		}
		if r.Burst() < 1 || !(r.PerSecond() > 0) {
			t.Fatalf("%q: burst %d, %v per second", s, r.Burst(), r.PerSecond())
		}
	})
}

func TestParseRetryAfter(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]time.Duration{
		"0": 0, "120": 2 * time.Minute, " 7 ": 7 * time.Second, "0.5": 500 * time.Millisecond, "1.2345": 1235 * time.Millisecond, "1.2000": 1200 * time.Millisecond,
		"99999999999999999999999": endpoint.MaxDelay,
		"3153600000":              endpoint.MaxDelay,
		epoch.Add(90 * time.Second).Format(http.TimeFormat): 90 * time.Second,
		epoch.Add(-time.Hour).Format(http.TimeFormat):       0,
		"Fri, 31 Dec 9999 23:59:59 GMT":                     endpoint.MaxDelay,
		"Monday, 23-Nov-26 12:00:05 GMT":                    5 * time.Second,
		"Mon Nov 23 12:00:05 2026":                          5 * time.Second,
	} {
		if d, ok := endpoint.ParseRetryAfter(value, epoch); !ok || d != want {
			t.Errorf("%q: %v %v; want %v", value, d, ok, want)
		}
	}
	for _, bad := range []string{"", "-5", "soon", "1e9", "NaN", "1.", ".5", "1.2.3", "5s", "5 5", "Mon, 99 Nov 2026 00:00:00 GMT"} {
		if d, ok := endpoint.ParseRetryAfter(bad, epoch); ok || d != 0 {
			t.Errorf("%q: %v %v", bad, d, ok)
		}
	}
}

func FuzzParseRetryAfter(f *testing.F) {
	for _, s := range []string{"0", "120", "-1", "0.5", "Fri, 31 Dec 9999 23:59:59 GMT", "99999999999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, ok := endpoint.ParseRetryAfter(s, epoch)
		if d < 0 || d > endpoint.MaxDelay || (!ok && d != 0) {
			t.Fatalf("%q: %v, %v", s, d, ok)
		}
	})
}
