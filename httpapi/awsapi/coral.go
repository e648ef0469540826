package awsapi

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Violation is a member of an input that breaks a constraint of the service's model.
type Violation struct {
	// Path is where the member is, as the framework has it: "tags.1.member.key".
	Path string
	// Value is what it has; nil for a member that is not there.
	Value *string
	// Must is the constraint: "Member must not be null".
	Must string
}

// ValidationError tells of all that breaks a model's constraints at once, as services do that leave this to their framework.
func ValidationError(all ...Violation) *Error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d validation error", len(all))
	if len(all) > 1 {
		b.WriteByte('s')
	}
	b.WriteString(" detected: ")
	for i, v := range all {
		if i > 0 {
			b.WriteString("; ")
		}
		value := "null"
		if v.Value != nil {
			value = "'" + clip(*v.Value) + "'"
		}
		fmt.Fprintf(&b, "Value %s at '%s' failed to satisfy constraint: %s", value, clip(v.Path), v.Must)
	}
	return &Error{Shape: "ValidationError", Coral: true, Message: b.String()}
}

// maxNulls bounds how many members an answer names.
const maxNulls = 10

// nulls finds the required members that a Query request does not have at all; one with an empty value is there.
func nulls(n *node, s Shape, path string, found []Violation) []Violation {
	fields := s.Fields(nil)
	for i := range fields {
		f := &fields[i]
		at := path + firstLower(f.Name)
		c := n.child(f.wire())
		switch {
		case len(found) == maxNulls:
			return found
		case c == nil && f.Required:
			found = append(found, Violation{Path: at, Must: "Member must not be null"})
		case c != nil:
			found = c.innerNulls(f, at, found)
		}
	}
	return found
}

func (n *node) innerNulls(f *Field, at string, found []Violation) []Violation {
	switch to := f.To.(type) {
	case mapping:
		_, value := f.sides()
		for i, e := range n.inner("entry").elements() {
			v := e.child(value)
			if v == nil {
				v = &node{}
			}
			found = nulls(v, to.at(i), at+"."+*to.key(i)+".member.", found)
		}
	case sequence:
		for i, e := range n.inner("member").elements() {
			found = nulls(e, to.at(i), at+"."+strconv.Itoa(i+1)+".member.", found)
		}
	case part:
		found = nulls(n, to.get(), at+".", found)
	}
	return found
}

// firstLower is a member's name as it is in a path.
func firstLower(name string) string {
	r, size := utf8.DecodeRuneInString(name)
	return string(unicode.ToLower(r)) + name[size:]
}
