package native

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// quoted reads the string that is next.
func (r *reader) quoted(path string) ([]byte, error) {
	r.at++
	start := r.at
	for r.at < len(r.data) {
		switch c := r.data[r.at]; {
		case c == '"':
			text := r.data[start:r.at:r.at]
			r.at++
			if !utf8.Valid(text) {
				return nil, &badRequest{path, "is not valid UTF-8"}
			}
			return text, nil
		case c == '\\':
			return r.escaped(path, start)
		case c < ' ':
			return nil, r.unexpected()
		}
		r.at++
	}
	return nil, r.unexpected()
}

// escaped reads the rest of a string that has escapes.
func (r *reader) escaped(path string, start int) ([]byte, error) {
	text := append(make([]byte, 0, r.at-start+64), r.data[start:r.at]...)
	for r.at < len(r.data) {
		switch c := r.data[r.at]; {
		case c == '"':
			r.at++
			if !utf8.Valid(text) {
				return nil, &badRequest{path, "is not valid UTF-8"}
			}
			return text, nil
		case c < ' ':
			return nil, r.unexpected()
		case c != '\\':
			text = append(text, c)
			r.at++
		default:
			r.at++
			char, err := r.escape(path)
			if err != nil {
				return nil, err
			}
			text = utf8.AppendRune(text, char)
		}
	}
	return nil, r.unexpected()
}

// escape reads what follows a backslash.
func (r *reader) escape(path string) (rune, error) {
	if r.at >= len(r.data) {
		return 0, r.unexpected()
	}
	c := r.data[r.at]
	if c == 'u' {
		return r.unicode(path)
	}
	const from, to = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	i := bytes.IndexByte([]byte(from), c)
	if i < 0 {
		return 0, r.unexpected()
	}
	r.at++
	return rune(to[i]), nil
}

// unicode reads an escape from its u, with the second half of a pair.
func (r *reader) unicode(path string) (rune, error) {
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
	return 0, &badRequest{path, "has half a surrogate pair"}
}

// hex reads uXXXX.
func (r *reader) hex() (rune, error) {
	r.at++
	var char rune
	for range 4 {
		if r.at >= len(r.data) {
			return 0, r.unexpected()
		}
		c := r.data[r.at]
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, r.unexpected()
		}
		char = char<<4 | rune(c)
		r.at++
	}
	return char, nil
}
