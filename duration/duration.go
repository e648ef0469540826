// Package duration holds the one notation for durations in Signalbox's YAML files, APIs and stored
// definitions: whole numbers with the units ms, s, m, h and d, combinable from large to small
// ("1h30m", "14d"), or a bare 0. It imports nothing but the standard library, so that every package
// that is configured may use it.
package duration

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
)

// Duration is a non-negative length of time of whole milliseconds that reads and writes as text ("1h30m"). The
// zero value is 0. It decodes from YAML and JSON strings, and from the bare number 0.
type Duration time.Duration

// Day is 24 hours: the unit d knows nothing of calendars or daylight saving.
const Day = 24 * time.Hour

// Max is the longest duration that can be written, about 292 years.
const Max = Duration(math.MaxInt64 / int64(time.Millisecond) * int64(time.Millisecond))

// ParseError says why a text is no duration. Text is what was given, shortened to 64 bytes.
type ParseError struct {
	Text   string
	Reason string
}

func (e *ParseError) Error() string {
	return fmt.Sprintf("invalid duration %q: %s", e.Text, e.Reason)
}

// units from large to small, which is also the order a text must keep.
var units = [...]struct {
	name string
	size time.Duration
}{{"d", Day}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}, {"ms", time.Millisecond}}

// Parse reads a duration: one or more whole numbers, each with one of the units d, h, m, s, ms, in that order and each at
// most once; or a bare 0. Signs, fractions, spaces and other units are refused. The error is a *ParseError.
func Parse(text string) (Duration, error) {
	fail := func(format string, args ...any) (Duration, error) {
		shown := text
		if len(shown) > 64 {
			shown = shown[:64] + "…"
		}
		return 0, &ParseError{Text: shown, Reason: fmt.Sprintf(format, args...)}
	}
	switch text {
	case "":
		return fail("empty; write a number with a unit, such as 30s or 1h30m")
	case "0":
		return 0, nil
	}
	var total int64
	next := 0 // the first unit that may still come
	for rest := text; rest != ""; {
		digits := 0
		for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
			digits++
		}
		if digits == 0 {
			return fail("expected a whole number at %q; write such as 30s or 1h30m", clip(rest))
		}
		n, err := strconv.ParseInt(rest[:digits], 10, 64)
		if err != nil {
			return fail("too long; the maximum is %s", Max)
		}
		rest = rest[digits:]
		letters := 0
		for letters < len(rest) && (rest[letters] < '0' || rest[letters] > '9') {
			letters++
		}
		name := rest[:letters]
		rest = rest[letters:]
		if name == "" {
			return fail("a unit is missing after %d; units are ms, s, m, h, d", n)
		}
		at := -1
		for i := range units {
			if units[i].name == name {
				at = i
			}
		}
		switch {
		case at < 0:
			return fail("unknown unit %q; units are ms, s, m, h, d", clip(name))
		case at < next:
			return fail("unit %s is repeated or out of order; the order is d, h, m, s, ms", name)
		}
		next = at + 1
		size := int64(units[at].size)
		if n > (int64(Max)-total)/size {
			return fail("too long; the maximum is %s", Max)
		}
		total += n * size
	}
	return Duration(total), nil
}

func clip(s string) string {
	if len(s) > 16 {
		return s[:16] + "…"
	}
	return s
}

// Of makes a Duration of a time.Duration.
func Of(d time.Duration) Duration { return Duration(d) }

// Std is the same length as a time.Duration.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String is the canonical text, which Parse reads back: "1h30m", "14d", "0". A value that Parse could not have made
// (negative, or with a fraction of a millisecond) prints as a time.Duration.
func (d Duration) String() string {
	text, err := d.AppendText(nil)
	if err != nil {
		return time.Duration(d).String()
	}
	return string(text)
}

// AppendText appends the canonical text. It fails for a negative value or one with a fraction of a millisecond, because
// what would be stored is not what was meant.
func (d Duration) AppendText(b []byte) ([]byte, error) {
	if d < 0 || d%Duration(time.Millisecond) != 0 {
		return b, &ParseError{Text: time.Duration(d).String(), Reason: "negative, or not whole milliseconds"}
	}
	if d == 0 {
		return append(b, '0'), nil
	}
	rest := time.Duration(d)
	for _, u := range units {
		if n := rest / u.size; n > 0 {
			b = strconv.AppendInt(b, int64(n), 10)
			b = append(b, u.name...)
			rest -= n * u.size
		}
	}
	return b, nil
}

// MarshalText writes the canonical text, with AppendText's errors.
func (d Duration) MarshalText() ([]byte, error) { return d.AppendText(nil) }

// UnmarshalText reads what Parse reads. On error d is unchanged.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := Parse(string(text))
	if err != nil {
		return err
	}
	*d = v
	return nil
}

// UnmarshalJSON reads a string as Parse does, and the bare number 0; null leaves d unchanged. Other numbers are refused,
// because nobody can tell whether they were meant as seconds or milliseconds.
func (d *Duration) UnmarshalJSON(data []byte) error {
	switch {
	case string(data) == "null":
		return nil
	case string(data) == "0":
		*d = 0
		return nil
	case len(data) == 0 || data[0] != '"':
		return &ParseError{Text: clip(string(data)), Reason: "must be a string with a unit, such as \"30s\""}
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	return d.UnmarshalText([]byte(text))
}
