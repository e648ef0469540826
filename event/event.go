package event

import (
	"encoding/json"
	"fmt"
	"time"
)

// MaxSize is the largest event the router takes in, in bytes as [Event.Size] counts them: 1 MiB.
const MaxSize = 1 << 20

// Event is one event as the router keeps it: the EventBridge envelope, plus what a CloudEvent
// carries beyond it. An Event is plain data; copies share Detail, Resources and Extensions, which
// everyone treats as read-only once the event was accepted.
type Event struct {
	// ID is ours: a UUIDv7 in canonical lower-case text, see [IDs]. It is never the producer's.
	ID string

	// Source says who produced the event ("source" everywhere). Never empty.
	Source string

	// Type says what happened: "detail-type" of the envelope, "type" of a CloudEvent. Never empty.
	Type string

	// Time is when it happened, in UTC with nanoseconds; the time of arrival in whole
	// seconds when the producer did not say. Its year is 0 to 9999, what RFC 3339 can express.
	Time time.Time

	// TimeText is the producer's own spelling of Time where that says more than Time does: an
	// offset, trailing zeros, more than nine digits of a second. "" when it does not.
	TimeText string

	// Account (12 digits) and Region place the event as AWS consumers expect it.
	Account string
	Region  string

	// ReplayName is the replay that brought the event back, "" for an original. It is written
	// as "replay-name", as AWS does.
	ReplayName string

	// Resources are the ARNs, or any other names, of what the event is about. May be nil.
	Resources []string

	// Subject is the CloudEvents subject, "" for none.
	Subject string

	// ProducerID is the id that the producer gave its CloudEvent, "" when it was not a CloudEvent.
	// Source and ProducerID together identify a CloudEvent, so deduplication goes by them.
	ProducerID string

	// DataContentType is the CloudEvents datacontenttype, "" when the producer gave none, which
	// means JSON. When it is not a JSON media type and Detail is a JSON string, the data is the
	// text in that string.
	DataContentType string

	// DataSchema is the CloudEvents dataschema, "" for none.
	DataSchema string

	// Base64 says that the data is binary: Detail is then a JSON string of its standard base64.
	Base64 bool

	// Detail is the data: any JSON value, valid UTF-8, without insignificant white space.
	// An event without data has the value null; encoders take nil for null.
	Detail json.RawMessage

	// Extensions are the CloudEvents extension attributes. Names are [a-z0-9]+ and never those
	// of core attributes ([ReservedName]). May be nil.
	Extensions map[string]Value
}

// HasData says whether the event carries data. A null Detail is no data.
func (e *Event) HasData() bool {
	return len(e.Detail) > 0 && string(e.Detail) != "null"
}

// WithDetail returns a copy of the event that carries detail in place of its data, as JSON: content
// type, schema and the base64 mark of the data it replaces are gone. It is what a transform does.
// detail must be valid JSON (see [CompactJSON]); the copy keeps it without copying.
func (e *Event) WithDetail(detail json.RawMessage) Event {
	out := *e
	out.Detail = detail
	out.DataContentType, out.DataSchema, out.Base64 = "", "", false
	return out
}

// Size is the size of the event in bytes for the limit [MaxSize]: the text of source, type,
// subject, resources, the producer's id, content type, schema, extension names and values, plus
// the data. Data counts as its compact JSON text, binary data as its decoded bytes. What the
// router adds (id, account, region, member names) is not counted.
func (e *Event) Size() int {
	n := len(e.Source) + len(e.Type) + len(e.Subject) + len(e.ProducerID) +
		len(e.DataContentType) + len(e.DataSchema) + len(e.TimeText)
	for _, r := range e.Resources {
		n += len(r)
	}
	for name, v := range e.Extensions {
		n += len(name) + v.size()
	}
	if e.Base64 {
		return n + decodedLen(e.Detail)
	}
	return n + len(e.Detail)
}

// decodedLen is the number of bytes that a JSON string of padded base64 stands for.
func decodedLen(quoted []byte) int {
	n := len(quoted) - 2
	if n < 4 {
		return 0
	}
	size := n / 4 * 3
	for i := n; i > n-2 && quoted[i] == '='; i-- {
		size--
	}
	return size
}

// Validate checks what every accepted event promises, for events that were built by hand rather
// than by one of the decoders of this package (which have checked it). It returns an
// *[InvalidError] with Index -1 naming the envelope's member, or an error wrapping [ErrTooLarge].
func (e *Event) Validate() error {
	invalid := func(field, reason string) error {
		return &InvalidError{Index: -1, Field: field, Reason: reason}
	}
	switch {
	case e.ID == "":
		return invalid("id", reasonMissing)
	case e.Source == "":
		return invalid("source", reasonMissing)
	case e.Type == "":
		return invalid("detail-type", reasonMissing)
	case !expressible(e.Time):
		return invalid("time", reasonYear)
	}
	if e.TimeText != "" {
		if t, _, err := parseTime(e.TimeText); err != nil || !t.Equal(e.Time) {
			return invalid("time", "does not agree with its original spelling")
		}
	}
	if !accountID(e.Account) {
		return invalid("account", "must be 12 digits")
	}
	for name := range e.Extensions {
		if reason := extensionNameReason(name); reason != "" {
			return invalid("extensions."+shorten(name), reason)
		}
	}
	if len(e.Detail) > 0 {
		if err := validJSON(e.Detail); err != nil {
			return invalid("detail", err.Error())
		}
	}
	if e.Base64 {
		if _, err := e.binaryData(); err != nil {
			return invalid("detail", "is not a string of base64")
		}
	}
	return e.checkSize(-1)
}

func (e *Event) checkSize(index int) error {
	size := e.Size()
	if size <= MaxSize {
		return nil
	}
	if index < 0 {
		return fmt.Errorf("%w: it has %d bytes, the limit is %d", ErrTooLarge, size, MaxSize)
	}
	return fmt.Errorf("event %d: %w: it has %d bytes, the limit is %d", index, ErrTooLarge, size, MaxSize)
}

func accountID(s string) bool {
	if len(s) != 12 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
