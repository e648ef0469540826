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

// receiver makes a target be what its ARN names. Whether that exists does not matter.
func receiver(of catalog.Name, given *target, t *rules.Target) error {
	notOne := validation("Parameter %s is not valid. Reason: Provided Arn is not in correct format.", awsapi.Clip(given.ARN))
	a, err := awsapi.ParseARN(given.ARN)
	if err != nil || a.Service == "" || a.Resource == "" {
		return notOne
	}
	ok := false
	switch a.Service {
	case "sqs":
		t.Queue = a.Resource
		ok = isQueue(a.Resource)
	case "sns":
		if strings.HasSuffix(a.Resource, fifoSuffix) {
			return validation("Parameter %s is not valid. Reason: FIFO topics can not be targets.", awsapi.Clip(given.ARN))
		}
		t.Topic = a.Resource
		ok = !strings.ContainsAny(a.Resource, ":/")
	case "lambda":
		t.Function, ok = functionOf(a.Resource)
	case serviceEvents:
		if name, is := strings.CutPrefix(a.Resource, busResource); is {
			t.Bus, ok = name, isBus(name, "/")
		} else if name, is := strings.CutPrefix(a.Resource, destinationResource); is {
			name, _, _ = strings.Cut(name, "/")
			t.APIDestination, ok = name, name64.Takes(name)
		}
	default:
		return validation("Parameter %s is not valid. Reason: The router has no targets of the service %s: it has queues of SQS, topics of SNS, functions of Lambda, event buses and API destinations.",
			awsapi.Clip(given.ARN), awsapi.Clip(a.Service))
	}
	if !ok || !awsapi.IsAccount(a.Account) || a.Region == "" {
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

// functionOf is the function that the resource of an ARN names: function:NAME, function:NAME:QUALIFIER.
func functionOf(resource string) (name string, ok bool) {
	name, ok = strings.CutPrefix(resource, functionPrefix)
	name, _, _ = strings.Cut(name, ":")
	return name, ok && name != ""
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
