package rules_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
)

// BenchmarkPublish publishes one event, of 300 bytes, that one rule out of many matches, on the embedded store in memory.
func BenchmarkPublish(b *testing.B) {
	for _, n := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprint(n, " rules"), func(b *testing.B) {
			e := newEnv(b)
			e.queue("q", queue.Definition{})
			var changes []catalog.Change
			for i := range n {
				changes = append(changes, e.rules.Creating(ruleNamed(fmt.Sprint("r", i)),
					to("q", fmt.Sprintf(`{"source":["shop"],"detail-type":["order"],"detail":{"n":[%d]}}`, i))))
			}
			if _, err := e.definitions.Apply(b.Context(), catalog.Set{Changes: changes}); err != nil {
				b.Fatal(err)
			}
			e.publishOne("order", numbered(0))
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i++
				ev := newEvent("order", numbered(i%n))
				got, err := e.engine.Publish(b.Context(), rules.Publish{Bus: named(rules.DefaultBus), Events: []event.Event{ev}})
				if err != nil || len(got[0].Matched) != 1 {
					b.Fatal(got, err)
				}
			}
		})
	}
}

// BenchmarkRuleChange changes one rule out of many and publishes.
func BenchmarkRuleChange(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		b.Run(fmt.Sprint(n, " rules"), func(b *testing.B) {
			e := newEnv(b)
			var changes []catalog.Change
			for i := range n {
				changes = append(changes, e.rules.Creating(ruleNamed(fmt.Sprint("r", i)), to("q", fmt.Sprintf(`{"detail":{"n":[%d]}}`, i))))
			}
			if _, err := e.definitions.Apply(b.Context(), catalog.Set{Changes: changes}); err != nil {
				b.Fatal(err)
			}
			e.reconcile()
			i := 0
			for b.Loop() {
				i++
				e.rule("r0", to("q", fmt.Sprintf(`{"detail":{"n":[%d]}}`, n+i)))
				e.reconcile()
				e.publishOne("order", numbered(-1))
			}
		})
	}
}

// BenchmarkPutRule makes or changes, as a client does, one rule of a bus that has many, and publishes.
func BenchmarkPutRule(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		b.Run(fmt.Sprint(n, " rules"), func(b *testing.B) {
			e := newEnv(b)
			var changes []catalog.Change
			for i := range n {
				rule := rules.Rule{When: json.RawMessage(fmt.Sprintf(`{"source":["s%d"],"detail":{"n":[%d]}}`, i%100, i))}
				changes = append(changes, e.rules.Creating(ruleNamed(fmt.Sprintf("r%d", i)), rule))
			}
			e.must(e.definitions.Apply(b.Context(), catalog.Set{Changes: changes}))
			e.publishOne("order", numbered(-1))
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i++
				e.putRule(rules.DefaultBus, "new", rules.Rule{When: json.RawMessage(fmt.Sprintf(`{"source":["x"],"detail":{"n":[%d]}}`, i))})
				e.publishOne("order", numbered(-1))
			}
		})
	}
}

// BenchmarkPublishToFunctions publishes one event to five functions: of a file's rule, and of a client's, whose deliveries carry
// EventBridge's retry policy.
func BenchmarkPublishToFunctions(b *testing.B) {
	for _, client := range []bool{false, true} {
		b.Run(map[bool]string{false: "file", true: "client"}[client], func(b *testing.B) {
			e := newEnv(b)
			var rule rules.Rule
			for i := range 5 {
				e.function(fmt.Sprint("f", i))
				rule.Targets = append(rule.Targets, rules.Target{Function: fmt.Sprint("f", i), AsEventBridge: client})
			}
			e.rule("r", rule)
			e.publishOne("order", numbered(0))
			b.ReportAllocs()
			for b.Loop() {
				e.publishOne("order", numbered(1))
			}
		})
	}
}
