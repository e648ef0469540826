package sns

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/rules/pattern"
	"github.com/signalbox-mq/signalbox/topic"
)

// subscriptionFacts are what a subscription's attributes are read off.
type subscriptionFacts struct {
	*topic.SubscriptionEntry
	// of is its topic.
	of *topic.Topic
	// replay says how far a replay has come.
	replay topic.ReplayStatus
}

// subscriptionAttribute is an attribute of subscriptions.
type subscriptionAttribute struct {
	name string
	// about says what it is, in Markdown.
	about string
	get   func(f *subscriptionFacts) string
	// set is nil for what can not be set. The protocol and the topic are known already.
	set func(f *subscriptionFacts, value string) *fault
}

const (
	filterPolicy       = "FilterPolicy"
	redrivePolicy      = "RedrivePolicy"
	roleARN            = "SubscriptionRoleArn"
	principalAttribute = "SubscriptionPrincipal"
)

// subscriptionAttributes are all of them, in the order of the documentation and of answers.
var subscriptionAttributes = [...]subscriptionAttribute{
	{"SubscriptionArn", "", func(f *subscriptionFacts) string { return topic.SubscriptionARN(f.Topic, f.UUID) }, nil},
	{"TopicArn", "", func(f *subscriptionFacts) string { return arnOf(f.Topic) }, nil},
	{"Owner", "the topic's account", func(f *subscriptionFacts) string { return f.Topic.Account }, nil},
	{"Protocol", "", func(f *subscriptionFacts) string { return protocolOf(&f.Subscription) }, nil},
	{"Endpoint", "", func(f *subscriptionFacts) string { return endpointOf(f.Topic, &f.Subscription) }, nil},
	{"PendingConfirmation", "`true` until it is confirmed", func(f *subscriptionFacts) string { return booleanText(f.Subscription.Pending != nil) }, nil},
	{"ConfirmationWasAuthenticated", "whether it was confirmed by a request with credentials", confirmedHow, nil},
	{principalAttribute, "who subscribed", principal, nil},
	{"RawMessageDelivery", "of queues and of `http` and `https`: `true` sends the message alone, without the JSON around it", rawDelivery, setRawDelivery},
	{filterPolicy, "which messages it gets ([below](#filter-policies)); `{}` for all", func(f *subscriptionFacts) string {
		return keptJSON(f.Subscription.Kept, filterPolicy, f.Subscription.Filter)
	}, setFilter},
	{"FilterPolicyScope", "`MessageAttributes` or `MessageBody`; shown with a filter policy", filterScope, setFilterScope},
	{deliveryPolicy, "of `http` and `https`: how it is called ([below](#http-subscriptions))", func(f *subscriptionFacts) string {
		return keptJSON(f.Subscription.Kept, deliveryPolicy, f.Subscription.DeliveryPolicy)
	}, setDeliveryPolicy},
	{"EffectiveDeliveryPolicy", "of `http` and `https`: the same with what the topic says and the defaults", effectivePolicy, nil},
	{redrivePolicy, "`{\"deadLetterTargetArn\": ARN}`, a queue of the topic's account and region. As long as it does not exist, [`dead-letters`](delivery.md) takes its messages", redriveOf, setRedrive},
	{roleARN, "kept", func(f *subscriptionFacts) string { return f.Subscription.Kept[roleARN] }, setRole},
	{replayPolicy, "of FIFO topics with an archive ([below](#archive-and-replay))", replayOf, setReplay},
	{"ReplayStatus", "of a subscription with a `ReplayPolicy`: `Pending`, `In progress`, `Completed` or `Failed`", func(f *subscriptionFacts) string { return string(f.replay) }, nil},
}

func findSubscriptionAttribute(name string) (*subscriptionAttribute, bool) {
	for i := range subscriptionAttributes {
		if subscriptionAttributes[i].name == name {
			return &subscriptionAttributes[i], true
		}
	}
	return nil, false
}

// setSubscriptionAttribute makes an attribute part of a subscription. checkFilter comes when all are set.
func setSubscriptionAttribute(f *subscriptionFacts, name, value string) *fault {
	row, ok := findSubscriptionAttribute(name)
	if !ok || row.set == nil {
		return unknownAttribute()
	}
	return row.set(f, value)
}

func confirmedHow(f *subscriptionFacts) string {
	s := &f.Subscription
	return booleanText(s.URL == "" || s.Pending == nil && s.ConfirmationAuthenticated)
}

func principal(f *subscriptionFacts) string {
	if p := f.Subscription.Kept[principalAttribute]; p != "" {
		return p
	}
	return principalOf(f.Topic.Account, "")
}

// principalOf is who subscribes: the user of an access key.
func principalOf(account, key string) string {
	if key == "" {
		key = "anonymous"
	}
	return "arn:aws:iam::" + account + ":user/" + key
}

// notSupported is the fault of what a protocol does not have.
func notSupported(f *subscriptionFacts, what string) *fault {
	return faultf("Delivery protocol [%s] does not support %s.", protocolOf(&f.Subscription), what)
}

func rawDelivery(f *subscriptionFacts) string {
	s := &f.Subscription
	return booleanText(s.Function == "" && (s.Raw == nil || *s.Raw))
}

func setRawDelivery(f *subscriptionFacts, value string) *fault {
	raw, fault := readBoolean(value)
	if fault != nil {
		return fault
	}
	if f.Subscription.Function != "" {
		if raw {
			return notSupported(f, "raw message delivery")
		}
		return nil
	}
	f.Subscription.Raw = &raw
	return nil
}

func setFilter(f *subscriptionFacts, value string) *fault {
	if value != "" && !json.Valid([]byte(value)) {
		return faultf("%s", notJSON)
	}
	if object := strings.TrimSpace(value); len(object) > 1 && object[0] == '{' && strings.TrimSpace(object[1:len(object)-1]) == "" {
		value = "" // an empty policy is none
	}
	f.Subscription.Filter = keepJSON(&f.Subscription.Kept, filterPolicy, value)
	return nil
}

func filterScope(f *subscriptionFacts) string {
	switch {
	case len(f.Subscription.Filter) == 0:
		return ""
	case f.Subscription.FilterScope == topic.ScopeBody:
		return "MessageBody"
	}
	return "MessageAttributes"
}

func setFilterScope(f *subscriptionFacts, value string) *fault {
	switch value {
	case "MessageAttributes":
		f.Subscription.FilterScope = topic.ScopeAttributes
	case "MessageBody":
		f.Subscription.FilterScope = topic.ScopeBody
	default:
		return faultf("Invalid value [%s]. Please use either MessageBody or MessageAttributes", awsapi.Clip(value))
	}
	return nil
}

// nestedPolicy begins the one fault of a filter policy that SNS tells without naming the attribute.
const nestedPolicy = "Filter policy scope MessageAttributes does not support nested filter policy"

// checkFilter compiles the filter policy, which depends on its scope, as it was given: positions are part of what is told.
func checkFilter(s *topic.Subscription) *fault {
	if len(s.Filter) == 0 {
		return nil
	}
	scope := pattern.ScopeAttributes
	if s.FilterScope == topic.ScopeBody {
		scope = pattern.ScopeBody
	}
	_, err := pattern.CompileFilter([]byte(keptJSON(s.Kept, filterPolicy, s.Filter)), scope)
	if err == nil {
		return nil
	}
	syntax, ok := errors.AsType[*pattern.SyntaxError](err)
	if !ok {
		return &fault{reason: "FilterPolicy: " + err.Error(), whole: true}
	}
	if syntax.Reason == nestedPolicy {
		return &fault{reason: nestedPolicy, whole: true}
	}
	return &fault{reason: syntax.AWSError(), whole: true}
}

func setDeliveryPolicy(f *subscriptionFacts, value string) *fault {
	if value != "" {
		if f.Subscription.URL == "" {
			return notSupported(f, "delivery policies")
		}
		if _, err := endpoint.ParseDeliveryPolicy([]byte(value)); err != nil {
			return policyFault(err)
		}
	}
	f.Subscription.DeliveryPolicy = keepJSON(&f.Subscription.Kept, deliveryPolicy, value)
	return nil
}

// policyFault tells what is wrong with a delivery policy.
func policyFault(err error) *fault {
	if e, ok := errors.AsType[*endpoint.InvalidError](err); ok {
		return faultf("%s", awsapi.Clip(e.Reason))
	}
	return faultf("%s", awsapi.Clip(err.Error()))
}

func effectivePolicy(f *subscriptionFacts) string {
	if f.Subscription.URL == "" {
		return ""
	}
	own, err := endpoint.ParseDeliveryPolicy(f.Subscription.DeliveryPolicy)
	if err != nil {
		own = nil // it was valid when it was set
	}
	return jsonText(topicPolicy(f.of).For(own))
}

func setRole(f *subscriptionFacts, value string) *fault {
	if len(value) > maxKept {
		return faultf("must not be longer than %d bytes", maxKept)
	}
	keep(&f.Subscription.Kept, roleARN, value)
	return nil
}

func redriveOf(f *subscriptionFacts) string {
	switch kept := f.Subscription.Kept[redrivePolicy]; {
	case f.Subscription.DeadLetter == "":
		return ""
	case kept != "":
		return kept
	}
	return `{"deadLetterTargetArn":` + jsonText(otherARN("sqs", f.Topic, "", "", f.Subscription.DeadLetter)) + `}`
}

func setRedrive(f *subscriptionFacts, value string) *fault {
	s := &f.Subscription
	queue, fault := readRedrive(f, value)
	if fault != nil {
		return fault
	}
	if queue == "" {
		value = ""
	}
	// What is in the queue is what the subscriber would have got.
	s.DeadLetter, s.Bare = queue, queue != ""
	keep(&s.Kept, redrivePolicy, value)
	return nil
}

// readRedrive reads a redrive policy: the queue of its dead letters, empty for none.
func readRedrive(f *subscriptionFacts, text string) (queue string, _ *fault) {
	if text == "" {
		return "", nil
	}
	var policy map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &policy); err != nil || policy == nil {
		return "", faultf("%s", notJSON)
	}
	if len(policy) == 0 {
		return "", nil
	}
	var arn string
	if err := json.Unmarshal(policy["deadLetterTargetArn"], &arn); err != nil {
		return "", faultf("deadLetterTargetArn is an invalid arn")
	}
	name, ok := queueOf(arn)
	switch {
	case !ok:
		return "", faultf("deadLetterTargetArn is an invalid arn")
	case name.Account != f.Topic.Account || name.Region != f.Topic.Region:
		return "", faultf("deadLetterTargetArn must be in the account and region of the subscription")
	case strings.HasSuffix(f.Subscription.Queue, fifoSuffix) && !strings.HasSuffix(name.Name, fifoSuffix):
		return "", faultf("must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO Topic.")
	}
	return name.Name, nil
}

// sameSubscription says whether each of the given attributes is as the subscription has it, in what clients are shown of it.
func sameSubscription(has, asGiven *subscriptionFacts, given func(yield func(name string) bool)) bool {
	for name := range given {
		row, _ := findSubscriptionAttribute(name) // setSubscriptionAttribute refuses any other
		if !sameText(row.get(has), row.get(asGiven)) {
			return false
		}
	}
	return true
}
