package pattern_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/signalbox-mq/signalbox/rules/pattern"
)

func TestExplain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, pattern, event string
		want                 pattern.Mismatch
		text                 string
	}{
		{"first failing field", `{"source":["a"],"detail":{"n":[1, {"prefix":"x"}],"m":[2]}}`, `{"source":"a","detail":{"n":[5,"y\n"],"m":3}}`,
			pattern.Mismatch{Field: "detail.n", Want: `[1, {"prefix":"x"}]`, Got: []string{"5", `"y\u000a"`}},
			`detail.n: wants [1, {"prefix":"x"}], has 5, "y\u000a"`},
		{"missing", `{"a":{"b":[true]}}`, `{"a":7}`, pattern.Mismatch{Field: "a.b", Want: `[true]`}, `a.b: wants [true], has no value there`},
		{"present", `{"a":[{"exists":false}]}`, `{"a":null}`, pattern.Mismatch{Field: "a", Want: `[{"exists":false}]`, Got: []string{"null"}},
			`a: wants [{"exists":false}], has null`},
		{"nearest branch", `{"$or":[{"a":[1],"b":[2]},{"c":[3],"d":[4],"e":[5]}]}`, `{"a":9,"b":2,"c":3,"d":4,"e":6}`,
			pattern.Mismatch{Field: "e", Want: `[5]`, Got: []string{"6"}}, `e: wants [5], has 6`},
		{"not together", `{"i":{"n":["w"],"p":[1],"q":[2]}}`, `{"i":[{"n":"w","p":1},{"n":"v","p":1,"q":2}]}`,
			pattern.Mismatch{Field: "i.q", Want: `[2]`, Got: []string{"2"}, Together: true},
			`i.q: wants [2] in the same array element as the fields before it, has 2`},
	} {
		p, err := pattern.Compile([]byte(c.pattern))
		if err != nil {
			t.Fatal(err)
		}
		got, matched, err := p.Explain([]byte(c.event))
		if matched || err != nil {
			t.Errorf("%s: matched %v, error %v", c.name, matched, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		if got.String() != c.text {
			t.Errorf("%s: %q, want %q", c.name, got, c.text)
		}
	}
}
