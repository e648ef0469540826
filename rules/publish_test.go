package rules_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/duration"
	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
)

func TestPublishMatches(t *testing.T) {
	t.Parallel()
	var told []string
	e := newEnvWith(t, rules.Config{OnPublished: func(bus catalog.Name, ev *event.Event, m *rules.Match) {
		told = append(told, fmt.Sprint(bus.Name, " ", ev.Type, " ", m.Names()))
	}})
	q := e.queue("q", queue.Definition{})
	with := func(when, condition string) rules.Rule {
		r := to("q", when)
		r.If = condition
		return r
	}
	e.rule("zz-all", with("", ""))
	e.rule("big", with(`{"detail-type":["order"],"detail":{"total":[{"numeric":[">",100]}]}}`, ""))
	e.rule("gold", with(`{"detail-type":["order"]}`, `event.detail.tier == "gold"`))
	e.rule("fails", with(`{"detail-type":["order"]}`, `event.detail.customer.name == "x"`))
	e.rule("other", with(`{"source":["elsewhere"]}`, ""))
	got := e.publish(newEvent("order", `{"total":101,"tier":"gold"}`), newEvent("order", `{"total":1}`), newEvent("x", `null`))
	for i, want := range [][]string{{"big", "gold", "zz-all"}, {"zz-all"}, {"zz-all"}} {
		if !slices.Equal(got[i].Matched, want) || got[i].Duplicate {
			t.Errorf("event %d: %+v, want %s", i, got[i], want)
		}
	}
	m := e.match(got[0].ID)
	if !slices.Equal(m.Names(), got[0].Matched) || m.Revision != e.definitions.Revision() {
		t.Errorf("recorded as %+v", m)
	}
	if len(m.Failed) != 1 || m.Failed[0].Rule != "fails" || m.Failed[0].Reason == "" {
		t.Errorf("failures recorded: %+v", m.Failed)
	}
	if want := []string{"default order [big gold zz-all]", "default order [zz-all]", "default x [zz-all]"}; !slices.Equal(told, want) {
		t.Errorf("told %q", told)
	}
	all := e.messages(q.ID, queue.Standard)
	if len(all) != 5 {
		t.Fatalf("%d messages", len(all))
	}
	// The message is the delivery, found by its ID, and carries the envelope.
	d := m.Rules[0].Deliveries[0]
	kept, err := e.store.Get(t.Context(), e.broker.Now(), d.Queue, d.ID)
	if err != nil || len(kept) != 1 || kept[0].Message.ID.String() != d.ID || d.Queue != q.ID || d.Target != "queue:q" {
		t.Fatalf("%+v leads to %+v, %v", d, kept, err)
	}
	ev, err := event.Parse(kept[0].Message.Body)
	if err != nil || ev.ID != got[0].ID || string(ev.Detail) != `{"total":101,"tier":"gold"}` {
		t.Errorf("%+v, %v", ev, err)
	}
	if entries := e.scan(e.log(), queue.Log); len(entries) != 3 {
		t.Errorf("%d retained events", len(entries))
	}
}

func TestPublishTargets(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	fifo := e.queue("pay.fifo", queue.Definition{FIFO: true})
	plain := e.queue("plain", queue.Definition{})
	deliveries := e.function("f")
	topics := catalog.NewTable[struct{}](e.definitions, "topics")
	topic, err := topics.Create(t.Context(), named("alerts"), struct{}{})
	e.must(topic, err)
	bus, err := e.buses.Create(t.Context(), named("second"), rules.Bus{})
	e.must(bus, err)
	retry := &endpoint.RetryPolicy{Schedule: []duration.Duration{duration.Of(time.Second)}}
	e.rule("r", rules.Rule{Targets: []rules.Target{
		{Queue: "pay.fifo", Group: "$.detail.order"},
		{Queue: "plain", Transform: &rules.Transform{Paths: map[string]string{"n": "$.detail.n"}, Template: `"n is <n>"`}},
		{Function: "f", Group: "$.detail.order", Transform: &rules.Transform{Paths: map[string]string{"n": "$.detail.n"}, Template: `{"n": <n>, "rule": "<aws.events.rule-name>"}`}, Retry: retry, DeadLetter: "plain"},
		{ID: "second-f", Function: "f", Transform: &rules.Transform{InputPath: "$.detail"}},
		{Topic: "alerts"}, {Bus: "second"},
	}})
	id := e.publishOne("order", `{"order":"o-1","n":7}`).ID
	m := e.match(id)
	var ids []string
	for _, d := range m.Rules[0].Deliveries {
		ids = append(ids, d.Target)
	}
	if want := []string{"queue:pay.fifo", "queue:plain", "function:f", "second-f", "topic:alerts", "bus:second"}; !slices.Equal(ids, want) {
		t.Errorf("targets %q", ids)
	}
	got := e.only(fifo.ID, queue.FIFO)
	if got.Group != "o-1" || got.DedupID != id {
		t.Errorf("FIFO message in group %q with %q", got.Group, got.DedupID)
	}
	if got := e.only(plain.ID, queue.Standard); string(got.Body) != `"n is 7"` {
		t.Errorf("body %s", got.Body)
	}
	toF := e.messages(deliveries, queue.FIFO)
	if len(toF) != 2 {
		t.Fatalf("%d deliveries", len(toF))
	}
	slices.SortFunc(toF, func(a, b queue.Message) int { return strings.Compare(b.Group, a.Group) })
	if toF[0].Group != "default/r/o-1" || toF[1].Group != "" {
		t.Errorf("groups %q and %q", toF[0].Group, toF[1].Group)
	}
	d := delivery(t, &toF[0])
	if d.Origin != id || d.Rule != "r" || d.Bus != "default" || d.Target != "function:f" || d.DeadLetter != "plain" || d.Published == 0 ||
		!cmp.Equal(d.Retry, retry) || d.Account != account {
		t.Errorf("delivery %+v", d)
	}
	for i, want := range []string{`{"n": 7, "rule": "r"}`, `{"order":"o-1","n":7}`} {
		ev, err := event.Parse(toF[i].Body)
		if err != nil || ev.ID != id || !sameJSON(t, string(ev.Detail), want) {
			t.Errorf("%s, %v, want %s", toF[i].Body, err, want)
		}
	}
	for _, id := range []uint64{topic.ID, bus.ID} {
		got := e.only(queue.IDFor(id, queue.Deliveries), queue.FIFO)
		if delivery(t, &got).Hops != 0 {
			t.Error("hops")
		}
	}
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var va, vb any
	if json.Unmarshal([]byte(a), &va) != nil || json.Unmarshal([]byte(b), &vb) != nil {
		return false
	}
	return cmp.Equal(va, vb)
}

func TestUndeliverable(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	own := e.queue("own", queue.Definition{})
	fifo := e.queue("pay.fifo", queue.Definition{FIFO: true})
	e.rule("r", rules.Rule{Targets: []rules.Target{
		{Queue: "missing"}, {Function: "missing"}, {Topic: "missing"},
		{Queue: "pay.fifo", Group: "$.detail.order"},
		{ID: "spaces", Queue: "pay.fifo", Group: "$.detail.text"},
		{Queue: "gone", DeadLetter: "own"},
		{ID: "transform", Queue: "own", Transform: &rules.Transform{Paths: map[string]string{"o": "$.detail.obj"}, Template: `{<o>: 1}`}},
	}})
	appends := 0
	e.store.beforeAppend = func(*queue.AppendRequest) error { appends++; return nil }
	id := e.publishOne("x", `{"text":"a b","obj":{}}`).ID
	if appends != 1 {
		t.Errorf("%d appends", appends)
	}
	if n := len(e.messages(fifo.ID, queue.FIFO)); n != 0 {
		t.Errorf("%d in the FIFO queue", n)
	}
	codes := map[string]int{}
	letters := append(e.deadLetters(), e.messages(own.ID, queue.Standard)...)
	for _, m := range letters {
		codes[attribute(&m, "ERROR_CODE")]++
		if attribute(&m, "ERROR_MESSAGE") == "" || !strings.Contains(attribute(&m, "RULE_ARN"), "rule/r") {
			t.Errorf("attributes %s", m.Attributes)
		}
		if ev, err := event.Parse(m.Body); err != nil || ev.ID != id {
			t.Errorf("body %s", m.Body)
		}
	}
	if want := map[string]int{"NO_RESOURCE": 4, "INVALID_PARAMETER": 2, "INVALID_JSON": 1}; !maps.Equal(codes, want) {
		t.Errorf("codes %v", codes)
	}
	for _, d := range e.match(id).Rules[0].Deliveries {
		kept, err := e.store.Get(t.Context(), e.broker.Now(), d.Queue, d.ID)
		if err != nil || len(kept) != 1 || d.Error == "" || d.DeadLetter != map[bool]string{true: "own", false: "dead-letters"}[d.Name == "gone"] {
			t.Errorf("%+v is there %d times, %v", d, len(kept), err)
		}
	}
}

// TestQueueDeletedDuringPublish: the publish is matched again, and nothing is published twice.
func TestQueueDeletedDuringPublish(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.must(e.buses.Put(t.Context(), named(rules.DefaultBus), rules.Bus{Dedup: duration.Of(time.Hour)}))
	q := e.queue("q", queue.Definition{})
	e.rule("r", to("q", ""))
	appends := 0
	e.store.beforeAppend = func(*queue.AppendRequest) error {
		if appends++; appends == 3 {
			return e.broker.Delete(t.Context(), q.Name)
		}
		return nil
	}
	events := []event.Event{newEvent("a", `1`), newEvent("b", `2`), newEvent("c", `3`)}
	events[1].ProducerID = "p-1"
	got := e.publish(events...)
	for i, p := range got {
		if p.ID != events[i].ID || p.Duplicate || !slices.Equal(p.Matched, []string{"r"}) {
			t.Errorf("event %d: %+v", i, p)
		}
	}
	if n := len(e.scan(e.log(), queue.Log)); n != 3 {
		t.Errorf("%d retained events", n)
	}
	if n := len(e.deadLetters()); n != 1 {
		t.Errorf("%d dead letters", n)
	}
}

func TestDedup(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.must(e.buses.Put(t.Context(), named(rules.DefaultBus), rules.Bus{Dedup: duration.Of(time.Hour)}))
	q := e.queue("q", queue.Definition{})
	e.rule("r", to("q", ""))
	cloud := func(source, id string) event.Event {
		ev := newEvent("a", `1`)
		ev.Source, ev.ProducerID = source, id
		return ev
	}
	first := e.publish(cloud("s", "1"), newEvent("a", `2`), cloud("s", "1"), cloud("s2", "1"), cloud("s", "2"))
	var dup []bool
	for _, p := range first {
		dup = append(dup, p.Duplicate)
	}
	if !slices.Equal(dup, []bool{false, false, true, false, false}) || first[2].ID != first[0].ID || !slices.Equal(first[2].Matched, []string{"r"}) {
		t.Errorf("%+v", first)
	}
	again := e.publish(cloud("s", "2"))[0]
	if !again.Duplicate || again.ID != first[4].ID {
		t.Errorf("%+v", again)
	}
	if n := len(e.ids(q)); n != 4 {
		t.Errorf("%d messages", n)
	}
	e.must(e.buses.Put(t.Context(), named(rules.DefaultBus), rules.Bus{}))
	if p := e.publish(cloud("s", "2"))[0]; p.Duplicate {
		t.Error("refused without dedup")
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	q := e.queue("q", queue.Definition{})
	e.rule("r", to("q", ""))
	publish := func(token string, n int) ([]rules.Published, error) {
		p := rules.Publish{Bus: named(rules.DefaultBus), Token: token, Window: time.Hour}
		for range n {
			p.Events = append(p.Events, newEvent("a", `1`))
		}
		return e.engine.Publish(t.Context(), p)
	}
	first, err := publish("t", 2)
	e.must(first, err)
	e.rule("r2", to("q", ""))
	again, err := publish("t", 2)
	e.must(again, err)
	for i := range again {
		if !again[i].Duplicate || again[i].ID != first[i].ID || !slices.Equal(again[i].Matched, []string{"r"}) {
			t.Errorf("%+v, first %+v", again[i], first[i])
		}
	}
	if _, err := publish("t", 3); !errors.Is(err, queue.ErrTokenReused) {
		t.Errorf("with more events: %v", err)
	}
	if other, err := publish("other", 1); err != nil || other[0].Duplicate {
		t.Errorf("%+v, %v", other, err)
	}
	if n := len(e.ids(q)); n != 3 {
		t.Errorf("%d events", n)
	}
	// The token is known for longer than the event is retained.
	if _, err := e.store.Expire(t.Context(), e.broker.Now(), []queue.Expiry{{Queue: e.log(), Kind: queue.Log, MaxBytes: 1}}); err != nil {
		t.Fatal(err)
	}
	if again, err := publish("t", 2); err != nil || !again[0].Duplicate || again[0].Matched == nil {
		t.Errorf("%+v, %v", again, err)
	}
	var invalid *rules.InvalidError
	if _, err := e.engine.Publish(t.Context(), rules.Publish{Bus: named(rules.DefaultBus), Token: "t", Events: []event.Event{newEvent("a", `1`)}}); !errors.As(err, &invalid) || invalid.Field != "window" {
		t.Errorf("without a window: %v", err)
	}
}

func TestPublishErrors(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	var invalid *rules.InvalidError
	for _, events := range [][]event.Event{nil, make([]event.Event, rules.MaxEvents+1), {{ID: "x", Source: "s", Type: "t"}}} {
		if _, err := e.engine.Publish(t.Context(), rules.Publish{Bus: named(rules.DefaultBus), Events: events}); !errors.As(err, &invalid) {
			t.Errorf("%d events: %v", len(events), err)
		}
	}
	if _, err := e.engine.Publish(t.Context(), rules.Publish{Bus: named("nope"), Events: []event.Event{newEvent("a", `1`)}}); !errors.Is(err, rules.ErrBusNotFound) {
		t.Errorf("unknown bus: %v", err)
	}
	// The default bus of any account is there.
	other := catalog.Name{Account: "999999999999", Region: region, Name: rules.DefaultBus}
	ev := newEvent("a", `1`)
	ev.Account, ev.Region = "", ""
	events := []event.Event{ev}
	if _, err := e.engine.Publish(t.Context(), rules.Publish{Bus: other, Events: events}); err != nil || events[0].Account != other.Account {
		t.Errorf("default bus: %v", err)
	}
	for i := range 300 {
		e.rule(fmt.Sprint("r", i), rules.Rule{When: json.RawMessage(`{"detail-type":["large"]}`), Targets: []rules.Target{{Queue: "q"}}})
	}
	e.queue("q", queue.Definition{})
	if _, err := e.engine.Publish(t.Context(), rules.Publish{Bus: named(rules.DefaultBus), Events: []event.Event{newEvent("large", `"`+strings.Repeat("x", 1<<20)+`"`)}}); !errors.As(err, &invalid) || invalid.Field != "events" {
		t.Errorf("fan-out: %v", err)
	}
}

func TestSend(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.must(e.buses.Create(t.Context(), named("second"), rules.Bus{Dedup: duration.Of(time.Hour)}))
	ev := newEvent("a", `1`)
	ev.ProducerID = "p-1"
	d := &endpoint.Delivery{Origin: ev.ID, Hops: 1}
	for range 2 {
		if err := e.engine.Send(t.Context(), named("second"), ev, d, "delivery-1"); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.engine.Send(t.Context(), named("second"), ev, d, "delivery-2"); err != nil {
		t.Fatal(err)
	}
	log, err := e.engine.LogOf(named("second"))
	e.must(log, err)
	kept := e.messages(log, queue.Log)
	if len(kept) != 2 {
		t.Fatalf("%d events", len(kept))
	}
	for i := range kept {
		got, err := event.Parse(kept[i].Body)
		e.must(got, err)
		match, err := rules.DecodeMatch(&kept[i])
		e.must(match, err)
		if _, err := event.IDTime(got.ID); err != nil || got.ID == ev.ID || got.ProducerID != "p-1" || match.Origin != ev.ID || match.Hops != 1 {
			t.Errorf("%+v with %+v, %v", got, match, err)
		}
	}
}
