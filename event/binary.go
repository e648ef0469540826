package event

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"unicode/utf8"
)

const headerPrefix = "Ce-"

// isAttributeHeader says whether a header is a CloudEvents attribute and returns its name.
func isAttributeHeader(key string) (name string, ok bool) {
	if len(key) < len(headerPrefix) || !strings.EqualFold(key[:len(headerPrefix)], headerPrefix) {
		return "", false
	}
	return strings.ToLower(key[len(headerPrefix):]), true
}

func hasAttributeHeader(header http.Header) bool {
	for key := range header {
		if _, ok := isAttributeHeader(key); ok {
			return true
		}
	}
	return false
}

// DecodeBinary decodes one CloudEvent 1.0 in binary mode: attributes are the ce- headers, and the
// Content-Type is datacontenttype. ce-specversion, ce-id, ce-source and ce-type must be there;
// ce-datacontenttype must not. Header values are un-quoted when they are a quoted string (a legacy
// form) and then percent-decoded once; all extension attributes are strings.
//
// An empty body is no data. A body of a JSON media type, or without one, must be JSON. A body of a
// textual media type is kept as a string when it is UTF-8; any other is kept as base64.
func (in Intake) DecodeBinary(header http.Header, body []byte) (Event, error) {
	i := input{index: -1}
	var specversion string
	for key, values := range header {
		name, ok := isAttributeHeader(key)
		if !ok {
			continue
		}
		field := "ce-" + shorten(name)
		if len(values) != 1 {
			return Event{}, i.invalid(field, reasonTwice)
		}
		value, reason := decodeHeader(values[0])
		if reason != "" {
			return Event{}, i.invalid(field, reason)
		}
		if err := i.header(name, field, value, &specversion); err != nil {
			return Event{}, err
		}
	}
	if err := i.required("ce-", specversion); err != nil {
		return Event{}, err
	}
	if err := i.setBody(header.Values("Content-Type"), body); err != nil {
		return Event{}, err
	}
	return in.accept(&i)
}

func (i *input) header(name, field, value string, specversion *string) error {
	e := &i.e
	var to *string
	switch name {
	case "specversion":
		to = specversion
	case "id":
		to = &e.ProducerID
	case "source":
		to = &e.Source
	case "type":
		to = &e.Type
	case "subject":
		to = &e.Subject
	case "dataschema":
		to = &e.DataSchema
	case "time":
		return i.setTime(field, value)
	case "datacontenttype":
		return i.invalid(field, "must not be there: in binary mode the Content-Type header says it")
	case AttributeID:
		return nil
	case AttributeResources:
		return i.setResources(field, value)
	default:
		if reason := extensionNameReason(name); reason != "" {
			return i.invalid(field, reason)
		}
		return i.setExtension("ce-", name, StringValue(value))
	}
	if *to != "" { // two spellings of one name in a header that net/http did not read
		return i.invalid(field, reasonTwice)
	}
	if value == "" {
		return i.invalid(field, reasonEmpty)
	}
	*to = value
	return nil
}

func (i *input) setBody(contentTypes []string, body []byte) error {
	e := &i.e
	if len(contentTypes) > 1 {
		return i.invalid("Content-Type", reasonTwice)
	}
	if len(contentTypes) == 1 && contentTypes[0] != "" {
		e.DataContentType = contentTypes[0]
		if !validMediaType(e.DataContentType) {
			return i.invalid("Content-Type", reasonMediaType)
		}
	}
	switch {
	case len(body) == 0:
	case jsonMediaType(e.DataContentType):
		detail, err := CompactJSON(body)
		if err != nil {
			reason := err.Error()
			if e.DataContentType == "" {
				reason += ", and without a Content-Type it must be"
			}
			return i.invalid("body", reason)
		}
		e.Detail = detail
	case textMediaType(e.DataContentType) && utf8.Valid(body):
		e.Detail = appendString(make([]byte, 0, len(body)+len(body)/16+2), body)
	default:
		e.setBinary(body)
	}
	return nil
}

// setBinary makes data the event's binary data.
func (e *Event) setBinary(data []byte) {
	detail := make([]byte, 0, base64.StdEncoding.EncodedLen(len(data))+2)
	detail = append(detail, '"')
	detail = base64.StdEncoding.AppendEncode(detail, data)
	e.Detail, e.Base64 = append(detail, '"'), true
}

// binaryData is the data of an event with Base64 set.
func (e *Event) binaryData() ([]byte, error) {
	if len(e.Detail) < 2 || e.Detail[0] != '"' {
		return nil, base64.CorruptInputError(0)
	}
	return base64.StdEncoding.Strict().AppendDecode(nil, e.Detail[1:len(e.Detail)-1])
}

// Data returns the event's data as the bytes that its content type describes, as CloudEvents binary
// mode and raw delivery send them: JSON text as it is, other text without its quotes, binary data
// decoded. contentType is the producer's; else application/json, or application/octet-stream for
// binary data. Without data, body is nil and contentType the producer's or "". The body may be a
// slice of Detail: do not change it.
func (e *Event) Data() (contentType string, body []byte) {
	contentType = e.contentType()
	switch {
	case e.Base64:
		if contentType == "" {
			contentType = "application/octet-stream"
		}
		if data, err := e.binaryData(); err == nil {
			return contentType, data
		}
	case !e.HasData():
		return contentType, nil
	case e.Detail[0] == '"' && !jsonMediaType(contentType):
		if text, ok := unquote(e.Detail); ok {
			return contentType, text
		}
	}
	return contentType, json.RawMessage(e.Detail)
}

// Binary sets the ce- headers of the event as a CloudEvent 1.0 in binary mode and returns its
// Content-Type, "" when it has none, and its body, as [Event.Data] does. It sets the same attributes
// as [Event.AppendStructured], replaces headers of those names and leaves all others, Content-Type
// too, to the caller.
func (e *Event) Binary(header http.Header) (contentType string, body []byte) {
	set := func(name, value string) {
		header[http.CanonicalHeaderKey("ce-"+name)] = []string{encodeHeader(value)}
	}
	set("specversion", "1.0")
	set("id", e.cloudEventID())
	set("source", e.Source)
	set("type", e.Type)
	if e.Subject != "" {
		set("subject", e.Subject)
	}
	set("time", string(e.appendTimeText(nil)))
	if e.DataSchema != "" {
		set("dataschema", e.DataSchema)
	}
	for name, value := range e.Extensions {
		set(name, value.String())
	}
	set(AttributeID, e.ID)
	if len(e.Resources) > 0 {
		set(AttributeResources, string(appendStrings(nil, e.Resources)))
	}
	return e.Data()
}
