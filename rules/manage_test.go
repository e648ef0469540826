package rules_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
)

// putRule puts a rule as a client does.
func (e *env) putRule(bus, name string, rule rules.Rule) rules.RuleEntry {
	e.tb.Helper()
	entry, err := e.engine.PutRule(e.tb.Context(), named(bus), name, func(r *rules.Rule, _ bool) error {
		*r = rule
		return nil
	})
	if err != nil {
		e.tb.Fatal(err)
	}
	return entry
}

func oneEvent(n int) event.Event {
	return newEvent("order", numbered(n))
}

func wantError(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func TestManageBuses(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	_, err := e.engine.Bus(ctx, named("shop"))
	wantError(t, "a bus that is not there", err, rules.ErrBusNotFound)
	made, err := e.engine.CreateBus(ctx, named("shop"), rules.Bus{Description: "of the shop", Tags: map[string]string{"a": "b"}})
	if err != nil || made.Bus.Description != "of the shop" || made.Created.IsZero() || made.Managed {
		t.Fatalf("made %+v, %v", made, err)
	}
	_, err = e.engine.CreateBus(ctx, named("shop"), rules.Bus{})
	wantError(t, "making it again", err, rules.ErrBusExists)
	_, err = e.engine.CreateBus(ctx, named(rules.DefaultBus), rules.Bus{})
	wantError(t, "making the default bus", err, rules.ErrBusExists)
	_, err = e.engine.CreateBus(ctx, catalog.Name{Account: "999999999999", Region: region, Name: rules.DefaultBus}, rules.Bus{})
	wantError(t, "making the default bus of an account that has none yet", err, rules.ErrBusExists)
	invalid := new(rules.InvalidError)
	if _, err := e.engine.CreateBus(ctx, named("what?"), rules.Bus{}); !errors.As(err, &invalid) || invalid.Field != "name" {
		t.Errorf("a bad name: %v", err)
	}
	changed, err := e.engine.UpdateBus(ctx, named("shop"), func(b *rules.Bus) error {
		b.Tags["c"] = "d"
		b.Policy = json.RawMessage(`{}`)
		return nil
	})
	if err != nil || len(changed.Bus.Tags) != 2 || string(changed.Bus.Policy) != "{}" {
		t.Errorf("changed to %+v, %v", changed, err)
	}
	refused := errors.New("refused")
	_, err = e.engine.UpdateBus(ctx, named("shop"), func(*rules.Bus) error { return refused })
	wantError(t, "a change that fails", err, refused)

	all, more, err := e.engine.ListBuses(ctx, catalog.Query{Account: account, Region: region, Limit: 1})
	if err != nil || !more || len(all) != 1 || all[0].Name.Name != rules.DefaultBus {
		t.Errorf("first page %+v, %v, %v", all, more, err)
	}
	wantError(t, "deleting the default bus", e.engine.DeleteBus(ctx, named(rules.DefaultBus)), rules.ErrDefaultBus)
	e.putRule("shop", "r", rules.Rule{})
	wantError(t, "deleting a bus with a rule", e.engine.DeleteBus(ctx, named("shop")), rules.ErrBusInUse)
	e.must(nil, e.engine.DeleteRule(ctx, named("shop"), "r"))
	e.must(nil, e.engine.DeleteBus(ctx, named("shop")))
	e.must(nil, e.engine.DeleteBus(ctx, named("shop")))
	_, err = e.engine.Bus(ctx, named("shop"))
	wantError(t, "a deleted bus", err, rules.ErrBusNotFound)
}

func TestDeletedBusIsTold(t *testing.T) {
	var deleted []catalog.Record
	e := newEnvWith(t, rules.Config{OnDeleted: func(records []catalog.Record, before *catalog.Snapshot) {
		if _, ok := before.Get(rules.BusTable, named("shop")); !ok {
			t.Error("the snapshot does not have the bus")
		}
		deleted = append(deleted, records...)
	}})
	e.must(e.engine.CreateBus(t.Context(), named("shop"), rules.Bus{}))
	e.must(nil, e.engine.DeleteBus(t.Context(), named("shop")))
	if len(deleted) != 1 || deleted[0].Name != named("shop") || !deleted[0].Deleted {
		t.Errorf("told of %+v", deleted)
	}
}

// TestBuiltinBus notes tags on the bus that the router comes with: it stays the router's, so that a file can declare it, and a
// start does not lose them.
func TestBuiltinBus(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	e.must(nil, e.buses.Delete(ctx, named(rules.DefaultBus)))
	builtin := []catalog.Declaration{e.buses.Declaring(named(rules.DefaultBus), rules.Bus{})}
	declare := func() { e.must(e.definitions.Declare(ctx, catalog.Builtin, "", builtin, catalog.DeclareOptions{})) }
	declare()
	for i := range 2 {
		got, err := e.engine.UpdateBus(ctx, named(rules.DefaultBus), func(b *rules.Bus) error {
			if b.Tags == nil {
				b.Tags = map[string]string{}
			}
			b.Tags[fmt.Sprint(i)] = "x"
			return nil
		})
		if err != nil || len(got.Bus.Tags) != i+1 || got.Managed {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	e.reopen()
	declare()
	got, err := e.engine.Bus(ctx, named(rules.DefaultBus))
	if err != nil || len(got.Bus.Tags) != 2 {
		t.Errorf("after a start: %+v, %v", got, err)
	}
	file := []catalog.Declaration{e.buses.Declaring(named(rules.DefaultBus), rules.Bus{Description: "the file's"})}
	e.must(e.definitions.Declare(ctx, "file:x", "1", file, catalog.DeclareOptions{}))
	managed := new(catalog.ManagedError)
	if _, err = e.engine.UpdateBus(ctx, named(rules.DefaultBus), func(*rules.Bus) error { return nil }); !errors.As(err, &managed) {
		t.Errorf("a bus of the file: %v", err)
	}
}

func TestManageRules(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	bus := named(rules.DefaultBus)
	_, err := e.engine.Rule(ctx, bus, "r")
	wantError(t, "a rule that is not there", err, rules.ErrRuleNotFound)
	_, err = e.engine.Rule(ctx, named("nowhere"), "r")
	wantError(t, "a rule of no bus", err, rules.ErrBusNotFound)
	_, err = e.engine.UpdateRule(ctx, bus, "r", func(*rules.Rule) error { return nil })
	wantError(t, "changing a rule that is not there", err, rules.ErrRuleNotFound)
	_, err = e.engine.PutRule(ctx, named("nowhere"), "r", func(*rules.Rule, bool) error { return nil })
	wantError(t, "a rule on no bus", err, rules.ErrBusNotFound)
	wantError(t, "deleting a rule of no bus", e.engine.DeleteRule(ctx, named("nowhere"), "r"), rules.ErrBusNotFound)
	e.must(nil, e.engine.DeleteRule(ctx, bus, "r"))

	e.queue("q", queue.Definition{})
	first := e.putRule(rules.DefaultBus, "r", rules.Rule{When: json.RawMessage(`{"source":["a"]}`)})
	if first.Name != "r" || first.Bus != bus || first.Created.IsZero() {
		t.Errorf("made %+v", first)
	}
	if e.publish(oneEvent(0))[0].Matched == nil {
		t.Error("nothing at all")
	}
	got, err := e.engine.UpdateRule(ctx, bus, "r", func(r *rules.Rule) error {
		r.Targets = []rules.Target{{ID: "1", Queue: "q"}}
		return nil
	})
	if err != nil || len(got.Rule.Targets) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	wantError(t, "deleting a rule with targets", e.engine.DeleteRule(ctx, bus, "r"), rules.ErrRuleHasTargets)
	invalid := new(rules.InvalidError)
	_, err = e.engine.UpdateRule(ctx, bus, "r", func(r *rules.Rule) error {
		r.When = json.RawMessage(`{"source":"a"}`)
		return nil
	})
	if !errors.As(err, &invalid) || invalid.Field != "when" {
		t.Errorf("a bad pattern: %v", err)
	}
	if got, err = e.engine.Rule(ctx, bus, "r"); err != nil || string(got.Rule.When) != `{"source":["a"]}` {
		t.Errorf("after a refused change: %+v, %v", got, err)
	}
	for _, name := range []string{"a1", "a2", "b"} {
		e.putRule(rules.DefaultBus, name, rules.Rule{})
	}
	var names []string
	for after, more := "", true; more; {
		var page []rules.RuleEntry
		if page, more, err = e.engine.ListRules(ctx, bus, "a", after, 1); err != nil || len(page) != 1 {
			t.Fatalf("%+v, %v", page, err)
		}
		after = page[0].Name
		names = append(names, after)
	}
	if diff := cmp.Diff([]string{"a1", "a2"}, names); diff != "" {
		t.Errorf("pages (- want, + got):\n%s", diff)
	}
	// A bus whose name goes on after a slash has rules of its own.
	e.must(e.engine.CreateBus(ctx, named(rules.DefaultBus+"/a"), rules.Bus{}))
	e.putRule(rules.DefaultBus+"/a", "a9", rules.Rule{})
	if all, _, err := e.engine.ListRules(ctx, bus, "a", "", 0); err != nil || len(all) != 2 {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestScheduledSince(t *testing.T) {
	e := newEnv(t)
	put := func(change func(r *rules.Rule)) rules.Rule {
		entry, err := e.engine.PutRule(t.Context(), named(rules.DefaultBus), "r", func(r *rules.Rule, _ bool) error {
			change(r)
			return nil
		})
		e.must(nil, err)
		return entry.Rule
	}
	first := put(func(r *rules.Rule) { r.Schedule = "rate(5 minutes)" })
	if first.ScheduledSince.IsZero() {
		t.Fatal("it counts since never")
	}
	if same := put(func(r *rules.Rule) { r.Description = "x" }); !same.ScheduledSince.Equal(first.ScheduledSince) {
		t.Error("another description began the schedule anew")
	}
	if other := put(func(r *rules.Rule) { r.Schedule = "rate(6 minutes)" }); !other.ScheduledSince.After(first.ScheduledSince) {
		t.Error("another schedule did not begin anew")
	}
	if off := put(func(r *rules.Rule) { r.Disabled = true }); !off.ScheduledSince.IsZero() {
		t.Error("a disabled rule's schedule counts")
	}
	if on := put(func(r *rules.Rule) { r.Disabled = false }); on.ScheduledSince.IsZero() {
		t.Error("an enabled rule's schedule does not count")
	}
}

func TestDisabledRule(t *testing.T) {
	e := newEnv(t)
	e.queue("q", queue.Definition{})
	target := []rules.Target{{Queue: "q"}}
	e.putRule(rules.DefaultBus, "off", rules.Rule{Disabled: true, Targets: target})
	e.putRule(rules.DefaultBus, "on", rules.Rule{Targets: target})
	if got := e.publish(oneEvent(0))[0].Matched; !slices.Equal(got, []string{"on"}) {
		t.Errorf("matched %v", got)
	}
	ev := oneEvent(0)
	verdicts, err := e.engine.Explain(t.Context(), named(rules.DefaultBus), &ev)
	if err != nil || len(verdicts) != 2 || verdicts[0].Rule != "off" || verdicts[0].Matched || verdicts[0].Field != "disabled" {
		t.Errorf("explained as %+v, %v", verdicts, err)
	}
	e.must(e.engine.UpdateRule(t.Context(), named(rules.DefaultBus), "off", func(r *rules.Rule) error {
		r.Disabled = false
		return nil
	}))
	if got := e.publish(oneEvent(0))[0].Matched; !slices.Equal(got, []string{"off", "on"}) {
		t.Errorf("enabled, matched %v", got)
	}
}

// TestTargetElsewhere delivers to receivers of another account and region.
func TestTargetElsewhere(t *testing.T) {
	e := newEnv(t)
	there := catalog.Name{Account: "999999999999", Region: "us-west-2", Name: "q"}
	q, _, err := e.broker.Create(t.Context(), there, queue.Definition{})
	e.must(nil, err)
	fn, err := e.functions.Create(t.Context(), catalog.Name{Account: there.Account, Region: there.Region, Name: "f"}, endpoint.Endpoint{Name: "f", URL: "http://127.0.0.1:1/"})
	e.must(nil, err)
	e.putRule(rules.DefaultBus, "r", rules.Rule{Targets: []rules.Target{
		{ID: "1", Queue: "q", Account: there.Account, Region: there.Region},
		{ID: "2", Function: "f", Account: there.Account, Region: there.Region},
		{ID: "3", Queue: "nowhere", Account: there.Account},
	}})
	e.publish(oneEvent(0))
	e.only(q.ID, queue.Standard)
	e.only(queue.IDFor(fn.ID, queue.Deliveries), queue.FIFO)
	letters := e.deadLetters()
	if len(letters) != 1 {
		t.Fatalf("%d dead letters", len(letters))
	}
	for _, a := range letters[0].Attributes {
		if a.Name == "TARGET_ARN" && string(a.Value) != "arn:aws:sqs:"+region+":999999999999:nowhere" {
			t.Errorf("TARGET_ARN is %s", a.Value)
		}
	}
}

// TestAsEventBridge has functions and API destinations get the payload alone, with EventBridge's retry policy.
func TestAsEventBridge(t *testing.T) {
	e := newEnv(t)
	function := e.function("f")
	record, err := catalog.NewTable[map[string]string](e.definitions, "api-destinations").Create(t.Context(), named("d"), map[string]string{})
	e.must(nil, err)
	destination := queue.IDFor(record.ID, queue.Deliveries)
	e.putRule(rules.DefaultBus, "r", rules.Rule{Targets: []rules.Target{
		{ID: "1", Function: "f", AsEventBridge: true, Transform: &rules.Transform{InputPath: "$.detail.n"}},
		{ID: "2", APIDestination: "d", HTTP: &rules.HTTPParameters{
			Path: []string{"a/b", "$.detail.n"}, Header: map[string]string{"X-N": "$.detail.n", "X-No": "$.detail.no", "X-T": "t"},
			Query: map[string]string{"q": "$.source"},
		}},
		{ID: "3", APIDestination: "d", HTTP: &rules.HTTPParameters{Path: []string{"$.detail.no"}}},
	}})
	events := []event.Event{oneEvent(0)}
	if _, err := e.engine.Publish(t.Context(), rules.Publish{Bus: named(rules.DefaultBus), Events: events, Traces: []string{"Root=1"}}); err != nil {
		t.Fatal(err)
	}
	read := func(m queue.Message) (*endpoint.Delivery, string) {
		a, _ := m.SystemAttribute(endpoint.AttributeDelivery)
		d, err := endpoint.DecodeDelivery(a.Value)
		e.must(nil, err)
		return d, string(m.Body)
	}
	d, body := read(e.only(function, queue.FIFO))
	if d.Verbatim == nil || d.Verbatim.ContentType != "application/json" || d.Verbatim.Header["X-Amzn-Trace-Id"] != "Root=1" || body != "0" {
		t.Errorf("the function gets %q, %+v", body, d.Verbatim)
	}
	if d.Retry == nil || d.Retry.Attempts() != 186 {
		t.Errorf("retries %+v", d.Retry)
	}
	all := e.messages(destination, queue.FIFO)
	if len(all) != 2 {
		t.Fatalf("%d deliveries to the destination", len(all))
	}
	d, body = read(all[0])
	if want := string(events[0].AppendEventBridge(nil)); body != want {
		t.Errorf("the destination gets %s, want %s", body, want)
	}
	want := &endpoint.HTTPParameters{
		Path: []string{"a/b", "0"}, Header: map[string]string{"X-N": "0", "X-T": "t"}, Query: map[string]string{"q": events[0].Source},
	}
	if diff := cmp.Diff(want, d.HTTP); diff != "" {
		t.Errorf("parameters (- want, + got):\n%s", diff)
	}
	// Without a value for its path a call can not be made, which is for whoever makes it to say.
	if d, _ = read(all[1]); len(d.HTTP.Path) != 1 || d.HTTP.Path[0] != "" {
		t.Errorf("without a value in the event the path has %q", d.HTTP.Path)
	}
}

func TestBadTargets(t *testing.T) {
	for _, test := range []struct {
		field  string
		target rules.Target
	}{
		{"targets[0]", rules.Target{}},
		{"targets[0]", rules.Target{Queue: "q", APIDestination: "d"}},
		{"targets[0].account", rules.Target{Queue: "q", Account: "1"}},
		{"targets[0].group", rules.Target{Queue: "q.fifo"}},
		{"targets[0].group_text", rules.Target{Queue: "q.fifo", Group: "$.id", GroupText: "g"}},
		{"targets[0].http", rules.Target{Queue: "q", HTTP: &rules.HTTPParameters{}}},
		{"targets[0].http.path", rules.Target{APIDestination: "d", HTTP: &rules.HTTPParameters{Path: []string{"$.a["}}}},
		{"targets[0].http.header.X", rules.Target{APIDestination: "d", HTTP: &rules.HTTPParameters{Header: map[string]string{"X": "$.a["}}}},
	} {
		invalid := new(rules.InvalidError)
		r := rules.Rule{Targets: []rules.Target{test.target}}
		if err := r.Validate("r"); !errors.As(err, &invalid) || invalid.Field != test.field {
			t.Errorf("%+v: %v, want a fault of %s", test.target, err, test.field)
		}
	}
}
