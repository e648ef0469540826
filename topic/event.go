package topic

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue"
)

// What functions get is an event with these names.
const (
	// EventType is its detail-type, or its type as a CloudEvent.
	EventType = "message"
	// SourcePrefix and the topic's name are its source.
	SourcePrefix = "topic/"
	// ExtensionAttributes is the extension that has all message attributes as JSON text, in the form of the SNS envelope. It
	// is there only if one of them can not be an extension itself.
	ExtensionAttributes = "messageattributes"
	// ExtensionOrigin is the extension that has the ID of the event that a bus or topic passed on as this message.
	ExtensionOrigin = "signalboxorigin"
)

// toEvent makes a message, with that body, the event that functions get. text says that its detail is a JSON string that stands for plain
// text.
//
// A body that is JSON becomes the detail as it is, but for white space; other text becomes a JSON string, and what is no
// UTF-8 a string of base64, each marked by its content type.
func toEvent(t *topicState, id string, m *Message, body []byte, origin string, now time.Time) (ev event.Event, text bool) {
	ev = event.Event{
		ID: id, Source: SourcePrefix + t.name.Name, Type: EventType, Subject: m.Subject,
		Time:    now.UTC().Truncate(time.Second), // what the envelope of an event can hold
		Account: t.name.Account, Region: t.name.Region, Resources: []string{t.arn},
		Extensions: extensions(m.Attributes),
	}
	if origin != "" {
		ev.Extensions = with(ev.Extensions, ExtensionOrigin, event.StringValue(origin))
	}
	detail, err := event.CompactJSON(body)
	switch {
	case err == nil:
		ev.Detail = detail
	case utf8.Valid(body):
		ev.Detail, ev.DataContentType, text = appendJSONString(nil, string(body)), "text/plain; charset=utf-8", true
	default:
		ev.Detail = appendJSONString(nil, base64.StdEncoding.EncodeToString(body))
		ev.DataContentType, ev.Base64 = "application/octet-stream", true
	}
	return ev, text
}

// extensions makes message attributes the extensions of an event: those that CloudEvents allows, by their names, and all
// of them in one if that leaves any out.
func extensions(attrs []queue.Attribute) map[string]event.Value {
	var out map[string]event.Value
	whole := true
	for i := range attrs {
		a := &attrs[i]
		value, ok := extensionValue(a)
		if !ok || !extensionName(a.Name) {
			whole = false
			continue
		}
		out = with(out, a.Name, value)
	}
	if !whole {
		out = with(out, ExtensionAttributes, event.StringValue(string(appendAttributes(nil, attrs))))
	}
	return out
}

func with(m map[string]event.Value, name string, v event.Value) map[string]event.Value {
	if m == nil {
		m = map[string]event.Value{}
	}
	m[name] = v
	return m
}

// extensionName says whether an attribute's name can be that of an extension: [a-z0-9]+ and without another meaning.
func extensionName(name string) bool {
	return name != "" && name != ExtensionAttributes && name != ExtensionOrigin && !event.ReservedName(name) &&
		strings.IndexFunc(name, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }) < 0
}

// extensionValue is an attribute's value as that of an extension: a number that is an integer of 32 bits, written the usual
// way, as an integer; everything else as text, which must be what CloudEvents allows.
func extensionValue(a *queue.Attribute) (event.Value, bool) {
	text := attributeText(a)
	if base, _, _ := strings.Cut(a.Type, "."); base == "Number" {
		if i, err := strconv.ParseInt(text, 10, 32); err == nil && strconv.FormatInt(i, 10) == text {
			return event.IntValue(int32(i)), true
		}
	}
	return event.StringValue(text), plainText(text)
}

// plainText says whether s is UTF-8 without control characters and noncharacters.
func plainText(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || r >= 0xfdd0 && r <= 0xfdef || r&0xfffe == 0xfffe
	}) < 0
}
