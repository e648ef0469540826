package event_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/event"
)

// envelope is the example of the EventBridge guide.
const envelope = `{
  "version": "0",
  "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
  "detail-type": "EC2 Instance State-change Notification",
  "source": "aws.ec2",
  "account": "111122223333",
  "time": "2017-12-22T18:43:48Z",
  "region": "us-west-1",
  "resources": ["arn:aws:ec2:us-west-1:123456789012:instance/i-1234567890abcdef0"],
  "detail": {"instance-id": "i-1234567890abcdef0", "state": "terminated"}
}`

func TestParseEnvelopeOfAWS(t *testing.T) {
	t.Parallel()
	e, err := event.Parse([]byte(envelope))
	if err != nil {
		t.Fatal(err)
	}
	want := event.Event{
		ID: "6a7e8feb-b491-4cf7-a9f1-bf3703467718", Source: "aws.ec2", Type: "EC2 Instance State-change Notification",
		Time: time.Date(2017, 12, 22, 18, 43, 48, 0, time.UTC), Account: "111122223333", Region: "us-west-1",
		Resources: []string{"arn:aws:ec2:us-west-1:123456789012:instance/i-1234567890abcdef0"},
		Detail:    json.RawMessage(`{"instance-id":"i-1234567890abcdef0","state":"terminated"}`),
	}
	if diff := cmp.Diff(want, e); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// What goes out is AWS's, member by member, and nothing else.
	compact, err := event.CompactJSON([]byte(envelope))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(e.AppendEventBridge(nil)); got != string(compact) {
		t.Errorf("got  %s\nwant %s", got, compact)
	}
	e.ReplayName = "again"
	if got := string(e.AppendEventBridge(nil)); !strings.Contains(got, `"region":"us-west-1","replay-name":"again","resources":[`) {
		t.Errorf("replayed: %s", got)
	}
}

// TestTextsOfAnyContent come back: AWS's clients may put any, and what was accepted is read again.
func TestTextsOfAnyContent(t *testing.T) {
	t.Parallel()
	const text = "\x00\v\x7f\u0085\uffff\"\\"
	e := event.Event{
		ID: "1", Source: text, Type: text, Account: "111122223333", Region: "r", Resources: []string{text, ""}, Detail: json.RawMessage(`{}`),
		Time: time.Date(2017, 12, 22, 18, 43, 48, 0, time.UTC),
	}
	got, err := event.Parse(e.AppendEventBridge(nil))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(e, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestJSONInterfaces(t *testing.T) {
	t.Parallel()
	e, err := event.Parse([]byte(envelope))
	if err != nil {
		t.Fatal(err)
	}
	e.Extensions = map[string]event.Value{"n": event.IntValue(-5)}
	data, err := json.Marshal(map[string]any{"event": e})
	if err != nil {
		t.Fatal(err)
	}
	var back struct{ Event event.Event }
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	clear(data) // UnmarshalJSON keeps nothing of its input
	if diff := cmp.Diff(e, back.Event); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ old, new, field, reason string }{
		{envelope, ``, "body", "is not valid JSON: unexpected end at byte 0"},
		{envelope, `[]`, "body", "must be a JSON object"},
		{`"terminated"}`, `"terminated"`, "body", "is not valid JSON: unexpected end at byte 396"},
		{`"version": "0"`, `"version": "1"`, "version", `must be "0"`},
		{`"version": "0",`, ``, "version", "is missing"},
		{`"region": "us-west-1",`, ``, "region", "is missing"},
		{`"aws.ec2"`, `""`, "source", "must not be empty"},
		{`"aws.ec2"`, `null`, "source", "must be a string"},
		{`"aws.ec2"`, `"\udc00"`, "source", "must not contain half a surrogate pair"},
		{`"2017-12-22T18:43:48Z"`, `"noon"`, "time", `must be an RFC 3339 time such as "2026-11-23T17:56:28.5Z"`},
		{`"region"`, `"Region"`, "Region", "is not a member of the EventBridge envelope"},
		{`"version": "0",`, `"version": "0", "version": "0",`, "version", "is given twice"},
		{`"version": "0",`, `"version": "0", "resources": [],`, "resources", "is given twice"},
		{`["arn`, `[5, "arn`, "resources", "must be an array of strings"},
		{`"version"`, `"extensions": [], "version"`, "extensions", "must be an object"},
		{`"version"`, `"extensions": {"data_base64": true}, "version"`, "detail", "is not a string of base64, which data_base64 promises"},
		{`"version"`, `"extensions": {"data_base64": false}, "version"`, "extensions.data_base64", "must be true when it is there"},
		{`"version"`, `"extensions": {"time": "2017-12-22T18:43:49.5Z"}, "version"`, "extensions.time", "is not the envelope's time"},
		{`"version"`, `"extensions": {"a_b": 1}, "version"`, "extensions.a_b", "is not a valid attribute name: only lower-case letters a-z and digits are allowed"},
	} {
		_, err := event.Parse([]byte(strings.Replace(envelope, c.old, c.new, 1)))
		t.Run(c.new, func(t *testing.T) {
			wantInvalid(t, err, &event.InvalidError{Index: -1, Field: c.field, Reason: c.reason})
		})
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	valid := func() event.Event {
		e := event.Event{Source: "s", Type: "t"}
		intake().Stamp(&e)
		return e
	}
	e := valid()
	if err := e.Validate(); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(e *event.Event){
		"id is missing":                                      func(e *event.Event) { e.ID = "" },
		"source is missing":                                  func(e *event.Event) { e.Source = "" },
		"detail-type is missing":                             func(e *event.Event) { e.Type = "" },
		"account must be 12 digits":                          func(e *event.Event) { e.Account = "12345678901x" },
		"account must be 12 digits\n":                        func(e *event.Event) { e.Account = "" },
		"time must be in a year from 0000 to 9999, in UTC":   func(e *event.Event) { e.Time = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"time does not agree with its original spelling":     func(e *event.Event) { e.TimeText = "2026-01-01T00:00:00+00:00" },
		"detail is not valid JSON: unexpected end at byte 1": func(e *event.Event) { e.Detail = json.RawMessage(`{`) },
		"detail is not a string of base64":                   func(e *event.Event) { e.Detail, e.Base64 = json.RawMessage(`5`), true },
		"extensions.A is not a valid attribute name: only lower-case letters a-z and digits are allowed": func(e *event.Event) {
			e.Extensions = map[string]event.Value{"A": {}}
		},
	} {
		e := valid()
		spoil(&e)
		err := e.Validate()
		if _, ok := errors.AsType[*event.InvalidError](err); !ok || err.Error() != strings.TrimSpace(want) {
			t.Errorf("error is %v, want %s", err, want)
		}
	}
	e.Detail = json.RawMessage(`"` + strings.Repeat("x", event.MaxSize) + `"`)
	if err := e.Validate(); !errors.Is(err, event.ErrTooLarge) {
		t.Errorf("error is %v", err)
	}
}

func TestWithDetail(t *testing.T) {
	t.Parallel()
	e, err := intake().DecodeBinary(ceHeaders("Content-Type", "image/png", "Ce-Dataschema", "x:y"), []byte("png"))
	if err != nil {
		t.Fatal(err)
	}
	before := e
	got := e.WithDetail(json.RawMessage(`{"a":1}`))
	if diff := cmp.Diff(before, e); diff != "" {
		t.Errorf("the original changed (-want +got):\n%s", diff)
	}
	contentType, body := got.Data()
	if contentType != "application/json" || string(body) != `{"a":1}` || got.DataSchema != "" || got.ID != e.ID {
		t.Errorf("got %q %q %+v", contentType, body, got)
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		v    event.Value
		text string
		json string
		any  any
	}{
		{event.StringValue("a\"b"), `a"b`, `"a\"b"`, `a"b`},
		{event.IntValue(-2147483648), "-2147483648", "-2147483648", -2147483648},
		{event.BoolValue(true), "true", "true", true},
		{event.BoolValue(false), "false", "false", false},
		{event.Value{}, "", `""`, ""},
	} {
		data, err := json.Marshal(c.v)
		if err != nil || string(data) != c.json || c.v.String() != c.text || c.v.Any() != c.any {
			t.Errorf("got %s (%v), %q, %v, want %+v", data, err, c.v.String(), c.v.Any(), c)
		}
	}
	if event.IntValue(5) == event.StringValue("5") || event.BoolValue(true).Equal(event.IntValue(1)) {
		t.Error("values of different types are equal")
	}
}
