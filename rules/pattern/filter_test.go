package pattern_test

import (
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/rules/pattern"
)

func TestCompileFilterLimits(t *testing.T) {
	t.Parallel()
	const attributes, body = pattern.ScopeAttributes, pattern.ScopeBody
	for _, c := range []struct {
		name, policy string
		scope        pattern.Scope
		reason       string // empty if fine
	}{
		{"flat", `{"a":["x"],"b":[{"numeric":[">",5]}]}`, attributes, ""},
		{"nested", `{"a":{"b":["x"]}}`, attributes, "Filter policy scope MessageAttributes does not support nested filter policy"},
		{"nested in the body", `{"a":{"b":["x"]}}`, body, ""},
		{"or", `{"$or":[{"a":["x"]},{"b":["y"]}]}`, attributes, ""},
		{"five keys", `{"a":[1],"b":[1],"c":[1],"d":[1],"e":[1]}`, attributes, ""},
		{"six keys", `{"a":[1],"b":[1],"c":[1],"d":[1],"e":[1],"f":[1]}`, attributes, "Filter policy can not have more than 5 keys"},
		{"150", `{"a":[1,2,3,4,5,6,7,8,9,10],"b":[1,2,3,4,5],"c":[1,2,3]}`, attributes, ""},
		{"160", `{"a":[1,2,3,4,5,6,7,8,9,10],"b":[1,2,3,4],"c":[1,2,3,4]}`, attributes, "Filter policy is too complex"},
		// The documentation's example: 4 values at depth 3, 3 at depth 2 make 72; with one more value at each, 5·3 × 4·2 = 120.
		{"72", `{"a":{"b":{"c":[1,2,3,4]},"d":[1,2,3]}}`, body, ""},
		{"6·3 × 5·2", `{"a":{"b":{"c":[1,2,3,4,5,6]},"d":[1,2,3,4,5]}}`, body, "Filter policy is too complex"},
		{"or adds", `{"$or":[{"a":[` + numbers(80) + `]},{"b":[` + numbers(80) + `]}]}`, attributes, "Filter policy is too complex"},
		{"number", `{"a":[1000000001]}`, attributes, "Value must be between -1000000000 and 1000000000, inclusive"},
		{"range", `{"a":[{"numeric":[">",-1e10]}]}`, attributes, "Value must be between -1000000000 and 1000000000, inclusive"},
		{"text", `{"a":"x"}`, attributes, `"a" must be an object or an array`},
		{"size", `{"a":["` + strings.Repeat("x", pattern.MaxFilterSize) + `"]}`, attributes, "Filter policy is too large"},
	} {
		_, err := pattern.CompileFilter([]byte(c.policy), c.scope)
		if c.reason == "" {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		bad := syntaxError(t, err)
		if bad.Reason != c.reason || bad.Error() != "FilterPolicy: "+c.reason {
			t.Errorf("%s: %q, want reason %q", c.name, bad, c.reason)
		}
	}
}

func numbers(n int) string { return strings.TrimSuffix(strings.Repeat("1,", n), ",") }

func TestMatchesAttributes(t *testing.T) {
	t.Parallel()
	attr := func(name, typ, value string) pattern.Attribute {
		return pattern.Attribute{Name: name, Type: typ, Value: []byte(value)}
	}
	for _, c := range []struct {
		name, policy string
		attrs        []pattern.Attribute
		want         bool
	}{
		{"string", `{"a":["x"]}`, []pattern.Attribute{attr("a", "String", "x")}, true},
		{"string differs", `{"a":["x"]}`, []pattern.Attribute{attr("a", "String", "y")}, false},
		{"missing", `{"a":["x"]}`, nil, false},
		{"labelled", `{"a":["x"]}`, []pattern.Attribute{attr("a", "String.name", "x")}, true},
		{"not a label", `{"a":["x"]}`, []pattern.Attribute{attr("a", "Stringent", "x")}, false},
		{"string is no number", `{"a":[5]}`, []pattern.Attribute{attr("a", "String", "5")}, false},
		{"number", `{"a":[5]}`, []pattern.Attribute{attr("a", "Number", "5.0")}, true},
		{"number with label", `{"a":[{"numeric":["<",0]}]}`, []pattern.Attribute{attr("a", "Number.int", "-5")}, true},
		{"number with plus", `{"a":[5]}`, []pattern.Attribute{attr("a", "Number", "+5")}, true},
		{"number is no string", `{"a":["5"]}`, []pattern.Attribute{attr("a", "Number", "5")}, false},
		{"bad number", `{"a":[{"exists":true}]}`, []pattern.Attribute{attr("a", "Number", "five")}, false},
		{"array of strings", `{"a":["y"]}`, []pattern.Attribute{attr("a", "String.Array", `["x", "y"]`)}, true},
		{"array of anything", `{"a":[null]}`, []pattern.Attribute{attr("a", "String.Array", `[1,true,null]`)}, true},
		{"array element is no string", `{"a":["1"]}`, []pattern.Attribute{attr("a", "String.Array", `[1]`)}, false},
		{"some element differs", `{"a":[{"anything-but":["x"]}]}`, []pattern.Attribute{attr("a", "String.Array", `["x","y"]`)}, true},
		{"no element differs", `{"a":[{"anything-but":["x"]}]}`, []pattern.Attribute{attr("a", "String.Array", `["x"]`)}, false},
		{"arrays are independent", `{"a":["x"],"b":["y"]}`, []pattern.Attribute{attr("a", "String.Array", `[["z"],["x"]]`), attr("b", "String.Array", `["y"]`)}, true},
		{"malformed array", `{"a":[{"exists":false}]}`, []pattern.Attribute{attr("a", "String.Array", `["x"`)}, true},
		{"binary", `{"a":[{"exists":true}]}`, []pattern.Attribute{attr("a", "Binary", "x")}, false},
		{"present", `{"a":[{"exists":true}]}`, []pattern.Attribute{attr("a", "String", "")}, true},
		{"absent", `{"a":[{"exists":false}],"b":["x"]}`, []pattern.Attribute{attr("b", "String", "x")}, true},
		{"anything-but wants presence", `{"a":[{"anything-but":["x"]}]}`, nil, false},
		{"dotted name", `{"a.b":["x"]}`, []pattern.Attribute{attr("a.b", "String", "x")}, true},
		{"either", `{"$or":[{"a":["x"]},{"b":["y"]}]}`, []pattern.Attribute{attr("b", "String", "y")}, true},
		{"quotes are plain", `{"a":["\"x\\"]}`, []pattern.Attribute{attr("a", "String", `"x\`)}, true},
	} {
		p, err := pattern.CompileFilter([]byte(c.policy), pattern.ScopeAttributes)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := p.MatchesAttributes(c.attrs); got != c.want {
			t.Errorf("%s: MatchesAttributes is %v, want %v", c.name, got, c.want)
		}
		if why, got := p.ExplainAttributes(c.attrs); got != c.want || !got && why.Want == "" {
			t.Errorf("%s: ExplainAttributes is %v (%v), want %v", c.name, got, why, c.want)
		}
		ids := pattern.NewIndex().With(pattern.Change{ID: 3, Pattern: p}).MatchAttributes(c.attrs, nil)
		if got := len(ids) == 1; got != c.want {
			t.Errorf("%s: Index.MatchAttributes is %v, want match %v", c.name, ids, c.want)
		}
	}
}
