package topic_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/catalog/catalogtest"
	"github.com/signalbox-mq/signalbox/queue/storetest"
	"github.com/signalbox-mq/signalbox/rules/pattern"
	"github.com/signalbox-mq/signalbox/topic"
)

// operators has, for each operator of filter policies, a policy on "a" with values that pass and values that do not, as
// JSON.
var operators = [...]struct {
	name, policy string
	pass, fail   []string
}{
	{"string", `["x","y"]`, []string{`"x"`, `"y"`}, []string{`"X"`, `"z"`, `1`}},
	{"number", `[5]`, []string{`5`, `5.0`, `50e-1`}, []string{`"5"`, `6`}},
	{"prefix", `[{"prefix":"ab"}]`, []string{`"ab"`, `"abc"`}, []string{`"a"`, `"xab"`}},
	{"suffix", `[{"suffix":"ab"}]`, []string{`"ab"`, `"cab"`}, []string{`"b"`, `"abx"`}},
	{"equals-ignore-case", `[{"equals-ignore-case":"aB"}]`, []string{`"Ab"`, `"ab"`}, []string{`"abc"`}},
	{"wildcard", `[{"wildcard":"a*c"}]`, []string{`"ac"`, `"abbc"`}, []string{`"acb"`, `"bac"`}},
	{"anything-but", `[{"anything-but":["x","y"]}]`, []string{`"z"`, `5`}, []string{`"x"`, `"y"`}},
	{"anything-but number", `[{"anything-but":[5]}]`, []string{`"5"`, `6`}, []string{`5`, `5.00`}},
	{"anything-but prefix", `[{"anything-but":{"prefix":"ab"}}]`, []string{`"ba"`}, []string{`"abc"`}},
	{"anything-but suffix", `[{"anything-but":{"suffix":"ab"}}]`, []string{`"abc"`}, []string{`"cab"`}},
	{"anything-but wildcard", `[{"anything-but":{"wildcard":"*b*"}}]`, []string{`"ac"`}, []string{`"abc"`}},
	{"numeric equals", `[{"numeric":["=",3]}]`, []string{`3`}, []string{`4`, `"3"`}},
	{"numeric range", `[{"numeric":[">",1,"<=",5]}]`, []string{`1.5`, `5`}, []string{`1`, `5.1`, `"3"`}},
	{"exists", `[{"exists":true}]`, []string{`"x"`, `1`, `""`}, []string{``}},
	{"absent", `[{"exists":false}]`, []string{``}, []string{`"x"`, `1`}},
	{"cidr", `[{"cidr":"10.0.0.0/24"}]`, []string{`"10.0.0.7"`}, []string{`"10.0.1.7"`, `"x"`}},
	{"alternatives", `["x",{"numeric":["<",0]},{"prefix":"p"}]`, []string{`"x"`, `-1`, `"pq"`}, []string{`"q"`, `1`}},
}

// attributesOf makes a JSON value an attribute "a"; an empty one is none.
func attributesOf(t *testing.T, value string) []queue.Attribute {
	t.Helper()
	if value == "" {
		return nil
	}
	var v any
	if err := json.Unmarshal([]byte(value), &v); err != nil {
		t.Fatal(err)
	}
	switch v := v.(type) {
	case string:
		return []queue.Attribute{text("a", v)}
	default:
		return []queue.Attribute{number("a", value)}
	}
}

func TestFiltersInBothScopes(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.queue("q", queue.Definition{})
	for i, op := range operators {
		policy := []byte(`{"a":` + op.policy + `}`)
		e.subscribe("alerts", topic.Subscription{ID: fmt.Sprint("attributes-", i), Queue: "q", Filter: policy})
		e.subscribe("alerts", topic.Subscription{ID: fmt.Sprint("body-", i), Queue: "q", Filter: policy, FilterScope: topic.ScopeBody})
	}
	for i, op := range operators {
		check := func(value string, want bool) {
			member := ""
			if value != "" {
				member = `"a":` + value
			}
			inAttributes := e.publishOne(topic.Message{Body: []byte("no JSON"), Attributes: attributesOf(t, value)})
			if got := slices.Contains(inAttributes.Matched, fmt.Sprint("attributes-", i)); got != want {
				t.Errorf("%s: attribute %s: %v, want %v", op.name, value, got, want)
			}
			inBody := e.publishOne(topic.Message{Body: []byte(`{` + member + `}`)})
			if got := slices.Contains(inBody.Matched, fmt.Sprint("body-", i)); got != want {
				t.Errorf("%s: body {%s}: %v, want %v", op.name, member, got, want)
			}
			for _, id := range inAttributes.Matched {
				if id[0] == 'b' {
					t.Errorf("%s matched a body that is no JSON", id)
				}
			}
		}
		for _, v := range op.pass {
			check(v, true)
		}
		for _, v := range op.fail {
			check(v, false)
		}
	}
}

func TestFilterShapes(t *testing.T) {
	t.Parallel()
	array := queue.Attribute{Name: "a", Type: "String.Array", Value: []byte(`["x","y"]`)}
	for _, c := range []struct {
		name    string
		s       topic.Subscription
		message topic.Message
		want    bool
	}{
		{"no policy", topic.Subscription{}, topic.Message{}, true},
		{"empty policy", topic.Subscription{Filter: []byte(`{}`)}, topic.Message{}, true},
		{"both keys", topic.Subscription{Filter: []byte(`{"a":["x"],"b":["y"]}`)}, topic.Message{Attributes: []queue.Attribute{text("a", "x"), text("b", "y")}}, true},
		{"one key", topic.Subscription{Filter: []byte(`{"a":["x"],"b":["y"]}`)}, topic.Message{Attributes: []queue.Attribute{text("a", "x")}}, false},
		{"either", topic.Subscription{Filter: []byte(`{"$or":[{"a":["x"]},{"b":["y"]}]}`)}, topic.Message{Attributes: []queue.Attribute{text("b", "y")}}, true},
		{"array of strings", topic.Subscription{Filter: []byte(`{"a":["y"]}`)}, topic.Message{Attributes: []queue.Attribute{array}}, true},
		{"nested", topic.Subscription{FilterScope: "body", Filter: []byte(`{"a":{"b":[1]}}`)}, topic.Message{Body: []byte(`{"a":{"b":1}}`)}, true},
		{"in an array", topic.Subscription{FilterScope: "body", Filter: []byte(`{"a":{"b":[1]}}`)}, topic.Message{Body: []byte(`{"a":[{"b":2},{"b":1}]}`)}, true},
		{"not in the body", topic.Subscription{FilterScope: "body", Filter: []byte(`{"a":["x"]}`)}, topic.Message{Body: []byte(`{}`), Attributes: []queue.Attribute{text("a", "x")}}, false},
		{"not in the attributes", topic.Subscription{Filter: []byte(`{"a":["x"]}`)}, topic.Message{Body: []byte(`{"a":"x"}`)}, false},
		{"body is an array", topic.Subscription{FilterScope: "body", Filter: []byte(`{"a":[{"exists":false}]}`)}, topic.Message{Body: []byte(`[{}]`)}, false},
		{"body is broken", topic.Subscription{FilterScope: "body", Filter: []byte(`{"a":["x"]}`)}, topic.Message{Body: []byte(`{"a":"x",`)}, false},
		{"binary counts as absent", topic.Subscription{Filter: []byte(`{"a":[{"exists":false}]}`)}, topic.Message{Attributes: []queue.Attribute{{Name: "a", Type: "Binary", Value: []byte("x")}}}, true},
	} {
		e := newEnv(t)
		e.queue("q", queue.Definition{})
		c.s.Queue = "q"
		e.subscribe("alerts", c.s)
		if got := len(e.publishOne(c.message).Matched) == 1; got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		verdicts, err := e.topics.Explain(t.Context(), named("alerts"), &c.message)
		if err != nil || len(verdicts) != 1 || verdicts[0].Matched != c.want || verdicts[0].Matched != (verdicts[0].Reason == "") {
			t.Errorf("%s: explained as %+v, %v", c.name, verdicts, err)
		}
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.subscribe("alerts", topic.Subscription{Queue: "q", Filter: []byte(`{"a":["x"],"b":["y"]}`)})
	e.subscribe("alerts", topic.Subscription{Function: "f"})
	got, err := e.topics.Explain(t.Context(), named("alerts"), &topic.Message{Attributes: []queue.Attribute{text("a", "x")}})
	if err != nil {
		t.Fatal(err)
	}
	want := []topic.Verdict{
		{Subscription: "function:f", Kind: "function", Name: "f", Matched: true, Revision: 4, Created: 4},
		{Subscription: "queue:q", Kind: "queue", Name: "q", Field: "b", Reason: got[1].Reason, Revision: 3, Created: 3},
	}
	if diff := cmp.Diff(want, got); diff != "" || got[1].Reason == "" {
		t.Error(diff)
	}
}

// TestIndexIsEachFilterAlone changes the subscriptions of a topic at random and compares what a publish matches with each
// filter policy alone.
func TestIndexIsEachFilterAlone(t *testing.T) {
	t.Parallel()
	value := rapid.SampledFrom([]string{"x", "y", "xy", "yx", "10.0.0.7", ""})
	rapid.Check(t, func(t *rapid.T) {
		definitions, err := catalog.Open(t.Context(), &catalogtest.Memory{})
		if err != nil {
			t.Fatal(err)
		}
		store := storetest.NewModel()
		broker := queue.NewBroker(store, definitions, queue.NewClock(queue.SequenceTime(0)))
		topics := topic.New(broker, definitions)
		subscriptions := catalog.NewTable[topic.Subscription](definitions, topic.SubscriptionTable)
		defined := catalog.NewTable[topic.Topic](definitions, topic.Table)
		name := named("alerts")
		if _, err := defined.Create(t.Context(), name, topic.Topic{}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := broker.Create(t.Context(), named("q"), queue.Definition{}); err != nil {
			t.Fatal(err)
		}
		live := map[string]topic.Subscription{}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				s := topic.Subscription{ID: rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(t, "id"), Queue: "q"}
				if rapid.IntRange(0, 4).Draw(t, "filtered") > 0 {
					keys := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b"}), 1, 2, rapid.ID).Draw(t, "keys")
					policy := map[string]json.RawMessage{}
					for _, k := range keys {
						policy[k] = json.RawMessage(rapid.SampledFrom(operators[:]).Draw(t, "operator").policy)
					}
					s.Filter, _ = json.Marshal(policy)
					s.FilterScope = rapid.SampledFrom([]string{"", topic.ScopeAttributes, topic.ScopeBody}).Draw(t, "scope")
				}
				if _, err := subscriptions.Put(t.Context(), topic.SubscriptionName(name, s.ID), s); err != nil {
					t.Fatal(err)
				}
				live[s.ID] = s
			},
			"delete": func(t *rapid.T) {
				for _, id := range []string{"a", "b", "c", "d", "e"} {
					if _, ok := live[id]; ok && rapid.Bool().Draw(t, "gone") {
						if err := subscriptions.Delete(t.Context(), topic.SubscriptionName(name, id)); err != nil {
							t.Fatal(err)
						}
						delete(live, id)
					}
				}
			},
			"renew the topic": func(t *rapid.T) {
				if err := defined.Delete(t.Context(), name); err != nil {
					t.Fatal(err)
				}
				if _, err := defined.Create(t.Context(), name, topic.Topic{}); err != nil {
					t.Fatal(err)
				}
			},
			"publish": func(t *rapid.T) {
				m := topic.Message{Body: []byte(`[]`)}
				body := map[string]any{}
				for _, k := range []string{"a", "b"} {
					switch rapid.IntRange(0, 3).Draw(t, "kind") {
					case 0:
						v := value.Draw(t, "v")
						m.Attributes, body[k] = append(m.Attributes, text(k, v)), v
					case 1:
						n := rapid.IntRange(-1, 6).Draw(t, "n")
						m.Attributes, body[k] = append(m.Attributes, number(k, fmt.Sprint(n))), n
					case 2:
						list := rapid.SliceOfN(value, 0, 3).Draw(t, "list")
						b, _ := json.Marshal(list)
						m.Attributes, body[k] = append(m.Attributes, queue.Attribute{Name: k, Type: "String.Array", Value: b}), list
					}
				}
				if rapid.IntRange(0, 4).Draw(t, "json") > 0 {
					m.Body, _ = json.Marshal(body)
				}
				want := []string{}
				for id, s := range live {
					if passes(t, &s, &m) {
						want = append(want, id)
					}
				}
				slices.Sort(want)
				got, err := topics.Publish(t.Context(), topic.Publish{Topic: name, Messages: []topic.Message{m}})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got[0].Matched); diff != "" {
					t.Fatalf("%s with %v: %s", m.Body, m.Attributes, diff)
				}
			},
		})
	})
}

// passes says whether a message passes one subscription's policy, without an index.
func passes(t *rapid.T, s *topic.Subscription, m *topic.Message) bool {
	if s.Filter == nil {
		return true
	}
	if s.FilterScope == topic.ScopeBody {
		p, err := pattern.CompileFilter(s.Filter, pattern.ScopeBody)
		if err != nil {
			t.Fatal(err)
		}
		ok, err := p.Matches(m.Body)
		return ok && err == nil
	}
	p, err := pattern.CompileFilter(s.Filter, pattern.ScopeAttributes)
	if err != nil {
		t.Fatal(err)
	}
	var attrs []pattern.Attribute
	for _, a := range m.Attributes {
		attrs = append(attrs, pattern.Attribute(a))
	}
	return p.MatchesAttributes(attrs)
}
