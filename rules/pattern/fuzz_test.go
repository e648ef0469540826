package pattern_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/signalbox-mq/signalbox/rules/pattern"
)

func FuzzCompile(f *testing.F) {
	for _, v := range loadVectors(f) {
		f.Add([]byte(v.Pattern))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := pattern.Compile(text)
		if err != nil {
			bad := syntaxError(t, err)
			if bad.Reason == "" || bad.Error() == "" || bad.AWSError() == "" {
				t.Errorf("%q: error without a text: %#v", text, bad)
			}
			return
		}
		if !json.Valid(text) {
			t.Errorf("%q is not JSON but compiles", text)
		}
		if len(p.Fields()) == 0 {
			t.Errorf("%q compiles to a pattern without fields", text)
		}
		if _, err := p.Matches([]byte(`{"a":["x",{"b":1}]}`)); err != nil {
			t.Error(err)
		}
	})
}

// FuzzMatch checks that no event, valid or not, makes the matchers fail otherwise than by ErrInvalidEvent, and that on valid
// ones they agree.
func FuzzMatch(f *testing.F) {
	for _, v := range loadVectors(f) {
		f.Add([]byte(v.Pattern), []byte(v.Event))
	}
	f.Fuzz(func(t *testing.T, text, event []byte) {
		p, err := pattern.Compile(text)
		if err != nil {
			return
		}
		one, errOne := p.Matches(event)
		ids, errMany := pattern.NewIndex().With(pattern.Change{ID: 1, Pattern: p}).Match(event, nil)
		for _, err := range []error{errOne, errMany} {
			if err != nil && !errors.Is(err, pattern.ErrInvalidEvent) {
				t.Fatal(err)
			}
		}
		valid := pattern.ValidateEvent(event) == nil
		if valid != (errOne == nil) || valid && errMany != nil {
			t.Fatalf("valid %v, Pattern says %v, Index says %v\nevent %q", valid, errOne, errMany, event)
		}
		if valid && one != (len(ids) == 1) {
			t.Fatalf("Pattern says %v, Index says %v\npattern %q\nevent %q", one, ids, text, event)
		}
		_ = pattern.ValidateEnvelope(event)
		p.MatchesAttributes([]pattern.Attribute{{Name: "a", Type: "String.Array", Value: event}, {Name: "b", Type: "Number", Value: event}})
	})
}
