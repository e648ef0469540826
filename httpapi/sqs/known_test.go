package sqs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// known is an error that clients know.
type known struct {
	// name is that in JSON, without its name space.
	name, code string
	status     int
	// framework says that it is in no service's model.
	framework bool
}

// knownErrors are the errors that the API may answer, by the documentation of SQS and recorded answers. Every answer of every test
// is held against them.
func knownErrors() []known {
	const legacy = "AWS.SimpleQueueService."
	return []known{
		{"QueueDoesNotExist", legacy + "NonExistentQueue", 400, false},
		{"QueueNameExists", "QueueAlreadyExists", 400, false},
		{"QueueDeletedRecently", legacy + "QueueDeletedRecently", 400, false},
		{"PurgeQueueInProgress", legacy + "PurgeQueueInProgress", 403, false},
		{"BatchEntryIdsNotDistinct", legacy + "BatchEntryIdsNotDistinct", 400, false},
		{"BatchRequestTooLong", legacy + "BatchRequestTooLong", 400, false},
		{"EmptyBatchRequest", legacy + "EmptyBatchRequest", 400, false},
		{"InvalidBatchEntryId", legacy + "InvalidBatchEntryId", 400, false},
		{"TooManyEntriesInBatchRequest", legacy + "TooManyEntriesInBatchRequest", 400, false},
		{"UnsupportedOperation", legacy + "UnsupportedOperation", 400, false},
		{"ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", 400, false},
		{"InvalidAttributeName", "InvalidAttributeName", 400, false},
		{"InvalidAttributeValue", "InvalidAttributeValue", 400, false},
		{"InvalidMessageContents", "InvalidMessageContents", 400, false},
		{"OverLimit", "OverLimit", 403, false},
		{"ResourceNotFoundException", "ResourceNotFoundException", 404, false},
		{"InvalidAddress", "InvalidAddress", 404, false},
		{"InvalidParameterValueException", "InvalidParameterValue", 400, true},
		{"MissingRequiredParameterException", "MissingParameter", 400, true},
		{"SerializationException", "MalformedInput", 400, true},
		{"UnknownOperationException", "InvalidAction", 404, true},
		{"InvalidAction", "InvalidAction", 400, true},
		{"MissingAction", "MissingAction", 400, true},
		{"RequestTimeout", "RequestTimeout", 408, true},
		{"RequestEntityTooLarge", "RequestEntityTooLarge", 413, true},
		{"UnsupportedMediaType", "UnsupportedMediaType", 415, true},
		{"InternalFailure", "InternalFailure", 500, true},
		{"ServiceUnavailable", "ServiceUnavailable", 503, true},
	}
}

// checkError holds an error against what is known.
func (a *answer) checkError() {
	a.tb.Helper()
	namespace, name, _ := strings.Cut(a.shape, "#")
	for _, k := range knownErrors() {
		if a.shape != "" && (k.name != name || (namespace == "com.amazon.coral.service") != k.framework) {
			continue
		}
		if a.code == "" && k.status == a.status {
			return // nobody knows of which service
		}
		if k.code == a.code && k.status == a.status && a.sender == (a.status < 500) {
			return
		}
	}
	a.tb.Errorf("answered the error %q, code %q, status %d, sender's fault %v, which is not one that clients know", a.shape, a.code, a.status, a.sender)
}

// TestErrorsAreKnown finds every error in the source.
func TestErrorsAreKnown(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`(?:\bShape: |\bmodelled\()"(\w+)"`)
	found := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range names.FindAllStringSubmatch(string(source), -1) {
			found++
			if !isKnown(m[1]) {
				t.Errorf("%s has the error %s, which is not one that clients know", file, m[1])
			}
		}
	}
	if found < 15 {
		t.Errorf("only %d errors were found", found)
	}
}

func isKnown(name string) bool {
	return slices.ContainsFunc(knownErrors(), func(k known) bool { return k.name == name })
}
