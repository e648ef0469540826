package tests

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

// apiYAML is what the tests of the native API run on.
const apiYAML = `
queues:
  orders: {visibility_timeout: 30s}
  audit: {}
  pages: {}
  enveloped: {}
  small: {max_message_size: 1KiB}
  few: {max_in_flight: 1}
  payments.fifo: {fifo: true, content_based_deduplication: true}
topics:
  alerts:
    subscriptions:
      - {queue: audit}
      - {queue: pages, filter: {severity: [high, critical]}}
      - {queue: enveloped, raw: false, filter: {kind: [wrapped]}, filter_scope: body}
buses:
  other: {}
  once: {dedup: 24h}
rules:
  - name: big-orders
    when: {source: [shop], detail-type: [order.created], detail: {total: [{numeric: [">", 100]}]}}
    targets: [{queue: orders}]
  - name: gold
    when: {detail-type: [order.created]}
    if: event.detail.customer.tier == "gold"
    targets: [{queue: audit, transform: {paths: {id: $.detail.id}, template: '{"order": <id>}'}}]
  - name: paid
    when: {detail-type: [order.paid]}
    targets: [{queue: payments.fifo, group: $.detail.order_id}]
  - name: alarm
    when: {detail-type: [alarm]}
    targets: [{topic: alerts, transform: {input_path: $.detail}}]
  - name: hop
    when: {detail-type: [hop]}
    targets: [{bus: other}]
  - name: landed
    bus: other
    when: {detail-type: [hop]}
    targets: [{queue: audit}]
webhooks:
  github: {verify: github, secrets: [first, second]}
  stripe: {verify: stripe, secrets: [whsec_test], dedup: 1h}
  clerk: {verify: standard-webhooks, secrets: [` + signingSecret + `], dedup: 1h}
  slack: {verify: slack, secrets: [slack-secret]}
  shopify: {verify: shopify, secrets: [shop-secret]}
  open: {verify: none}
`

var uuidV7 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func TestQueues(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, harness.Options{Config: apiYAML})

	id := r.Send("orders", `{"body": "héllo", "attributes": {"colour": "red", "size": {"type": "Number", "value": "7"}, "raw": {"type": "Binary", "value": "AP+J"}}}`)
	if id == "" {
		t.Error("a send answered no id")
	}
	before := time.Now()
	m := r.ReceiveOne("orders")
	if m.ID != id || m.Body != "héllo" || m.ReceiveCount != 1 || m.Attribute("colour") != "red" || m.Attribute("size") != "7" || m.Attribute("raw") != "AP+J" {
		t.Errorf("received %+v", m)
	}
	if m.SentAt.After(before) || before.Sub(m.SentAt) > harness.Limit {
		t.Errorf("sent_at is %v, now is %v", m.SentAt, before)
	}
	if !regexp.MustCompile(`^[A-Za-z0-9_-]+$`).MatchString(m.Receipt) {
		t.Errorf("the receipt %q has other characters than [A-Za-z0-9_-]", m.Receipt)
	}
	if got := r.Receive("orders", "max=10"); len(got) != 0 {
		t.Errorf("a message in flight was received again: %+v", got)
	}

	// Visibility 0 gives it back; the count goes up.
	if a := r.Do(http.MethodPatch, "/v1/queues/orders/messages/"+m.Receipt, nil, `{"visibility": "0"}`); a.Status/100 != 2 {
		t.Errorf("giving a message back: %s", a)
	}
	again := r.ReceiveOne("orders")
	if again.ID != id || again.ReceiveCount != 2 {
		t.Errorf("received %+v after it was given back", again)
	}
	// Any receipt of a message deletes it, and deleting is repeatable.
	r.Delete("orders", m.Receipt)
	r.Delete("orders", again.Receipt)
	r.Empty("orders")

	// A receive without a message waits and answers an empty array, never null.
	start := time.Now()
	answer := r.Do(http.MethodPost, "/v1/queues/orders/messages/receive?wait=300ms", nil, "")
	if took := time.Since(start); answer.Status != 200 || strings.TrimSpace(string(answer.Body)) != `{"messages":[]}` || took < 300*time.Millisecond {
		t.Errorf("an empty receive answered %s after %v", answer, took)
	}

	// A poll that waits is woken by a send.
	woken := make(chan time.Duration, 1)
	polling := time.Now()
	go func() {
		if a, err := r.Try(http.MethodPost, "/v1/queues/orders/messages/receive?wait=20s", nil, nil); err != nil || !strings.Contains(string(a.Body), "wake up") {
			t.Errorf("a long poll: %v %v", a, err)
		}
		woken <- time.Since(polling)
	}()
	r.Send("orders", `{"body": "wake up", "delay": "200ms"}`)
	if took := <-woken; took < 200*time.Millisecond || took > 10*time.Second {
		t.Errorf("the poll took %v, want a little more than the delay of 200ms", took)
	}

	// Limits in flight are overload, with the time to come again.
	r.Send("few", `{"body": "a"}`)
	r.Send("few", `{"body": "b"}`)
	r.ReceiveOne("few")
	if a := r.Do(http.MethodPost, "/v1/queues/few/messages/receive", nil, ""); a.Status != http.StatusTooManyRequests || a.Header.Get("Retry-After") == "" {
		t.Errorf("a receive over the limit in flight: %s, Retry-After %q", a, a.Header.Get("Retry-After"))
	}
}

func TestFIFOQueues(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, harness.Options{Config: apiYAML})
	first := r.Send("payments.fifo", `{"body": "a1", "group": "a"}`)
	if repeat := r.Send("payments.fifo", `{"body": "a1", "group": "a"}`); repeat != first {
		t.Errorf("a repeat answered another id: %s and %s", first, repeat)
	}
	r.Send("payments.fifo", `{"body": "a2", "group": "a"}`)
	r.Send("payments.fifo", `{"body": "b1", "group": "b", "dedup_id": "x"}`)
	m := r.ReceiveOne("payments.fifo")
	if m.Body != "a1" || m.Group != "a" {
		t.Fatalf("received %+v, want a1", m)
	}
	if other := r.Receive("payments.fifo", "max=10"); len(other) != 1 || other[0].Body != "b1" {
		t.Errorf("while group a is in flight: received %+v, want only b1", other)
	}
	// The lease runs out: the message comes again, before the one behind it, and its old receipt is then a conflict.
	if a := r.Do(http.MethodPatch, "/v1/queues/payments.fifo/messages/"+m.Receipt, nil, `{"visibility": "500ms"}`); a.Status/100 != 2 {
		t.Errorf("shortening the lease of a1: %s", a)
	}
	again := r.ReceiveOne("payments.fifo")
	if again.Body != "a1" {
		t.Fatalf("received %+v, want a1 again", again)
	}
	if a := r.Do(http.MethodDelete, "/v1/queues/payments.fifo/messages/"+m.Receipt, nil, ""); a.Status != http.StatusConflict {
		t.Errorf("deleting by an expired FIFO receipt: %s, want 409", a)
	}
	r.Delete("payments.fifo", again.Receipt)
	if next := r.Receive("payments.fifo", "max=10&wait=20s"); !slices.ContainsFunc(next, func(m harness.Message) bool { return m.Body == "a2" }) {
		t.Errorf("after a1 was deleted: received %+v, want a2", next)
	}
}

func TestQueueAdministration(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, harness.Options{Config: apiYAML})
	if a := r.Do(http.MethodPut, "/v1/queues/mine", nil, `{"visibility_timeout": "5s"}`); a.Status/100 != 2 {
		t.Fatalf("creating a queue: %s", a)
	}
	if a := r.Do(http.MethodPut, "/v1/queues/mine", nil, `{"visibility_timeout": "5s"}`); a.Status/100 != 2 {
		t.Errorf("creating the same again: %s", a)
	}
	wantProblem(t, r.Do(http.MethodPut, "/v1/queues/mine", nil, `{"visibility_timeout": "6s"}`), 409, "")
	r.Send("mine", `{"body": "x"}`)
	r.Stop()
	r.Restart()
	if s := r.Stats("mine"); s.Ready != 1 {
		t.Errorf("after a restart the queue has %+v, want 1 message", s)
	}
	var list struct {
		Queues []struct{ Name string }
	}
	answer := r.Do(http.MethodGet, "/v1/queues", nil, "")
	mustJSON(t, string(answer.Body), &list)
	names := []string{}
	for _, q := range list.Queues {
		names = append(names, q.Name)
	}
	for _, want := range []string{"mine", "orders", "dead-letters"} {
		if !slices.Contains(names, want) {
			t.Errorf("the list of queues %q lacks %s", names, want)
		}
	}
	if a := r.Do(http.MethodPost, "/v1/queues/mine/purge", nil, ""); a.Status/100 != 2 {
		t.Errorf("purging: %s", a)
	}
	r.Empty("mine")
	if a := r.Do(http.MethodDelete, "/v1/queues/mine", nil, ""); a.Status/100 != 2 {
		t.Errorf("deleting: %s", a)
	}
	wantProblem(t, r.Do(http.MethodGet, "/v1/queues/mine", nil, ""), 404, "")
}

func TestTopics(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, harness.Options{Config: apiYAML})
	post := func(body string) {
		t.Helper()
		var out struct {
			ID        string `json:"id"`
			Duplicate bool   `json:"duplicate"`
		}
		r.JSON(http.MethodPost, "/v1/topics/alerts/messages", body, &out)
		if out.ID == "" {
			t.Error("a publish answered no id")
		}
	}
	post(`{"body": "disk full", "subject": "disk", "attributes": {"severity": "high"}}`)
	post(`{"body": "all well", "attributes": {"severity": "low"}}`)
	post(`{"body": "{\"kind\": \"wrapped\"}"}`)

	var bodies []string
	for _, m := range r.Drain("audit", 3) {
		bodies = append(bodies, m.Body)
	}
	slices.Sort(bodies)
	if want := []string{"all well", "disk full", `{"kind": "wrapped"}`}; !slices.Equal(bodies, want) {
		t.Errorf("audit got %q, want %q", bodies, want)
	}
	if m := r.Drain("pages", 1)[0]; m.Body != "disk full" || m.Attribute("severity") != "high" {
		t.Errorf("pages got %+v", m)
	}
	r.Empty("pages")
	var envelope struct{ Type, Message, TopicArn, MessageId string } //nolint:revive // AWS's names
	mustJSON(t, r.Drain("enveloped", 1)[0].Body, &envelope)
	if envelope.Type != "Notification" || envelope.Message != `{"kind": "wrapped"}` || !strings.HasSuffix(envelope.TopicArn, ":alerts") || envelope.MessageId == "" {
		t.Errorf("the SNS envelope is %+v", envelope)
	}
	r.Empty("enveloped")
}

func TestEvents(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, harness.Options{Config: apiYAML})
	published := r.Publish(`[
		{"source": "shop", "type": "order.created", "data": {"id": "o-1", "total": 250, "customer": {"tier": "gold"}}},
		{"source": "shop", "type": "order.created", "data": {"id": "o-2", "total": 50, "customer": {"tier": "iron"}}},
		{"source": "shop", "type": "order.paid", "data": {"order_id": "o-1"}}
	]`)
	if len(published) != 3 || !slices.Equal(published[0].Matched, []string{"big-orders", "gold"}) || len(published[1].Matched) != 0 || published[1].Matched == nil || !slices.Equal(published[2].Matched, []string{"paid"}) {
		t.Fatalf("the answer is %+v", published)
	}
	for _, p := range published {
		if !uuidV7.MatchString(p.ID) {
			t.Errorf("the id %q is no UUIDv7", p.ID)
		}
	}
	var envelope map[string]any
	mustJSON(t, r.ReceiveOne("orders").Body, &envelope)
	if envelope["id"] != published[0].ID || envelope["detail-type"] != "order.created" || envelope["source"] != "shop" {
		t.Errorf("the queue got %v", envelope)
	}
	sameJSON(t, "the transform", json.RawMessage(r.Drain("audit", 1)[0].Body), json.RawMessage(`{"order": "o-1"}`))
	if m := r.ReceiveOne("payments.fifo"); m.Group != "o-1" {
		t.Errorf("the message group is %q, want o-1", m.Group)
	}

	story := storyOf(t, r.Client, published[1].ID)
	reasons := map[string]storyRule{}
	for _, rule := range story.Rules {
		reasons[rule.Rule] = rule
	}
	if rule := reasons["big-orders"]; rule.Matched || rule.Field != "detail.total" {
		t.Errorf("the story of an order of 50 says %+v, want that it failed on detail.total", rule)
	}
	if rule := reasons["gold"]; rule.Matched || rule.Field != "if" || rule.Reason == "" {
		t.Errorf("the story says %+v, want that the condition did not hold", rule)
	}

	// A rule's target may be a topic, whose filters then decide, or another bus, whose rules do.
	hops := r.Publish(`[{"source": "shop", "type": "alarm", "data": {"severity": "high", "kind": "wrapped"}}, {"source": "shop", "type": "hop"}]`)
	got := r.Drain("audit", 2)
	slices.SortFunc(got, func(a, b harness.Message) int { return len(a.Body) - len(b.Body) })
	sameJSON(t, "the topic's message", json.RawMessage(got[0].Body), json.RawMessage(`{"severity": "high", "kind": "wrapped"}`))
	mustJSON(t, got[1].Body, &envelope)
	if envelope["detail-type"] != "hop" {
		t.Errorf("the other bus's rule delivered %v", envelope)
	}
	r.Drain("enveloped", 1)
	for _, p := range hops {
		deliveryOf(t, r.Client, p.ID, "delivered")
	}

	// The same CloudEvent twice is two events, but one on a bus with dedup.
	for bus, want := range map[string]bool{"default": false, "once": true} {
		cloudEvent := `{"specversion": "1.0", "id": "same", "source": "/s", "type": "t"}`
		header := map[string]string{"Content-Type": "application/cloudevents+json"}
		ids := map[string]bool{}
		var last harness.PublishedEvent
		for range 2 {
			answer := r.Do(http.MethodPost, "/v1/buses/"+bus+"/events", header, cloudEvent)
			var out struct{ Events []harness.PublishedEvent }
			mustJSON(t, string(answer.Body), &out)
			if len(out.Events) != 1 {
				t.Fatalf("bus %s: %s", bus, answer)
			}
			last = out.Events[0]
			ids[last.ID] = true
		}
		if same := len(ids) == 1; same != want || last.Duplicate != want {
			t.Errorf("bus %s: the same CloudEvent twice has %d ids, duplicate %v", bus, len(ids), last.Duplicate)
		}
	}
	if answer := r.Do(http.MethodPost, "/v1/events", map[string]string{"Content-Type": "application/cloudevents-batch+json"}, "[]"); string(answer.Body) != "{\"events\":[]}\n" {
		t.Errorf("an empty batch: %s", answer)
	}
}

// TestCirclesEnd: a rule that sends events to its own bus does so eight times per event, then the event is a dead letter.
func TestCirclesEnd(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, harness.Options{Config: `
queues: {copies: {}}
rules: [{name: round, targets: [{bus: default}, {queue: copies}]}]
`})
	r.Publish(`{"source": "s", "type": "t", "data": {"n": 1}}`)
	m := r.ReceiveOne("dead-letters")
	if m.Attribute("ERROR_CODE") != "LOOP" || !strings.Contains(m.Body, `"detail":{"n":1}`) {
		t.Errorf("the dead letter is %+v", m)
	}
	if s := r.Stats("copies"); s.Ready != 9 {
		t.Errorf("there were %d events, want the first and eight more", s.Ready)
	}
}

// TestCloudEventsClient publishes with the npm package cloudevents, and has functions send them back out in both forms.
func TestCloudEventsClient(t *testing.T) {
	t.Parallel()
	c := harness.NewCollector(t)
	r := harness.Start(t, harness.Options{Config: `
functions: {f: {url: ` + c.URL("/f") + `}}
rules: [{name: all, targets: [{function: f}]}]
`})
	code, stdout, stderr := harness.Output(t, node(t, "send-events.mjs", []string{r.URL("/v1/events")}))
	if code != 0 {
		t.Fatalf("the sender ended with %d:\n%s", code, stderr)
	}
	sent := map[string]map[string]any{}
	n := 0
	for dec := newLineDecoder(stdout); dec.More(); n++ {
		var line struct {
			Form   string
			Event  map[string]any
			Status int
			Answer string
		}
		if err := dec.Decode(&line); err != nil {
			t.Fatal(err)
		}
		if line.Status != http.StatusOK {
			t.Errorf("%s %v: %d %s", line.Form, line.Event, line.Status, line.Answer)
		}
		sent[fmt.Sprint(line.Event["id"])] = line.Event
	}
	for _, q := range c.Wait("/f", n) {
		var got map[string]any
		mustJSON(t, q.Body, &got)
		want := sent[fmt.Sprint(got["id"])]
		if want == nil {
			t.Errorf("delivered %s, which was not sent", q.Body)
			continue
		}
		for name, value := range want {
			a, _ := json.Marshal(value)
			b, _ := json.Marshal(got[name])
			if name == "data" && want["data_base64"] != nil {
				continue // the library puts both into its own JSON
			}
			if string(a) != string(b) {
				t.Errorf("%s: %s went in as %s and came out as %s", got["type"], name, a, b)
			}
		}
	}
}

func TestOperations(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, harness.Options{Config: apiYAML})
	r.Publish(`{"source": "shop", "type": "order.created", "data": {"total": 500, "customer": {"tier": "gold"}}}`)
	if a := r.Do(http.MethodGet, "/healthz", nil, ""); a.Status != 200 {
		t.Errorf("/healthz: %s", a)
	}
	if metrics := r.Metrics(); !strings.Contains(metrics, "# TYPE") || !strings.Contains(metrics, "big-orders") {
		t.Errorf("/metrics: %.2000s", metrics)
	}
	var openapi struct {
		OpenAPI string                    `json:"openapi"`
		Paths   map[string]map[string]any `json:"paths"`
	}
	document := r.Do(http.MethodGet, "/v1/openapi.json", nil, "")
	mustJSON(t, string(document.Body), &openapi)
	if !strings.HasPrefix(openapi.OpenAPI, "3.1") {
		t.Errorf("the OpenAPI version is %q", openapi.OpenAPI)
	}
	for path, method := range map[string]string{
		"/v1/events": "post", "/v1/buses/{bus}/events": "post", "/v1/events/{id}": "get", "/v1/topics/{topic}/messages": "post",
		"/v1/queues/{queue}/messages": "post", "/v1/queues/{queue}/messages/receive": "post", "/hooks/{source}": "post",
		"/v1/queues/{queue}/messages/{receipt}": "delete", "/v1/functions/{function}": "get", "/v1/deliveries/{id}": "get",
	} {
		if openapi.Paths[path][method] == nil {
			t.Errorf("the OpenAPI document lacks %s %s", method, path)
		}
	}
	// Request ids are given, or taken over.
	if a := r.Do(http.MethodGet, "/healthz", nil, ""); a.Header.Get("X-Request-Id") == "" {
		t.Error("an answer has no request id")
	}
	if a := r.Do(http.MethodGet, "/nowhere", map[string]string{"X-Request-Id": "mine-1"}, ""); a.Header.Get("X-Request-Id") != "mine-1" || !strings.Contains(string(a.Body), "mine-1") {
		t.Errorf("a given request id was not taken over: %s", a)
	}
	if a := r.Do(http.MethodGet, "/v1/functions", nil, ""); a.Status != 200 {
		t.Errorf("/v1/functions: %s", a)
	}
}
