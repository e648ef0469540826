package awsapi

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// What a jsonReader passes: white space, objects and lists, texts, numbers.

// next passes white space and returns the byte after it, without passing that; 0 at the end.
func (r *jsonReader) next() byte {
	for r.at < len(r.data) {
		switch c := r.data[r.at]; c {
		case ' ', '\t', '\n', '\r':
			r.at++
		default:
			return c
		}
	}
	return 0
}

func (r *jsonReader) take(c byte) error {
	if r.next() != c {
		return r.unexpected()
	}
	r.at++
	return nil
}

// object calls visit for each member, which has to read its value. The key is good until then.
func (r *jsonReader) object(depth int, visit func(key []byte) error) error {
	if r.next() != '{' {
		return r.wrongOrBroken("an object")
	}
	if depth >= maxDepth {
		return &malformed{"the body nests too deeply"}
	}
	r.at++
	if r.next() == '}' {
		r.at++
		return nil
	}
	for {
		if r.elements++; r.elements > maxElements {
			return errTooMany
		}
		if r.next() != '"' {
			return r.unexpected()
		}
		key, err := r.quoted()
		if err != nil {
			return err
		}
		if err := r.take(':'); err != nil {
			return err
		}
		if err := visit(key); err != nil {
			return err
		}
		switch r.next() {
		case ',':
			r.at++
		case '}':
			r.at++
			return nil
		default:
			return r.unexpected()
		}
	}
}

// array calls visit for each element, which has to read it.
func (r *jsonReader) array(depth int, visit func() error) error {
	if r.next() != '[' {
		return r.wrongOrBroken("a list")
	}
	if depth >= maxDepth {
		return &malformed{"the body nests too deeply"}
	}
	r.at++
	if r.next() == ']' {
		r.at++
		return nil
	}
	for {
		if r.elements++; r.elements > maxElements {
			return errTooMany
		}
		if err := visit(); err != nil {
			return err
		}
		switch r.next() {
		case ',':
			r.at++
		case ']':
			r.at++
			return nil
		default:
			return r.unexpected()
		}
	}
}

// number reads a number and returns its text.
func (r *jsonReader) number(must string) ([]byte, error) {
	if c := r.next(); c != '-' && (c < '0' || c > '9') {
		return nil, r.wrongOrBroken(must)
	}
	start := r.at
	if err := r.skipNumber(); err != nil {
		return nil, err
	}
	return r.data[start:r.at], nil
}

func (r *jsonReader) literal(word string) error {
	if !bytes.HasPrefix(r.data[r.at:], []byte(word)) {
		return r.unexpected()
	}
	r.at += len(word)
	return nil
}

// skip passes a value.
func (r *jsonReader) skip(depth int) error {
	switch c := r.next(); c {
	case '{':
		return r.object(depth, func([]byte) error { return r.skip(depth + 1) })
	case '[':
		return r.array(depth, func() error { return r.skip(depth + 1) })
	case '"':
		_, err := r.quoted()
		return err
	case 't':
		return r.literal("true")
	case 'f':
		return r.literal("false")
	case 'n':
		return r.literal("null")
	default:
		if c == '-' || c >= '0' && c <= '9' {
			return r.skipNumber()
		}
		return r.unexpected()
	}
}

// skipNumber passes a number: -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
func (r *jsonReader) skipNumber() error {
	if r.data[r.at] == '-' {
		r.at++
	}
	if r.peek() == '0' {
		r.at++
	} else if !r.digits() {
		return r.unexpected()
	}
	if r.peek() == '.' {
		r.at++
		if !r.digits() {
			return r.unexpected()
		}
	}
	if c := r.peek(); c == 'e' || c == 'E' {
		r.at++
		if c := r.peek(); c == '+' || c == '-' {
			r.at++
		}
		if !r.digits() {
			return r.unexpected()
		}
	}
	return nil
}

func (r *jsonReader) peek() byte {
	if r.at < len(r.data) {
		return r.data[r.at]
	}
	return 0
}

func (r *jsonReader) digits() bool {
	start := r.at
	for c := r.peek(); c >= '0' && c <= '9'; c = r.peek() {
		r.at++
	}
	return r.at > start
}

// quoted reads the string that is next: a part of the body, unless it has escapes.
func (r *jsonReader) quoted() ([]byte, error) {
	r.at++
	start := r.at
	at, ascii := plain(r.data, start)
	r.at = at
	switch {
	case at == len(r.data):
		return nil, r.unexpected()
	case r.data[at] == '\\':
		return r.escaped(start)
	case r.data[at] != '"':
		return nil, r.unexpected()
	}
	text := r.data[start:at:at]
	r.at++
	if !ascii && !utf8.Valid(text) {
		return nil, &malformed{"the body is not valid UTF-8"}
	}
	return text, nil
}

// plain passes what stands for itself in a string, and returns where that ends, and whether it is all ASCII.
func plain(data []byte, at int) (end int, ascii bool) {
	var or byte
	for at < len(data) {
		if at+8 <= len(data) {
			if n := plainBytes(binary.LittleEndian.Uint64(data[at:])); n > 0 {
				at += n
				continue
			}
		}
		c := data[at]
		if c < ' ' || c == '"' || c == '\\' {
			break
		}
		or |= c
		at++
	}
	return at, or < utf8.RuneSelf
}

// plainBytes is how many of the first of eight bytes are ASCII that stands for itself in a string. Each other byte sets its
// highest bit in one of the terms; a borrow may set those of bytes behind it too, but never before it.
func plainBytes(eight uint64) int {
	const (
		low  = 0x0101010101010101
		high = 0x8080808080808080
	)
	quote, backslash := eight^(low*'"'), eight^(low*'\\')
	return bits.TrailingZeros64((eight|(eight-low*' ')|(quote-low)|(backslash-low))&high) / 8
}

// escaped reads the rest of a string that has escapes. The text takes the place of its JSON, than which it is never longer.
func (r *jsonReader) escaped(start int) ([]byte, error) {
	text := r.data[start:r.at]
	for r.at < len(r.data) {
		switch c := r.data[r.at]; {
		case c == '"':
			r.at++
			if !utf8.Valid(text) {
				return nil, &malformed{"the body is not valid UTF-8"}
			}
			return text[:len(text):len(text)], nil
		case c < ' ':
			return nil, r.unexpected()
		case c != '\\':
			end, _ := plain(r.data, r.at)
			text = append(text, r.data[r.at:end]...)
			r.at = end
		default:
			char, err := r.escape()
			if err != nil {
				return nil, err
			}
			text = utf8.AppendRune(text, char)
		}
	}
	return nil, r.unexpected()
}

// escape reads one escape.
func (r *jsonReader) escape() (rune, error) {
	r.at++
	c := r.peek()
	if c == 'u' {
		return r.unicode()
	}
	const from, to = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	for i := range len(from) {
		if from[i] == c {
			r.at++
			return rune(to[i]), nil
		}
	}
	return 0, r.unexpected()
}

// unicode reads an escape from its u, with the second half of a pair. Half a pair is no character.
func (r *jsonReader) unicode() (rune, error) {
	char, err := r.hex()
	if err != nil || !utf16.IsSurrogate(char) {
		return char, err
	}
	if bytes.HasPrefix(r.data[r.at:], []byte(`\u`)) {
		r.at++
		second, err := r.hex()
		if err != nil {
			return 0, err
		}
		if pair := utf16.DecodeRune(char, second); pair != utf8.RuneError {
			return pair, nil
		}
	}
	return 0, &malformed{"the body has half a surrogate pair in a string"}
}

// hex reads uXXXX.
func (r *jsonReader) hex() (rune, error) {
	if len(r.data)-r.at < 5 {
		r.at = len(r.data)
		return 0, r.unexpected()
	}
	n, err := strconv.ParseUint(string(r.data[r.at+1:r.at+5]), 16, 32)
	if err != nil {
		return 0, r.unexpected()
	}
	r.at += 5
	return rune(n), nil
}
