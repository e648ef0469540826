package rules_test

import (
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
	for _, n := range []int{100, 10_000, 100_000} {
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
			e.rule("r0", to("q", `{"detail":{"n":[0]}}`)) // the catalog has forgotten so many changes: all is looked at once more
			e.reconcile()
			e.publishOne("order", numbered(-1))
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

// BenchmarkSwap changes one rule out of many in the catalog and publishes an event that none matches: what a change takes,
// stored in memory, until publishes are matched against it.
func BenchmarkSwap(b *testing.B) {
	for _, n := range []int{100, 10_000, 100_000} {
		b.Run(fmt.Sprint(n, " rules"), func(b *testing.B) {
			e := newEnv(b)
			var changes []catalog.Change
			for i := range n {
				changes = append(changes, e.rules.Creating(ruleNamed(fmt.Sprint("r", i)), to("q", fmt.Sprintf(`{"detail":{"n":[%d]}}`, i))))
			}
			if _, err := e.definitions.Apply(b.Context(), catalog.Set{Changes: changes}); err != nil {
				b.Fatal(err)
			}
			e.publishOne("order", numbered(-1))
			i := 0
			for b.Loop() {
				i++
				e.rule("r0", to("q", fmt.Sprintf(`{"detail":{"n":[%d]}}`, n+i)))
				e.publishOne("order", numbered(-1))
			}
		})
	}
}
