package config

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/signalbox-mq/signalbox/duration"
)

const (
	// maxDepth is how deep a document may be nested, aliases followed.
	maxDepth = 100
	// maxNodes is how many nodes a document may have, each counted wherever it is used: a few lines of aliases of aliases
	// can stand for any number.
	maxNodes = 1_000_000
)

// decoder reads the nodes of one document and collects what is wrong with them.
type decoder struct {
	file   string
	source source
	env    func(string) (string, bool)
	errs   []*Error
	// failed are nodes that an error was reported for, so that what follows from it is not.
	failed  map[*yaml.Node]bool
	members map[*yaml.Node][]pair
	texts   map[*yaml.Node]*text
	jsons   map[*yaml.Node]*jsonText
	// meant are keys that were suggested for unknown ones of a mapping, which are not reported as missing.
	meant map[*yaml.Node][]string
	nodes int
	// dangling counts the names of nothing.
	dangling int
}

func newDecoder(file string, data []byte, env func(string) (string, bool)) *decoder {
	if env == nil {
		env = func(string) (string, bool) { return "", false }
	}
	return &decoder{
		file: file, source: newSource(data), env: env,
		failed: map[*yaml.Node]bool{}, members: map[*yaml.Node][]pair{}, texts: map[*yaml.Node]*text{},
		jsons: map[*yaml.Node]*jsonText{}, meant: map[*yaml.Node][]string{},
	}
}

// fail reports an error at a position.
func (d *decoder) fail(at spot, path, message string) { d.failFor(at, path, "", message) }

// failFor reports an error at the position of what lacks the end of the path.
func (d *decoder) failFor(at spot, path, absent, message string) {
	if path != "" {
		message = path + " " + message
	}
	d.errs = append(d.errs, &Error{File: d.file, Line: max(at.line, 1), Column: max(at.column, 1), Message: message, Path: path, absent: absent})
}

// failAt reports an error at a node.
func (d *decoder) failAt(n *yaml.Node, path, format string, args ...any) {
	d.failed[n], d.failed[target(n)] = true, true
	d.fail(spot{n.Line, n.Column}, path, fmt.Sprintf(format, args...))
}

// failIn reports an error at a byte of a scalar.
func (d *decoder) failIn(n *yaml.Node, path string, offset int, message string) {
	d.failed[n] = true
	d.fail(d.source.within(n, offset), path, message)
}

// enter counts a node and says whether it may be read.
func (d *decoder) enter(n *yaml.Node, depth int) bool {
	if depth > maxDepth {
		d.failAt(n, "", "the document is nested deeper than %d levels", maxDepth)
		return false
	}
	d.nodes++
	if d.nodes == maxNodes {
		d.failAt(n, "", "the document has more than %d values, aliases followed", maxNodes)
	}
	return d.nodes < maxNodes
}

// plainTag reports a tag that is not the one the node would have without.
func (d *decoder) plainTag(n *yaml.Node, path string, allowed ...string) bool {
	if slices.Contains(allowed, n.ShortTag()) {
		return true
	}
	d.failAt(n, path, "has the tag %s, which means nothing here", n.ShortTag())
	return false
}

var (
	textType    = reflect.TypeFor[encoding.TextUnmarshaler]()
	rawType     = reflect.TypeFor[json.RawMessage]()
	accountType = reflect.TypeFor[accountID]()
	notYetType  = reflect.TypeFor[notYet]()
)

// decode reads a node into a value. key is that of the mapping which the node is the value of, nil in a list.
func (d *decoder) decode(at place, v reflect.Value, depth int) {
	if !d.enter(at.node, depth) {
		return
	}
	n := target(at.node)
	switch {
	case v.Type() == rawType:
		d.decodeJSON(at, n, v)
		return
	case v.Type() == notYetType:
		d.failAt(at.key, at.path, "is a section that comes with a later release; this one has no schedules yet, so take it out")
		return
	case isNull(n):
		d.decodeNull(at, v)
		return
	case v.Kind() == reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		d.decode(at, p.Elem(), depth+1)
		v.Set(p)
		return
	case reflect.PointerTo(v.Type()).Implements(textType):
		d.decodeText(at, n, v)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.decodeStruct(at, n, v, depth)
	case reflect.Map:
		d.decodeMap(at, n, v, depth)
	case reflect.Slice:
		d.decodeSlice(at, n, v, depth)
	case reflect.String:
		d.decodeString(at, n, v)
	default:
		d.decodeNumber(at, n, v)
	}
}

// decodeNull takes a null for what is not there, where that is harmless.
func (d *decoder) decodeNull(at place, v reflect.Value) {
	shown := at.shown()
	switch {
	case at.key == nil && v.Kind() != reflect.Struct:
		d.failAt(shown, at.path, "is an entry without a value")
	case at.key != nil && at.key.Value == "if":
		d.failAt(shown, at.path, "has no value; leave it out if there is no condition")
	}
}

func (d *decoder) decodeJSON(at place, n *yaml.Node, v reflect.Value) {
	// An input of null is one; a pattern of null is one whose text went missing.
	if isNull(n) && at.key != nil && at.key.Value != "input" {
		d.failAt(at.shown(), at.path, "has no value; leave it out if everything is to pass")
		return
	}
	j, ok := d.json(at.node, at.path)
	if ok {
		d.jsons[n] = j
		v.SetBytes(j.out.Bytes())
	}
}

// scalar returns the text of a scalar, and reports what is none.
func (d *decoder) scalar(at place, n *yaml.Node, want string) (string, bool) {
	switch {
	case n.Kind != yaml.ScalarNode:
		d.failAt(at.node, at.path, "must be %s, not %s", want, kindName(n))
		return "", false
	case !d.plainTag(n, at.path, "!!str", "!!int", "!!float", "!!bool", "!!timestamp", "!!merge"):
		return "", false
	}
	return d.expand(n, at.path)
}

func kindName(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.ShortTag() == "!!int" || n.ShortTag() == "!!float":
		return "a number"
	case n.ShortTag() == "!!bool":
		return "true or false"
	}
	return "text"
}

func (d *decoder) decodeText(at place, n *yaml.Node, v reflect.Value) {
	isDuration := v.Type() == reflect.TypeFor[duration.Duration]()
	want := "text"
	if isDuration {
		want = "a duration such as 30s or 1h30m"
	}
	s, ok := d.scalar(at, n, want)
	if !ok {
		return
	}
	unmarshaler, ok := v.Addr().Interface().(encoding.TextUnmarshaler)
	if !ok {
		return
	}
	err := unmarshaler.UnmarshalText([]byte(s))
	if err == nil {
		return
	}
	reason := err.Error()
	if parse, ok := errors.AsType[*duration.ParseError](err); ok {
		reason = "is not a duration: " + parse.Reason
	}
	d.failAt(at.node, at.path, "%s", d.redact(n, reason))
}

func (d *decoder) decodeString(at place, n *yaml.Node, v reflect.Value) {
	switch {
	case at.key != nil && at.key.Value == deadLetterKey && n.Kind == yaml.MappingNode:
		var named struct {
			Queue string `yaml:"queue"`
		}
		d.decodeStruct(at, n, reflect.ValueOf(&named).Elem(), 0)
		if q := d.locate(at, "queue"); named.Queue == "" && !d.broken(q) {
			d.failAt(at.node, at.path, "must name a queue: {queue: NAME}")
		}
		v.SetString(named.Queue)
		return
	case v.Type() == accountType && n.Kind == yaml.ScalarNode && (n.ShortTag() == "!!int" || n.ShortTag() == "!!float"):
		d.failAt(at.node, at.path, "must be in quotes, because YAML reads it as a number: \"%s\"", n.Value)
		return
	}
	if s, ok := d.scalar(at, n, "text"); ok {
		v.SetString(s)
	}
}

var (
	wholeNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)
	decimal     = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)
)

// decodeNumber reads a whole number, a size, a number, or true and false.
func (d *decoder) decodeNumber(at place, n *yaml.Node, v reflect.Value) {
	size := at.key != nil && sizeKey(at.key.Value)
	want := "a whole number"
	switch {
	case v.Kind() == reflect.Bool:
		want = "true or false"
	case v.Kind() == reflect.Float64:
		want = "a number"
	case size:
		want = "a size such as 1048576 or 1MiB"
	}
	s, ok := d.scalar(at, n, want)
	if !ok {
		return
	}
	// What is in quotes is text, except that a variable has no other way to come in between brackets.
	if t := d.texts[n]; n.ShortTag() == "!!str" && n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 && len(t.spans) == 0 && !size {
		d.failAt(at.node, at.path, "must be %s, not text in quotes", want)
		return
	}
	bad := func(reason string) { d.failAt(at.node, at.path, "%s", reason) }
	switch v.Kind() {
	case reflect.Bool:
		switch strings.ToLower(s) {
		case "true":
			v.SetBool(true)
		case "false":
		default:
			bad("must be true or false")
		}
	case reflect.Float64:
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || !decimal.MatchString(s) || math.IsInf(f, 0) {
			bad("must be a number")
			return
		}
		v.SetFloat(f)
	default:
		var i int64
		var err error
		switch {
		case size && !strings.HasPrefix(s, "-"):
			if i, err = ParseSize(s); err != nil {
				bad(err.Error())
				return
			}
		case !wholeNumber.MatchString(s):
			bad("must be a whole number")
			return
		default:
			if i, err = strconv.ParseInt(s, 10, 64); err != nil {
				bad("is too large")
				return
			}
		}
		if v.OverflowInt(i) {
			bad("is too large")
			return
		}
		v.SetInt(i)
	}
}

func (d *decoder) decodeSlice(at place, n *yaml.Node, v reflect.Value, depth int) {
	if n.Kind != yaml.SequenceNode {
		d.failAt(at.node, at.path, "must be a list, not %s", kindName(n))
		return
	}
	if !d.plainTag(n, at.path, "!!seq") {
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, c := range n.Content {
		d.decode(place{node: c, path: indexPath(at.path, i)}, v.Index(i), depth+1)
	}
}

func (d *decoder) decodeMap(at place, n *yaml.Node, v reflect.Value, depth int) {
	if !d.isMapping(at, n) {
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for _, p := range d.pairs(n) {
		member := place{node: p.value, key: p.key, path: keyPath(at.path, p.key.Value)}
		value := reflect.New(v.Type().Elem()).Elem()
		if isNull(target(p.value)) && value.Kind() == reflect.String {
			d.failAt(member.shown(), member.path, `has no value; write "" for an empty one`)
			continue
		}
		d.decode(member, value, depth+1)
		v.SetMapIndex(reflect.ValueOf(p.key.Value), value)
	}
}

func (d *decoder) isMapping(at place, n *yaml.Node) bool {
	if n.Kind != yaml.MappingNode {
		where := at.path
		if where == "" {
			where = "the file"
		}
		d.failAt(at.node, where, "must be a mapping of keys to values, not %s", kindName(n))
		return false
	}
	return d.plainTag(n, at.path, "!!map")
}

func (d *decoder) decodeStruct(at place, n *yaml.Node, v reflect.Value, depth int) {
	if !d.isMapping(at, n) {
		return
	}
	fields := keysOf(v.Type())
	for _, p := range d.pairs(n) {
		name := p.key.Value
		member := place{node: p.value, key: p.key, path: keyPath(at.path, name)}
		i := slices.IndexFunc(fields, func(f keyField) bool { return f.key == name })
		if i < 0 {
			d.unknownKey(n, member, fields)
			continue
		}
		d.decode(member, v.FieldByIndex(fields[i].index), depth+1)
	}
}

func (d *decoder) unknownKey(mapping *yaml.Node, member place, fields []keyField) {
	known := make([]string, len(fields))
	for i, f := range fields {
		known[i] = f.key
	}
	if likely := suggest(member.key.Value, known); likely != "" {
		d.meant[mapping] = append(d.meant[mapping], likely)
		d.failAt(member.key, member.path, "is an unknown key; did you mean %s?", likely)
		return
	}
	d.failAt(member.key, member.path, "is an unknown key; known are %s", strings.Join(known, ", "))
}

// keyField is a field of a struct that is a key in YAML.
type keyField struct {
	key   string
	index []int
	typ   reflect.Type
}

// keysOf returns the keys that a struct has in YAML, in the order of its fields, those of embedded ones included.
func keysOf(t reflect.Type) []keyField {
	var fields []keyField
	for i := range t.NumField() {
		f := t.Field(i)
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case f.Anonymous && key == "":
			for _, inner := range keysOf(f.Type) {
				fields = append(fields, keyField{inner.key, append([]int{i}, inner.index...), inner.typ})
			}
		case key != "" && key != "-":
			fields = append(fields, keyField{key, []int{i}, f.Type})
		}
	}
	return fields
}

// broken says whether an error was reported that explains another one at a place: for the value there, or for a part of it.
func (d *decoder) broken(at place) bool {
	if at.rest != "" {
		first, _, _ := strings.Cut(at.rest, ".")
		return d.failed[at.node] || d.failed[target(at.node)] || slices.Contains(d.meant[target(at.node)], first)
	}
	if len(d.meant[target(at.node)]) > 0 {
		return true
	}
	seen := map[*yaml.Node]bool{}
	var visit func(n *yaml.Node) bool
	visit = func(n *yaml.Node) bool {
		if n == nil || seen[n] {
			return false
		}
		seen[n] = true
		return d.failed[n] || visit(n.Alias) || slices.ContainsFunc(n.Content, visit)
	}
	return visit(at.node) || at.key != nil && d.failed[at.key]
}
