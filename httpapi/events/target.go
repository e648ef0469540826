package events

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
)

// Limits of retry policies: retries, and seconds.
const (
	maxRetries = endpoint.EventBridgeRetries
	minAge     = int64(endpoint.EventBridgeMinAge / time.Second)
	maxAge     = int64(endpoint.EventBridgeMaxAge / time.Second)
)

// What is kept with a target, besides its role.
const (
	keptARN      = "Arn"
	keptInput    = "Input"
	keptAttempts = "MaximumRetryAttempts"
	keptAge      = "MaximumEventAgeInSeconds"
)

// makeTarget makes a target of a rule on a bus.
func makeTarget(of catalog.Name, given *target) (rules.Target, error) {
	t := rules.Target{ID: given.ID, AsEventBridge: true}
	for _, p := range given.unsupported() {
		if *p.given != nil {
			return t, validation("Parameter %s of target %s is not supported: the router has no %s.", p.name, given.ID, p.what)
		}
	}
	if err := receiver(of, given, &t); err != nil {
		return t, err
	}
	for _, set := range []func(catalog.Name, *target, *rules.Target) error{setTransform, setGroup, setHTTP, setRetry, setTargetDeadLetter} {
		if err := set(of, given, &t); err != nil {
			return t, err
		}
	}
	if targetARN(of, &t) != given.ARN {
		keep(&t.Kept, keptARN, given.ARN)
	}
	keep(&t.Kept, keptRole, given.RoleARN)
	return t, nil
}

// faulty says what is wrong with a parameter of a target.
func faulty(given *target, parameter, format string, args ...any) *awsapi.Error {
	return validation("Parameter %s of target %s is not valid. Reason: "+format, append([]any{parameter, given.ID}, args...)...)
}

func setGroup(_ catalog.Name, given *target, t *rules.Target) error {
	fifo := t.Queue != "" && strings.HasSuffix(t.Queue, fifoSuffix)
	switch {
	case fifo && (given.SQS == nil || given.SQS.MessageGroupID == ""):
		return validation("Parameter(s) SqsParameters must be specified for target: %s.", given.ID)
	case given.SQS == nil || given.SQS.MessageGroupID == "":
		return nil
	case t.Queue == "":
		return faulty(given, "SqsParameters", "the target is not an SQS queue.")
	case !isGroup(given.SQS.MessageGroupID):
		return faulty(given, "SqsParameters", "MessageGroupId can only include alphanumeric and punctuation characters.")
	}
	t.GroupText = given.SQS.MessageGroupID
	return nil
}

// isGroup says whether text can be a message group of SQS: letters, digits and punctuation of ASCII.
func isGroup(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < '!' || r > '~' })
}

func setHTTP(_ catalog.Name, given *target, t *rules.Target) error {
	if given.HTTP == nil {
		return nil
	}
	if t.APIDestination == "" {
		return faulty(given, "HttpParameters", "the target is not an API destination.")
	}
	t.HTTP = &rules.HTTPParameters{Path: given.HTTP.Path, Header: given.HTTP.Header, Query: given.HTTP.Query}
	texts := slices.Concat(t.HTTP.Path, slices.Collect(maps.Values(t.HTTP.Header)), slices.Collect(maps.Values(t.HTTP.Query)))
	for _, text := range texts {
		if !strings.HasPrefix(text, "$.") {
			continue
		}
		if _, err := rules.CompilePath(text); err != nil {
			return faulty(given, "HttpParameters", "%s: %v.", awsapi.Clip(text), err)
		}
	}
	return nil
}

func setTransform(of catalog.Name, given *target, t *rules.Target) error {
	inputs := 0
	for _, is := range []bool{given.Input != "", given.InputPath != "", given.Transformer != nil} {
		if is {
			inputs++
		}
	}
	switch {
	case inputs == 0:
		return nil
	case inputs > 1:
		return validation("Only one of Input, InputPath, or InputTransformer must be provided for target %s.", given.ID)
	case t.Bus != "" && t.Account != "":
		return validation("Input, InputPath and InputTransformer can not be provided for target %s, an event bus of another account.", given.ID)
	}
	t.Transform = &rules.Transform{InputPath: given.InputPath}
	if given.Input != "" {
		if !json.Valid([]byte(given.Input)) {
			return validation("JSON syntax error in input for target %s.", given.ID)
		}
		t.Transform.Input = keepJSON(&t.Kept, keptInput, given.Input)
	}
	if given.Transformer != nil {
		t.Transform.Template, t.Transform.Paths = given.Transformer.Template, given.Transformer.Paths
	}
	_, err := rules.CompileTransform(*t.Transform)
	return transformFault(given, err)
}

// transformFault tells the first thing that is wrong with a transform.
func transformFault(given *target, err error) error {
	e, ok := errors.AsType[*rules.TransformError](err)
	switch {
	case !ok:
		return err
	case e.Placeholder != "":
		return validation("InputTemplate for target %s contains invalid placeholder %s.", given.ID, e.Placeholder)
	case e.Field == "input":
		return validation("JSON syntax error in input for target %s: %s.", given.ID, awsapi.Clip(e.Reason))
	case given.InputPath != "":
		return faulty(given, "InputPath", "%s.", awsapi.Clip(e.Error()))
	}
	return faulty(given, "InputTransformer", "%s.", awsapi.Clip(e.Error()))
}

func setRetry(_ catalog.Name, given *target, t *rules.Target) error {
	p := given.Retry
	if p == nil || !p.Attempts.Given && !p.MaxAge.Given {
		return nil
	}
	attempts, age := p.Attempts.Or(maxRetries), p.MaxAge.Or(maxAge)
	t.Retry = new(endpoint.EventBridgeRetry(int(attempts), time.Duration(age)*time.Second))
	for name, n := range map[string]awsapi.Int{keptAttempts: p.Attempts, keptAge: p.MaxAge} {
		if n.Given {
			keep(&t.Kept, name, strconv.FormatInt(n.Value, 10))
		}
	}
	return nil
}

func setTargetDeadLetter(of catalog.Name, given *target, t *rules.Target) error {
	if given.DeadLetter == nil || given.DeadLetter.ARN == "" {
		return nil
	}
	name, ok := queueOf(given.DeadLetter.ARN)
	switch {
	case !ok:
		return faulty(given, "DeadLetterConfig.Arn", "it must be the ARN of an SQS queue.")
	case strings.HasSuffix(name.Name, fifoSuffix):
		return faulty(given, "DeadLetterConfig.Arn", "it must be the ARN of a standard SQS queue, not of a FIFO queue.")
	case name.Account != of.Account || name.Region != of.Region:
		return faulty(given, "DeadLetterConfig.Arn", "the queue must be in the account and region of the rule.")
	}
	t.DeadLetter = name.Name
	return nil
}

// targetOf undoes makeTarget, and shows a target of the file as far as EventBridge can.
func targetOf(of catalog.Name, t *rules.Target) target {
	out := target{ID: t.TargetID(), ARN: targetARN(of, t), RoleARN: t.Kept[keptRole]}
	if group := t.Group + t.GroupText; group != "" && t.Queue != "" {
		out.SQS = &sqsParameters{group}
	}
	if t.HTTP != nil {
		out.HTTP = &httpParameters{t.HTTP.Path, t.HTTP.Header, t.HTTP.Query}
	}
	if x := t.Transform; x != nil {
		out.Input, out.InputPath = keptJSON(t.Kept, keptInput, x.Input), x.InputPath
		if x.Template != "" {
			out.Transformer = &inputTransformer{x.Paths, x.Template}
		}
	}
	if attempts, age := keptInt(t, keptAttempts), keptInt(t, keptAge); attempts.Given || age.Given {
		out.Retry = &retryPolicy{attempts, age}
	}
	if t.DeadLetter != "" {
		out.DeadLetter = &deadLetterConfig{endpoint.QueueARN(of.Account, of.Region, t.DeadLetter)}
	}
	return out
}

func keptInt(t *rules.Target, name string) awsapi.Int {
	n, err := strconv.ParseInt(t.Kept[name], 10, 64)
	return awsapi.Int{Value: n, Given: err == nil}
}
