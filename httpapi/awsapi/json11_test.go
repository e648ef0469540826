package awsapi

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// The shapes of a service of JSON 1.1 as EventBridge is one: they nest, have times, and constraints.

type eventsInput struct {
	Name    string
	State   string
	Limit   Int
	Start   time.Time
	Targets []eventsTarget
}

func (s *eventsInput) Fields(f []Field) []Field {
	return append(f, Field{Name: "Name", To: &s.Name, Required: true}, Field{Name: "State", To: &s.State}, Field{Name: "Limit", To: &s.Limit},
		Field{Name: "Start", To: &s.Start}, Field{Name: "Targets", To: List(&s.Targets)})
}

func (s *eventsInput) Constrain(c *Constraints) {
	c.Text("name", s.Name, TextRule{Least: 1, Most: 8, Pattern: `[\.\-_A-Za-z0-9]+`}.Compiled())
	c.Optional("state", s.State, &TextRule{OneOf: []string{"ENABLED", "DISABLED"}})
	c.Number("limit", s.Limit, 1, 100)
	c.Length("targets", "[]", len(s.Targets), 0, 2)
}

type eventsTarget struct {
	ID     string
	Secret Flag
	Inner  *eventsInner
	Tags   []Tag
	Named  []tagged
}

func (s *eventsTarget) Fields(f []Field) []Field {
	return append(f, Field{Name: "Id", To: &s.ID, Required: true}, Field{Name: "Secret", To: &s.Secret}, Field{Name: "Inner", To: Part(&s.Inner)},
		Field{Name: "Tags", To: List(&s.Tags)}, Field{Name: "Named", To: Map(&s.Named)})
}

// eventsInner may have another of its kind in it.
type eventsInner struct {
	Template string
	Paths    map[string]string
	Values   []string
	When     time.Time
	Inner    *eventsInner
}

func (s *eventsInner) Fields(f []Field) []Field {
	return append(f, Field{Name: "Template", To: &s.Template, Required: true}, Field{Name: "Paths", To: &s.Paths}, Field{Name: "Values", To: &s.Values},
		Field{Name: "When", To: &s.When}, Field{Name: "Inner", To: Part(&s.Inner)})
}

func eventsHandler() *Handler {
	return NewHandler(Config{Account: "000000000000", Region: "us-east-1", Log: zerolog.Nop()}, &Service{
		Name: "events", Target: "AWSEvents", JSONVersion: "1.1", Coral: true, Refused: map[string]string{"Old": "nobody uses it"},
		Operations: []Operation{
			Op("Echo", func(_ context.Context, _ *Request, in *eventsInput) (*eventsInput, error) { return in, nil }),
			Op("Nothing", func(context.Context, *Request, *Empty) (*Empty, error) { return nil, nil }),
			Op("Fail", func(context.Context, *Request, *Empty) (*Empty, error) { return nil, errOwn }),
			Op("Break", func(context.Context, *Request, *Empty) (*Empty, error) { return nil, errors.New("secret") }),
		},
		ErrorOf: func(err error) *Error {
			if errors.Is(err, errOwn) {
				return &Error{Shape: "ResourceNotFoundException", Message: "Event bus x does not exist."}
			}
			return nil
		},
	})
}

func TestJSON11(t *testing.T) {
	t.Parallel()
	const (
		null    = " failed to satisfy constraint: Member must not be null"
		invalid = `{"__type":"ValidationException","message":"`
		found   = " detected: Value "
	)
	h := eventsHandler()
	for _, c := range []struct {
		operation, body string
		status          int
		want            string
	}{
		{"Nothing", ``, 200, `{}`},
		{"Echo", `{"Name":"n"}`, 200, `{"Name":"n"}`},
		{"Echo", `{"Name":"n","Start":1700000000,"Targets":[]}`, 200, `{"Name":"n","Start":1700000000}`},
		{"Echo", `{"Name":"n","Start":1.7000000005E9}`, 200, `{"Name":"n","Start":1700000000.5}`},
		{"Echo", `{"Name":"n","Start":0,"Limit":1}`, 200, `{"Name":"n","Limit":1,"Start":0}`},
		{
			"Echo", `{"Name":"n","Targets":[{"Id":"1","Secret":false,"Inner":{"Template":"","Paths":{"a":"$.a"},"Values":["*","x"],"When":1,"Inner":{"Template":"t","Inner":{"Template":"u"}}},` +
				`"Tags":[{"Key":"k","Value":""}],"Named":{"b":{"Value":"v"},"a":{"Value":"w"}}},{"Id":"2"}]}`, 200,
			`{"Name":"n","Targets":[{"Id":"1","Secret":false,"Inner":{"Paths":{"a":"$.a"},"Values":["*","x"],"When":1,"Inner":{"Template":"t","Inner":{"Template":"u"}}},` +
				`"Tags":[{"Key":"k","Value":""}],"Named":{"b":{"Value":"v"},"a":{"Value":"w"}}},{"Id":"2"}]}`,
		},
		{"Fail", `{}`, 400, `{"__type":"ResourceNotFoundException","message":"Event bus x does not exist."}`},
		{"Break", `{}`, 500, `{"__type":"InternalFailure","message":"The request failed because of a fault of the router. Its log has the cause under this request's id."}`},
		{"Fly", `{}`, 404, `{"__type":"UnknownOperationException","message":"There is no operation AWSEvents.Fly here."}`},
		{"Old", `{}`, 400, `{"__type":"UnsupportedOperation","message":"The operation Old is not supported: nobody uses it."}`},
		{"Echo", `{"Name":1}`, 400, `{"__type":"SerializationException","message":"Name must be a string"}`},
		{"Echo", `{"Name":"n","Start":"2023-11-14T22:13:20Z"}`, 400, `{"__type":"SerializationException","message":"Start must be a number of seconds since 1970"}`},
		{"Echo", `{"Name":"n","Targets":[{"Id":"1","Inner":{"Template":"t","Inner":{"Template":[]}}}]}`, 400, `{"__type":"SerializationException","message":"Targets.Inner.Inner.Template must be a string"}`},
		// What is not there is not what is empty.
		{"Echo", ``, 400, invalid + `1 validation error` + found + `null at 'name'` + null + `"}`},
		{"Echo", `{"Name":null}`, 400, invalid + `1 validation error` + found + `null at 'name'` + null + `"}`},
		{"Echo", `{"Name":"n","Targets":[{"Id":""}]}`, 200, `{"Name":"n","Targets":[{}]}`},
		{
			"Echo", `{"Targets":[{"Id":"a"},null,{"Tags":[{"Key":"k","Value":"v"},{"Key":"k"}],"Inner":{"Inner":{}},"Named":{"m":{}}}]}`, 400,
			invalid + `6 validation errors` + found + `null at 'targets.2.member.tags.2.member.value'` + null + `; Value null at 'targets.2.member.inner.inner.template'` + null +
				`; Value null at 'targets.2.member.inner.template'` + null + `; Value null at 'targets.2.member.named.m.member.value'` + null +
				`; Value null at 'targets.2.member.id'` + null + `; Value null at 'name'` + null + `"}`,
		},
		{"Echo", `{"Targets":[` + strings.Repeat(`{},`, 20) + `{}]}`, 400, `10 validation errors detected`},
		// The framework tells of all constraints at once.
		{
			"Echo", `{"Name":""}`, 400, invalid + `2 validation errors` + found + `'' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 1` +
				`; Value '' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+"}`,
		},
		{
			"Echo", `{"Name":"é23456789","State":"ON","Limit":0}`, 400, invalid + `4 validation errors` + found + `'é23456789' at 'name' failed to satisfy constraint: Member must have length less than or equal to 8` +
				`; Value 'é23456789' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+` +
				`; Value 'ON' at 'state' failed to satisfy constraint: Member must satisfy enum value set: [ENABLED, DISABLED]` +
				`; Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1"}`,
		},
		{
			"Echo", `{"Limit":101,"Targets":[{"Id":"1"},{"Id":"2"},{"Id":"3"}]}`, 400, invalid + `3 validation errors` + found + `null at 'name'` + null +
				`; Value '101' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 100` +
				`; Value '[]' at 'targets' failed to satisfy constraint: Member must have length less than or equal to 2"}`,
		},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(c.body))
		r.Header.Set("X-Amz-Target", "AWSEvents."+c.operation)
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		w := ask(h, r)
		if got := w.Body.String(); w.Code != c.status || got != c.want && (!strings.HasSuffix(c.want, "detected") || !strings.Contains(got, c.want)) {
			t.Errorf("%s %s:\nanswered %d %s\nwant     %d %s", c.operation, c.body, w.Code, got, c.status, c.want)
		}
		if got := w.Header().Get("Content-Type"); got != "application/x-amz-json-1.1" {
			t.Errorf("%s: has the type %s", c.operation, got)
		}
		if got := exactly(w, "x-amzn-query-error"); len(got) != 0 {
			t.Errorf("%s: has x-amzn-query-error %q", c.operation, got)
		}
	}
}
