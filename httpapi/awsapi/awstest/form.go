package awstest

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Form is how SDKs write the lists and maps of a service in Query, in names of its own and not those of the shapes under test.
type Form struct {
	// Flat is what a list or map is called, by its name in JSON. It is nil for a service that does not flatten them.
	Flat func(operation, member string) string
	// Sides are what the sides of a map's entries are called, by its name in JSON.
	Sides func(member string) (key, value string)
}

// encode writes an input, given as JSON, as the parameters of Query.
func (f Form) encode(tb testing.TB, version, operation, input string) string {
	tb.Helper()
	dec := json.NewDecoder(strings.NewReader(input))
	dec.UseNumber()
	var in map[string]any
	if err := dec.Decode(&in); err != nil {
		tb.Fatalf("%s: %v", Short(input), err)
	}
	b := &formWriter{form: f, operation: operation}
	b.add("Action", operation)
	b.add("Version", version)
	b.members("", in)
	return strings.Join(b.pairs, "&")
}

type formWriter struct {
	form      Form
	operation string
	pairs     []string
}

func (b *formWriter) add(name, value string) {
	b.pairs = append(b.pairs, url.QueryEscape(name)+"="+url.QueryEscape(value))
}

// elements is what comes before the index of an element of a list or map.
func (b *formWriter) elements(prefix, member, nested string) string {
	if b.form.Flat != nil {
		return prefix + b.form.Flat(b.operation, member) + "."
	}
	return prefix + member + nested
}

func (b *formWriter) members(prefix string, in map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(in)) {
		b.value(prefix, name, in[name])
	}
}

func (b *formWriter) value(prefix, name string, value any) {
	switch value := value.(type) {
	case []any:
		if len(value) == 0 && b.form.Flat == nil {
			b.add(prefix+name, "")
		}
		for i, element := range value {
			b.inner(b.elements(prefix, name, ".member.")+strconv.Itoa(i+1), element)
		}
	case map[string]any:
		keySide, valueSide := b.form.Sides(name)
		for i, key := range slices.Sorted(maps.Keys(value)) {
			at := b.elements(prefix, name, ".entry.") + strconv.Itoa(i+1) + "."
			b.add(at+keySide, key)
			b.inner(at+valueSide, value[key])
		}
	case nil:
	default:
		b.add(prefix+name, text(value))
	}
}

func (b *formWriter) inner(at string, value any) {
	if inner, ok := value.(map[string]any); ok {
		b.members(at+".", inner)
	} else {
		b.add(at, text(value))
	}
}

func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}
