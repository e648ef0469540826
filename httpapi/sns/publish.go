package sns

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/topic"
)

// maxTrace is how long a tracing header may be to be passed on.
const maxTrace = 1024

func (a *API) publish(ctx context.Context, r *awsapi.Request, in *publishInput) (*accepted, error) {
	if refusal := checkContent(&in.outgoing); refusal != nil {
		return nil, refusal
	}
	m, refusal := toPublish(r, &in.outgoing)
	if refusal != nil {
		return nil, refusal
	}
	name, err := publishTarget(r, in)
	if err != nil {
		return nil, err
	}
	e, err := a.topics.Get(ctx, name)
	if err != nil {
		return nil, targetFault(in, err)
	}
	if sizeOf(&in.outgoing) > maxMessage(&e.Topic) {
		return nil, invalidParameter("Message too long")
	}
	if refusal := checkOrder(&e.Topic, &in.outgoing); refusal != nil {
		return nil, refusal
	}
	published, err := a.topics.Publish(ctx, topic.Publish{Topic: name, Messages: []topic.Message{m}})
	if err != nil {
		return nil, messageFault(targetFault(in, err))
	}
	return &accepted{published[0].ID, published[0].Sequence}, nil
}

// publishTarget is the topic to publish to.
func publishTarget(r *awsapi.Request, in *publishInput) (catalog.Name, error) {
	switch {
	case in.PhoneNumber != "":
		return catalog.Name{}, invalidParameter("PhoneNumber Reason: The router sends no text messages")
	case in.TopicARN != "" && in.TargetARN != "" && in.TopicARN != in.TargetARN:
		return catalog.Name{}, invalidParameter("TopicArn or TargetArn Reason: only one of them can be given")
	case in.TopicARN != "":
		return topicName(r, "TopicArn", in.TopicARN)
	case in.TargetARN == "":
		return catalog.Name{}, invalidParameter("TopicArn or TargetArn Reason: no value for required parameter")
	case strings.Contains(in.TargetARN, ":endpoint/"):
		return catalog.Name{}, noTarget()
	}
	return topicName(r, "TargetArn", in.TargetARN)
}

// targetFault tells that there is no topic in the words of the parameter that named it.
func targetFault(in *publishInput, err error) error {
	if in.TopicARN == "" && errors.Is(err, topic.ErrNotFound) {
		return noTarget()
	}
	return err
}

func noTarget() *awsapi.Error {
	return invalidParameter("TargetArn Reason: No endpoint found for the target arn specified")
}

// checkContent checks what a message says.
func checkContent(m *outgoing) *awsapi.Error {
	switch {
	case m.Subject != nil && !isSubject(m.Subject):
		return invalidParameter("Subject")
	case len(m.Message) == 0:
		return invalidParameter("Empty message")
	case !utf8.Valid(m.Message):
		return invalidParameter("Message Reason: it must be UTF-8")
	case m.Structure != "" && m.Structure != structureJSON:
		return invalidParameter("MessageStructure")
	}
	return nil
}

// isSubject says whether text can be a subject: 1 to 100 characters in one line, none of them a control character.
func isSubject(text []byte) bool {
	n := utf8.RuneCount(text)
	if n < 1 || n > topic.MaxSubjectLength || !utf8.Valid(text) {
		return false
	}
	for _, b := range text {
		if b < ' ' || b == 0x7f {
			return false
		}
	}
	return true
}

// sizeOf is what counts toward the limit of a message, in bytes: the message, and each attribute's name, type and value.
func sizeOf(m *outgoing) int {
	n := len(m.Message)
	for i := range m.Attributes {
		a := &m.Attributes[i]
		n += len(a.Name) + len(a.DataType) + len(a.StringValue) + len(a.BinaryValue)
	}
	return n
}

// toPublish makes a message of what was given, whose content is checked already.
func toPublish(r *awsapi.Request, m *outgoing) (topic.Message, *awsapi.Error) {
	attrs, refusal := messageAttributes(m.Attributes)
	if refusal != nil {
		return topic.Message{}, refusal
	}
	out := topic.Message{Body: m.Message, Subject: string(m.Subject), Attributes: attrs, Group: m.GroupID, DedupID: m.DedupID}
	if len(r.Trace) <= maxTrace {
		out.Trace = r.Trace
	}
	if m.Structure == structureJSON {
		if out.Body, out.Variants, refusal = perProtocol(m.Message); refusal != nil {
			return topic.Message{}, refusal
		}
	}
	return out, nil
}

// checkOrder checks what a message says of its group and of repeats, which depends on the kind of the topic.
func checkOrder(t *topic.Topic, m *outgoing) *awsapi.Error {
	switch {
	case t.FIFO && m.GroupID == "":
		return invalidParameter("The MessageGroupId parameter is required for FIFO topics")
	case t.FIFO && m.DedupID == "" && !t.ContentBasedDeduplication:
		return invalidParameter("The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
	case !t.FIFO && m.DedupID != "":
		return invalidParameter("MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type")
	case m.GroupID != "" && !isToken(m.GroupID):
		return invalidParameter("MessageGroupId Reason: it can only include alphanumeric and punctuation characters. 1 to 128 in length.")
	case m.DedupID != "" && !isToken(m.DedupID):
		return invalidParameter("MessageDeduplicationId Reason: it can only include alphanumeric and punctuation characters. 1 to 128 in length.")
	}
	return nil
}

// isToken says whether s can be a group or deduplication ID: 1 to 128 letters, digits and punctuation of ASCII.
func isToken(s string) bool {
	if len(s) < 1 || len(s) > 128 {
		return false
	}
	for i := range len(s) {
		if s[i] < '!' || s[i] > '~' {
			return false
		}
	}
	return true
}

var messageField = regexp.MustCompile(`^(?:messages\[\d+\]\.)?([a-z_]+)`)

// messageFault tells what the topic does not take of a message in the terms of the request.
func messageFault(err error) error {
	e, ok := errors.AsType[*topic.InvalidError](err)
	if !ok {
		return err
	}
	at := messageField.FindStringSubmatch(e.Field)
	if at == nil {
		return err
	}
	switch at[1] {
	case "attributes":
		return parameterValueInvalid("The message attributes are invalid: " + awsapi.Clip(strings.TrimPrefix(e.Field, strings.TrimSuffix(at[0], at[1]))+" "+e.Reason))
	case "subject":
		return invalidParameter("Subject")
	case "body":
		return invalidParameter("Message Reason: " + awsapi.Clip(e.Reason))
	}
	return err
}
