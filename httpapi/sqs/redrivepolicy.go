package sqs

import (
	"encoding/json"
	"strconv"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue"
)

// redrivePolicy is the JSON of the attribute RedrivePolicy. The count may be written as a number or as a text.
type redrivePolicy struct {
	DeadLetterTargetARN string      `json:"deadLetterTargetArn"`
	MaxReceiveCount     json.Number `json:"maxReceiveCount"`
}

const maxReceiveCount = 1000

func redrivePolicyOf(f *facts) string {
	dl := f.queue.Definition.DeadLetter
	if dl == nil {
		return ""
	}
	target := queue.Name{Account: f.queue.Name.Account, Region: f.queue.Name.Region, Name: dl.Queue}
	return toJSON(redrivePolicy{arnOf(target), json.Number(strconv.Itoa(dl.MaxReceives))})
}

func setRedrivePolicy(d *queue.Definition, name queue.Name, value string) error {
	if value == "" {
		d.DeadLetter = nil
		return nil
	}
	fault := func(reason string) error { return invalidValue(value, "RedrivePolicy", reason) }
	if !isJSONObject(value) {
		return fault("Redrive policy is not a valid JSON map.")
	}
	var p redrivePolicy
	if err := json.Unmarshal([]byte(value), &p); err != nil {
		return fault("Invalid value for maxReceiveCount, valid values are from 1 to 1000 both inclusive.")
	}
	if p.MaxReceiveCount == "" {
		return fault("Redrive policy does not contain mandatory attribute: maxReceiveCount.")
	}
	if p.DeadLetterTargetARN == "" {
		return fault("Redrive policy does not contain mandatory attribute: deadLetterTargetArn.")
	}
	n, err := strconv.Atoi(p.MaxReceiveCount.String())
	if err != nil || n < 1 || n > maxReceiveCount {
		return fault("Invalid value for maxReceiveCount: " + p.MaxReceiveCount.String() + ", valid values are from 1 to 1000 both inclusive.")
	}
	target, ok := nameOf(p.DeadLetterTargetARN)
	switch {
	case !ok:
		return fault("Invalid value for deadLetterTargetArn.")
	case target.Account != name.Account || target.Region != name.Region:
		return fault("Dead letter target must be owned by the same account and in the same region as the source.")
	case queue.ValidateName(target.Name, d.FIFO) != nil:
		return fault("Dead-letter queue must be same type of queue as the source.")
	}
	d.DeadLetter = &queue.DeadLetter{Queue: target.Name, MaxReceives: n}
	return nil
}

// redriveAllowPolicy is the JSON of the attribute RedriveAllowPolicy.
type redriveAllowPolicy struct {
	RedrivePermission string   `json:"redrivePermission"`
	SourceQueueARNs   []string `json:"sourceQueueArns,omitempty"`
}

const maxSources = 10

func redriveAllowPolicyOf(f *facts) string {
	sources := f.queue.Definition.DeadLetterSources
	if sources == nil {
		return f.queue.Definition.Kept["RedriveAllowPolicy"]
	}
	if sources.Deny {
		return toJSON(redriveAllowPolicy{RedrivePermission: "denyAll"})
	}
	p := redriveAllowPolicy{RedrivePermission: "byQueue"}
	for _, name := range sources.Queues {
		p.SourceQueueARNs = append(p.SourceQueueARNs, arnOf(queue.Name{Account: f.queue.Name.Account, Region: f.queue.Name.Region, Name: name}))
	}
	return toJSON(p)
}

func setRedriveAllowPolicy(d *queue.Definition, name queue.Name, value string) error {
	d.DeadLetterSources = nil
	keep(d, "RedriveAllowPolicy", "", "")
	if value == "" {
		return nil
	}
	fault := func(reason string) error { return invalidValue(value, "RedriveAllowPolicy", reason) }
	var p redriveAllowPolicy
	if err := json.Unmarshal([]byte(value), &p); err != nil || !isJSONObject(value) {
		return fault("Amazon SQS can't create the redrive allow policy, as it isn't valid JSON.")
	}
	if p.RedrivePermission != "byQueue" && len(p.SourceQueueARNs) > 0 {
		return fault("Amazon SQS can't create the redrive allow policy. You can specify sourceQueueArns only when redrivePermission is byQueue.")
	}
	switch p.RedrivePermission {
	case "allowAll":
		// It is as if there were none, but is shown.
		keep(d, "RedriveAllowPolicy", toJSON(p), "")
		return nil
	case "denyAll":
		d.DeadLetterSources = &queue.DeadLetterSources{Deny: true}
		return nil
	case "byQueue":
	default:
		return fault("Amazon SQS can't create the redrive allow policy. The redrivePermission must be allowAll, denyAll or byQueue.")
	}
	if n := len(p.SourceQueueARNs); n < 1 || n > maxSources {
		return fault("Amazon SQS can't create the redrive allow policy. Specify 1 to 10 sourceQueueArns.")
	}
	sources := &queue.DeadLetterSources{}
	for _, arn := range p.SourceQueueARNs {
		source, ok := nameOf(arn)
		if !ok || source.Account != name.Account || source.Region != name.Region {
			return fault("Amazon SQS can't create the redrive allow policy. " + awsapi.Clip(arn) + " is not the ARN of a queue of the same account and region.")
		}
		sources.Queues = append(sources.Queues, source.Name)
	}
	d.DeadLetterSources = sources
	return nil
}

func toJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("sqs: " + err.Error()) // plain texts
	}
	return string(b)
}
