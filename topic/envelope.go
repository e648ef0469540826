package topic

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// timestampLayout is how SNS writes times.
const timestampLayout = "2006-01-02T15:04:05.000Z"

// appendEnvelope appends a message as SNS wraps it for a queue without raw delivery: the members, their order and the white
// space are AWS's. Signature, SignatureVersion, SigningCertURL and UnsubscribeURL are left out, as there is nothing yet that
// signs. The body must be UTF-8.
func appendEnvelope(dst []byte, id, topicARN string, m *Message, at time.Time) []byte {
	member := func(name, value string) {
		dst = append(dst, "  \""...)
		dst = append(dst, name...)
		dst = append(dst, "\" : "...)
		dst = appendJSONString(dst, value)
	}
	dst = append(dst, "{\n"...)
	member("Type", "Notification")
	dst = append(dst, ",\n"...)
	member("MessageId", id)
	dst = append(dst, ",\n"...)
	member("TopicArn", topicARN)
	if m.Subject != "" {
		dst = append(dst, ",\n"...)
		member("Subject", m.Subject)
	}
	dst = append(dst, ",\n"...)
	member("Message", string(m.Body))
	dst = append(dst, ",\n"...)
	member("Timestamp", at.UTC().Format(timestampLayout))
	if len(m.Attributes) > 0 {
		dst = append(dst, ",\n  \"MessageAttributes\" : {\n"...)
		for i := range m.Attributes {
			if i > 0 {
				dst = append(dst, ",\n"...)
			}
			dst = append(dst, "    "...)
			dst = appendJSONString(dst, m.Attributes[i].Name)
			dst = append(dst, " : "...)
			dst = appendAttributeValue(dst, &m.Attributes[i])
		}
		dst = append(dst, "\n  }"...)
	}
	return append(dst, "\n}"...)
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
	b := bytes.NewBuffer(dst)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always can be, and a buffer takes all
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
