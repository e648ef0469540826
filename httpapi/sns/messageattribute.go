package sns

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue"
)

// maxAttributeName is in bytes.
const maxAttributeName = 256

// messageAttributes checks the attributes that a publisher gave a message. How many there may be, and of which characters they
// are, is the topic's business.
func messageAttributes(given []attributeValue) ([]queue.Attribute, *awsapi.Error) {
	if len(given) == 0 {
		return nil, nil
	}
	attrs := make([]queue.Attribute, len(given))
	for i := range given {
		g := &given[i]
		if e := checkAttributeName(g.Name); e != nil {
			return nil, e
		}
		value, e := attributeBytes(g)
		if e != nil {
			return nil, e
		}
		for k := range i {
			if given[k].Name == g.Name {
				return nil, parameterValueInvalid("The message attribute '" + g.Name + "' is given twice.")
			}
		}
		attrs[i] = queue.Attribute{Name: g.Name, Type: g.DataType, Value: value}
	}
	return attrs, nil
}

func checkAttributeName(name string) *awsapi.Error {
	switch {
	case name == "":
		return parameterValueInvalid("Length of message attribute name must be greater than 0 bytes.")
	case len(name) > maxAttributeName:
		return parameterValueInvalid("Length of message attribute name must be less than 256 bytes.")
	case name[0] == '.':
		return parameterValueInvalid("Invalid message attribute name starting with character '.' was found.")
	case name[len(name)-1] == '.':
		return parameterValueInvalid("Invalid message attribute name ending with character '.' was found.")
	}
	last := rune(0)
	for _, r := range name {
		if !attributeNameRune(r) {
			return parameterValueInvalid(fmt.Sprintf("Invalid non-alphanumeric character '#x%X' was found in the message attribute name. Can only include alphanumeric characters, hyphens, underscores, or dots.", r))
		}
		if r == '.' && last == '.' {
			return parameterValueInvalid("Message attribute name can not have successive '.' character.")
		}
		last = r
	}
	lower := strings.ToLower(name)
	if strings.HasPrefix(lower, "aws.") || strings.HasPrefix(lower, "amazon.") {
		return parameterValueInvalid("Message attribute names starting with 'AWS.' or 'Amazon.' are reserved for use by Amazon.")
	}
	return nil
}

func attributeNameRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' || r == '.'
}

// attributeBytes is the value of an attribute, which its type must fit.
func attributeBytes(g *attributeValue) ([]byte, *awsapi.Error) {
	base, _, _ := strings.Cut(g.DataType, ".")
	empty := func() *awsapi.Error {
		return parameterValueInvalid(fmt.Sprintf("The message attribute '%s' must contain non-empty message attribute value for message attribute type '%s'.", g.Name, awsapi.Clip(g.DataType)))
	}
	wrongField := func(field string) *awsapi.Error {
		return parameterValueInvalid(fmt.Sprintf("The message attribute '%s' with type '%s' must use field '%s'.", g.Name, awsapi.Clip(g.DataType), field))
	}
	switch {
	case base != "String" && base != "Number" && base != "Binary":
		return nil, parameterValueInvalid("The message attribute '" + g.Name + "' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.")
	case g.StringValue == nil && g.BinaryValue == nil:
		return nil, empty()
	case base == "Binary" && g.BinaryValue == nil:
		return nil, wrongField("Binary")
	case base == "Binary" && len(g.BinaryValue) == 0:
		return nil, empty()
	case base == "Binary":
		return g.BinaryValue, nil
	case g.StringValue == nil:
		return nil, wrongField("String")
	case len(g.StringValue) == 0:
		return nil, empty()
	case base == "Number" && !isNumber(string(g.StringValue)):
		return nil, parameterValueInvalid("Could not cast message attribute '" + g.Name + "' value to number.")
	}
	return g.StringValue, nil
}

// isNumber says whether text is a decimal number, of whatever size and precision.
func isNumber(text string) bool {
	_, err := strconv.ParseFloat(text, 64)
	return (err == nil || errors.Is(err, strconv.ErrRange)) && strings.Trim(text, "0123456789+-.eE") == ""
}
