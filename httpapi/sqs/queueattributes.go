package sqs

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/signalbox-mq/signalbox/duration"
	"github.com/signalbox-mq/signalbox/queue"
)

// occasion is what attributes are set for.
type occasion uint8

const (
	// creating a queue.
	creating occasion = iota
	// changing one.
	changing
	// comparing one with what a second CreateQueue says.
	comparing
)

// facts are what attributes are read off.
type facts struct {
	queue *queue.Queue
	stats queue.Stats
}

// attributeRow is an attribute of queues.
type attributeRow struct {
	name string
	// counted says that get needs the counts.
	counted bool
	// get is the value, empty for an attribute that the queue does not have.
	get func(f *facts) string
	// set changes a definition; nil for an attribute that can not be set.
	set func(d *queue.Definition, name queue.Name, value string) error
	// about is what the documentation says of its value.
	about string
}

// attributeRows is the table of attributes.
var attributeRows = [...]attributeRow{
	{name: "ApproximateNumberOfMessages", counted: true, get: count(func(s *queue.Stats) int64 { return s.Ready }), about: "exact"},
	{name: "ApproximateNumberOfMessagesDelayed", counted: true, get: count(func(s *queue.Stats) int64 { return s.Delayed }), about: "exact"},
	{name: "ApproximateNumberOfMessagesNotVisible", counted: true, get: count(func(s *queue.Stats) int64 { return s.InFlight }), about: "exact"},
	{name: "ContentBasedDeduplication", get: fifoOnly(func(d *queue.Definition) string { return strconv.FormatBool(d.ContentBasedDeduplication) }), set: setContentBased, about: "`true` or `false`; FIFO queues"},
	{name: "CreatedTimestamp", get: func(f *facts) string { return seconds(f.queue.CreatedAt) }, about: "seconds since 1970"},
	{name: "DeduplicationScope", get: fifoOnly(scopeOf), set: setScope, about: "`queue` or `messageGroup`; FIFO queues"},
	{name: "DelaySeconds", get: ofDefinition(func(d *queue.Definition) string { return whole(time.Duration(d.Delay)) }), set: setSeconds("DelaySeconds", 0, 900, func(d *queue.Definition, v duration.Duration) { d.Delay = v }), about: "0 to 900"},
	{name: "FifoQueue", get: fifoOnly(func(*queue.Definition) string { return "true" }), set: setFIFO, about: "`true`; when it is created"},
	{name: "FifoThroughputLimit", get: fifoOnly(keptOr("FifoThroughputLimit", "perQueue")), set: setThroughput, about: "`perQueue` or `perMessageGroupId`; kept, there is no such limit"},
	{name: "KmsDataKeyReusePeriodSeconds", get: ofDefinition(keptOr("KmsDataKeyReusePeriodSeconds", "")), set: setReusePeriod, about: "60 to 86400; kept, without effect"},
	{name: "KmsMasterKeyId", get: ofDefinition(keptOr("KmsMasterKeyId", "")), set: setMasterKey, about: "kept, without effect: messages are not encrypted"},
	{name: "LastModifiedTimestamp", get: func(f *facts) string { return seconds(f.queue.ModifiedAt) }, about: "seconds since 1970"},
	{name: "MaximumMessageSize", get: ofDefinition(func(d *queue.Definition) string { return strconv.Itoa(maxMessageSize(d)) }), set: setMaximumSize, about: "1024 to 1048576"},
	{name: "MessageRetentionPeriod", get: ofDefinition(retentionOf), set: setSeconds("MessageRetentionPeriod", 60, 1209600, func(d *queue.Definition, v duration.Duration) { d.Retention = v }), about: "60 to 1209600; a file may say more"},
	{name: "Policy", get: ofDefinition(keptOr("Policy", "")), set: setPolicy, about: "JSON, at most 8192 bytes; kept, not enforced"},
	{name: "QueueArn", get: func(f *facts) string { return arnOf(f.queue.Name) }},
	{name: "ReceiveMessageWaitTimeSeconds", get: ofDefinition(func(d *queue.Definition) string { return whole(time.Duration(d.ReceiveWait)) }), set: setSeconds("ReceiveMessageWaitTimeSeconds", 0, 20, func(d *queue.Definition, v duration.Duration) { d.ReceiveWait = v }), about: "0 to 20"},
	{name: "RedriveAllowPolicy", get: redriveAllowPolicyOf, set: setRedriveAllowPolicy, about: "as on AWS; queues of the same account and region"},
	{name: "RedrivePolicy", get: redrivePolicyOf, set: setRedrivePolicy, about: "as on AWS"},
	{name: "SqsManagedSseEnabled", get: ofDefinition(managedEncryptionOf), set: setManagedEncryption, about: "`true` or `false`; kept, without effect"},
	{name: "VisibilityTimeout", get: ofDefinition(visibilityOf), set: setSeconds("VisibilityTimeout", 0, 43200, func(d *queue.Definition, v duration.Duration) { d.VisibilityTimeout = &v }), about: "0 to 43200"},
}

func findAttribute(name string) (*attributeRow, bool) {
	for i := range attributeRows {
		if attributeRows[i].name == name {
			return &attributeRows[i], true
		}
	}
	return nil, false
}

// rowsFor are the rows of the attributes that a client asks for.
func rowsFor(names []string) ([]*attributeRow, error) {
	var rows []*attributeRow
	for _, name := range names {
		if name == "All" {
			for i := range attributeRows {
				rows = append(rows, &attributeRows[i])
			}
			continue
		}
		row, ok := findAttribute(name)
		if !ok {
			return nil, unknownAttribute(name)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// setAttributes changes a definition by what a client gives.
func setAttributes(d *queue.Definition, name queue.Name, given map[string]string, why occasion) error {
	for _, attribute := range slices.Sorted(maps.Keys(given)) {
		row, ok := findAttribute(attribute)
		if !ok || row.set == nil {
			return unknownAttribute(attribute)
		}
		if attribute == "FifoQueue" && why != creating && d.FIFO && given[attribute] == "true" {
			continue // as it is
		}
		if attribute == "FifoQueue" && why == changing && d.FIFO {
			return invalidAttributeValue("Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.")
		}
		if err := row.set(d, name, given[attribute]); err != nil {
			return err
		}
	}
	if why == comparing {
		return nil // one attribute of a queue that is as it is
	}
	// The two depend on each other, whichever was given.
	if d.Kept["FifoThroughputLimit"] == "perMessageGroupId" && d.DeduplicationScope != "group" {
		return invalidAttributeValue("Invalid value for the parameter FifoThroughputLimit. Reason: perMessageGroupId can only be used with DeduplicationScope messageGroup.")
	}
	if d.Kept["KmsMasterKeyId"] != "" && given["SqsManagedSseEnabled"] == "true" {
		return invalidAttributeValue("You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.")
	}
	return nil
}

func invalidFor(attribute string) error {
	return invalidAttributeValue("Invalid value for the parameter " + attribute + ".")
}

func count(of func(s *queue.Stats) int64) func(f *facts) string {
	return func(f *facts) string { return strconv.FormatInt(of(&f.stats), 10) }
}

func ofDefinition(get func(d *queue.Definition) string) func(f *facts) string {
	return func(f *facts) string { return get(&f.queue.Definition) }
}

func fifoOnly(get func(d *queue.Definition) string) func(f *facts) string {
	return func(f *facts) string {
		if !f.queue.Definition.FIFO {
			return ""
		}
		return get(&f.queue.Definition)
	}
}

func keptOr(attribute, def string) func(d *queue.Definition) string {
	return func(d *queue.Definition) string {
		if value := d.Kept[attribute]; value != "" {
			return value
		}
		return def
	}
}

// keep keeps an attribute with the queue; an empty one, or one that is as if it were not there, is removed.
func keep(d *queue.Definition, attribute, value, def string) {
	if value == def {
		value = ""
	}
	switch {
	case value == "":
		delete(d.Kept, attribute)
		if len(d.Kept) == 0 {
			d.Kept = nil
		}
	case d.Kept == nil:
		d.Kept = map[string]string{attribute: value}
	default:
		d.Kept[attribute] = value
	}
}

func seconds(t time.Time) string {
	if t.IsZero() {
		return "0" // made by a release that did not note it
	}
	return strconv.FormatInt(t.Unix(), 10)
}

func whole(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }

func visibilityOf(d *queue.Definition) string {
	if d.VisibilityTimeout == nil {
		return whole(queue.DefaultVisibility)
	}
	return whole(time.Duration(*d.VisibilityTimeout))
}

func retentionOf(d *queue.Definition) string {
	if d.Retention == 0 {
		return whole(queue.DefaultRetention)
	}
	return whole(time.Duration(d.Retention))
}

func setSeconds(attribute string, least, most int64, set func(d *queue.Definition, v duration.Duration)) func(*queue.Definition, queue.Name, string) error {
	return func(d *queue.Definition, _ queue.Name, value string) error {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < least || n > most {
			return invalidFor(attribute)
		}
		set(d, duration.Duration(time.Duration(n)*time.Second))
		return nil
	}
}

func setMaximumSize(d *queue.Definition, _ queue.Name, value string) error {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1024 || n > queue.MaxMessageSize {
		return invalidFor("MaximumMessageSize")
	}
	d.MaxMessageSize = n
	return nil
}

func setFIFO(d *queue.Definition, _ queue.Name, value string) error {
	// On a standard queue there is no such attribute, not even as false (observed).
	if !d.FIFO {
		return unknownAttribute("FifoQueue")
	}
	if value != "true" {
		return invalidFor("FifoQueue")
	}
	return nil
}

func setContentBased(d *queue.Definition, _ queue.Name, value string) error {
	if !d.FIFO {
		return unknownAttribute("ContentBasedDeduplication")
	}
	if value != "true" && value != "false" {
		return invalidFor("ContentBasedDeduplication")
	}
	d.ContentBasedDeduplication = value == "true"
	return nil
}

func onlyFIFO(attribute string) error {
	return invalidAttributeName("You can specify the " + attribute + " only when FifoQueue is set to true.")
}

func scopeOf(d *queue.Definition) string {
	if d.DeduplicationScope == "group" {
		return "messageGroup"
	}
	return "queue"
}

func setScope(d *queue.Definition, _ queue.Name, value string) error {
	switch {
	case !d.FIFO:
		return onlyFIFO("DeduplicationScope")
	case value == "queue":
		d.DeduplicationScope = "queue"
	case value == "messageGroup":
		d.DeduplicationScope = "group"
	default:
		return invalidFor("DeduplicationScope")
	}
	return nil
}

func setThroughput(d *queue.Definition, _ queue.Name, value string) error {
	switch {
	case !d.FIFO:
		return onlyFIFO("FifoThroughputLimit")
	case value != "perQueue" && value != "perMessageGroupId":
		return invalidFor("FifoThroughputLimit")
	}
	keep(d, "FifoThroughputLimit", value, "perQueue")
	return nil
}

func setMasterKey(d *queue.Definition, _ queue.Name, value string) error {
	keep(d, "KmsMasterKeyId", value, "")
	return nil
}

func setReusePeriod(d *queue.Definition, _ queue.Name, value string) error {
	n, err := strconv.Atoi(value)
	if value != "" && (err != nil || n < 60 || n > 86400) {
		return invalidFor("KmsDataKeyReusePeriodSeconds")
	}
	keep(d, "KmsDataKeyReusePeriodSeconds", value, "300")
	return nil
}

func managedEncryptionOf(d *queue.Definition) string {
	if d.Kept["KmsMasterKeyId"] != "" {
		return "false" // the two exclude each other
	}
	return keptOr("SqsManagedSseEnabled", "true")(d)
}

func setManagedEncryption(d *queue.Definition, _ queue.Name, value string) error {
	if value != "true" && value != "false" {
		return invalidFor("SqsManagedSseEnabled")
	}
	keep(d, "SqsManagedSseEnabled", value, "true")
	return nil
}

const maxPolicy = 8192

func setPolicy(d *queue.Definition, _ queue.Name, value string) error {
	if value != "" && (len(value) > maxPolicy || !isJSONObject(value)) {
		return invalidFor("Policy")
	}
	keep(d, "Policy", value, "")
	return nil
}

func isJSONObject(s string) bool {
	return json.Valid([]byte(s)) && strings.HasPrefix(strings.TrimLeft(s, " \t\r\n"), "{")
}
