package sns

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/topic"
)

// topicFacts are what a topic's attributes are read off.
type topicFacts struct {
	*topic.Entry
	confirmed, pending, deleted int
}

// topicAttribute is an attribute of topics.
type topicAttribute struct {
	name string
	// about says what it is, in Markdown.
	about string
	// always says that topics have it although it is empty.
	always bool
	get    func(f *topicFacts) string
	// set is nil for what can not be set.
	set func(t *topic.Topic, value string) *fault
}

// timeLayout is how SNS writes times.
const timeLayout = "2006-01-02T15:04:05.000Z"

const (
	maxPolicy       = 30_720
	maxDisplayName  = topic.MaxDisplayName
	defaultMessage  = 256 << 10
	minMaximum      = 1 << 10
	maximumMessage  = "MaximumMessageSize"
	policyAttribute = "Policy"
	deliveryPolicy  = "DeliveryPolicy"
	displayName     = "DisplayName"
)

// topicAttributes are all of them, in the order of the documentation and of answers.
var topicAttributes = append([]topicAttribute{
	{name: "TopicArn", about: "", get: func(f *topicFacts) string { return arnOf(f.Name) }},
	{name: "Owner", about: "the topic's account", get: func(f *topicFacts) string { return f.Name.Account }},
	{name: displayName, about: "at most 100 characters", always: true, get: func(f *topicFacts) string { return f.Topic.DisplayName }, set: setDisplayName},
	{name: policyAttribute, about: "JSON of at most 30720 bytes; kept, and without effect", get: policyOf, set: setPolicy},
	{name: "SubscriptionsConfirmed", about: "", get: func(f *topicFacts) string { return strconv.Itoa(f.confirmed) }},
	{name: "SubscriptionsPending", about: "those that are to be confirmed yet", get: func(f *topicFacts) string { return strconv.Itoa(f.pending) }},
	{name: "SubscriptionsDeleted", about: "those of `http` and `https` that were ended and can be restored yet", get: func(f *topicFacts) string { return strconv.Itoa(f.deleted) }},
	{name: deliveryPolicy, about: "how `http` and `https` subscriptions are called ([below](#http-subscriptions))", get: func(f *topicFacts) string {
		return keptJSON(f.Topic.Kept, deliveryPolicy, f.Topic.DeliveryPolicy)
	}, set: setTopicDeliveryPolicy},
	{name: "EffectiveDeliveryPolicy", about: "the same with the defaults", get: effectiveTopicPolicy},
	{name: "KmsMasterKeyId", about: "kept; nothing is encrypted", get: keptTopic("KmsMasterKeyId"), set: keepTopic("KmsMasterKeyId")},
	{name: "SignatureVersion", about: "`1` (SHA-1, the default) or `2` (SHA-256)", get: signatureVersion, set: setSignatureVersion},
	{name: "TracingConfig", about: "`PassThrough` or `Active`; kept. The header `X-Amzn-Trace-Id` is passed on with either", get: keptTopic("TracingConfig"), set: setTracing},
	{name: maximumMessage, about: "1024 to 1048576 bytes, by default 262144", get: keptTopic(maximumMessage), set: setMaximumMessage},
	{name: fifoTopic, about: "of FIFO topics", get: func(f *topicFacts) string { return ifTrue(f.Topic.FIFO) }},
	{name: "ContentBasedDeduplication", about: "of FIFO topics: `true` or `false`", get: contentBased, set: setContentBased},
	{name: "FifoThroughputScope", about: "of FIFO topics: `Topic` or `MessageGroup`, where a deduplication id counts", get: throughputScope, set: setThroughputScope},
	{name: "ArchivePolicy", about: "of FIFO topics: `{\"MessageRetentionPeriod\": \"30\"}`, 1 to 365 days; `{}` for none", get: archivePolicy, set: setArchivePolicy},
	{name: "BeginningArchiveTime", about: "of FIFO topics with an archive", get: archivedSince},
}, feedbackAttributes()...)

// feedbackAttributes are those by which AWS logs deliveries.
func feedbackAttributes() []topicAttribute {
	var rows []topicAttribute
	for _, protocol := range []string{"HTTP", "SQS", "Lambda", "Firehose", "Application"} {
		rate := protocol + "SuccessFeedbackSampleRate"
		rows = append(rows, topicAttribute{name: rate, get: keptTopic(rate), set: setSampleRate(rate)})
		for _, name := range []string{protocol + "SuccessFeedbackRoleArn", protocol + "FailureFeedbackRoleArn"} {
			rows = append(rows, topicAttribute{name: name, get: keptTopic(name), set: keepTopic(name)})
		}
	}
	return rows
}

func findTopicAttribute(name string) (*topicAttribute, bool) {
	for i := range topicAttributes {
		if topicAttributes[i].name == name {
			return &topicAttributes[i], true
		}
	}
	return nil, false
}

// setTopicAttribute makes an attribute part of a definition, which says already whether it is that of a FIFO topic.
func setTopicAttribute(t *topic.Topic, name, value string) *fault {
	row, ok := findTopicAttribute(name)
	if !ok || row.set == nil {
		return unknownAttribute()
	}
	return row.set(t, value)
}

func keptTopic(name string) func(*topicFacts) string {
	return func(f *topicFacts) string { return f.Topic.Kept[name] }
}

// maxKept is how long a value may be that is only kept.
const maxKept = 2048

func keepTopic(name string) func(*topic.Topic, string) *fault {
	return func(t *topic.Topic, value string) *fault {
		if len(value) > maxKept {
			return faultf("must not be longer than %d bytes", maxKept)
		}
		keep(&t.Kept, name, value)
		return nil
	}
}

// ifTrue is for what only some topics have.
func ifTrue(b bool) string {
	if b {
		return textTrue
	}
	return ""
}

func setDisplayName(t *topic.Topic, value string) *fault {
	if n := len([]rune(value)); n > maxDisplayName {
		return faultf("must not be longer than %d characters", maxDisplayName)
	}
	if strings.ContainsFunc(value, unicode.IsControl) {
		return faultf("must not have control characters")
	}
	t.DisplayName = value
	return nil
}

func policyOf(f *topicFacts) string {
	if text := f.Topic.Kept[policyAttribute]; text != "" {
		return text
	}
	return defaultPolicy(f.Name)
}

func setPolicy(t *topic.Topic, value string) *fault {
	switch {
	case len(value) > maxPolicy:
		return faultf("must not be longer than %d bytes", maxPolicy)
	case value != "" && !isObject(value):
		return faultf("%s", notJSON)
	}
	keep(&t.Kept, policyAttribute, value)
	return nil
}

func setTopicDeliveryPolicy(t *topic.Topic, value string) *fault {
	if value != "" {
		if _, err := endpoint.ParseTopicDeliveryPolicy([]byte(value)); err != nil {
			return policyFault(err)
		}
	}
	t.DeliveryPolicy = keepJSON(&t.Kept, deliveryPolicy, value)
	return nil
}

func effectiveTopicPolicy(f *topicFacts) string {
	return jsonText(topicPolicy(&f.Topic).Effective())
}

// topicPolicy is a topic's delivery policy, nil for none.
func topicPolicy(t *topic.Topic) *endpoint.TopicDeliveryPolicy {
	if len(t.DeliveryPolicy) == 0 {
		return nil
	}
	p, err := endpoint.ParseTopicDeliveryPolicy(t.DeliveryPolicy)
	if err != nil {
		return nil // it was valid when it was set
	}
	return p
}

func signatureVersion(f *topicFacts) string {
	if f.Topic.SignatureVersion == 0 {
		return ""
	}
	return strconv.Itoa(f.Topic.SignatureVersion)
}

func setSignatureVersion(t *topic.Topic, value string) *fault {
	switch value {
	case "1", "2":
		t.SignatureVersion = int(value[0] - '0')
		return nil
	}
	return faultf("Invalid value [%s]. Must be 1 or 2.", awsapi.Clip(value))
}

func setTracing(t *topic.Topic, value string) *fault {
	switch value {
	case "", "PassThrough", "Active":
		keep(&t.Kept, "TracingConfig", value)
		return nil
	}
	return faultf("Invalid value [%s]. Must be PassThrough or Active.", awsapi.Clip(value))
}

func setMaximumMessage(t *topic.Topic, value string) *fault {
	if value != "" {
		n, err := strconv.Atoi(value)
		if err != nil || n < minMaximum || n > topic.MaxMessageSize {
			return faultf("Invalid value [%s]. Must be between %d and %d.", awsapi.Clip(value), minMaximum, topic.MaxMessageSize)
		}
		value = strconv.Itoa(n)
	}
	keep(&t.Kept, maximumMessage, value)
	return nil
}

// maxMessage is the most bytes that a message to a topic may have with its attributes, and those of a batch together.
func maxMessage(t *topic.Topic) int {
	if n, err := strconv.Atoi(t.Kept[maximumMessage]); err == nil {
		return n
	}
	return defaultMessage
}

func setSampleRate(name string) func(*topic.Topic, string) *fault {
	return func(t *topic.Topic, value string) *fault {
		if n, err := strconv.Atoi(value); value != "" && (err != nil || n < 0 || n > 100) {
			return faultf("Invalid value [%s]. Must be between 0 and 100.", awsapi.Clip(value))
		}
		keep(&t.Kept, name, value)
		return nil
	}
}

// jsonText writes what can always be written as JSON.
func jsonText(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("sns: " + err.Error())
	}
	return string(b)
}

func archivedSince(f *topicFacts) string {
	if f.Topic.Retention == 0 {
		return ""
	}
	return f.Topic.ArchivedSince.UTC().Truncate(time.Millisecond).Format(timeLayout)
}
