package config

import (
	"bytes"
	"encoding/json"
	"regexp"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// jsonSpan says which node of the file a part of a JSON text comes from, in bytes.
type jsonSpan struct {
	from, to int
	node     *yaml.Node
	key      *yaml.Node // of which node is the value, if it is one of a mapping
	isKey    bool
}

// jsonText is JSON that was made of YAML.
type jsonText struct {
	out   bytes.Buffer
	spans []jsonSpan
}

var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)

// json writes a node as JSON. Numbers keep their spelling.
func (d *decoder) json(n *yaml.Node, path string) (*jsonText, bool) {
	j := &jsonText{}
	return j, d.writeJSON(j, n, nil, path, 0)
}

func (d *decoder) writeJSON(j *jsonText, n, key *yaml.Node, path string, depth int) bool {
	if !d.enter(n, depth) {
		return false
	}
	shown := n
	n = target(n)
	from, ok := j.out.Len(), true
	span := len(j.spans)
	j.spans = append(j.spans, jsonSpan{from: from, node: shown, key: key})
	switch n.Kind {
	case yaml.MappingNode:
		ok = d.plainTag(n, path, "!!map")
		j.out.WriteByte('{')
		for i, p := range d.pairs(n) {
			if i > 0 {
				j.out.WriteByte(',')
			}
			at := j.out.Len()
			j.writeText(p.key.Value)
			j.spans = append(j.spans, jsonSpan{from: at, to: j.out.Len(), node: p.key, isKey: true})
			j.out.WriteByte(':')
			ok = d.writeJSON(j, p.value, p.key, keyPath(path, p.key.Value), depth+1) && ok
		}
		j.out.WriteByte('}')
	case yaml.SequenceNode:
		ok = d.plainTag(n, path, "!!seq")
		j.out.WriteByte('[')
		for i, c := range n.Content {
			if i > 0 {
				j.out.WriteByte(',')
			}
			ok = d.writeJSON(j, c, nil, indexPath(path, i), depth+1) && ok
		}
		j.out.WriteByte(']')
	default:
		ok = d.writeScalar(j, n, path)
	}
	j.spans[span].to = j.out.Len()
	return ok
}

func (d *decoder) writeScalar(j *jsonText, n *yaml.Node, path string) bool {
	switch n.ShortTag() {
	case "!!null":
		j.out.WriteString("null")
	case "!!bool":
		if n.Value[0] == 't' || n.Value[0] == 'T' {
			j.out.WriteString("true")
		} else {
			j.out.WriteString("false")
		}
	case "!!int", "!!float":
		if !jsonNumber.MatchString(n.Value) {
			d.failAt(n, path, "is a number that JSON can not spell; write it in decimal, or in quotes if it is text")
			return false
		}
		j.out.WriteString(n.Value)
	case "!!str", "!!timestamp", "!!merge":
		value, ok := d.expand(n, path)
		if !ok {
			return false
		}
		j.writeText(value)
	default:
		return d.plainTag(n, path)
	}
	return true
}

func (j *jsonText) writeText(s string) {
	enc := json.NewEncoder(&j.out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string can always be encoded
	j.out.Truncate(j.out.Len() - 1)
}

// at returns the innermost part of the JSON that holds what was read last before a column, which counts UTF-16 units from
// 1, as the errors of package pattern do. The JSON is one line.
func (j *jsonText) at(column int) jsonSpan {
	text := j.out.Bytes()
	offset, last := 0, 0
	for units := 1; units < column && offset < len(text); {
		r, size := utf8.DecodeRune(text[offset:])
		units++
		if r > 0xffff {
			units++
		}
		last = offset
		offset += size
	}
	best := j.spans[0]
	for _, s := range j.spans {
		if s.from <= last && last < s.to && s.to-s.from <= best.to-best.from {
			best = s
		}
	}
	return best
}
