package sns

import (
	_ "embed"
	"io"
	"strings"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/rules/pattern"
	"github.com/signalbox-mq/signalbox/topic"
)

// referenceText is docs/sns.md but for what the tables say.
//
//go:embed reference.md.tmpl
var referenceText string

// WriteReference writes docs/sns.md. What it says of operations, attributes and limits is read off the tables by which they
// are served.
func WriteReference(w io.Writer) error {
	return awsapi.WriteReference(w, referenceText, reference())
}

// referenceData is what the template gets.
type referenceData struct {
	Operations, Refused, TopicAttributes, SubscriptionAttributes, Limits []awsapi.ReferenceRow
}

func reference() *referenceData {
	d := &referenceData{Operations: awsapi.OperationRows((&API{}).operations()), Refused: awsapi.RefusedRows(refused()), Limits: limits()}
	for i := range topicAttributes {
		row := &topicAttributes[i]
		if strings.Contains(row.name, "Feedback") {
			continue // fifteen, of which the text tells
		}
		set := settable(row.set != nil)
		if row.name == fifoTopic {
			set = "`CreateTopic`"
		}
		d.TopicAttributes = append(d.TopicAttributes, awsapi.ReferenceRow{Name: row.name, Takes: set, About: row.about})
	}
	for i := range subscriptionAttributes {
		row := &subscriptionAttributes[i]
		d.SubscriptionAttributes = append(d.SubscriptionAttributes, awsapi.ReferenceRow{Name: row.name, Takes: settable(row.set != nil), About: row.about})
	}
	return d
}

func settable(yes bool) string {
	if yes {
		return "yes"
	}
	return "read only"
}

func limits() []awsapi.ReferenceRow {
	row := awsapi.LimitRow
	return []awsapi.ReferenceRow{
		row("a message", "%d bytes: the text, and the names, types and values of its message attributes. `MaximumMessageSize` of a topic says otherwise, up to %d", defaultMessage, topic.MaxMessageSize),
		row("message attributes", "%d, with names of up to %d bytes. A queue with raw delivery takes 10", topic.MaxAttributes, maxAttributeName),
		row("a subject", "%d characters", topic.MaxSubjectLength),
		row("a batch", "%d messages, together as large as one", maxBatch),
		row("a filter policy", "%d keys, %d combinations of alternatives, %d KiB", pattern.MaxFilterKeys, pattern.MaxFilterComplexity, pattern.MaxFilterSize>>10),
		row("names of topics", "%d letters, digits, hyphens and underscores; those of FIFO topics end in `.fifo`, counted in", topic.MaxNameLength),
		row("tags", "%d per topic", awsapi.MaxTags),
		row("`Policy`", "%d bytes; %d statements by `AddPermission`", maxPolicy, maxStatements),
		row("`ArchivePolicy`", "1 to %d days", maxArchiveDays),
		row("the token of a confirmation", "good for %g days; a subscription that was not confirmed is forgotten after %g", topic.TokenLife.Hours()/24, topic.PendingLife.Hours()/24),
		row("a page", "%d topics or subscriptions", pageSize),
		awsapi.BodyRow(),
	}
}
