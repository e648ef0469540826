package pattern_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/rules/pattern"
)

// vector is a case of testdata/vectors.jsonl.
type vector struct {
	Name, Pattern, Event, Why, Source, Layer string
	Expect                                   json.RawMessage
}

func (v *vector) quirk() bool { return strings.Contains(v.Source, "quirk") }

func (v *vector) want() string { return strings.Trim(string(v.Expect), `"`) }

func loadVectors(tb testing.TB) []vector {
	tb.Helper()
	f, err := os.Open("testdata/vectors.jsonl")
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	var out []vector
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var v vector
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			tb.Fatal(err)
		}
		out = append(out, v)
	}
	if err := lines.Err(); err != nil {
		tb.Fatal(err)
	}
	if len(out) != 820 {
		tb.Fatalf("%d vectors, want 820", len(out))
	}
	return out
}

// answers are those a vector gives to each of our matchers: "true", "false", "invalid" or "invalid-event".
func answers(tb testing.TB, v *vector) map[string]string {
	tb.Helper()
	p, err := pattern.Compile([]byte(v.Pattern))
	if err != nil {
		var bad *pattern.SyntaxError
		if !errors.As(err, &bad) || bad.Reason == "" {
			tb.Errorf("%s: error %v is no SyntaxError with a reason", v.Name, err)
		}
		return map[string]string{"Compile": "invalid"}
	}
	event := []byte(v.Event)
	if v.Layer == "test-event-pattern" && pattern.ValidateEnvelope(event) != nil {
		return map[string]string{"ValidateEnvelope": "invalid-event"}
	}
	say := func(matched bool, err error) string {
		switch {
		case errors.Is(err, pattern.ErrInvalidEvent):
			return "invalid-event"
		case err != nil:
			tb.Errorf("%s: %v", v.Name, err)
			return err.Error()
		case matched:
			return "true"
		}
		return "false"
	}
	out := map[string]string{}
	matched, err := p.Matches(event)
	out["Pattern.Matches"] = say(matched, err)
	why, matched, err := p.Explain(event)
	out["Pattern.Explain"] = say(matched, err)
	if err == nil && !matched && (why.Want == "" || why.String() == "") {
		tb.Errorf("%s: Explain gives no reason: %+v", v.Name, why)
	}
	ids, err := pattern.NewIndex().With(pattern.Change{ID: 7, Pattern: p}).Match(event, nil)
	out["Index.Match"] = say(len(ids) == 1 && ids[0] == 7, err)
	return out
}

func TestVectors(t *testing.T) {
	t.Parallel()
	for _, v := range loadVectors(t) {
		if v.quirk() {
			continue // TestQuirks
		}
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			for who, got := range answers(t, &v) {
				if got != v.want() {
					t.Errorf("%s says %s, want %s\npattern %s\nevent   %s\nwhy     %s", who, got, v.want(), v.Pattern, v.Event, v.Why)
				}
			}
		})
	}
}
