package rules_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/rules"
)

func eventOf(typ string) *event.Event {
	ev := newEvent(typ, `{"total":7}`)
	return &ev
}

func TestExplain(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	with := func(when, condition string) rules.Rule {
		r := to("q", when)
		r.If = condition
		return r
	}
	e.rule("a-matches", with(`{"detail-type":["x"]}`, `event.detail.total == 7`))
	paused := with("", "")
	paused.Paused = true
	e.rule("b-paused", paused)
	e.rule("c-field", with(`{"detail-type":["x"],"detail":{"total":[{"numeric":[">",100]}]}}`, ""))
	e.rule("d-if", with("", `event.detail.total > 100`))
	e.rule("e-fails", with("", `event.detail.customer.tier == "gold"`))
	e.must(e.rules.Put(t.Context(), ruleNamed("f-broken"), to("q", `[]`)))
	verdicts, err := e.engine.Explain(t.Context(), named(rules.DefaultBus), eventOf("x"))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		rule, field, reason string
		matched             bool
	}{
		{"a-matches", "", "", true},
		{"b-paused", "", "", true},
		{"c-field", "detail.total", "100", false},
		{"d-if", "if", "event.detail.total", false},
		{"e-fails", "if", "could not be evaluated: ", false},
		{"f-broken", "rule", "can not be compiled: ", false},
	} {
		v := verdicts[i]
		if v.Rule != want.rule || v.Field != want.field || !strings.Contains(v.Reason, want.reason) || v.Matched != want.matched ||
			v.Paused != (want.rule == "b-paused") || v.Created == 0 || v.Revision == 0 || (v.Reason == "") != v.Matched {
			t.Errorf("%+v, want %+v", v, want)
		}
	}
	if _, err := e.engine.Explain(t.Context(), named("nope"), eventOf("x")); !errors.Is(err, rules.ErrBusNotFound) {
		t.Errorf("unknown bus: %v", err)
	}
}

func TestValidateNamesEveryFault(t *testing.T) {
	t.Parallel()
	rule := rules.Rule{
		When: []byte(`{"source": "shop"}`), If: `event.nope`, Start: "yesterday",
		Targets: []rules.Target{{}, {Queue: "a.fifo"}, {Queue: "b", Group: "x"}, {Queue: "b", Transform: &rules.Transform{}}},
	}
	err := rule.Validate("bad name")
	var fields []string
	for _, one := range err.(interface{ Unwrap() []error }).Unwrap() {
		if invalid, ok := errors.AsType[*rules.InvalidError](one); ok {
			fields = append(fields, invalid.Field)
		} else {
			t.Errorf("a %T: %v", one, one)
		}
	}
	want := "name when if start targets[0] targets[1].group targets[2].group targets[3].transform targets[3].id"
	if got := strings.Join(fields, " "); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}
