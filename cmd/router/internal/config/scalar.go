package config

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// spot is a position in the file, both from 1; the column counts characters.
type spot struct{ line, column int }

// source is the file's text by lines, for positions within scalars.
type source []string

func newSource(data []byte) source {
	text := strings.TrimPrefix(string(data), "\ufeff")
	return strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
}

// within returns where a byte of a scalar's value is in the file. YAML folds lines, drops indentation and replaces escapes;
// so the characters of the value that are no white space are counted, and found again in the source.
func (s source) within(n *yaml.Node, offset int) spot {
	offset = min(max(offset, 0), len(n.Value))
	want := 0 // how many characters come before
	behind := false
	for _, r := range n.Value[:offset] {
		if !unicode.IsSpace(r) {
			want++
		}
	}
	if r, _ := utf8.DecodeRuneInString(n.Value[offset:]); offset == len(n.Value) || unicode.IsSpace(r) {
		behind = want > 0 // just behind the character before
		want = max(want-1, 0)
	}
	r := s.reader(n)
	for {
		at, ok := r.next()
		if !ok {
			return spot{n.Line, n.Column}
		}
		if want == 0 {
			if behind {
				at.column = r.column // where the next character would be
			}
			return at
		}
		want--
	}
}

// scalarReader yields the positions of the characters of a scalar that are no white space.
type scalarReader struct {
	src          source
	style        yaml.Style
	line, column int    // of what is next, from 1
	rest         string // what is left of the line
}

func (s source) reader(n *yaml.Node) *scalarReader {
	r := &scalarReader{src: s, style: n.Style, line: n.Line, column: 1}
	if n.Line < 1 || n.Line > len(s) {
		return r
	}
	r.rest = s[n.Line-1]
	for r.column < n.Column && r.rest != "" {
		r.advance()
	}
	// An anchor or a tag is part of the scalar, as the parser sees it.
	for n.Anchor != "" || n.Style&yaml.TaggedStyle != 0 {
		r.space()
		if !strings.HasPrefix(r.rest, "&") && !strings.HasPrefix(r.rest, "!") {
			break
		}
		for r.rest != "" && r.rest[0] != ' ' && r.rest[0] != '\t' {
			r.advance()
		}
	}
	r.space()
	switch {
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		r.newline()
	case n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		r.advance()
	}
	return r
}

func (r *scalarReader) advance() rune {
	c, size := utf8.DecodeRuneInString(r.rest)
	r.rest = r.rest[size:]
	r.column++
	return c
}

// newline goes to the next line; it is false behind the last one.
func (r *scalarReader) newline() bool {
	r.line++
	r.column = 1
	if r.line > len(r.src) {
		r.rest = ""
		return false
	}
	r.rest = r.src[r.line-1]
	return true
}

// space skips white space, line ends included.
func (r *scalarReader) space() bool {
	for {
		c, size := utf8.DecodeRuneInString(r.rest)
		switch {
		case size == 0:
			if !r.newline() {
				return false
			}
		case unicode.IsSpace(c):
			r.advance()
		default:
			return true
		}
	}
}

// next returns where the next character is that is no white space, and goes past it.
func (r *scalarReader) next() (spot, bool) {
	for r.space() {
		at := spot{r.line, r.column}
		c := r.advance()
		switch {
		case c == '\\' && r.style&yaml.DoubleQuotedStyle != 0:
			if unicode.IsSpace(r.escape()) {
				continue
			}
		case c == '\'' && r.style&yaml.SingleQuotedStyle != 0 && strings.HasPrefix(r.rest, "'"):
			r.advance()
		}
		return at, true
	}
	return spot{}, false
}

// escape goes past the rest of an escape sequence of a double-quoted scalar and returns what it stands for; a space for
// those that stand for white space or nothing.
func (r *scalarReader) escape() rune {
	if r.rest == "" {
		return ' ' // the end of the line is escaped
	}
	c := r.advance()
	digits := 0
	switch c {
	case 'x':
		digits = 2
	case 'u':
		digits = 4
	case 'U':
		digits = 8
	case ' ', '\t', 't', 'n', 'v', 'f', 'r', 'N', '_', 'L', 'P':
		return ' '
	default:
		return c
	}
	if len(r.rest) < digits {
		return c
	}
	code, err := strconv.ParseUint(r.rest[:digits], 16, 32)
	if err != nil {
		return c
	}
	for range digits {
		r.advance()
	}
	return rune(code)
}

// offsetAt returns the byte offset of a line and column, from 1 and in characters, in a text.
func offsetAt(text string, line, column int) int {
	at := 0
	for ; line > 1; line-- {
		end := strings.IndexByte(text[at:], '\n')
		if end < 0 {
			return len(text)
		}
		at += end + 1
	}
	for ; column > 1 && at < len(text) && text[at] != '\n'; column-- {
		_, size := utf8.DecodeRuneInString(text[at:])
		at += size
	}
	return at
}
