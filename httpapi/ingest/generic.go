package ingest

import (
	"time"
	"unicode/utf8"

	"github.com/signalbox-mq/signalbox/event"
)

// Bounds of what becomes an attribute of an event, in bytes.
const (
	maxAttribute = 1024
	maxID        = 256
)

// verifyNone accepts everything.
func verifyNone(*request) error { return nil }

// readGeneric reads what hmac and none brought.
func readGeneric(r *request) (Delivery, error) {
	return r.generic("", false)
}

// generic reads any body. id is the delivery's, "" for the one of the source's template;
// bodyType takes the type from the body where the source has no template for it.
func (r *request) generic(id string, bodyType bool) (Delivery, error) {
	ev, err := r.content()
	if err != nil {
		return Delivery{}, err
	}
	attribute := func(templateText, otherwise string) string {
		if s, ok := r.template(templateText, ev.Detail); ok {
			return s
		}
		return otherwise
	}
	if ev.Type = attribute(r.source.Type, ""); ev.Type == "" && bodyType {
		if value := lookup(ev.Detail, "type"); len(value) > 0 && value[0] == '"' {
			ev.Type = text(value)
		}
	}
	if ev.Type == "" {
		ev.Type = "webhook." + r.source.Name
	}
	ev.Source = attribute(r.source.EventSource, r.defaultSource())
	ev.Subject = attribute(r.source.Subject, "")
	if id == "" {
		id = attribute(r.source.ID, "")
	}
	return r.delivery(id, ev)
}

// template renders a template of the source's attributes; ok is false for none, for a bad one and
// for one whose placeholders have no value.
func (r *request) template(templateText string, detail []byte) (s string, ok bool) {
	if templateText == "" {
		return "", false
	}
	t, err := parseTemplate(templateText, attributePlaceholders)
	if err != nil {
		return "", false
	}
	return t.attribute(r, detail)
}

func (r *request) defaultSource() string { return "webhook/" + r.source.Name }

// delivery completes the event and checks what came from the request. The subject is a help for
// people, so one that can not be a CloudEvents attribute is left out; for the others the delivery
// is refused, because rules and deduplication go by them.
func (r *request) delivery(id string, ev event.Event) (Delivery, error) {
	for _, a := range [...]struct {
		name, value string
		most        int
	}{{"type", ev.Type, maxAttribute}, {"source", ev.Source, maxAttribute}, {"id", id, maxID}} {
		if fault := attributeFault(a.value); fault != "" {
			return Delivery{}, malformed("the %s of the event %s", a.name, fault)
		}
		if len(a.value) > a.most {
			return Delivery{}, malformed("the %s of the event is longer than %d bytes", a.name, a.most)
		}
	}
	if attributeFault(ev.Subject) != "" || len(ev.Subject) > maxAttribute {
		ev.Subject = ""
	}
	ev.Time = r.now.UTC().Truncate(time.Second) // as event.Intake gives it to events without one
	ev.ProducerID = id
	return Delivery{ID: id, Event: ev}, nil
}

// attributeFault says why s can not be a CloudEvents string, "" when it can.
func attributeFault(s string) string {
	if !utf8.ValidString(s) {
		return "is not UTF-8"
	}
	for _, c := range s {
		if c < ' ' || c >= 0x7f && c <= 0x9f || c >= 0xfdd0 && c <= 0xfdef || c&0xfffe == 0xfffe {
			return "contains control characters or Unicode noncharacters"
		}
	}
	return ""
}
