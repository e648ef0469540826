package endpoint

import (
	"strconv"
	"strings"

	"github.com/signalbox-mq/signalbox/duration"
)

// append appends the JSON form, which is encoding/json's. EventBridge's policies, which every delivery of a client's rule carries,
// are plain.
func (p *RetryPolicy) append(dst []byte) []byte {
	if plain, ok := p.appendPlain(dst); ok {
		return plain
	}
	return append(dst, mustJSON(p)...)
}

// appendPlain appends the form of a policy without lists and fractions.
func (p *RetryPolicy) appendPlain(dst []byte) (form []byte, ok bool) {
	if p.Schedule != nil || p.Jitter != nil || p.PermanentStatuses != nil {
		return nil, false
	}
	ok = true
	before := byte('{')
	member := func(key string) {
		dst = append(append(dst, before), key...)
		before = ','
	}
	length := func(key string, d duration.Duration) {
		member(key)
		var err error
		dst, err = d.AppendText(append(dst, '"'))
		dst = append(dst, '"')
		ok = ok && err == nil
	}
	if e := p.Exponential; e != nil {
		if e.Factor != 0 {
			return nil, false
		}
		member(`"exponential":`)
		before = '{'
		length(`"min":`, e.Min)
		length(`"max":`, e.Max)
		member(`"attempts":`)
		dst = append(strconv.AppendInt(dst, int64(e.Attempts), 10), '}')
	}
	if p.MaxAge != 0 {
		length(`"max_age":`, p.MaxAge)
	}
	if p.RetryAfterMax != 0 {
		length(`"retry_after_max":`, p.RetryAfterMax)
	}
	if p.PermanentAttempts != 0 {
		member(`"permanent_attempts":`)
		dst = strconv.AppendInt(dst, int64(p.PermanentAttempts), 10)
	}
	if p.EventBridge {
		member(`"eventbridge":true`)
	}
	if p.DeliveredBelow500 {
		member(`"delivered_below_500":true`)
	}
	if before == '{' {
		dst = append(dst, '{')
	}
	return append(dst, '}'), ok
}

// setPlain reads what appendPlain wrote from the beginning of s and returns what follows; see Delivery.readPlain.
func (p *RetryPolicy) setPlain(s string) (rest string, ok bool) {
	return cutObject(s, func(key, s string) (rest string, ok bool) {
		switch key {
		case "exponential":
			if p.Exponential != nil {
				return "", false
			}
			p.Exponential = new(Exponential)
			return p.Exponential.setPlain(s)
		case "max_age":
			return cutDuration(s, &p.MaxAge)
		case "retry_after_max":
			return cutDuration(s, &p.RetryAfterMax)
		case "permanent_attempts":
			return cutInt(s, &p.PermanentAttempts)
		case "eventbridge":
			rest, p.EventBridge = strings.CutPrefix(s, "true")
			return rest, p.EventBridge
		case "delivered_below_500":
			rest, p.DeliveredBelow500 = strings.CutPrefix(s, "true")
			return rest, p.DeliveredBelow500
		}
		return "", false
	})
}

func (e *Exponential) setPlain(s string) (rest string, ok bool) {
	return cutObject(s, func(key, s string) (rest string, ok bool) {
		switch key {
		case "min":
			return cutDuration(s, &e.Min)
		case "max":
			return cutDuration(s, &e.Max)
		case "attempts":
			return cutInt(s, &e.Attempts)
		}
		return "", false
	})
}

// cutDuration takes a quoted duration from the beginning of s.
func cutDuration(s string, d *duration.Duration) (rest string, ok bool) {
	text, rest, ok := cutPlain(s)
	if !ok {
		return "", false
	}
	var err error
	*d, err = duration.Parse(text)
	return rest, err == nil
}

// cutInt takes a number from the beginning of s; see cutNumber.
func cutInt(s string, to *int) (rest string, ok bool) {
	n, rest, ok := cutNumber(s)
	*to = int(n)
	return rest, ok
}
