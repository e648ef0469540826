package event

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// Intake is what the router gives to each event that it takes in. Its methods are the decoders; they
// keep nothing, so a value serves one request.
//
// Every decoder returns all events of the request in their order or, at the first fault, none and
// an error: *[InvalidError], or one wrapping [ErrTooLarge]. Details of the events are slices of the
// body, which must not change any more.
type Intake struct {
	// Now is the time of arrival: the time in the ids, and the Time of events that bring none.
	Now time.Time

	// Account and Region are those of the events.
	Account string
	Region  string

	// IDs makes the ids; nil means [NewID].
	IDs *IDs
}

// Stamp makes e an event of the router: it gets a new ID, Account and Region and, when its Time is
// the zero time, the time of arrival in whole seconds, in UTC: what AWS gives an event that brings
// none, and what its envelope can hold. (The id has the milliseconds.)
func (in Intake) Stamp(e *Event) {
	if in.IDs != nil {
		e.ID = in.IDs.New(in.Now)
	} else {
		e.ID = NewID(in.Now)
	}
	e.Account, e.Region = in.Account, in.Region
	if e.Time.IsZero() {
		e.Time = in.Now.Truncate(time.Second)
	}
	e.Time = e.Time.UTC()
}

func (in Intake) accept(i *input) (Event, error) {
	if len(i.e.Detail) == 0 {
		i.e.Detail = json.RawMessage("null")
	}
	if err := i.e.checkSize(i.index); err != nil {
		return Event{}, err
	}
	given := i.e.Time
	in.Stamp(&i.e)
	if i.timed {
		i.e.Time = given // also when that is the zero time
	}
	return i.e, nil
}

// DecodeHTTP decodes a publish request. What it is follows from its Content-Type, in any case of
// letters, and its headers, in this order:
//
//   - application/cloudevents-batch…: a batch of CloudEvents, see [Intake.DecodeBatch];
//   - application/cloudevents…: one CloudEvent in structured mode, see [Intake.DecodeStructured];
//   - any header that begins with ce-: one CloudEvent in binary mode, see [Intake.DecodeBinary];
//   - else plain JSON, see [Intake.DecodePlain], when the Content-Type declares JSON, or is
//     absent, text/plain or application/x-www-form-urlencoded, which clients send when nobody
//     chose one (fetch and curl).
//
// Of the CloudEvents formats only JSON is understood. An *[InvalidError] on the Content-Type names
// the field "Content-Type".
func (in Intake) DecodeHTTP(header http.Header, body []byte) ([]Event, error) {
	contentType := header.Get("Content-Type")
	media := mediaType(contentType)
	switch {
	case strings.HasPrefix(media, "application/cloudevents-batch"):
		if media != "application/cloudevents-batch+json" && media != "application/cloudevents-batch" {
			return nil, errFormat(media)
		}
		return in.DecodeBatch(body)
	case strings.HasPrefix(media, "application/cloudevents"):
		if media != "application/cloudevents+json" && media != "application/cloudevents" {
			return nil, errFormat(media)
		}
		return one(in.DecodeStructured(body))
	case hasAttributeHeader(header):
		return one(in.DecodeBinary(header, body))
	case jsonMediaType(contentType), media == "text/plain", media == "application/x-www-form-urlencoded":
		return in.DecodePlain(body)
	}
	return nil, &InvalidError{Index: -1, Field: "Content-Type", Reason: "must be application/json, or that of a CloudEvent: " +
		"application/cloudevents+json, application/cloudevents-batch+json, or any with ce- headers"}
}

func errFormat(media string) error {
	return &InvalidError{Index: -1, Field: "Content-Type",
		Reason: `"` + shorten(media) + `" is not supported: of the CloudEvents formats only JSON is`}
}

func one(e Event, err error) ([]Event, error) {
	if err != nil {
		return nil, err
	}
	return []Event{e}, nil
}

// decodeArray decodes the events of an array, each by decode.
func (in Intake) decodeArray(s *scanner, decode func(s *scanner, index int) (Event, error)) ([]Event, error) {
	whole := input{index: -1}
	if s.first() != '[' {
		if _, err := s.document(); err != nil {
			return nil, whole.body(err)
		}
		return nil, whole.invalid("body", "must be a JSON array")
	}
	events := []Event{}
	err := s.array(0, func(i int) error {
		e, err := decode(s, i)
		if err != nil {
			return err
		}
		events = append(events, e)
		return nil
	})
	if err == nil {
		err = s.end()
	}
	if err != nil {
		return nil, whole.body(err)
	}
	return events, nil
}

// members walks the object that is one event, alone (index -1, then the text ends after it) or as an
// element.
func (i *input) members(s *scanner, visit func(key []byte, v rawValue) error) error {
	if s.first() != '{' {
		if _, err := s.value(1); err != nil {
			return i.body(err)
		}
		return i.invalid("body", "must be a JSON object")
	}
	err := s.object(eventDepth, visit)
	if err == nil && i.index < 0 {
		err = s.end()
	}
	return i.body(err)
}
