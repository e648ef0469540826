package endpoint

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// The JSON form of a Delivery is written and read once for every delivery, so not by reflection. It is exactly the form
// that encoding/json gives the type: what is not plain here (texts with escapes, a retry policy with a list, a form that
// a later version wrote) is left to it.

// Encode returns the JSON form.
func (d *Delivery) Encode() []byte {
	dst := make([]byte, 0, 160+len(d.Origin)+len(d.Bus)+len(d.Rule)+len(d.Target)+len(d.Topic)+len(d.Subscription))
	text := func(key, value string) {
		dst = appendText(append(dst, key...), value)
	}
	optional := func(key, value string) {
		if value != "" {
			text(key, value)
		}
	}
	text(`{"origin":`, d.Origin)
	text(`,"account":`, d.Account)
	text(`,"region":`, d.Region)
	optional(`,"bus":`, d.Bus)
	optional(`,"rule":`, d.Rule)
	optional(`,"target":`, d.Target)
	optional(`,"topic":`, d.Topic)
	optional(`,"subscription":`, d.Subscription)
	dst = strconv.AppendInt(append(dst, `,"published":`...), d.Published, 10)
	if d.Hops != 0 {
		dst = strconv.AppendInt(append(dst, `,"hops":`...), int64(d.Hops), 10)
	}
	if d.Text {
		dst = append(dst, `,"text":true`...)
	}
	if d.Transformed {
		dst = append(dst, `,"transformed":true`...)
	}
	if d.Retry != nil {
		dst = d.Retry.append(append(dst, `,"retry":`...))
	}
	optional(`,"dead_letter":`, d.DeadLetter)
	if d.Verbatim != nil {
		dst = d.Verbatim.append(append(dst, `,"verbatim":`...))
	}
	if d.Bare {
		dst = append(dst, `,"bare":true`...)
	}
	if d.NoDeadLetter {
		dst = append(dst, `,"no_dead_letter":true`...)
	}
	if d.HTTP != nil {
		dst = append(append(dst, `,"http":`...), mustJSON(d.HTTP)...)
	}
	return append(dst, '}')
}

// mustJSON is for values that are plain data and always have a JSON form.
func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("endpoint: encoding a delivery: %v", err))
	}
	return b
}

// isPlain says whether a byte stands for itself in JSON text, also in the text that escapes HTML.
func isPlain(c byte) bool {
	return c >= ' ' && c < 0x7f && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&'
}

func appendText(dst []byte, s string) []byte {
	for i := range len(s) {
		if !isPlain(s[i]) {
			return append(dst, mustJSON(s)...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

// DecodeDelivery reads what Encode wrote.
func DecodeDelivery(b []byte) (*Delivery, error) {
	d := new(Delivery)
	if d.readPlain(string(b)) {
		return d, nil
	}
	*d = Delivery{}
	if err := json.Unmarshal(b, d); err != nil {
		return nil, fmt.Errorf("decoding a delivery: %w", err)
	}
	return d, nil
}

// readPlain reads the members of an object without white space, whose keys are known and whose values are plain texts,
// numbers, durations, true, or objects of such. It reports false for anything else, having set some fields.
func (d *Delivery) readPlain(s string) bool {
	rest, ok := cutObject(s, d.setPlain)
	return ok && rest == ""
}

// cutObject takes an object from the beginning of s. set takes a member's value from the beginning of what it gets.
func cutObject(s string, set func(key, s string) (rest string, ok bool)) (rest string, ok bool) {
	if !strings.HasPrefix(s, "{") {
		return "", false
	}
	if strings.HasPrefix(s, "{}") {
		return s[2:], true
	}
	for s[0] != '}' {
		key, rest, ok := cutPlain(s[1:]) // after the brace or the comma
		if !ok || !strings.HasPrefix(rest, ":") {
			return "", false
		}
		if s, ok = set(key, rest[1:]); !ok || s == "" || (s[0] != ',' && s[0] != '}') {
			return "", false
		}
	}
	return s[1:], true
}

// setPlain sets the field of a key from the beginning of s and returns what follows.
func (d *Delivery) setPlain(key, s string) (rest string, ok bool) {
	var text *string
	switch key {
	case "origin":
		text = &d.Origin
	case "account":
		text = &d.Account
	case "region":
		text = &d.Region
	case "bus":
		text = &d.Bus
	case "rule":
		text = &d.Rule
	case "target":
		text = &d.Target
	case "topic":
		text = &d.Topic
	case "subscription":
		text = &d.Subscription
	case "dead_letter":
		text = &d.DeadLetter
	case "published":
		d.Published, rest, ok = cutNumber(s)
		return rest, ok
	case "hops":
		return cutInt(s, &d.Hops)
	case "text":
		rest, d.Text = strings.CutPrefix(s, "true")
		return rest, d.Text
	case "transformed":
		rest, d.Transformed = strings.CutPrefix(s, "true")
		return rest, d.Transformed
	case "bare":
		rest, d.Bare = strings.CutPrefix(s, "true")
		return rest, d.Bare
	case "no_dead_letter":
		rest, d.NoDeadLetter = strings.CutPrefix(s, "true")
		return rest, d.NoDeadLetter
	case "retry":
		if d.Retry != nil { // encoding/json would add to it
			return "", false
		}
		d.Retry = new(RetryPolicy)
		return d.Retry.setPlain(s)
	case "verbatim":
		if d.Verbatim != nil {
			return "", false
		}
		d.Verbatim = new(Verbatim)
		return d.Verbatim.setPlain(s)
	default:
		return "", false
	}
	*text, rest, ok = cutPlain(s)
	return rest, ok
}

// cutPlain takes a quoted text without escapes from the beginning of s.
func cutPlain(s string) (text, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		return "", "", false
	}
	for i := 1; i < len(s); i++ {
		if s[i] == '"' {
			return s[1:i], s[i+1:], true
		}
		if !isPlain(s[i]) {
			break
		}
	}
	return "", "", false
}

// cutNumber takes a number of 1 to 18 digits from the beginning of s.
func cutNumber(s string) (n int64, rest string, ok bool) {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		n = n*10 + int64(s[i]-'0')
		if i++; i > 18 {
			return 0, "", false
		}
	}
	return n, s[i:], i == 1 || (i > 1 && s[0] != '0')
}
