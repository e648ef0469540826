package pattern

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/bits"
	"unicode/utf8"
)

// maxEventDepth bounds the nesting of containers the scanner enters; encoding/json has the same bound.
const maxEventDepth = 10000

// ValidateEvent reports whether event is one JSON object (RFC 8259; object members may repeat) and nothing else. It
// returns ErrInvalidEvent or nil. Index.Match relies on a producer having called it once per event.
func ValidateEvent(event []byte) error {
	if i := skipSpace(event, 0); i >= len(event) || event[i] != '{' || !json.Valid(event) {
		return ErrInvalidEvent
	}
	return nil
}

// scan walks the event once and records the leaves the trie asks for; subtrees nobody asks for are passed over by their
// brackets and quotes alone, not checked, and so may be the end of the event.
func (s *scratch) scan(root *node) error {
	i := skipSpace(s.src, 0)
	if i >= len(s.src) || s.src[i] != '{' {
		return ErrInvalidEvent
	}
	if root.leaf() {
		return nil
	}
	i = s.object(root, i+1, 0)
	if i == stopped {
		return nil
	}
	if i < 0 || skipSpace(s.src, i) != len(s.src) {
		return ErrInvalidEvent
	}
	return nil
}

// object reads members up to and with the closing brace. Like all readers here it returns the next offset, -1 if the text
// is broken, or stopped (stop.go).
func (s *scratch) object(n *node, i int, chain int32) int {
	b := s.src
	if s.depth++; s.depth > maxEventDepth {
		return -1
	}
	i = skipSpace(b, i)
	if i < len(b) && b[i] == '}' {
		s.depth--
		return i + 1
	}
	s.open = append(s.open, n)
	awaited := n.awaited()
	for {
		if i >= len(b) || b[i] != '"' {
			return -1
		}
		start := i + 1
		end, esc, dot := keyEnd(b, start)
		if end < 0 {
			return -1
		}
		i = end + 1
		if i < len(b) && b[i] == ':' {
			i++
		} else if i = skipSpace(b, i); i < len(b) && b[i] == ':' {
			i++
		} else {
			return -1
		}
		if i < len(b) && b[i] <= ' ' {
			i = skipSpace(b, i)
		}
		if i >= len(b) {
			return -1
		}
		var kid *node
		at := 0
		if esc || dot {
			kid = s.step(n, b[start:end], esc)
		} else if kid, at = n.child(b[start:end]); kid != nil && awaited != 0 {
			if awaited &^= 1 << at; awaited == 0 {
				s.complete++
			}
		}
		if kid == nil {
			i = skipValue(b, i)
		} else {
			i = s.value(kid, i, chain)
		}
		if i < 0 {
			return i
		}
		if awaited == 0 && s.complete == s.depth {
			if s.nothingLeft(i) {
				return stopped
			}
			awaited = repeated
			s.complete--
		}
		if i < len(b) && b[i] <= ' ' {
			i = skipSpace(b, i)
		}
		if i >= len(b) {
			return -1
		}
		switch b[i] {
		case ',':
			i++
			if i < len(b) && b[i] <= ' ' {
				i = skipSpace(b, i)
			}
		case '}':
			s.depth--
			s.open = s.open[:len(s.open)-1]
			if awaited == 0 {
				s.complete--
			}
			return i + 1
		default:
			return -1
		}
	}
}

// step follows a key, splitting it at dots.
func (s *scratch) step(n *node, key []byte, esc bool) *node {
	if esc {
		at := len(s.buf)
		s.buf = appendUnescaped(s.buf, key)
		key = s.buf[at:]
	}
	if kid, _ := n.child(key); kid != nil {
		return kid
	}
	dot := bytes.IndexByte(key, '.')
	if dot < 0 {
		return nil
	}
	for n != nil {
		if dot < 0 {
			kid, _ := n.child(key)
			return kid
		}
		n, _ = n.child(key[:dot])
		key = key[dot+1:]
		dot = bytes.IndexByte(key, '.')
	}
	return nil
}

func (s *scratch) value(n *node, i int, chain int32) int {
	b := s.src
	switch b[i] {
	case '"':
		start := i + 1
		end, esc := stringEnd(b, start)
		if end < 0 {
			return -1
		}
		if n.path >= 0 {
			text := b[start:end]
			if esc {
				at := len(s.buf)
				s.buf = appendUnescaped(s.buf, text)
				text = s.buf[at:len(s.buf):len(s.buf)]
			}
			s.add(n.path, leafString, text, chain)
		}
		return end + 1
	case '{':
		if n.leaf() {
			return skipContainer(b, i+1)
		}
		return s.object(n, i+1, chain)
	case '[':
		return s.array(n, i+1, chain)
	}
	end := scalarEnd(b, i)
	text := b[i:end]
	if len(text) == 0 {
		return -1
	}
	if n.path < 0 {
		return end
	}
	switch c := text[0]; {
	case c == '-' || c >= '0' && c <= '9':
		s.add(n.path, leafNumber, text, chain)
	case string(text) == "true":
		s.add(n.path, leafTrue, nil, chain)
	case string(text) == "false":
		s.add(n.path, leafFalse, nil, chain)
	case string(text) == "null":
		s.add(n.path, leafNull, nil, chain)
	default:
		return -1
	}
	return end
}

// array reads elements up to and with the closing bracket. Scalars keep the chain of the array itself; objects and arrays
// inside extend it by their index.
func (s *scratch) array(n *node, i int, chain int32) int {
	b := s.src
	if s.depth++; s.depth > maxEventDepth {
		return -1
	}
	id := s.arrays
	s.arrays++
	i = skipSpace(b, i)
	if i < len(b) && b[i] == ']' {
		s.depth--
		return i + 1
	}
	for index := int32(0); ; index++ {
		if i >= len(b) {
			return -1
		}
		switch c := b[i]; {
		case c == '{' && n.leaf():
			i = skipContainer(b, i+1)
		case c == '{' || c == '[':
			s.links = append(s.links, link{parent: chain, array: id, index: index})
			inner := int32(len(s.links) - 1)
			if c == '{' {
				i = s.object(n, i+1, inner)
			} else {
				i = s.array(n, i+1, inner)
			}
		default:
			i = s.value(n, i, chain)
		}
		if i < 0 {
			return i
		}
		if i = skipSpace(b, i); i >= len(b) {
			return -1
		}
		switch b[i] {
		case ',':
			i = skipSpace(b, i+1)
		case ']':
			s.depth--
			return i + 1
		default:
			return -1
		}
	}
}

func skipSpace(b []byte, i int) int {
	for i < len(b) {
		switch b[i] {
		case ' ', '\t', '\n', '\r':
			i++
		default:
			return i
		}
	}
	return i
}

// scalarEnd returns where a number or literal ends.
func scalarEnd(b []byte, i int) int {
	for i < len(b) {
		switch b[i] {
		case ',', '}', ']', ' ', '\t', '\n', '\r', ':', '"', '{', '[':
			return i
		}
		i++
	}
	return i
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// zeroBytes marks, with its high bit, every byte of w that is zero; a byte behind the first marked one may be marked wrongly.
func zeroBytes(w uint64) uint64 { return (w - ones) &^ w & highs }

// stringEnd returns the offset of the quote closing the string whose content starts at i, and whether there are escapes in
// between; -1 if there is no such quote. Eight bytes at a time: event strings are short, so this beats a call of
// bytes.IndexByte for each.
func stringEnd(b []byte, i int) (end int, escaped bool) {
	for i+8 <= len(b) {
		w := binary.LittleEndian.Uint64(b[i:])
		m := zeroBytes(w^ones*'"') | zeroBytes(w^ones*'\\')
		if m == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(m) >> 3
		if b[i] == '"' {
			return i, escaped
		}
		escaped = true
		i += 2
	}
	for i < len(b) {
		switch b[i] {
		case '"':
			return i, escaped
		case '\\':
			escaped = true
			i++
		}
		i++
	}
	return -1, false
}

// keyEnd is stringEnd for a key, and also reports whether there may be a dot in it.
func keyEnd(b []byte, i int) (end int, escaped, dot bool) {
	for i+8 <= len(b) {
		w := binary.LittleEndian.Uint64(b[i:])
		m := zeroBytes(w^ones*'"') | zeroBytes(w^ones*'\\')
		d := zeroBytes(w ^ ones*'.')
		if m == 0 {
			dot = dot || d != 0
			i += 8
			continue
		}
		dot = dot || d&(m-1) != 0 // a dot before the first quote or backslash
		i += bits.TrailingZeros64(m) >> 3
		if b[i] == '"' {
			return i, false, dot
		}
		end, _ = stringEnd(b, i)
		return end, true, true
	}
	end, escaped = stringEnd(b, i)
	return end, escaped, true
}

// skipValue passes over a value.
func skipValue(b []byte, i int) int {
	switch b[i] {
	case '"':
		end, _ := stringEnd(b, i+1)
		if end < 0 {
			return -1
		}
		return end + 1
	case '{', '[':
		return skipContainer(b, i+1)
	}
	end := scalarEnd(b, i)
	if end == i {
		return -1
	}
	return end
}

// appendUnescaped decodes JSON escapes. A wrong escape is kept as it stands.
func appendUnescaped(dst, src []byte) []byte {
	for i := 0; i < len(src); {
		c := src[i]
		if c != '\\' || i+1 >= len(src) {
			dst = append(dst, c)
			i++
			continue
		}
		if src[i+1] == 'u' {
			if r, n := unicodeEscape(src[i:]); n > 0 {
				dst = utf8.AppendRune(dst, r)
				i += n
				continue
			}
		} else if d := unescaped(src[i+1]); d != 0 {
			dst = append(dst, d)
			i += 2
			continue
		}
		dst = append(dst, c)
		i++
	}
	return dst
}
