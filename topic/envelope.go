package topic

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/signalbox-mq/signalbox/queue"
)

// timestampLayout is how SNS writes times.
const timestampLayout = "2006-01-02T15:04:05.000Z"

// envelope is a message as SNS wraps it, but for the UUID of the subscription in its UnsubscribeURL: the members, their order
// and the white space are AWS's.
type envelope struct{ head, tail []byte }

// of returns the whole of it for one subscription.
func (e *envelope) of(uuid string) []byte {
	dst := make([]byte, 0, len(e.head)+len(uuid)+len(e.tail))
	return append(append(append(dst, e.head...), uuid...), e.tail...)
}

// unsubscribeURL is the URL but for the subscription's UUID at its end.
func unsubscribeURL(publicURL, topicARN string) string {
	return publicURL + "/?Action=Unsubscribe&SubscriptionArn=" + topicARN + ":"
}

// newEnvelope wraps a message; the body, which must be UTF-8, may be a variant of its own. sign is nil for what is not signed.
func newEnvelope(id, topicARN, publicURL, timestamp string, m *Message, body []byte, sequence string, sign *signature) envelope {
	w := envelopeWriter{dst: make([]byte, 0, 1024+len(body)+len(body)/8)}
	w.member("Type", typeNotification)
	w.member("MessageId", id)
	if sequence != "" {
		w.member("SequenceNumber", sequence)
	}
	w.member("TopicArn", topicARN)
	if m.Subject != "" {
		w.member("Subject", m.Subject)
	}
	w.member("Message", string(body))
	w.member("Timestamp", timestamp)
	w.signature(sign)
	w.member("UnsubscribeURL", unsubscribeURL(publicURL, topicARN))
	w.dst = w.dst[:len(w.dst)-1] // its quote comes after the UUID
	tail := envelopeWriter{dst: []byte{'"'}}
	if m.replayed {
		tail.raw("Replayed", "true")
	}
	if len(m.Attributes) > 0 {
		tail.raw("MessageAttributes", "{\n")
		for i := range m.Attributes {
			if i > 0 {
				tail.dst = append(tail.dst, ",\n"...)
			}
			tail.dst = append(tail.dst, "    "...)
			tail.dst = appendJSONString(tail.dst, m.Attributes[i].Name)
			tail.dst = append(tail.dst, " : "...)
			tail.dst = appendAttributeValue(tail.dst, &m.Attributes[i])
		}
		tail.dst = append(tail.dst, "\n  }"...)
	}
	return envelope{head: w.dst, tail: append(tail.dst, "\n}"...)}
}

// envelopeWriter writes the members of an envelope. The first begins it if the name is Type.
type envelopeWriter struct{ dst []byte }

func (w *envelopeWriter) raw(name, value string) {
	if name == "Type" {
		w.dst = append(w.dst, "{\n  \""...)
	} else {
		w.dst = append(w.dst, ",\n  \""...)
	}
	w.dst = append(w.dst, name...)
	w.dst = append(w.dst, "\" : "...)
	w.dst = append(w.dst, value...)
}

func (w *envelopeWriter) member(name, value string) {
	w.raw(name, "")
	w.dst = appendJSONString(w.dst, value)
}

func (w *envelopeWriter) signature(s *signature) {
	if s == nil {
		return
	}
	w.member("SignatureVersion", s.version)
	w.member("Signature", s.text)
	w.member("SigningCertURL", s.certificate)
}

func (w *envelopeWriter) end() []byte { return append(w.dst, "\n}"...) }

// rendition is what subscriptions with the same body get, each form made once, when first needed.
type rendition struct {
	body []byte

	signed   *signature
	envelope *envelope // with the signature
	unsigned *envelope
	event    []byte
	text     bool // of the event
}

// rendition returns what the subscriptions of a protocol get.
func (o *outgoing) rendition(protocol string) *rendition {
	body, own := o.message.Variants[protocol]
	if !own {
		if o.plain == nil {
			o.plain = &rendition{body: o.message.Body}
		}
		return o.plain
	}
	r := o.variants[protocol]
	if r == nil {
		r = &rendition{body: body}
		if o.variants == nil {
			o.variants = map[string]*rendition{}
		}
		o.variants[protocol] = r
	}
	return r
}

// signs says whether what subscriptions of a protocol get has a signature.
func (o *outgoing) signs(protocol string) bool {
	return !o.topic.def.FIFO && (!o.topics.SignHTTPOnly || protocol == ProtocolHTTP || protocol == ProtocolHTTPS)
}

// signature signs a message for the subscriptions of a protocol; nil if those get none.
func (o *outgoing) signature(ctx context.Context, r *rendition, protocol string) (*signature, error) {
	if !o.signs(protocol) {
		return nil, nil
	}
	if r.signed != nil {
		return r.signed, nil
	}
	text := make([]byte, 0, len(r.body)+512)
	member := func(name, value string) {
		text = append(append(append(append(text, name...), '\n'), value...), '\n')
	}
	text = append(append(append(text, "Message\n"...), r.body...), '\n')
	member("MessageId", o.id)
	if o.message.Subject != "" {
		member("Subject", o.message.Subject)
	}
	member("Timestamp", o.timestamp())
	member("TopicArn", o.topic.arn)
	member("Type", typeNotification)
	var err error
	r.signed, err = o.topics.sign(ctx, o.topic, text)
	return r.signed, err
}

func (o *outgoing) timestamp() string { return o.now.UTC().Format(timestampLayout) }

// enveloped is a message as SNS wraps it for one subscription; nil if it is no text.
func (o *outgoing) enveloped(ctx context.Context, s *subscription) ([]byte, error) {
	protocol := s.protocol()
	r := o.rendition(protocol)
	form := &r.envelope
	if !o.signs(protocol) {
		form = &r.unsigned
	}
	if *form == nil {
		if !utf8.Valid(r.body) {
			return nil, nil
		}
		signed, err := o.signature(ctx, r, protocol)
		if err != nil {
			return nil, err
		}
		made := newEnvelope(o.id, o.topic.arn, o.topics.publicURL(), o.timestamp(), o.message, r.body, o.sequence, signed)
		*form = &made
	}
	return (*form).of(s.uuid), nil
}

// wrapped is what a queue or URL gets: the body, with the attributes beside it if it is raw. What can not be wrapped is an
// undeliverableError.
func (o *outgoing) wrapped(ctx context.Context, s *subscription) ([]byte, []queue.Attribute, error) {
	if s.raw {
		return o.rendition(s.protocol()).body, o.message.Attributes, nil
	}
	body, err := o.enveloped(ctx, s)
	if err == nil && body == nil {
		err = undeliverable("INVALID_PARAMETER", "%s: the message is not UTF-8, which the SNS envelope needs; subscribe with raw: true", s.label())
	}
	return body, nil, err
}

// appendAttributes appends attributes as a JSON object, in the form that SNS gives them, without white space.
func appendAttributes(dst []byte, attrs []queue.Attribute) []byte {
	dst = append(dst, '{')
	for i := range attrs {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendJSONString(dst, attrs[i].Name)
		dst = append(dst, ':')
		dst = appendAttributeValue(dst, &attrs[i])
	}
	return append(dst, '}')
}

func appendAttributeValue(dst []byte, a *queue.Attribute) []byte {
	dst = append(dst, `{"Type":`...)
	dst = appendJSONString(dst, a.Type)
	dst = append(dst, `,"Value":`...)
	dst = appendJSONString(dst, attributeText(a))
	return append(dst, '}')
}

// attributeText is an attribute's value as text: base64 for a binary one.
func attributeText(a *queue.Attribute) string {
	if base, _, _ := strings.Cut(a.Type, "."); base == "Binary" {
		return base64.StdEncoding.EncodeToString(a.Value)
	}
	return string(a.Value)
}

// appendJSONString appends s as a JSON string that stays readable: <, > and & are not escaped. What is no UTF-8 becomes
// U+FFFD.
func appendJSONString(dst []byte, s string) []byte {
	if plainJSON(s) {
		return append(append(append(dst, '"'), s...), '"')
	}
	b := bytes.NewBuffer(dst)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always can be, and a buffer takes all
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// plainJSON says whether each byte of s stands for itself in a JSON string.
func plainJSON(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
