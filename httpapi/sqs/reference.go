package sqs

import (
	_ "embed"
	"fmt"
	"io"
	"strings"
	"text/template"

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
	t, err := template.New("reference").Parse(referenceText)
	if err != nil {
		return err
	}
	return t.Execute(w, reference())
}

// referenceData is what the template gets.
type referenceData struct {
	Operations, Attributes []referenceRow
	SystemAttributes       string
	Limits                 []referenceRow
}

// referenceRow is a row of a table, in Markdown.
type referenceRow struct{ Name, Takes, About string }

func reference() *referenceData {
	d := &referenceData{SystemAttributes: code(systemAttributeNames[:]), Limits: limits()}
	for _, op := range (&API{}).operations() {
		d.Operations = append(d.Operations, referenceRow{op.Name, parameters(op.Input()), op.Note})
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
		d.Attributes = append(d.Attributes, referenceRow{row.name, set, row.about})
	}
	return d
}

// parameters are the names of an input's members, those in bold that are required, with the members of a batch's entries.
func parameters(members []awsapi.Member) string {
	var names []string
	for _, m := range members {
		name := "`" + m.Name + "`"
		if m.Required || m.Name == "Entries" {
			name = "**" + name + "**"
		}
		if m.Kind == awsapi.KindList {
			name += " (" + parameters(m.Members) + ")"
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

func limits() []referenceRow {
	row := func(what, format string, args ...any) referenceRow {
		return referenceRow{Name: what, About: fmt.Sprintf(format, args...)}
	}
	return []referenceRow{
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
		row("tags", "%d per queue", maxTags),
		row("a page of queues", "1 to %d", maxPage),
		row("a page of move tasks", "1 to %d", maxMoveTasks),
		row("`MaxNumberOfMessagesPerSecond`", "1 to %d", maxMoveRate),
		row("the body of a request", "%d MiB", awsapi.MaxBody>>20),
	}
}

func code(names []string) string { return "`" + strings.Join(names, "`, `") + "`" }
