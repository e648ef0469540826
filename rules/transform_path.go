package rules

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Path selects values of an event in its EventBridge form: the subset of JSONPath that EventBridge
// has. A Path is immutable and safe for concurrent use.
type Path struct {
	text  string
	steps []pathStep
	root  pathNode
}

type pathStep struct {
	kind  stepKind
	name  string
	index int
}

type stepKind uint8

const (
	stepName  stepKind = iota // .name
	stepIndex                 // [3]
	stepAll                   // [*]
)

// CompilePath reads a path: "$" is the whole event, ".name" a member, "[2]" an element counted from
// 0, "[*]" all elements. A name is any text without white space, quotes or control characters; a
// backslash takes the character after it literally ("$.detail.a\.b"). Brackets with names in
// quotes, filters, "..", slices and negative indexes are not part of the language. At most 256
// characters. The error continues a sentence that begins with the path's field.
func CompilePath(text string) (*Path, error) {
	if n := utf8.RuneCountInString(text); n > MaxPath {
		return nil, fmt.Errorf("has %d characters, the limit of a path is %d", n, MaxPath)
	}
	if !utf8.ValidString(text) {
		return nil, fmt.Errorf("is not valid UTF-8")
	}
	if !strings.HasPrefix(text, "$") {
		return nil, fmt.Errorf("must be a path that begins with $, like $.detail.id")
	}
	p := &Path{text: text}
	for rest := text[1:]; rest != ""; {
		var step pathStep
		var err error
		at := len(text) - len(rest)
		switch rest[0] {
		case '.':
			step.kind = stepName
			step.name, rest, err = pathName(rest[1:])
		case '[':
			step, rest, err = pathBracket(rest[1:])
		default:
			err = fmt.Errorf("expected . or [")
		}
		if err != nil {
			return nil, fmt.Errorf("is not a valid path: %w, in the step at character %d", err, utf8.RuneCountInString(text[:at])+1)
		}
		p.steps = append(p.steps, step)
	}
	p.root.add(p.steps, 0)
	return p, nil
}

func pathName(in string) (name, rest string, err error) {
	var b strings.Builder
	i := 0
	for ; i < len(in); i++ {
		c := in[i]
		switch {
		case c == '.' || c == '[':
			if b.Len() == 0 {
				return "", "", fmt.Errorf("a name is missing")
			}
			return b.String(), in[i:], nil
		case c == '\\':
			i++
			if i == len(in) {
				return "", "", fmt.Errorf("nothing follows the \\")
			}
			b.WriteByte(in[i])
		case c <= ' ' || c == 0x7f || c == '"' || c == '\'' || c == ']' || c == '*':
			return "", "", fmt.Errorf("%q is not allowed in a name", c)
		default:
			b.WriteByte(c)
		}
	}
	if b.Len() == 0 {
		return "", "", fmt.Errorf("a name is missing")
	}
	return b.String(), "", nil
}

func pathBracket(in string) (step pathStep, rest string, err error) {
	inner, rest, closed := strings.Cut(in, "]")
	if !closed {
		return step, "", fmt.Errorf("] is missing")
	}
	if inner == "*" {
		return pathStep{kind: stepAll}, rest, nil
	}
	n, err := strconv.ParseUint(inner, 10, 31)
	if err != nil || inner[0] == '+' {
		return step, "", fmt.Errorf("[%s] is neither an index nor [*] (members are written .name)", inner)
	}
	return pathStep{kind: stepIndex, index: int(n)}, rest, nil
}

// String is the path as it was written.
func (p *Path) String() string { return p.text }

func (p *Path) isList() bool {
	for _, s := range p.steps {
		if s.kind == stepAll {
			return true
		}
	}
	return false
}

// Lookup returns the JSON text of what the path selects in an event in EventBridge form; ok is
// false when there is nothing. With [*] in the path it is an array of all that was found, missing
// when what [*] stands on is not an array. Otherwise the result is a slice of eventJSON. Of equal
// member names the last counts.
func (p *Path) Lookup(eventJSON []byte) (value []byte, ok bool) {
	var values [1]slotValue
	raw, ok := wholeValue(eventJSON)
	if !ok {
		return nil, false
	}
	if !p.root.resolve(raw, values[:], false) {
		return nil, false
	}
	v := &values[0]
	switch {
	case !v.present:
		return nil, false
	case p.isList():
		return v.appendList(nil, false), true
	}
	return v.raw, true
}

// Text returns what the path selects as plain text: a string's characters, or a number's or
// boolean's JSON text. ok is false for anything else: null, arrays, objects and what is missing.
func (p *Path) Text(eventJSON []byte) (text string, ok bool) {
	raw, ok := p.Lookup(eventJSON)
	if !ok {
		return "", false
	}
	switch raw[0] {
	case '{', '[', 'n':
		return "", false
	case '"':
		return unquoteJSON(raw)
	}
	return string(raw), true
}

// pathNode is a tree of paths: with it all variables of a template are found in one walk.
type pathNode struct {
	slots   []int // variables whose path ends here
	names   []nameEdge
	indexes []indexEdge
	all     *pathNode
}

type nameEdge struct {
	name string
	node *pathNode
}

type indexEdge struct {
	index int
	node  *pathNode
}

func (n *pathNode) add(steps []pathStep, slot int) {
	if len(steps) == 0 {
		n.slots = append(n.slots, slot)
		return
	}
	n.child(steps[0]).add(steps[1:], slot)
}

func (n *pathNode) child(s pathStep) *pathNode {
	switch s.kind {
	case stepAll:
		if n.all == nil {
			n.all = new(pathNode)
		}
		return n.all
	case stepIndex:
		for _, e := range n.indexes {
			if e.index == s.index {
				return e.node
			}
		}
		n.indexes = append(n.indexes, indexEdge{s.index, new(pathNode)})
		return n.indexes[len(n.indexes)-1].node
	default:
		for _, e := range n.names {
			if e.name == s.name {
				return e.node
			}
		}
		n.names = append(n.names, nameEdge{s.name, new(pathNode)})
		return n.names[len(n.names)-1].node
	}
}

// slotValue is what was found for a variable.
type slotValue struct {
	raw     []byte
	items   [][]byte // of a list
	present bool
}

func (v *slotValue) appendList(dst []byte, flat bool) []byte {
	dst = append(dst, '[')
	for i, item := range v.items {
		if i > 0 {
			dst = append(dst, ',')
		}
		if flat {
			dst = appendFlat(dst, item)
		} else {
			dst = append(dst, item...)
		}
	}
	return append(dst, ']')
}

// resolve notes in values what the tree's paths select in raw, a JSON value. inList is true below
// a [*]. It returns false when raw turns out not to be JSON.
//
// An object is walked to its end before any of its members is looked into, because of equal names
// the last one counts; so a byte is read once per level of the path that leads to it.
func (n *pathNode) resolve(raw []byte, values []slotValue, inList bool) bool {
	for _, s := range n.slots {
		v := &values[s]
		v.present = true
		if inList {
			v.items = append(v.items, raw)
		} else {
			v.raw = raw
		}
	}
	switch {
	case raw[0] == '{' && len(n.names) > 0:
		return n.resolveObject(raw, values, inList)
	case raw[0] == '[' && (n.all != nil || len(n.indexes) > 0):
		return n.resolveArray(raw, values, inList)
	}
	return true
}

func (n *pathNode) resolveObject(raw []byte, values []slotValue, inList bool) bool {
	var few [8][]byte
	found := few[:]
	if len(n.names) > len(few) {
		found = make([][]byte, len(n.names))
	}
	w := walker{data: raw, pos: 1}
	for {
		key, value, more, ok := w.member()
		if !ok {
			return false
		}
		if !more {
			break
		}
		for i := range n.names {
			if keyEquals(key, n.names[i].name) {
				found[i] = value
				break
			}
		}
	}
	for i := range n.names {
		if found[i] != nil && !n.names[i].node.resolve(found[i], values, inList) {
			return false
		}
	}
	return true
}

func (n *pathNode) resolveArray(raw []byte, values []slotValue, inList bool) bool {
	if n.all != nil {
		n.all.markPresent(values)
	}
	w := walker{data: raw, pos: 1}
	for i := 0; ; i++ {
		value, more, ok := w.element()
		if !ok || !more {
			return ok
		}
		for _, e := range n.indexes {
			if e.index == i && !e.node.resolve(value, values, inList) {
				return false
			}
		}
		if n.all != nil && !n.all.resolve(value, values, true) {
			return false
		}
	}
}

// markPresent makes the lists below a [*] exist, if only as [].
func (n *pathNode) markPresent(values []slotValue) {
	for _, s := range n.slots {
		values[s].present = true
	}
	for _, e := range n.names {
		e.node.markPresent(values)
	}
	for _, e := range n.indexes {
		e.node.markPresent(values)
	}
	if n.all != nil {
		n.all.markPresent(values)
	}
}
