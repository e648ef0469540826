package awsapi

import (
	"encoding/base64"
	"maps"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// jsonWriter writes shapes as JSON.
type jsonWriter struct {
	b      []byte
	fields []Field // scratch space
}

func (w *jsonWriter) shape(s Shape) {
	base := len(w.fields)
	w.fields = s.Fields(w.fields)
	fields := w.fields[base:]
	defer func() { w.fields = w.fields[:base] }()
	w.b = append(w.b, '{')
	first := true
	for i := range fields {
		f := &fields[i]
		if f.absent() {
			continue
		}
		if !first {
			w.b = append(w.b, ',')
		}
		first = false
		w.b = append(w.b, '"')
		w.b = append(w.b, f.Name...)
		w.b = append(w.b, '"', ':')
		w.value(f.To)
	}
	w.b = append(w.b, '}')
}

func (w *jsonWriter) value(to any) {
	switch to := to.(type) {
	case *string:
		w.b = appendJSONString(w.b, *to)
	case *Text:
		w.b = appendJSONString(w.b, *to)
	case *Blob:
		w.b = append(w.b, '"')
		w.b = base64.StdEncoding.AppendEncode(w.b, *to)
		w.b = append(w.b, '"')
	case *Int:
		w.b = strconv.AppendInt(w.b, to.Value, 10)
	case *bool:
		w.b = strconv.AppendBool(w.b, *to)
	case *Flag:
		w.b = strconv.AppendBool(w.b, to.Value)
	case *time.Time:
		w.b = strconv.AppendFloat(w.b, float64(to.UnixMilli())/1000, 'f', -1, 64)
	case *[]string:
		w.list(len(*to), func(i int) { w.b = appendJSONString(w.b, (*to)[i]) })
	case *map[string]string:
		keys := slices.Sorted(maps.Keys(*to))
		w.object(len(keys), func(i int) string { return keys[i] }, func(i int) { w.b = appendJSONString(w.b, (*to)[keys[i]]) })
	case *[]TextEntry:
		w.object(len(*to), func(i int) string { return (*to)[i].Key }, func(i int) { w.b = appendJSONString(w.b, (*to)[i].Value) })
	case mapping:
		w.object(to.len(), func(i int) string { return *to.key(i) }, func(i int) { w.shape(to.at(i)) })
	case sequence:
		w.list(to.len(), func(i int) { w.shape(to.at(i)) })
	case part:
		w.shape(to.get())
	default:
		panic("awsapi: a member has a type that no codec knows")
	}
}

func (w *jsonWriter) list(n int, element func(i int)) {
	w.b = append(w.b, '[')
	for i := range n {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		element(i)
	}
	w.b = append(w.b, ']')
}

func (w *jsonWriter) object(n int, key func(i int) string, value func(i int)) {
	w.b = append(w.b, '{')
	for i := range n {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.b = append(appendJSONString(w.b, key(i)), ':')
		value(i)
	}
	w.b = append(w.b, '}')
}

// appendJSONString writes text as a JSON string. What is not UTF-8 becomes U+FFFD.
func appendJSONString[T string | Text](b []byte, s T) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := decodeRune(s[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(append(b, s[start:i]...), "\ufffd"...)
				start = i + 1
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			for i++; i < len(s) && s[i] >= ' ' && s[i] != '"' && s[i] != '\\' && s[i] < utf8.RuneSelf; i++ {
			}
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

func decodeRune[T string | Text](s T) (rune, int) {
	return utf8.DecodeRuneInString(string(s[:min(len(s), utf8.UTFMax)]))
}
