package sns_test

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
	// name is that which SDKs raise; code what is answered.
	name, code string
	status     int
	// framework says that it is in no service's model.
	framework bool
}

// knownErrors are the errors that the API may answer, by the model of SNS and recorded answers. Every answer of every test is held
// against them.
func knownErrors() []known {
	return []known{
		{"InvalidParameterException", "InvalidParameter", 400, false},
		{"InvalidParameterValueException", "ParameterValueInvalid", 400, false},
		{"NotFoundException", "NotFound", 404, false},
		{"ResourceNotFoundException", "ResourceNotFound", 404, false},
		{"AuthorizationErrorException", "AuthorizationError", 403, false},
		{"InvalidStateException", "InvalidState", 400, false},
		{"SubscriptionLimitExceededException", "SubscriptionLimitExceeded", 403, false},
		{"TagLimitExceededException", "TagLimitExceeded", 400, false},
		{"BatchEntryIdsNotDistinctException", "BatchEntryIdsNotDistinct", 400, false},
		{"BatchRequestTooLongException", "BatchRequestTooLong", 400, false},
		{"EmptyBatchRequestException", "EmptyBatchRequest", 400, false},
		{"InvalidBatchEntryIdException", "InvalidBatchEntryId", 400, false},
		{"TooManyEntriesInBatchRequestException", "TooManyEntriesInBatchRequest", 400, false},
		{"ValidationError", "ValidationError", 400, true},
		{"SerializationException", "MalformedInput", 400, true},
		{"InvalidAction", "InvalidAction", 400, true},
		{"MissingAction", "MissingAction", 400, true},
		{"UnsupportedOperation", "UnsupportedOperation", 400, true},
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
	for _, k := range knownErrors() {
		if k.code == a.code && k.status == a.status && a.sender == (a.status < 500) {
			return
		}
	}
	a.tb.Errorf("answered the error %q, status %d, sender's fault %v, which is not one that clients know: %s", a.code, a.status, a.sender, a.body)
}

// TestErrorsAreKnown finds every error in the source.
func TestErrorsAreKnown(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	codes := regexp.MustCompile(`(?:\bCode: |\bmodelled\()"(\w+)"`)
	found := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range codes.FindAllStringSubmatch(string(source), -1) {
			found++
			if !slices.ContainsFunc(knownErrors(), func(k known) bool { return k.code == m[1] }) {
				t.Errorf("%s has the error %s, which is not one that clients know", file, m[1])
			}
		}
	}
	if found < 12 {
		t.Errorf("only %d errors were found", found)
	}
}
