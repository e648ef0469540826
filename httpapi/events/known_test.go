package events_test

import (
	"testing"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi/awstest"
	"github.com/signalbox-mq/signalbox/httpapi/events"
)

// knownErrors are the errors that the API may answer, by the model of EventBridge and recorded answers. Every answer of every test
// is held against them.
func knownErrors() []awstest.Known {
	all := awstest.FrameworkErrors((&events.API{}).Service())
	for _, name := range []string{
		"ResourceNotFoundException", "ResourceAlreadyExistsException", "LimitExceededException", "ConcurrentModificationException", "InvalidEventPatternException",
		"IllegalStatusException", "ManagedRuleException", "PolicyLengthExceededException", "AccessDeniedException",
	} {
		all = append(all, awstest.Modelled(name, name, 400))
	}
	return all
}

// TestErrorsAreKnown finds every error in the source.
func TestErrorsAreKnown(t *testing.T) {
	t.Parallel()
	// Of entries of PutEvents.
	entries := append(knownErrors(), awstest.Framework("InvalidArgument", "InvalidArgument", 200), awstest.Framework("MalformedDetail", "MalformedDetail", 200),
		awstest.Framework("NotAuthorizedForSourceException", "", 200), awstest.Framework("ThrottlingException", "", 200))
	awstest.CheckSource(t, entries, 12)
}

func TestReference(t *testing.T) {
	t.Parallel()
	awstest.CheckReference(t, "eventbridge", events.WriteReference, knownErrors())
}
