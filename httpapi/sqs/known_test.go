package sqs_test

import (
	"testing"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi/awstest"
	"github.com/signalbox-mq/signalbox/httpapi/sqs"
)

// knownErrors are the errors that the API may answer, by the documentation of SQS and recorded answers. Every answer of every test
// is held against them.
func knownErrors() []awstest.Known {
	all := awstest.FrameworkErrors((&sqs.API{}).Service())
	for name, status := range map[string]int{
		"QueueDeletedRecently": 400, "PurgeQueueInProgress": 403, "BatchEntryIdsNotDistinct": 400, "BatchRequestTooLong": 400, "EmptyBatchRequest": 400,
		"InvalidBatchEntryId": 400, "TooManyEntriesInBatchRequest": 400, "UnsupportedOperation": 400,
	} {
		all = append(all, awstest.Modelled(name, "AWS.SimpleQueueService."+name, status))
	}
	for name, status := range map[string]int{
		"ReceiptHandleIsInvalid": 400, "InvalidAttributeName": 400, "InvalidAttributeValue": 400, "InvalidMessageContents": 400, "OverLimit": 403,
		"ResourceNotFoundException": 404, "InvalidAddress": 404,
	} {
		all = append(all, awstest.Modelled(name, name, status))
	}
	return append(all, awstest.Modelled("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", 400), awstest.Modelled("QueueNameExists", "QueueAlreadyExists", 400))
}

// TestErrorsAreKnown finds every error in the source.
func TestErrorsAreKnown(t *testing.T) {
	t.Parallel()
	awstest.CheckSource(t, knownErrors(), 15)
}

func TestReference(t *testing.T) {
	t.Parallel()
	awstest.CheckReference(t, "sqs", sqs.WriteReference, knownErrors())
}
