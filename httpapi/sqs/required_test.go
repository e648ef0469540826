package sqs_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi/awstest"
)

// examples has for each operation an input with every member that there is, which is valid but for what it names.
func examples() awstest.Examples {
	const (
		arn     = `"arn:aws:sqs:us-east-1:000000000000:q"`
		value   = `{"DataType":"String","StringValue":"v","BinaryValue":"dg==","StringListValues":["a"],"BinaryListValues":["dg=="]}`
		message = `"MessageBody":"b","DelaySeconds":0,"MessageAttributes":{"a":` + value + `},"MessageSystemAttributes":{"AWSTraceHeader":` + value + `},
			"MessageDeduplicationId":"d","MessageGroupId":"g"`
		page = `"NextToken":"cQ","MaxResults":1`
	)
	return awstest.Examples{
		"AddPermission":                `{"QueueUrl":"q","Label":"l","AWSAccountIds":["000000000001"],"Actions":["SendMessage"]}`,
		"CancelMessageMoveTask":        `{"TaskHandle":"h"}`,
		"ChangeMessageVisibility":      `{"QueueUrl":"q","ReceiptHandle":"h","VisibilityTimeout":1}`,
		"ChangeMessageVisibilityBatch": `{"QueueUrl":"q","Entries":[{"Id":"i","ReceiptHandle":"h","VisibilityTimeout":1}]}`,
		"CreateQueue":                  `{"QueueName":"q","Attributes":{"VisibilityTimeout":"30"},"tags":{"k":"v"}}`,
		"DeleteMessage":                `{"QueueUrl":"q","ReceiptHandle":"h"}`,
		"DeleteMessageBatch":           `{"QueueUrl":"q","Entries":[{"Id":"i","ReceiptHandle":"h"}]}`,
		"DeleteQueue":                  `{"QueueUrl":"q"}`,
		"GetQueueAttributes":           `{"QueueUrl":"q","AttributeNames":["All"]}`,
		"GetQueueUrl":                  `{"QueueName":"q","QueueOwnerAWSAccountId":"000000000000"}`,
		"ListDeadLetterSourceQueues":   `{"QueueUrl":"q",` + page + `}`,
		"ListMessageMoveTasks":         `{"SourceArn":` + arn + `,"MaxResults":1}`,
		"ListQueueTags":                `{"QueueUrl":"q"}`,
		"ListQueues":                   `{"QueueNamePrefix":"q",` + page + `}`,
		"PurgeQueue":                   `{"QueueUrl":"q"}`,
		"ReceiveMessage": `{"QueueUrl":"q","AttributeNames":["All"],"MessageSystemAttributeNames":["All"],"MessageAttributeNames":["All"],
			"MaxNumberOfMessages":1,"VisibilityTimeout":1,"WaitTimeSeconds":0,"ReceiveRequestAttemptId":"r"}`,
		"RemovePermission":     `{"QueueUrl":"q","Label":"l"}`,
		"SendMessage":          `{"QueueUrl":"q",` + message + `}`,
		"SendMessageBatch":     `{"QueueUrl":"q","Entries":[{"Id":"i",` + message + `}]}`,
		"SetQueueAttributes":   `{"QueueUrl":"q","Attributes":{"VisibilityTimeout":"30"}}`,
		"StartMessageMoveTask": `{"SourceArn":` + arn + `,"DestinationArn":` + arn + `,"MaxNumberOfMessagesPerSecond":1}`,
		"TagQueue":             `{"QueueUrl":"q","Tags":{"k":"v"}}`,
		"UntagQueue":           `{"QueueUrl":"q","TagKeys":["k"]}`,
	}
}

// TestEveryRequiredMember leaves out each one that the model requires.
func TestEveryRequiredMember(t *testing.T) {
	t.Parallel()
	m := awstest.ReadModel(t, modelJSON)
	both(t, func(t *testing.T, e *env, p awstest.Protocol) {
		e.create("q")
		m.CheckRequired(t, e.client.Over(p), examples(), func(at awstest.Place) (name, message string) {
			switch at.Member {
			case "Entries":
				return "EmptyBatchRequest", "There should be at least one " + at.Operation + "RequestEntry in the request."
			case "DataType":
				return "", "" // see TestConstraints: a batch tells of it in the entry, and it has a text of its own
			}
			return missingParameter, "The request must contain the parameter " + place(at.Operation, at.At) + "."
		})
	})
}

// place is how an error names a place in an input.
func place(operation string, at []string) string {
	var parts []string
	for i, step := range at {
		switch {
		case step == "0":
			parts = append(parts, "1")
		case step == "Entries" || step == "AWSAccountIds" || step == "Actions" || step == "TagKeys":
			parts = append(parts, flat(operation, step))
		case i == len(at)-1 && (step == "Attributes" || step == "Tags"):
			parts = append(parts, flat(operation, step))
		default:
			parts = append(parts, step)
		}
	}
	return strings.Join(parts, ".")
}

// TestEveryMemberOfAnotherType gives each member a value of another JSON type.
func TestEveryMemberOfAnotherType(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("q")
	awstest.ReadModel(t, modelJSON).CheckTypes(t, e.client, examples())
}

// TestRequiredOnAQueuesPath checks that the path of a queue stands for QueueUrl and for nothing else.
func TestRequiredOnAQueuesPath(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("q")
	for query, want := range map[string]string{
		"Action=SendMessage": "MessageBody",
		"Action=SendMessageBatch&SendMessageBatchRequestEntry.1.Id=a": "SendMessageBatchRequestEntry.1.MessageBody",
		"Action=AddPermission&Label=x":                                "AWSAccountId",
		"Action=SetQueueAttributes":                                   "Attribute",
		"Action=TagQueue":                                             "Tag",
		"Action=UntagQueue":                                           "TagKey",
		"Action=DeleteMessage":                                        "ReceiptHandle",
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, base+"/000000000000/q?"+query, nil)
		a := e.do(r)
		if a.Status != http.StatusBadRequest || !strings.Contains(a.Body, "The request must contain the parameter "+want+".") {
			t.Errorf("%s: %d %s", query, a.Status, a.Body)
		}
	}
}
