package sqs

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue"
)

// Limits of messages.
const (
	maxAttributes    = 10
	maxAttributeName = 256
	maxAttributeType = 256
	traceHeader      = "AWSTraceHeader"
	// maxTraceHeader is ours: it does not count toward the size of a message, and AWS says no limit.
	maxTraceHeader = 1024
)

// messageAttributes checks the attributes that a sender gave a message.
func messageAttributes(given []attributeValue) ([]queue.Attribute, *awsapi.Error) {
	if len(given) == 0 {
		return nil, nil
	}
	if len(given) > maxAttributes {
		return nil, awsapi.InvalidParameterValue("Number of message attributes [%d] exceeds the allowed maximum [%d].", len(given), maxAttributes)
	}
	attrs := make([]queue.Attribute, len(given))
	for i := range given {
		g := &given[i]
		if e := checkAttributeName(g.Name); e != nil {
			return nil, e
		}
		value, e := attributeBytes(g, "user")
		if e != nil {
			return nil, e
		}
		for k := range i {
			if given[k].Name == g.Name {
				return nil, awsapi.InvalidParameterValue("Message (user) attribute '%s' is given twice.", g.Name)
			}
		}
		attrs[i] = queue.Attribute{Name: g.Name, Type: g.DataType, Value: value}
	}
	return attrs, nil
}

// systemAttributes checks the system attributes that a sender gave a message. There is one.
func systemAttributes(given []attributeValue) ([]queue.Attribute, *awsapi.Error) {
	var attrs []queue.Attribute
	for i := range given {
		g := &given[i]
		if g.Name != traceHeader || i > 0 {
			return nil, awsapi.InvalidParameterValue("Message system attribute name '%s' is invalid.", awsapi.Clip(g.Name))
		}
		value, e := attributeBytes(g, "system")
		if e != nil {
			return nil, e
		}
		if g.DataType != "String" {
			return nil, awsapi.InvalidParameterValue("Message (system) attribute '%s' must have type 'String'.", traceHeader)
		}
		if len(value) > maxTraceHeader {
			return nil, awsapi.InvalidParameterValue("Message (system) attribute '%s' must not be longer than %d bytes.", traceHeader, maxTraceHeader)
		}
		attrs = append(attrs, queue.Attribute{Name: g.Name, Type: g.DataType, Value: value})
	}
	return attrs, nil
}

func checkAttributeName(name string) *awsapi.Error {
	lower := strings.ToLower(name[:min(len(name), len("amazon."))])
	switch {
	case name == "" || len(name) > maxAttributeName:
		return awsapi.InvalidParameterValue("Message (user) attribute name must be between 1 and %d characters long.", maxAttributeName)
	case strings.HasPrefix(lower, "aws.") || strings.HasPrefix(lower, "amazon."):
		return awsapi.InvalidParameterValue("Message (user) attribute names starting with 'AWS.' or 'Amazon.' are reserved for use by Amazon.")
	case name[0] == '.' || name[len(name)-1] == '.' || strings.Contains(name, ".."):
		return awsapi.InvalidParameterValue("Message (user) attribute name '%s' can not start or end with a dot, or have two in a row.", name)
	case strings.IndexFunc(name, notAttributeNameRune) >= 0:
		return awsapi.InvalidParameterValue("Invalid message (user) attribute name '%s': it can contain letters, digits, underscores, hyphens and dots.", name)
	}
	return nil
}

func notAttributeNameRune(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-' && r != '.'
}

// attributeBytes is the value of an attribute, which its type must fit.
func attributeBytes(g *attributeValue, kind string) ([]byte, *awsapi.Error) {
	base := baseType(g.DataType)
	fault := func(format string, args ...any) *awsapi.Error {
		return awsapi.InvalidParameterValue("Message (%s) attribute '%s' %s", kind, awsapi.Clip(g.Name), fmt.Sprintf(format, args...))
	}
	switch {
	case len(g.StringListValues) > 0 || len(g.BinaryListValues) > 0:
		return nil, unsupportedOperation("Message attribute list values in SendMessage operation are not supported.")
	case g.DataType == "":
		return nil, fault("must contain a non-empty attribute type.")
	case len(g.DataType) > maxAttributeType:
		return nil, fault("has a type longer than %d bytes.", maxAttributeType)
	case base != "String" && base != "Number" && base != "Binary":
		return nil, fault("has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.")
	case !allowed([]byte(g.DataType)):
		return nil, fault("has a type with invalid characters.")
	case base == "Binary" && len(g.BinaryValue) == 0, base != "Binary" && len(g.StringValue) == 0:
		return nil, fault("must contain a non-empty value of type '%s'.", base)
	case base == "Binary":
		return g.BinaryValue, nil
	case !allowed(g.StringValue):
		return nil, fault("has a value with invalid characters. %s", validCharacters)
	case base == "Number" && !isNumber(string(g.StringValue)):
		return nil, awsapi.InvalidParameterValue("Can't cast the value of message (%s) attribute '%s' to a number.", kind, awsapi.Clip(g.Name))
	}
	return g.StringValue, nil
}

const validCharacters = "Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF."

// isNumber says whether text is a number as SQS takes it: a decimal one of up to 38 significant digits, between 10^-128 and
// 10^126 in size, or zero.
func isNumber(text string) bool {
	if len(text) > 256 {
		return false
	}
	mantissa := text
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		mantissa = text[:i]
	}
	mantissa = strings.TrimLeft(mantissa, "+-")
	digits := strings.Trim(strings.Replace(mantissa, ".", "", 1), "0")
	if len(digits) > 38 || strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }) >= 0 {
		return false
	}
	f, err := strconv.ParseFloat(text, 64)
	if digits == "" {
		return err == nil // zero; what is only too small has digits
	}
	return err == nil && math.Abs(f) >= 1e-128 && math.Abs(f) <= 1e126
}

// messageSize is what counts toward the limits of a message, in bytes: the body, and each attribute's name, type and value.
func messageSize(m *outgoing) int {
	n := len(m.Body)
	for i := range m.Attributes {
		a := &m.Attributes[i]
		n += len(a.Name) + len(a.DataType) + len(a.StringValue) + len(a.BinaryValue)
	}
	return n
}
