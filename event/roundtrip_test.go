package event_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/signalbox-mq/signalbox/event"
)

// The generators are made anew by each that draws: a rapid.Generator that tests beside each other share is
// a data race, for it writes its name down when first asked for it.

// attributes are texts, mostly ASCII, with what needs escaping somewhere.
func attributes() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`[ -~]{1,20}`),
		rapid.StringMatching(`[ "%\\/<>&a-zé€😀\x{2028}]{1,12}`),
	)
}

func extensions() *rapid.Generator[map[string]event.Value] {
	names := rapid.StringMatching(`[a-z0-9]{1,12}`).Filter(func(s string) bool { return !event.ReservedName(s) })
	values := rapid.OneOf(
		rapid.Map(attributes(), event.StringValue), rapid.Just(event.StringValue("")),
		rapid.Map(rapid.Bool(), event.BoolValue), rapid.Map(rapid.Int32(), event.IntValue))
	return rapid.MapOfN(names, values, 0, 4)
}

// jsonValues are JSON texts without white space, their spelling as wild as the grammar allows.
func jsonValues() *rapid.Generator[json.RawMessage] {
	return rapid.Custom(func(t *rapid.T) json.RawMessage { return json.RawMessage(drawJSON(t, 3)) })
}

func drawJSON(t *rapid.T, depth int) string {
	kinds := 5
	if depth > 0 {
		kinds = 7
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return "null"
	case 1:
		return rapid.SampledFrom([]string{"true", "false"}).Draw(t, "bool")
	case 2:
		return rapid.StringMatching(`-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,5})?([eE][+-]?[0-9]{1,3})?`).Draw(t, "number")
	case 3:
		return `"` + rapid.StringMatching(`([a-z <>&é😀]|\\["\\/bfnrt]|\\u[0-9A-Fa-f]{4}){0,8}`).Draw(t, "escaped") + `"`
	case 4:
		return string(event.AppendString(nil, attributes().Draw(t, "string")))
	case 5:
		items := make([]string, rapid.IntRange(0, 3).Draw(t, "items"))
		for i := range items {
			items[i] = drawJSON(t, depth-1)
		}
		return "[" + strings.Join(items, ",") + "]"
	default:
		members := make([]string, rapid.IntRange(0, 3).Draw(t, "members"))
		for i := range members {
			members[i] = string(event.AppendString(nil, attributes().Draw(t, "key"))) + ":" + drawJSON(t, depth-1)
		}
		return "{" + strings.Join(members, ",") + "}"
	}
}

func drawTime(t *rapid.T) time.Time {
	seconds := rapid.Int64Range(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC).Unix(), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix())
	nanos := rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(0, 999_999_999), rapid.Just(int64(5e8)))
	return time.Unix(seconds.Draw(t, "seconds"), nanos.Draw(t, "nanos")).UTC()
}

// drawEvent draws any event that Validate accepts.
func drawEvent(t *rapid.T) event.Event {
	optional := rapid.OneOf(rapid.Just(""), attributes())
	e := event.Event{
		ID: event.NewID(arrival), Source: attributes().Draw(t, "source"), Type: attributes().Draw(t, "type"), Time: drawTime(t),
		Account: rapid.StringMatching(`[0-9]{12}`).Draw(t, "account"), Region: "eu-west-3",
		ReplayName: optional.Draw(t, "replay"), Resources: rapid.SliceOfN(attributes(), 0, 3).Draw(t, "resources"),
		Subject: optional.Draw(t, "subject"), ProducerID: optional.Draw(t, "producer"),
		DataContentType: rapid.SampledFrom([]string{"", "application/json", "text/plain", "image/png"}).Draw(t, "type"),
		DataSchema:      optional.Draw(t, "schema"),
		Extensions:      extensions().Draw(t, "extensions"),
	}
	if rapid.Bool().Draw(t, "spelled") && e.Time.Year() > 0 && e.Time.Year() < 9999 {
		e.TimeText = e.Time.In(time.FixedZone("", 3600*rapid.IntRange(-12, 14).Draw(t, "zone"))).Format("2006-01-02T15:04:05.999999999-07:00")
	}
	if rapid.Bool().Draw(t, "binary") {
		data := rapid.SliceOf(rapid.Byte()).Draw(t, "data")
		e.Detail, e.Base64 = json.RawMessage(`"`+base64.StdEncoding.EncodeToString(data)+`"`), true
	} else {
		e.Detail = jsonValues().Draw(t, "detail")
	}
	return e
}

func TestEventBridgeRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		e := drawEvent(t)
		if err := e.Validate(); err != nil {
			t.Fatal(err)
		}
		form := e.AppendEventBridge([]byte("before"))
		if !json.Valid(form[len("before"):]) {
			t.Fatalf("no JSON: %s", form)
		}
		back, err := event.Parse(form[len("before"):])
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e, back, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		if err := back.Validate(); err != nil {
			t.Fatal(err)
		}
		if again := back.AppendEventBridge(nil); !bytes.Equal(again, form[len("before"):]) {
			t.Fatalf("again: %s\nfirst: %s", again, form)
		}
	})
}

// TestCloudEventRoundTrip publishes CloudEvents that the router never saw the like of and checks
// that each comes out with every attribute and its data spelled as they were.
func TestCloudEventRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := map[string]json.RawMessage{}
		text := func(name string, required bool) {
			if required || rapid.Bool().Draw(t, name+" there") {
				in[name] = event.AppendString(nil, attributes().Draw(t, name))
			}
		}
		in["specversion"] = json.RawMessage(`"1.0"`)
		text("id", true)
		text("source", true)
		text("type", true)
		text("subject", false)
		text("dataschema", false)
		if rapid.Bool().Draw(t, "typed") {
			in["datacontenttype"] = json.RawMessage(rapid.SampledFrom([]string{`"application/json"`, `"text/plain; a=b"`, `"image/png"`}).Draw(t, "content type"))
		}
		if rapid.Bool().Draw(t, "timed") {
			in["time"] = json.RawMessage(`"` + drawTime(t).Format(rapid.SampledFrom([]string{time.RFC3339, time.RFC3339Nano, "2006-01-02t15:04:05.000000000000z"}).Draw(t, "layout")) + `"`)
		}
		for name, value := range extensions().Draw(t, "extensions") {
			in[name], _ = value.MarshalJSON()
		}
		switch rapid.IntRange(0, 2).Draw(t, "data") {
		case 1:
			if data := jsonValues().Draw(t, "json"); string(data) != "null" {
				in["data"] = data
			}
		case 2:
			if string(in["datacontenttype"]) == `"application/json"` { // bytes that are no JSON would be the producer's lie
				in["datacontenttype"] = json.RawMessage(`"application/protobuf"`)
			}
			in["data_base64"] = json.RawMessage(`"` + base64.StdEncoding.EncodeToString(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) + `"`)
		}
		var body bytes.Buffer
		body.WriteByte('{')
		for i, name := range slices.Collect(mapKeys(in)) {
			if i > 0 {
				body.WriteString(" ,\n")
			}
			body.WriteString(`"` + name + `" : `)
			body.Write(in[name])
		}
		body.WriteByte('}')

		e, err := intake().DecodeStructured(body.Bytes())
		if err != nil {
			t.Fatalf("%s: %v", body.Bytes(), err)
		}
		if err := e.Validate(); err != nil {
			t.Fatal(err)
		}
		// Through the form that is stored, as in the product.
		stored, err := event.Parse(e.AppendEventBridge(nil))
		if err != nil {
			t.Fatal(err)
		}
		var out map[string]json.RawMessage
		if err := json.Unmarshal(stored.AppendStructured(nil), &out); err != nil {
			t.Fatal(err)
		}
		if string(out[event.AttributeID]) != `"`+e.ID+`"` {
			t.Fatalf("%s is %s", event.AttributeID, out[event.AttributeID])
		}
		delete(out, event.AttributeID)
		for _, added := range []string{"time", "datacontenttype"} {
			if _, ok := in[added]; !ok {
				delete(out, added)
			}
		}
		if diff := cmp.Diff(in, out); diff != "" {
			t.Fatalf("(-in +out):\n%s", diff)
		}

		// Binary mode keeps all but the types of extension values.
		header := make(http.Header)
		contentType, data := stored.Binary(header)
		if contentType != "" {
			header.Set("Content-Type", contentType)
		}
		over, err := intake().DecodeBinary(header, data)
		if err != nil {
			t.Fatalf("%v: %v", header, err)
		}
		want := stored
		want.ID, want.DataContentType, want.Extensions = over.ID, contentType, map[string]event.Value{}
		for name, value := range stored.Extensions {
			want.Extensions[name] = event.StringValue(value.String())
		}
		gotType, got := over.Data()
		if gotType != contentType || !bytes.Equal(got, data) {
			t.Fatalf("data over binary mode: %q %q, was %q %q", gotType, got, contentType, data)
		}
		// Text that came as data_base64 may come back as a string, and so on: same bytes, compared above.
		want.Detail, want.Base64 = over.Detail, over.Base64
		if diff := cmp.Diff(want, over, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("over binary mode (-want +got):\n%s", diff)
		}
	})
}

func mapKeys(m map[string]json.RawMessage) func(func(string) bool) {
	return func(yield func(string) bool) {
		for name := range m {
			if !yield(name) {
				return
			}
		}
	}
}

// TestOwnEventAsCloudEvent sends an event that was no CloudEvent to another router and back.
func TestOwnEventAsCloudEvent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		e := drawEvent(t)
		got, err := intake().DecodeStructured(e.AppendStructured(nil))
		if err != nil {
			t.Fatal(err)
		}
		want := e
		want.ID, want.Account, want.Region, want.ReplayName = got.ID, got.Account, got.Region, ""
		if want.ProducerID == "" {
			want.ProducerID = e.ID
		}
		if want.DataContentType == "" && e.HasData() && !e.Base64 {
			want.DataContentType = "application/json"
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}
