package endpoint

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ParseRetryAfter reads the value of a Retry-After header: seconds, or an HTTP date, counted from the reference time. ok is false if it
// is neither. Dates in the past are 0. The result is at most MaxDelay, however absurd the value. Decimal seconds, which
// some servers send, are rounded up to whole milliseconds.
func ParseRetryAfter(value string, reference time.Time) (d time.Duration, ok bool) {
	value = strings.TrimSpace(value)
	if value == "" {
		return 0, false
	}
	if strings.Trim(value, "0123456789.") == "" {
		whole, fraction, _ := strings.Cut(value, ".")
		if whole == "" || strings.Contains(fraction, ".") || strings.HasSuffix(value, ".") {
			return 0, false
		}
		seconds, err := strconv.ParseInt(whole, 10, 64)
		if err != nil || seconds >= int64(MaxDelay/time.Second) {
			return MaxDelay, true // only too many digits can fail here
		}
		d = time.Duration(seconds) * time.Second
		for i, unit := 0, 100*time.Millisecond; i < len(fraction); i, unit = i+1, unit/10 {
			if unit < time.Millisecond {
				if strings.Trim(fraction[i:], "0") != "" {
					d += time.Millisecond
				}
				break
			}
			d += time.Duration(fraction[i]-'0') * unit
		}
		return d, true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return min(max(at.Sub(reference), 0), MaxDelay), true
}

// retryAfter reads the header of an answer that came at now. A date counts from the answer's own Date, so that a wrong clock
// on either side does no harm. A negative number of seconds, whatever it is, is -1.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := h.Get("Retry-After")
	if value == "" {
		return 0
	}
	reference := now
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		reference = date
	}
	if below, negative := strings.CutPrefix(strings.TrimSpace(value), "-"); negative {
		if d, ok := ParseRetryAfter(below, reference); ok && d > 0 {
			return -1
		}
		return 0
	}
	d, _ := ParseRetryAfter(value, reference)
	return d
}
