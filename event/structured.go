package event

import "encoding/base64"

// The extension attributes that the router itself sets on CloudEvents it sends. Both names are
// reserved: no producer's extension can have them.
const (
	// AttributeID is our id of the event. It is on every CloudEvent the router sends, since id is
	// the producer's where there is one. On CloudEvents coming in it is ignored: such an event has
	// passed a router and is now a new event.
	AttributeID = "signalboxid"

	// AttributeResources holds the envelope's resources, where there are any, as the text of a
	// JSON array of strings. A CloudEvent coming in with it sets them.
	AttributeResources = "signalboxresources"
)

// DecodeStructured decodes one CloudEvent 1.0 in JSON format. specversion, id, source and type must
// be there; attributes that are null count as absent. The event gets our ID; the producer's is its
// ProducerID.
func (in Intake) DecodeStructured(body []byte) (Event, error) {
	return in.structured(&scanner{data: body}, -1)
}

// DecodeBatch decodes a JSON array of CloudEvents in JSON format. It may be empty.
func (in Intake) DecodeBatch(body []byte) ([]Event, error) {
	return in.decodeArray(&scanner{data: body}, in.structured)
}

func (in Intake) structured(s *scanner, index int) (Event, error) {
	i := input{index: index}
	e := &i.e
	var specversion string
	var data, dataBase64 rawValue
	err := i.members(s, func(key []byte, v rawValue) error {
		switch string(key) {
		case "specversion":
			return i.attribute(1<<0, "specversion", v, &specversion)
		case "id":
			return i.attribute(1<<1, "id", v, &e.ProducerID)
		case "source":
			return i.attribute(1<<2, "source", v, &e.Source)
		case "type":
			return i.attribute(1<<3, "type", v, &e.Type)
		case "datacontenttype":
			return i.contentType(1<<4, "datacontenttype", v)
		case "dataschema":
			return i.attribute(1<<5, "dataschema", v, &e.DataSchema)
		case "subject":
			return i.attribute(1<<6, "subject", v, &e.Subject)
		case "time":
			return i.time(1<<7, "time", v)
		case "data":
			data = v
			return i.once(1<<8, "data")
		case "data_base64":
			if !v.isNull() {
				dataBase64 = v
			}
			return i.once(1<<9, "data_base64")
		case AttributeID:
			return i.once(1<<10, AttributeID)
		case AttributeResources:
			var list string
			if err := i.attribute(1<<11, AttributeResources, v, &list); err != nil || list == "" {
				return err
			}
			return i.setResources(AttributeResources, list)
		}
		return i.extension("", key, v)
	})
	if err != nil {
		return Event{}, err
	}
	if err := i.required("", specversion); err != nil {
		return Event{}, err
	}
	hasData := data.text != nil && !data.isNull()
	switch {
	case hasData && dataBase64.text != nil:
		return Event{}, i.invalid("data_base64", "must not be there together with data")
	case hasData:
		e.Detail = data.compact()
	case dataBase64.text != nil:
		text, reason := attributeString(dataBase64.text)
		if reason != "" {
			return Event{}, i.invalid("data_base64", reason)
		}
		binary, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil {
			return Event{}, i.invalid("data_base64", "must be standard base64 with padding")
		}
		e.setBinary(binary)
	}
	return in.accept(&i)
}

// required checks what each CloudEvent must have; prefix makes attribute names header names.
func (i *input) required(prefix, specversion string) error {
	switch {
	case specversion == "":
		return i.invalid(prefix+"specversion", reasonMissing)
	case specversion != "1.0":
		return i.invalid(prefix+"specversion", `must be "1.0"`)
	case i.e.ProducerID == "":
		return i.invalid(prefix+"id", reasonMissing)
	case i.e.Source == "":
		return i.invalid(prefix+"source", reasonMissing)
	case i.e.Type == "":
		return i.invalid(prefix+"type", reasonMissing)
	}
	return nil
}

func (i *input) setResources(field, list string) error {
	resources, reason := parseStrings([]byte(list), anyString)
	if reason != "" {
		return i.invalid(field, "must be the text of a JSON array of strings")
	}
	i.e.Resources = resources
	return nil
}

// AppendStructured appends the event as a CloudEvent 1.0 in JSON format, whose Content-Type is
// [ContentTypeStructured]. id is the producer's own where the event was a CloudEvent, else ours;
// time is always there, in full; the extension attributes follow in order of their names,
// [AttributeID] and [AttributeResources] after them; data (or data_base64) comes last, and not at
// all when there is none. Account, region and replay name are left out: they place an event for AWS
// consumers and mean nothing to others.
func (e *Event) AppendStructured(dst []byte) []byte {
	dst = append(dst, `{"specversion":"1.0","id":`...)
	dst = appendString(dst, e.cloudEventID())
	dst = append(dst, `,"source":`...)
	dst = appendString(dst, e.Source)
	dst = append(dst, `,"type":`...)
	dst = appendString(dst, e.Type)
	if e.Subject != "" {
		dst = append(dst, `,"subject":`...)
		dst = appendString(dst, e.Subject)
	}
	dst = append(dst, `,"time":"`...)
	dst = append(e.appendTimeText(dst), '"')
	// Without it data is JSON by definition, but some consumers look for it.
	if contentType := e.contentType(); contentType != "" {
		dst = append(dst, `,"datacontenttype":`...)
		dst = appendString(dst, contentType)
	}
	if e.DataSchema != "" {
		dst = append(dst, `,"dataschema":`...)
		dst = appendString(dst, e.DataSchema)
	}
	for _, name := range sortedNames(e.Extensions) {
		dst = append(dst, ',', '"')
		dst = append(dst, name...)
		dst = append(dst, '"', ':')
		dst = e.Extensions[name].appendJSON(dst)
	}
	dst = append(dst, `,"`+AttributeID+`":`...)
	dst = appendString(dst, e.ID)
	if len(e.Resources) > 0 {
		dst = append(dst, `,"`+AttributeResources+`":`...)
		dst = appendString(dst, appendStrings(nil, e.Resources))
	}
	switch {
	case e.Base64:
		dst = append(dst, `,"data_base64":`...)
		dst = append(dst, e.Detail...)
	case e.HasData():
		dst = append(dst, `,"data":`...)
		dst = append(dst, e.Detail...)
	}
	return append(dst, '}')
}

func (e *Event) cloudEventID() string {
	if e.ProducerID != "" {
		return e.ProducerID
	}
	return e.ID
}

// contentType is the datacontenttype to send: the producer's; else application/json when there is
// JSON data; else, for binary data of unknown type or no data, "".
func (e *Event) contentType() string {
	if e.DataContentType == "" && !e.Base64 && e.HasData() {
		return "application/json"
	}
	return e.DataContentType
}
