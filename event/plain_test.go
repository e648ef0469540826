package event_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/event"
)

func TestDecodePlain(t *testing.T) {
	t.Parallel()
	got := plainEvent(t, `{
		"source": "shop", "type": "order.created", "subject": "order/7", "time": "2026-11-23T18:56:28.50+01:00",
		"data": {"total": 120.50, "a": 1}, "resources": ["arn:x", "arn:y"],
		"extensions": {"tenant": "acme", "priority": 5, "test": true, "gone": null}}`)
	if _, err := event.IDTime(got.ID); err != nil {
		t.Error(err)
	}
	got.ID = ""
	want := event.Event{
		Source: "shop", Type: "order.created", Subject: "order/7", Account: "000000000000", Region: "us-east-1",
		Time: time.Date(2026, 11, 23, 17, 56, 28, 5e8, time.UTC), TimeText: "2026-11-23T18:56:28.50+01:00",
		Detail: json.RawMessage(`{"total":120.50,"a":1}`), Resources: []string{"arn:x", "arn:y"},
		Extensions: map[string]event.Value{
			"tenant": event.StringValue("acme"), "priority": event.IntValue(5), "test": event.BoolValue(true)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDecodePlainData(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]string{
		``: `null`, `,"data":null`: `null`, `,"data":"text"`: `"text"`, `,"data":1e400`: `1e400`, `,"data":false`: `false`,
		`,"data": [1, {"a": 1, "a": 2}]`: `[1,{"a":1,"a":2}]`, `,"data":12345678901234567890`: `12345678901234567890`,
	} {
		e := plainEvent(t, `{"source":"s","type":"t"`+data+`}`)
		if string(e.Detail) != want {
			t.Errorf("%s: detail is %s, want %s", data, e.Detail, want)
		}
		if e.HasData() != (want != "null") {
			t.Errorf("%s: HasData is %v", data, e.HasData())
		}
		if !e.Time.Equal(arrival.Truncate(time.Second)) {
			t.Errorf("%s: time is %v, want that of arrival", data, e.Time)
		}
	}
}

func TestDecodePlainArray(t *testing.T) {
	t.Parallel()
	events, err := intake().DecodePlain([]byte(` [ {"source":"s","type":"a"}, {"source":"s","type":"b"} ] `))
	if err != nil || len(events) != 2 || events[0].Type != "a" || events[1].Type != "b" || events[0].ID >= events[1].ID {
		t.Errorf("got %+v, %v", events, err)
	}
	if events, err := intake().DecodePlain([]byte(`[]`)); err != nil || len(events) != 0 {
		t.Errorf("empty array: %+v, %v", events, err)
	}
}

func TestDecodePlainErrors(t *testing.T) {
	t.Parallel()
	const known = "is not a known key: an event has source, type, data, subject, time, resources and extensions"
	const value = "must be a string, a boolean or an integer from -2147483648 to 2147483647 (larger numbers go as strings)"
	for body, want := range map[string]event.InvalidError{
		``:                                       {Index: -1, Field: "body", Reason: "is not valid JSON: unexpected end at byte 0"},
		`5`:                                      {Index: -1, Field: "body", Reason: "must be a JSON object"},
		`"x`:                                     {Index: -1, Field: "body", Reason: "is not valid JSON: unexpected end at byte 2"},
		`{}{}`:                                   {Index: -1, Field: "body", Reason: "is not valid JSON: unexpected '{' after the end of the value at byte 2"},
		`[5]`:                                    {Index: 0, Field: "body", Reason: "must be a JSON object"},
		`[{}`:                                    {Index: 0, Field: "source", Reason: "is missing"},
		`[]]`:                                    {Index: -1, Field: "body", Reason: "is not valid JSON: unexpected ']' after the end of the value at byte 2"},
		`[{]`:                                    {Index: 0, Field: "body", Reason: "is not valid JSON: unexpected ']' where a key begins at byte 2"},
		`{"s"}`:                                  {Index: -1, Field: "body", Reason: "is not valid JSON: unexpected '}' after a key at byte 4"},
		`{}`:                                     {Index: -1, Field: "source", Reason: "is missing"},
		`{"source":"s"}`:                         {Index: -1, Field: "type", Reason: "is missing"},
		`{"source":null,"type":"t"}`:             {Index: -1, Field: "source", Reason: "is missing"},
		`{"source":"","type":"t"}`:               {Index: -1, Field: "source", Reason: "must not be empty"},
		`{"source":5,"type":"t"}`:                {Index: -1, Field: "source", Reason: "must be a string"},
		`{"source":"s","type":["t"]}`:            {Index: -1, Field: "type", Reason: "must be a string"},
		`{"source":"s","type":"t","subject":""}`: {Index: -1, Field: "subject", Reason: "must not be empty"},
		`{"source":"a\nb","type":"t"}`:           {Index: -1, Field: "source", Reason: "must not contain control characters or Unicode noncharacters"},
		`{"source":"a\ufffe","type":"t"}`:        {Index: -1, Field: "source", Reason: "must not contain control characters or Unicode noncharacters"},
		`{"source":"a\ud800","type":"t"}`:        {Index: -1, Field: "source", Reason: "must not contain half a surrogate pair"},
		`{"source":"s","type":"t","Type":"t"}`:   {Index: -1, Field: "Type", Reason: known},
		`{"source":"s","type":"t","detail":{}}`:  {Index: -1, Field: "detail", Reason: known},
		`{"source":"s","type":"t","id":"x"}`:     {Index: -1, Field: "id", Reason: known},
		`{"specversion":"1.0","source":"s","type":"t"}`:                 {Index: -1, Field: "specversion", Reason: "belongs to a CloudEvent: send it with Content-Type application/cloudevents+json"},
		`{"source":"s","type":"t","source":"s"}`:                        {Index: -1, Field: "source", Reason: "is given twice"},
		`{"source":"s","type":"t","data":1,"d\u0061ta":2}`:              {Index: -1, Field: "data", Reason: "is given twice"},
		`{"source":"s","type":"t","time":"yesterday"}`:                  {Index: -1, Field: "time", Reason: `must be an RFC 3339 time such as "2026-11-23T17:56:28.5Z"`},
		`{"source":"s","type":"t","time":1700000000}`:                   {Index: -1, Field: "time", Reason: "must be a string"},
		`{"source":"s","type":"t","resources":"arn:x"}`:                 {Index: -1, Field: "resources", Reason: "must be an array of strings"},
		`{"source":"s","type":"t","resources":["a",1]}`:                 {Index: -1, Field: "resources", Reason: "must be an array of strings"},
		`{"source":"s","type":"t","extensions":[]}`:                     {Index: -1, Field: "extensions", Reason: "must be an object"},
		`{"source":"s","type":"t","extensions":{"a-b":"x"}}`:            {Index: -1, Field: "extensions.a-b", Reason: "is not a valid attribute name: only lower-case letters a-z and digits are allowed"},
		`{"source":"s","type":"t","extensions":{"aB":"x"}}`:             {Index: -1, Field: "extensions.aB", Reason: "is not a valid attribute name: only lower-case letters a-z and digits are allowed"},
		`{"source":"s","type":"t","extensions":{"":"x"}}`:               {Index: -1, Field: "extensions.", Reason: "is not a valid attribute name: only lower-case letters a-z and digits are allowed"},
		`{"source":"s","type":"t","extensions":{"id":"x"}}`:             {Index: -1, Field: "extensions.id", Reason: "is the name of an attribute with a meaning of its own and can not be an extension"},
		`{"source":"s","type":"t","extensions":{"a":{}}}`:               {Index: -1, Field: "extensions.a", Reason: value},
		`{"source":"s","type":"t","extensions":{"a":1.5}}`:              {Index: -1, Field: "extensions.a", Reason: value},
		`{"source":"s","type":"t","extensions":{"a":1e3}}`:              {Index: -1, Field: "extensions.a", Reason: value},
		`{"source":"s","type":"t","extensions":{"a":2147483648}}`:       {Index: -1, Field: "extensions.a", Reason: value},
		`{"source":"s","type":"t","extensions":{"a":1,"a":1}}`:          {Index: -1, Field: "extensions.a", Reason: "is given twice"},
		`[{"source":"s","type":"t"},{"source":"s","typ":"t"}]`:          {Index: 1, Field: "typ", Reason: known},
		`{"source":"s","type":"t","` + strings.Repeat("é", 99) + `":1}`: {Index: -1, Field: strings.Repeat("é", 30) + "…", Reason: known},
	} {
		events, err := intake().DecodePlain([]byte(body))
		if events != nil {
			t.Errorf("%s: events came with the error", body)
		}
		t.Run(body[:min(len(body), 50)], func(t *testing.T) { wantInvalid(t, err, &want) })
	}
}

func TestInvalidErrorText(t *testing.T) {
	t.Parallel()
	_, err := intake().DecodePlain([]byte(`[{"source":"s","type":"t"},{"source":"s"}]`))
	if err == nil || err.Error() != "event 1: type is missing" {
		t.Errorf("error is %v", err)
	}
	_, err = intake().DecodePlain([]byte(`{"source":"s"}`))
	if err == nil || err.Error() != "type is missing" {
		t.Errorf("error is %v", err)
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{ // the time in UTC, "" for an error
		"2026-11-23T17:56:28Z":               "2026-11-23T17:56:28Z",
		"2026-11-23t17:56:28z":               "2026-11-23T17:56:28Z",
		"2026-11-23T17:56:28.000Z":           "2026-11-23T17:56:28Z",
		"2026-11-23T17:56:28.1234567891234Z": "2026-11-23T17:56:28.123456789Z",
		"2026-11-23T23:26:28+05:30":          "2026-11-23T17:56:28Z",
		"0000-01-01T00:00:00Z":               "0000-01-01T00:00:00Z",
		"9999-12-31T23:59:59.999999999Z":     "9999-12-31T23:59:59.999999999Z",
		"0001-01-01T00:00:00Z":               "0001-01-01T00:00:00Z",
		"0000-01-01T00:00:00+00:01":          "",
		"9999-12-31T23:59:59-00:01":          "",
		"2026-11-23T23:59:60Z":               "",
		"2026-02-29T00:00:00Z":               "",
		"2026-11-23 17:56:28Z":               "",
		"2026-11-23T17:56:28":                "",
		"2026-11-23T7:56:28Z":                "",
		"2026-11-23T17:56:28,5Z":             "",
		"2026-11-23T17:56:28+24:00":          "",
		"2026-11-23":                         "",
		"1795456588":                         "",
	} {
		events, err := intake().DecodePlain(fmt.Appendf(nil, `{"source":"s","type":"t","time":%q}`, text))
		if want == "" {
			if _, ok := errors.AsType[*event.InvalidError](err); !ok {
				t.Errorf("%s: got %v, %v, want an error", text, events, err)
			}
			continue
		}
		e := single(t, events, err)
		if got := e.Time.Format(time.RFC3339Nano); got != want {
			t.Errorf("%s: time is %s, want %s", text, got, want)
		}
		if (e.TimeText == "") != (want == text) || e.TimeText != "" && e.TimeText != text {
			t.Errorf("%s: TimeText is %q", text, e.TimeText)
		}
		// Whatever the spelling, it goes out again, and comes back through our own form.
		if out := string(e.AppendStructured(nil)); !strings.Contains(out, `"time":"`+text+`"`) {
			t.Errorf("%s: not in %s", text, out)
		}
		back, err := event.Parse(e.AppendEventBridge(nil))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e, back); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	// source and type have one byte each; the quotes count.
	fits := `{"source":"s","type":"t","data":"` + strings.Repeat("x", event.MaxSize-4) + `"}`
	e := plainEvent(t, fits)
	if e.Size() != event.MaxSize {
		t.Errorf("size is %d, want %d", e.Size(), event.MaxSize)
	}
	over := strings.Replace(fits, `"t"`, `"tt"`, 1)
	_, err := intake().DecodePlain([]byte(over))
	if !errors.Is(err, event.ErrTooLarge) || !strings.Contains(err.Error(), "1048577 bytes") {
		t.Errorf("error is %v", err)
	}
	_, err = intake().DecodePlain([]byte(`[{"source":"s","type":"t"},` + over + `]`))
	if !errors.Is(err, event.ErrTooLarge) || !strings.HasPrefix(err.Error(), "event 1: ") {
		t.Errorf("error is %v", err)
	}
	// White space is not part of the event.
	spaced := `{"source":"s","type":"t","data":[1` + strings.Repeat(" ", event.MaxSize) + `]}`
	if e := plainEvent(t, spaced); string(e.Detail) != "[1]" {
		t.Errorf("detail is %.40s", e.Detail)
	}
	// Binary data counts decoded.
	_, err = intake().DecodeBinary(ceHeaders("Content-Type", "image/png"), make([]byte, event.MaxSize-100))
	if err != nil {
		t.Error(err)
	}
	_, err = intake().DecodeBinary(ceHeaders("Content-Type", "image/png"), make([]byte, event.MaxSize))
	if !errors.Is(err, event.ErrTooLarge) {
		t.Errorf("error is %v", err)
	}
}
