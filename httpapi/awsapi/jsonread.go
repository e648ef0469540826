package awsapi

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"time"
)

// maxDepth bounds how deeply a request may nest. No input of an AWS API comes near it.
const maxDepth = 64

// maxElements bounds how many members and elements all objects and lists of a body may have together, since what is made of one
// may take many times its place in the body. The largest input, ten messages with ten attributes each, has less than 500.
const maxElements = 10_000

var errTooMany = &malformed{"the objects and lists of the body have more than 10,000 elements together"}

// jsonReader reads a shape off a JSON document in one pass, which destroys the document: RFC 8259, in UTF-8. Members that the shape does not have are
// passed over, null is the same as absent, and of a member that comes twice the last counts, as on AWS.
type jsonReader struct {
	data []byte
	at   int
	// elements is how many members and elements there were so far.
	elements int
	fields   []Field // scratch space
	// constrained says that absences collects the required members that are not there.
	constrained bool
	absences    absences
}

// malformed is an error of a codec: the request is not what its protocol says. It becomes a SerializationException, or in
// Query a MalformedInput.
type malformed struct{ reason string }

func (e *malformed) Error() string { return e.reason }

func (r *jsonReader) unexpected() error {
	if r.at >= len(r.data) {
		return &malformed{"the body ends in the midst of its JSON"}
	}
	return &malformed{fmt.Sprintf("the body is not valid JSON at byte %d", r.at)}
}

// readJSON reads the whole of data, which may be empty, into a shape.
func (r *jsonReader) readJSON(data []byte, s Shape) error {
	r.data, r.at, r.elements = data, 0, 0
	if r.next() == 0 && r.at == len(r.data) {
		if r.constrained {
			r.absences.tell(s.Fields(nil), 0)
		}
		return nil
	}
	if err := r.shape(s, 0); err != nil {
		return err
	}
	if r.next(); r.at != len(r.data) {
		return r.unexpected()
	}
	return nil
}

func (r *jsonReader) shape(s Shape, depth int) error {
	base := len(r.fields)
	r.fields = s.Fields(r.fields)
	fields := r.fields[base:]
	defer func() { r.fields = r.fields[:base] }()
	var seen uint64 // the members that were there, as bits; only those of services whose absences are told
	err := r.object(depth, func(key []byte) error {
		for i := range fields {
			if f := &fields[i]; len(f.Name) == len(key) && f.Name == string(key) {
				if !r.constrained {
					return r.member(f, depth+1)
				}
				if r.next() != 'n' {
					seen |= 1 << i
				}
				back := r.absences.enterMember(f.Name)
				err := r.member(f, depth+1)
				r.absences.leave(back)
				return err
			}
		}
		return r.skip(depth + 1)
	})
	if err == nil && r.constrained {
		r.absences.tell(fields, seen)
	}
	return err
}

// member reads a value into a member.
func (r *jsonReader) member(f *Field, depth int) error {
	if r.next() == 'n' {
		return r.literal("null")
	}
	err := r.value(f.To, depth)
	if e, ok := err.(*wrongType); ok { //nolint:errorlint // ours, never wrapped
		e.path = f.Name + e.path
		if depth > 1 {
			e.path = "." + e.path
		}
	}
	return err
}

// wrongType says that a value is of another type than its member.
type wrongType struct{ path, must string }

func (e *wrongType) Error() string {
	if e.path == "" {
		return "the body must be " + e.must
	}
	return e.path + " must be " + e.must
}

// wrongOrBroken is the error of a value that begins with another byte than it should: it may be a value of another type, or
// no JSON at all.
func (r *jsonReader) wrongOrBroken(must string) error {
	if err := r.skip(0); err != nil {
		return err
	}
	return &wrongType{must: must}
}

func (r *jsonReader) value(to any, depth int) error {
	switch to := to.(type) {
	case *string:
		text, err := r.text()
		if err == nil {
			*to = string(text)
		}
		return err
	case *Text:
		text, err := r.text()
		*to = text
		return err
	case *Blob:
		return r.blob(to)
	case *Int:
		return r.integer(to)
	case *bool:
		return r.boolean(to)
	case *Flag:
		to.Given = true
		return r.boolean(&to.Value)
	case *time.Time:
		return r.time(to)
	case *[]string:
		*to = nil
		return r.array(depth, func() error {
			text, err := r.text()
			if err == nil {
				*to = append(*to, string(text))
			}
			return err
		})
	case *map[string]string:
		*to = make(map[string]string)
		return r.texts(depth, func(key, value string) { (*to)[key] = value })
	case *[]TextEntry:
		*to = nil
		return r.texts(depth, func(key, value string) { *to = append(*to, TextEntry{key, value}) })
	case mapping:
		to.clear()
		return r.object(depth, func(key []byte) error {
			name := string(key)
			if r.next() == 'n' {
				return r.literal("null")
			}
			s := to.add()
			*to.key(to.len() - 1) = name
			return r.element(s, name, depth+1)
		})
	case sequence:
		to.clear()
		return r.array(depth, func() error {
			if r.next() == 'n' {
				return r.literal("null")
			}
			s := to.add()
			if !r.constrained {
				return r.shape(s, depth+1)
			}
			return r.element(s, strconv.Itoa(to.len()), depth+1)
		})
	case part:
		return r.shape(to.make(), depth)
	}
	panic("awsapi: a member has a type that no codec knows")
}

// element reads a shape that is in a list or map, under the step by which it is found there.
func (r *jsonReader) element(s Shape, step string, depth int) error {
	if !r.constrained {
		return r.shape(s, depth)
	}
	back := r.absences.enter(step + ".member")
	err := r.shape(s, depth)
	r.absences.leave(back)
	return err
}

// texts reads a map from text to text.
func (r *jsonReader) texts(depth int, add func(key, value string)) error {
	return r.object(depth, func(key []byte) error {
		name := string(key)
		if r.next() == 'n' {
			return r.literal("null")
		}
		text, err := r.text()
		if e, ok := err.(*wrongType); ok { //nolint:errorlint // ours, never wrapped
			e.path = "." + clip(name)
		}
		if err == nil {
			add(name, string(text))
		}
		return err
	})
}

// text reads a string. What it returns is part of the body unless it has escapes.
func (r *jsonReader) text() ([]byte, error) {
	if r.next() != '"' {
		return nil, r.wrongOrBroken("a string")
	}
	return r.quoted()
}

func (r *jsonReader) blob(to *Blob) error {
	text, err := r.text()
	if err != nil {
		return err
	}
	b, err := base64.StdEncoding.AppendDecode(make([]byte, 0, base64.StdEncoding.DecodedLen(len(text))), text)
	if err != nil {
		return &wrongType{must: "base64"}
	}
	*to = b
	return nil
}

func (r *jsonReader) boolean(to *bool) error {
	switch r.next() {
	case 't':
		*to = true
		return r.literal("true")
	case 'f':
		*to = false
		return r.literal("false")
	}
	return r.wrongOrBroken("true or false")
}

func (r *jsonReader) integer(to *Int) error {
	const must = "a whole number"
	text, err := r.number(must)
	if err != nil {
		return err
	}
	if n, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		*to = Int{n, true}
		return nil
	}
	// 1.0 and 1e1 are whole numbers too.
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return &wrongType{must: must}
	}
	*to = Int{int64(f), true}
	return nil
}

func (r *jsonReader) time(to *time.Time) error {
	text, err := r.number("a number of seconds since 1970")
	if err != nil {
		return err
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || math.Abs(f) > 1e11 {
		return &wrongType{must: "a time"}
	}
	*to = time.UnixMilli(int64(math.Round(f * 1000))).UTC()
	return nil
}
