package topic_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/topic"
)

func TestTokenRepeats(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	orders, pager := e.queue("orders", queue.Definition{}), e.function("pager")
	e.subscribe("alerts", topic.Subscription{Queue: "orders"})
	e.subscribe("alerts", topic.Subscription{Function: "pager", Filter: []byte(`{"a":["x"]}`)})
	p := topic.Publish{Token: "once", Window: time.Hour, Messages: []topic.Message{
		{Body: []byte("1"), DedupID: "ignored"}, {Body: []byte("2"), Attributes: []queue.Attribute{text("a", "x")}},
	}}
	first := e.publish(p)
	if !slices.Equal(first[0].Matched, []string{"queue:orders"}) || !slices.Equal(first[1].Matched, []string{"function:pager", "queue:orders"}) {
		t.Fatalf("first: %+v", first)
	}
	again := e.publish(p)
	for i := range first {
		want := first[i]
		want.Duplicate = true
		if diff := cmp.Diff(want, again[i]); diff != "" {
			t.Errorf("message %d: %s", i, diff)
		}
	}
	if n := len(e.messages(orders.ID, queue.Standard)); n != 2 {
		t.Errorf("%d in the queue, want 2", n)
	}
	if n := len(e.messages(pager, queue.FIFO)); n != 1 {
		t.Errorf("%d for the function, want 1", n)
	}
	other := p
	other.Token = "twice"
	if got := e.publish(other); got[0].Duplicate || got[0].ID == first[0].ID {
		t.Errorf("under another token: %+v", got)
	}
	e.topic("other")
	e.subscribe("other", topic.Subscription{Queue: "orders"})
	other = p
	other.Topic = named("other")
	if got := e.publish(other); got[0].Duplicate || got[0].ID == first[0].ID {
		t.Errorf("to another topic: %+v", got)
	}
}

func TestTokenSurvivesChanges(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	orders, audit := e.queue("orders", queue.Definition{}), e.queue("audit", queue.Definition{})
	e.subscribe("alerts", topic.Subscription{Queue: "orders", Raw: new(false)})
	p := topic.Publish{Token: "once", Messages: []topic.Message{{Body: []byte("1")}}}
	first := e.publish(p)[0]
	e.subscribe("alerts", topic.Subscription{Queue: "audit"})
	e.subscribe("alerts", topic.Subscription{Queue: "orders", Filter: []byte(`{"a":["never"]}`)})
	again := e.publish(p)[0]
	first.Duplicate = true
	if diff := cmp.Diff(first, again); diff != "" {
		t.Error(diff)
	}
	if n := len(e.messages(orders.ID, queue.Standard)); n != 1 {
		t.Errorf("%d in the queue, want 1", n)
	}
	if n := len(e.messages(audit.ID, queue.Standard)); n != 0 {
		t.Errorf("%d in the queue subscribed later, want 0", n)
	}
}

func TestTokenReused(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.queue("orders", queue.Definition{})
	e.subscribe("alerts", topic.Subscription{Queue: "orders"})
	base := topic.Message{Body: []byte("1"), Subject: "s", Group: "g", Attributes: []queue.Attribute{text("a", "b")}}
	e.publish(topic.Publish{Token: "once", Messages: []topic.Message{base}})
	for name, change := range map[string]func(*topic.Message){
		"body":      func(m *topic.Message) { m.Body = []byte("2") },
		"subject":   func(m *topic.Message) { m.Subject = "" },
		"group":     func(m *topic.Message) { m.Group = "sg" },
		"attribute": func(m *topic.Message) { m.Attributes = []queue.Attribute{text("ab", "")} },
	} {
		m := base
		change(&m)
		_, err := e.topics.Publish(t.Context(), topic.Publish{Topic: named("alerts"), Token: "once", Messages: []topic.Message{m}})
		if !errors.Is(err, queue.ErrTokenReused) {
			t.Errorf("another %s: %v, want ErrTokenReused", name, err)
		}
	}
}

func TestDedupID(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	orders := e.queue("orders", queue.Definition{})
	e.subscribe("alerts", topic.Subscription{Queue: "orders"})
	one, two := topic.Message{Body: []byte("1"), DedupID: "d1"}, topic.Message{Body: []byte("2"), DedupID: "d2"}
	first := e.publishOne(one)
	got := e.publish(topic.Publish{Messages: []topic.Message{two, one, {Body: []byte("3")}}})
	if got[0].Duplicate || !got[1].Duplicate || got[1].ID != first.ID || got[2].Duplicate {
		t.Errorf("first %+v, then %+v", first, got)
	}
	var bodies []string
	for _, m := range e.messages(orders.ID, queue.Standard) {
		bodies = append(bodies, string(m.Body))
	}
	if !slices.Equal(bodies, []string{"1", "2", "3"}) {
		t.Errorf("the queue has %q", bodies)
	}
	one.Body = []byte("other")
	_, err := e.topics.Publish(t.Context(), topic.Publish{Topic: named("alerts"), Messages: []topic.Message{one}})
	if !errors.Is(err, queue.ErrTokenReused) || !strings.Contains(err.Error(), "messages[0].dedup_id") {
		t.Errorf("another message: %v", err)
	}
	// A token of the same text is another thing.
	if got := e.publish(topic.Publish{Token: "d2", Messages: []topic.Message{{Body: []byte("2")}}}); got[0].Duplicate {
		t.Error("a token was taken for a deduplication ID")
	}
}

func TestSend(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	orders, pager := e.queue("orders", queue.Definition{MaxMessageSize: 100}), e.function("pager")
	e.subscribe("alerts", topic.Subscription{Queue: "orders"})
	e.subscribe("alerts", topic.Subscription{Function: "pager", FilterScope: topic.ScopeBody, Filter: []byte(`{"detail":{"total":[7]}}`)})
	ev := event.Event{
		ID: "0199f0f0-0000-7000-8000-000000000000", Source: "shop", Type: "order.created", Account: account, Region: region,
		Time: time.Unix(1_800_000_000, 0).UTC(), Detail: []byte(`{"total":7,"note":"` + strings.Repeat("x", 200) + `"}`),
	}
	d := &endpoint.Delivery{Origin: ev.ID, Account: account, Region: region, Bus: "default", Rule: "r", Target: "topic:alerts", Hops: 3}
	deliveryID := "6c1d4e2e-0000-8000-8000-000000000000"
	for range 2 { // the second is the same delivery tried again
		if err := e.topics.Send(t.Context(), named("alerts"), ev, d, deliveryID); err != nil {
			t.Fatal(err)
		}
	}
	m := e.only(orders.ID, queue.Standard) // although its limit is less: the router made the message
	if string(m.Body) != string(ev.AppendEventBridge(nil)) || len(m.Attributes) != 0 {
		t.Errorf("queue has %s", m.Body)
	}
	call := e.only(pager, queue.FIFO)
	got := delivery(t, &call)
	if got.Hops != 3 || got.Origin != topic.PassedOnID(deliveryID).String() {
		t.Errorf("delivery %+v", got)
	}
	in, err := event.Parse(call.Body)
	if err != nil {
		t.Fatal(err)
	}
	if in.Extensions["signalboxorigin"] != event.StringValue(ev.ID) || in.ID != got.Origin {
		t.Errorf("event %+v", in)
	}
	if inner, err := event.Parse(in.Detail); err != nil || inner.ID != ev.ID {
		t.Errorf("passed on: %+v, %v", inner, err)
	}
	// A token from outside that looks the same is not the same.
	if p := e.publish(topic.Publish{Token: deliveryID, Messages: []topic.Message{{Body: ev.AppendEventBridge(nil)}}}); p[0].Duplicate {
		t.Error("a publish was taken for a delivery")
	}
	if err := e.topics.Send(t.Context(), named("gone"), ev, d, deliveryID); !errors.Is(err, topic.ErrNotFound) {
		t.Errorf("to no topic: %v", err)
	}
}

// A largest event has an envelope around it; it may pass all the same.
func TestSendLargest(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	orders := e.queue("orders", queue.Definition{})
	e.subscribe("alerts", topic.Subscription{Queue: "orders", Raw: new(false)})
	ev := event.Event{
		ID: event.NewID(time.Now()), Source: "shop", Type: "x", Account: account, Region: region, Time: time.Unix(0, 0).UTC(),
		Detail: []byte(`"` + strings.Repeat("x", event.MaxSize-100) + `"`),
	}
	if err := e.topics.Send(t.Context(), named("alerts"), ev, &endpoint.Delivery{Origin: ev.ID}, "d"); err != nil {
		t.Fatal(err)
	}
	m := e.only(orders.ID, queue.Standard)
	if got := object(t, m.Body)["Message"]; got != string(ev.AppendEventBridge(nil)) {
		t.Errorf("envelope holds %d bytes", len(m.Body))
	}
}

func TestDerivedIDsAreFixed(t *testing.T) {
	t.Parallel()
	// Deliveries made before an upgrade must be recognised after it.
	if got, want := topic.PassedOnID("6c1d4e2e-0000-8000-8000-000000000000").String(), "8e4f0bfb-b355-86f3-ba8e-8640de58771b"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	message, subscription := "0199f0f0-0000-7000-8000-000000000000", "queue:orders"
	if got, want := topic.DeliveryID(message, "alerts", subscription), "56767507-491c-87d4-ade2-ac7515a7a7ad"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
