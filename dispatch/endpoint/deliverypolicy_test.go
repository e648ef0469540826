package endpoint_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/duration"
)

func subscriptionPolicy(t testing.TB, text string) *endpoint.DeliveryPolicy {
	t.Helper()
	p, err := endpoint.ParseDeliveryPolicy([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func topicPolicy(t testing.TB, text string) *endpoint.TopicDeliveryPolicy {
	t.Helper()
	p, err := endpoint.ParseTopicDeliveryPolicy([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// What AWS answers for a topic without a policy, letter by letter.
func TestEffectiveDeliveryPolicyOfNothing(t *testing.T) {
	t.Parallel()
	const topic = `{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":20,"maxDelayTarget":20,"numRetries":3,"numMaxDelayRetries":0,"numNoDelayRetries":0,"numMinDelayRetries":0,"backoffFunction":"linear"},"disableSubscriptionOverrides":false,"defaultRequestPolicy":{"headerContentType":"text/plain; charset=UTF-8"}}}`
	const subscription = `{"healthyRetryPolicy":{"minDelayTarget":20,"maxDelayTarget":20,"numRetries":3,"numMaxDelayRetries":0,"numNoDelayRetries":0,"numMinDelayRetries":0,"backoffFunction":"linear"},"requestPolicy":{"headerContentType":"text/plain; charset=UTF-8"}}`
	for _, text := range []string{"", " \n", "{}", `{"http":{}}`, `{"http":null}`, `{"http":{"defaultThrottlePolicy":null,"defaultSicklyRetryPolicy":null}}`} {
		p := topicPolicy(t, text)
		if diff := cmp.Diff(topic, asJSON(t, p.Effective())); diff != "" {
			t.Errorf("of %q: %s", text, diff)
		}
		for _, own := range []string{"", "{}", `{"healthyRetryPolicy":{}}`, `{"healthyRetryPolicy":null,"sicklyRetryPolicy":null,"throttlePolicy":null,"guaranteed":false}`} {
			if diff := cmp.Diff(subscription, asJSON(t, p.For(subscriptionPolicy(t, own)))); diff != "" {
				t.Errorf("of %q and %q: %s", text, own, diff)
			}
		}
	}
}

func TestDeliveryPolicyOverrides(t *testing.T) {
	t.Parallel()
	const topic = `{"http":{"defaultHealthyRetryPolicy":{"numRetries":7},"disableSubscriptionOverrides":%v,
		"defaultThrottlePolicy":{"maxReceivesPerSecond":5},"defaultRequestPolicy":{"headerContentType":"application/json"}}}`
	own := subscriptionPolicy(t, `{"healthyRetryPolicy":{"minDelayTarget":1,"numRetries":2},"throttlePolicy":{"maxReceivesPerSecond":1},
		"requestPolicy":{"headerContentType":"text/csv"}}`)
	open, closed := topicPolicy(t, fmt.Sprintf(topic, false)), topicPolicy(t, fmt.Sprintf(topic, true))
	if open.Effective().HTTP.DisableOverrides || !closed.Effective().HTTP.DisableOverrides {
		t.Error("disableSubscriptionOverrides is lost")
	}
	if diff := cmp.Diff(own, open.For(own)); diff != "" {
		t.Errorf("the subscription's own: %s", diff)
	}
	for _, p := range []*endpoint.DeliveryPolicy{closed.For(own), open.For(nil), closed.For(nil), open.For(&endpoint.DeliveryPolicy{})} {
		if p.Healthy.NumRetries != 7 || p.Healthy.MinDelayTarget != 20 || p.Throttle.MaxReceivesPerSecond != 5 || p.ContentType("x/y") != "application/json" {
			t.Errorf("the topic's: %s", asJSON(t, p))
		}
	}
	part := open.For(subscriptionPolicy(t, `{"throttlePolicy":{"maxReceivesPerSecond":9}}`))
	if part.Healthy.NumRetries != 7 || part.Throttle.MaxReceivesPerSecond != 9 || part.ContentType("") != "application/json" {
		t.Errorf("a part of the subscription's: %s", asJSON(t, part))
	}
	if got := (*endpoint.DeliveryPolicy)(nil).ContentType("x/y"); got != "x/y" {
		t.Errorf("content type of no policy %q", got)
	}
}

func TestBackoffFunctions(t *testing.T) {
	t.Parallel()
	seconds := func(all []duration.Duration) string {
		var texts []string
		for _, d := range all {
			texts = append(texts, fmt.Sprint(d.Std().Seconds()))
		}
		return strings.Join(texts, " ")
	}
	for function, want := range map[string]string{
		"linear":      "5 33.333 61.667 90 118.333 146.667 175 203.333 231.667 260",
		"arithmetic":  "5 10.667 22 39 61.667 90 124 163.667 209 260",
		"geometric":   "5 7.756 12.031 18.663 28.949 44.906 69.658 108.054 167.612 260",
		"exponential": "5 5.499 6.497 8.493 12.485 20.47 36.438 68.376 132.25 260",
	} {
		p := subscriptionPolicy(t, fmt.Sprintf(`{"healthyRetryPolicy":{"minDelayTarget":5,"maxDelayTarget":260,"numRetries":10,"backoffFunction":%q}}`, function))
		if diff := cmp.Diff(want, seconds(p.Healthy.Schedule())); diff != "" {
			t.Errorf("%s: %s", function, diff)
		}
		all := subscriptionPolicy(t, fmt.Sprintf(`{"healthyRetryPolicy":{"minDelayTarget":1,"maxDelayTarget":100,"numRetries":9,
			"numNoDelayRetries":3,"numMinDelayRetries":2,"numMaxDelayRetries":3,"backoffFunction":%q}}`, function))
		if diff := cmp.Diff("0 0 0 1 1 1 100 100 100", seconds(all.Healthy.Schedule())); diff != "" {
			t.Errorf("%s with one retry that grows: %s", function, diff)
		}
		two := subscriptionPolicy(t, fmt.Sprintf(`{"healthyRetryPolicy":{"minDelayTarget":1,"maxDelayTarget":100,"numRetries":2,"backoffFunction":%q}}`, function))
		if diff := cmp.Diff("1 100", seconds(two.Healthy.Schedule())); diff != "" {
			t.Errorf("%s with two: %s", function, diff)
		}
		many := subscriptionPolicy(t, fmt.Sprintf(`{"healthyRetryPolicy":{"minDelayTarget":1,"maxDelayTarget":50,"numRetries":100,"backoffFunction":%q}}`, function)).Healthy.Schedule()
		for i := range many {
			if i > 0 && many[i] < many[i-1] || many[i].Std() < time.Second || many[i].Std() > 50*time.Second {
				t.Errorf("%s: delay %d of a hundred is %s after %s", function, i+1, many[i], many[max(i-1, 0)])
			}
		}
	}
}

func TestApplyDeliveryPolicy(t *testing.T) {
	t.Parallel()
	e := endpoint.Endpoint{Name: "t/1", URL: "http://h/", Managed: true, Rate: endpoint.Rate{Count: 1, Per: time.Hour}, MaxInFlight: 3}
	(*endpoint.DeliveryPolicy)(nil).Apply(&e)
	of := duration.Of(20 * time.Second)
	if diff := cmp.Diff([]duration.Duration{of, of, of}, e.Retry.Schedule); diff != "" {
		t.Error(diff)
	}
	if !e.Rate.Unlimited() || e.Timeout.Std() != 15*time.Second || e.Retry.PermanentAttempts != 1 || e.MaxInFlight != 3 || e.URL != "http://h/" {
		t.Errorf("%+v", e)
	}
	p := subscriptionPolicy(t, `{"healthyRetryPolicy":{"numRetries":0},"throttlePolicy":{"maxReceivesPerSecond":7}}`)
	p.Apply(&e)
	if e.Retry.Attempts() != 1 || e.Rate != (endpoint.Rate{Count: 7, Per: time.Second}) {
		t.Errorf("%+v", e)
	}
	if err := e.Validate(); err != nil {
		t.Error(err)
	}
	var read endpoint.Endpoint
	if err := json.Unmarshal([]byte(asJSON(t, e)), &read); err != nil || read.Retry.Attempts() != 1 {
		t.Errorf("read back: %v, %d attempts", err, read.Retry.Attempts())
	}
	subscriptionPolicy(t, `{"throttlePolicy":{"maxReceivesPerSecond":2147483647},"healthyRetryPolicy":{"numRetries":100,"minDelayTarget":36,"maxDelayTarget":36}}`).Apply(&e)
	if err := e.Validate(); err != nil || e.Retry.Attempts() != 101 {
		t.Errorf("at the limits: %v, %d attempts", err, e.Retry.Attempts())
	}

	for status, want := range map[int]endpoint.Kind{
		200: endpoint.Delivered, 204: endpoint.Delivered, 302: endpoint.Retry,
		400: endpoint.Permanent, 404: endpoint.Permanent, 408: endpoint.Permanent, 410: endpoint.Permanent, 499: endpoint.Permanent,
		429: endpoint.Retry, 500: endpoint.Retry, 501: endpoint.Retry, 503: endpoint.Retry, 505: endpoint.Retry,
	} {
		res := endpoint.Result{Status: status, Class: endpoint.Classify(status, nil, endpoint.FormatRaw)}
		step := endpoint.Decide(res, e.Retry, endpoint.History{}, time.Now(), nil)
		if step.Verdict.Kind != want {
			t.Errorf("%d is %s, want %s", status, step.Verdict.Kind, want)
		}
		if want == endpoint.Permanent && (step.Action != endpoint.ActionGiveUp || step.GiveUp != endpoint.GiveUpPermanent) {
			t.Errorf("%d: %+v", status, step)
		}
	}
}

func TestInvalidDeliveryPolicies(t *testing.T) {
	t.Parallel()
	healthy := func(members string) string { return `{"healthyRetryPolicy":{` + members + `}}` }
	for text, want := range map[string]string{
		`x`:                           "is not a JSON object",
		`null`:                        "is not a JSON object",
		`[]`:                          "is not a JSON object",
		`{} {}`:                       "is not a JSON object",
		`{"http":{}}`:                 "unknown member http",
		`{"HealthyRetryPolicy":{}}`:   "unknown member HealthyRetryPolicy",
		`{"healthyRetryPolicy":"x"}`:  "healthyRetryPolicy must be an object",
		healthy(`"numretries":1`):     "unknown member healthyRetryPolicy.numretries",
		healthy(`"numRetries":101`):   "healthyRetryPolicy.numRetries must be a whole number from 0 to 100",
		healthy(`"numRetries":-1`):    "healthyRetryPolicy.numRetries must be a whole number from 0 to 100",
		healthy(`"numRetries":1.5`):   "healthyRetryPolicy.numRetries must be a whole number from 0 to 100",
		healthy(`"numRetries":"3"`):   "healthyRetryPolicy.numRetries must be a whole number from 0 to 100",
		healthy(`"numRetries":1e99`):  "healthyRetryPolicy.numRetries must be a whole number from 0 to 100",
		healthy(`"minDelayTarget":0`): "healthyRetryPolicy.minDelayTarget must be a whole number from 1 to 3600",
		healthy(`"maxDelayTarget":3601,"numRetries":0`):                               "healthyRetryPolicy.maxDelayTarget must be a whole number from 1 to 3600",
		healthy(`"minDelayTarget":21`):                                                "healthyRetryPolicy.maxDelayTarget, 20, must not be below minDelayTarget, 21",
		healthy(`"backoffFunction":"cubic"`):                                          "healthyRetryPolicy.backoffFunction must be linear, arithmetic, geometric or exponential",
		healthy(`"backoffFunction":1`):                                                "healthyRetryPolicy.backoffFunction must be linear, arithmetic, geometric or exponential",
		healthy(`"numNoDelayRetries":2,"numMinDelayRetries":2`):                       "healthyRetryPolicy.numRetries, 3, must not be below the sum of numNoDelayRetries, numMinDelayRetries and numMaxDelayRetries, 4",
		healthy(`"minDelayTarget":1201,"maxDelayTarget":1201`):                        "healthyRetryPolicy has retries over 3603 seconds; the maximum is 3600",
		`{"throttlePolicy":{}}`:                                                       "throttlePolicy.maxReceivesPerSecond is required",
		`{"throttlePolicy":{"maxReceivesPerSecond":0}}`:                               "throttlePolicy.maxReceivesPerSecond must be a whole number from 1 to 2147483647",
		`{"requestPolicy":{"headerContentType":"text"}}`:                              "requestPolicy.headerContentType must be a media type",
		`{"requestPolicy":{"headerContentType":""}}`:                                  "requestPolicy.headerContentType must be a media type",
		`{"requestPolicy":{"headerContentType":"text/plain\r\nX: y"}}`:                "requestPolicy.headerContentType must be a media type",
		`{"requestPolicy":{"headerContentType":"` + strings.Repeat("a/", 200) + `"}}`: "requestPolicy.headerContentType must be a media type",
	} {
		_, err := endpoint.ParseDeliveryPolicy([]byte(text))
		if invalid, ok := errors.AsType[*endpoint.InvalidError](err); !ok || invalid.Error() != "DeliveryPolicy: "+want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	for text, want := range map[string]string{
		`{"healthyRetryPolicy":{}}`:                                 "unknown member healthyRetryPolicy",
		`{"http":{"healthyRetryPolicy":{}}}`:                        "unknown member http.healthyRetryPolicy",
		`{"http":{"defaultHealthyRetryPolicy":{"numRetries":101}}}`: "http.defaultHealthyRetryPolicy.numRetries must be a whole number from 0 to 100",
		`{"http":{"disableSubscriptionOverrides":"true"}}`:          "http.disableSubscriptionOverrides must be true or false",
		`{"http":3}`: "http must be an object",
	} {
		_, err := endpoint.ParseTopicDeliveryPolicy([]byte(text))
		if invalid, ok := errors.AsType[*endpoint.InvalidError](err); !ok || invalid.Error() != "DeliveryPolicy: "+want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// FuzzDeliveryPolicy: what is accepted makes a valid endpoint that keeps AWS's limits, and reads back as itself.
func FuzzDeliveryPolicy(f *testing.F) {
	f.Add([]byte(`{"healthyRetryPolicy":{"minDelayTarget":1,"maxDelayTarget":60,"numRetries":50,"numNoDelayRetries":3,"numMinDelayRetries":2,"numMaxDelayRetries":35,"backoffFunction":"exponential"},"throttlePolicy":{"maxReceivesPerSecond":10},"requestPolicy":{"headerContentType":"application/json"}}`))
	f.Add([]byte(`{"healthyRetryPolicy":{},"sicklyRetryPolicy":null,"guaranteed":false}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := endpoint.ParseDeliveryPolicy(text)
		if err != nil || p == nil {
			return
		}
		e := endpoint.Endpoint{Name: "t/1", URL: "http://h/"}
		p.Apply(&e)
		if err := e.Validate(); err != nil {
			t.Fatal(err)
		}
		var total time.Duration
		for _, d := range e.Retry.Delays() {
			total += d
		}
		if len(e.Retry.Schedule) > endpoint.MaxPolicyRetries || total.Round(time.Second) > endpoint.MaxPolicyRetryTime {
			t.Fatalf("%d retries over %v", len(e.Retry.Schedule), total)
		}
		again, err := endpoint.ParseDeliveryPolicy([]byte(asJSON(t, p)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p, again); diff != "" {
			t.Fatal(diff)
		}
	})
}
