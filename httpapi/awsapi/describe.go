package awsapi

import "time"

// Kind is what a member holds.
type Kind string

// The kinds of members.
const (
	KindText    Kind = "text"
	KindBytes   Kind = "bytes"
	KindInteger Kind = "integer"
	KindBoolean Kind = "boolean"
	KindTime    Kind = "time"
	// KindTexts is a list of texts, KindTextMap a map from text to text.
	KindTexts   Kind = "list of texts"
	KindTextMap Kind = "map of texts"
	// KindList is a list of shapes, KindMap a map from text to shapes, KindPart one shape.
	KindList Kind = "list"
	KindMap  Kind = "map"
	KindPart Kind = "part"
)

// Member describes a member of a shape: for documentation, and for tests that compare shapes with a service's model.
type Member struct {
	// Name is the name in JSON, Wire that in Query.
	Name, Wire string
	// Key and Value name the two sides of a map's entries in Query.
	Key, Value       string
	Kind             Kind
	Required, Always bool
	// Members are those of the shapes that a list, map or part holds.
	Members []Member
}

// Describe returns the members of a shape, which must be a new one, in their order.
func Describe(s Shape) []Member {
	fields := s.Fields(nil)
	members := make([]Member, len(fields))
	for i := range fields {
		f := &fields[i]
		m := Member{Name: f.Name, Wire: f.wire(), Required: f.Required, Always: f.Always}
		switch to := f.To.(type) {
		case *string, *Text:
			m.Kind = KindText
		case *Blob:
			m.Kind = KindBytes
		case *Int:
			m.Kind = KindInteger
		case *bool, *Flag:
			m.Kind = KindBoolean
		case *time.Time:
			m.Kind = KindTime
		case *[]string:
			m.Kind = KindTexts
		case *map[string]string, *[]TextEntry:
			m.Kind = KindTextMap
			m.Key, m.Value = f.sides()
		case mapping:
			m.Kind, m.Members = KindMap, Describe(to.add())
			m.Key, m.Value = f.sides()
		case sequence:
			m.Kind, m.Members = KindList, Describe(to.add())
		case part:
			m.Kind, m.Members = KindPart, Describe(to.make())
		default:
			panic("awsapi: member " + f.Name + " has a type that no codec knows")
		}
		members[i] = m
	}
	return members
}
