package rules

import (
	"fmt"
	"time"
)

// Apply appends to dst what the target receives. eventJSON is the event in EventBridge form, as
// [github.com/signalbox-mq/signalbox/event.Event.AppendEventBridge] writes it; it is only read.
//
// For such an event the result of a template that starts with anything but a quote, and each line
// of one that starts with a quote, is valid JSON. A failure is a *[TransformFailure], wrapping
// [ErrTransform]; dst then comes back as it was.
//
// Where EventBridge inserts text into quotes as it is, a quote or backslash in the text would break
// the JSON around it, or change its structure. Apply keeps the event's own escapes instead: the
// result is the same whenever the text needs none, and valid, meaning the same text, when it does.
func (c *CompiledTransform) Apply(dst, eventJSON []byte, vars Vars) ([]byte, error) {
	switch {
	case c.constant != nil:
		return append(dst, c.constant...), nil
	case c.path != nil:
		value, ok := c.path.Lookup(eventJSON)
		if !ok {
			return dst, &TransformFailure{Variable: c.path.text, Reason: "selects nothing in the event"}
		}
		return append(dst, value...), nil
	}
	var few [8]slotValue
	values := few[:]
	if len(c.slots) > len(few) {
		values = make([]slotValue, len(c.slots))
	}
	if len(c.slots) > 0 {
		if raw, ok := wholeValue(eventJSON); !ok || !c.root.resolve(raw, values, false) {
			return dst, errNotEvent()
		}
	}
	out := dst
	for i := range c.segments {
		s := &c.segments[i]
		out = append(out, s.text...)
		var err error
		switch {
		case s.form == formNone:
		case s.what != notReserved:
			out, err = s.appendReserved(out, eventJSON, vars)
		default:
			out, err = c.appendVariable(out, s, &values[s.slot])
		}
		if err != nil {
			return dst, err
		}
		if len(out)-len(dst) > MaxTransformed {
			return dst, &TransformFailure{Reason: fmt.Sprintf("the result is larger than %d bytes", MaxTransformed)}
		}
	}
	return out, nil
}

func errNotEvent() error {
	return &TransformFailure{Reason: "the event is not a JSON object"}
}

func (c *CompiledTransform) appendVariable(dst []byte, s *segment, v *slotValue) ([]byte, error) {
	name := &c.slots[s.slot]
	if !v.present {
		// A missing value is the empty string wherever it stands.
		if s.form == formValue || s.form == formKey {
			dst = append(dst, '"', '"')
		}
		return dst, nil
	}
	if name.list {
		switch s.form {
		case formValue:
			return v.appendList(dst, false), nil
		case formFlat:
			return v.appendList(dst, true), nil
		}
		return dst, misplaced(name.name, '[', s.form)
	}
	raw := v.raw
	switch s.form {
	case formValue:
		return append(dst, raw...), nil
	case formKey:
		if raw[0] != '"' {
			return dst, misplaced(name.name, raw[0], s.form)
		}
		return append(dst, raw...), nil
	}
	switch raw[0] {
	case '"':
		return append(dst, raw[1:len(raw)-1]...), nil
	case '{', '[':
		if s.form == formQuoted {
			return dst, misplaced(name.name, raw[0], s.form)
		}
		return appendFlat(dst, raw), nil
	}
	return append(dst, raw...), nil
}

func misplaced(name string, first byte, form valueForm) error {
	kind := "a number, boolean or null"
	switch first {
	case '{':
		kind = "an object"
	case '[':
		kind = "a list"
	}
	where := "inside quotes, which is not valid JSON"
	if form == formKey {
		where = "where a member's name, a string, must be"
	}
	return &TransformFailure{Variable: "<" + name + ">", Reason: "is " + kind + " " + where}
}

func (s *segment) appendReserved(dst, eventJSON []byte, vars Vars) ([]byte, error) {
	bare := s.form == formQuoted || s.form == formFlat
	switch s.what {
	case reservedRuleARN:
		return appendJSONString(dst, vars.RuleARN, bare), nil
	case reservedRuleName:
		return appendJSONString(dst, vars.RuleName, bare), nil
	case reservedIngestionTime:
		if !bare {
			dst = append(dst, '"')
		}
		dst = vars.IngestionTime.UTC().AppendFormat(dst, time.RFC3339)
		if !bare {
			dst = append(dst, '"')
		}
		return dst, nil
	}
	raw, ok := wholeValue(eventJSON)
	if !ok || raw[0] != '{' {
		return dst, errNotEvent()
	}
	if s.what == reservedEventJSON {
		return append(dst, raw...), nil
	}
	return appendEventWithoutDetail(dst, raw)
}

// appendEventWithoutDetail writes what <aws.events.event> stands for: the envelope without detail,
// and with detail-type under the name detailType, as EventBridge has been recorded to do.
func appendEventWithoutDetail(dst, raw []byte) ([]byte, error) {
	out := append(dst, '{')
	empty := true
	for w := (walker{data: raw, pos: 1}); ; {
		key, value, more, ok := w.member()
		if !ok {
			return dst, errNotEvent()
		}
		if !more {
			return append(out, '}'), nil
		}
		if keyEquals(key, "detail") {
			continue
		}
		if !empty {
			out = append(out, ',')
		}
		empty = false
		if keyEquals(key, "detail-type") {
			out = append(out, `"detailType"`...)
		} else {
			out = append(out, key...)
		}
		out = append(out, ':')
		out = append(out, value...)
	}
}
