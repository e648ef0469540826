package events_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/httpapi/awsapi/awstest"
)

// utf8Text is what of a text arrives in JSON: what is no UTF-8 is sent as U+FFFD.
func utf8Text(s string) string {
	var out string
	if err := json.Unmarshal([]byte(awstest.Quoted(s)), &out); err != nil {
		panic(err)
	}
	return out
}

// FuzzRequest takes any body for any operation.
func FuzzRequest(f *testing.F) {
	e := newEnv(f)
	names := slices.Sorted(maps.Keys(examples()))
	for i, name := range names {
		f.Add(uint8(i), examples()[name])
	}
	for _, body := range []string{``, `null`, `[]`, `{"Entries":[null]}`, `{"Entries":[{"Resources":[null]}]}`, `{"Targets":[{"Id":"1","Id":null}]}`, `{"Name":"\ud800"}`, `{"Name":"` + "\xff" + `"}`} {
		for i := range names {
			f.Add(uint8(i), body)
		}
	}
	f.Fuzz(func(t *testing.T, operation uint8, body string) {
		e := e.on(t)
		e.Call(names[int(operation)%len(names)], body).Blameless()
	})
}

// FuzzTargetARN takes any text for the ARN of a target: it is refused, or listed as it was given, and events can be put past it.
func FuzzTargetARN(f *testing.F) {
	for _, seed := range []string{
		"arn:aws:sqs:us-east-1:000000000000:q", "arn:aws:sqs:us-east-1:000000000000:q.fifo", "arn:aws:sns:eu-west-1:111111111111:t", "arn:aws:lambda:us-east-1:000000000000:function:f:1", "arn:aws:events:us-east-1:000000000000:event-bus/default",
		"arn:aws:events:us-east-1:111111111111:event-bus/a/b", "arn:aws:events:us-east-1:000000000000:api-destination/d/1", "arn:aws:kinesis:us-east-1:000000000000:stream/s", "arn:::::", "arn:aws:sqs:us-east-1:000000000000:", "x", "arn:aws:sns:us-east-1:000000000000:\x00",
	} {
		f.Add(seed, "g")
	}
	e := newEnv(f)
	f.Fuzz(func(t *testing.T, text, group string) {
		e := e.on(t)
		e.rule("default", "r", `{"source":["shop"]}`)
		a := e.Call("PutTargets", putTargets("default", "r", `"Id":"1","Arn":`+awstest.Quoted(text)+`,"SqsParameters":{"MessageGroupId":`+awstest.Quoted(group)+`}`))
		a.Blameless()
		if a.Status != http.StatusOK {
			if a.Shape != validationError {
				t.Fatalf("%q was refused with %s", text, a.Body)
			}
			return
		}
		if got := e.targets("default", "r"); len(got) != 1 || got[0]["Arn"] != utf8Text(text) {
			t.Fatalf("%q is listed as %v", text, got)
		}
		if got := e.put(entry()); got.Entries[0].EventID == "" {
			t.Fatalf("%q: putting events fails: %+v", text, got)
		}
		e.OK("RemoveTargets", `{"Rule":"r","Ids":["1"]}`)
	})
}

// FuzzTransformer takes any template and path: they are refused, or listed as they were given, and events can be put past them.
func FuzzTransformer(f *testing.F) {
	for _, seed := range []struct{ name, path, template string }{
		{"a", "$.detail.a", `{"a": <a>}`}, {"a", "$.detail", `"x <a> y"`}, {"a", "$", "\"<a>\"\n\"b\""}, {"", "", `<aws.events.event.json>`}, {"a", "$.x[*].y", `[<a>,<aws.events.rule-name>]`}, {"a", "$.detail.a[0]", `{<a>:1}`},
		{"AWS", "$", `1`}, {"a", "x", `<a`}, {"a-b_1", `$.a\.b`, `"<a-b_1>"`}, {"a", "$.", ` `}, {"a", "$", "{\"a\":\"\\u003c<a>\"}"},
	} {
		f.Add(seed.name, seed.path, seed.template, "")
	}
	f.Add("", "", "", `{ "a" : 1 }`)
	f.Add("", "", "", `"x`)
	f.Add("", "$.detail", "", ``)
	e := newEnv(f)
	e.queue("q")
	f.Fuzz(func(t *testing.T, name, path, template, input string) {
		e := e.on(t)
		e.rule("default", "r", `{"source":["shop"]}`)
		members := `"Id":"1","Arn":"` + queueARN("q") + `"`
		switch {
		case input != "":
			members += `,"Input":` + awstest.Quoted(input)
		case template == "":
			members += `,"InputPath":` + awstest.Quoted(path)
		default:
			members += `,"InputTransformer":{"InputPathsMap":{` + awstest.Quoted(name) + `:` + awstest.Quoted(path) + `},"InputTemplate":` + awstest.Quoted(template) + `}`
		}
		a := e.Call("PutTargets", putTargets("default", "r", members))
		a.Blameless()
		if a.Status != http.StatusOK {
			if a.Shape != validationError {
				t.Fatalf("%s was refused with %s", members, a.Body)
			}
			return
		}
		var want map[string]any
		if err := json.Unmarshal([]byte(`{`+members+`}`), &want); err != nil {
			t.Fatal(err)
		}
		if path == "" && template == "" && input == "" {
			delete(want, "InputPath")
		}
		got := e.targets("default", "r")
		if a, b := mustJSON(got[0]), mustJSON(want); a != b {
			t.Fatalf("listed %s\nput    %s", a, b)
		}
		if got := e.put(entry()); got.Entries[0].EventID == "" {
			t.Fatalf("%s: putting events fails: %+v", members, got)
		}
		e.OK("RemoveTargets", `{"Rule":"r","Ids":["1"]}`)
	})
}

func mustJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// FuzzEntry takes any texts for an entry: it fails alone, or arrives as the event that it is.
func FuzzEntry(f *testing.F) {
	for _, detail := range []string{`{}`, ` { "a" : [ 1.0 , "x" ] } `, `[]`, `{"a":1,"a":2}`, `{"\ud83d\ude00":"\u0000"}`, `{"a":"\ud800"}`, "{\"a\":\"\x7f\u2028\"}", `{"a":1e999}`, `x`, "{\"a\":\"\xff\"}"} {
		f.Add("shop", "t", detail, "r")
	}
	f.Add("aws.s3", "t", `{}`, "")
	f.Add("", "", ``, "")
	f.Add("\x00\n\"", "é\\", `{}`, "\u2028")
	e := newEnv(f)
	e.queue("q")
	e.rule("default", "r", `{"source":[{"exists":true}]}`, "q")
	f.Fuzz(func(t *testing.T, source, typ, detail, resource string) {
		e := e.on(t)
		before := len(e.messages("q"))
		a := e.Call("PutEvents", putEvents(`{"Source":`+awstest.Quoted(source)+`,"DetailType":`+awstest.Quoted(typ)+`,"Detail":`+awstest.Quoted(detail)+`,"Resources":[`+awstest.Quoted(resource)+`]}`))
		a.Blameless()
		if a.Status != http.StatusOK {
			return // too long
		}
		messages := e.messages("q")
		if out := awstest.Decode[put](a); out.Entries[0].ErrorCode != "" {
			if len(messages) != before {
				t.Fatal("what has failed has arrived")
			}
			return
		}
		ev, err := event.Parse(messages[before].Body)
		if err != nil {
			t.Fatalf("%s: %v", messages[before].Body, err)
		}
		var want, got any
		if json.Unmarshal([]byte(utf8Text(detail)), &want) == nil && (json.Unmarshal(ev.Detail, &got) != nil || mustJSON(want) != mustJSON(got)) {
			t.Fatalf("the detail is %s, put was %q", ev.Detail, detail)
		}
		if ev.Source != utf8Text(source) || ev.Type != utf8Text(typ) || ev.Resources[0] != utf8Text(resource) || strings.HasPrefix(source, "aws.") {
			t.Fatalf("arrived as %s", messages[before].Body)
		}
		q, err := e.Broker.Lookup(named("q"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Broker.Purge(t.Context(), q.Name); err != nil {
			t.Fatal(err)
		}
	})
}
