package awstest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/httpapi/awsapi/storeerror"
	"github.com/signalbox-mq/signalbox/queue"
)

// A service of JSON 1.1 and what a third adapter writes for its tests: see TestService.

var ruleName = awsapi.TextRule{Least: 1, Most: 64, Pattern: `[\.\-_A-Za-z0-9]+`}.Compiled()

type putRuleInput struct {
	Name, State string
	Since       time.Time
	Limit       awsapi.Int
	Targets     []target
	Tags        []awsapi.Tag
}

func (s *putRuleInput) Fields(f []awsapi.Field) []awsapi.Field {
	return append(f, awsapi.Field{Name: "Name", To: &s.Name, Required: true}, awsapi.Field{Name: "State", To: &s.State}, awsapi.Field{Name: "Since", To: &s.Since},
		awsapi.Field{Name: "Limit", To: &s.Limit}, awsapi.Field{Name: "Targets", To: awsapi.List(&s.Targets), Required: true}, awsapi.Field{Name: "Tags", To: awsapi.List(&s.Tags)})
}

func (s *putRuleInput) Constrain(c *awsapi.Constraints) {
	c.Text("name", s.Name, ruleName)
	c.Optional("state", s.State, &awsapi.TextRule{OneOf: []string{"ENABLED", "DISABLED"}})
	c.Number("limit", s.Limit, 1, 100)
	c.Length("targets", "[]", len(s.Targets), 1, 5)
	for i := range s.Targets {
		c.Text(fmt.Sprintf("targets.%d.member.id", i+1), s.Targets[i].ID, ruleName)
	}
}

type target struct{ ID string }

func (s *target) Fields(f []awsapi.Field) []awsapi.Field {
	return append(f, awsapi.Field{Name: "Id", To: &s.ID, Required: true})
}

type putRuleOutput struct{ RuleArn string }

func (s *putRuleOutput) Fields(f []awsapi.Field) []awsapi.Field {
	return append(f, awsapi.Field{Name: "RuleArn", To: &s.RuleArn})
}

var tagRules = awsapi.TagRules{
	Twice:   func() *awsapi.Error { return &awsapi.Error{Shape: "ValidationException", Message: "twice"} },
	TooMany: func() *awsapi.Error { return &awsapi.Error{Shape: "ValidationException", Message: "too many"} },
}

func service(b *Backend) *awsapi.Service {
	return &awsapi.Service{
		Name: "events", Target: "AWSEvents", JSONVersion: "1.1", Coral: true, Refused: map[string]string{"CreateEndpoint": "there is one region"},
		ErrorOf: storeerror.With(nil).Of,
		Operations: []awsapi.Operation{
			awsapi.Op("PutRule", func(ctx context.Context, r *awsapi.Request, in *putRuleInput) (*putRuleOutput, error) {
				if _, err := tagRules.Read(in.Tags); err != nil {
					return nil, err
				}
				if _, err := b.Store.Receive(ctx, queue.ReceiveRequest{Now: time.Now(), Max: 1, Visibility: time.Second}); err != nil {
					return nil, err
				}
				return &putRuleOutput{awsapi.ARN{Service: "events", Region: r.Region, Account: r.Account, Resource: "rule/" + in.Name}.String()}, nil
			}),
			awsapi.Op("DeleteRule", func(context.Context, *awsapi.Request, *awsapi.Empty) (*awsapi.Empty, error) {
				return nil, &awsapi.Error{Shape: "ResourceNotFoundException", Message: "Rule x does not exist on EventBus default."}
			}),
		},
	}
}

const modelText = `{
"operations": {"PutRule": {"input": {"shape": "In"}, "output": {"shape": "Out"}}, "DeleteRule": {}, "CreateEndpoint": {}},
"shapes": {
	"In": {"type": "structure", "required": ["Name", "Targets"], "members": {"Name": {"shape": "RuleName"}, "State": {"shape": "State"}, "Since": {"shape": "Time"},
		"Limit": {"shape": "Limit"}, "Targets": {"shape": "Targets"}, "Tags": {"shape": "Tags"}, "RoleArn": {"shape": "Arn"}}},
	"Out": {"type": "structure", "members": {"RuleArn": {"shape": "Arn"}}},
	"RuleName": {"type": "string", "min": 1, "max": 64, "pattern": "[\\.\\-_A-Za-z0-9]+"}, "State": {"type": "string", "enum": ["ENABLED", "DISABLED"]},
	"Arn": {"type": "string", "max": 1600}, "Time": {"type": "timestamp"}, "Limit": {"type": "integer", "min": 1, "max": 100},
	"Targets": {"type": "list", "member": {"shape": "Target"}, "min": 1}, "Target": {"type": "structure", "required": ["Id"], "members": {"Id": {"shape": "RuleName"}}},
	"Tags": {"type": "list", "member": {"shape": "Tag"}}, "Tag": {"type": "structure", "required": ["Key", "Value"], "members": {"Key": {"shape": "Key"}, "Value": {"shape": "Value"}}},
	"Key": {"type": "string", "min": 1, "max": 128}, "Value": {"type": "string", "max": 256},
	"ResourceNotFoundException": {"type": "structure", "exception": true}
}}`

func examples() Examples {
	return Examples{"PutRule": `{"Name":"n","State":"ENABLED","Since":1700000000.5,"Limit":1,"Targets":[{"Id":"1"}],"Tags":[{"Key":"k","Value":"v"}],"RoleArn":"arn"}`}
}

func newClient(tb testing.TB) *Client {
	tb.Helper()
	b := NewBackend(tb)
	s := service(b)
	return &Client{
		TB: tb, Handler: b.Handler(s), Service: s, Protocol: JSON, Fail: b.Store.Fail,
		Known: append(FrameworkErrors(s), Modelled("ResourceNotFoundException", "ResourceNotFoundException", 400)),
	}
}

func TestService(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	m := parseModel(t, "a model", []byte(modelText))
	m.CheckOperations(t, c.Service)
	m.CheckShapes(t, c.Service, Compared{Required: true, Deviations: map[string]string{"PutRule input RoleArn": "nobody assumes roles"}})
	m.CheckErrors(t, c.Known)
	m.CheckRequired(t, c, examples(), nil)
	m.CheckRequiredOfNothing(t, c)
	m.CheckConstraints(t, c, examples(), map[string]string{"PutRule roleArn max": "it is not read"})
	delete(m.Shapes["In"].Members, "RoleArn") // what is not read is of any type
	m.CheckTypes(t, c, examples())
	c.Refuse("PutRule", `{"Name":"n","Targets":[{"Id":"1"}],"Tags":[{"Key":"k","Value":"1"},{"Key":"k","Value":"2"}]}`, "ValidationException", "twice")
	if got := Decode[struct{ RuleArn string }](c.OK("PutRule", examples()["PutRule"])); got.RuleArn != "arn:aws:events:us-east-1:000000000000:rule/n" {
		t.Errorf("got %+v", got)
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	g := &Golden{Headers: []string{"X-Amz-Target", "Content-Type"}, Masks: []Mask{MaskUUID(), NewMask(`rule/\w+`, "{rule}")}}
	put := Call("PutRule", examples()["PutRule"])
	g.Run(t, newClient(t), "PutRule", Exchanges{Before: []Step{put}, Steps: []Step{
		put, Call("PutRule", `{}`), put.Failing(queue.ErrStoreFull), put.Failing(ErrSecret), Call("DeleteRule", ``), Call("CreateEndpoint", `{}`), Call("Fly", `{}`),
	}})
}

// telling keeps what a check tells.
type telling struct {
	testing.TB
	told []string
}

func (t *telling) Helper() {}

func (t *telling) Errorf(format string, args ...any) {
	t.told = append(t.told, fmt.Sprintf(format, args...))
}

// TestChecksTell has each check on what it must find.
func TestChecksTell(t *testing.T) {
	t.Parallel()
	for want, check := range map[string]func(t testing.TB, m *Model, c *Client){
		"CreateEndpoint of a model is served: false, and refused": func(t testing.TB, m *Model, c *Client) {
			c.Service.Refused = nil
			m.CheckOperations(t, c.Service)
		},
		"DeleteRule is served, and a model does not have it": func(t testing.TB, m *Model, c *Client) {
			delete(m.Operations, "DeleteRule")
			m.CheckOperations(t, c.Service)
		},
		"input of PutRule in a model (-model +ours)": func(t testing.TB, m *Model, c *Client) { m.CheckShapes(t, c.Service, Compared{}) },
		"PutRule output RuleArn does not differ from a model": func(t testing.TB, m *Model, c *Client) {
			m.CheckShapes(t, c.Service, Compared{Deviations: map[string]string{"PutRule input RoleArn": "", "PutRule output RuleArn": ""}})
		},
		"OtherException is no error of a model": func(t testing.TB, m *Model, _ *Client) {
			m.CheckErrors(t, []Known{Modelled("OtherException", "Other", 400)})
		},
		"PutRule without since": func(t testing.TB, m *Model, c *Client) {
			m.Shapes["In"].Required = append(m.Shapes["In"].Required, "Since")
			m.CheckRequired(t, c, examples(), nil)
		},
		"PutRule with roleArn 1: answered 200": func(t testing.TB, m *Model, c *Client) { m.CheckTypes(t, c, examples()) },
		"PutRule roleArn max is not told":      func(t testing.TB, m *Model, c *Client) { m.CheckConstraints(t, c, examples(), nil) },
		"PutRule name max is told as": func(t testing.TB, m *Model, c *Client) {
			m.CheckConstraints(t, c, examples(), map[string]string{"PutRule name max": ""})
		},
		"PutRule name colour is no constraint": func(t testing.TB, m *Model, c *Client) {
			m.CheckConstraints(t, c, examples(), map[string]string{"PutRule name colour": ""})
		},
		"the example of PutRule lacks In.Limit": func(t testing.TB, m *Model, c *Client) {
			m.CheckTypes(t, c, Examples{"PutRule": strings.Replace(examples()["PutRule"], `"Limit":1,`, "", 1)})
		},
		"which is not one that clients know": func(_ testing.TB, _ *Model, c *Client) {
			c.Known = FrameworkErrors(c.Service)
			c.Call("DeleteRule", `{}`)
		},
		"json twice\n answered 400": func(_ testing.TB, _ *Model, c *Client) {
			c.Call("PutRule", `{}`).Is("twice", "SerializationException", "no")
		},
	} {
		tb := &telling{TB: t}
		check(tb, parseModel(t, "a model", []byte(modelText)), newClient(t).On(tb))
		if all := strings.Join(tb.told, "\n"); !strings.Contains(all, want) {
			t.Errorf("told %q, want %q", all, want)
		}
	}
}

// TestForm has the forms of Query.
func TestForm(t *testing.T) {
	t.Parallel()
	sides := func(string) (string, string) { return "key", "value" }
	nested := Form{Sides: sides}
	flat := Form{Sides: sides, Flat: func(operation, member string) string { return operation + member }}
	const input = `{"A":"a b","L":[{"X":1},{"X":true}],"E":[],"M":{"k":{"T":"t"},"j":"v"},"N":null}`
	for want, f := range map[string]Form{
		"Action=Do&Version=1&A=a+b&E=&L.member.1.X=1&L.member.2.X=true&M.entry.1.key=j&M.entry.1.value=v&M.entry.2.key=k&M.entry.2.value.T=t": nested,
		"Action=Do&Version=1&A=a+b&DoL.1.X=1&DoL.2.X=true&DoM.1.key=j&DoM.1.value=v&DoM.2.key=k&DoM.2.value.T=t":                              flat,
	} {
		if got := f.encode(t, "1", "Do", input); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestFaulty(t *testing.T) {
	t.Parallel()
	b := NewBackend(t)
	broken := errors.New("broken")
	b.Store.Fail(broken)
	if _, err := b.Store.Receive(t.Context(), queue.ReceiveRequest{}); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	b.Store.Fail(nil)
	if _, err := b.Store.Receive(t.Context(), queue.ReceiveRequest{Now: time.Now(), Max: 1, Visibility: time.Second}); err != nil {
		t.Errorf("got %v", err)
	}
}
