package awsapi

import (
	"strconv"
	"unicode"
	"unicode/utf8"
)

// readConstrained reads the request into an input of a service of Coral.
func (c *call) readConstrained(in Shape) error {
	var found []Violation
	if c.codec == codecJSON {
		c.reader.constrained = true
		if err := c.reader.readJSON(c.in, in); err != nil {
			return err
		}
		found = c.reader.absences.found
	} else {
		if err := readQuery(c.form, in); err != nil {
			return err
		}
		found = nulls(c.form, in, "", nil)
	}
	if s, ok := in.(Constrained); ok {
		constraints := Constraints{found}
		s.Constrain(&constraints)
		found = constraints.found
	}
	if len(found) > 0 {
		return ValidationError(found...)
	}
	return nil
}

// absences are the required members that a JSON request does not have, or that are null in it; one with an empty value is there.
type absences struct {
	path  []byte
	found []Violation
}

// enter goes a step down. What it returns leads back.
func (a *absences) enter(step string) (back int) {
	back = len(a.path)
	if back > 0 {
		a.path = append(a.path, '.')
	}
	a.path = append(a.path, step...)
	return back
}

// enterMember goes a step down into the member of that name.
func (a *absences) enterMember(name string) (back int) {
	back = a.enter(name)
	at := back
	if back > 0 {
		at++
	}
	r, size := utf8.DecodeRuneInString(name)
	if lower := unicode.ToLower(r); lower < utf8.RuneSelf && size == 1 {
		a.path[at] = byte(lower)
	}
	return back
}

func (a *absences) leave(back int) { a.path = a.path[:back] }

// tell adds those of a shape of which the members were seen that have a bit. There are 64: no input of an API has more members in
// one shape, and what came behind would not be missed.
func (a *absences) tell(fields []Field, seen uint64) {
	for i := range fields {
		if fields[i].Required && i < 64 && seen&(1<<i) == 0 && len(a.found) < maxViolations {
			back := a.enterMember(fields[i].Name)
			a.found = append(a.found, Violation{Path: string(a.path), Must: mustBeThere})
			a.leave(back)
		}
	}
}

// nulls finds the required members that a Query request does not have at all; one with an empty value is there.
func nulls(n *node, s Shape, path string, found []Violation) []Violation {
	fields := s.Fields(nil)
	for i := range fields {
		f := &fields[i]
		at := path + firstLower(f.Name)
		c := n.child(f.wire())
		switch {
		case len(found) == maxViolations:
			return found
		case c == nil && f.Required:
			found = append(found, Violation{Path: at, Must: mustBeThere})
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
