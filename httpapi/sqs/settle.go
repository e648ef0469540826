package sqs

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue"
)

func (a *API) deleteMessage(ctx context.Context, r *awsapi.Request, in *deleteMessageInput) (*awsapi.Empty, error) {
	name, err := queueName(r, in.QueueURL)
	if err != nil {
		return nil, err
	}
	errs, err := a.broker.Acknowledge(ctx, name, []string{in.ReceiptHandle})
	if err != nil {
		return nil, err
	}
	return nil, deletion(in.ReceiptHandle, errs[0])
}

func (a *API) deleteMessageBatch(ctx context.Context, r *awsapi.Request, in *deleteMessageBatchInput) (*deleteMessageBatchOutput, error) {
	q, err := a.lookup(r, in.QueueURL)
	if err != nil {
		return nil, err
	}
	if err := checkBatch("DeleteMessageBatchRequestEntry", len(in.Entries), func(i int) string { return in.Entries[i].ID }); err != nil {
		return nil, err
	}
	handles := make([]string, len(in.Entries))
	for i := range in.Entries {
		handles[i] = in.Entries[i].ReceiptHandle
	}
	errs, err := a.broker.Acknowledge(ctx, q.Name, handles)
	if err != nil {
		return nil, err
	}
	out := &deleteMessageBatchOutput{}
	for i := range in.Entries {
		if err := out.add(in.Entries[i].ID, deletion(handles[i], errs[i])); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// deletion is what a client is told of the end of a lease that it asked for.
func deletion(handle string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, queue.ErrReceiptInvalid):
		return receiptHandleIsInvalid(handle)
	case errors.Is(err, queue.ErrReceiptExpired):
		return invalidValue(handle, "ReceiptHandle", "The receipt handle has expired.")
	}
	return err
}

func (o *deleteMessageBatchOutput) add(id string, err error) error {
	return addResult(&o.Successful, &o.Failed, id, err)
}

func (o *changeVisibilityBatchOutput) add(id string, err error) error {
	return addResult(&o.Successful, &o.Failed, id, err)
}

// addResult puts an entry of a batch where it belongs. An error that clients are not told of fails the whole batch.
func addResult(successful *[]doneEntry, failures *[]failedEntry, id string, err error) error {
	if err == nil {
		*successful = append(*successful, doneEntry{ID: id})
		return nil
	}
	e, ok := errors.AsType[*awsapi.Error](err)
	if !ok {
		if e = errorOf(err); e == nil {
			return err
		}
	}
	*failures = append(*failures, failed(id, e))
	return nil
}

func (a *API) changeVisibility(ctx context.Context, r *awsapi.Request, in *changeVisibilityInput) (*awsapi.Empty, error) {
	q, err := a.lookup(r, in.QueueURL)
	if err != nil {
		return nil, err
	}
	change, refusal := changeOf(in.ReceiptHandle, in.VisibilityTimeout)
	if refusal != nil {
		return nil, refusal
	}
	errs, err := a.broker.ChangeVisibility(ctx, q.Name, []queue.VisibilityChange{change})
	if err != nil {
		return nil, err
	}
	return nil, visibilityFault(in.ReceiptHandle, in.VisibilityTimeout, errs[0])
}

func (a *API) changeVisibilityBatch(ctx context.Context, r *awsapi.Request, in *changeVisibilityBatchInput) (*changeVisibilityBatchOutput, error) {
	q, err := a.lookup(r, in.QueueURL)
	if err != nil {
		return nil, err
	}
	if err := checkBatch("ChangeMessageVisibilityBatchRequestEntry", len(in.Entries), func(i int) string { return in.Entries[i].ID }); err != nil {
		return nil, err
	}
	faults := make([]error, len(in.Entries))
	changes := make([]queue.VisibilityChange, 0, len(in.Entries))
	index := make([]int, 0, len(in.Entries))
	for i := range in.Entries {
		change, refusal := changeOf(in.Entries[i].ReceiptHandle, in.Entries[i].VisibilityTimeout)
		if refusal != nil {
			faults[i] = refusal
			continue
		}
		changes, index = append(changes, change), append(index, i)
	}
	errs, err := a.broker.ChangeVisibility(ctx, q.Name, changes)
	if err != nil {
		return nil, err
	}
	for k, err := range errs {
		entry := &in.Entries[index[k]]
		faults[index[k]] = visibilityFault(entry.ReceiptHandle, entry.VisibilityTimeout, err)
	}
	out := &changeVisibilityBatchOutput{}
	for i := range in.Entries {
		if err := out.add(in.Entries[i].ID, faults[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func changeOf(handle string, timeout awsapi.Int) (queue.VisibilityChange, *awsapi.Error) {
	if !timeout.Given {
		return queue.VisibilityChange{}, awsapi.MissingParameter("VisibilityTimeout")
	}
	if timeout.Value < 0 || timeout.Value > maxVisibility {
		return queue.VisibilityChange{}, invalidValue(strconv.FormatInt(timeout.Value, 10), "VisibilityTimeout", "Must be >= 0 and <= 43200, if provided.")
	}
	return queue.VisibilityChange{Receipt: handle, Visibility: time.Duration(timeout.Value) * time.Second}, nil
}

func visibilityFault(handle string, timeout awsapi.Int, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, queue.ErrReceiptInvalid):
		return receiptHandleIsInvalid(handle)
	case errors.Is(err, queue.ErrNotInFlight), errors.Is(err, queue.ErrReceiptExpired):
		return invalidValue(handle, "ReceiptHandle", "Message does not exist or is not available for visibility timeout change.")
	case errors.Is(err, queue.ErrVisibilityLimit):
		return invalidValue(strconv.FormatInt(timeout.Value, 10), "VisibilityTimeout", "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]")
	}
	return err
}
