package awsapi

import (
	"encoding/json"
	"slices"
	"strings"
)

// Policy is what AddPermission and RemovePermission of several services make of an attribute Policy. Statements of others stay as
// they are.
type Policy struct {
	Version   string
	ID        string `json:"Id,omitempty"`
	Statement Statements
}

// Statements is written as a list, and read from one or from a single statement.
type Statements []json.RawMessage

// UnmarshalJSON is json.Unmarshaler's.
func (s *Statements) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '{' {
		*s = Statements{slices.Clone(json.RawMessage(b))}
		return nil
	}
	return json.Unmarshal(b, (*[]json.RawMessage)(s))
}

// Statement is one that AddPermission makes.
type Statement struct {
	Sid       string
	Effect    string
	Principal struct{ AWS OneOrMany }
	Action    OneOrMany
	Resource  string
}

// OneOrMany is written as a text if it is one, as AWS does (observed).
type OneOrMany []string

// MarshalJSON is json.Marshaler's.
func (o OneOrMany) MarshalJSON() ([]byte, error) {
	if len(o) == 1 {
		return json.Marshal(o[0])
	}
	return json.Marshal([]string(o))
}

// Allow returns a statement without actions, which lets the roots of accounts use a resource.
func Allow(sid, resource string, accounts []string) *Statement {
	s := &Statement{Sid: sid, Effect: "Allow", Resource: resource}
	for _, account := range accounts {
		s.Principal.AWS = append(s.Principal.AWS, "arn:aws:iam::"+account+":root")
	}
	return s
}

// ReadPolicy reads a policy. One with more to it than statements would lose that: it is an error.
func ReadPolicy(text string) (*Policy, error) {
	p := &Policy{}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	return p, dec.Decode(p)
}

// Add adds a statement at the end.
func (p *Policy) Add(s *Statement) error {
	raw, err := json.Marshal(s)
	if err == nil {
		p.Statement = append(p.Statement, raw)
	}
	return err
}

// Find is the index of the statement with a Sid, -1 for none.
func (p *Policy) Find(sid string) int {
	return slices.IndexFunc(p.Statement, func(raw json.RawMessage) bool {
		var s struct{ Sid string }
		return json.Unmarshal(raw, &s) == nil && s.Sid == sid
	})
}

// Remove removes the statement at an index.
func (p *Policy) Remove(i int) { p.Statement = slices.Delete(p.Statement, i, i+1) }
