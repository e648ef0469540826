package ingest

import (
	"bytes"
	"encoding/json"
	"strconv"
	"testing"

	"github.com/signalbox-mq/signalbox/event"
)

func TestLookup(t *testing.T) {
	t.Parallel()
	const doc = `{"a":{"b":[1,"x\"]",{"c":"é\u00e9"},[],{}]},"":"empty","quo\"te":true,"e":{},"f":[],"n":null,"esc\\":"\\","z":-1.5e3,"a":"second"}`
	for _, test := range []struct {
		path []string
		raw  string
		text string
	}{
		{[]string{"a", "b", "0"}, `1`, "1"},
		{[]string{"a", "b", "1"}, `"x\"]"`, `x"]`},
		{[]string{"a", "b", "2", "c"}, `"é\u00e9"`, "éé"},
		{[]string{"a", "b", "3"}, `[]`, ""},
		{[]string{"a", "b", "3", "0"}, ``, ""},
		{[]string{"a", "b", "4", "x"}, ``, ""},
		{[]string{"a", "b", "5"}, ``, ""},
		{[]string{"a", "b", "-1"}, ``, ""},
		{[]string{"a", "b", "x"}, ``, ""},
		{[]string{"a", "b", "0", "x"}, ``, ""},
		{[]string{`quo"te`}, `true`, "true"},
		{[]string{"e", "x"}, ``, ""},
		{[]string{"f", "0"}, ``, ""},
		{[]string{"n"}, `null`, ""},
		{[]string{`esc\`}, `"\\"`, `\`},
		{[]string{"z"}, `-1.5e3`, "-1.5e3"},
		{[]string{"A"}, ``, ""},
		{[]string{"missing"}, ``, ""},
		{[]string{""}, ``, ""},
	} {
		raw := lookup([]byte(doc), test.path...)
		if string(raw) != test.raw || text(raw) != test.text {
			t.Errorf("%q: %s, as text %q; want %s, %q", test.path, raw, text(raw), test.raw, test.text)
		}
	}
}

func TestMembersTakesTheFirstOfEqualKeys(t *testing.T) {
	t.Parallel()
	got := members([]byte(`{"a":1,"a":2,"b":3,"c":4}`), "b", "a", "x")
	if string(got[0]) != "3" || string(got[1]) != "1" || got[2] != nil {
		t.Errorf("%q", got)
	}
}

// FuzzLookup compares the walk with encoding/json, over whatever JSON.
func FuzzLookup(f *testing.F) {
	f.Add([]byte(`{"a":{"b":[1,{"c":"d"}]},"e":"\""}`))
	f.Add([]byte(`[[[]],{},"\\",-0.1e-7,null,true,{"":{"\u0061":[false]}}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := event.CompactJSON(data)
		if err != nil {
			return
		}
		compare(t, doc, 0)
	})
}

func compare(t *testing.T, doc []byte, depth int) {
	if end := skip(doc, 0); end != len(doc) {
		t.Fatalf("skip of %s ends at %d", doc, end)
	}
	if depth > 20 {
		return
	}
	switch doc[0] {
	case '{':
		var m map[string]json.RawMessage
		if json.Unmarshal(doc, &m) != nil {
			return
		}
		for key := range m {
			got := lookup(doc, key)
			if key == "" {
				continue
			}
			if got == nil {
				// encoding/json replaces what is no text; such keys can not be asked for.
				if !bytes.Contains([]byte(key), []byte("\ufffd")) {
					t.Fatalf("%q is not found in %s", key, doc)
				}
				continue
			}
			compare(t, got, depth+1)
		}
	case '[':
		var a []json.RawMessage
		if err := json.Unmarshal(doc, &a); err != nil {
			t.Fatal(err)
		}
		for i, want := range a {
			got := lookup(doc, strconv.Itoa(i))
			if !bytes.Equal(got, want) {
				t.Fatalf("element %d of %s is %s, want %s", i, doc, got, want)
			}
			compare(t, got, depth+1)
		}
		if lookup(doc, strconv.Itoa(len(a))) != nil {
			t.Fatalf("%s has an element too many", doc)
		}
	case '"':
		var want string
		if err := json.Unmarshal(doc, &want); err != nil {
			t.Fatal(err)
		}
		if got := text(doc); got != want {
			t.Fatalf("text of %s is %q, want %q", doc, got, want)
		}
	}
}

// FuzzParsers feeds the parsers of headers and templates.
func FuzzParsers(f *testing.F) {
	f.Add("t=1492774577,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd,v0=6ffbb59b")
	f.Add("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= v1a,AAAA")
	f.Add("sha256=00,sha256=11 x")
	f.Add("{header:X-A}-{json:$.a['b'][0]}-{{}}{body}{id}{timestamp}")
	f.Fuzz(func(t *testing.T, s string) {
		if h, err := parseStripe(s); err == nil && (h.timestamp == "" || len(h.signatures) == 0 || len(h.signatures) > maxCandidates) {
			t.Errorf("parseStripe(%q) = %+v", s, h)
		}
		std := parseStandardSignatures(s)
		if n := len(std.v1) + len(std.v1a); n > maxCandidates {
			t.Errorf("%d signatures", n)
		}
		for _, g := range []Signature{{}, {Encoding: "base64"}, {Prefix: "sha256="}} {
			for _, c := range g.candidates([]string{s}) {
				if len(c) == 0 {
					t.Errorf("an empty signature in %q", s)
				}
			}
		}
		if key, fault := parseStandardKey(Secret(s)); fault == "" && len(key.hmac) == 0 && len(key.public) != 32 {
			t.Errorf("key of %q: %+v", s, key)
		}
		if at, err := signedTime("X", s, false); err == nil && (at.Unix() < 0 || s == "") {
			t.Errorf("signedTime(%q) = %s", s, at)
		}
		if tmpl, err := parseTemplate(s, attributePlaceholders|signedPlaceholders); err == nil && s != "" && len(tmpl) == 0 {
			t.Errorf("parseTemplate(%q) is empty", s)
		}
		if path, err := parsePath(s); err == nil && len(path) == 0 {
			t.Errorf("parsePath(%q) is empty", s)
		}
	})
}
