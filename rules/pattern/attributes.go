package pattern

import (
	"encoding/json"
	"strings"
)

// Attribute is a message attribute as a filter policy sees it.
type Attribute struct {
	Name string
	// Type is an SNS or SQS data type: String, Number, String.Array or Binary, perhaps with a label (Number.int). String and
	// Number match as such; the elements of a String.Array, a JSON array, match one by one; Binary and malformed values are
	// as if absent.
	Type  string
	Value []byte
}

// MatchesAttributes reports whether message attributes match.
func (p *Pattern) MatchesAttributes(attrs []Attribute) bool {
	s := p.scratch()
	defer p.done(s)
	s.reset(nil, len(p.paths))
	s.attributes(p.root, attrs)
	return p.evaluate(s)
}

// ExplainAttributes is Explain for message attributes.
func (p *Pattern) ExplainAttributes(attrs []Attribute) (why Mismatch, matched bool) {
	s := p.scratch()
	defer p.done(s)
	s.reset(nil, len(p.paths))
	s.attributes(p.root, attrs)
	return p.explain(s)
}

// attributes records the leaves of message attributes.
func (s *scratch) attributes(root *node, attrs []Attribute) {
	for i := range attrs {
		a := &attrs[i]
		s.keybuf = append(s.keybuf[:0], a.Name...)
		n := s.step(root, s.keybuf, false)
		if n == nil || n.path < 0 {
			continue
		}
		switch {
		case a.Type == "String.Array":
			s.attributeArray(n.path, a.Value)
		case hasType(a.Type, "String"):
			s.add(n.path, leafString, a.Value, 0)
		case hasType(a.Type, "Number"):
			if text := numberText(a.Value); text != nil {
				s.add(n.path, leafNumber, text, 0)
			}
		}
	}
}

// hasType reports whether typ is base, perhaps with a label.
func hasType(typ, base string) bool {
	rest, ok := strings.CutPrefix(typ, base)
	return ok && (rest == "" || rest[0] == '.')
}

// numberText returns a number attribute's value in JSON's spelling, nil if it is no number. SNS also takes a leading plus.
func numberText(v []byte) []byte {
	if len(v) > 0 && v[0] == '+' {
		v = v[1:]
	}
	if len(v) == 0 || v[0] != '-' && (v[0] < '0' || v[0] > '9') || !json.Valid(v) {
		return nil
	}
	return v[:scalarEnd(v, 0)]
}

// attributeArray records the scalars of a JSON array as leaves of one path, whatever their depth in it.
func (s *scratch) attributeArray(path int32, v []byte) {
	i := skipSpace(v, 0)
	if i >= len(v) || v[i] != '[' || !json.Valid(v) {
		return
	}
	saved := s.src
	s.src = v
	s.array(&node{path: path}, i+1, 0)
	s.src = saved
	for j := s.head[path]; j != 0; j = s.leaves[j-1].next {
		s.leaves[j-1].chain = 0
	}
}
