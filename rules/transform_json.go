package rules

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// walker hands out the parts of an object or array as slices of its JSON text. It reads text that
// the event package has checked, so it skips what it is not asked for without checking it again;
// on text that is not JSON it stops, or hands out parts that are no JSON either, and never panics.
type walker struct {
	data []byte
	pos  int
	any  bool // a part was handed out: the next is preceded by a comma
}

// member returns the next member of an object, its key in quotes. more is false at the end, ok is
// false when this is no JSON.
func (w *walker) member() (key, value []byte, more, ok bool) {
	if more, ok = w.separator('}'); !more || !ok {
		return nil, nil, false, ok
	}
	start := w.pos
	if start >= len(w.data) || w.data[start] != '"' {
		return nil, nil, false, false
	}
	if w.pos, ok = skipString(w.data, start); !ok {
		return nil, nil, false, false
	}
	key = w.data[start:w.pos]
	w.space()
	if w.pos >= len(w.data) || w.data[w.pos] != ':' {
		return nil, nil, false, false
	}
	w.pos++
	value, ok = w.value()
	return key, value, ok, ok
}

// element returns the next element of an array, like member.
func (w *walker) element() (value []byte, more, ok bool) {
	if more, ok = w.separator(']'); !more || !ok {
		return nil, false, ok
	}
	value, ok = w.value()
	return value, ok, ok
}

func (w *walker) separator(end byte) (more, ok bool) {
	w.space()
	if w.pos >= len(w.data) {
		return false, false
	}
	if w.data[w.pos] == end {
		w.pos++
		return false, true
	}
	if w.any {
		if w.data[w.pos] != ',' {
			return false, false
		}
		w.pos++
		w.space()
	}
	w.any = true
	return true, true
}

func (w *walker) value() ([]byte, bool) {
	w.space()
	start := w.pos
	end, ok := skipValue(w.data, start)
	w.pos = end
	return w.data[start:end], ok
}

func (w *walker) space() {
	for w.pos < len(w.data) && jsonSpace(w.data[w.pos]) {
		w.pos++
	}
}

func jsonSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// wholeValue returns the one value that data consists of, without white space around it.
func wholeValue(data []byte) ([]byte, bool) {
	w := walker{data: data}
	v, ok := w.value()
	if !ok {
		return nil, false
	}
	w.space()
	return v, w.pos == len(data)
}

// skipValue returns where the value that begins at i ends. A value has at least one byte.
func skipValue(data []byte, i int) (end int, ok bool) {
	if i >= len(data) {
		return i, false
	}
	switch data[i] {
	case '"':
		return skipString(data, i)
	case '{', '[':
		return skipNested(data, i)
	}
	start := i
	for i < len(data) && scalarByte(data[i]) {
		i++
	}
	return i, i > start
}

func scalarByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.' || c == 'E'
}

func skipNested(data []byte, i int) (end int, ok bool) {
	depth := 0
	for i < len(data) {
		switch data[i] {
		case '"':
			if i, ok = skipString(data, i); !ok {
				return i, false
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1, true
			}
		}
		i++
	}
	return i, false
}

func skipString(data []byte, i int) (end int, ok bool) {
	i++
	// Most strings are short: a plain loop is faster for them than two searches.
	for short := min(len(data), i+24); i < short; i++ {
		switch data[i] {
		case '"':
			return i + 1, true
		case '\\':
			i++
		}
	}
	if i > len(data) {
		return len(data), false
	}
	for {
		n := bytes.IndexByte(data[i:], '"')
		if n < 0 {
			return len(data), false
		}
		b := bytes.IndexByte(data[i:i+n], '\\')
		if b < 0 {
			return i + n + 1, true
		}
		i += b + 2
		if i > len(data) {
			return len(data), false
		}
	}
}

// keyEquals compares a key in quotes, which may hold escapes, with a name.
func keyEquals(key []byte, name string) bool {
	inner := key[1 : len(key)-1]
	if string(inner) == name {
		return true
	}
	if bytes.IndexByte(inner, '\\') < 0 {
		return false
	}
	text, ok := unquoteJSON(key)
	return ok && text == name
}

// unquoteJSON decodes a JSON string. Half a surrogate pair becomes U+FFFD, as in encoding/json.
func unquoteJSON(raw []byte) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	if inner := raw[1 : len(raw)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return string(inner), true
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", false
	}
	return s, true
}

// appendJSONString appends s as a JSON string, without its quotes when bare.
func appendJSONString(dst []byte, s string, bare bool) []byte {
	if !bare {
		dst = append(dst, '"')
	}
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			dst = utf8.AppendRune(dst, r) // U+FFFD for what is not UTF-8
			i += n
			continue
		}
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ':
			dst = append(dst, '\\', 'u')
			hex := strconv.AppendUint(nil, 0x10000+uint64(c), 16)
			dst = append(dst, hex[1:]...)
		default:
			dst = append(dst, c)
		}
		i++
	}
	if !bare {
		dst = append(dst, '"')
	}
	return dst
}

// appendFlat appends JSON text with the quotes of all strings left out, which is how EventBridge
// writes objects and arrays inside a quoted line: {acc_id:0a787ecb,tags:[a,b]}. Escapes within the
// strings stay, so the line around it stays a JSON string.
func appendFlat(dst, raw []byte) []byte {
	for len(raw) > 0 {
		q := bytes.IndexByte(raw, '"')
		if q < 0 {
			break
		}
		end, ok := skipString(raw, q)
		if !ok {
			break
		}
		dst = append(dst, raw[:q]...)
		dst = append(dst, raw[q+1:end-1]...)
		raw = raw[end:]
	}
	return append(dst, raw...)
}
