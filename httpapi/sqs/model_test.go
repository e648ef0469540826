package sqs_test

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

// model is what the tests read of a model of the service, in the form of botocore.
type model struct {
	Operations map[string]struct {
		Input, Output struct{ Shape string }
		Errors        []struct{ Shape string }
	}
	Shapes map[string]*modelShape
}

type modelShape struct {
	Type         string
	Members      map[string]modelMember
	Required     []string
	Member       modelMember
	Key, Value   modelMember
	Flattened    bool
	LocationName string
	Enum         []string
	Exception    bool
	Error        struct {
		Code           string
		HTTPStatusCode int
	}
}

type modelMember struct {
	Shape, LocationName string
	Flattened           bool
}

// readModel reads a model from where other people's material is kept, beside the repository. It is not always there.
func readModel(t *testing.T, file string) *model {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "ref", "models", file)
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("there is no %s to compare with", path)
	}
	if err != nil {
		t.Fatal(err)
	}
	m := &model{}
	if err := json.Unmarshal(data, m); err != nil {
		t.Fatal(err)
	}
	return m
}

const (
	modelJSON  = "sqs.service-2.json"
	modelQuery = "sqs-query.service-2.json"
)

func TestEveryOperation(t *testing.T) {
	t.Parallel()
	service := newEnv(t).service
	for _, file := range []string{modelJSON, modelQuery} {
		m := readModel(t, file)
		for name := range m.Operations {
			if operation(service, name) == nil && service.Refused[name] == "" {
				t.Errorf("%s has %s, which is neither served nor refused by name", file, name)
			}
		}
		for i := range service.Operations {
			if name := service.Operations[i].Name; m.Operations[name].Input.Shape == "" {
				t.Errorf("%s is served, and %s does not have it", name, file)
			}
		}
	}
}

func operation(service *awsapi.Service, name string) *awsapi.Operation {
	for i := range service.Operations {
		if service.Operations[i].Name == name {
			return &service.Operations[i]
		}
	}
	return nil
}

// wired is a member as the two protocols have it, without what only some of them have.
type wired struct {
	Name, Wire, Key, Value string
	Kind                   awsapi.Kind
	Members                []wired
}

// TestShapesAreTheModels compares every member of every shape with both models.
func TestShapesAreTheModels(t *testing.T) {
	t.Parallel()
	service := newEnv(t).service
	for _, file := range []string{modelJSON, modelQuery} {
		m := readModel(t, file)
		for i := range service.Operations {
			op := &service.Operations[i]
			of := m.Operations[op.Name]
			for _, c := range []struct {
				what, shape string
				members     []awsapi.Member
			}{{"input", of.Input.Shape, op.Input()}, {"output", of.Output.Shape, op.Output()}} {
				want, got := m.members(c.shape, file == modelQuery), ours(c.members, file == modelQuery)
				if file == modelQuery && op.Name == "ReceiveMessage" {
					// It came after the last model of Query.
					got = slices.DeleteFunc(got, func(w wired) bool { return w.Name == "MessageSystemAttributeNames" })
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s of %s in %s (-model +ours):\n%s", c.what, op.Name, file, diff)
				}
			}
		}
	}
}

// ours are the members of a shape of ours, in the order of their names.
func ours(members []awsapi.Member, query bool) []wired {
	var all []wired
	for _, m := range members {
		w := wired{Name: m.Name, Kind: m.Kind, Members: ours(m.Members, query)}
		if query {
			w.Wire, w.Key, w.Value = m.Wire, m.Key, m.Value
		}
		all = append(all, w)
	}
	slices.SortFunc(all, func(a, b wired) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// members are those of a shape of the model, in the order of their names.
func (m *model) members(shape string, query bool) []wired {
	var all []wired
	if shape == "" {
		return nil
	}
	s := m.Shapes[shape]
	for _, name := range slices.Sorted(maps.Keys(s.Members)) {
		member := s.Members[name]
		of := m.Shapes[member.Shape]
		w := wired{Name: name}
		wire := name
		if member.LocationName != "" {
			wire = member.LocationName
		} else if of.LocationName != "" {
			wire = of.LocationName
		}
		switch of.Type {
		case "list":
			if of.Flattened && of.Member.LocationName != "" {
				wire = of.Member.LocationName
			}
			if query && !of.Flattened && !member.Flattened {
				panic(shape + "." + name + " is not flattened")
			}
			w.Kind = awsapi.KindTexts // a list of blobs is not supported, and is read as texts
			if m.Shapes[of.Member.Shape].Type == "structure" {
				w.Kind, w.Members = awsapi.KindList, m.members(of.Member.Shape, query)
			}
		case "map":
			w.Kind = awsapi.KindTextMap
			if m.Shapes[of.Value.Shape].Type == "structure" {
				w.Kind, w.Members = awsapi.KindMap, m.members(of.Value.Shape, query)
			}
			if query {
				w.Key, w.Value = of.Key.LocationName, of.Value.LocationName
			}
		case "structure":
			w.Kind, w.Members = awsapi.KindPart, m.members(member.Shape, query)
		default:
			w.Kind = map[string]awsapi.Kind{
				"string": awsapi.KindText, "blob": awsapi.KindBytes, "integer": awsapi.KindInteger, "long": awsapi.KindInteger,
				"boolean": awsapi.KindBoolean, "timestamp": awsapi.KindTime,
			}[of.Type]
		}
		if query {
			w.Wire = wire
		}
		all = append(all, w)
	}
	return all
}

// TestErrorsAreTheModels compares what clients know with the models.
func TestErrorsAreTheModels(t *testing.T) {
	t.Parallel()
	m, query := readModel(t, modelJSON), readModel(t, modelQuery)
	for _, k := range knownErrors() {
		shape := m.Shapes[k.name]
		switch {
		case k.framework && shape != nil:
			t.Errorf("%s is in the model", k.name)
		case !k.framework && shape == nil:
			t.Errorf("%s is not in the model", k.name)
		case !k.framework && !shape.Exception:
			t.Errorf("%s is no error", k.name)
		}
		if s := query.Shapes[k.name]; s != nil && s.Error.Code != "" && (s.Error.Code != k.code || s.Error.HTTPStatusCode != k.status) {
			t.Errorf("%s has the code %s and status %d, and in the model %s and %d", k.name, k.code, k.status, s.Error.Code, s.Error.HTTPStatusCode)
		}
	}
}

// TestEnumsAreTheModels compares the names of attributes, which travel as texts.
func TestEnumsAreTheModels(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("q")
	m := readModel(t, modelJSON)
	for _, name := range m.Shapes["QueueAttributeName"].Enum {
		e.ok(overJSON, "GetQueueAttributes", `{"QueueUrl":"q","AttributeNames":["`+name+`"]}`)
	}
	for _, name := range m.Shapes["MessageSystemAttributeName"].Enum {
		e.ok(overJSON, "ReceiveMessage", `{"QueueUrl":"q","MessageSystemAttributeNames":["`+name+`"]}`)
	}
}
