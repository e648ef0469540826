package event

import (
	"math"
	"strconv"
)

// Value is the value of an extension attribute: a string, a boolean or a 32-bit integer, which are
// the types of the CloudEvents type system that JSON can tell apart (binary, URI and timestamp are
// strings there). The zero Value is the empty string. Values are comparable with ==.
type Value struct {
	kind valueKind
	num  int32 // the integer, or 0 or 1 for a boolean
	text string
}

type valueKind uint8

const (
	stringKind valueKind = iota
	boolKind
	intKind
)

// StringValue returns the Value of a string.
func StringValue(s string) Value { return Value{text: s} }

// BoolValue returns the Value of a boolean.
func BoolValue(b bool) Value {
	if b {
		return Value{kind: boolKind, num: 1}
	}
	return Value{kind: boolKind}
}

// IntValue returns the Value of an integer.
func IntValue(i int32) Value { return Value{kind: intKind, num: i} }

// String is the canonical string of the value, as CloudEvents headers carry it: true, -5, or the
// string itself.
func (v Value) String() string {
	switch v.kind {
	case boolKind:
		return strconv.FormatBool(v.num != 0)
	case intKind:
		return strconv.Itoa(int(v.num))
	default:
		return v.text
	}
}

// Any is the value as a string, a bool or an int, for expressions and templates.
func (v Value) Any() any {
	switch v.kind {
	case boolKind:
		return v.num != 0
	case intKind:
		return int(v.num)
	default:
		return v.text
	}
}

// Equal reports whether both are the same value of the same type: "5" is not 5.
func (v Value) Equal(w Value) bool { return v == w }

// MarshalJSON writes the value as a JSON string, boolean or number.
func (v Value) MarshalJSON() ([]byte, error) { return v.appendJSON(nil), nil }

func (v Value) appendJSON(dst []byte) []byte {
	switch v.kind {
	case boolKind:
		return strconv.AppendBool(dst, v.num != 0)
	case intKind:
		return strconv.AppendInt(dst, int64(v.num), 10)
	default:
		return appendString(dst, v.text)
	}
}

func (v Value) size() int {
	if v.kind == stringKind {
		return len(v.text)
	}
	return 4
}

const reasonValue = "must be a string, a boolean or an integer from -2147483648 to 2147483647 (larger numbers go as strings)"

// parseValue reads an attribute's value from its JSON text. reason is "" when it is one.
func parseValue(raw []byte) (v Value, reason string) {
	switch raw[0] {
	case '"':
		s, reason := attributeString(raw)
		return StringValue(s), reason
	case 't':
		return BoolValue(true), ""
	case 'f':
		return BoolValue(false), ""
	case '{', '[', 'n':
		return Value{}, reasonValue
	}
	// CloudEvents allows the integer part of a JSON number only: no fraction, no exponent.
	i, err := strconv.ParseInt(string(raw), 10, 32)
	if err != nil || i < math.MinInt32 || i > math.MaxInt32 {
		return Value{}, reasonValue
	}
	return IntValue(int32(i)), ""
}

// ReservedName says whether name is that of a CloudEvents core attribute or of data, which no
// extension may have, or one that the router itself sets on the way out.
func ReservedName(name string) bool {
	switch name {
	case "id", "source", "specversion", "type", "datacontenttype", "dataschema", "subject", "time", "data",
		AttributeID, AttributeResources:
		return true
	}
	return false
}

func validName(name []byte) bool {
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return len(name) > 0
}

const reasonName = "is not a valid attribute name: only lower-case letters a-z and digits are allowed"

func extensionNameReason(name string) string {
	if !validName([]byte(name)) {
		return reasonName
	}
	if ReservedName(name) {
		return "is the name of an attribute with a meaning of its own and can not be an extension"
	}
	return ""
}
