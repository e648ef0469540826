package sqs

import (
	_ "embed"
	"io"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue"
)

// referenceText is docs/sqs.md but for what the tables say.
//
//go:embed reference.md.tmpl
var referenceText string

// WriteReference writes docs/sqs.md. What it says of operations, attributes and limits is read off the tables by which they
// are served.
func WriteReference(w io.Writer) error {
	return awsapi.WriteReference(w, referenceText, reference())
}

// referenceData is what the template gets.
type referenceData struct {
	Operations, Attributes []awsapi.ReferenceRow
	SystemAttributes       string
	Limits                 []awsapi.ReferenceRow
}

func reference() *referenceData {
	d := &referenceData{
		Operations: awsapi.OperationRows((&API{}).operations(), "Entries"), SystemAttributes: awsapi.Code(systemAttributeNames[:]), Limits: limits(),
	}
	for i := range attributeRows {
		row := &attributeRows[i]
		set := "read only"
		switch {
		case row.name == "FifoQueue":
			set = "`CreateQueue`"
		case row.set != nil:
			set = "yes"
		}
		d.Attributes = append(d.Attributes, awsapi.ReferenceRow{Name: row.name, Takes: set, About: row.about})
	}
	return d
}

func limits() []awsapi.ReferenceRow {
	row := awsapi.LimitRow
	return []awsapi.ReferenceRow{
		row("a message", "1 byte to the queue's `MaximumMessageSize`, at most %d: the body, and the names, types and values of its message attributes", queue.MaxMessageSize),
		row("message attributes", "%d, with names of up to %d and types of up to %d characters", maxAttributes, maxAttributeName, maxAttributeType),
		row("a batch", "%d entries and %d bytes", maxBatch, maxBatchBytes),
		row("`MaxNumberOfMessages`", "1 to %d", maxReceive),
		row("`WaitTimeSeconds`", "0 to %d", maxWait),
		row("`VisibilityTimeout`", "0 to %d, also in total", maxVisibility),
		row("`ReceiveRequestAttemptId`", "1 to %d characters; the same receive can be repeated for %g minutes", maxAttemptID, attemptWindow.Minutes()),
		row("deduplication", "%g minutes from the accepted send", queue.DedupWindow.Minutes()),
		row("messages in flight", "%d per queue; a file may say otherwise", queue.DefaultMaxInFlight),
		row("`maxReceiveCount`", "1 to %d", maxReceiveCount),
		row("`sourceQueueArns`", "1 to %d", maxSources),
		row("`Policy`", "%d bytes; %d statements and %d actions each by `AddPermission`", maxPolicy, maxStatements, maxActions),
		row("tags", "%d per queue", awsapi.MaxTags),
		row("a page of queues", "1 to %d", maxPage),
		row("a page of move tasks", "1 to %d", maxMoveTasks),
		row("`MaxNumberOfMessagesPerSecond`", "1 to %d", maxMoveRate),
		awsapi.BodyRow(),
	}
}
