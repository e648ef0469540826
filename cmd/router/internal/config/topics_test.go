package config_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/cmd/router/internal/config"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
)

func TestTopics(t *testing.T) {
	t.Parallel()
	c := load(t, `
queues: {orders.fifo: {fifo: true}}
topics:
  orders.fifo:
    fifo: true
    content_based_deduplication: true
    deduplication_scope: group
    retention: 7d
    subscriptions: [{queue: orders.fifo}, {queue: elsewhere, account: "999999999999", region: eu-west-1}]
  alerts:
    display_name: Alerts
    signature_version: 2
    delivery_policy: {http: {defaultHealthyRetryPolicy: {minDelayTarget: 1, maxDelayTarget: 2, numRetries: 5}}}
    subscriptions:
      - {url: "https://example.com/hook", raw: false}
      - {url: "https://example.com/hook?a=b", delivery_policy: {throttlePolicy: {maxReceivesPerSecond: 3}}}
`)
	if def := c.Topics["orders.fifo"]; !def.FIFO || !def.ContentBasedDeduplication || def.DeduplicationScope != "group" || def.Retention.String() != "7d" {
		t.Errorf("%+v", def)
	}
	called := map[string]endpoint.Endpoint{}
	var subscriptions []string
	for _, d := range c.Declarations() {
		switch d.Table {
		case endpoint.SubscriptionTable:
			var e endpoint.Endpoint
			if err := json.Unmarshal(d.Value, &e); err != nil {
				t.Fatal(err)
			}
			called[d.Name.Name] = e
		case "subscriptions":
			subscriptions = append(subscriptions, d.Name.Name)
		}
	}
	if len(subscriptions) != 4 || len(called) != 2 {
		t.Fatalf("subscriptions %v, endpoints %v", subscriptions, called)
	}
	for name, e := range called {
		if err := e.Validate(); err != nil || !e.Managed || len(e.Retry.Schedule) != 5 || !slices.Contains(subscriptions, name) {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
		if throttled := e.Rate.Count == 3; throttled != strings.Contains(e.URL, "a=b") {
			t.Errorf("%s has the rate %v", name, e.Rate)
		}
	}
	if _, ok := called["alerts/url:https://example.com/hook"]; !ok {
		t.Errorf("endpoints %v", called)
	}
}

func TestTopicFaults(t *testing.T) {
	t.Parallel()
	_, err := config.Load("f", []byte(`
queues: {q.fifo: {fifo: true}}
topics:
  a.fifo: {}
  b: {retention: 1d, signature_version: 3, delivery_policy: {http: {defaultThrottlePolicy: {maxReceivesPerSecond: 0}}}}
  c: {subscriptions: [{queue: q.fifo}, {url: "ftp://x"}]}
  d.fifo: {fifo: true, subscriptions: [{url: "https://example.com"}]}
`), env)
	var got []string
	for _, e := range config.Errors(err) {
		if _, ok := errors.AsType[*config.Error](e); ok {
			got = append(got, e.Path)
		}
	}
	want := []string{
		`topics["a.fifo"]`, "topics.b.retention", "topics.b.signature_version", "topics.b.delivery_policy",
		"topics.c.subscriptions[0].queue", "topics.c.subscriptions[1].url", `topics["d.fifo"].subscriptions[0].url`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s\n%v", diff, err)
	}
}
