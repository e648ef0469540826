package pattern

import (
	"strings"
	"testing"
)

// TestStops pins when the rest of an event is left unread.
func TestStops(t *testing.T) {
	t.Parallel()
	filler := `"filler":"` + strings.Repeat("zzz ", 50) + `"`
	many := `{"a":["x"],"b":["x"],"c":["x"],"d":["x"]}`
	for _, c := range []struct {
		name, pattern, event string
		stops                bool
	}{
		{"one name", `{"a":["x"]}`, `{"a":"x",` + filler + `}`, true},
		{"one name, spaced", `{"a":["x"]}`, `{ "a" : "x" , ` + filler + ` }`, true},
		{"not yet", `{"a":["x"],"b":["x"]}`, `{"a":"x",` + filler + `}`, false},
		{"all names", `{"a":["x"],"b":["x"]}`, `{"b":[],"a":{},` + filler + `}`, true},
		{"too many names", many, `{"a":1,"b":2,"c":3,"d":4,` + filler + `}`, false},
		{"too little left", `{"a":["x"]}`, `{"a":"x","b":"y"}`, false},
		{"again", `{"a":["x"]}`, `{"a":"x",` + filler + `,"a":"y"}`, false},
		{"again, spaced", `{"a":["x"]}`, `{"a":"x",` + filler + `, "a" :"y"}`, false},
		{"again in the inner object", `{"a":{"bq":["x"]}}`, `{"a":{"bq":"x",` + filler + `,"bq":"y"}}`, false},
		{"again outside", `{"a":{"bq":["x"]}}`, `{"a":{"bq":"x",` + filler + `},"a":1}`, false},
		{"again with a dot", `{"a":{"bq":["x"]}}`, `{"a":{"bq":"x",` + filler + `},"a.bq":1}`, false},
		{"again with escapes", `{"a":["x"]}`, `{"a":"x",` + filler + `,"\u0061":"y"}`, false},
		{"escapes in a key", `{"a":["x"]}`, `{"a":"x",` + filler + `,"\n" : "y"}`, false},
		{"escapes in a value", `{"a":["x"]}`, `{"a":"x",` + filler + `,"b":"\n\"a\\\"","c":["\\"]}`, true},
		{"name in a value", `{"abc":["x"]}`, `{"abc":"x",` + filler + `,"b":"the abc"}`, true},
		{"longer name", `{"abc":["x"]}`, `{"abc":"x",` + filler + `,"abcd":1,"zabc":2}`, true},
		{"name at the end", `{"abc":["x"]}`, `{"abc":"x",` + filler + `,"b":"abc"}`, false}, // not worth looking closer
		{"inner object first", `{"a":{"b":["x"]},"c":["x"]}`, `{"a":{"b":"x",` + filler + `},"c":1}`, false},
		{"inner object last", `{"a":{"b":["x"]},"c":["x"]}`, `{"c":1,"a":{"b":"x",` + filler + `}}`, true},
		{"behind the inner object", `{"a":{"bq":["x"]}}`, `{"a":{"bq":"x","o":{"bq":1}},` + filler + `}`, true},
		{"in an array", `{"a":{"b":["x"]}}`, `{"a":[{"b":"x",` + filler + `}]}`, false},
		{"in a nested array", `{"a":{"b":["x"]}}`, `{"a":[[{"b":"x"}],{"c":1,` + filler + `}]}`, false},
		{"behind an array", `{"a":{"bq":["x"]}}`, `{"a":[{"bq":"x"}],` + filler + `}`, true},
		{"a common name", `{"z":["x"]}`, `{"z":"x",` + filler + `}`, false},
		{"no name", `{"":["x"]}`, `{"":"x",` + filler + `}`, false},
		{"rare letter first", `{"q":["x"]}`, `{"q":"x","k":"` + strings.Repeat("a ", 100) + `"}`, true},
		{"name with a quote", `{"a\"b":["x"]}`, `{"a\"b":"x",` + filler + `}`, false}, // such keys are not followed
	} {
		p, err := Compile([]byte(c.pattern))
		if err != nil {
			t.Fatal(err)
		}
		if err := ValidateEvent([]byte(c.event)); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		s := &scratch{}
		for range 2 { // what one event leaves behind must not be seen by the next
			s.reset([]byte(c.event), len(p.paths))
			if got := s.object(p.root, 1, 0) == stopped; got != c.stops {
				t.Errorf("%s: stops %v, want %v\npattern %s\nevent   %s", c.name, got, c.stops, c.pattern, c.event)
			}
		}
	}
}

func TestRarest(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]byte{
		"detail-type": 'p', "source": 'c', "object": 'j', "MAPBLKLOT": 'M', "eee": 'e', "e1": 'e', "ü": "ü"[0],
		strings.Repeat("e", 300) + "q": 'e',
	} {
		if got := name[rarest(name)]; got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
