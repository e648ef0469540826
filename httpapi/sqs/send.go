package sqs

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue"
)

// maxBatchBytes is the most that the messages of a batch may have together, whatever the queue's limit.
const maxBatchBytes = 1 << 20

func (a *API) sendMessage(ctx context.Context, r *awsapi.Request, in *sendMessageInput) (*accepted, error) {
	q, err := a.lookup(r, in.QueueURL)
	if err != nil {
		return nil, err
	}
	if q.Definition.FIFO && in.GroupID == "" {
		return nil, awsapi.MissingParameter("MessageGroupId")
	}
	if size, most := messageSize(&in.outgoing), maxMessageSize(&q.Definition); size > most {
		return nil, awsapi.InvalidParameterValue("One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", most)
	}
	m, refusal := toSend(r, &q, &in.outgoing)
	if refusal != nil {
		return nil, refusal
	}
	sent, err := a.broker.Send(ctx, q.Name, []queue.Send{m})
	if err != nil {
		return nil, err
	}
	out := acceptedOf(&q, &m, &sent[0])
	return &out, nil
}

func (a *API) sendMessageBatch(ctx context.Context, r *awsapi.Request, in *sendMessageBatchInput) (*sendMessageBatchOutput, error) {
	q, err := a.lookup(r, in.QueueURL)
	if err != nil {
		return nil, err
	}
	if err := checkBatch("SendMessageBatchRequestEntry", len(in.Entries), func(i int) string { return in.Entries[i].ID }); err != nil {
		return nil, err
	}
	total := 0
	for i := range in.Entries {
		if q.Definition.FIFO && in.Entries[i].GroupID == "" {
			// The text is that of a missing parameter, the code is not, and it is the whole batch that fails (observed).
			return nil, awsapi.InvalidParameterValue("The request must contain the parameter MessageGroupId.")
		}
		total += messageSize(&in.Entries[i].outgoing)
	}
	if total > maxBatchBytes {
		return nil, modelled("BatchRequestTooLong", fmt.Sprintf("Batch requests cannot be longer than %d bytes. You have sent %d bytes.", maxBatchBytes, total))
	}
	out := &sendMessageBatchOutput{}
	messages := make([]queue.Send, 0, len(in.Entries))
	ids := make([]string, 0, len(in.Entries))
	for i := range in.Entries {
		entry := &in.Entries[i]
		m, refusal := toSend(r, &q, &entry.outgoing)
		if size, most := messageSize(&entry.outgoing), maxMessageSize(&q.Definition); size > most {
			refusal = awsapi.InvalidParameterValue("One or more parameters cannot be validated. Reason: Message must be shorter than %d bytes.", most)
		}
		if refusal != nil {
			out.Failed = append(out.Failed, failed(entry.ID, refusal))
			continue
		}
		messages, ids = append(messages, m), append(ids, entry.ID)
	}
	if len(messages) == 0 {
		return out, nil
	}
	sent, err := a.broker.Send(ctx, q.Name, messages)
	if err != nil {
		return nil, err
	}
	out.Successful = make([]acceptedEntry, len(sent))
	for i := range sent {
		out.Successful[i] = acceptedEntry{ID: ids[i], accepted: acceptedOf(&q, &messages[i], &sent[i])}
	}
	return out, nil
}

func maxMessageSize(d *queue.Definition) int {
	if d.MaxMessageSize == 0 {
		return queue.DefaultMessageSize
	}
	return d.MaxMessageSize
}

// toSend checks a message for a queue by the rules of SQS, but for its size and that a FIFO queue's has a group.
func toSend(r *awsapi.Request, q *queue.Queue, m *outgoing) (queue.Send, *awsapi.Error) {
	none := queue.Send{}
	if !allowed(m.Body) {
		return none, invalidMessageContents("Invalid characters found. " + validCharacters)
	}
	attrs, refusal := messageAttributes(m.Attributes)
	if refusal != nil {
		return none, refusal
	}
	system, refusal := systemAttributes(m.SystemAttributes)
	if refusal != nil {
		return none, refusal
	}
	if m.GroupID != "" && !isToken(m.GroupID) {
		return none, invalidValue(m.GroupID, "MessageGroupId", "MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length.")
	}
	if m.DedupID != "" && !isToken(m.DedupID) {
		return none, invalidValue(m.DedupID, "MessageDeduplicationId", "MessageDeduplicationId can only include alphanumeric and punctuation characters. 1 to 128 in length.")
	}
	s := queue.Send{Body: m.Body, Attributes: attrs, System: system, Group: m.GroupID, DedupID: m.DedupID, Sender: r.Account}
	if m.DelaySeconds.Given {
		seconds := m.DelaySeconds.Value
		switch {
		case seconds < 0 || seconds > 900:
			return none, invalidValue(strconv.FormatInt(seconds, 10), "DelaySeconds", "DelaySeconds must be >= 0 and <= 900.")
		case !q.Definition.FIFO:
			delay := time.Duration(seconds) * time.Second
			s.Delay = &delay
		case seconds != 0:
			return none, invalidValue(strconv.FormatInt(seconds, 10), "DelaySeconds", "The request include parameter that is not valid for this queue type.")
		}
	}
	switch {
	case !q.Definition.FIFO && m.DedupID != "":
		return none, invalidValue(m.DedupID, "MessageDeduplicationId", "The request includes a parameter that is not valid for this queue type.")
	case q.Definition.FIFO && m.DedupID == "" && !q.Definition.ContentBasedDeduplication:
		return none, awsapi.InvalidParameterValue("The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
	}
	return s, nil
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

// acceptedOf is what the sender is told of a message. A duplicate has the id and number of the message accepted first, and the
// digests of what was sent.
func acceptedOf(q *queue.Queue, m *queue.Send, sent *queue.Sent) accepted {
	out := accepted{
		MessageID: sent.ID.String(), MD5OfBody: md5Of(m.Body),
		MD5OfAttributes: md5OfAttributes(m.Attributes), MD5OfSystemAttributes: md5OfAttributes(m.System),
	}
	if q.Definition.FIFO {
		out.SequenceNumber = sequenceNumber(sent.Sequence)
	}
	return out
}

// sequenceNumber writes a sequence number in 20 digits, so that the texts order as the numbers do.
func sequenceNumber(n uint64) string {
	s := strconv.FormatUint(n, 10)
	return "00000000000000000000"[:20-len(s)] + s
}
