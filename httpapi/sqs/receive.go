package sqs

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/httpapi/longpoll"
	"github.com/signalbox-mq/signalbox/queue"
)

const (
	maxReceive    = 10
	maxWait       = 20
	maxVisibility = 43200
	maxAttemptID  = 128
	// attemptWindow is for how long a receive can be repeated by its ReceiveRequestAttemptId.
	attemptWindow = 5 * time.Minute
)

func (a *API) receiveMessage(ctx context.Context, r *awsapi.Request, in *receiveMessageInput) (*receiveMessageOutput, error) {
	q, err := a.lookup(r, in.QueueURL)
	if err != nil {
		return nil, err
	}
	req, refusal := receiveOf(in)
	if refusal != nil {
		return nil, refusal
	}
	show, refusal := systemNamesOf(in.AttributeNames, in.SystemAttributeNames)
	if refusal != nil {
		return nil, refusal
	}
	if q.Definition.FIFO && in.AttemptID != "" {
		req.Attempt, req.AttemptWindow = in.AttemptID, attemptWindow
	}
	if req.Wait == nil && q.Definition.ReceiveWait > 0 || req.Wait != nil && *req.Wait > 0 {
		var cancel context.CancelFunc
		ctx, cancel = longpoll.Until(ctx)
		defer cancel()
	}
	messages, err := a.broker.Receive(ctx, q.Name, req)
	switch {
	case err != nil && longpoll.Stopped(ctx):
		err = nil // the server stops: the poll ends as if its wait were over
	case errors.Is(err, queue.ErrOverLimit) && q.Definition.FIFO:
		err = nil // a FIFO queue has the limit, but no error for it
	}
	if err != nil {
		return nil, err
	}
	out := &receiveMessageOutput{}
	if len(messages) == 0 {
		return out, nil
	}
	out.Messages = make([]incoming, len(messages))
	for i := range messages {
		if err := a.tell(&out.Messages[i], &q, &messages[i], show, in.MessageAttributeNames); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func receiveOf(in *receiveMessageInput) (queue.Receive, *awsapi.Error) {
	req := queue.Receive{Max: int(in.Max.Or(1))}
	outside := func(value awsapi.Int, parameter, reason string) *awsapi.Error {
		return invalidValue(strconv.FormatInt(value.Value, 10), parameter, reason)
	}
	if in.Max.Given && (in.Max.Value < 1 || in.Max.Value > maxReceive) {
		return req, outside(in.Max, "MaxNumberOfMessages", "Must be between 1 and 10, if provided.")
	}
	if v := in.WaitTimeSeconds; v.Given {
		if v.Value < 0 || v.Value > maxWait {
			return req, outside(v, "WaitTimeSeconds", "Must be >= 0 and <= 20, if provided.")
		}
		wait := time.Duration(v.Value) * time.Second
		req.Wait = &wait
	}
	if v := in.VisibilityTimeout; v.Given {
		if v.Value < 0 || v.Value > maxVisibility {
			return req, outside(v, "VisibilityTimeout", "Must be >= 0 and <= 43200, if provided.")
		}
		visibility := time.Duration(v.Value) * time.Second
		req.Visibility = &visibility
	}
	if in.AttemptID != "" && (len(in.AttemptID) > maxAttemptID || !isToken(in.AttemptID)) {
		return req, invalidValue(in.AttemptID, "ReceiveRequestAttemptId", "ReceiveRequestAttemptId can only include alphanumeric and punctuation characters. 1 to 128 in length.")
	}
	return req, nil
}

// systemNames is a set of system attributes, a bit for each of systemAttributeNames.
type systemNames uint16

// systemAttributeNames are the system attributes that a receiver may ask for.
var systemAttributeNames = [...]string{
	"SenderId", "SentTimestamp", "ApproximateReceiveCount", "ApproximateFirstReceiveTimestamp", "SequenceNumber",
	"MessageDeduplicationId", "MessageGroupId", traceHeader, "DeadLetterQueueSourceArn",
}

const allSystemNames = 1<<len(systemAttributeNames) - 1

// systemNamesOf reads the two lists in which a receiver may ask for system attributes; they combine.
func systemNamesOf(lists ...[]string) (systemNames, *awsapi.Error) {
	var set systemNames
	for _, names := range lists {
		for _, name := range names {
			bit, ok := systemName(name)
			if !ok {
				return 0, unknownAttribute(name)
			}
			set |= bit
		}
	}
	return set, nil
}

func systemName(name string) (systemNames, bool) {
	if name == "All" {
		return allSystemNames, true
	}
	for i, known := range systemAttributeNames {
		if name == known {
			return 1 << i, true
		}
	}
	// AttributeNames had queue attributes among its values once, which say nothing about a message.
	_, isQueueAttribute := findAttribute(name)
	return 0, isQueueAttribute
}

// tell makes of a message what its receiver is told.
func (a *API) tell(out *incoming, q *queue.Queue, m *queue.Message, show systemNames, names []string) error {
	out.MessageID, out.ReceiptHandle = m.ID.String(), m.Receipt.String()
	out.Body, out.MD5OfBody = m.Body, md5Of(m.Body)
	if show != 0 {
		var err error
		if out.System, err = a.systemAttributesOf(q, m, show); err != nil {
			return err
		}
	}
	if len(names) == 0 || len(m.Attributes) == 0 {
		return nil
	}
	wanted := m.Attributes
	if slices.ContainsFunc(wanted, func(a queue.Attribute) bool { return !asked(names, a.Name) }) {
		wanted = slices.DeleteFunc(slices.Clone(wanted), func(a queue.Attribute) bool { return !asked(names, a.Name) })
	}
	out.Attributes = make([]attributeValue, 0, len(wanted))
	for _, attr := range wanted {
		value := attributeValue{Name: attr.Name, DataType: attr.Type}
		if isBinary(attr.Type) {
			value.BinaryValue = attr.Value
		} else {
			value.StringValue = attr.Value
		}
		out.Attributes = append(out.Attributes, value)
	}
	out.MD5OfAttributes = md5OfAttributes(wanted)
	return nil
}

// asked says whether a receiver wants an attribute: by its name, by "prefix.*" if its name begins so, or by "All" or ".*".
func asked(names []string, name string) bool {
	for _, n := range names {
		if n == name || n == "All" || n == ".*" {
			return true
		}
		if prefix, ok := strings.CutSuffix(n, ".*"); ok && strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func (a *API) systemAttributesOf(q *queue.Queue, m *queue.Message, show systemNames) ([]systemAttribute, error) {
	attrs := make([]systemAttribute, 0, len(systemAttributeNames))
	for i, name := range systemAttributeNames {
		if show&(1<<i) == 0 {
			continue
		}
		value := ""
		switch name {
		case "SenderId":
			// What the router sent itself, for a rule or a topic, came from the queue's own account.
			if value = m.Sender; value == "" {
				value = q.Name.Account
			}
		case "SentTimestamp":
			value = strconv.FormatInt(m.Sent.UnixMilli(), 10)
		case "ApproximateReceiveCount":
			value = strconv.Itoa(m.Receives)
		case "ApproximateFirstReceiveTimestamp":
			value = strconv.FormatInt(m.FirstReceived.UnixMilli(), 10)
		case "SequenceNumber":
			if q.Definition.FIFO {
				value = sequenceNumber(m.Sequence)
			}
		case "MessageDeduplicationId":
			value = m.DedupID
		case "MessageGroupId":
			value = m.Group
		case traceHeader:
			trace, _ := m.SystemAttribute(traceHeader)
			value = string(trace.Value)
		case "DeadLetterQueueSourceArn":
			if m.Source != 0 {
				source, ok, err := a.broker.NameOf(m.Source)
				if err != nil {
					return nil, err
				}
				if ok {
					value = arnOf(source)
				}
			}
		}
		if value != "" {
			attrs = append(attrs, systemAttribute{Key: name, Value: value})
		}
	}
	return attrs, nil
}
