package awsapi

import (
	"bytes"
	"errors"

	"github.com/signalbox-mq/signalbox/jsontext"
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
	err := r.skipNumber()
	return r.data[start:r.at], err
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

func (r *jsonReader) skipNumber() (err error) {
	var ok bool
	if r.at, ok = jsontext.Number(r.data, r.at); !ok {
		err = r.unexpected()
	}
	return err
}

// quoted reads the string that is next. What it returns is part of the body, where the text of one that has escapes takes the
// place of its JSON.
func (r *jsonReader) quoted() (text []byte, err error) {
	start := r.at + 1
	text, r.at, err = jsontext.String(r.data, r.at, r.data[start:start])
	switch {
	case err == nil:
		return text, nil
	case errors.Is(err, jsontext.ErrUTF8):
		return nil, &malformed{"the body is not valid UTF-8"}
	case errors.Is(err, jsontext.ErrHalfPair):
		return nil, &malformed{"the body has half a surrogate pair in a string"}
	}
	return nil, r.unexpected()
}
