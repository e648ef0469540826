package awsapi

import "time"

// Shape is a structure of an API: an input, an output, or a part of one. Fields appends its members to f and returns that,
// as append does; they hold pointers into the shape.
type Shape interface {
	Fields(f []Field) []Field
}

// Field is a member of a shape.
type Field struct {
	// Name is the member's name in JSON.
	Name string
	// Wire is its name in the Query protocol if that is another one: that of each element of a list, or entry of a map, where
	// lists are flattened.
	Wire string
	// To points to the member:
	//
	//	*string            text
	//	*Text              text that is not copied out of the request
	//	*Blob              bytes, base64 on the wire
	//	*Int               a whole number that may be absent
	//	*bool              true or false; always part of an answer
	//	*Flag              true or false, which may be absent
	//	*time.Time         seconds since 1970 in JSON, ISO 8601 in Query; absent when zero
	//	*[]string          a list of texts
	//	*map[string]string a map from text to text, written in the order of its keys
	//	*[]TextEntry       the same as a list of its entries, in their order
	//	List, Map, Part    shapes within the shape
	//
	// An empty text, list or map is the same as an absent one.
	To any
	// Key and Value name the two sides of a map's entries in Query. The default is Name and Value.
	Key, Value string
	// Required says that a request without it is refused. An empty text, list or map is as good as none.
	Required bool
	// Always says that a list or text is part of an answer although it is empty.
	Always bool
}

// Text is text in memory that belongs to the request: it is good until the operation returns.
type Text []byte

// Blob is any bytes.
type Blob []byte

// TextEntry is an entry of a map from text to text.
type TextEntry struct{ Key, Value string }

// Int is a whole number that may be absent.
type Int struct {
	Value int64
	Given bool
}

// IntOf returns an Int that is given.
func IntOf(v int64) Int { return Int{Value: v, Given: true} }

// Or returns the number, or def if there is none.
func (i Int) Or(def int64) int64 {
	if i.Given {
		return i.Value
	}
	return def
}

// Flag is true or false, or absent.
type Flag struct{ Value, Given bool }

// FlagOf returns a Flag that is given.
func FlagOf(v bool) Flag { return Flag{Value: v, Given: true} }

// Empty is the shape without members.
type Empty struct{}

// Fields is Shape's.
func (*Empty) Fields(f []Field) []Field { return f }

// shapeOf is a pointer type that is a shape.
type shapeOf[T any] interface {
	*T
	Shape
}

// entryOf is a shape that is an entry of a map: it has its key besides its members.
type entryOf[T any] interface {
	shapeOf[T]
	EntryKey() *string
}

// sequence is what codecs know of a list or map of shapes.
type sequence interface {
	len() int
	at(i int) Shape
	// add makes room for another element and returns it.
	add() Shape
	clear()
}

// mapping is a sequence whose elements have keys.
type mapping interface {
	sequence
	key(i int) *string
}

// part is a shape that may be absent.
type part interface {
	get() Shape // nil for none
	make() Shape
}

type list[T any, P shapeOf[T]] struct{ s *[]T }

func (l list[T, P]) clear()         { *l.s = nil }
func (l list[T, P]) len() int       { return len(*l.s) }
func (l list[T, P]) at(i int) Shape { return P(&(*l.s)[i]) }
func (l list[T, P]) add() Shape {
	var zero T
	if cap(*l.s) == 0 {
		*l.s = make([]T, 0, 4) // most are batches of up to 10
	}
	*l.s = append(*l.s, zero)
	return P(&(*l.s)[len(*l.s)-1])
}

type mapOf[T any, P entryOf[T]] struct{ s *[]T }

func (m mapOf[T, P]) clear()            { *m.s = nil }
func (m mapOf[T, P]) len() int          { return len(*m.s) }
func (m mapOf[T, P]) at(i int) Shape    { return P(&(*m.s)[i]) }
func (m mapOf[T, P]) key(i int) *string { return P(&(*m.s)[i]).EntryKey() }
func (m mapOf[T, P]) add() Shape {
	var zero T
	*m.s = append(*m.s, zero)
	return P(&(*m.s)[len(*m.s)-1])
}

type partOf[T any, P shapeOf[T]] struct{ p **T }

func (p partOf[T, P]) get() Shape {
	if *p.p == nil {
		return nil
	}
	return P(*p.p)
}

func (p partOf[T, P]) make() Shape {
	*p.p = new(T)
	return P(*p.p)
}

// List is a Field.To for a list of shapes.
func List[T any, P shapeOf[T]](s *[]T) any { return list[T, P]{s} }

// Map is a Field.To for a map from text to shapes, which is kept as a list of its entries, in the order in which they came.
// A key that comes twice is there twice.
func Map[T any, P entryOf[T]](s *[]T) any { return mapOf[T, P]{s} }

// Part is a Field.To for a shape that may be absent.
func Part[T any, P shapeOf[T]](p **T) any { return partOf[T, P]{p} }

// wire is the name of the member in Query.
func (f *Field) wire() string {
	if f.Wire != "" {
		return f.Wire
	}
	return f.Name
}

// sides are the names of the two sides of a map's entries in Query.
func (f *Field) sides() (key, value string) {
	if f.Key != "" {
		return f.Key, f.Value
	}
	return "Name", "Value"
}

// absent says that a member need not be written, or was not given.
func (f *Field) absent() bool {
	switch to := f.To.(type) {
	case *string:
		return *to == "" && !f.Always
	case *Text:
		return len(*to) == 0
	case *Blob:
		return len(*to) == 0
	case *Int:
		return !to.Given
	case *bool:
		return false
	case *Flag:
		return !to.Given
	case *time.Time:
		return to.IsZero()
	case *[]string:
		return len(*to) == 0 && !f.Always
	case *map[string]string:
		return len(*to) == 0
	case *[]TextEntry:
		return len(*to) == 0
	case sequence:
		return to.len() == 0 && !f.Always
	case part:
		return to.get() == nil
	}
	panic("awsapi: member " + f.Name + " has a type that no codec knows")
}
