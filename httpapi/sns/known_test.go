package sns_test

import (
	"testing"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi/awstest"
	"github.com/signalbox-mq/signalbox/httpapi/sns"
)

// knownErrors are the errors that the API may answer, by the model of SNS and recorded answers. Every answer of every test is held
// against them.
func knownErrors() []awstest.Known {
	all := awstest.FrameworkErrors((&sns.API{}).Service())
	for code, status := range map[string]int{
		"InvalidParameter": 400, "NotFound": 404, "ResourceNotFound": 404, "AuthorizationError": 403, "InvalidState": 400, "TagLimitExceeded": 400,
		"BatchEntryIdsNotDistinct": 400, "BatchRequestTooLong": 400, "EmptyBatchRequest": 400, "InvalidBatchEntryId": 400, "TooManyEntriesInBatchRequest": 400,
	} {
		all = append(all, awstest.Modelled(code+"Exception", code, status))
	}
	return append(all, awstest.Modelled("InvalidParameterValueException", "ParameterValueInvalid", 400))
}

// TestErrorsAreKnown finds every error in the source.
func TestErrorsAreKnown(t *testing.T) {
	t.Parallel()
	awstest.CheckSource(t, knownErrors(), 12)
}

func TestReference(t *testing.T) {
	t.Parallel()
	awstest.CheckReference(t, "sns", sns.WriteReference, knownErrors())
}
