package sqs

import (
	"fmt"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
)

const maxBatch = 10

// checkBatch refuses a batch of which the number of entries or the ids are not acceptable.
func checkBatch(entry string, n int, id func(i int) string) error {
	switch {
	case n == 0:
		return modelled("EmptyBatchRequest", "There should be at least one "+entry+" in the request.")
	case n > maxBatch:
		return modelled("TooManyEntriesInBatchRequest", fmt.Sprintf("Maximum number of entries per request are %d. You have sent %d.", maxBatch, n))
	}
	for i := range n {
		if !isLabel(id(i)) {
			return modelled("InvalidBatchEntryId", "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.")
		}
		for k := range i {
			if id(k) == id(i) {
				return modelled("BatchEntryIdsNotDistinct", "Id "+id(i)+" repeated.")
			}
		}
	}
	return nil
}

// isLabel says whether s is 1 to 80 letters, digits, hyphens and underscores.
func isLabel(s string) bool { return len(s) <= 80 && awsapi.IsLabel(s) }

// failed tells why an entry failed.
func failed(id string, e *awsapi.Error) failedEntry {
	return failedEntry{ID: id, SenderFault: e.Sender(), Code: e.QueryCode(), Message: e.Message}
}
