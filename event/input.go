package event

import "errors"

// input is one event while it is read: what the decoders share.
type input struct {
	index int    // for errors
	seen  uint32 // a bit for each known member that was there, chosen by the decoder
	timed bool   // the event brought its time, which may be the zero time
	e     Event
}

func (i *input) invalid(field, reason string) error {
	return &InvalidError{Index: i.index, Field: field, Reason: reason}
}

// body turns a syntax error into one about the whole body; other errors stay as they are.
func (i *input) body(err error) error {
	if syntax, ok := errors.AsType[*syntaxError](err); ok {
		return i.invalid("body", syntax.Error())
	}
	return err
}

// once refuses a member that was there before. Two equal keys are refused, not resolved: parsers
// disagree about which one counts, and that is how a check is passed with one value and acted on
// with the other.
func (i *input) once(bit uint32, field string) error {
	if i.seen&bit != 0 {
		return i.invalid(field, reasonTwice)
	}
	i.seen |= bit
	return nil
}

// text reads a string of any content, for the envelope, which AWS clients may fill as they like.
func (i *input) text(bit uint32, field string, v rawValue, to *string) error {
	if err := i.once(bit, field); err != nil {
		return err
	}
	text, reason := anyString(v.text)
	if reason != "" {
		return i.invalid(field, reason)
	}
	*to = text
	return nil
}

// attribute reads a string that is not empty and that CloudEvents allows. null counts as absent.
func (i *input) attribute(bit uint32, field string, v rawValue, to *string) error {
	if err := i.once(bit, field); err != nil || v.isNull() {
		return err
	}
	s, reason := attributeString(v.text)
	if reason == "" && s == "" {
		reason = reasonEmpty
	}
	if reason != "" {
		return i.invalid(field, reason)
	}
	*to = s
	return nil
}

func (i *input) time(bit uint32, field string, v rawValue) error {
	var s string
	if err := i.attribute(bit, field, v, &s); err != nil || s == "" {
		return err
	}
	return i.setTime(field, s)
}

func (i *input) setTime(field, s string) error {
	t, text, err := parseTime(s)
	if err != nil {
		return i.invalid(field, reasonTime)
	}
	if !expressible(t) {
		return i.invalid(field, reasonYear)
	}
	i.e.Time, i.e.TimeText, i.timed = t, text, true
	return nil
}

func (i *input) contentType(bit uint32, field string, v rawValue) error {
	if err := i.attribute(bit, field, v, &i.e.DataContentType); err != nil {
		return err
	}
	if ct := i.e.DataContentType; ct != "" && !validMediaType(ct) {
		return i.invalid(field, reasonMediaType)
	}
	return nil
}

// extension reads one extension attribute. null counts as absent.
func (i *input) extension(prefix string, key []byte, v rawValue) error {
	if !validName(key) {
		return i.invalid(prefix+shorten(string(key)), reasonName)
	}
	name := string(key)
	if reason := extensionNameReason(name); reason != "" {
		return i.invalid(prefix+shorten(name), reason)
	}
	if v.isNull() {
		return nil
	}
	value, reason := parseValue(v.text)
	if reason != "" {
		return i.invalid(prefix+shorten(name), reason)
	}
	return i.setExtension(prefix, name, value)
}

func (i *input) setExtension(prefix, name string, value Value) error {
	if _, ok := i.e.Extensions[name]; ok {
		return i.invalid(prefix+shorten(name), reasonTwice)
	}
	if i.e.Extensions == nil {
		i.e.Extensions = make(map[string]Value)
	}
	i.e.Extensions[name] = value
	return nil
}

// resources reads an array of strings, each by read. null counts as absent.
func (i *input) resources(bit uint32, field string, v rawValue, read func(quoted []byte) (string, string)) error {
	if err := i.once(bit, field); err != nil || v.isNull() {
		return err
	}
	list, reason := parseStrings(v.text, read)
	if reason != "" {
		return i.invalid(field, reason)
	}
	i.e.Resources = list
	return nil
}

// parseStrings reads a JSON array of strings, each by read; reason is "" when data is one. An empty array is nil.
func parseStrings(data []byte, read func(quoted []byte) (string, string)) (list []string, reason string) {
	const wrong = "must be an array of strings"
	s := scanner{data: data}
	if s.first() != '[' {
		return nil, wrong
	}
	err := s.array(0, func(int) error {
		v, err := s.value(1)
		if err != nil {
			return err
		}
		text, reason := read(v.text)
		if reason != "" {
			return errors.New(reason)
		}
		list = append(list, text)
		return nil
	})
	if err != nil || s.end() != nil {
		return nil, wrong
	}
	return list, ""
}
