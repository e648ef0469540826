package jsontext_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/signalbox-mq/signalbox/jsontext"
)

// Where text is wrong is for the errors of its readers to say.
func TestWhereItIsWrong(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		end int
		err error
	}{
		`"a" `: {3, nil}, `"\u00e9\ud83d\ude00\/"`: {22, nil}, `"`: {1, jsontext.ErrSyntax}, `"abcdefgh`: {9, jsontext.ErrSyntax},
		"\"a\n\"": {2, jsontext.ErrSyntax}, `"\n` + "\t": {3, jsontext.ErrSyntax}, `"\`: {2, jsontext.ErrSyntax}, `"\x"`: {2, jsontext.ErrSyntax},
		`"\u`: {3, jsontext.ErrSyntax}, `"\u12"`: {5, jsontext.ErrSyntax}, `"\u+123"`: {3, jsontext.ErrSyntax}, `"\ud800"`: {7, jsontext.ErrHalfPair},
		`"\ud800\u12"`: {7, jsontext.ErrHalfPair}, `"\ude00\ud83d"`: {7, jsontext.ErrHalfPair}, "\"\xff\"": {2, jsontext.ErrUTF8}, "\"\xe6\\n\"": {4, jsontext.ErrUTF8},
	} {
		if _, end, err := jsontext.String([]byte(text), 0, nil); end != want.end || !errors.Is(err, want.err) {
			t.Errorf("%s ends at %d, %v, want %d, %v", text, end, err, want.end, want.err)
		}
	}
	for text, want := range map[string]int{`0`: 1, `-1.50e+7,`: 8, `01`: 1, ``: -1, `-`: -2, `-x`: -2, `1.`: -3, `1.x`: -3, `1e`: -3, `1E-`: -4, `1e+x`: -4} {
		if end, ok := jsontext.Number([]byte(text), 0); ok != (want >= 0) || end != max(want, -want-1) {
			t.Errorf("%s ends at %d, %v, want %d", text, end, ok, want)
		}
	}
}

// Strings are looked at eight bytes at a time: every byte at every place must count all the same.
func TestEveryByte(t *testing.T) {
	t.Parallel()
	for at := range 20 {
		for c := range 256 {
			text := []byte(`"` + strings.Repeat("x", 20) + `"`)
			text[1+at] = byte(c)
			_, end, err := jsontext.String(text, 0, nil)
			if valid := json.Valid(text) && utf8.Valid(text); (err == nil && end == len(text)) != valid {
				t.Errorf("%q ends at %d, %v, valid is %v", text, end, err, valid)
			}
		}
	}
}

// FuzzString compares with encoding/json, which replaces what is no text, and reads in place as well as into new memory.
func FuzzString(f *testing.F) {
	for _, s := range []string{`"plain"`, `"é \"\\\/\b\f\n\r\t\u00E9"`, `"\ud83d\ude00" 1`, `"\ud83d"`, `"\ud83dx\ufffd"`, "\"\xff\"", `"\u12`, `"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) == 0 || data[0] != '"' {
			return
		}
		before := bytes.Clone(data)
		text, end, err := jsontext.String(data, 0, nil)
		if !bytes.Equal(before, data) {
			t.Fatal("the input was changed")
		}
		var want string
		is := json.NewDecoder(bytes.NewReader(data)).Decode(&want)
		if err == nil && (is != nil || string(text) != want) {
			t.Fatalf("%q was read as %q, encoding/json reads %q (%v)", data, text, want, is)
		}
		if errors.Is(err, jsontext.ErrSyntax) && is == nil {
			t.Fatalf("%q was refused, encoding/json reads %q", data, want)
		}
		place := bytes.Clone(data)
		if again, at, fault := jsontext.String(place, 0, place[1:1]); !bytes.Equal(again, text) || at != end || !errors.Is(fault, err) {
			t.Fatalf("in place %q was read as %q to %d, %v, want %q to %d, %v", data, again, at, fault, text, end, err)
		}
	})
}
