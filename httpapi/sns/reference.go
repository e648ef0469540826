package sns

import (
	_ "embed"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/template"

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
	t, err := template.New("reference").Parse(referenceText)
	if err != nil {
		return err
	}
	return t.Execute(w, reference())
}

// referenceData is what the template gets.
type referenceData struct {
	Operations, Refused, TopicAttributes, SubscriptionAttributes, Limits []referenceRow
}

// referenceRow is a row of a table, in Markdown.
type referenceRow struct{ Name, Takes, About string }

func reference() *referenceData {
	d := &referenceData{Limits: limits()}
	for _, op := range (&API{}).operations() {
		d.Operations = append(d.Operations, referenceRow{op.Name, parameters(op.Input()), op.Note})
	}
	why := map[string][]string{}
	for name, reason := range refused() {
		why[reason] = append(why[reason], name)
	}
	for _, reason := range slices.Sorted(maps.Keys(why)) {
		slices.Sort(why[reason])
		d.Refused = append(d.Refused, referenceRow{"`" + strings.Join(why[reason], "`, `") + "`", "", reason})
	}
	for i := range topicAttributes {
		row := &topicAttributes[i]
		if strings.Contains(row.name, "Feedback") {
			continue // fifteen, of which the text tells
		}
		set := settable(row.set != nil)
		if row.name == fifoTopic {
			set = "`CreateTopic`"
		}
		d.TopicAttributes = append(d.TopicAttributes, referenceRow{row.name, set, row.about})
	}
	for i := range subscriptionAttributes {
		row := &subscriptionAttributes[i]
		d.SubscriptionAttributes = append(d.SubscriptionAttributes, referenceRow{row.name, settable(row.set != nil), row.about})
	}
	return d
}

func settable(yes bool) string {
	if yes {
		return "yes"
	}
	return "read only"
}

// parameters are the names of an input's members, those in bold that are required, with the members of a batch's entries.
func parameters(members []awsapi.Member) string {
	var names []string
	for _, m := range members {
		name := "`" + m.Name + "`"
		if m.Required {
			name = "**" + name + "**"
		}
		if m.Kind == awsapi.KindList && m.Name != "Tags" {
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
		row("a message", "%d bytes: the text, and the names, types and values of its message attributes. `MaximumMessageSize` of a topic says otherwise, up to %d", defaultMessage, topic.MaxMessageSize),
		row("message attributes", "%d, with names of up to %d bytes. A queue with raw delivery takes 10", topic.MaxAttributes, maxAttributeName),
		row("a subject", "%d characters", topic.MaxSubjectLength),
		row("a batch", "%d messages, together as large as one", maxBatch),
		row("a filter policy", "%d keys, %d combinations of alternatives, %d KiB", pattern.MaxFilterKeys, pattern.MaxFilterComplexity, pattern.MaxFilterSize>>10),
		row("names of topics", "%d letters, digits, hyphens and underscores; those of FIFO topics end in `.fifo`, counted in", topic.MaxNameLength),
		row("subscriptions", "%d of a FIFO topic. A file may declare more, which count", topic.MaxFIFOSubscriptions),
		row("tags", "%d per topic", maxTags),
		row("`Policy`", "%d bytes; %d statements by `AddPermission`", maxPolicy, maxStatements),
		row("`ArchivePolicy`", "1 to %d days", maxArchiveDays),
		row("the token of a confirmation", "good for %g days; a subscription that was not confirmed is forgotten after %g", topic.TokenLife.Hours()/24, topic.PendingLife.Hours()/24),
		row("a page", "%d topics or subscriptions", pageSize),
		row("the body of a request", "%d MiB", awsapi.MaxBody>>20),
	}
}
