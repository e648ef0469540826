package sns

import (
	"fmt"
	"strings"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
)

const (
	textTrue  = "true"
	textFalse = "false"
)

// fault says what is wrong with the value of an attribute, or with the attribute.
type fault struct {
	reason string
	// whole says that the reason does not have the attribute's name before it.
	whole bool
}

// text is what comes after "Invalid parameter: ".
func (f *fault) text(attribute string) string {
	if f.whole {
		return f.reason
	}
	return attribute + ": " + f.reason
}

func faultf(format string, args ...any) *fault { return &fault{reason: fmt.Sprintf(format, args...)} }

// unknownAttribute is the fault of one that there is not, or that can not be set.
func unknownAttribute() *fault { return &fault{reason: "AttributeName", whole: true} }

func notBoolean(value string) string {
	return "Invalid value [" + awsapi.Clip(value) + "]. Must be true or false."
}

const notJSON = "failed to parse JSON."

// readBoolean reads a boolean, in any case of letters.
func readBoolean(value string) (bool, *fault) {
	switch strings.ToLower(value) {
	case textTrue:
		return true, nil
	case textFalse:
		return false, nil
	}
	return false, faultf("%s", notBoolean(value))
}

func booleanText(b bool) string {
	if b {
		return textTrue
	}
	return textFalse
}
