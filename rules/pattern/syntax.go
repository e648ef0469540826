package pattern

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// ErrInvalidEvent means that the text given as an event is not one JSON object.
var ErrInvalidEvent = errors.New("event is not a valid JSON object")

// SyntaxError says why a pattern or a filter policy was refused. Reason is the text AWS uses where AWS has one.
type SyntaxError struct {
	// Reason is the bare text, without prefix or position.
	Reason string
	// Line and Column, both from 1, say where the parser stood, as Jackson (the parser inside AWS) counts:
	// Column is the UTF-16 unit after the last one read. Both are 0 where AWS gives no position
	// (wildcard syntax, limits).
	Line, Column int

	source string
	filter bool
}

// Error returns "Event pattern is not valid. Reason: <Reason>", or "FilterPolicy: <Reason>" for an error of CompileFilter.
func (e *SyntaxError) Error() string {
	if e.filter {
		return "FilterPolicy: " + e.Reason
	}
	return "Event pattern is not valid. Reason: " + e.Reason
}

// AWSError returns Error with the position AWS appends:
//
//	\n at [Source: (String)"{...}"; line: 1, column: 25]
//
// The source is cut at 500 characters, as Jackson does. Without a position it is the same as Error.
func (e *SyntaxError) AWSError() string {
	if e.Line == 0 {
		return e.Error()
	}
	return e.Error() + "\n at " + location(e.source, e.Line, e.Column)
}

// location formats a position like Jackson's JsonLocation of a String source.
func location(source string, line, column int) string {
	const limit = 500
	snippet, cut := source, ""
	if n := utf8.RuneCountInString(source); n > limit {
		i := 0
		for range limit {
			_, size := utf8.DecodeRuneInString(source[i:])
			i += size
		}
		snippet, cut = source[:i], fmt.Sprintf("[truncated %d chars]", n-limit)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "[Source: (String)\"%s\"%s; line: %d, column: %d]", snippet, cut, line, column)
	return b.String()
}

// position turns a byte offset into Jackson's line and column.
func position(src []byte, offset int) (line, column int) {
	line, column = 1, 1
	offset = min(offset, len(src))
	for i := 0; i < offset; {
		r, size := utf8.DecodeRune(src[i:])
		switch {
		case r == '\n' || r == '\r' && !(i+1 < len(src) && src[i+1] == '\n'):
			line, column = line+1, 1
		case r > 0xffff:
			column += 2
		default:
			column++
		}
		i += size
	}
	return line, column
}
