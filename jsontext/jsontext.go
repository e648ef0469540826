// Package jsontext reads what strings and numbers are in JSON text (RFC 8259, in UTF-8), for readers that differ in all else:
// what an object may have, how deeply it may nest, which error says so. Its functions take a text and the offset at which what
// they read begins, and return the offset at which it ends, or of the byte that is wrong: the length of the text when that
// breaks off.
package jsontext

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// What is wrong with a string.
var (
	ErrSyntax   = errors.New("not JSON")
	ErrUTF8     = errors.New("not UTF-8")
	ErrHalfPair = errors.New("half a surrogate pair")
)

// String reads the string whose opening quote is at an offset. What it returns is part of data unless there are escapes: then it
// is appended to into, which may be the empty slice of data behind the quote, since no text is longer than its JSON.
func String(data []byte, at int, into []byte) (text []byte, end int, err error) {
	start := at + 1
	end, ascii := Plain(data, start)
	if end < len(data) && data[end] == '\\' {
		if into == nil {
			into = make([]byte, 0, end-start+64)
		}
		into, ascii = append(into, data[start:end]...), false
		if into, end, err = unescape(into, data, end); err != nil {
			return nil, end, err
		}
		text = into[:len(into):len(into)]
	} else {
		text = data[start:end:end]
	}
	if end == len(data) || data[end] != '"' {
		return nil, end, ErrSyntax
	}
	if !ascii && !utf8.Valid(text) {
		return nil, end, ErrUTF8
	}
	return text, end + 1, nil
}

// unescape appends what is left of a string.
func unescape(into, data []byte, at int) ([]byte, int, error) {
	for at < len(data) && data[at] == '\\' {
		char, end, ok := Escape(data, at)
		if !ok {
			return nil, end, ErrSyntax
		}
		if utf16.IsSurrogate(char) {
			return nil, end, ErrHalfPair
		}
		into = utf8.AppendRune(into, char)
		at, _ = Plain(data, end)
		into = append(into, data[end:at]...)
	}
	return into, at, nil
}

// Plain passes what stands for itself in a string: all but quotes, backslashes and control characters. ascii is whether it is
// all ASCII; else it may be no UTF-8.
func Plain(data []byte, at int) (end int, ascii bool) {
	const (
		low  = 0x0101010101010101
		high = 0x8080808080808080
	)
	var seen uint64
	for ; at+8 <= len(data); at += 8 {
		eight := binary.LittleEndian.Uint64(data[at:])
		// Each byte that does not stand for itself sets its highest bit; a borrow may set those of bytes behind it too, but never
		// before it.
		quote, backslash := eight^(low*'"'), eight^(low*'\\')
		if stop := ((eight - low*' ') | (quote - low) | (backslash - low)) &^ eight & high; stop != 0 {
			seen |= eight & (stop&-stop - 1)
			return at + bits.TrailingZeros64(stop)/8, seen&high == 0
		}
		seen |= eight
	}
	for ; at < len(data) && data[at] >= ' ' && data[at] != '"' && data[at] != '\\'; at++ {
		seen |= uint64(data[at])
	}
	return at, seen&high == 0
}

// Escape decodes the escape whose backslash is at an offset; two that are a surrogate pair are one. Half a pair is returned as the
// surrogate that it is, which is no character: it is for the caller to refuse or replace. Without ok there is no escape.
func Escape(data []byte, at int) (char rune, end int, ok bool) {
	at++
	if at >= len(data) {
		return 0, at, false
	}
	switch c := data[at]; c {
	case '"', '\\', '/':
		return rune(c), at + 1, true
	case 'b':
		return '\b', at + 1, true
	case 'f':
		return '\f', at + 1, true
	case 'n':
		return '\n', at + 1, true
	case 'r':
		return '\r', at + 1, true
	case 't':
		return '\t', at + 1, true
	case 'u':
		char, end, ok = hex4(data, at+1)
		if ok && utf16.IsSurrogate(char) && bytes.HasPrefix(data[end:], []byte(`\u`)) {
			if second, after, ok := hex4(data, end+2); ok {
				if pair := utf16.DecodeRune(char, second); pair != utf8.RuneError {
					return pair, after, true
				}
			}
		}
		return char, end, ok
	}
	return 0, at, false
}

func hex4(data []byte, at int) (char rune, end int, ok bool) {
	for end = at; end < at+4; end++ {
		if end == len(data) {
			return 0, end, false
		}
		c := data[end]
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, end, false
		}
		char = char<<4 | rune(c)
	}
	return char, end, true
}

// Number passes a number: -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
func Number(data []byte, at int) (end int, ok bool) {
	if at < len(data) && data[at] == '-' {
		at++
	}
	if at < len(data) && data[at] == '0' {
		at++
	} else if at, ok = digits(data, at); !ok {
		return at, false
	}
	if at < len(data) && data[at] == '.' {
		if at, ok = digits(data, at+1); !ok {
			return at, false
		}
	}
	if at < len(data) && data[at]|0x20 == 'e' {
		at++
		if at < len(data) && (data[at] == '+' || data[at] == '-') {
			at++
		}
		return digits(data, at)
	}
	return at, true
}

func digits(data []byte, at int) (end int, ok bool) {
	for end = at; end < len(data) && data[end] >= '0' && data[end] <= '9'; end++ {
	}
	return end, end > at
}
