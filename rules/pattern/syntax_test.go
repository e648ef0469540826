package pattern_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/rules/pattern"
)

func syntaxError(tb testing.TB, err error) *pattern.SyntaxError {
	tb.Helper()
	bad, ok := errors.AsType[*pattern.SyntaxError](err)
	if !ok {
		tb.Fatalf("error %v (%T), want a *SyntaxError", err, err)
	}
	return bad
}

// TestReasons pins texts and columns. Column 0 stands for no position.
func TestReasons(t *testing.T) {
	t.Parallel()
	leaf := func(s string) string { return `{"k":[` + s + `]}` }
	for _, c := range []struct {
		pattern, reason string
		column          int
	}{
		{`"a"`, `Filter is not an object`, 2},
		{`[]`, `Filter is not an object`, 2},
		{``, `Filter is not an object`, 1},
		{`{}`, `Empty objects are not allowed`, 3},
		{`{"k":"v"}`, `"k" must be an object or an array`, 7},
		{`{"k":12}`, `"k" must be an object or an array`, 8},
		{`{"detail":{"k":[]}}`, `Empty arrays are not allowed`, 18},
		{leaf(`["a"]`), `Match value must be String, number, true, false, or null`, 8},
		{leaf(`{"EXISTS":true}`), `Unrecognized match type EXISTS`, 21},
		{leaf(`{"exists":1}`), `exists match pattern must be either true or false.`, 18},
		{leaf(`{}`), `Match expression name not found`, 9},
		{leaf(`{"prefix":1}`), `prefix match pattern must be a string`, 18},
		{leaf(`{"suffix":[]}`), `suffix match pattern must be a string`, 18},
		{leaf(`{"prefix":{"wildcard":"a"}}`), `Unsupported prefix pattern: wildcard`, 30},
		{leaf(`{"prefix":{"equals-ignore-case":5}}`), `equals-ignore-case match pattern must be a string`, 40},
		{leaf(`{"prefix":"a","suffix":"b"}`), `Only one key allowed in match expression`, 31},
		{leaf(`{"equals-ignore-case":5}`), `equals-ignore-case match pattern must be a string`, 30},
		{leaf(`{"wildcard":5}`), `wildcard match pattern must be a string`, 20},
		{leaf(`{"wildcard":"a**b"}`), `Consecutive wildcard characters at pos 2`, 0},
		{leaf(`{"wildcard":"a\\b"}`), `Invalid escape character at pos 2`, 0},
		{leaf(`{"wildcard":"*a*b*c*d*e*f"}`), `Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences after a wildcard character`, 0},
		{leaf(`{"anything-but":null}`), `Value of anything-but must be an array or single string/number value.`, 27},
		{leaf(`{"anything-but":[null]}`), `Inside anything but list, start|null|boolean is not supported.`, 28},
		{leaf(`{"anything-but":["a",1]}`), `Inside anything but list, either all values are number or string, mixed type is not supported`, 30},
		{leaf(`{"anything-but":[]}`), `Empty arrays are not allowed`, 25},
		{leaf(`{"anything-but":{"exists":true}}`), `Unsupported anything-but pattern: exists`, 37},
		{leaf(`{"anything-but":{"prefix":""}}`), `Null prefix/suffix not allowed`, 35},
		{leaf(`{"anything-but":{"prefix":1}}`), `prefix/suffix match pattern must be a string`, 34},
		{leaf(`{"anything-but":{"equals-ignore-case":[1]}}`), `Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.`, 47},
		{leaf(`{"anything-but":{"wildcard":1}}`), `wildcard match pattern must be a string`, 36},
		{leaf(`{"numeric":5}`), `Value of numeric must be an array.`, 19},
		{leaf(`{"numeric":[5]}`), `Invalid member in numeric match: 5`, 20},
		{leaf(`{"numeric":["<","5"]}`), `Value of < must be numeric`, 24},
		{leaf(`{"numeric":["=",true]}`), `Value of equals must be numeric`, 27},
		{leaf(`{"numeric":["==",5]}`), `Unrecognized numeric range operator: ==`, 25},
		{leaf(`{"numeric":[">",5,">",6]}`), `Bad numeric range operator: >`, 30},
		{leaf(`{"numeric":[">",5,"<",5]}`), `Bottom must be less than top`, 31},
		{leaf(`{"numeric":[">",5,"<",6,7]}`), `Too many terms in numeric range expression`, 32},
		{leaf(`{"numeric":["<",5,">",6]}`), `Too many elements in numeric expression`, 26},
		{leaf(`{"cidr":"bad"}`), `Malformed CIDR, one '/' required`, 20},
		{leaf(`{"cidr":"10.0.0.0/x"}`), `Malformed CIDR, mask bits must be an integer`, 27},
		{leaf(`{"cidr":"10.0.0.0/32"}`), `IPv4 mask bits must be < 32`, 28},
		{leaf(`{"cidr":"xx/8"}`), `Nonstandard IP address: xx`, 21},
		{`{"$or":[{"a":[1]}]}`, `There must have at least 2 Objects in $or relationship.`, 19},
		{`{"$or":[{"a":[1]},"x"]}`, `Only JSON object is allowed in $or relationship.`, 20},
		{`{"$or":[{"prefix":["v"]},{"b":["2"]}]}`, `prefix is Ruler reserved fieldName which cannot be used inside $or.`, 20},
		{`this is not json`, `Unrecognized token 'this': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')`, 5},
		{`{'bad':'quotes'}`, `Unexpected character (''' (code 39)): was expecting double-quote to start field name`, 3},
		{`{"a":["x",]}`, `Unexpected character (']' (code 93)): expected a value`, 12},
		{`{"a":[007]}`, `Invalid numeric value: Leading zeroes not allowed`, 8},
		{`{"a":["x"] "b":["y"]}`, `Unexpected character ('"' (code 34)): was expecting comma to separate Object entries`, 13},
		{`{"a":["x"`, `Unexpected end-of-input: expected close marker for Array (start marker at [Source: (String)"{"a":["x""; line: 1, column: 6])`, 10},
		{`{"a":["\d"]}`, `Unrecognized character escape 'd' (code 100)`, 10},
	} {
		_, err := pattern.Compile([]byte(c.pattern))
		bad := syntaxError(t, err)
		if bad.Reason != c.reason || bad.Column != c.column {
			t.Errorf("%s\n got %q, column %d\nwant %q, column %d", c.pattern, bad.Reason, bad.Column, c.reason, c.column)
		}
	}
}

func TestSyntaxErrorTexts(t *testing.T) {
	t.Parallel()
	_, err := pattern.Compile([]byte("{\n \"é🚀\": \"x\"}"))
	bad := syntaxError(t, err)
	if bad.Line != 2 || bad.Column != 10 {
		t.Errorf("line %d, column %d; want 2, 10: an astral character counts twice", bad.Line, bad.Column)
	}
	if got, want := err.Error(), `Event pattern is not valid. Reason: "é🚀" must be an object or an array`; got != want {
		t.Errorf("Error is %q, want %q", got, want)
	}
	want := err.Error() + "\n at [Source: (String)\"{\n \"é🚀\": \"x\"}\"; line: 2, column: 10]"
	if got := bad.AWSError(); got != want {
		t.Errorf("AWSError is %q, want %q", got, want)
	}
	_, err = pattern.Compile([]byte(`{"k":"` + strings.Repeat("x", 600) + `"}`))
	if got := syntaxError(t, err).AWSError(); !strings.Contains(got, `x"[truncated 108 chars]; line: 1, column: 7]`) {
		t.Errorf("AWSError is %q, want the source cut at 500 characters", got)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	or := `"$or":[{"a":[1]},{"b":[2]},{"c":[3]},{"d":[4]}]`
	nested := `{"x":{` + or + `},"y":{` + or + `},"z":{` + or + `},"v":{` + or + `},"w":{` + or + `}}` // 4^5 = 1,024
	wild := `{"k":[{"wildcard":"*a*b*c*d*e*f"}]}`
	long := `{"k":["` + strings.Repeat("x", pattern.QuotaSize) + `"]}`
	for _, c := range []struct {
		name, pattern string
		opts          *pattern.Options
		ok            bool
	}{
		{"combinations", nested, nil, false},
		{"combinations raised", nested, &pattern.Options{MaxCombinations: 1024}, true},
		{"combinations unlimited", nested, &pattern.Options{MaxCombinations: -1}, true},
		{"wildcards", wild, &pattern.Options{}, false},
		{"wildcards raised", wild, &pattern.Options{MaxWildcards: 6}, true},
		{"size unlimited", long, nil, true},
		{"size", long, &pattern.Options{MaxSize: pattern.QuotaSize}, false},
		{"depth", strings.Repeat(`{"a":`, 1100) + `[1]` + strings.Repeat(`}`, 1100), nil, false},
	} {
		_, err := pattern.CompileOptions([]byte(c.pattern), c.opts)
		if (err == nil) != c.ok {
			t.Errorf("%s: error %v, want ok %v", c.name, err, c.ok)
		}
		if err != nil {
			syntaxError(t, err)
		}
	}
}
