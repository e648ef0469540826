package awsapi

import (
	"cmp"
	"encoding/base64"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The Query protocol: a form whose names are paths into the input, such as
// SendMessageBatchRequestEntry.1.MessageAttribute.2.Value.StringValue.

// maxParameters bounds how many parameters a request may have. The largest input, ten messages of SNS with a hundred attributes each,
// has some 3,050.
const maxParameters = 3500

// maxName bounds how long the name of a parameter may be. Names are compared one by one.
const maxName = 256

// node is a name on the way to values.
type node struct {
	name  string
	value string
	given bool
	// index is the name as an index, 0 if it is none.
	index    int
	children []*node
}

// child returns the child of that name, or nil.
func (n *node) child(name string) *node {
	for _, c := range n.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

// elements returns the children whose names are indexes, in the order of these: they begin at 1, may have gaps, and come
// in any order.
func (n *node) elements() []*node {
	nodes := make([]*node, 0, len(n.children))
	for _, c := range n.children {
		if c.index > 0 {
			nodes = append(nodes, c)
		}
	}
	slices.SortStableFunc(nodes, func(a, b *node) int { return cmp.Compare(a.index, b.index) })
	return nodes
}

// indexOf reads a name as an index: a positive number, in digits.
func indexOf(name string) int {
	n := 0
	for i := range len(name) {
		if name[i] < '0' || name[i] > '9' || i == maxIndexDigits {
			return 0
		}
		n = 10*n + int(name[i]-'0')
	}
	return n
}

// maxIndexDigits keeps indexes from overflowing.
const maxIndexDigits = 9

// formReader makes nodes, many at a time.
type formReader struct {
	root node
	free []node
}

func (f *formReader) node(name string) *node {
	if len(f.free) == 0 {
		f.free = make([]node, 16)
	}
	n := &f.free[0]
	f.free = f.free[1:]
	n.name, n.index = name, indexOf(name)
	return n
}

// parseForm makes a tree of a form's parameters. Of one that is given twice the first counts.
func parseForm(text string) (*node, error) {
	f := &formReader{}
	count := 0
	for text != "" {
		var pair string
		pair, text, _ = strings.Cut(text, "&")
		if pair == "" {
			continue
		}
		if count++; count > maxParameters {
			return nil, &malformed{"the request has too many parameters"}
		}
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, err1 := url.QueryUnescape(rawName)
		value, err2 := url.QueryUnescape(rawValue)
		if err1 != nil || err2 != nil {
			return nil, &malformed{"a parameter is not well escaped"}
		}
		if len(name) > maxName {
			return nil, &malformed{"the name of a parameter is too long"}
		}
		if err := f.put(name, value); err != nil {
			return nil, err
		}
	}
	return &f.root, nil
}

func (f *formReader) put(path, value string) error {
	n := &f.root
	for depth := 0; path != ""; depth++ {
		if depth > maxDepth {
			return &malformed{"the name of a parameter is nested too deeply"}
		}
		var name string
		name, path, _ = strings.Cut(path, ".")
		c := n.child(name)
		if c == nil {
			c = f.node(name)
			n.children = append(n.children, c)
		}
		n = c
	}
	if !n.given {
		n.value, n.given = value, true
	}
	return nil
}

// readQuery reads a shape off the parameters below a node. A member that is there in the form of another type is malformed.
func readQuery(n *node, s Shape) error {
	fields := s.Fields(nil)
	for i := range fields {
		f := &fields[i]
		c := n.child(f.wire())
		if c == nil && f.Wire != "" {
			c = n.child(f.Name) // as services have it that do not flatten
		}
		if c == nil {
			continue
		}
		if err := c.member(f); err != nil {
			return err
		}
	}
	return nil
}

func (n *node) member(f *Field) error {
	switch to := f.To.(type) {
	case *[]string:
		if n.value != "" {
			*to = append(*to, n.value) // AttributeName=All, a list of one without an index, as older clients write it
		}
		for _, e := range n.inner("member").elements() {
			*to = append(*to, e.value)
		}
	case *map[string]string:
		*to = make(map[string]string)
		return n.entries(f, func(key string, value *node) error {
			(*to)[key] = value.value
			return nil
		})
	case *[]TextEntry:
		return n.entries(f, func(key string, value *node) error {
			*to = append(*to, TextEntry{key, value.value})
			return nil
		})
	case mapping:
		return n.entries(f, func(key string, value *node) error {
			s := to.add()
			*to.key(to.len() - 1) = key
			return readQuery(value, s)
		})
	case sequence:
		for _, e := range n.inner("member").elements() {
			if err := readQuery(e, to.add()); err != nil {
				return err
			}
		}
	case part:
		return readQuery(n, to.make())
	default:
		return n.scalar(f)
	}
	return nil
}

// inner is the node that holds the elements: one below for services that do not flatten.
func (n *node) inner(name string) *node {
	if c := n.child(name); c != nil {
		return c
	}
	return n
}

func (n *node) entries(f *Field, visit func(key string, value *node) error) error {
	key, value := f.sides()
	elements := n.inner("entry").elements()
	if len(elements) == 0 && n.child(key) != nil {
		elements = []*node{n} // old clients write a map of one without an index
	}
	for _, e := range elements {
		k, v := e.child(key), e.child(value)
		if k == nil {
			k, v = e.child("key"), e.child("value")
		}
		if k == nil {
			return &malformed{n.name + " has an entry without a " + key}
		}
		if v == nil {
			v = &node{}
		}
		if err := visit(k.value, v); err != nil {
			return err
		}
	}
	return nil
}

func (n *node) scalar(f *Field) error {
	wrong := func(must string) error { return &malformed{f.Name + " must be " + must} }
	if !n.given {
		return nil
	}
	switch to := f.To.(type) {
	case *string:
		*to = n.value
	case *Text:
		*to = Text(n.value)
	case *Blob:
		b, err := base64.StdEncoding.DecodeString(n.value)
		if err != nil {
			return wrong("base64")
		}
		*to = b
	case *Int:
		i, err := strconv.ParseInt(n.value, 10, 64)
		if err != nil {
			return wrong("a whole number")
		}
		*to = IntOf(i)
	case *bool:
		switch n.value {
		case "true", "false":
			*to = n.value == "true"
		default:
			return wrong("true or false")
		}
	case *Flag:
		if n.value != "true" && n.value != "false" {
			return wrong("true or false")
		}
		*to = FlagOf(n.value == "true")
	case *time.Time:
		t, err := time.Parse(time.RFC3339, n.value)
		if err != nil {
			return wrong("a time in ISO 8601")
		}
		*to = t.UTC()
	default:
		panic("awsapi: a member has a type that no codec knows")
	}
	return nil
}
