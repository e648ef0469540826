package sns_test

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

// model is what the tests read of the model of the service, in the form of botocore.
type model struct {
	Operations map[string]struct {
		Input, Output struct{ Shape string }
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
	Exception    bool
	Error        struct {
		Code           string
		HTTPStatusCode int
	}
}

type modelMember struct {
	Shape, LocationName string
}

// readModel reads the model from where other people's material is kept, beside the repository. It is not always there.
func readModel(t *testing.T) *model {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "ref", "models", "sns.service-2.json")
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

func TestEveryOperation(t *testing.T) {
	t.Parallel()
	service := newEnv(t).service
	m := readModel(t)
	for name := range m.Operations {
		served := slices.ContainsFunc(service.Operations, func(op awsapi.Operation) bool { return op.Name == name })
		if served == (service.Refused[name] != "") {
			t.Errorf("%s is served: %v, and refused: %q", name, served, service.Refused[name])
		}
	}
	for i := range service.Operations {
		if name := service.Operations[i].Name; m.Operations[name].Input.Shape == "" {
			t.Errorf("%s is served, and the model does not have it", name)
		}
	}
	for name := range service.Refused {
		if m.Operations[name].Input.Shape == "" {
			t.Errorf("%s is refused, and the model does not have it", name)
		}
	}
}

// wired is a member as the protocol has it.
type wired struct {
	Name, Key, Value string
	Kind             awsapi.Kind
	Required         bool
	Members          []wired
}

// TestShapesAreTheModels compares every member of every shape with the model.
func TestShapesAreTheModels(t *testing.T) {
	t.Parallel()
	service := newEnv(t).service
	m := readModel(t)
	for i := range service.Operations {
		op := &service.Operations[i]
		of := m.Operations[op.Name]
		if diff := cmp.Diff(m.members(of.Input.Shape), ours(op.Input())); diff != "" {
			t.Errorf("input of %s (-model +ours):\n%s", op.Name, diff)
		}
		if diff := cmp.Diff(m.members(of.Output.Shape), ours(op.Output())); diff != "" {
			t.Errorf("output of %s (-model +ours):\n%s", op.Name, diff)
		}
	}
}

// ours are the members of a shape of ours, in the order of their names.
func ours(members []awsapi.Member) []wired {
	var all []wired
	for _, m := range members {
		all = append(all, wired{Name: m.Wire, Kind: m.Kind, Key: m.Key, Value: m.Value, Required: m.Required, Members: ours(m.Members)})
	}
	slices.SortFunc(all, func(a, b wired) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// members are those of a shape of the model, in the order of their names.
func (m *model) members(shape string) []wired {
	var all []wired
	if shape == "" {
		return nil
	}
	s := m.Shapes[shape]
	for _, name := range slices.Sorted(maps.Keys(s.Members)) {
		member := s.Members[name]
		of := m.Shapes[member.Shape]
		w := wired{Name: name, Required: slices.Contains(s.Required, name)}
		if of.Flattened || member.LocationName != "" {
			panic(shape + "." + name + " has a form of its own")
		}
		switch of.Type {
		case "list":
			w.Kind = awsapi.KindTexts
			if m.Shapes[of.Member.Shape].Type == "structure" {
				w.Kind, w.Members = awsapi.KindList, m.members(of.Member.Shape)
			}
		case "map":
			w.Kind, w.Key, w.Value = awsapi.KindTextMap, "key", "value"
			if of.Key.LocationName != "" {
				w.Key, w.Value = of.Key.LocationName, of.Value.LocationName
			}
			if m.Shapes[of.Value.Shape].Type == "structure" {
				w.Kind, w.Members = awsapi.KindMap, m.members(of.Value.Shape)
			}
		default:
			w.Kind = map[string]awsapi.Kind{"string": awsapi.KindText, "blob": awsapi.KindBytes, "boolean": awsapi.KindBoolean}[of.Type]
		}
		all = append(all, w)
	}
	return all
}

// TestErrorsAreTheModels compares what clients know with the model.
func TestErrorsAreTheModels(t *testing.T) {
	t.Parallel()
	m := readModel(t)
	for _, k := range knownErrors() {
		shape := m.Shapes[k.name]
		switch {
		case k.framework && shape != nil:
			t.Errorf("%s is in the model", k.name)
		case k.framework:
		case shape == nil || !shape.Exception:
			t.Errorf("%s is no error of the model", k.name)
		case shape.Error.Code != k.code || shape.Error.HTTPStatusCode != k.status:
			t.Errorf("%s has the code %s and status %d, and in the model %s and %d", k.name, k.code, k.status, shape.Error.Code, shape.Error.HTTPStatusCode)
		}
	}
}

// TestRequiredMembers leaves out, of every operation, every member that the model requires.
func TestRequiredMembers(t *testing.T) {
	t.Parallel()
	m := readModel(t)
	e := newEnv(t)
	for i := range e.service.Operations {
		op := &e.service.Operations[i]
		shape := m.Shapes[m.Operations[op.Name].Input.Shape]
		if len(shape.Required) == 0 {
			continue
		}
		a := e.call(op.Name, `{}`)
		if a.code != "ValidationError" {
			t.Errorf("%s without anything answered %d %s", op.Name, a.status, a.body)
		}
		for _, name := range shape.Required {
			if path := "Value null at '" + strings.ToLower(name[:1]) + name[1:] + "' failed to satisfy constraint: Member must not be null"; !strings.Contains(a.message, path) && name != "AWSAccountId" {
				t.Errorf("%s does not miss %s: %s", op.Name, name, a.message)
			}
		}
	}
}
