package event

// DecodePlain decodes the router's own form: a JSON object, or an array of them (which may be
// empty), with exactly these members: source and type, strings that are not empty; and, if wanted,
// data (any JSON value), subject (a string), time (an RFC 3339 string), resources (an array of
// strings) and extensions (an object of extension attributes). null is as good as absent; without
// data the event's Detail is null. Any other member is an error, as is one given twice; keys within
// data are the producer's business.
func (in Intake) DecodePlain(body []byte) ([]Event, error) {
	s := &scanner{data: body}
	if s.first() == '[' {
		return in.decodeArray(s, in.plain)
	}
	return one(in.plain(s, -1))
}

func (in Intake) plain(s *scanner, index int) (Event, error) {
	i := input{index: index}
	e := &i.e
	err := i.members(s, func(key []byte, v rawValue) error {
		switch string(key) {
		case "source":
			return i.attribute(1<<0, "source", v, &e.Source)
		case "type":
			return i.attribute(1<<1, "type", v, &e.Type)
		case "data":
			e.Detail = v.compact()
			return i.once(1<<2, "data")
		case "subject":
			return i.attribute(1<<3, "subject", v, &e.Subject)
		case "time":
			return i.time(1<<4, "time", v)
		case "resources":
			return i.resources(1<<5, "resources", v, attributeString)
		case "extensions":
			return i.plainExtensions(1<<6, v)
		case "specversion":
			return i.invalid("specversion", "belongs to a CloudEvent: send it with Content-Type application/cloudevents+json")
		}
		return i.invalid(shorten(string(key)), "is not a known key: an event has source, type, data, subject, time, resources and extensions")
	})
	if err != nil {
		return Event{}, err
	}
	switch {
	case e.Source == "":
		return Event{}, i.invalid("source", reasonMissing)
	case e.Type == "":
		return Event{}, i.invalid("type", reasonMissing)
	}
	return in.accept(&i)
}

func (i *input) plainExtensions(bit uint32, v rawValue) error {
	if err := i.once(bit, "extensions"); err != nil || v.isNull() {
		return err
	}
	if v.text[0] != '{' {
		return i.invalid("extensions", "must be an object")
	}
	s := scanner{data: v.text}
	return s.object(0, func(key []byte, v rawValue) error {
		return i.extension("extensions.", key, v)
	})
}
