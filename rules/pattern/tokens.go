package pattern

import (
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

type token uint8

const (
	tokEOF token = iota
	tokStartObject
	tokEndObject
	tokStartArray
	tokEndArray
	tokField
	tokString
	tokNumber
	tokTrue
	tokFalse
	tokNull
)

// maxDepth is the nesting Jackson allows.
const maxDepth = 1000

// tokenizer reads a pattern token by token and stands where Jackson's ReaderBasedJsonParser would stand, because clients
// compare the columns of error messages. Two habits of Jackson matter: reading a field name also reads the start of its
// value, and a string is read to its end only when its text is asked for.
type tokenizer struct {
	src     []byte
	pos     int   // the next unread byte
	cur     token // the current token
	pending token // value token already read behind a field name
	hasPend bool
	start   int    // where the current string's content or the current number starts
	open    bool   // the current string has not been read to its end
	str     string // text of the current field name, string or number
	stack   []frame
}

type frame struct {
	object bool
	start  int // offset of the opening bracket
	count  int // entries so far
}

func (z *tokenizer) errorf(format string, args ...any) error {
	line, col := position(z.src, z.pos)
	return &SyntaxError{Reason: fmt.Sprintf(format, args...), Line: line, Column: col, source: string(z.src)}
}

// unplaced is an error without position.
func (z *tokenizer) unplaced(reason string) error {
	return &SyntaxError{Reason: reason}
}

func (z *tokenizer) space() {
	for z.pos < len(z.src) {
		switch z.src[z.pos] {
		case ' ', '\t', '\n', '\r':
			z.pos++
		default:
			return
		}
	}
}

// next moves to the next token.
func (z *tokenizer) next() (token, error) {
	if z.hasPend {
		z.hasPend = false
		z.cur = z.pending
		if z.cur == tokStartObject || z.cur == tokStartArray {
			if err := z.push(z.cur == tokStartObject); err != nil {
				return tokEOF, err
			}
		}
		return z.cur, nil
	}
	if err := z.finish(); err != nil {
		return tokEOF, err
	}
	z.space()
	if z.pos >= len(z.src) {
		return z.endOfInput()
	}
	c := z.src[z.pos]
	if c == '}' || c == ']' {
		return z.closing(c)
	}
	if n := len(z.stack); n > 0 {
		top := &z.stack[n-1]
		if top.count > 0 {
			if c != ',' {
				kind := "Array"
				if top.object {
					kind = "Object"
				}
				return tokEOF, z.unexpected("was expecting comma to separate " + kind + " entries")
			}
			z.pos++
			z.space()
			if z.pos >= len(z.src) {
				return z.endOfInput()
			}
		}
		top.count++
		if top.object {
			return z.field()
		}
	}
	tok, err := z.value()
	if err != nil {
		return tokEOF, err
	}
	z.cur = tok
	if tok == tokStartObject || tok == tokStartArray {
		if err := z.push(tok == tokStartObject); err != nil {
			return tokEOF, err
		}
	}
	return tok, nil
}

func (z *tokenizer) push(object bool) error {
	if len(z.stack) >= maxDepth {
		return z.errorf("Document nesting depth (%d) exceeds the maximum allowed (%d)", len(z.stack)+1, maxDepth)
	}
	z.stack = append(z.stack, frame{object: object, start: z.pos - 1})
	return nil
}

func (z *tokenizer) closing(c byte) (token, error) {
	if len(z.stack) == 0 {
		return tokEOF, z.unexpected("expected a value")
	}
	top := z.stack[len(z.stack)-1]
	z.pos++
	if top.object != (c == '}') {
		kind, want := "Array", byte(']')
		if top.object {
			kind, want = "Object", '}'
		}
		line, col := position(z.src, top.start)
		return tokEOF, z.errorf("Unexpected close marker '%c': expected '%c' (for %s starting at %s)", c, want, kind, location(string(z.src), line, col))
	}
	z.stack = z.stack[:len(z.stack)-1]
	z.cur = tokEndArray
	if top.object {
		z.cur = tokEndObject
	}
	return z.cur, nil
}

func (z *tokenizer) endOfInput() (token, error) {
	z.cur = tokEOF
	if len(z.stack) == 0 {
		return tokEOF, nil
	}
	top := z.stack[len(z.stack)-1]
	kind := "Array"
	if top.object {
		kind = "Object"
	}
	line, col := position(z.src, top.start)
	return tokEOF, z.errorf("Unexpected end-of-input: expected close marker for %s (start marker at %s)", kind, location(string(z.src), line, col))
}

func (z *tokenizer) unexpected(want string) error {
	r, size := utf8.DecodeRune(z.src[z.pos:])
	z.pos += size
	if r < ' ' {
		return z.errorf("Unexpected character ((CTRL-CHAR, code %d)): %s", r, want)
	}
	return z.errorf("Unexpected character ('%c' (code %d)): %s", r, r, want)
}

// field reads a name, the colon and the start of the value.
func (z *tokenizer) field() (token, error) {
	if z.src[z.pos] != '"' {
		return tokEOF, z.unexpected("was expecting double-quote to start field name")
	}
	z.pos++
	name, err := z.text()
	if err != nil {
		return tokEOF, err
	}
	z.space()
	if z.pos >= len(z.src) {
		return z.endOfInput()
	}
	if z.src[z.pos] != ':' {
		return tokEOF, z.unexpected("was expecting a colon to separate field name and value")
	}
	z.pos++
	z.space()
	if z.pos >= len(z.src) {
		return z.endOfInput()
	}
	if z.pending, err = z.value(); err != nil {
		return tokEOF, err
	}
	z.hasPend = true
	z.str = name
	z.cur = tokField
	return tokField, nil
}

// value reads the start of a value: all of it for numbers and literals, one byte for the rest.
func (z *tokenizer) value() (token, error) {
	switch c := z.src[z.pos]; {
	case c == '"':
		z.pos++
		z.start, z.open = z.pos, true
		return tokString, nil
	case c == '{':
		z.pos++
		return tokStartObject, nil
	case c == '[':
		z.pos++
		return tokStartArray, nil
	case c == '-' || c >= '0' && c <= '9':
		return z.number()
	case c == ']' || c == '}' || c == ',' || c == ':':
		return tokEOF, z.unexpected("expected a value")
	case c == 't' && z.literal("true"):
		return tokTrue, nil
	case c == 'f' && z.literal("false"):
		return tokFalse, nil
	case c == 'n' && z.literal("null"):
		return tokNull, nil
	default:
		const expected = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
		start := z.pos
		for z.pos < len(z.src) {
			r, size := utf8.DecodeRune(z.src[z.pos:])
			if !(r == '_' || r == '$' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r > 0x7f) {
				break
			}
			z.pos += size
		}
		if z.pos == start {
			return tokEOF, z.unexpected("expected a valid value " + expected)
		}
		return tokEOF, z.errorf("Unrecognized token '%s': was expecting %s", z.src[start:z.pos], expected)
	}
}

func (z *tokenizer) literal(want string) bool {
	end := z.pos + len(want)
	if !strings.HasPrefix(string(z.src[z.pos:min(end, len(z.src))]), want) {
		return false
	}
	if end < len(z.src) {
		if c := z.src[end]; c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '$' {
			return false
		}
	}
	z.pos = end
	return true
}

func (z *tokenizer) number() (token, error) {
	z.start = z.pos
	if z.src[z.pos] == '-' {
		z.pos++
	}
	digits := func() int {
		n := 0
		for z.pos < len(z.src) && z.src[z.pos] >= '0' && z.src[z.pos] <= '9' {
			z.pos++
			n++
		}
		return n
	}
	first := z.pos
	n := digits()
	if n == 0 {
		return tokEOF, z.numberError("expected digit (0-9) to follow minus sign, for valid numeric value")
	}
	if n > 1 && z.src[first] == '0' {
		z.pos = first + 1
		return tokEOF, z.errorf("Invalid numeric value: Leading zeroes not allowed")
	}
	if z.pos < len(z.src) && z.src[z.pos] == '.' {
		z.pos++
		if digits() == 0 {
			return tokEOF, z.numberError("Decimal point not followed by a digit")
		}
	}
	if z.pos < len(z.src) && (z.src[z.pos] == 'e' || z.src[z.pos] == 'E') {
		z.pos++
		if z.pos < len(z.src) && (z.src[z.pos] == '+' || z.src[z.pos] == '-') {
			z.pos++
		}
		if digits() == 0 {
			return tokEOF, z.numberError("Exponent indicator not followed by a digit")
		}
	}
	return tokNumber, nil
}

func (z *tokenizer) numberError(why string) error {
	if z.pos >= len(z.src) {
		return z.errorf("Unexpected end-of-input in a Number value")
	}
	return z.unexpected(why)
}

// finish reads the current string to its end if nobody asked for its text.
func (z *tokenizer) finish() error {
	if !z.open {
		return nil
	}
	_, err := z.text()
	return err
}

// current returns the text of the current token: a field's name, a string's content, a number's spelling.
func (z *tokenizer) current() (string, error) {
	if z.cur == tokString && z.open {
		return z.text()
	}
	if z.cur == tokNumber {
		return string(z.src[z.start:z.pos]), nil
	}
	return z.str, nil
}

// text reads string content up to and with its closing quote. z.pos is behind the opening one.
func (z *tokenizer) text() (string, error) {
	z.open = false
	var b []byte
	for z.pos < len(z.src) {
		c := z.src[z.pos]
		z.pos++
		switch {
		case c == '"':
			z.str = string(b)
			return z.str, nil
		case c < ' ':
			return "", z.errorf("Illegal unquoted character ((CTRL-CHAR, code %d)): has to be escaped using backslash to be included in string value", c)
		case c != '\\':
			b = append(b, c)
		default:
			if z.pos >= len(z.src) {
				return "", z.errorf("Unexpected end-of-input in character escape sequence")
			}
			e := z.src[z.pos]
			if e == 'u' {
				r, n := unicodeEscape(z.src[z.pos-1:])
				if n == 0 {
					z.pos++
					return "", z.errorf("Unexpected character in \\u escape: expected a hex-digit for character escape sequence")
				}
				z.pos += n - 1
				b = utf8.AppendRune(b, r)
				continue
			}
			d := unescaped(e)
			if d == 0 {
				z.pos++
				return "", z.errorf("Unrecognized character escape '%c' (code %d)", e, e)
			}
			z.pos++
			b = append(b, d)
		}
	}
	return "", z.errorf("Unexpected end-of-input: was expecting closing quote for a string value")
}

// unescaped returns the byte a one-letter escape stands for, 0 if there is none.
func unescaped(c byte) byte {
	switch c {
	case '"', '\\', '/':
		return c
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return 0
}

// unicodeEscape decodes \uXXXX, or a pair of them, at the start of b. The size is 0 if the digits are wrong. Half a pair
// gives U+FFFD.
func unicodeEscape(b []byte) (rune, int) {
	r, ok := hex4(b)
	if !ok {
		return 0, 0
	}
	if utf16.IsSurrogate(r) {
		if low, ok := hex4(b[6:]); ok {
			if full := utf16.DecodeRune(r, low); full != utf8.RuneError {
				return full, 12
			}
		}
		return utf8.RuneError, 6
	}
	return r, 6
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range b[2:6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
