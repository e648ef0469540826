package rules_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
)

// TestSnapshotFollows: after any changes of rules and buses, also several at once and of rules that can not be compiled, a
// publish matches what the definitions say.
func TestSnapshotFollows(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		e := newEnv(t)
		raw := catalog.NewTable[json.RawMessage](e.definitions, rules.RuleTable)
		want := map[string][]string{} // rule to the types it matches
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			set := map[string]catalog.Change{}
			for range rapid.IntRange(1, 4).Draw(rt, "changes") {
				name := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(rt, "rule")
				if _, twice := set[name]; twice {
					continue
				}
				full := ruleNamed(name)
				_, exists := want[name]
				switch action := rapid.SampledFrom([]string{"put", "put", "delete", "break", "garbage"}).Draw(rt, "action"); {
				case action == "put":
					types := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"x", "y", "z"}), 1, 3, rapid.ID).Draw(rt, "types")
					set[name] = e.rules.Putting(full, to("q", `{"detail-type":["`+strings.Join(types, `","`)+`"]}`))
					want[name] = types
				case action == "delete" && exists:
					set[name] = e.rules.Deleting(full)
					delete(want, name)
				case action == "break":
					set[name] = e.rules.Putting(full, to("q", `{"detail-type":"not a pattern"}`))
					want[name] = nil
				case action == "garbage":
					set[name] = raw.Putting(full, json.RawMessage(`{"targets": 7}`))
					want[name] = nil
				}
			}
			var changes []catalog.Change
			for _, ch := range set {
				changes = append(changes, ch)
			}
			if rapid.IntRange(0, 5).Draw(rt, "new bus") == 0 {
				// The bus goes and comes back within two sets; its rules stay.
				e.must(nil, e.buses.Delete(t.Context(), named(rules.DefaultBus)))
				if rapid.Bool().Draw(rt, "look") {
					_, _ = e.engine.Explain(t.Context(), named("nope"), eventOf("x"))
				}
				changes = append(changes, e.buses.Creating(named(rules.DefaultBus), rules.Bus{}))
			}
			if _, err := e.definitions.Apply(t.Context(), catalog.Set{Changes: changes}); err != nil {
				rt.Fatal(err)
			}
			for _, typ := range []string{"x", "y", "z"} {
				var names []string
				for name, types := range want {
					if slices.Contains(types, typ) {
						names = append(names, name)
					}
				}
				slices.Sort(names)
				if got := e.publishOne(typ, `{}`).Matched; !slices.Equal(got, names) {
					rt.Fatalf("%s matches %s, want %s", typ, got, names)
				}
				verdicts, err := e.engine.Explain(t.Context(), named(rules.DefaultBus), eventOf(typ))
				if err != nil || len(verdicts) != len(want) {
					rt.Fatalf("%d verdicts for %d rules, %v", len(verdicts), len(want), err)
				}
				for _, v := range verdicts {
					if v.Matched != slices.Contains(names, v.Rule) || v.Created == 0 || v.Revision < v.Created || v.Revision > e.definitions.Revision() {
						rt.Fatalf("%+v, want %s", v, names)
					}
				}
			}
		}
	})
}

func TestManyRules(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	const n = 5000
	var changes []catalog.Change
	for i := range n {
		changes = append(changes, e.rules.Creating(ruleNamed(fmt.Sprintf("r%04d", i)),
			to("q", fmt.Sprintf(`{"source":["shop"],"detail":{"n":[%d]}}`, i%1000))))
	}
	e.queue("q", queue.Definition{})
	if _, err := e.definitions.Apply(t.Context(), catalog.Set{Changes: changes}); err != nil {
		t.Fatal(err)
	}
	e.reconcile()
	if got := e.publishOne("x", numbered(17)).Matched; !slices.Equal(got, []string{"r0017", "r1017", "r2017", "r3017", "r4017"}) {
		t.Errorf("%s", got)
	}
	e.must(nil, e.rules.Delete(t.Context(), ruleNamed("r1017")))
	if got := e.publishOne("x", numbered(17)).Matched; !slices.Equal(got, []string{"r0017", "r2017", "r3017", "r4017"}) {
		t.Errorf("%s", got)
	}
	e.reconcile()
	if states := e.definitions.Snapshot().Len(rules.RuleStateTable); states != n-1 {
		t.Errorf("%d states", states)
	}
}
