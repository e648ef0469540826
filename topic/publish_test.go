package topic_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/duration"
	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/topic"
)

func TestPublishToQueueRaw(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	orders := e.queue("orders", queue.Definition{Delay: duration.Of(time.Minute)})
	e.subscribe("alerts", topic.Subscription{Queue: "orders"})
	body := []byte("\xff not text")
	got := e.publishOne(topic.Message{Body: body, Subject: "lost when raw", Attributes: []queue.Attribute{text("severity", "high")}, Group: "g1"})
	if !slices.Equal(got.Matched, []string{"queue:orders"}) || got.Duplicate {
		t.Fatalf("answer %+v", got)
	}
	if id, err := uuid.Parse(got.ID); err != nil || id.Version() != 7 {
		t.Errorf("message ID %q is no UUIDv7", got.ID)
	}
	m := e.only(orders.ID, queue.Standard)
	if string(m.Body) != string(body) || m.Group != "g1" {
		t.Errorf("body %q, group %q", m.Body, m.Group)
	}
	if diff := cmp.Diff([]queue.Attribute{text("severity", "high")}, m.Attributes); diff != "" {
		t.Error(diff)
	}
	found, err := e.store.Get(t.Context(), e.broker.Now(), orders.ID, m.ID.String())
	if err != nil || len(found) != 1 || found[0].Status != queue.Delayed {
		t.Errorf("by its delivery ID: %+v, %v; want one that the queue's delay hides", found, err)
	}
}

func TestPublishToFunction(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	pager := e.function("pager")
	retry := &endpoint.RetryPolicy{Schedule: []duration.Duration{duration.Of(time.Second)}}
	e.subscribe("alerts", topic.Subscription{ID: "on-call", Function: "pager", Retry: retry, DeadLetter: "pager-failed"})
	attrs := []queue.Attribute{text("severity", "high"), number("count", "7"), number("load", "0.5")}
	published := e.publish(topic.Publish{
		Messages: []topic.Message{{Body: []byte(`{ "disk": 91 }`), Subject: "Disk", Attributes: attrs, Group: "host-1"}},
		Hops:     2, Origin: "0199-parent",
	})[0]
	m := e.only(pager, queue.FIFO)
	ev, err := event.Parse(m.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := ev.Validate(); err != nil {
		t.Error(err)
	}
	want := event.Event{
		ID: published.ID, Source: "topic/alerts", Type: "message", Time: ev.Time, Account: account, Region: region,
		Resources: []string{"arn:aws:sns:eu-west-1:123456789012:alerts"}, Subject: "Disk", Detail: []byte(`{"disk":91}`),
		Extensions: map[string]event.Value{
			"severity": event.StringValue("high"), "count": event.IntValue(7), "load": event.StringValue("0.5"),
			"signalboxorigin": event.StringValue("0199-parent"),
		},
	}
	if diff := cmp.Diff(want, ev); diff != "" {
		t.Error(diff)
	}
	if age := time.Since(ev.Time); age < -time.Minute || age > time.Minute || ev.Time.Nanosecond() != 0 {
		t.Errorf("time %v", ev.Time)
	}
	d := delivery(t, &m)
	wantDelivery := &endpoint.Delivery{
		Origin: published.ID, Account: account, Region: region, Topic: "alerts", Subscription: "on-call",
		Published: d.Published, Hops: 2, Retry: retry, DeadLetter: "pager-failed",
	}
	if diff := cmp.Diff(wantDelivery, d); diff != "" {
		t.Error(diff)
	}
	if d.PublishedAt().Sub(ev.Time) < 0 || d.PublishedAt().Sub(ev.Time) >= time.Second {
		t.Errorf("published at %v, event at %v", d.PublishedAt(), ev.Time)
	}
	if m.Group != "topic:alerts/on-call/host-1" {
		t.Errorf("group %q", m.Group)
	}
	if diff := cmp.Diff(attrs, m.Attributes); diff != "" {
		t.Error(diff)
	}
}

func TestEventOfBodies(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, body, detail, contentType string
		text, binary                    bool
	}{
		{name: "object", body: ` {"a" : 1.50} `, detail: `{"a":1.50}`},
		{name: "array", body: `[1, 2]`, detail: `[1,2]`},
		{name: "scalar", body: `"x"`, detail: `"x"`},
		{name: "text", body: "disk <full>\n", detail: `"disk <full>\n"`, contentType: "text/plain; charset=utf-8", text: true},
		{name: "empty", body: "", detail: `""`, contentType: "text/plain; charset=utf-8", text: true},
		{name: "two values", body: `{}{}`, detail: `"{}{}"`, contentType: "text/plain; charset=utf-8", text: true},
		{name: "bytes", body: "\xff\x00", detail: `"/wA="`, contentType: "application/octet-stream", binary: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			pager := e.function("pager")
			e.subscribe("alerts", topic.Subscription{Function: "pager"})
			e.publishOne(topic.Message{Body: []byte(c.body)})
			m := e.only(pager, queue.FIFO)
			ev, err := event.Parse(m.Body)
			if err != nil {
				t.Fatal(err)
			}
			if string(ev.Detail) != c.detail || ev.DataContentType != c.contentType || ev.Base64 != c.binary {
				t.Errorf("detail %s, content type %q, base64 %v", ev.Detail, ev.DataContentType, ev.Base64)
			}
			if d := delivery(t, &m); d.Text != c.text {
				t.Errorf("text is %v", d.Text)
			}
			if m.Group != "" {
				t.Errorf("group %q, want a free message", m.Group)
			}
		})
	}
}

func TestAttributesThatAreNoExtensions(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	pager := e.function("pager")
	e.subscribe("alerts", topic.Subscription{Function: "pager"})
	e.publishOne(topic.Message{Body: []byte(`1`), Attributes: []queue.Attribute{
		text("severity", "high"), text("EventType", "a<b"), text("type", "reserved"), {Name: "blob", Type: "Binary.png", Value: []byte{0xff}},
		number("big", "4294967296"), number("padded", "007"), text("lines", "a\nb"), text("messageattributes", "x"),
	}})
	ev, err := event.Parse(e.only(pager, queue.FIFO).Body)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]event.Value{
		"severity": event.StringValue("high"), "blob": event.StringValue("/w=="),
		"big": event.StringValue("4294967296"), "padded": event.StringValue("007"),
		"messageattributes": event.StringValue(`{"severity":{"Type":"String","Value":"high"},"EventType":{"Type":"String","Value":"a<b"},` +
			`"type":{"Type":"String","Value":"reserved"},"blob":{"Type":"Binary.png","Value":"/w=="},` +
			`"big":{"Type":"Number","Value":"4294967296"},"padded":{"Type":"Number","Value":"007"},` +
			`"lines":{"Type":"String","Value":"a\nb"},"messageattributes":{"Type":"String","Value":"x"}}`),
	}
	if diff := cmp.Diff(want, ev.Extensions); diff != "" {
		t.Error(diff)
	}
	if err := ev.Validate(); err != nil {
		t.Error(err)
	}
}

func TestFanOutIsOneAppend(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	const n = 1000
	var queues []queue.Queue
	set := catalog.Set{}
	for i := range n {
		name := fmt.Sprintf("q%04d", i)
		set.Changes = append(set.Changes,
			catalog.NewTable[queue.Definition](e.definitions, queue.Table).Creating(named(name), queue.Definition{}),
			e.subscriptions.Creating(topic.SubscriptionName(named("alerts"), "queue:"+name), topic.Subscription{Queue: name}))
	}
	if _, err := e.definitions.Apply(t.Context(), set); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		q, err := e.broker.Lookup(named(fmt.Sprintf("q%04d", i)))
		if err != nil {
			t.Fatal(err)
		}
		queues = append(queues, q)
	}
	got := e.publishOne(topic.Message{Body: []byte("to all")})
	if len(got.Matched) != n || !slices.IsSorted(got.Matched) {
		t.Fatalf("%d matched, sorted %v", len(got.Matched), slices.IsSorted(got.Matched))
	}
	if e.store.appends.Load() != 1 {
		t.Errorf("%d appends, want 1", e.store.appends.Load())
	}
	ids := map[queue.MessageID]bool{}
	for _, q := range queues {
		m := e.only(q.ID, queue.Standard)
		if string(m.Body) != "to all" {
			t.Errorf("%s has %q", q.Name.Name, m.Body)
		}
		ids[m.ID] = true
	}
	if len(ids) != n {
		t.Errorf("%d distinct delivery IDs, want %d", len(ids), n)
	}
}

func TestManyMessagesKeepTheirOrder(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	pager := e.function("pager")
	orders := e.queue("orders", queue.Definition{})
	e.subscribe("alerts", topic.Subscription{Function: "pager"})
	e.subscribe("alerts", topic.Subscription{Queue: "orders"})
	var messages []topic.Message
	for i := range 100 {
		m := topic.Message{Body: fmt.Append(nil, i), Group: fmt.Sprint("g", i%3)}
		if i%10 == 5 {
			m.DedupID = fmt.Sprint("d", i)
		}
		messages = append(messages, m)
	}
	published := e.publish(topic.Publish{Messages: messages})
	if len(published) != 100 {
		t.Fatalf("%d answers", len(published))
	}
	if want := int64(1 + 2*10); e.store.appends.Load() != want { // ten with a DedupID, each between two others
		t.Errorf("%d appends, want %d", e.store.appends.Load(), want)
	}
	for i, m := range e.messages(orders.ID, queue.Standard) {
		if string(m.Body) != fmt.Sprint(i) || m.Group != fmt.Sprint("g", i%3) {
			t.Errorf("place %d has %s of group %s", i, m.Body, m.Group)
		}
	}
	// Within a group, a receive hands out in order; the group is locked until the first is settled.
	res, err := e.store.Receive(t.Context(), queue.ReceiveRequest{Now: e.broker.Now(), Queue: pager, Kind: queue.FIFO, Max: 1, Visibility: time.Minute})
	if err != nil || len(res.Messages) != 1 {
		t.Fatalf("%+v, %v", res, err)
	}
	first := object(t, res.Messages[0].Body)["detail"]
	if first != float64(0) || res.Messages[0].Group != "topic:alerts/function:pager/g0" {
		t.Errorf("first is %v of group %s", first, res.Messages[0].Group)
	}
	rest, err := e.store.Receive(t.Context(), queue.ReceiveRequest{Now: e.broker.Now(), Queue: pager, Kind: queue.FIFO, Max: 1000, Visibility: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range rest.Messages {
		if m.Group == res.Messages[0].Group {
			t.Errorf("%s was handed out while its group was locked", m.Body)
		}
	}
	if len(rest.Messages) != 66 {
		t.Errorf("%d of the other groups, want 66", len(rest.Messages))
	}
}

func TestNothingMatched(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	got := e.publishOne(topic.Message{Body: []byte("x")})
	if got.Matched == nil || len(got.Matched) != 0 || got.ID == "" || e.store.appends.Load() != 0 {
		t.Errorf("answer %+v after %d appends", got, e.store.appends.Load())
	}
}

func TestUnknownTopic(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	other := named("alerts")
	other.Region = "eu-west-2"
	for _, name := range []catalog.Name{named("alert"), other} {
		_, err := e.topics.Publish(t.Context(), topic.Publish{Topic: name, Messages: []topic.Message{{}}})
		if !errors.Is(err, topic.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := e.defined.Delete(t.Context(), named("alerts")); err != nil {
		t.Fatal(err)
	}
	if _, err := e.topics.Publish(t.Context(), topic.Publish{Topic: named("alerts"), Messages: []topic.Message{{}}}); !errors.Is(err, topic.ErrNotFound) {
		t.Errorf("deleted: %v", err)
	}
}

func TestPublishInvalid(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	orders := e.queue("orders", queue.Definition{})
	e.subscribe("alerts", topic.Subscription{Queue: "orders"})
	big := make([]byte, topic.MaxMessageSize)
	many := make([]queue.Attribute, topic.MaxAttributes+1)
	for i := range many {
		many[i] = text(fmt.Sprint("a", i), "x")
	}
	bad := func(m topic.Message) topic.Publish {
		return topic.Publish{Messages: []topic.Message{{Body: []byte("good")}, m}}
	}
	for _, c := range []struct {
		name    string
		publish topic.Publish
		field   string
		reason  string
	}{
		{"none", topic.Publish{}, "messages", "1 to 1000"},
		{"too many", topic.Publish{Messages: make([]topic.Message, topic.MaxMessages+1)}, "messages", "1 to 1000"},
		{"negative window", topic.Publish{Messages: make([]topic.Message, 1), Token: "t", Window: -1}, "window", "7d"},
		{"long window", topic.Publish{Messages: make([]topic.Message, 1), Token: "t", Window: 8 * 24 * time.Hour}, "window", "7d"},
		{"large body", bad(topic.Message{Body: append(big, 'x')}), "messages[1].body", "1048577 bytes"},
		{"large with attributes", bad(topic.Message{Body: big, Attributes: []queue.Attribute{text("a", "")}}), "messages[1].body", "with its attributes"},
		{"many attributes", bad(topic.Message{Attributes: many}), "messages[1].attributes", "101"},
		{"attribute name", bad(topic.Message{Attributes: []queue.Attribute{text("a b", "")}}), "messages[1].attributes[0].name", "letters"},
		{"attribute type", bad(topic.Message{Attributes: []queue.Attribute{{Name: "a", Type: "Boolean"}}}), "messages[1].attributes[0].type", "String, Number or Binary"},
		{"attribute twice", bad(topic.Message{Attributes: []queue.Attribute{text("a", ""), text("a", "")}}), "messages[1].attributes[1].name", "twice"},
		{"group", bad(topic.Message{Group: "a b"}), "messages[1].group", "ASCII"},
		{"dedup id", bad(topic.Message{DedupID: strings.Repeat("x", 129)}), "messages[1].dedup_id", "1 to 128"},
		{"subject length", bad(topic.Message{Subject: strings.Repeat("é", 101)}), "messages[1].subject", "101 characters"},
		{"subject lines", bad(topic.Message{Subject: "a\nb"}), "messages[1].subject", "line breaks"},
		{"subject bytes", bad(topic.Message{Subject: "\xff"}), "messages[1].subject", "UTF-8"},
	} {
		c.publish.Topic = named("alerts")
		_, err := e.topics.Publish(t.Context(), c.publish)
		invalid, ok := errors.AsType[*topic.InvalidError](err)
		if !ok || invalid.Field != c.field || !strings.Contains(invalid.Reason, c.reason) {
			t.Errorf("%s: %v, want %s … %s", c.name, err, c.field, c.reason)
		}
	}
	if got := e.messages(orders.ID, queue.Standard); len(got) != 0 {
		t.Errorf("%d messages were sent", len(got))
	}
	// What is exactly at the limits passes.
	e.publishOne(topic.Message{Body: big, Subject: strings.Repeat("é", 100), Group: "g", DedupID: strings.Repeat("x", 128)})
}

func TestFanOutLimit(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	for i := range 3 {
		e.queue(fmt.Sprint("q", i), queue.Definition{})
		e.subscribe("alerts", topic.Subscription{Queue: fmt.Sprint("q", i)})
	}
	body := make([]byte, topic.MaxMessageSize)
	messages := make([]topic.Message, topic.MaxFanOut/topic.MaxMessageSize/3+1)
	for i := range messages {
		messages[i].Body = body
	}
	_, err := e.topics.Publish(t.Context(), topic.Publish{Topic: named("alerts"), Messages: messages})
	if invalid, ok := errors.AsType[*topic.InvalidError](err); !ok || invalid.Field != "messages" {
		t.Errorf("%v, want an InvalidError on messages", err)
	}
	if e.store.appends.Load() != 0 {
		t.Error("something was appended")
	}
}

func TestCancelledPublish(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.queue("orders", queue.Definition{})
	e.subscribe("alerts", topic.Subscription{Queue: "orders"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := e.topics.Publish(ctx, topic.Publish{Topic: named("alerts"), Messages: []topic.Message{{}}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the context's error", err)
	}
}
