package events

import (
	_ "embed"
	"io"
	"time"

	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/rules"
)

// referenceText is docs/eventbridge.md but for what the tables say.
//
//go:embed reference.md.tmpl
var referenceText string

// WriteReference writes docs/eventbridge.md. What it says of operations, targets and limits is read off the tables by which they
// are served.
func WriteReference(w io.Writer) error {
	return awsapi.WriteReference(w, referenceText, reference())
}

// referenceData is what the template gets.
type referenceData struct {
	Operations, Refused, Targets, Limits []awsapi.ReferenceRow
}

func reference() *referenceData {
	d := &referenceData{Operations: awsapi.OperationRows((&API{}).operations()), Refused: awsapi.RefusedRows(refused()), Limits: limits()}
	for i := range targetKinds {
		k := &targetKinds[i]
		form := "`arn:aws:" + k.service + ":REGION:ACCOUNT:" + k.prefix + k.form + "`"
		d.Targets = append(d.Targets, awsapi.ReferenceRow{Name: form, About: k.gets})
	}
	return d
}

func limits() []awsapi.ReferenceRow {
	row := awsapi.LimitRow
	const hours = int64(time.Hour / time.Second)
	return []awsapi.ReferenceRow{
		row("a request of PutEvents", "%d entries, together %d bytes: 14 for a `Time`, and the text of `Source`, `DetailType`, `Detail` and `Resources`", maxEntries, event.MaxSize),
		row("an event pattern", "%d characters, as the API's model has it. (AWS has a quota of 2,048, which can be raised)", maxPattern),
		row("targets", "%d per rule and per request. (AWS has a quota of 5 per rule, which can be raised)", maxTargets),
		row("`Input`, `InputTemplate`", "%d characters", rules.MaxTemplate),
		row("`InputPath`, and paths of a template", "%d characters, %d paths", rules.MaxPath, rules.MaxTransformPaths),
		row("`RetryPolicy`", "0 to %d retries, an age of %d seconds to %d hours; that is also the default", maxRetries, minAge, maxAge/hours),
		row("names", "%d characters for rules, targets, replays, connections and API destinations, 48 for archives, %d for buses", 64, maxBusName),
		row("descriptions", "%d characters", maxDescription),
		row("the policy of a bus", "%d bytes", maxPolicy),
		row("tags", "%d per rule or bus", awsapi.MaxTags),
		row("replays", "%d at a time in an account and region", rules.MaxReplays),
		row("parameters of a connection", "%d of each kind", maxParameters),
		row("a page", "%d things", maxPage),
		awsapi.BodyRow(),
	}
}
