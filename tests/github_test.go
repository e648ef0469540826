package tests

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

// githubYAML routes GitHub's webhooks: pushes to a function, some issues to the function and a queue. The condition fails at
// run time for the payloads that have no labels (pinned and unpinned issues), which then do not match.
const githubYAML = `
webhooks:
  github: {verify: github, secrets: ["a former secret", "${env:GITHUB_SECRET}"], dedup: 24h}
queues:
  issues: {}
  failed: {}
functions:
  record:
    url: ${env:FUNCTION_URL}
    max_in_flight: 4
    timeout: 3s
    retry: {schedule: [200ms, 400ms, 800ms, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s]}
    sign: {secrets: ["${env:SIGNING_SECRET}"]}
    dead_letter: {queue: failed}
rules:
  - name: pushes
    when: {detail-type: [com.github.push]}
    targets:
      - {function: record}
  - name: fresh-issues
    when: {detail-type: [{prefix: com.github.issues.}]}
    if: event.detail.action in ["opened", "edited", "pinned"] and len(event.detail.issue.labels) > 0
    targets:
      - {function: record}
      - {queue: issues}
`

const githubSecret = "It's a Secret to Everybody"

// sentExample is a payload of @octokit/webhooks-examples and the answer to it.
type sentExample struct {
	Name     string          `json:"name"`
	Delivery string          `json:"delivery"`
	Payload  json.RawMessage `json:"payload"`
	Status   int             `json:"status"`
	Answer   string          `json:"answer"`

	answer harness.PublishedEvent
}

// sendExamples sends every example, and checks that each answer names the rules that must match.
func sendExamples(t *testing.T, r *harness.Router) []sentExample {
	t.Helper()
	code, stdout, stderr := harness.Output(t, node(t, "send-examples.mjs", []string{r.URL("/hooks/github")}, "SECRET="+githubSecret))
	if code != 0 {
		t.Fatalf("the sender ended with %d:\n%s", code, stderr)
	}
	var sent []sentExample
	for dec := newLineDecoder(stdout); dec.More(); {
		var s sentExample
		if err := dec.Decode(&s); err != nil {
			t.Fatal(err)
		}
		if s.Status != http.StatusOK {
			t.Errorf("%s was answered %d %s", s.Name, s.Status, s.Answer)
			continue
		}
		if err := json.Unmarshal([]byte(s.Answer), &s.answer); err != nil {
			t.Fatalf("the answer %s: %v", s.Answer, err)
		}
		if want := matching(t, &s); !slices.Equal(s.answer.Matched, want) {
			t.Errorf("%s: matched %q, want %q", s.Name, s.answer.Matched, want)
		}
		sent = append(sent, s)
	}
	if len(sent) < 300 {
		t.Fatalf("only %d examples were taken", len(sent))
	}
	return sent
}

// matching says which rules of githubYAML must match a payload, by a way of its own.
func matching(t *testing.T, s *sentExample) []string {
	t.Helper()
	var payload struct {
		Action string
		Issue  struct{ Labels []json.RawMessage }
	}
	if err := json.Unmarshal(s.Payload, &payload); err != nil {
		t.Fatal(err)
	}
	switch {
	case s.Name == "push":
		return []string{"pushes"}
	case s.Name == "issues" && slices.Contains([]string{"opened", "edited", "pinned"}, payload.Action) && len(payload.Issue.Labels) > 0:
		return []string{"fresh-issues"}
	}
	return nil
}

// collectDeliveries takes one delivery for each example that matched a rule, and checks that it is that example.
func collectDeliveries(t *testing.T, f *nodeFunction, sent []sentExample) {
	t.Helper()
	waiting := map[string]sentExample{}
	for _, s := range sent {
		if len(s.answer.Matched) > 0 {
			waiting[s.answer.ID] = s
		}
	}
	webhookIDs := map[string]bool{}
	for len(waiting) > 0 {
		d := f.next()
		s, ok := waiting[d.SignalboxID]
		if !ok {
			t.Errorf("event %s (%s) was delivered, which matched nothing or was delivered before", d.SignalboxID, d.Type)
			continue
		}
		delete(waiting, d.SignalboxID)
		if webhookIDs[d.WebhookID] {
			t.Errorf("two deliveries have the webhook-id %s", d.WebhookID)
		}
		webhookIDs[d.WebhookID] = true
		if d.ID != s.Delivery {
			t.Errorf("%s: the id is %q, want that of the delivery, %q", s.Name, d.ID, s.Delivery)
		}
		sameJSON(t, s.Name, d.Data, s.Payload)
	}
}

// collectQueued takes every example that the queue must have.
func collectQueued(t *testing.T, r *harness.Router, sent []sentExample) {
	t.Helper()
	waiting := map[string]sentExample{}
	for _, s := range sent {
		if slices.Contains(s.answer.Matched, "fresh-issues") {
			waiting[s.answer.ID] = s
		}
	}
	if len(waiting) == 0 {
		t.Fatal("no example is for the queue; the test tests nothing")
	}
	for _, m := range r.Drain("issues", len(waiting)) {
		var envelope struct {
			ID     string          `json:"id"`
			Type   string          `json:"detail-type"`
			Detail json.RawMessage `json:"detail"`
		}
		if err := json.Unmarshal([]byte(m.Body), &envelope); err != nil {
			t.Fatal(err)
		}
		s, ok := waiting[envelope.ID]
		if !ok {
			t.Errorf("the queue has event %s, which it must not, or twice", envelope.ID)
			continue
		}
		delete(waiting, envelope.ID)
		sameJSON(t, s.Name, envelope.Detail, s.Payload)
	}
	r.Empty("issues")
}

func sameJSON(t *testing.T, what string, got, want json.RawMessage) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal(got, &g); err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	if err := json.Unmarshal(want, &w); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(w, g); diff != "" {
		t.Errorf("%s: the data is not what was sent (-sent +got):\n%.2000s", what, diff)
	}
}

// TestGitHubExamples sends GitHub's payloads, signed by GitHub's own library, and accounts for all of them: delivered to a
// function, queued, or unmatched, as the answers said.
func TestGitHubExamples(t *testing.T) {
	t.Parallel()
	f := startFunction(t)
	r := harness.Start(t, harness.Options{
		Config: githubYAML,
		Env:    []string{"FUNCTION_URL=" + f.url(), "GITHUB_SECRET=" + githubSecret, "SIGNING_SECRET=" + signingSecret},
	})
	sent := sendExamples(t, r)
	collectDeliveries(t, f, sent)
	collectQueued(t, r, sent)
	for _, s := range sent {
		checkStory(t, r, &s)
	}
	r.Empty("failed")
	r.Empty("dead-letters")
}

// checkStory checks that the story of an event says what the answer to its publish said, and that nothing is left to do.
func checkStory(t *testing.T, r *harness.Router, s *sentExample) {
	t.Helper()
	// The function has printed the delivery a moment before the router has its answer.
	var story eventStory
	harness.Until(t, "the story of "+s.answer.ID+" to end", func() (bool, string) {
		story = storyOf(t, r.Client, s.answer.ID)
		for _, d := range story.Deliveries {
			if d.Kind == "function" && d.Status != "delivered" {
				return false, d.Status + " " + d.Reason
			}
		}
		return true, ""
	})
	matched := []string{}
	for _, rule := range story.Rules {
		switch {
		case rule.Matched:
			matched = append(matched, rule.Rule)
		case rule.Field == "" || rule.Reason == "":
			t.Errorf("%s: the story does not say why %s did not match", s.Name, rule.Rule)
		}
	}
	if !slices.Equal(matched, s.answer.Matched) && len(matched)+len(s.answer.Matched) > 0 {
		t.Errorf("%s: the story says that %q matched, the answer said %q", s.Name, matched, s.answer.Matched)
	}
	want := map[string]int{"pushes": 1, "fresh-issues": 2}
	for _, name := range matched {
		n := 0
		for _, d := range story.Deliveries {
			if d.Rule == name {
				n++
			}
		}
		if n != want[name] {
			t.Errorf("%s: the story has %d deliveries of %s, want %d", s.Name, n, name, want[name])
		}
	}
}

// TestGitHubExamplesWhileTheFunctionIsStopped does the same with a function that starts only after everything was taken in:
// the deliveries are retried until it is there, and nothing is lost or dead-lettered.
func TestGitHubExamplesWhileTheFunctionIsStopped(t *testing.T) {
	t.Parallel()
	f := startFunction(t)
	f.stop()
	r := harness.Start(t, harness.Options{
		Config: githubYAML,
		Env:    []string{"FUNCTION_URL=" + f.url(), "GITHUB_SECRET=" + githubSecret, "SIGNING_SECRET=" + signingSecret},
	})
	sent := sendExamples(t, r)
	first := slices.IndexFunc(sent, func(s sentExample) bool { return len(s.answer.Matched) > 0 })
	harness.Until(t, "a delivery to have been retried", func() (bool, string) {
		story := storyOf(t, r.Client, sent[first].answer.ID)
		for _, d := range story.Deliveries {
			if d.Kind == "function" && len(d.Attempts) >= 2 {
				if d.Attempts[0].Class != "refused" {
					t.Errorf("the first attempt is of class %q, want refused", d.Attempts[0].Class)
				}
				return true, ""
			}
		}
		return false, "not yet"
	})
	f.start()
	collectDeliveries(t, f, sent)
	collectQueued(t, r, sent)
	r.Empty("failed")
	r.Empty("dead-letters")
}

// TestGitHubExamplesWithFaults does the same with a function that fails the first attempt of some deliveries in every way
// that time heals. All of them arrive at the second attempt.
func TestGitHubExamplesWithFaults(t *testing.T) {
	t.Parallel()
	// The first is on a connection that was not used before. On another, what is cut is sent again at once, as part of the attempt.
	faults := []string{"cut", "500", "429", "302", "hang", "503", "404"}
	f := startFunction(t, faults...)
	r := harness.Start(t, harness.Options{
		Config: githubYAML,
		Env:    []string{"FUNCTION_URL=" + f.url(), "GITHUB_SECRET=" + githubSecret, "SIGNING_SECRET=" + signingSecret},
	})
	sent := sendExamples(t, r)
	collectDeliveries(t, f, sent)
	collectQueued(t, r, sent)
	failed := map[string]int{}
	for _, s := range sent {
		checkStory(t, r, &s)
		for _, d := range storyOf(t, r.Client, s.answer.ID).Deliveries {
			for i, a := range d.Attempts {
				last := i == len(d.Attempts)-1
				if last != (a.Class == "") || len(d.Attempts) > 2 {
					t.Errorf("%s: attempt %d of %d is of class %q", s.Name, a.Number, len(d.Attempts), a.Class)
				}
				if !last {
					failed[fmt.Sprint(a.Class, a.Status)]++
				}
			}
		}
	}
	want := map[string]int{"http500": 1, "http429": 1, "redirect302": 1, "timeout0": 1, "reset0": 1, "http503": 1, "http404": 1}
	if diff := cmp.Diff(want, failed); diff != "" {
		t.Errorf("the failed attempts in the stories (-want +got):\n%s", diff)
	}
	r.Empty("failed")
	r.Empty("dead-letters")
}

// TestGitHubExamplesWithGone: the function answers 410 once. That delivery is a dead letter, the others wait until the
// function is enabled again; then all are accounted for.
func TestGitHubExamplesWithGone(t *testing.T) {
	t.Parallel()
	f := startFunction(t, "410")
	r := harness.Start(t, harness.Options{
		Config: githubYAML,
		Env:    []string{"FUNCTION_URL=" + f.url(), "GITHUB_SECRET=" + githubSecret, "SIGNING_SECRET=" + signingSecret},
	})
	sent := sendExamples(t, r)
	gone := r.ReceiveOne("failed")
	if gone.Attribute("router.status") != "410" || gone.Attribute("router.response") != "this is 410" {
		t.Errorf("the dead letter is %+v", gone.Attributes)
	}
	if a := r.Do(http.MethodPost, "/v1/functions/record/enable", nil, ""); a.Status/100 != 2 {
		t.Fatalf("enabling the function: %s", a)
	}
	collectQueued(t, r, sent)
	dead := slices.IndexFunc(sent, func(s sentExample) bool { return s.answer.ID == gone.Attribute("router.event_id") })
	if dead < 0 {
		t.Fatalf("the dead letter is of no event that was sent: %+v", gone.Attributes)
	}
	collectDeliveries(t, f, slices.Delete(sent, dead, dead+1))
	r.Delete("failed", gone.Receipt)
	r.Empty("failed")
}
