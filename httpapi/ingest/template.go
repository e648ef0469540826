package ingest

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// placeholder is a kind of part of a template, and a set of kinds.
type placeholder uint8

const (
	literal       placeholder = 0
	namePart      placeholder = 1 << (iota - 1) // {name}
	headerPart                                  // {header:X-Name}
	jsonPart                                    // {json:$.path}
	bodyPart                                    // {body}
	timestampPart                               // {timestamp}
	idPart                                      // {id}

	attributePlaceholders = namePart | headerPart | jsonPart
	signedPlaceholders    = headerPart | bodyPart | timestampPart | idPart
)

// describe lists the placeholders of the set, for an error.
func (p placeholder) describe() string {
	var names []string
	for i, name := range [...]string{"{name}", "{header:X-Name}", "{json:$.path}", "{body}", "{timestamp}", "{id}"} {
		if p&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

type part struct {
	kind placeholder
	text string   // the literal, or the header's canonical name
	path []string // of jsonPart
}

type template []part

// parseTemplate reads literal text with placeholders in braces; a brace itself is written twice. The
// error continues a sentence.
func parseTemplate(s string, allowed placeholder) (template, error) {
	var (
		t   template
		lit strings.Builder
	)
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case (c == '{' || c == '}') && i+1 < len(s) && s[i+1] == c:
			lit.WriteByte(c)
			i += 2
		case c == '}':
			return nil, errors.New("has a } without a {; write }} for the character")
		case c == '{':
			end := strings.IndexByte(s[i:], '}')
			if end < 0 {
				return nil, errors.New("has a { without a }; write {{ for the character")
			}
			p, err := parsePlaceholder(s[i+1:i+end], allowed)
			if err != nil {
				return nil, err
			}
			if lit.Len() > 0 {
				t = append(t, part{text: lit.String()})
				lit.Reset()
			}
			t = append(t, p)
			i += end + 1
		default:
			lit.WriteByte(c)
			i++
		}
	}
	if lit.Len() > 0 {
		t = append(t, part{text: lit.String()})
	}
	return t, nil
}

func parsePlaceholder(s string, allowed placeholder) (part, error) {
	name, argument, has := strings.Cut(s, ":")
	p := part{kind: literal}
	switch {
	case name == "name" && !has:
		p.kind = namePart
	case name == "body" && !has:
		p.kind = bodyPart
	case name == "timestamp" && !has:
		p.kind = timestampPart
	case name == "id" && !has:
		p.kind = idPart
	case name == "header" && has:
		p.kind, p.text = headerPart, http.CanonicalHeaderKey(argument)
		if !validHeaderName(argument) {
			return part{}, fmt.Errorf("has {%s}, which names no header", clip(s))
		}
	case name == "json" && has:
		path, err := parsePath(argument)
		if err != nil {
			return part{}, fmt.Errorf("has {%s}, whose path %w", clip(s), err)
		}
		p.kind, p.path = jsonPart, path
	}
	if p.kind&allowed == 0 {
		return part{}, fmt.Errorf("has the placeholder {%s}; there are %s", clip(s), allowed.describe())
	}
	return p, nil
}

func (t template) has(kind placeholder) bool {
	for _, p := range t {
		if p.kind == kind {
			return true
		}
	}
	return false
}

// attribute renders a template of attributePlaceholders over a delivery's compact body. ok is false
// when a placeholder has no value.
func (t template) attribute(r *request, detail []byte) (s string, ok bool) {
	var b strings.Builder
	for _, p := range t {
		value := p.text
		switch p.kind {
		case namePart:
			value = r.source.Name
		case headerPart:
			value = r.header.Get(p.text)
		case jsonPart:
			value = text(lookup(detail, p.path...))
		}
		if value == "" {
			return "", false
		}
		b.WriteString(value)
	}
	return b.String(), true
}

// validHeaderName says whether s is a token of RFC 9110.
func validHeaderName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

func clip(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "…"
	}
	return s
}
