package awsapi

import (
	"encoding/base64"
	"maps"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// xmlWriter writes shapes as the XML of the Query protocol.
type xmlWriter struct {
	b      []byte
	fields []Field // scratch space
	// flat says that the elements of lists and maps stand in their shape by themselves, as in SQS, and not as <member> or
	// <entry> in one that has their member's name.
	flat bool
}

func (w *xmlWriter) open(name string) {
	w.b = append(append(append(w.b, '<'), name...), '>')
}

func (w *xmlWriter) close(name string) {
	w.b = append(append(append(w.b, '<', '/'), name...), '>')
}

func (w *xmlWriter) text(name, value string) {
	w.open(name)
	w.b = appendXMLText(w.b, value)
	w.close(name)
}

// members writes the members of a shape.
func (w *xmlWriter) members(s Shape) {
	base := len(w.fields)
	w.fields = s.Fields(w.fields)
	fields := w.fields[base:]
	defer func() { w.fields = w.fields[:base] }()
	for i := range fields {
		if f := &fields[i]; !f.absent() {
			w.member(f)
		}
	}
}

func (w *xmlWriter) member(f *Field) {
	switch to := f.To.(type) {
	case *[]string:
		w.elements(f, "member", len(*to), func(i int) { w.b = appendXMLText(w.b, (*to)[i]) })
	case *map[string]string:
		keys := slices.Sorted(maps.Keys(*to))
		k, v := f.sides()
		w.elements(f, "entry", len(keys), func(i int) {
			w.text(k, keys[i])
			w.text(v, (*to)[keys[i]])
		})
	case *[]TextEntry:
		k, v := f.sides()
		w.elements(f, "entry", len(*to), func(i int) {
			w.text(k, (*to)[i].Key)
			w.text(v, (*to)[i].Value)
		})
	case mapping:
		k, v := f.sides()
		w.elements(f, "entry", to.len(), func(i int) {
			w.text(k, *to.key(i))
			w.open(v)
			w.members(to.at(i))
			w.close(v)
		})
	case sequence:
		w.elements(f, "member", to.len(), func(i int) { w.members(to.at(i)) })
	default:
		w.open(f.wire())
		w.scalar(f)
		w.close(f.wire())
	}
}

func (w *xmlWriter) elements(f *Field, element string, n int, write func(i int)) {
	if w.flat {
		element = f.wire()
	} else {
		w.open(f.Name)
		defer w.close(f.Name)
	}
	for i := range n {
		w.open(element)
		write(i)
		w.close(element)
	}
}

func (w *xmlWriter) scalar(f *Field) {
	switch to := f.To.(type) {
	case *string:
		w.b = appendXMLText(w.b, *to)
	case *Text:
		w.b = appendXMLText(w.b, *to)
	case *Blob:
		w.b = base64.StdEncoding.AppendEncode(w.b, *to)
	case *Int:
		w.b = strconv.AppendInt(w.b, to.Value, 10)
	case *bool:
		w.b = strconv.AppendBool(w.b, *to)
	case *Flag:
		w.b = strconv.AppendBool(w.b, to.Value)
	case *time.Time:
		w.b = to.UTC().AppendFormat(w.b, "2006-01-02T15:04:05.000Z")
	case part:
		w.members(to.get())
	default:
		panic("awsapi: a member has a type that no codec knows")
	}
}

// appendXMLText escapes text. A quotation mark and a carriage return are escaped as SQS does (SDKs check the MD5 of a body,
// which an XML parser that normalises line ends would change). What XML can not hold becomes U+FFFD.
func appendXMLText[T string | Text](b []byte, s T) []byte {
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c > '>' && c < utf8.RuneSelf { // most of most texts
			i++
			continue
		}
		size, escape := 1, ""
		switch {
		case c >= utf8.RuneSelf:
			var r rune
			if r, size = decodeRune(s[i:]); r == utf8.RuneError && size == 1 || r == 0xFFFE || r == 0xFFFF {
				escape = "\ufffd"
			}
		case c == '<':
			escape = "&lt;"
		case c == '>':
			escape = "&gt;"
		case c == '&':
			escape = "&amp;"
		case c == '"':
			escape = "&quot;"
		case c == '\r':
			escape = "&#xD;"
		case c < ' ' && c != '\t' && c != '\n':
			escape = "\ufffd"
		}
		if escape != "" {
			b = append(append(b, s[start:i]...), escape...)
			start = i + size
		}
		i += size
	}
	return append(b, s[start:]...)
}
