package awsapi

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestErrorTable(t *testing.T) {
	t.Parallel()
	said := func(what string) func(error) *Error {
		return func(err error) *Error { return &Error{Shape: what, Message: err.Error()} }
	}
	table := ErrorTable{On(errOwn, said("Own")), On(errors.ErrUnsupported, said("Other")), On(errOwn, said("Never"))}
	if e := table.Of(fmt.Errorf("it is %w", errOwn)); e == nil || e.Shape != "Own" || e.Message != "it is own" {
		t.Errorf("got %v", e)
	}
	if e := table.Of(context.Canceled); e != nil {
		t.Errorf("got %v", e)
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	pages := Pages{Encoding: base64.RawURLEncoding, Invalid: func() *Error { return InvalidParameterValue("bad") }}
	for _, after := range []string{"", "a", "bus/rule é"} {
		got, err := pages.After(pages.Token(after))
		if err != nil || got != after {
			t.Errorf("%q is %q, %v", after, got, err)
		}
	}
	for _, token := range []string{"*", "=", "\n"} {
		if _, err := pages.After(token); err == nil || !strings.Contains(err.Error(), "bad") {
			t.Errorf("%q: %v", token, err)
		}
	}
}

func TestTagRules(t *testing.T) {
	t.Parallel()
	rules := TagRules{Twice: func() *Error { return &Error{Shape: "Twice"} }, TooMany: func() *Error { return &Error{Shape: "TooMany"} }}
	many := make([]Tag, MaxTags+1)
	for i := range many {
		many[i].Key = fmt.Sprint("k", i)
	}
	for _, c := range []struct {
		tags []Tag
		want string
	}{
		{many[:MaxTags], ""},
		{many, "TooMany: "},
		{[]Tag{{"a", "1"}, {"a", "1"}}, "Twice: "},
		{[]Tag{{"a", ""}, {"", "v"}, {"", "w"}}, "ValidationException: 1 validation error detected: Value '' at 'tags.2.member.key' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{[]Tag{{strings.Repeat("é", MaxTagKey), strings.Repeat("é", MaxTagValue)}}, ""},
		{[]Tag{{"a", strings.Repeat("v", MaxTagValue+1)}}, "at 'tags.1.member.value' failed to satisfy constraint: Member must have length less than or equal to 256"},
	} {
		tags, err := rules.Read(c.tags)
		switch {
		case c.want == "" && (err != nil || len(tags) != len(c.tags)):
			t.Errorf("%d tags: %v", len(c.tags), err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	all, err := rules.Merge(nil, map[string]string{"b": "1", "a": "2"})
	if diff := cmp.Diff([]Tag{{"a", "2"}, {"b", "1"}}, TagList(all)); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

func TestReferenceRows(t *testing.T) {
	t.Parallel()
	operations := []Operation{Op("Send", func(context.Context, *Request, *every) (*Empty, error) { return nil, nil }).Differs("Slow.")}
	want := ReferenceRow{
		"Send", "**`Name`**, `Body`, `Data`, `Count`, `Flag`, `Perhaps`, `When`, `Names`, `tags`, `Pairs`, **`Inner`** (**`Id`**), `Values`, `Maybe`, `Results` (**`Id`**)", "Slow.",
	}
	if diff := cmp.Diff([]ReferenceRow{want}, OperationRows(operations, "Inner")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]ReferenceRow{{"`C`", "", "a"}, {"`A`, `B`", "", "b"}}, RefusedRows(map[string]string{"B": "b", "A": "b", "C": "a"})); diff != "" {
		t.Error(diff)
	}
	var b strings.Builder
	if err := WriteReference(&b, "{{range .}}{{.Name}}: {{.About}}{{end}}", []ReferenceRow{BodyRow()}); err != nil || b.String() != "the body of a request: 8 MiB" {
		t.Errorf("wrote %q, %v", &b, err)
	}
}
