package sns

import (
	"context"
	"net/http"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/topic"
)

const (
	maxBatch   = 10
	maxBatchID = 80
)

func (a *API) publishBatch(ctx context.Context, r *awsapi.Request, in *publishBatchInput) (*publishBatchOutput, error) {
	if err := checkBatch(in.Entries); err != nil {
		return nil, err
	}
	name, err := topicName(r, "TopicArn", in.TopicARN)
	if err != nil {
		return nil, err
	}
	e, err := a.topics.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	out := &publishBatchOutput{}
	messages := make([]topic.Message, 0, len(in.Entries))
	ids := make([]string, 0, len(in.Entries))
	total := 0
	for i := range in.Entries {
		entry := &in.Entries[i]
		total += sizeOf(&entry.outgoing)
		m, failure, err := batchMessage(r, &e.Topic, &entry.outgoing)
		switch {
		case err != nil:
			return nil, err
		case failure != nil:
			out.Failed = append(out.Failed, failedEntry{ID: entry.ID, Code: failure.QueryCode(), Message: failure.Message, SenderFault: failure.Sender()})
		default:
			messages, ids = append(messages, m), append(ids, entry.ID)
		}
	}
	if total > maxMessage(&e.Topic) {
		return nil, modelled("BatchRequestTooLong", http.StatusBadRequest, "The length of all the messages put together is more than the limit.")
	}
	if len(messages) == 0 {
		return out, nil
	}
	published, err := a.topics.Publish(ctx, topic.Publish{Topic: name, Messages: messages})
	if err != nil {
		return nil, messageFault(err)
	}
	out.Successful = make([]acceptedEntry, len(published))
	for i := range published {
		out.Successful[i] = acceptedEntry{ID: ids[i], accepted: accepted{published[i].ID, published[i].Sequence}}
	}
	return out, nil
}

// batchMessage makes a message of an entry. What is wrong with its attributes, or missing for a FIFO topic, fails the whole
// batch (observed); the rest only the entry.
func batchMessage(r *awsapi.Request, t *topic.Topic, entry *outgoing) (m topic.Message, failure *awsapi.Error, err error) {
	if t.FIFO {
		if refusal := checkOrder(t, entry); refusal != nil {
			return m, nil, refusal
		}
	}
	if _, refusal := messageAttributes(entry.Attributes); refusal != nil {
		return m, nil, refusal
	}
	if failure = checkContent(entry); failure != nil {
		return m, failure, nil
	}
	if failure = checkOrder(t, entry); failure != nil {
		return m, failure, nil
	}
	if m, failure = toPublish(r, entry); failure != nil {
		return m, failure, nil
	}
	if err := m.Validate(t); err != nil {
		return m, errorOf(messageFault(err)), nil
	}
	return m, nil, nil
}

// checkBatch refuses a batch of which the number of entries or the ids are not acceptable.
func checkBatch(entries []batchEntry) error {
	switch {
	case len(entries) == 0:
		return modelled("EmptyBatchRequest", http.StatusBadRequest, "The batch request doesn't contain any entries.")
	case len(entries) > maxBatch:
		return modelled("TooManyEntriesInBatchRequest", http.StatusBadRequest, "The batch request contains more entries than permissible.")
	}
	seen := make(map[string]bool, len(entries))
	for i := range entries {
		id := entries[i].ID
		switch {
		case !awsapi.IsLabel(id):
			return modelled("InvalidBatchEntryId", http.StatusBadRequest, "The Id of a batch entry in the batch request contains an impermissible character: "+awsapi.Clip(id))
		case len(id) > maxBatchID:
			return modelled("InvalidBatchEntryId", http.StatusBadRequest, "The Id of a batch entry in the batch request is too long: "+awsapi.Clip(id))
		case seen[id]:
			return modelled("BatchEntryIdsNotDistinct", http.StatusBadRequest, "Two or more batch entries in the request have the same Id.")
		}
		seen[id] = true
	}
	return nil
}
