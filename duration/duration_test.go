package duration_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"github.com/signalbox-mq/signalbox/duration"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "250ms": 250 * time.Millisecond, "5s": 5 * time.Second, "2m": 2 * time.Minute,
		"1h30m": 90 * time.Minute, "14d": 14 * 24 * time.Hour, "1d1h1m1s1ms": 25*time.Hour + time.Minute + time.Second + time.Millisecond,
		"90s": 90 * time.Second, "007s": 7 * time.Second, "1m30s": 90 * time.Second,
		"106751d": 106751 * 24 * time.Hour,
	} {
		got, err := duration.Parse(text)
		if err != nil || got.Std() != want {
			t.Errorf("Parse(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for text, reason := range map[string]string{
		"":                      "empty",
		"5":                     "a unit is missing after 5",
		"1h30":                  "a unit is missing after 30",
		"s":                     "expected a whole number",
		"-5s":                   "expected a whole number",
		"+5s":                   "expected a whole number",
		"1.5s":                  `unknown unit "."`,
		"5 s":                   `unknown unit " s"`,
		" 5s":                   "expected a whole number",
		"5S":                    `unknown unit "S"`,
		"5us":                   `unknown unit "us"`,
		"1w":                    `unknown unit "w"`,
		"30m1h":                 "out of order",
		"5s5s":                  "repeated",
		"106752d":               "too long",
		"106751d24h":            "too long",
		"99999999999999999999s": "too long",
		"٣s":                    "expected a whole number",
	} {
		_, err := duration.Parse(text)
		var pe *duration.ParseError
		if !errors.As(err, &pe) || !strings.Contains(pe.Reason, reason) {
			t.Errorf("Parse(%q) error = %v; want reason with %q", text, err, reason)
		}
	}
	_, err := duration.Parse(strings.Repeat("x", 10_000))
	if err == nil || len(err.Error()) > 300 {
		t.Errorf("a long text is shown in full: %d bytes", len(err.Error()))
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	type doc struct {
		A duration.Duration  `json:"a"`
		B *duration.Duration `json:"b,omitempty"`
		C duration.Duration  `json:"c,omitzero"`
	}
	var d doc
	if err := json.Unmarshal([]byte(`{"a":"1h30m","b":0,"c":null}`), &d); err != nil {
		t.Fatal(err)
	}
	if d.A.Std() != 90*time.Minute || d.B == nil || *d.B != 0 || d.C != 0 {
		t.Errorf("got %+v", d)
	}
	out, err := json.Marshal(d)
	if err != nil || string(out) != `{"a":"1h30m","b":"0"}` {
		t.Errorf("Marshal = %s, %v", out, err)
	}
	for _, bad := range []string{`{"a":30}`, `{"a":1.5}`, `{"a":true}`, `{"a":["1s"]}`, `{"a":"30"}`, `{"a":-0}`} {
		if err := json.Unmarshal([]byte(bad), &d); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
	for _, v := range []duration.Duration{-1000, 1, duration.Of(1500 * time.Microsecond), math.MinInt64} {
		if _, err := json.Marshal(v); err == nil {
			t.Errorf("Marshal(%d) lost something without an error", int64(v))
		}
	}
	if got := duration.Of(1500 * time.Microsecond).String(); got != "1.5ms" {
		t.Errorf("String of a fraction = %s", got)
	}
}

func TestYAML(t *testing.T) {
	t.Parallel()
	var d struct {
		A, B, C duration.Duration
		L       []duration.Duration
	}
	if err := yaml.Unmarshal([]byte("a: 14d\nb: 0\nc: \"5s\"\nl: [5s, 30s, 2m]\n"), &d); err != nil {
		t.Fatal(err)
	}
	if d.A.Std() != 14*duration.Day || d.B != 0 || d.C.Std() != 5*time.Second || len(d.L) != 3 || d.L[2].Std() != 2*time.Minute {
		t.Errorf("got %+v", d)
	}
	for _, bad := range []string{"a: 5", "a: -5s", "l: [5s, 3]", "a: 1:30"} {
		if err := yaml.Unmarshal([]byte(bad), &d); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ms := rapid.Int64Range(0, int64(duration.Max)/int64(time.Millisecond)).Draw(t, "ms")
		d := duration.Duration(ms * int64(time.Millisecond))
		back, err := duration.Parse(d.String())
		if err != nil || back != d {
			t.Fatalf("Parse(%q) = %v, %v; want %v", d.String(), back, err, d)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"0", "1h30m", "14d", "5", "-1s", "99999999999999999999d", "1d2h3m4s5ms"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := duration.Parse(s)
		if err != nil {
			return
		}
		if d < 0 {
			t.Fatalf("Parse(%q) = %d", s, int64(d))
		}
		if back, err := duration.Parse(d.String()); err != nil || back != d {
			t.Fatalf("%q reads as %v, which reads back as %v, %v", s, d, back, err)
		}
	})
}
