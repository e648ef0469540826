package sqs_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi/awstest"
)

// refusal is a request that has to fail, and how: with the error of that name in JSON, whose code in Query is that of
// knownErrors.
type refusal struct {
	operation, input string
	name, message    string
}

const (
	invalidParameter = "InvalidParameterValueException"
	missingParameter = "MissingRequiredParameterException"
)

// refuse tries all of them over both protocols.
func refuse(t *testing.T, rows []refusal, prepare func(e *env)) {
	t.Helper()
	both(t, func(t *testing.T, e *env, p awstest.Protocol) {
		prepare(e)
		for _, row := range rows {
			e.client.Over(p).Refuse(row.operation, row.input, row.name, row.message)
		}
	})
}

// outOf is the text of a number that is outside a range.
func outOf(value, parameter, reason string) string {
	return "Value " + value + " for parameter " + parameter + " is invalid. Reason: " + reason
}

func TestConstraintsOfReceiving(t *testing.T) {
	t.Parallel()
	receive := func(member string) string { return `{"QueueUrl":"q",` + member + `}` }
	const attempt = "ReceiveRequestAttemptId can only include alphanumeric and punctuation characters. 1 to 128 in length."
	long := strings.Repeat("a", 129)
	refuse(t, []refusal{
		{"ReceiveMessage", receive(`"MaxNumberOfMessages":0`), invalidParameter, outOf("0", "MaxNumberOfMessages", "Must be between 1 and 10, if provided.")},
		{"ReceiveMessage", receive(`"MaxNumberOfMessages":11`), invalidParameter, outOf("11", "MaxNumberOfMessages", "Must be between 1 and 10, if provided.")},
		{"ReceiveMessage", receive(`"MaxNumberOfMessages":-9223372036854775808`), invalidParameter, outOf("-9223372036854775808", "MaxNumberOfMessages", "Must be between 1 and 10, if provided.")},
		{"ReceiveMessage", receive(`"WaitTimeSeconds":21`), invalidParameter, outOf("21", "WaitTimeSeconds", "Must be >= 0 and <= 20, if provided.")},
		{"ReceiveMessage", receive(`"WaitTimeSeconds":-1`), invalidParameter, outOf("-1", "WaitTimeSeconds", "Must be >= 0 and <= 20, if provided.")},
		{"ReceiveMessage", receive(`"VisibilityTimeout":-1`), invalidParameter, outOf("-1", "VisibilityTimeout", "Must be >= 0 and <= 43200, if provided.")},
		{"ReceiveMessage", receive(`"VisibilityTimeout":43201`), invalidParameter, outOf("43201", "VisibilityTimeout", "Must be >= 0 and <= 43200, if provided.")},
		{"ReceiveMessage", receive(`"ReceiveRequestAttemptId":"a b"`), invalidParameter, outOf("a b", "ReceiveRequestAttemptId", attempt)},
		{"ReceiveMessage", receive(`"ReceiveRequestAttemptId":"` + long + `"`), invalidParameter, outOf(long, "ReceiveRequestAttemptId", attempt)},
		{"ReceiveMessage", receive(`"AttributeNames":["Colour"]`), "InvalidAttributeName", "Unknown Attribute Colour."},
		{"ReceiveMessage", receive(`"MessageSystemAttributeNames":["all"]`), "InvalidAttributeName", "Unknown Attribute all."},
		{"ChangeMessageVisibility", `{"QueueUrl":"q","ReceiptHandle":"h","VisibilityTimeout":-1}`, invalidParameter, outOf("-1", "VisibilityTimeout", "Must be >= 0 and <= 43200, if provided.")},
		{"ChangeMessageVisibility", `{"QueueUrl":"q","ReceiptHandle":"h","VisibilityTimeout":43201}`, invalidParameter, outOf("43201", "VisibilityTimeout", "Must be >= 0 and <= 43200, if provided.")},
		{"ChangeMessageVisibility", `{"QueueUrl":"q","ReceiptHandle":"h","VisibilityTimeout":1}`, "ReceiptHandleIsInvalid", `The input receipt handle "h" is not a valid receipt handle.`},
		{"DeleteMessage", `{"QueueUrl":"q","ReceiptHandle":"h"}`, "ReceiptHandleIsInvalid", `The input receipt handle "h" is not a valid receipt handle.`},
	}, func(e *env) { e.create("q") })
}

func TestConstraintsOfLists(t *testing.T) {
	t.Parallel()
	const range1000 = "Must be between 1 and 1000, if provided."
	refuse(t, []refusal{
		{"ListQueues", `{"MaxResults":0}`, invalidParameter, outOf("0", "MaxResults", range1000)},
		{"ListQueues", `{"MaxResults":1001}`, invalidParameter, outOf("1001", "MaxResults", range1000)},
		{"ListQueues", `{"NextToken":"*"}`, invalidParameter, "Invalid or expired next token."},
		{"ListDeadLetterSourceQueues", `{"QueueUrl":"q","MaxResults":0}`, invalidParameter, outOf("0", "MaxResults", range1000)},
		{"ListDeadLetterSourceQueues", `{"QueueUrl":"q","NextToken":"*"}`, invalidParameter, "Invalid or expired next token."},
		{"ListMessageMoveTasks", `{"SourceArn":"` + arn("q") + `","MaxResults":0}`, invalidParameter, outOf("0", "MaxResults", "Must be between 1 and 10, if provided.")},
		{"ListMessageMoveTasks", `{"SourceArn":"` + arn("q") + `","MaxResults":11}`, invalidParameter, outOf("11", "MaxResults", "Must be between 1 and 10, if provided.")},
	}, func(e *env) { e.create("q") })
}

func arn(name string) string { return "arn:aws:sqs:" + region + ":" + account + ":" + name }

func TestConstraintsOfMoveTasks(t *testing.T) {
	t.Parallel()
	const (
		noSource      = "The resource that you specified for the SourceArn parameter doesn't exist."
		noDestination = "The resource that you specified for the DestinationArn parameter doesn't exist."
		rate          = "Must be between 1 and 500, if provided."
		badHandle     = "Value for parameter TaskHandle is invalid."
	)
	refuse(t, []refusal{
		{"StartMessageMoveTask", `{"SourceArn":"` + arn("q") + `","MaxNumberOfMessagesPerSecond":0}`, invalidParameter, outOf("0", "MaxNumberOfMessagesPerSecond", rate)},
		{"StartMessageMoveTask", `{"SourceArn":"` + arn("q") + `","MaxNumberOfMessagesPerSecond":501}`, invalidParameter, outOf("501", "MaxNumberOfMessagesPerSecond", rate)},
		{"StartMessageMoveTask", `{"SourceArn":"` + arn("none") + `"}`, "ResourceNotFoundException", noSource},
		{"StartMessageMoveTask", `{"SourceArn":"q"}`, "ResourceNotFoundException", noSource},
		{"StartMessageMoveTask", `{"SourceArn":"arn:aws:sns:us-east-1:000000000000:q"}`, "ResourceNotFoundException", noSource},
		{"StartMessageMoveTask", `{"SourceArn":"` + arn("q") + `","DestinationArn":"` + arn("none") + `"}`, "ResourceNotFoundException", noDestination},
		{"ListMessageMoveTasks", `{"SourceArn":"` + arn("none") + `"}`, "ResourceNotFoundException", noSource},
		{"CancelMessageMoveTask", `{"TaskHandle":"x"}`, invalidParameter, badHandle},
		{"CancelMessageMoveTask", `{"TaskHandle":"eyJ0YXNrSWQiOiIifQ=="}`, invalidParameter, badHandle},
		{"CancelMessageMoveTask", `{"TaskHandle":"bnVsbA=="}`, invalidParameter, badHandle},
	}, func(e *env) { e.create("q") })
}

// TestNoSuchQueue calls every operation on a queue that there is not.
func TestNoSuchQueue(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env, p awstest.Protocol) {
		text := "The specified queue does not exist."
		if p == overQuery {
			text = "The specified queue does not exist for this wsdl version."
		}
		for name, input := range examples() {
			if !strings.Contains(input, `"QueueUrl":"q"`) {
				continue
			}
			e.call(p, name, input).Is(name, "QueueDoesNotExist", text)
			e.call(p, name, strings.Replace(input, `"QueueUrl":"q"`, `"QueueUrl":"http://elsewhere/x/q"`, 1)).
				Is(name, "InvalidAddress", "The address http://elsewhere/x/q is not valid for this endpoint.")
		}
		e.call(p, "GetQueueUrl", `{"QueueName":"q"}`).Is("GetQueueUrl", "QueueDoesNotExist", text)
		e.call(p, "GetQueueUrl", `{"QueueName":"q","QueueOwnerAWSAccountId":"1"}`).
			Is("GetQueueUrl", invalidParameter, outOf("1", "QueueOwnerAWSAccountId", "Must be an account id of 12 digits."))
	})
}

func TestConstraintsOfBatches(t *testing.T) {
	t.Parallel()
	const badID = "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long."
	entries := func(of string, ids ...string) string {
		all := make([]string, len(ids))
		for i, id := range ids {
			all[i] = `{"Id":"` + id + `",` + of + `}`
		}
		return `{"QueueUrl":"q","Entries":[` + strings.Join(all, ",") + `]}`
	}
	eleven := strings.Split("a b c d e f g h i j k", " ")
	var rows []refusal
	for operation, of := range map[string]string{
		"SendMessageBatch": `"MessageBody":"b"`, "DeleteMessageBatch": `"ReceiptHandle":"h"`, "ChangeMessageVisibilityBatch": `"ReceiptHandle":"h","VisibilityTimeout":1`,
	} {
		rows = append(rows,
			refusal{operation, entries(of, "a", "b", "a"), "BatchEntryIdsNotDistinct", "Id a repeated."},
			refusal{operation, entries(of, "a", "b c"), "InvalidBatchEntryId", badID},
			refusal{operation, entries(of, "a.b"), "InvalidBatchEntryId", badID},
			refusal{operation, entries(of, "é"), "InvalidBatchEntryId", badID},
			refusal{operation, entries(of, strings.Repeat("a", 81)), "InvalidBatchEntryId", badID},
			refusal{operation, entries(of, eleven...), "TooManyEntriesInBatchRequest", "Maximum number of entries per request are 10. You have sent 11."},
			refusal{operation, `{"QueueUrl":"q","Entries":[]}`, "EmptyBatchRequest", "There should be at least one " + operation + "RequestEntry in the request."},
		)
	}
	half := `"MessageBody":"` + strings.Repeat("x", 1<<19) + `"`
	rows = append(rows, refusal{
		"SendMessageBatch", entries(half, "a", "b", "c"), "BatchRequestTooLong",
		"Batch requests cannot be longer than 1048576 bytes. You have sent " + strconv.Itoa(3<<19) + " bytes.",
	}, refusal{
		"SendMessageBatch", strings.Replace(entries(`"MessageBody":"b","MessageDeduplicationId":"d"`, "a"), `"q"`, `"f.fifo"`, 1), invalidParameter,
		"The request must contain the parameter MessageGroupId.",
	})
	refuse(t, rows, func(e *env) { e.create("q", "f.fifo") })
	both(t, func(_ *testing.T, e *env, p awstest.Protocol) { // what is at the limit
		e.create("q")
		e.ok(p, "SendMessageBatch", entries(half, "a", strings.Repeat("b", 80)))
	})
}

// TestBatchEntriesFailAlone holds what fails in one entry of a batch.
func TestBatchEntriesFailAlone(t *testing.T) {
	t.Parallel()
	type result struct {
		Successful, Failed []struct {
			ID            string `json:"Id"`
			Code, Message string
			SenderFault   bool
		}
	}
	e := newEnv(t)
	e.ok(overJSON, "CreateQueue", `{"QueueName":"q","Attributes":{"MaximumMessageSize":"1024"}}`)
	big := strings.Repeat("x", 1025)
	for _, c := range []struct{ operation, entry, code, message string }{
		{"SendMessageBatch", `"MessageBody":"` + big + `"`, "InvalidParameterValue", "One or more parameters cannot be validated. Reason: Message must be shorter than 1024 bytes."},
		{"SendMessageBatch", `"MessageBody":"\u0001"`, "InvalidMessageContents", "Invalid characters found. " + validCharacters},
		{"SendMessageBatch", `"MessageBody":"b","DelaySeconds":901`, "InvalidParameterValue", outOf("901", "DelaySeconds", "DelaySeconds must be >= 0 and <= 900.")},
		{"SendMessageBatch", `"MessageBody":"b","MessageAttributes":{"a":{"StringValue":"v"}}`, "InvalidParameterValue", "Message (user) attribute 'a' must contain a non-empty attribute type."},
		{"SendMessageBatch", `"MessageBody":"b","MessageAttributes":{"a":{"DataType":"String"}}`, "InvalidParameterValue", "Message (user) attribute 'a' must contain a non-empty value of type 'String'."},
		{"DeleteMessageBatch", `"ReceiptHandle":"h"`, "ReceiptHandleIsInvalid", `The input receipt handle "h" is not a valid receipt handle.`},
		{"ChangeMessageVisibilityBatch", `"ReceiptHandle":"h","VisibilityTimeout":1`, "ReceiptHandleIsInvalid", `The input receipt handle "h" is not a valid receipt handle.`},
		{"ChangeMessageVisibilityBatch", `"ReceiptHandle":"h","VisibilityTimeout":43201`, "InvalidParameterValue", outOf("43201", "VisibilityTimeout", "Must be >= 0 and <= 43200, if provided.")},
		{"ChangeMessageVisibilityBatch", `"ReceiptHandle":"h"`, "MissingParameter", "The request must contain the parameter VisibilityTimeout."},
	} {
		good := `"MessageBody":"good"`
		if c.operation != "SendMessageBatch" {
			e.ok(overJSON, "SendMessage", `{"QueueUrl":"q","MessageBody":"m"}`)
			good = `"VisibilityTimeout":1,"ReceiptHandle":"` + e.receive(`{"QueueUrl":"q"}`)[0].ReceiptHandle + `"`
		}
		a := e.ok(overJSON, c.operation, `{"QueueUrl":"q","Entries":[{"Id":"bad",`+c.entry+`},{"Id":"good",`+good+`}]}`)
		got := awstest.Decode[result](a)
		if len(got.Successful) != 1 || got.Successful[0].ID != "good" || len(got.Failed) != 1 {
			t.Errorf("%s %s: answered %s", c.operation, awstest.Short(c.entry), a.Body)
			continue
		}
		if f := got.Failed[0]; f.ID != "bad" || f.Code != c.code || f.Message != c.message || !f.SenderFault {
			t.Errorf("%s %s: answered %+v, want %s %q", c.operation, awstest.Short(c.entry), f, c.code, c.message)
		}
		e.ok(overJSON, "PurgeQueue", `{"QueueUrl":"q"}`)
	}
}

// received is a message as a receiver has it.
type received struct {
	MessageID              string `json:"MessageId"`
	ReceiptHandle, Body    string
	MD5OfBody              string
	Attributes             map[string]string
	MD5OfMessageAttributes string
	MessageAttributes      map[string]struct{ DataType, StringValue, BinaryValue string }
}

func (e *env) receive(input string, header ...string) []received {
	e.tb.Helper()
	return awstest.Decode[struct{ Messages []received }](e.ok(overJSON, "ReceiveMessage", input, header...)).Messages
}

// TestFaultsOfTheStore are told without what they are, and logged.
func TestFaultsOfTheStore(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env, p awstest.Protocol) {
		e.create("q")
		e.store.Fail(http.ErrAbortHandler)
		a := e.call(p, "SendMessage", `{"QueueUrl":"q","MessageBody":"b"}`)
		if a.Status != 500 || a.Code != "InternalFailure" || a.Sender || strings.Contains(a.Body, "abort") {
			t.Errorf("answered %d %s", a.Status, a.Body)
		}
		if log := e.log.String(); !strings.Contains(log, `"request_id":"req-1"`) || !strings.Contains(log, "abort") {
			t.Errorf("logged %q", log)
		}
	})
}
