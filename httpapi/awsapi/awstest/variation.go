package awstest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// Place is a member in the input of an operation.
type Place struct {
	Operation string
	// Shape has the member.
	Shape, Member string
	// At leads to it: names of members, "0" for the first element of a list, the key of a map's entry, and the member's.
	At []string
	// Path is the same in the words of the framework: "targets.1.member.id".
	Path string
}

// Examples are inputs of the operations as JSON, with every member that the model has, valid but for what they name.
type Examples map[string]string

// tree is an operation's example, to be changed.
func (e Examples) tree(t testing.TB, operation string) map[string]any {
	t.Helper()
	var tree map[string]any
	if err := json.Unmarshal([]byte(e[operation]), &tree); err != nil {
		t.Fatalf("the example of %s: %v", operation, err)
	}
	return tree
}

// Vary calls f for each member of the inputs of the operations that have examples, in order. What set returns is the example with
// another value of the member, or without it for nil.
func (m *Model) Vary(t testing.TB, examples Examples, f func(p Place, set func(value any) string)) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(examples)) {
		m.visit(t, Place{Operation: name}, m.Operations[name].Input.Shape, examples.tree(t, name), func(p Place) {
			f(p, func(value any) string {
				tree := examples.tree(t, name)
				in := find(tree, p.At[:len(p.At)-1])
				if value == nil {
					delete(in, p.Member)
				} else {
					in[p.Member] = value
				}
				b, err := json.Marshal(tree)
				if err != nil {
					t.Fatal(err)
				}
				return string(b)
			})
		})
	}
}

func (m *Model) visit(t testing.TB, base Place, shape string, tree any, f func(p Place)) {
	t.Helper()
	s := m.Shapes[shape]
	if s == nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(s.Members)) {
		first, size := utf8.DecodeRuneInString(name)
		p := base
		p.Shape, p.Member, p.At, p.Path = shape, name, append(slices.Clone(base.At), name), base.Path+string(unicode.ToLower(first))+name[size:]
		f(p)
		value, ok := tree.(map[string]any)[name]
		if !ok {
			t.Errorf("the example of %s lacks %s.%s", base.Operation, shape, name)
			continue
		}
		of := m.Shapes[s.Members[name].Shape]
		down := func(inner, step, path string, tree any) {
			at := Place{Operation: base.Operation, At: p.At, Path: p.Path + path}
			if step != "" {
				at.At = append(slices.Clone(p.At), step)
			}
			m.visit(t, at, inner, tree, f)
		}
		switch {
		case of.Type == "list" && m.Shapes[of.Member.Shape].Type == "structure":
			down(of.Member.Shape, "0", ".1.member.", value.([]any)[0])
		case of.Type == "map" && m.Shapes[of.Value.Shape].Type == "structure":
			for key, entry := range value.(map[string]any) {
				down(of.Value.Shape, key, "."+key+".member.", entry)
			}
		case of.Type == "structure":
			down(s.Members[name].Shape, "", ".", value)
		}
	}
}

// find goes down a tree.
func find(tree any, at []string) map[string]any {
	for _, step := range at {
		switch node := tree.(type) {
		case map[string]any:
			tree = node[step]
		case []any:
			tree = node[0]
		}
	}
	return tree.(map[string]any)
}

// CheckRequired leaves out each member that the model requires. told is the error's name or code and its message; no name for a
// member that is told otherwise. With nil it is what the framework tells.
func (m *Model) CheckRequired(t testing.TB, c *Client, examples Examples, told func(p Place) (name, message string)) {
	t.Helper()
	if told == nil {
		told = func(p Place) (string, string) {
			return "ValidationError", "1 validation error detected: Value null at '" + p.Path + "' failed to satisfy constraint: Member must not be null"
		}
	}
	m.Vary(t, examples, func(p Place, set func(value any) string) {
		if !slices.Contains(m.Shapes[p.Shape].Required, p.Member) {
			return
		}
		if name, message := told(p); name != "" {
			c.Call(p.Operation, set(nil)).Is(p.Operation+" without "+p.Path, name, message)
		}
	})
}

// CheckRequiredOfNothing gives each operation of a service of the framework nothing at all: it misses each member of the input
// that the model requires.
func (m *Model) CheckRequiredOfNothing(t testing.TB, c *Client) {
	t.Helper()
	for i := range c.Service.Operations {
		name := c.Service.Operations[i].Name
		shape := m.Shapes[m.Operations[name].Input.Shape]
		if shape == nil || len(shape.Required) == 0 {
			continue
		}
		a := c.Call(name, `{}`)
		if want, ok := findKnown(c.Known, "ValidationError"); !ok || !a.of(want) {
			t.Errorf("%s without anything answered %d %s", name, a.Status, a.Body)
		}
		for _, member := range shape.Required {
			if path := "Value null at '" + strings.ToLower(member[:1]) + member[1:] + "' failed to satisfy constraint: Member must not be null"; !strings.Contains(a.Message, path) {
				t.Errorf("%s does not miss %s: %s", name, member, a.Message)
			}
		}
	}
}

// CheckTypes gives each member values of other JSON types, over JSON.
func (m *Model) CheckTypes(t testing.TB, c *Client, examples Examples) {
	t.Helper()
	c = c.Over(JSON)
	m.Vary(t, examples, func(p Place, set func(value any) string) {
		for _, wrong := range m.wrong(m.Shapes[p.Shape].Members[p.Member].Shape) {
			a := c.Call(p.Operation, set(json.RawMessage(wrong)))
			if want, _ := findKnown(c.Known, "SerializationException"); !a.of(want) || !strings.Contains(a.Message, p.Member) {
				t.Errorf("%s with %s %s: answered %d %s", p.Operation, p.Path, wrong, a.Status, a.Body)
			}
		}
	})
}

// wrong are values of JSON that a shape does not have.
func (m *Model) wrong(shape string) []string {
	s := m.Shapes[shape]
	switch s.Type {
	case "string":
		return []string{`1`, `true`, `{}`, `[]`, `["x"]`}
	case "blob":
		return []string{`1`, `[]`, `"*"`}
	case "integer", "long":
		return []string{`"1"`, `1.5`, `true`, `[]`, `{}`, `1e99`}
	case "boolean":
		return []string{`"true"`, `1`}
	case "timestamp":
		return []string{`"2026-01-01T00:00:00Z"`, `true`, `[]`, `{}`, `1e99`}
	case "structure":
		return []string{`"x"`, `1`, `[]`, `true`}
	case "list":
		all := []string{`"x"`, `1`, `{}`, `true`}
		for _, wrong := range m.wrong(s.Member.Shape) {
			if m.Shapes[s.Member.Shape].Type != "blob" || wrong != `"*"` { // which are read as texts
				all = append(all, "["+wrong+"]")
			}
		}
		return all
	case "map":
		all := []string{`"x"`, `1`, `[]`, `true`}
		for _, wrong := range m.wrong(s.Value.Shape) {
			all = append(all, `{"k":`+wrong+`}`)
		}
		return all
	}
	panic(fmt.Sprintf("a member of type %q", s.Type))
}

// longest is the longest text that CheckConstraints makes.
const longest = 100_000

// CheckConstraints breaks each constraint of texts, numbers and lists that the model has, one at a time, in a service of the framework. A text
// that need not be there may be empty. The deviations, with their reasons, are constraints that are told otherwise or not at
// all: "PutRule eventPattern max". One that is told is an error.
func (m *Model) CheckConstraints(t testing.TB, c *Client, examples Examples, deviations map[string]string) {
	t.Helper()
	seen := map[string]bool{}
	m.Vary(t, examples, func(p Place, set func(value any) string) {
		s := m.Shapes[m.Shapes[p.Shape].Members[p.Member].Shape]
		for _, b := range s.broken(slices.Contains(m.Shapes[p.Shape].Required, p.Member)) {
			id := p.Operation + " " + p.Path + " " + b.constraint
			a := c.Call(p.Operation, set(b.value))
			want, _ := findKnown(c.Known, "ValidationError")
			told := a.of(want) && strings.Contains(a.Message, " at '"+p.Path+"' failed to satisfy constraint: "+b.must)
			_, known := deviations[id]
			seen[id] = true
			switch {
			case known && told:
				t.Errorf("%s is told as the framework does", id)
			case !known && !told:
				t.Errorf("%s is not told: answered %d %s", id, a.Status, Short(a.Body))
			case a.Status >= http.StatusInternalServerError:
				t.Errorf("%s: answered %d %s", id, a.Status, a.Body)
			}
		}
	})
	for id := range deviations {
		if !seen[id] {
			t.Errorf("%s is no constraint of %s", id, m.file)
		}
	}
}

// broken is a value that breaks a constraint.
type broken struct {
	constraint string
	value      any
	must       string
}

func (s *ModelShape) broken(required bool) []broken {
	var all []broken
	switch s.Type {
	case "string":
		if s.Max != nil && *s.Max < longest {
			all = append(all, broken{"max", strings.Repeat("a", int(*s.Max)+1), fmt.Sprintf("Member must have length less than or equal to %d", int(*s.Max))})
		}
		if s.Min != nil && *s.Min > 0 && required {
			all = append(all, broken{"min", "", fmt.Sprintf("Member must have length greater than or equal to %d", int(*s.Min))})
		}
		if len(s.Enum) > 0 {
			all = append(all, broken{"enum", "NO_SUCH_VALUE", "Member must satisfy enum value set: ["})
		}
		if re, err := regexp.Compile(`^(?:` + s.Pattern + `)$`); s.Pattern != "" && err == nil && !re.MatchString("!") {
			all = append(all, broken{"pattern", "!", "Member must satisfy regular expression pattern: " + s.Pattern})
		}
	case "integer", "long":
		if s.Max != nil {
			all = append(all, broken{"max", int64(*s.Max) + 1, fmt.Sprintf("Member must have value less than or equal to %d", int64(*s.Max))})
		}
		if s.Min != nil {
			all = append(all, broken{"min", int64(*s.Min) - 1, fmt.Sprintf("Member must have value greater than or equal to %d", int64(*s.Min))})
		}
	case "list":
		if s.Min != nil && *s.Min > 0 && required {
			all = append(all, broken{"min", []any{}, fmt.Sprintf("Member must have length greater than or equal to %d", int(*s.Min))})
		}
	}
	return all
}
