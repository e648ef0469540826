package event

import (
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// AppendEventBridge appends the event as the EventBridge envelope, compact, its members in AWS's
// order: version ("0"), id, detail-type, source, account, time (whole seconds, Z), region,
// replay-name (only of a replayed event), resources (always an array), detail (null for no data).
//
// Where the event has more than that, a last member "extensions" follows, an object that consumers
// who know only AWS do not look at and that patterns can match on. It holds the CloudEvents
// attributes that have no place in the envelope, by their CloudEvents names: subject, id (the
// producer's), time (in full, when it has more than whole seconds), datacontenttype, dataschema,
// and the extension attributes in order of their names. "data_base64": true marks binary data;
// no attribute can have that name. [Parse] reads all of it back.
func (e *Event) AppendEventBridge(dst []byte) []byte {
	dst = append(dst, `{"version":"0","id":`...)
	dst = appendString(dst, e.ID)
	dst = append(dst, `,"detail-type":`...)
	dst = appendString(dst, e.Type)
	dst = append(dst, `,"source":`...)
	dst = appendString(dst, e.Source)
	dst = append(dst, `,"account":`...)
	dst = appendString(dst, e.Account)
	dst = append(dst, `,"time":"`...)
	dst = e.Time.UTC().AppendFormat(dst, time.RFC3339)
	dst = append(dst, `","region":`...)
	dst = appendString(dst, e.Region)
	if e.ReplayName != "" {
		dst = append(dst, `,"replay-name":`...)
		dst = appendString(dst, e.ReplayName)
	}
	dst = append(dst, `,"resources":`...)
	dst = appendStrings(dst, e.Resources)
	dst = append(dst, `,"detail":`...)
	dst = e.appendDetail(dst)
	return append(e.appendExtensions(dst), '}')
}

func (e *Event) appendDetail(dst []byte) []byte {
	if len(e.Detail) == 0 {
		return append(dst, "null"...)
	}
	return append(dst, e.Detail...)
}

func (e *Event) appendExtensions(dst []byte) []byte {
	const open = `,"extensions":{`
	begin := len(dst)
	dst = append(dst, open...)
	empty := len(dst)
	name := func(name string) {
		if len(dst) > empty {
			dst = append(dst, ',')
		}
		dst = append(dst, '"')
		dst = append(dst, name...)
		dst = append(dst, '"', ':')
	}
	text := func(key, value string) {
		if value != "" {
			name(key)
			dst = appendString(dst, value)
		}
	}
	text("subject", e.Subject)
	text("id", e.ProducerID)
	if e.TimeText != "" || e.Time.Nanosecond() != 0 {
		name("time")
		dst = append(e.appendTimeText(append(dst, '"')), '"')
	}
	text("datacontenttype", e.DataContentType)
	text("dataschema", e.DataSchema)
	if e.Base64 {
		name("data_base64")
		dst = append(dst, "true"...)
	}
	for _, key := range sortedNames(e.Extensions) {
		name(key)
		dst = e.Extensions[key].appendJSON(dst)
	}
	if len(dst) == empty {
		return dst[:begin]
	}
	return append(dst, '}')
}

func sortedNames(extensions map[string]Value) []string {
	if len(extensions) == 0 {
		return nil
	}
	names := slices.AppendSeq(make([]string, 0, len(extensions)), maps.Keys(extensions))
	slices.Sort(names)
	return names
}

func appendStrings(dst []byte, list []string) []byte {
	dst = append(dst, '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, s)
	}
	return append(dst, ']')
}

// MarshalJSON is [Event.AppendEventBridge] into a new slice.
func (e Event) MarshalJSON() ([]byte, error) {
	return e.AppendEventBridge(make([]byte, 0, 256+len(e.Detail))), nil
}

// UnmarshalJSON is [Parse] on a copy of data.
func (e *Event) UnmarshalJSON(data []byte) error {
	parsed, err := Parse(slices.Clone(data))
	if err != nil {
		return err
	}
	*e = parsed
	return nil
}

// Parse reads back the form that [Event.AppendEventBridge] writes, without loss. The id may be any
// text, so envelopes that AWS made can be read too. The event's Detail is a slice of data, which
// must not change any more. Errors are *[InvalidError] with Index -1; a member that the form does
// not have is one, since dropping it would lose what a newer version meant.
func Parse(data []byte) (Event, error) {
	s := scanner{data: data}
	in := input{index: -1, e: Event{Detail: json.RawMessage("null")}}
	var envelopeTime time.Time
	var version string
	if s.first() != '{' {
		if _, err := s.document(); err != nil {
			return Event{}, in.body(err)
		}
		return Event{}, in.invalid("body", "must be a JSON object")
	}
	err := s.object(eventDepth, func(key []byte, v rawValue) error {
		e := &in.e
		switch string(key) {
		case "version":
			return in.text(1<<0, "version", v, &version)
		case "id":
			return in.text(1<<1, "id", v, &e.ID)
		case "detail-type":
			return in.text(1<<2, "detail-type", v, &e.Type)
		case "source":
			return in.text(1<<3, "source", v, &e.Source)
		case "account":
			return in.text(1<<4, "account", v, &e.Account)
		case "time":
			var text string
			if err := in.text(1<<5, "time", v, &text); err != nil {
				return err
			}
			t, _, err := parseTime(text)
			if err != nil || !expressible(t) {
				return in.invalid("time", reasonTime)
			}
			envelopeTime = t
			return nil
		case "region":
			return in.text(1<<6, "region", v, &e.Region)
		case "replay-name":
			return in.text(1<<7, "replay-name", v, &e.ReplayName)
		case "resources":
			return in.resources(1<<8, "resources", v, anyString)
		case "detail":
			e.Detail = v.compact()
			return in.once(1<<9, "detail")
		case "extensions":
			return in.envelopeExtensions(1<<10, v)
		}
		return in.invalid(shorten(string(key)), "is not a member of the EventBridge envelope")
	})
	if err == nil {
		err = s.end()
	}
	if err != nil {
		return Event{}, in.body(err)
	}
	e := &in.e
	for i, field := range [...]string{"version", "id", "detail-type", "source", "account", "time", "region"} {
		if in.seen&(1<<i) == 0 {
			return Event{}, in.invalid(field, reasonMissing)
		}
	}
	switch {
	case version != "0":
		return Event{}, in.invalid("version", `must be "0"`)
	case e.ID == "":
		return Event{}, in.invalid("id", reasonEmpty)
	case e.Type == "":
		return Event{}, in.invalid("detail-type", reasonEmpty)
	case e.Source == "":
		return Event{}, in.invalid("source", reasonEmpty)
	}
	switch {
	case !in.timed:
		e.Time = envelopeTime
	case !e.Time.Truncate(time.Second).Equal(envelopeTime.Truncate(time.Second)):
		return Event{}, in.invalid("extensions.time", "is not the envelope's time")
	}
	if e.Base64 {
		if _, err := e.binaryData(); err != nil {
			return Event{}, in.invalid("detail", "is not a string of base64, which data_base64 promises")
		}
	}
	return *e, nil
}

// envelopeExtensions reads the member "extensions" of the envelope.
func (i *input) envelopeExtensions(bit uint32, v rawValue) error {
	if err := i.once(bit, "extensions"); err != nil {
		return err
	}
	if v.text[0] != '{' {
		return i.invalid("extensions", "must be an object")
	}
	e := &i.e
	s := scanner{data: v.text}
	return s.object(0, func(key []byte, v rawValue) error {
		switch string(key) {
		case "subject":
			return i.text(1<<12, "extensions.subject", v, &e.Subject)
		case "id":
			return i.text(1<<13, "extensions.id", v, &e.ProducerID)
		case "time":
			return i.time(1<<11, "extensions.time", v)
		case "datacontenttype":
			return i.text(1<<14, "extensions.datacontenttype", v, &e.DataContentType)
		case "dataschema":
			return i.text(1<<15, "extensions.dataschema", v, &e.DataSchema)
		case "data_base64":
			if string(v.text) != "true" {
				return i.invalid("extensions.data_base64", "must be true when it is there")
			}
			e.Base64 = true
			return i.once(1<<16, "extensions.data_base64")
		}
		return i.extension("extensions.", key, v)
	})
}
