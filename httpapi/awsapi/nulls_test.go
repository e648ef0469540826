package awsapi

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

type tagged struct{ Key, Value string }

func (s *tagged) EntryKey() *string { return &s.Key }

func (s *tagged) Fields(f []Field) []Field {
	return append(f, Field{Name: "Value", To: &s.Value, Required: true})
}

type letter struct {
	Name string
	Tags []tagged
	All  []tagged
	One  *tagged
}

func (s *letter) Fields(f []Field) []Field {
	return append(f, Field{Name: "Name", To: &s.Name, Required: true}, Field{Name: "Tags", To: Map(&s.Tags)},
		Field{Name: "All", To: List(&s.All)}, Field{Name: "One", To: Part(&s.One)})
}

// TestNulls has what a service of Coral tells of members that are not there.
func TestNulls(t *testing.T) {
	t.Parallel()
	service := &Service{Name: "c", QueryVersion: "1", Coral: true, Operations: []Operation{
		Op("Send", func(context.Context, *Request, *letter) (*Empty, error) { return nil, nil }),
	}}
	h := NewHandler(Config{Account: "000000000000", Region: "us-east-1", Log: zerolog.Nop()}, service)
	const null = " failed to satisfy constraint: Member must not be null"
	for form, want := range map[string]string{
		"Name=":  "",
		"":       "1 validation error detected: Value null at 'name'" + null,
		"Name=x": "",
		"Name=x&Tags.entry.1.Name=a&Tags.entry.1.Value.Value=": "",
		"Name=x&Tags.entry.3.Name=a&Tags.entry.3.Value.X=":     "1 validation error detected: Value null at 'tags.a.member.value'" + null,
		"Name=x&Tags.entry.3.Name=a":                           "1 validation error detected: Value null at 'tags.a.member.value'" + null,
		"All.member.2.X=&All.member.5.Value=v":                 "2 validation errors detected: Value null at 'name'" + null + "; Value null at 'all.1.member.value'" + null,
		"Name=x&One.X=y":                                       "1 validation error detected: Value null at 'one.value'" + null,
		"Name=x&One.Value=y":                                   "",
	} {
		w := ask(h, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader("Action=Send&Version=1&"+form)))
		if want == "" {
			if w.Code != http.StatusOK {
				t.Errorf("%s: answered %d %s", form, w.Code, w.Body)
			}
			continue
		}
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "<Code>ValidationError</Code><Message>"+want+"</Message>") {
			t.Errorf("%s: answered %d %s, want %s", form, w.Code, w.Body, want)
		}
	}
}

// TestVisitedURLs has GETs without a version or a credential: they are of the service that knows the action.
func TestVisitedURLs(t *testing.T) {
	t.Parallel()
	both, queryOnly := services()
	queryOnly.Operations = append(queryOnly.Operations, Op("Visit", func(context.Context, *Request, *Empty) (*Empty, error) { return nil, nil }))
	queryOnly.Refused = map[string]string{"Never": "it is not wanted"}
	h := NewHandler(Config{Account: "000000000000", Region: "us-east-1", Log: zerolog.Nop()}, both, queryOnly)
	for target, want := range map[string]string{
		"/?Action=Visit":                    `<VisitResponse xmlns="urn:two">`,
		"/?Action=Echo&Id=x":                `<EchoResponse xmlns="urn:one">`,
		"/?Action=Never":                    "it is not wanted",
		"/?Action=Fly":                      "<Code>InvalidAction</Code>",
		"/?Action=Visit&Version=2001-01-01": "<Code>InvalidAction</Code>",
	} {
		if w := ask(h, httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)); !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: answered %s, want %s", target, w.Body, want)
		}
	}
}
