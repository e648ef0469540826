package tests

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

// failing describes a function that misbehaves, and what must come of one delivery to it.
type failing struct {
	name string
	// keys are further keys of the function in YAML.
	keys    string
	replies []harness.Reply
	want    harness.Want
	// delivered says how it ends; otherwise it is a dead letter with attributes, of which each holds the text.
	delivered  bool
	attributes map[string]string
	// classes are the error classes of the attempts, in order.
	classes []string
}

// slack is how much later than its schedule an attempt may come: the breaker's and a busy machine's doing.
const slack = 5 * time.Second

func failures() []failing {
	status := func(code int) harness.Reply {
		return harness.Reply{Status: code, Body: fmt.Sprintf("this is %d", code)}
	}
	gaps := func(least ...time.Duration) (all []harness.Gap) {
		for _, d := range least {
			all = append(all, harness.Gap{Least: d, Most: d + slack})
		}
		return all
	}
	const ms = time.Millisecond
	return []failing{
		{
			name: "always-500", keys: "retry: {schedule: [100ms, 300ms], jitter: 0}",
			replies: []harness.Reply{status(500)},
			want:    harness.Want{Count: 3, Gaps: gaps(100*ms, 300*ms)},
			classes: []string{"http", "http", "http"},
			attributes: map[string]string{
				"ERROR_CODE": "SDK_CLIENT_ERROR", "ERROR_MESSAGE": "500", "RETRY_ATTEMPTS": "2", "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
				"RULE_ARN": "rule/", "TARGET_ARN": "always-500", "router.status": "500", "router.error_class": "http", "router.response": "this is 500",
			},
		},
		{
			name: "500-then-well", keys: "retry: {schedule: [100ms, 100ms, 100ms], jitter: 0}",
			replies: []harness.Reply{status(500), status(503), status(200)},
			want:    harness.Want{Count: 3, Gaps: gaps(100*ms, 100*ms)},
			classes: []string{"http", "http", ""}, delivered: true,
		},
		{
			name: "retry-after", keys: "retry: {schedule: [50ms], jitter: 0}",
			replies: []harness.Reply{{Status: 429, Header: map[string]string{"Retry-After": "1"}}, status(200)},
			want:    harness.Want{Count: 2, Gaps: gaps(time.Second)},
			classes: []string{"http", ""}, delivered: true,
		},
		{
			name: "retry-after-absurd", keys: "retry: {schedule: [50ms], jitter: 0, retry_after_max: 300ms}",
			replies: []harness.Reply{{Status: 503, Header: map[string]string{"Retry-After": "99999999999999"}}, status(200)},
			want:    harness.Want{Count: 2, Gaps: gaps(300 * ms)},
			classes: []string{"http", ""}, delivered: true,
		},
		{
			name: "redirect", keys: "retry: {schedule: [50ms], jitter: 0}",
			replies:    []harness.Reply{{Status: 302, Header: map[string]string{"Location": "/elsewhere"}}},
			want:       harness.Want{Count: 2, Gaps: gaps(50 * ms)},
			classes:    []string{"redirect", "redirect"},
			attributes: map[string]string{"ERROR_MESSAGE": "redirects are not followed", "router.status": "302", "router.error_class": "redirect", "RETRY_ATTEMPTS": "1"},
		},
		{
			name: "bad-request", keys: "retry: {schedule: [50ms, 50ms, 50ms, 50ms, 50ms, 50ms], jitter: 0}",
			replies:    []harness.Reply{status(400)},
			want:       harness.Want{Count: 3, Gaps: gaps(50*ms, 50*ms)},
			classes:    []string{"http", "http", "http"},
			attributes: map[string]string{"router.status": "400", "RETRY_ATTEMPTS": "2", "ERROR_MESSAGE": "400"},
		},
		// A timeout is also for how long a busy machine may take to send the request, and to answer the one that goes well.
		{
			name: "hanging", keys: "timeout: 3s\n    retry: {schedule: [50ms], jitter: 0}",
			replies: []harness.Reply{{Hang: true}, status(200)},
			want:    harness.Want{Count: 2, Gaps: gaps(3050 * ms)},
			classes: []string{"timeout", ""}, delivered: true,
		},
		{
			name: "always-hanging", keys: "timeout: 2s\n    retry: {schedule: [50ms], jitter: 0}",
			replies:    []harness.Reply{{Hang: true}},
			want:       harness.Want{Count: 2, Gaps: gaps(2050 * ms)},
			classes:    []string{"timeout", "timeout"},
			attributes: map[string]string{"ERROR_CODE": "TIMEOUT", "router.error_class": "timeout"},
		},
		{
			name: "cutting", keys: "retry: {schedule: [50ms], jitter: 0}",
			replies: []harness.Reply{{Cut: true}, status(200)},
			want:    harness.Want{Count: 2, Gaps: gaps(50 * ms)},
			classes: []string{"reset", ""}, delivered: true,
		},
		{
			name: "always-cutting", keys: "retry: {schedule: [50ms], jitter: 0}",
			replies:    []harness.Reply{{Cut: true}},
			want:       harness.Want{Count: 2, Gaps: gaps(50 * ms)},
			classes:    []string{"reset", "reset"},
			attributes: map[string]string{"ERROR_CODE": "CONNECTION_FAILURE", "router.error_class": "reset"},
		},
		{
			name: "too-old", keys: "retry: {schedule: [50ms, 1h], jitter: 0, max_age: 5s}",
			replies:    []harness.Reply{status(500)},
			want:       harness.Want{Count: 2, Gaps: gaps(50 * ms)},
			classes:    []string{"http", "http"},
			attributes: map[string]string{"EXHAUSTED_RETRY_CONDITION": "MaximumEventAgeInSeconds"},
		},
		{
			name: "no-retry", keys: "retry: {schedule: []}",
			replies:    []harness.Reply{status(503)},
			want:       harness.Want{Count: 1},
			classes:    []string{"http"},
			attributes: map[string]string{"RETRY_ATTEMPTS": "0", "router.status": "503"},
		},
	}
}

// TestFailingFunctions publishes one event to each function that misbehaves, and follows it to its end.
func TestFailingFunctions(t *testing.T) {
	t.Parallel()
	all := failures()
	collectors := map[string]*harness.Collector{}
	var functions, rules, queues strings.Builder
	for _, f := range all {
		// One each, so that no connection is one that another function has left open: a request that dies on such a one is
		// made again at once, as part of the same attempt.
		c := harness.NewCollector(t)
		collectors[f.name] = c
		c.Script("/"+f.name, f.replies...)
		fmt.Fprintf(&functions, "  %s:\n    url: %s\n    dead_letter: {queue: dead-%s}\n    sign: {secrets: [%s]}\n    %s\n", f.name, c.URL("/"+f.name), f.name, signingSecret, f.keys)
		fmt.Fprintf(&queues, "  dead-%s: {}\n", f.name)
		fmt.Fprintf(&rules, "  - name: %s\n    when: {detail-type: [%s]}\n    targets: [{function: %s}]\n", f.name, f.name, f.name)
	}
	r := harness.Start(t, harness.Options{Config: "functions:\n" + functions.String() + "queues:\n" + queues.String() + "rules:\n" + rules.String()})

	ids := map[string]string{}
	for _, f := range all {
		published := r.Publish(fmt.Sprintf(`{"source": "test", "type": %q, "data": {"text": "for %s"}}`, f.name, f.name))
		ids[f.name] = published[0].ID
	}
	for _, f := range all {
		c := collectors[f.name]
		f.want.Path = "/" + f.name
		c.Expect(f.want, harness.Want{Path: "/elsewhere", Count: 0})
		f.check(t, r, c, ids[f.name])
	}
	r.Empty("dead-letters")
}

func (f *failing) check(t *testing.T, r *harness.Router, c *harness.Collector, id string) {
	t.Helper()
	requests := c.Requests("/" + f.name)
	for _, q := range requests {
		if q.Header.Get("Webhook-Id") == "" || q.Header.Get("Webhook-Id") != requests[0].Header.Get("Webhook-Id") {
			t.Errorf("%s: the attempts have the webhook-ids %q and %q, want one", f.name, requests[0].Header.Get("Webhook-Id"), q.Header.Get("Webhook-Id"))
		}
		if q.Header.Get("Webhook-Signature") == "" || q.Header.Get("Webhook-Timestamp") == "" {
			t.Errorf("%s: an attempt is not signed: %v", f.name, q.Header)
		}
		if q.Body != requests[0].Body {
			t.Errorf("%s: the attempts have different bodies", f.name)
		}
	}
	status := "dead-lettered"
	if f.delivered {
		status = "delivered"
	}
	d := deliveryOf(t, r.Client, id, status)
	var classes []string
	for i, a := range d.Attempts {
		classes = append(classes, a.Class)
		if a.Number != i+1 {
			t.Errorf("%s: attempt %d has the number %d", f.name, i+1, a.Number)
		}
	}
	if fmt.Sprintf("%q", classes) != fmt.Sprintf("%q", f.classes) {
		t.Errorf("%s: the story has attempts of classes %q, want %q", f.name, classes, f.classes)
	}
	if len(requests) > 0 && d.ID != requests[0].Header.Get("Webhook-Id") {
		t.Errorf("%s: the story's delivery is %s, the webhook-id was %s", f.name, d.ID, requests[0].Header.Get("Webhook-Id"))
	}
	if f.delivered {
		r.Empty("dead-" + f.name)
		return
	}
	if d.DeadLetter == nil || d.DeadLetter.Queue != "dead-"+f.name {
		t.Errorf("%s: the story has the dead letter %v, want it in dead-%s", f.name, d.DeadLetter, f.name)
	}
	m := r.ReceiveOne("dead-" + f.name)
	checkDeadLetter(t, f.name, &m, requests[0].Body, id, f.attributes)
}

// checkDeadLetter checks that a dead letter has the payload as body and the reason as attributes.
func checkDeadLetter(t *testing.T, what string, m *harness.Message, payload, eventID string, attributes map[string]string) {
	t.Helper()
	if m.Body != payload {
		t.Errorf("%s: the dead letter's body is not the payload:\n%s\n%s", what, m.Body, payload)
	}
	if got := m.Attribute("router.event_id"); got != eventID {
		t.Errorf("%s: router.event_id is %q, want %q", what, got, eventID)
	}
	for name, text := range attributes {
		if got := m.Attribute(name); !strings.Contains(got, text) {
			t.Errorf("%s: the attribute %s is %q, want it to have %q; all: %v", what, name, got, text, m.Attributes)
		}
	}
	if m.ReceiveCount != 1 {
		t.Errorf("%s: the dead letter was received %d times", what, m.ReceiveCount)
	}
}

// TestGoneFunctionIsDisabled: 410 ends the delivery at once and disables the function; what comes meanwhile waits until it is
// enabled again.
func TestGoneFunctionIsDisabled(t *testing.T) {
	t.Parallel()
	c := harness.NewCollector(t)
	c.Script("/f", harness.Reply{Status: http.StatusGone}, harness.Reply{})
	r := harness.Start(t, harness.Options{Config: `
functions: {f: {url: ` + c.URL("/f") + `, retry: {schedule: [50ms, 50ms]}}}
rules: [{name: all, targets: [{function: f}]}]
`})
	first := r.Publish(`{"source": "test", "type": "a"}`)[0].ID
	deliveryOf(t, r.Client, first, "dead-lettered")
	m := r.ReceiveOne("dead-letters") // the built-in queue, as the function names none
	checkDeadLetter(t, "410", &m, c.Requests("/f")[0].Body, first, map[string]string{"router.status": "410", "RETRY_ATTEMPTS": "0"})

	second := r.Publish(`{"source": "test", "type": "b"}`)[0].ID
	function := r.Do(http.MethodGet, "/v1/functions/f", nil, "")
	if function.Status != http.StatusOK || !strings.Contains(string(function.Body), `"disabled"`) || !strings.Contains(string(function.Body), "410") {
		t.Errorf("the function does not say that it is disabled, and why: %s", function)
	}
	story := storyOf(t, r.Client, second)
	if len(story.Deliveries) != 1 || story.Deliveries[0].Status != "waiting" || !strings.Contains(fmt.Sprint(story.Deliveries[0].Reason, story.Deliveries[0].Next), "disabled") {
		t.Errorf("the story of what waits for a disabled function does not say so: %+v", story.Deliveries)
	}
	r.Kill()
	r.Restart() // the state outlives the process
	if function := r.Do(http.MethodGet, "/v1/functions/f", nil, ""); !strings.Contains(string(function.Body), "410") {
		t.Errorf("after a restart, the function does not say that it is disabled: %s", function)
	}
	if n := len(c.Requests("/f")); n != 1 {
		t.Errorf("a disabled function was called: %d requests, want 1", n)
	}
	if answer := r.Do(http.MethodPost, "/v1/functions/f/enable", nil, ""); answer.Status/100 != 2 {
		t.Fatalf("enabling: %s", answer)
	}
	c.Expect(harness.Want{Path: "/f", Count: 2})
	deliveryOf(t, r.Client, second, "delivered")
}

// TestRetriesSurviveACrash kills the router between two attempts: the next one comes when it is due, as the same delivery.
func TestRetriesSurviveACrash(t *testing.T) {
	t.Parallel()
	c := harness.NewCollector(t)
	c.Script("/f", harness.Reply{Status: 500}, harness.Reply{Status: 500}, harness.Reply{})
	r := harness.Start(t, harness.Options{Config: `
functions: {f: {url: ` + c.URL("/f") + `, retry: {schedule: [3s, 1s], jitter: 0}}}
rules: [{name: all, targets: [{function: f}]}]
`})
	id := r.Publish(`{"source": "test", "type": "a"}`)[0].ID
	harness.Until(t, "the first attempt to be recorded", func() (bool, string) {
		d := storyOf(t, r.Client, id).Deliveries[0]
		if d.Status == "retrying" && (d.Next == nil || d.Next.At.IsZero() || d.Next.AttemptsLeft != 2) {
			t.Errorf("a delivery that is retried says that next comes %+v, want a time and 2 attempts", d.Next)
		}
		return d.Status == "retrying", d.Status
	})
	r.Kill()
	r.Restart()
	deliveryOf(t, r.Client, id, "delivered")
	c.Expect(harness.Want{Path: "/f", Count: 3, Gaps: []harness.Gap{{Least: 3 * time.Second}, {Least: time.Second}}})
	requests := c.Requests("/f")
	if a, b := requests[0].Header.Get("Webhook-Id"), requests[2].Header.Get("Webhook-Id"); a == "" || a != b {
		t.Errorf("the webhook-id changed from %q to %q", a, b)
	}
}

// TestUnfinishedDeliveriesComeBack stops the router while a function has not answered: it ends in time, and the delivery is
// made again at the next start, not counted as a failure.
func TestUnfinishedDeliveriesComeBack(t *testing.T) {
	t.Parallel()
	c := harness.NewCollector(t)
	c.Script("/f", harness.Reply{Hang: true}, harness.Reply{})
	r := harness.Start(t, harness.Options{Config: `
functions: {f: {url: ` + c.URL("/f") + `, timeout: 6s, retry: {schedule: []}}}
rules: [{name: all, targets: [{function: f}]}]
`})
	id := r.Publish(`{"source": "test", "type": "a"}`)[0].ID
	c.Wait("/f", 1)
	r.Stop()
	r.Restart()
	d := deliveryOf(t, r.Client, id, "delivered")
	requests := c.Wait("/f", 2)
	if a, b := requests[0].Header.Get("Webhook-Id"), requests[1].Header.Get("Webhook-Id"); a == "" || a != b || a != d.ID {
		t.Errorf("the webhook-ids are %q and %q, the story's delivery %q", a, b, d.ID)
	}
	r.Empty("dead-letters")
}

// TestBadFunctionsDelayNobody has one function that is dead and one that hangs among healthy ones, which must get theirs as
// if the two were not there: before the slow one has let go of its first.
func TestBadFunctionsDelayNobody(t *testing.T) {
	t.Parallel()
	const healthy, each = 40, 10
	c := harness.NewCollector(t)
	c.Script("/slow", harness.Reply{Hang: true})
	var functions, targets strings.Builder
	for i := range healthy {
		fmt.Fprintf(&functions, "  f%d: {url: %s}\n", i, c.URL(fmt.Sprintf("/f%d", i)))
		fmt.Fprintf(&targets, "      - {function: f%d}\n", i)
	}
	down := harness.NewCollector(t)
	down.Down()
	fmt.Fprintf(&functions, "  slow: {url: %s, timeout: 30s}\n  dead: {url: %s}\n", c.URL("/slow"), down.URL("/dead"))
	r := harness.Start(t, harness.Options{Config: "functions:\n" + functions.String() +
		"rules:\n  - name: all\n    targets:\n      - {function: slow}\n      - {function: dead}\n" + targets.String()})
	first := r.Publish(`{"source": "test", "type": "a"}`)[0].ID
	for range each - 1 {
		r.Publish(`{"source": "test", "type": "a"}`)
	}
	for i := range healthy {
		c.Wait(fmt.Sprintf("/f%d", i), each)
	}
	for _, d := range storyOf(t, r.Client, first).Deliveries {
		if d.Name == "slow" && len(d.Attempts) > 0 {
			t.Errorf("the healthy functions had theirs only when the slow one had been given up: %+v", d.Attempts)
		}
	}
}

// TestFormats checks what functions get in each format.
func TestFormats(t *testing.T) {
	t.Parallel()
	c := harness.NewCollector(t)
	c.Script("/2015-03-31/functions/lambda/invocations", harness.Reply{Status: 200, Body: "{}"})
	r := harness.Start(t, harness.Options{Config: `
functions:
  structured: {url: ` + c.URL("/structured") + `, headers: {X-Team: shop}}
  binary: {url: ` + c.URL("/binary") + `, format: cloudevent-binary}
  eventbridge: {url: ` + c.URL("/eventbridge") + `, format: eventbridge}
  raw: {url: ` + c.URL("/raw") + `, format: raw}
  lambda: {url: ` + c.URL("") + `, format: lambda}
  transformed: {url: ` + c.URL("/transformed") + `}
rules:
  - name: all
    targets:
      - {function: structured}
      - {function: binary}
      - {function: eventbridge}
      - {function: raw}
      - {function: lambda}
      - {function: transformed, transform: {paths: {id: $.detail.id}, template: '{"order": "<id>"}'}}
`})
	id := r.Publish(`{"source": "shop", "type": "order.created", "subject": "A-1", "data": {"id": "o-1", "total": 2.50}}`)[0].ID

	structured := c.Wait("/structured", 1)[0]
	wantHeader(t, structured, "Content-Type", "application/cloudevents+json")
	wantHeader(t, structured, "X-Team", "shop")
	var event map[string]any
	mustJSON(t, structured.Body, &event)
	for name, want := range map[string]any{"specversion": "1.0", "id": id, "source": "shop", "type": "order.created", "subject": "A-1", "signalboxid": id, "datacontenttype": "application/json"} {
		if event[name] != want {
			t.Errorf("structured: %s is %v, want %v", name, event[name], want)
		}
	}
	if !strings.Contains(structured.Body, `"total":2.50`) {
		t.Errorf("structured: numbers are not as they were sent: %s", structured.Body)
	}

	binary := c.Wait("/binary", 1)[0]
	for name, want := range map[string]string{"Ce-Id": id, "Ce-Source": "shop", "Ce-Type": "order.created", "Ce-Specversion": "1.0", "Ce-Subject": "A-1", "Content-Type": "application/json"} {
		wantHeader(t, binary, name, want)
	}
	wantBody(t, binary, `{"id":"o-1","total":2.50}`)

	var envelope map[string]any
	mustJSON(t, c.Wait("/eventbridge", 1)[0].Body, &envelope)
	if envelope["id"] != id || envelope["detail-type"] != "order.created" || envelope["account"] != "000000000000" {
		t.Errorf("eventbridge: %v", envelope)
	}
	wantBody(t, c.Wait("/raw", 1)[0], `{"id":"o-1","total":2.50}`)
	mustJSON(t, c.Wait("/2015-03-31/functions/lambda/invocations", 1)[0].Body, &envelope)

	var transformed struct{ Data struct{ Order string } }
	mustJSON(t, c.Wait("/transformed", 1)[0].Body, &transformed)
	if transformed.Data.Order != "o-1" {
		t.Errorf("transformed: %s", c.Requests("/transformed")[0].Body)
	}
}

func wantHeader(t *testing.T, r harness.Request, name, want string) {
	t.Helper()
	if got, _, _ := strings.Cut(r.Header.Get(name), ";"); got != want {
		t.Errorf("%s: header %s is %q, want %q", r.Path, name, got, want)
	}
}

func wantBody(t *testing.T, r harness.Request, want string) {
	t.Helper()
	if r.Body != want {
		t.Errorf("%s: the body is %s, want %s", r.Path, r.Body, want)
	}
}

func mustJSON(t *testing.T, text string, out any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), out); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
}
