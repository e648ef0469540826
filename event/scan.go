package event

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/signalbox-mq/signalbox/jsontext"
)

// maxDepth bounds how deeply data may nest, so that nobody after us recurses without end. It is the
// limit of the JSON parser under AWS's own event-ruler.
const maxDepth = 1000

// eventDepth is the depth at which the object that is an event begins, so that its data begins at 0
// in every form: what one decoder lets in, the others can read.
const eventDepth = -1

// syntaxError is where JSON text stops being JSON. Its text continues a sentence: "is not valid
// JSON: …".
type syntaxError struct {
	pos    int
	reason string
}

func (e *syntaxError) Error() string {
	return fmt.Sprintf("is not valid JSON: %s at byte %d", e.reason, e.pos)
}

// scanner walks JSON text once: it checks the grammar of RFC 8259 and that the text is UTF-8, and
// hands out the members of objects and elements of arrays as slices of the text. encoding/json
// would read the text twice, fold the case of keys, let the last of two equal keys win and repair
// bad UTF-8 silently.
type scanner struct {
	data   []byte
	pos    int
	spaces int // bytes of insignificant white space passed so far
}

// rawValue is the text of a value within its document.
type rawValue struct {
	text   []byte
	spaced bool // whether it has insignificant white space
}

func (v rawValue) isNull() bool { return v.text[0] == 'n' }

// compact returns the text without insignificant white space: the text itself when it has none.
func (v rawValue) compact() json.RawMessage {
	if !v.spaced {
		return json.RawMessage(v.text[:len(v.text):len(v.text)])
	}
	out := make([]byte, 0, len(v.text))
	for i := 0; i < len(v.text); {
		c := v.text[i]
		switch {
		case isSpace(c):
			i++
		case c == '"':
			end := i + 1
			for v.text[end] != '"' {
				if v.text[end] == '\\' {
					end++
				}
				end++
			}
			out = append(out, v.text[i:end+1]...)
			i = end + 1
		default:
			out = append(out, c)
			i++
		}
	}
	return out
}

// CompactJSON checks that data is one JSON value in UTF-8 that nests at most 1000 deep, and returns
// it without insignificant white space: data itself when it has none. It is how every Detail gets
// its form. Numbers, escapes and repeated keys stay as written. The error says what is wrong where,
// continuing a sentence ("is not valid JSON: …").
func CompactJSON(data []byte) (json.RawMessage, error) {
	s := scanner{data: data}
	v, err := s.document()
	if err != nil {
		return nil, err
	}
	return v.compact(), nil
}

func validJSON(data []byte) error {
	s := scanner{data: data}
	_, err := s.document()
	return err
}

// document reads one value and the end of the text.
func (s *scanner) document() (rawValue, error) {
	v, err := s.value(0)
	if err != nil {
		return v, err
	}
	return v, s.end()
}

// end accepts white space up to the end of the text, and nothing else.
func (s *scanner) end() error {
	s.space()
	if s.pos < len(s.data) {
		return s.unexpected("after the end of the value")
	}
	return nil
}

// first returns the first byte that is not white space, without passing it; 0 at the end.
func (s *scanner) first() byte {
	s.space()
	if s.pos == len(s.data) {
		return 0
	}
	return s.data[s.pos]
}

// object walks the object at the current position. key is the key decoded; it may be a slice of the
// text, as the value is. The first error ends the walk.
func (s *scanner) object(depth int, visit func(key []byte, v rawValue) error) error {
	if s.first() != '{' {
		return s.unexpected("where an object begins")
	}
	if depth >= maxDepth {
		return s.tooDeep()
	}
	s.pos++
	if s.first() == '}' {
		s.pos++
		return nil
	}
	for {
		if s.first() != '"' {
			return s.unexpected("where a key begins")
		}
		start := s.pos
		if err := s.str(); err != nil {
			return err
		}
		quoted := s.data[start:s.pos]
		if s.first() != ':' {
			return s.unexpected("after a key")
		}
		s.pos++
		v, err := s.value(depth + 1)
		if err != nil {
			return err
		}
		if visit != nil {
			key, ok := unquote(quoted)
			if !ok {
				return &syntaxError{start, "a key with half a surrogate pair"}
			}
			if err := visit(key, v); err != nil {
				return err
			}
		}
		switch s.first() {
		case ',':
			s.pos++
		case '}':
			s.pos++
			return nil
		default:
			return s.unexpected("after a member")
		}
	}
}

// array walks the array at the current position: visit is called with the scanner before the
// element of index i and must read it; nil skips.
func (s *scanner) array(depth int, visit func(i int) error) error {
	if s.first() != '[' {
		return s.unexpected("where an array begins")
	}
	if depth >= maxDepth {
		return s.tooDeep()
	}
	s.pos++
	if s.first() == ']' {
		s.pos++
		return nil
	}
	for i := 0; ; i++ {
		if visit != nil {
			if err := visit(i); err != nil {
				return err
			}
		} else if _, err := s.value(depth + 1); err != nil {
			return err
		}
		switch s.first() {
		case ',':
			s.pos++
		case ']':
			s.pos++
			return nil
		default:
			return s.unexpected("after an element")
		}
	}
}

// value passes one value.
func (s *scanner) value(depth int) (rawValue, error) {
	c := s.first()
	start, spaces := s.pos, s.spaces
	var err error
	switch {
	case c == '"':
		err = s.str()
	case c == '{':
		err = s.object(depth, nil)
	case c == '[':
		err = s.array(depth, nil)
	case c == '-' || c >= '0' && c <= '9':
		err = s.number()
	case c == 't':
		err = s.literal("true")
	case c == 'f':
		err = s.literal("false")
	case c == 'n':
		err = s.literal("null")
	default:
		err = s.unexpected("where a value begins")
	}
	return rawValue{text: s.data[start:s.pos], spaced: s.spaces > spaces}, err
}

func (s *scanner) literal(word string) error {
	for i := range len(word) {
		if s.pos == len(s.data) || s.data[s.pos] != word[i] {
			return s.unexpected("in " + word)
		}
		s.pos++
	}
	return nil
}

func (s *scanner) number() (err error) {
	var ok bool
	if s.pos, ok = jsontext.Number(s.data, s.pos); !ok {
		err = s.unexpected("in a number")
	}
	return err
}

// str passes the string at the current position.
func (s *scanner) str() error {
	data, at := s.data, s.pos+1
	for {
		end, ascii := jsontext.Plain(data, at)
		if !ascii && !utf8.Valid(data[at:end]) {
			for r, n := utf8.DecodeRune(data[at:end]); r != utf8.RuneError || n > 1; r, n = utf8.DecodeRune(data[at:end]) {
				at += n
			}
			return &syntaxError{at, "invalid UTF-8"}
		}
		s.pos = end
		switch {
		case end == len(data):
			return s.unexpected("")
		case data[end] == '"':
			s.pos++
			return nil
		case data[end] != '\\':
			return &syntaxError{end, "a control character in a string"}
		}
		var ok bool
		if _, at, ok = jsontext.Escape(data, end); !ok {
			return &syntaxError{end, "an invalid escape"}
		}
	}
}

func (s *scanner) space() {
	for s.pos < len(s.data) && isSpace(s.data[s.pos]) {
		s.pos++
		s.spaces++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

func (s *scanner) unexpected(where string) error {
	if s.pos >= len(s.data) {
		return &syntaxError{s.pos, "unexpected end"}
	}
	r, _ := utf8.DecodeRune(s.data[s.pos:])
	return &syntaxError{s.pos, fmt.Sprintf("unexpected %q %s", r, where)}
}

func (s *scanner) tooDeep() error {
	return &syntaxError{s.pos, fmt.Sprintf("it nests deeper than %d", maxDepth)}
}
