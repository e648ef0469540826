package event_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/signalbox-mq/signalbox/event"
)

// checkDecoded holds decoders to their promises for any input: an error of the two kinds and no
// events, or events that are valid, that go through the stored form unchanged, and whose forms are
// accepted by the decoders again.
func checkDecoded(t *testing.T, events []event.Event, err error) {
	t.Helper()
	if err != nil {
		if _, ok := errors.AsType[*event.InvalidError](err); !ok && !errors.Is(err, event.ErrTooLarge) {
			t.Fatalf("error is %T: %v", err, err)
		}
		if len(events) != 0 {
			t.Fatal("events came with the error")
		}
		return
	}
	for _, e := range events {
		if err := e.Validate(); err != nil {
			t.Fatalf("decoded, but not valid: %v: %+v", err, e)
		}
		back, err := event.Parse(e.AppendEventBridge(nil))
		if err != nil {
			t.Fatalf("%v: %s", err, e.AppendEventBridge(nil))
		}
		if diff := cmp.Diff(e, back, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("through the stored form (-want +got):\n%s", diff)
		}
		structured := e.AppendStructured(nil)
		if !json.Valid(structured) {
			t.Fatalf("no JSON: %s", structured)
		}
		again, err := intake().DecodeStructured(structured)
		if err != nil {
			t.Fatalf("%v: %s", err, structured)
		}
		if string(again.Detail) != string(e.Detail) || len(again.Extensions) != len(e.Extensions) || again.Subject != e.Subject {
			t.Fatalf("structured and back: %+v, was %+v", again, e)
		}
		header := make(http.Header)
		e.Binary(header)
		for name, values := range header {
			for _, c := range []byte(values[0]) {
				if c <= ' ' || c > '~' || c == '"' {
					t.Fatalf("header %s: %q", name, values[0])
				}
			}
		}
	}
}

func addGolden(f *testing.F) {
	f.Helper()
	files, err := filepath.Glob("testdata/golden/*.http")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds")
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for i := range data {
			if i > 0 && data[i] == '\n' && data[i-1] == '\n' {
				f.Add(data[i+1:])
			}
		}
	}
}

func FuzzDecodePlain(f *testing.F) {
	addGolden(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		events, err := intake().DecodePlain(body)
		checkDecoded(t, events, err)
	})
}

func FuzzDecodeBatch(f *testing.F) {
	addGolden(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		events, err := intake().DecodeBatch(body)
		checkDecoded(t, events, err)
	})
}

func FuzzDecodeStructured(f *testing.F) {
	addGolden(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := intake().DecodeStructured(body)
		if err != nil {
			checkDecoded(t, nil, err)
		} else {
			checkDecoded(t, []event.Event{e}, nil)
		}
	})
}

func FuzzDecodeHTTP(f *testing.F) {
	f.Add("application/json", "1.0", "id", "a%20b", "traceparent", `"x"`, []byte(`{}`))
	f.Add("text/plain", "1.0", "%C0%A0", "s", "A-b", "", []byte("\xff"))
	f.Add("image/png", "1.0", "1", "s", "time", "2026-01-01T00:00:00+01:00", []byte("\x89PNG"))
	f.Add("application/cloudevents+json", "", "", "", "", "", []byte(`{"specversion":"1.0"}`))
	f.Fuzz(func(t *testing.T, contentType, version, id, source, name, value string, body []byte) {
		header := headers("Content-Type", contentType, "Ce-Specversion", version, "Ce-Id", id, "Ce-Source", source, "Ce-Type", "t")
		header.Set("ce-"+name, value)
		events, err := intake().DecodeHTTP(header, body)
		checkDecoded(t, events, err)
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(envelope))
	f.Add([]byte(`{"version":"0","id":"1","detail-type":"t","source":"s","account":"000000000000","time":"2026-11-23T17:56:28Z","region":"r",` +
		`"resources":["x"],"detail":"AA==","extensions":{"subject":"s","id":"1","time":"2026-11-23T17:56:28.5Z","data_base64":true,"a":1,"b":false}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := event.Parse(data)
		if err != nil {
			checkDecoded(t, nil, err)
			return
		}
		back, err := event.Parse(e.AppendEventBridge(nil))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e, back, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

func FuzzHeaderValue(f *testing.F) {
	for _, s := range []string{"Euro%20%E2%82%AC", `"a \"b\""`, "%C0%A0", "100%", "é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		value, reason := event.DecodeHeader(header)
		if reason != "" {
			return
		}
		again, reason := event.DecodeHeader(event.EncodeHeader(value))
		if again != value || reason != "" {
			t.Fatalf("%q became %q (%s)", value, again, reason)
		}
	})
}
