package event_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/event"
)

func TestDecodeHTTPChoosesTheForm(t *testing.T) {
	t.Parallel()
	const ce = `{"specversion":"1.0","id":"1","source":"s","type":"structured"}`
	const plain = `{"source":"s","type":"plain"}`
	withCE := func(contentType string) http.Header {
		return ceHeaders("Ce-Type", "binary", "Content-Type", contentType)
	}
	for _, c := range []struct {
		header http.Header
		body   string
		want   string // types, or the field of the error after "!"
	}{
		{headers("Content-Type", "application/cloudevents+json"), ce, "structured"},
		{headers("Content-Type", "APPLICATION/CloudEvents+JSON; charset=UTF-8"), ce, "structured"},
		{headers("Content-Type", "application/cloudevents"), ce, "structured"},
		{withCE("application/cloudevents+json"), ce, "structured"},
		{headers("Content-Type", "application/cloudevents-batch+json"), "[" + ce + "," + ce + "]", "structured structured"},
		{headers("Content-Type", "Application/CloudEvents-Batch+json;charset=utf-8"), "[]", ""},
		{headers("Content-Type", "application/cloudevents-batch"), "[" + ce + "]", "structured"},
		{withCE("application/json"), plain, "binary"},
		{withCE("application/json"), `[1]`, "binary"},
		{headers("Content-Type", "application/json"), plain, "plain"},
		{headers("Content-Type", "application/json"), "[" + plain + "]", "plain"},
		{headers("Content-Type", "application/vnd.shop+json"), plain, "plain"},
		{headers("Content-Type", "application/x-www-form-urlencoded"), plain, "plain"},
		{headers("Content-Type", "text/plain;charset=UTF-8"), plain, "plain"},
		{headers(), plain, "plain"},
		{headers("Content-Type", "text/xml"), "<a/>", "!Content-Type"},
		{headers("Content-Type", "application/cloudevents+xml"), "<a/>", "!Content-Type"},
		{headers("Content-Type", "application/cloudevents-batch+avro"), "x", "!Content-Type"},
		{headers("Content-Type", "application/cloudevents+json"), "[" + ce + "]", "!body"},
		{headers("Content-Type", "application/cloudevents-batch+json"), ce, "!body"},
		{headers("Content-Type", "application/cloudevents-batch+json"), "[" + ce, "!body"},
		// One stray attribute header makes it a CloudEvent, an incomplete one.
		{headers("Content-Type", "application/json", "Ce-Id", "1"), plain, "!ce-specversion"},
		{headers("Content-Type", "application/json", "Ce-Id", "1", "Ce-Specversion", "1.0"), plain, "!ce-source"},
	} {
		events, err := intake().DecodeHTTP(c.header, []byte(c.body))
		var got []string
		for _, e := range events {
			got = append(got, e.Type)
		}
		if err != nil {
			if invalid, ok := err.(*event.InvalidError); ok { //nolint:errorlint // it is never wrapped
				got = []string{"!" + invalid.Field}
			} else {
				t.Error(err)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%v %s: got %q (%v), want %q", c.header, c.body, got, err, c.want)
		}
	}
}

func TestDecodeStructured(t *testing.T) {
	t.Parallel()
	got, err := intake().DecodeStructured([]byte(`{
		"specversion": "1.0", "id": "A-1", "source": "/shop", "type": "order.created", "subject": "7", "time": "2026-01-01T00:00:00Z",
		"datacontenttype": "application/json", "dataschema": "https://example.com/s", "data": {"n": 1.0},
		"traceparent": "00-ab-cd-01", "sequence": 3, "sampled": false, "unset": null,
		"signalboxid": "ignored", "signalboxresources": "[\"arn:x\"]"}`))
	if err != nil {
		t.Fatal(err)
	}
	if got.ID == "" || got.ID == "A-1" || got.ID == "ignored" {
		t.Errorf("id is %q", got.ID)
	}
	got.ID = ""
	want := event.Event{
		ProducerID: "A-1", Source: "/shop", Type: "order.created", Subject: "7", Time: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		Account: "000000000000", Region: "us-east-1", Resources: []string{"arn:x"},
		DataContentType: "application/json", DataSchema: "https://example.com/s", Detail: json.RawMessage(`{"n":1.0}`),
		Extensions: map[string]event.Value{"traceparent": event.StringValue("00-ab-cd-01"), "sequence": event.IntValue(3), "sampled": event.BoolValue(false)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDecodeStructuredErrors(t *testing.T) {
	t.Parallel()
	const name = "is not a valid attribute name: only lower-case letters a-z and digits are allowed"
	for _, c := range []struct{ member, value, field, reason string }{ // value "" removes the member
		{"specversion", ``, "specversion", "is missing"},
		{"specversion", `"0.3"`, "specversion", `must be "1.0"`},
		{"specversion", `1.0`, "specversion", "must be a string"},
		{"id", ``, "id", "is missing"},
		{"id", `null`, "id", "is missing"},
		{"id", `""`, "id", "must not be empty"},
		{"id", `5`, "id", "must be a string"},
		{"source", ``, "source", "is missing"},
		{"source", `""`, "source", "must not be empty"},
		{"type", ``, "type", "is missing"},
		{"type", `{}`, "type", "must be a string"},
		{"subject", `""`, "subject", "must not be empty"},
		{"time", `"noon"`, "time", `must be an RFC 3339 time such as "2026-11-23T17:56:28.5Z"`},
		{"datacontenttype", `"json"`, "datacontenttype", `must be a media type such as "application/json"`},
		{"datacontenttype", `"text/plain; é"`, "datacontenttype", `must be a media type such as "application/json"`},
		{"dataschema", `""`, "dataschema", "must not be empty"},
		{"data_base64", `"AAA="`, "data_base64", "must not be there together with data"},
		{"data_base64", `"AA\n=="`, "data_base64", "must not be there together with data"},
		{"myExt", `"x"`, "myExt", name},
		{"my_ext", `"x"`, "my_ext", name},
		{"ext", `{"a":1}`, "ext", "must be a string, a boolean or an integer from -2147483648 to 2147483647 (larger numbers go as strings)"},
		{"ext", `"a\u0000"`, "ext", "must not contain control characters or Unicode noncharacters"},
		{"signalboxresources", `"[\"arn:x\""`, "signalboxresources", "must be the text of a JSON array of strings"},
		{"signalboxresources", `"arn:x"`, "signalboxresources", "must be the text of a JSON array of strings"},
	} {
		t.Run(c.member+"="+c.value, func(t *testing.T) {
			t.Parallel()
			members := map[string]json.RawMessage{"specversion": json.RawMessage(`"1.0"`), "id": json.RawMessage(`"1"`),
				"source": json.RawMessage(`"s"`), "type": json.RawMessage(`"t"`), "data": json.RawMessage(`{}`)}
			if c.value == "" {
				delete(members, c.member)
			} else {
				members[c.member] = json.RawMessage(c.value)
			}
			body, err := json.Marshal(members)
			if err != nil {
				t.Fatal(err)
			}
			_, err = intake().DecodeStructured(body)
			wantInvalid(t, err, &event.InvalidError{Index: -1, Field: c.field, Reason: c.reason})
			_, err = intake().DecodeBatch([]byte(`[{"specversion":"1.0","id":"1","source":"s","type":"t"},` + string(body) + `]`))
			wantInvalid(t, err, &event.InvalidError{Index: 1, Field: c.field, Reason: c.reason})
		})
	}
	for _, bad := range []string{`"A"`, `"AA="`, `"A-_="`, `" AA=="`, `"AB=="`} {
		_, err := intake().DecodeStructured([]byte(`{"specversion":"1.0","id":"1","source":"s","type":"t","data_base64":` + bad + `}`))
		wantInvalid(t, err, &event.InvalidError{Index: -1, Field: "data_base64", Reason: "must be standard base64 with padding"})
	}
	_, err := intake().DecodeStructured([]byte(`{"specversion":"1.0","id":"1","source":"s","type":"t","id":"2"}`))
	wantInvalid(t, err, &event.InvalidError{Index: -1, Field: "id", Reason: "is given twice"})
}

func TestDecodeBinary(t *testing.T) {
	t.Parallel()
	got, err := intake().DecodeBinary(ceHeaders("Ce-Subject", "Euro%20%E2%82%AC%20%F0%9F%98%80", "Ce-Time", "2026-01-01T00:00:00Z",
		"Ce-Dataschema", "https://example.com/s", "Ce-Sequence", "3", "Ce-Empty", "", "X-Other", "%zz"), []byte(`{"a": 1}`))
	if err != nil {
		t.Fatal(err)
	}
	got.ID = ""
	want := event.Event{
		ProducerID: "A234", Source: "/shop", Type: "order.created", Subject: "Euro € 😀", Time: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		Account: "000000000000", Region: "us-east-1", DataContentType: "application/json", DataSchema: "https://example.com/s",
		Detail:     json.RawMessage(`{"a":1}`),
		Extensions: map[string]event.Value{"sequence": event.StringValue("3"), "empty": event.StringValue("")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDecodeBinaryBody(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		contentType, body, detail string
		base64                    bool
	}{
		{"application/json", ` {"a": 1} `, `{"a":1}`, false},
		{"application/vnd.x+JSON; v=1", `5`, `5`, false},
		{"-", `"s"`, `"s"`, false},
		{"application/json", ``, `null`, false},
		{"image/png", ``, `null`, false},
		{"text/plain", "a \"b\"\n", `"a \"b\"\n"`, false},
		{"text/plain; charset=utf-8", "é", `"é"`, false},
		{"text/plain", "\xff\xfe", `"//4="`, true},
		{"text/plain; charset=iso-8859-1", "a", `"YQ=="`, true},
		{"application/xml", "<a/>", `"<a/>"`, false},
		{"application/atom+xml", "<a/>", `"<a/>"`, false},
		{"application/x-www-form-urlencoded", "a=1", `"a=1"`, false},
		{"application/octet-stream", "a", `"YQ=="`, true},
	} {
		e, err := intake().DecodeBinary(ceHeaders("Content-Type", c.contentType), []byte(c.body))
		if err != nil {
			t.Errorf("%s %q: %v", c.contentType, c.body, err)
			continue
		}
		if string(e.Detail) != c.detail || e.Base64 != c.base64 {
			t.Errorf("%s %q: detail %s, base64 %v", c.contentType, c.body, e.Detail, e.Base64)
		}
		// And out again as it came, but for white space in JSON.
		contentType, body := e.Binary(make(http.Header))
		if want := strings.TrimSuffix(c.contentType, "-"); contentType != want && (want != "" || contentType != "application/json") {
			t.Errorf("%s: content type out is %q", c.contentType, contentType)
		}
		want := c.body
		if want == ` {"a": 1} ` {
			want = `{"a":1}`
		}
		if string(body) != want {
			t.Errorf("%s: body out is %q, want %q", c.contentType, body, want)
		}
	}
}

func TestDecodeBinaryErrors(t *testing.T) {
	t.Parallel()
	const name = "is not a valid attribute name: only lower-case letters a-z and digits are allowed"
	const percent = "has invalid percent-encoding: % must be followed by two hexadecimal digits"
	for _, c := range []struct{ header, value, field, reason string }{
		{"Ce-Id", "-", "ce-id", "is missing"},
		{"Ce-Source", "-", "ce-source", "is missing"},
		{"Ce-Type", "-", "ce-type", "is missing"},
		{"Ce-Specversion", "-", "ce-specversion", "is missing"},
		{"Ce-Specversion", "0.3", "ce-specversion", `must be "1.0"`},
		{"Ce-Id", "", "ce-id", "must not be empty"},
		{"Ce-Time", "noon", "ce-time", `must be an RFC 3339 time such as "2026-11-23T17:56:28.5Z"`},
		{"Ce-Datacontenttype", "application/json", "ce-datacontenttype", "must not be there: in binary mode the Content-Type header says it"},
		{"Ce-Data", "x", "ce-data", "is the name of an attribute with a meaning of its own and can not be an extension"},
		{"Ce-My-Ext", "x", "ce-my-ext", name},
		{"Ce-", "x", "ce-", name},
		{"Ce-Subject", "%C0%A0", "ce-subject", "is not valid UTF-8 after percent-decoding"},
		{"Ce-Subject", "%ED%A0%80", "ce-subject", "is not valid UTF-8 after percent-decoding"},
		{"Ce-Subject", "\xe9", "ce-subject", "is not valid UTF-8 after percent-decoding"},
		{"Ce-Subject", "100% done", "ce-subject", percent},
		{"Ce-Subject", "100%", "ce-subject", percent},
		{"Ce-Ext", "%4", "ce-ext", percent},
		{"Ce-Ext", "a%0Ab", "ce-ext", "must not contain control characters or Unicode noncharacters"},
		{"Ce-Ext", `"open`, "ce-ext", "is not a valid quoted string"},
		{"Ce-Ext", `"a"b`, "ce-ext", "is not a valid quoted string"},
		{"Ce-Ext", `"a\`, "ce-ext", "is not a valid quoted string"},
		{"Ce-Signalboxresources", "arn:x", "ce-signalboxresources", "must be the text of a JSON array of strings"},
		{"Content-Type", "json", "Content-Type", `must be a media type such as "application/json"`},
	} {
		_, err := intake().DecodeBinary(ceHeaders(c.header, c.value), []byte(`{}`))
		t.Run(c.header+"="+c.value, func(t *testing.T) {
			wantInvalid(t, err, &event.InvalidError{Index: -1, Field: c.field, Reason: c.reason})
		})
	}
	twice := ceHeaders()
	twice.Add("Ce-Id", "other")
	_, err := intake().DecodeBinary(twice, []byte(`{}`))
	wantInvalid(t, err, &event.InvalidError{Index: -1, Field: "ce-id", Reason: "is given twice"})
	_, err = intake().DecodeBinary(ceHeaders(), []byte(`{"a"`))
	wantInvalid(t, err, &event.InvalidError{Index: -1, Field: "body", Reason: "is not valid JSON: unexpected end at byte 4"})
	_, err = intake().DecodeBinary(ceHeaders("Content-Type", "-"), []byte(`hello`))
	wantInvalid(t, err, &event.InvalidError{Index: -1, Field: "body",
		Reason: "is not valid JSON: unexpected 'h' where a value begins at byte 0, and without a Content-Type it must be"})
}

func TestHeaderValues(t *testing.T) {
	t.Parallel()
	// The examples of the HTTP binding, section 3.1.3.2, and its rules.
	for value, want := range map[string]string{
		"Euro € 😀":      "Euro%20%E2%82%AC%20%F0%9F%98%80",
		"/shop?a=1&b#~": "/shop?a=1&b#~",
		`say "hi"`:      "say%20%22hi%22",
		"100%":          "100%25",
		"a\u007fb":      "a%7Fb",
	} {
		if got := event.EncodeHeader(value); got != want {
			t.Errorf("%q is encoded as %q, want %q", value, got, want)
		}
	}
	for header, want := range map[string]string{
		"Euro%20%E2%82%AC%20%F0%9F%98%80": "Euro € 😀",
		"%e2%82%ac":                       "€",         // lower case
		"%41%2f":                          "A/",        // needless
		"a b":                             "a b",       // not encoded
		"€":                               "€",         // not encoded
		"%2520":                           "%20",       // one round only
		`"a \"b\" \\ c"`:                  `a "b" \ c`, // legacy quoted string
		`"%E2%82%AC"`:                     "€",         // un-quoted first, then decoded
		`a"b"`:                            `a"b"`,
		"":                                "",
	} {
		got, reason := event.DecodeHeader(header)
		if got != want || reason != "" {
			t.Errorf("%q is decoded as %q (%s), want %q", header, got, reason, want)
		}
	}
}
