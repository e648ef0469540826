package native

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/signalbox-mq/signalbox/queue"
)

// Message attributes as JSON are an object from name to a string, or to {"type": "Number", "value": "7"} for any other type
// than String. The value of a Binary attribute is base64.

// attributes reads message attributes, in the order of their names; null is none.
func (r *reader) attributes(path string) ([]queue.Attribute, error) {
	if r.null() {
		return nil, nil
	}
	if r.next() != '{' {
		return nil, r.wrong(path, "an object")
	}
	var list []queue.Attribute
	err := r.object(path, func(name string) error {
		a, err := r.attribute(inside(path, name))
		a.Name = name
		list = append(list, a)
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b queue.Attribute) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

func (r *reader) attribute(path string) (a queue.Attribute, err error) {
	switch r.next() {
	case '"':
		a.Type = "String"
		a.Value, err = r.quoted(path)
		return a, err
	case '{':
	default:
		return a, r.wrong(path, `a string, or an object {"type", "value"}`)
	}
	err = r.object(path, func(name string) (err error) {
		switch name {
		case "type":
			return r.text(path+".type", &a.Type)
		case "value":
			a.Value, err = r.bytes(path + ".value")
			return err
		}
		return unknown(path, name)
	})
	switch {
	case err != nil:
		return a, err
	case a.Type == "":
		return a, &badRequest{path + ".type", "is required: String, Number or Binary"}
	case a.Value == nil:
		return a, &badRequest{path + ".value", "is required"}
	case binaryType(a.Type):
		raw, err := base64.StdEncoding.Strict().DecodeString(string(a.Value))
		if err != nil {
			return a, &badRequest{path + ".value", "must be base64, because the type is Binary"}
		}
		a.Value = raw
	}
	return a, nil
}

// attributes are those of an answer.
type attributes []queue.Attribute

type typedAttribute struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

// MarshalJSON writes an object, with the short form where it says everything.
func (a attributes) MarshalJSON() ([]byte, error) {
	object := make(map[string]any, len(a))
	for _, attr := range a {
		switch {
		case attr.Type == "String":
			object[attr.Name] = string(attr.Value)
		case binaryType(attr.Type):
			object[attr.Name] = typedAttribute{Type: attr.Type, Value: base64.StdEncoding.EncodeToString(attr.Value)}
		default:
			object[attr.Name] = typedAttribute{Type: attr.Type, Value: string(attr.Value)}
		}
	}
	if len(object) == 0 {
		return []byte("{}"), nil
	}
	return json.Marshal(object)
}

func binaryType(typ string) bool { return typ == "Binary" || strings.HasPrefix(typ, "Binary.") }

// text is a message body: a JSON string. Bodies that are not UTF-8, which only AWS clients or a raw delivery could have
// made, are shown as base64 with a mark.
type text struct {
	Body     string `json:"body"`
	Encoding string `json:"body_encoding,omitempty"`
}

func bodyText(b []byte) text {
	if utf8.Valid(b) {
		return text{Body: string(b)}
	}
	return text{Body: base64.StdEncoding.EncodeToString(b), Encoding: "base64"}
}
