package events

import (
	"cmp"
	"strings"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
)

const (
	functionPrefix = "function:"
	// fifoSuffix is what the names of FIFO queues and topics end in.
	fifoSuffix = ".fifo"
)

// targetKind is a kind of targets.
type targetKind struct {
	service, prefix string
	// form is the rest of an ARN, and gets is what the target gets, in Markdown, for the documentation.
	form, gets string
	// set makes a target be what an ARN names behind the prefix, if that can be a name.
	set func(t *rules.Target, name string) bool
}

// targetKinds are all that the router has.
var targetKinds = [...]targetKind{
	{
		service: "sqs", form: "QUEUE", gets: "the event as a message. A FIFO queue needs `SqsParameters.MessageGroupId`, which a standard queue may have too (fair queues); the deduplication id is that of the event",
		set: func(t *rules.Target, name string) bool {
			t.Queue = name
			return isQueue(name)
		},
	},
	{
		service: "sns", form: "TOPIC", gets: "the event as a message. FIFO topics are refused",
		set: func(t *rules.Target, name string) bool {
			t.Topic = name
			return !strings.ContainsAny(name, ":/") && !strings.HasSuffix(name, fifoSuffix)
		},
	},
	{
		service: "lambda", prefix: functionPrefix, form: "FUNCTION[:QUALIFIER]", gets: "the event as the payload: a [function](configuration.md#functions) of the router, whatever its `format`. The qualifier does not matter",
		set: func(t *rules.Target, name string) bool {
			t.Function, _, _ = strings.Cut(name, ":")
			return t.Function != ""
		},
	},
	{
		service: serviceEvents, prefix: busResource, form: "BUS", gets: "the event, with its time, account and region: a bus, also of another account or region. One of another account can not have `Input`, `InputPath` or `InputTransformer`",
		set: func(t *rules.Target, name string) bool {
			t.Bus = name
			return isBus(name, "/")
		},
	},
	{
		service: serviceEvents, prefix: destinationResource, form: "NAME[/UUID]", gets: "the event in a [request](#connections-and-api-destinations), with what `HttpParameters` add to it",
		set: func(t *rules.Target, name string) bool {
			t.APIDestination, _, _ = strings.Cut(name, "/")
			return name64.Takes(t.APIDestination)
		},
	},
}

// receiver makes a target be what its ARN names. Whether that exists does not matter.
func receiver(of catalog.Name, given *target, t *rules.Target) error {
	notOne := validation("Parameter %s is not valid. Reason: Provided Arn is not in correct format.", awsapi.Clip(given.ARN))
	a, err := awsapi.ParseARN(given.ARN)
	if err != nil || a.Service == "" || a.Resource == "" {
		return notOne
	}
	known, ok := false, false
	for i := range targetKinds {
		kind := &targetKinds[i]
		name, is := strings.CutPrefix(a.Resource, kind.prefix)
		known = known || kind.service == a.Service
		if kind.service == a.Service && is {
			ok = kind.set(t, name)
		}
	}
	switch {
	case !known:
		return validation("Parameter %s is not valid. Reason: The router has no targets of the service %s: it has queues of SQS, topics of SNS, functions of Lambda, event buses and API destinations.",
			awsapi.Clip(given.ARN), awsapi.Clip(a.Service))
	case t.Topic != "" && strings.HasSuffix(t.Topic, fifoSuffix):
		return validation("Parameter %s is not valid. Reason: FIFO topics can not be targets.", awsapi.Clip(given.ARN))
	case !ok || !awsapi.IsAccount(a.Account) || a.Region == "":
		return notOne
	}
	if a.Account != of.Account {
		t.Account = a.Account
	}
	if a.Region != of.Region {
		t.Region = a.Region
	}
	return nil
}

func isQueue(name string) bool {
	return queue.ValidateName(name, strings.HasSuffix(name, fifoSuffix)) == nil
}

// queueOf is the queue that an ARN names.
func queueOf(arn string) (catalog.Name, bool) {
	a, err := awsapi.ParseARN(arn)
	ok := err == nil && a.Service == "sqs" && awsapi.IsAccount(a.Account) && a.Region != "" && isQueue(a.Resource)
	return catalog.Name{Account: a.Account, Region: a.Region, Name: a.Resource}, ok
}

// targetARN is the ARN of a target as it was given.
func targetARN(of catalog.Name, t *rules.Target) string {
	if arn := t.Kept[keptARN]; arn != "" {
		return arn
	}
	kind, name := t.Receiver()
	return endpoint.TargetARN(cmp.Or(t.Account, of.Account), cmp.Or(t.Region, of.Region), kind, name)
}
