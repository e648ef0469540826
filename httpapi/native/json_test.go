package native

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/queue"
)

func TestReadMessage(t *testing.T) {
	t.Parallel()
	m, err := readMessage([]byte(" {\"body\" : \"a\\u00e9\\n\\ud83d\\ude00\\/\\\"\\u0000ü\" ,\t\"attributes\":{\"z\":\"\",\"a\":{\"value\":\"AP+J\",\"type\":\"Binary.x\"}},\r\n\"group\":\"g\",\"dedup_id\":\"d\",\"delay\":\"1m30s\"} "), memberDelay)
	if err != nil {
		t.Fatal(err)
	}
	if want := "aé\n😀/\"\x00ü"; string(m.Body) != want || m.Group != "g" || m.DedupID != "d" || m.Delay.String() != "1m30s" {
		t.Errorf("read %+v, body %q, want %q", m, m.Body, want)
	}
	want := []queue.Attribute{{Name: "a", Type: "Binary.x", Value: []byte{0, 0xff, 0x89}}, {Name: "z", Type: "String", Value: []byte{}}}
	if diff := cmp.Diff(want, m.Attributes); diff != "" {
		t.Error(diff)
	}
}

// TestSyntax has texts that are not JSON, or not Unicode, and where they are wrong.
func TestSyntax(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                      "body is empty; it must be a JSON object",
		" \n\t":                                 "body is empty; it must be a JSON object",
		"\ufeff{}":                              "body is not valid JSON: unexpected 'ï' at byte 0",
		"{":                                     "body is not valid JSON: unexpected end at byte 1",
		"{,}":                                   "body is not valid JSON: unexpected ',' at byte 1",
		"{body:1}":                              "body is not valid JSON: unexpected 'b' at byte 1",
		`{"body"}`:                              "body is not valid JSON: unexpected '}' at byte 7",
		`{"body":}`:                             "body is not valid JSON: unexpected '}' at byte 8",
		`{"body":"x",}`:                         "body is not valid JSON: unexpected '}' at byte 12",
		`{"body":"x" "group":"g"}`:              `body is not valid JSON: unexpected '"' at byte 12`,
		`{"body":'x'}`:                          `body is not valid JSON: unexpected '\'' at byte 8`,
		`{"body":nul}`:                          "body is not valid JSON: unexpected 'n' at byte 8",
		`{"body":nullx}`:                        "body is not valid JSON: unexpected 'x' at byte 12",
		`{"body":"x}`:                           "body is not valid JSON: unexpected end at byte 11",
		`{"body":"\`:                            "body is not valid JSON: unexpected end at byte 10",
		`{"body":"\x"}`:                         "body is not valid JSON: unexpected 'x' at byte 10",
		`{"body":"\u12"}`:                       `body is not valid JSON: unexpected '"' at byte 13`,
		`{"body":"\u123`:                        "body is not valid JSON: unexpected end at byte 14",
		"{\"body\":\"a\nb\"}":                   `body is not valid JSON: unexpected '\n' at byte 10`,
		"{\"body\":\"\\n\x01\"}":                `body is not valid JSON: unexpected '\x01' at byte 11`,
		"{\"body\":\"\\n\xc0\xa0\"}":            "body is not valid UTF-8",
		"{\"body\":\"\xed\xa0\x80\"}":           "body is not valid UTF-8",
		"{\"\xff\":1}":                          "body is not valid UTF-8",
		`{"group":"\ud800"}`:                    "group has half a surrogate pair",
		`{"group":"\udc00\ud800"}`:              "group has half a surrogate pair",
		`{"group":"\ud800\u0041"}`:              "group has half a surrogate pair",
		`{"group":"\ud800x"}`:                   "group has half a surrogate pair",
		`{"group":"\ud800\u12"}`:                "group has half a surrogate pair",
		`{"body":"x"}x`:                         "body has something after the JSON object, at byte 12",
		"{\"body\":\"x\"}\x00":                  "body has something after the JSON object, at byte 12",
		`true`:                                  "body must be a JSON object, not a boolean",
		`"x"`:                                   "body must be a JSON object, not a string",
		`{"body":true}`:                         "body must be a string, not a boolean",
		`{"body":{"a":1}}`:                      "body must be a string, not an object",
		`{"body":-1}`:                           "body must be a string, not a number",
		`{"attributes":{"a":null}}`:             `attributes.a must be a string, or an object {"type", "value"}, not null`,
		`{"attributes":{"a":{"type":[]}}}`:      "attributes.a.type must be a string, not an array",
		`{"attributes":{"a":{"a":1}}}`:          "attributes.a.a is not a known member",
		`{"":1}`:                                `"" is not a known member`,
		`{"__proto__":{}}`:                      "__proto__ is not a known member",
		`{"delay":0.5}`:                         `delay must be a duration such as "30s" or "1h30m", not a number`,
		`{"delay":true}`:                        `delay must be a duration such as "30s" or "1h30m", not a boolean`,
		`{"delay":""}`:                          "delay is no duration: empty; write a number with a unit, such as 30s or 1h30m",
		`{"` + strings.Repeat("é", 99) + `":1}`: strings.Repeat("é", 32) + "… is not a known member",
	} {
		_, err := readMessage([]byte(text), memberDelay)
		if err == nil || err.Error() != want {
			t.Errorf("%s: the error is %v, want %s", text, err, want)
		}
	}
}

func TestManyAttributes(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&b, `"a%d":"x",`, i)
	}
	m, err := readMessage([]byte(`{"body":"x","attributes":{`+b.String()+`"last":"x"}}`), memberDelay)
	if err != nil || len(m.Attributes) != 50_001 {
		t.Errorf("read %d attributes, %v", len(m.Attributes), err)
	}
	_, err = readMessage([]byte(`{"body":"x","attributes":{`+b.String()+`"a7":"x"}}`), memberDelay)
	if err == nil || err.Error() != "attributes.a7 is given twice" {
		t.Errorf("the error is %v", err)
	}
}

// TestReadDefinition checks that every member of a queue's definition can be given, and comes out as it is written.
func TestReadDefinition(t *testing.T) {
	t.Parallel()
	values := map[string]string{
		"fifo": "true", "visibility_timeout": `"1m"`, "delay": `"1s"`, "retention": `"1d"`, "receive_wait": `"5s"`, "max_message_size": "7",
		"max_in_flight": "8", "partitions": "3", "content_based_deduplication": "true", "deduplication_scope": `"group"`, "dead_letter": `{"queue":"q","max_receives":3}`,
		"dead_letter_sources": `{"deny":true,"queues":["a","b"]}`, "tags": `{"team":"shop","x.y":""}`, "kept": `{"sqs.Policy":"{}"}`,
	}
	var all []string
	typ := reflect.TypeFor[queue.Definition]()
	for i := range typ.NumField() {
		name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
		if values[name] == "" {
			t.Fatalf("this test has no value for %s", name)
		}
		all = append(all, fmt.Sprintf("%q:%s", name, values[name]))
	}
	text := "{" + strings.Join(all, ",") + "}"
	got, err := readDefinition([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if written, err := json.Marshal(got); err != nil || string(written) != text {
		t.Errorf("%s\nwas written as\n%s (%v)", text, written, err)
	}
	nulls := "{"
	for i, name := range slices.Sorted(maps.Keys(values)) {
		if i > 0 {
			nulls += ","
		}
		nulls += fmt.Sprintf("%q:null", name)
	}
	if got, err := readDefinition([]byte(nulls + "}")); err != nil || !reflect.DeepEqual(got, queue.Definition{}) {
		t.Errorf("nulls are %+v, %v", got, err)
	}
	for text, want := range map[string]string{
		`{"max_in_flight":1e3}`:                        "max_in_flight must be a whole number, not 1e3",
		`{"max_in_flight":007}`:                        "max_in_flight must be a whole number, not 007",
		`{"max_in_flight":"7"}`:                        "max_in_flight must be a whole number, not a string",
		`{"max_in_flight":-}`:                          "max_in_flight must be a whole number, not -",
		`{"fifo":1}`:                                   "fifo must be true or false, not a number",
		`{"dead_letter":[]}`:                           "dead_letter must be an object, not an array",
		`{"dead_letter":{"queue":1}}`:                  "dead_letter.queue must be a string, not a number",
		`{"dead_letter":{"x":1}}`:                      "dead_letter.x is not a known member",
		`{"visibility_timeout":"30"}`:                  "visibility_timeout is no duration: a unit is missing after 30; units are ms, s, m, h, d",
		`{"fifo":true,"fifo":true}`:                    "fifo is given twice",
		`{"dead_letter_sources":{"queues":{}}}`:        "dead_letter_sources.queues must be an array, not an object",
		`{"dead_letter_sources":{"queues":["a",1]}}`:   "dead_letter_sources.queues[1] must be a string, not a number",
		`{"dead_letter_sources":{"queues":[null]}}`:    "dead_letter_sources.queues[0] must be a string, not null",
		`{"dead_letter_sources":{"queues":["a" "b"]}}`: `body is not valid JSON: unexpected '"' at byte 38`,
		`{"dead_letter_sources":{"queues":["a",]}}`:    `body is not valid JSON: unexpected ']' at byte 38`,
		`{"dead_letter_sources":{"deny":1}}`:           "dead_letter_sources.deny must be true or false, not a number",
		`{"dead_letter_sources":{"x":1}}`:              "dead_letter_sources.x is not a known member",
		`{"tags":["a"]}`:                               "tags must be an object, not an array",
		`{"tags":{"a":1}}`:                             "tags.a must be a string, not a number",
		`{"tags":{"a":null}}`:                          "tags.a must be a string, not null",
		`{"tags":{"a":"1","a":"2"}}`:                   "tags.a is given twice",
		`{"dead_letter":{"max_receives":true}}`:        "dead_letter.max_receives must be a whole number, not a boolean",
	} {
		if _, err := readDefinition([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%s: the error is %v, want %s", text, err, want)
		}
	}
}

// FuzzReadMessage compares with encoding/json: what is read is what that reads, and what that refuses is refused.
func FuzzReadMessage(f *testing.F) {
	for _, seed := range []string{
		`{"body":"x","attributes":{"a":"b","n":{"type":"Number","value":"7"},"b":{"type":"Binary","value":"AP+J"}},"group":"g","dedup_id":"d","delay":"1m"}`,
		`{"body":"\ud83d\ude00\u0000\\\/","delay":0,"group":null}`, `{"body":"x"}{}`, `{"body":"` + "\xff" + `"}`, `[[[[`, `{"body":"\ud800"}`, "{\"body\":\"\x00\"}",
		`{"body":"x","body":"y"}`, `{"Body":"x"}`, `{"attributes":{"a":{"type":"String","value":"x","value":"y"}}}`, ``, `null`,
	} {
		f.Add([]byte(seed))
	}
	type typed struct{ Type, Value *string }
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		m, err := readMessage(data, memberDelay)
		if !bytes.Equal(before, data) {
			t.Fatal("the input was changed")
		}
		if err != nil {
			e, ok := errors.AsType[*badRequest](err)
			if !ok || e.field == "" || e.reason == "" || len(err.Error()) > 2000 {
				t.Fatalf("the error is %v", err)
			}
			return
		}
		var plain struct {
			Body       *string
			Attributes map[string]json.RawMessage
			Group      *string
			DedupID    *string `json:"dedup_id"`
			Delay      any
		}
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&plain); err != nil || plain.Body == nil || !utf8.Valid(data) {
			t.Fatalf("accepted what encoding/json does not: %v", err)
		}
		text := func(s *string) string {
			if s == nil {
				return ""
			}
			return *s
		}
		if string(m.Body) != *plain.Body || m.Group != text(plain.Group) || m.DedupID != text(plain.DedupID) || (m.Delay == nil) != (plain.Delay == nil) || len(m.Attributes) != len(plain.Attributes) {
			t.Fatalf("read %+v, encoding/json reads %+v", m, plain)
		}
		for _, a := range m.Attributes {
			var s string
			var o typed
			switch raw := plain.Attributes[a.Name]; {
			case json.Unmarshal(raw, &s) == nil:
				if a.Type != "String" || string(a.Value) != s {
					t.Fatalf("attribute %+v, want %q", a, s)
				}
			case json.Unmarshal(raw, &o) != nil || a.Type != text(o.Type):
				t.Fatalf("attribute %+v of %s", a, raw)
			case !binaryType(a.Type) && string(a.Value) != text(o.Value):
				t.Fatalf("attribute %+v of %s", a, raw)
			}
		}
		// What an answer would make of the attributes is what was sent.
		written, err := json.Marshal(struct {
			Body       string     `json:"body"`
			Attributes attributes `json:"attributes"`
		}{string(m.Body), m.Attributes})
		if err != nil {
			t.Fatal(err)
		}
		again, err := readMessage(written, memberDelay)
		if err != nil || !bytes.Equal(again.Body, m.Body) || !cmp.Equal(again.Attributes, m.Attributes) {
			t.Fatalf("%s was read as %+v (%v), want %+v", written, again.Attributes, err, m.Attributes)
		}
	})
}

// FuzzReadDefinition checks that what is read is what encoding/json reads.
func FuzzReadDefinition(f *testing.F) {
	f.Add([]byte(`{"fifo":true,"visibility_timeout":"1m","max_in_flight":7,"dead_letter":{"queue":"q","max_receives":3}}`))
	f.Add([]byte(`{"dead_letter_sources":{"deny":true,"queues":["a","b"]},"tags":{"a":"b"},"kept":{"a":""}}`))
	f.Add([]byte(`{"delay":0,"retention":null,"deduplication_scope":"group"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := readDefinition(data)
		if err != nil {
			return
		}
		var want queue.Definition
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&want); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("read %+v, encoding/json reads %+v (%v)", got, want, err)
		}
	})
}
