package event

import (
	"errors"
	"strings"
	"time"
)

const reasonTime = `must be an RFC 3339 time such as "2026-11-23T17:56:28.5Z"`

// parseTime reads an RFC 3339 time. text is the producer's spelling where the time in UTC would not
// be written so, "" where it would.
func parseTime(s string) (t time.Time, text string, err error) {
	upper := s
	if strings.ContainsAny(s, "tz") { // RFC 3339 allows lower case, package time does not
		upper = strings.ToUpper(s)
	}
	if !timeShape(upper) {
		return time.Time{}, "", errTime
	}
	if t, err = time.Parse(time.RFC3339Nano, upper); err != nil {
		return time.Time{}, "", err
	}
	t = t.UTC()
	if t.Format(time.RFC3339Nano) != s {
		text = s
	}
	return t, text, nil
}

var errTime = errors.New(reasonTime)

// timeShape checks the grammar of RFC 3339 where time.Parse is more generous: it takes a comma for
// the point, an hour of one digit and an offset of 24 hours (golang.org/issue/54580).
func timeShape(s string) bool {
	const shape = "dddd-dd-ddTdd:dd:dd"
	if len(s) <= len(shape) || !hasShape(s[:len(shape)], shape) {
		return false
	}
	zone := s[len(shape):]
	if zone[0] == '.' {
		zone = strings.TrimLeft(zone[1:], "0123456789") // time.Parse wants at least one
	}
	return zone == "Z" ||
		(hasShape(zone, "+dd:dd") || hasShape(zone, "-dd:dd")) && zone[1:3] < "24" && zone[4:6] < "60"
}

// hasShape compares s with shape, in which d stands for a digit.
func hasShape(s, shape string) bool {
	if len(s) != len(shape) {
		return false
	}
	for i := range len(s) {
		if shape[i] == 'd' {
			if s[i] < '0' || s[i] > '9' {
				return false
			}
		} else if s[i] != shape[i] {
			return false
		}
	}
	return true
}

// expressible says whether RFC 3339, with its four digits of a year, can express t in UTC.
func expressible(t time.Time) bool {
	y := t.UTC().Year()
	return y >= 0 && y <= 9999
}

// appendTimeText appends the full time as text: the producer's spelling where there is one.
func (e *Event) appendTimeText(dst []byte) []byte {
	if e.TimeText != "" {
		return append(dst, e.TimeText...)
	}
	return e.Time.UTC().AppendFormat(dst, time.RFC3339Nano)
}
