package event_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/signalbox-mq/signalbox/event"
)

func TestCompactJSON(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{}`:                                  `{}`,
		" [ ] ":                               `[]`,
		"{ \"a b\" :\t[1 , 2.50e+3 ,\r\n-0]}": `{"a b":[1,2.50e+3,-0]}`,
		`"\" \\" `:                            `"\" \\"`,
		`["\\" , "x"]`:                        `["\\","x"]`,
		`{"a":1, "a":2}`:                      `{"a":1,"a":2}`,
		"\"\u2028<>&\"":                       "\"\u2028<>&\"",
		`"\ud800"`:                            `"\ud800"`,
	} {
		got, err := event.CompactJSON([]byte(in))
		if err != nil || string(got) != want {
			t.Errorf("CompactJSON(%q) = %q, %v, want %q", in, got, err, want)
		}
	}
}

func TestCompactJSONErrors(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		``:              "is not valid JSON: unexpected end at byte 0",
		`{"a":1`:        "is not valid JSON: unexpected end at byte 6",
		`{"a":1} x`:     "is not valid JSON: unexpected 'x' after the end of the value at byte 8",
		`{'a':1}`:       "is not valid JSON: unexpected '\\'' where a key begins at byte 1",
		`{"a" 1}`:       "is not valid JSON: unexpected '1' after a key at byte 5",
		`{"a":1 "b":2}`: "is not valid JSON: unexpected '\"' after a member at byte 7",
		`[1,]`:          "is not valid JSON: unexpected ']' where a value begins at byte 3",
		`[1 2]`:         "is not valid JSON: unexpected '2' after an element at byte 3",
		`01`:            "is not valid JSON: unexpected '1' after the end of the value at byte 1",
		`-x`:            "is not valid JSON: unexpected 'x' in a number at byte 1",
		`1.`:            "is not valid JSON: unexpected end at byte 2",
		`trux`:          "is not valid JSON: unexpected 'x' in true at byte 3",
		`"\x"`:          "is not valid JSON: an invalid escape at byte 1",
		`"\u12g4"`:      "is not valid JSON: an invalid escape at byte 1",
		`"\`:            "is not valid JSON: an invalid escape at byte 1",
		"\"a\nb\"":      "is not valid JSON: a control character in a string at byte 2",
		"\"a\xff\"":     "is not valid JSON: invalid UTF-8 at byte 2",
		"\ufeff{}":      "is not valid JSON: unexpected '\\ufeff' where a value begins at byte 0",
		strings.Repeat("[", 1001) + strings.Repeat("]", 1001): "is not valid JSON: it nests deeper than 1000 at byte 1000",
	} {
		_, err := event.CompactJSON([]byte(in))
		if err == nil || err.Error() != want {
			t.Errorf("CompactJSON(%.40q): error is %v, want %s", in, err, want)
		}
	}
	if _, err := event.CompactJSON([]byte(strings.Repeat(`{"a":`, 1000) + "1" + strings.Repeat("}", 1000))); err != nil {
		t.Errorf("1000 levels: %v", err)
	}
}

// TestDepthIsTheSameInEveryForm keeps one form from letting in what the stored form can not hold.
func TestDepthIsTheSameInEveryForm(t *testing.T) {
	t.Parallel()
	for _, depth := range []int{1000, 1001} {
		data := strings.Repeat("[", depth) + strings.Repeat("]", depth)
		in := intake()
		plain := []byte(`{"source":"s","type":"t","data":` + data + `}`)
		structured := []byte(`{"specversion":"1.0","id":"1","source":"s","type":"t","data":` + data + `}`)
		for form, decode := range map[string]func() ([]event.Event, error){
			"plain": func() ([]event.Event, error) { return in.DecodePlain(plain) },
			"array": func() ([]event.Event, error) { return in.DecodePlain([]byte("[" + string(plain) + "]")) },
			"structured": func() ([]event.Event, error) {
				return in.DecodeHTTP(headers("Content-Type", "application/cloudevents+json"), structured)
			},
			"batch":  func() ([]event.Event, error) { return in.DecodeBatch([]byte("[" + string(structured) + "]")) },
			"binary": func() ([]event.Event, error) { return in.DecodeHTTP(ceHeaders(), []byte(data)) },
		} {
			events, err := decode()
			if depth > 1000 {
				if err == nil || !strings.Contains(err.Error(), "body is not valid JSON: it nests deeper than 1000") {
					t.Errorf("%s, %d: error is %v", form, depth, err)
				}
				continue
			}
			e := single(t, events, err)
			if err := e.Validate(); err != nil {
				t.Errorf("%s: %v", form, err)
			}
			if _, err := event.Parse(e.AppendEventBridge(nil)); err != nil {
				t.Errorf("%s: %v", form, err)
			}
		}
	}
}

func TestUnquote(t *testing.T) {
	t.Parallel()
	for quoted, want := range map[string]string{
		`""`: "", `"plain é"`: "plain é", `"\"\\\/\b\f\n\r\t"`: "\"\\/\b\f\n\r\t", `"\u00e9\u00E9"`: "éé", `"\ud83d\ude00!"`: "😀!",
		`"\ud83d"`: "-", `"\ud83dx"`: "-", `"\ud83d\n12345"`: "-", `"\ud83d\u0041"`: "-", `"\ude00\ud83d"`: "-", `"\ufffd"`: "\ufffd",
	} {
		got, ok := event.Unquote([]byte(quoted))
		if ok != (want != "-") || ok && string(got) != want {
			t.Errorf("unquote(%s) = %q, %v, want %q", quoted, got, ok, want)
		}
	}
}

// FuzzCompactJSON holds the scanner against encoding/json: the same texts are JSON (but for those
// that are no UTF-8 or nest too deeply), and compacting gives the same bytes.
func FuzzCompactJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5e-3,true,false,null,"x\u00e9\n"]}`, ` [ { } , "\ud83d\ude00" ] `, `-`, `"`, `{"a":}`, "\"\xff\"", `1e`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := event.CompactJSON(bytes.Clone(data))
		if want := json.Valid(data) && utf8.Valid(data); want != (err == nil) {
			if err != nil && strings.Contains(err.Error(), "nests deeper") {
				return
			}
			t.Fatalf("CompactJSON(%q): error is %v, encoding/json says valid: %v", data, err, want)
		}
		if err != nil {
			return
		}
		var want bytes.Buffer
		if err := json.Compact(&want, data); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want.Bytes()) {
			t.Fatalf("CompactJSON(%q) = %q, want %q", data, got, want.Bytes())
		}
	})
}

// FuzzStrings holds the string codec against encoding/json.
func FuzzStrings(f *testing.F) {
	for _, s := range []string{"", "plain", "a\"b\\c\n\r\t\x00\x1f\x7f", "é€😀\u2028", "\xff\xfe", "\xed\xa0\x80", "�"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		quoted := event.AppendString(nil, s)
		var want string
		if err := json.Unmarshal(quoted, &want); err != nil {
			t.Fatalf("%q: %v", quoted, err)
		}
		if want != strings.ToValidUTF8(s, "\ufffd") && utf8.ValidString(s) {
			t.Fatalf("%q became %q", s, want)
		}
		got, ok := event.Unquote(quoted)
		if !ok || string(got) != want {
			t.Fatalf("unquote(%s) = %q, %v, want %q", quoted, got, ok, want)
		}
		// And strings as others escape them.
		if err := json.Unmarshal([]byte(`"`+s+`"`), &want); err == nil && utf8.ValidString(s) {
			got, ok := event.Unquote([]byte(`"` + s + `"`))
			if ok && string(got) != want {
				t.Fatalf("unquote(%q) = %q, want %q", s, got, want)
			}
			if !ok && !strings.Contains(want, "\ufffd") {
				t.Fatalf("unquote refused %q, which is %q", s, want)
			}
		}
	})
}
