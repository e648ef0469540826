package awstest

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
)

// Model is what the tests read of a model of a service, in the form of botocore.
type Model struct {
	Operations map[string]struct {
		Input, Output struct{ Shape string }
	}
	Shapes map[string]*ModelShape

	file string
}

// ModelShape is a shape of a model.
type ModelShape struct {
	Type         string
	Members      map[string]ModelMember
	Required     []string
	Member       ModelMember
	Key, Value   ModelMember
	Flattened    bool
	LocationName string
	Enum         []string
	Min, Max     *float64
	Pattern      string
	Exception    bool
	Error        struct {
		Code           string
		HTTPStatusCode int
	}
}

// ModelMember is a member of a shape.
type ModelMember struct {
	Shape, LocationName string
	Flattened           bool
}

// ReadModel reads a model from where other people's material is kept, beside the repository. It is not always there: then the
// test is skipped.
func ReadModel(t testing.TB, file string) *Model {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "ref", "models", file)
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("there is no %s to compare with", path)
	}
	if err != nil {
		t.Fatal(err)
	}
	return parseModel(t, file, data)
}

func parseModel(t testing.TB, file string, data []byte) *Model {
	t.Helper()
	m := &Model{file: file}
	if err := json.Unmarshal(data, m); err != nil {
		t.Fatal(err)
	}
	return m
}

// CheckOperations makes sure that each operation of the model is either served or refused by name, and that there are no others.
func (m *Model) CheckOperations(t testing.TB, s *awsapi.Service) {
	t.Helper()
	served := map[string]bool{}
	for i := range s.Operations {
		served[s.Operations[i].Name] = true
	}
	for name := range m.Operations {
		if served[name] == (s.Refused[name] != "") {
			t.Errorf("%s of %s is served: %v, and refused: %q", name, m.file, served[name], s.Refused[name])
		}
	}
	for name := range served {
		if _, ok := m.Operations[name]; !ok {
			t.Errorf("%s is served, and %s does not have it", name, m.file)
		}
	}
	for name := range s.Refused {
		if _, ok := m.Operations[name]; !ok {
			t.Errorf("%s is refused, and %s does not have it", name, m.file)
		}
	}
}

// Compared says what of members is compared besides their names and kinds.
type Compared struct {
	// Wire is for the names in Query, Required for which members must be there.
	Wire, Required bool
	// Deviations are what is known to differ, with the reason: "PutRule input Tags.Key". The members are left out on both sides,
	// with what is in them. One that does not differ is an error.
	Deviations map[string]string
}

// compared is a member as both sides have it.
type compared struct {
	Name, Wire, Key, Value string
	Kind                   awsapi.Kind
	Required               bool
	Members                []compared
}

// CheckShapes compares every member of every input and output with the model.
func (m *Model) CheckShapes(t testing.TB, s *awsapi.Service, what Compared) {
	t.Helper()
	known := map[string]bool{}
	for name := range what.Deviations {
		known[name] = false
	}
	for i := range s.Operations {
		op := &s.Operations[i]
		of := m.Operations[op.Name]
		for _, c := range []struct {
			side, shape string
			members     []awsapi.Member
		}{{"input", of.Input.Shape, op.Input()}, {"output", of.Output.Shape, op.Output()}} {
			want, got := without(known, op.Name+" "+c.side+" ", m.members(c.shape, what), ours(c.members, what))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s of %s in %s (-model +ours):\n%s", c.side, op.Name, m.file, diff)
			}
		}
	}
	for name, differs := range known {
		if !differs {
			t.Errorf("%s does not differ from %s", name, m.file)
		}
	}
}

// without leaves out of both sides the members that are known to differ, and notes those that do.
func without(known map[string]bool, path string, a, b []compared) (_, _ []compared) {
	if len(known) == 0 {
		return a, b
	}
	index := func(list []compared, name string) int {
		return slices.IndexFunc(list, func(c compared) bool { return c.Name == name })
	}
	for name := range known {
		member, ok := strings.CutPrefix(name, path)
		if !ok || strings.Contains(member, ".") {
			continue
		}
		i, k := index(a, member), index(b, member)
		if i < 0 && k < 0 || i >= 0 && k >= 0 && cmp.Equal(a[i], b[k]) {
			continue
		}
		known[name] = true
		if i >= 0 {
			a = slices.Delete(a, i, i+1)
		}
		if k >= 0 {
			b = slices.Delete(b, k, k+1)
		}
	}
	for i := range a {
		if k := index(b, a[i].Name); k >= 0 {
			a[i].Members, b[k].Members = without(known, path+a[i].Name+".", a[i].Members, b[k].Members)
		}
	}
	return a, b
}

// ours are the members of a shape of ours, in the order of their names.
func ours(members []awsapi.Member, what Compared) []compared {
	var all []compared
	for _, m := range members {
		c := compared{Name: m.Name, Kind: m.Kind, Required: what.Required && m.Required, Members: ours(m.Members, what)}
		if what.Wire {
			c.Wire, c.Key, c.Value = m.Wire, m.Key, m.Value
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b compared) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// members are those of a shape of the model, in the order of their names.
func (m *Model) members(shape string, what Compared) []compared {
	if shape == "" {
		return nil
	}
	var all []compared
	s := m.Shapes[shape]
	for _, name := range slices.Sorted(maps.Keys(s.Members)) {
		member := s.Members[name]
		of := m.Shapes[member.Shape]
		c := compared{Name: name, Required: what.Required && slices.Contains(s.Required, name)}
		switch of.Type {
		case "list":
			c.Kind = awsapi.KindTexts // a list of blobs is not supported, and is read as texts
			if m.Shapes[of.Member.Shape].Type == "structure" {
				c.Kind, c.Members = awsapi.KindList, m.members(of.Member.Shape, what)
			}
		case "map":
			c.Kind = awsapi.KindTextMap
			if m.Shapes[of.Value.Shape].Type == "structure" {
				c.Kind, c.Members = awsapi.KindMap, m.members(of.Value.Shape, what)
			}
			if what.Wire {
				c.Key, c.Value = "key", "value"
				if of.Key.LocationName != "" {
					c.Key, c.Value = of.Key.LocationName, of.Value.LocationName
				}
			}
		case "structure":
			c.Kind, c.Members = awsapi.KindPart, m.members(member.Shape, what)
		default:
			c.Kind = map[string]awsapi.Kind{
				"string": awsapi.KindText, "blob": awsapi.KindBytes, "integer": awsapi.KindInteger, "long": awsapi.KindInteger,
				"boolean": awsapi.KindBoolean, "timestamp": awsapi.KindTime,
			}[of.Type]
		}
		if what.Wire {
			c.Wire = m.wire(name, member)
		}
		all = append(all, c)
	}
	return all
}

// wire is what a member is called in Query: if it is flattened, by the name of its elements.
func (m *Model) wire(name string, member ModelMember) string {
	of := m.Shapes[member.Shape]
	switch {
	case of.Type == "list" && of.Flattened && of.Member.LocationName != "":
		return of.Member.LocationName
	case member.LocationName != "":
		return member.LocationName
	case of.LocationName != "":
		return of.LocationName
	}
	return name
}

// CheckErrors makes sure that the errors that clients know are those of the model, with its codes and statuses where it has them.
// There may be more in the model.
func (m *Model) CheckErrors(t testing.TB, known []Known) {
	t.Helper()
	for _, k := range known {
		shape := m.Shapes[k.Name]
		switch {
		case k.Framework && shape != nil:
			t.Errorf("%s is in %s", k.Name, m.file)
		case !k.Framework && (shape == nil || !shape.Exception):
			t.Errorf("%s is no error of %s", k.Name, m.file)
		}
	}
	m.CheckCodes(t, known)
}

// CheckCodes compares the codes and statuses of errors with those that the model has.
func (m *Model) CheckCodes(t testing.TB, known []Known) {
	t.Helper()
	for _, k := range known {
		if s := m.Shapes[k.Name]; s != nil && s.Error.Code != "" && (s.Error.Code != k.Code || s.Error.HTTPStatusCode != k.Status) {
			t.Errorf("%s has the code %s and status %d, and in %s %s and %d", k.Name, k.Code, k.Status, m.file, s.Error.Code, s.Error.HTTPStatusCode)
		}
	}
}
