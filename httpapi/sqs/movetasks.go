package sqs

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue"
)

const (
	maxMoveRate  = 500
	maxMoveTasks = 10
)

func (a *API) startMessageMoveTask(ctx context.Context, _ *awsapi.Request, in *startMoveInput) (*taskHandle, error) {
	if v := in.Rate; v.Given && (v.Value < 1 || v.Value > maxMoveRate) {
		return nil, invalidValue(strconv.FormatInt(v.Value, 10), "MaxNumberOfMessagesPerSecond", "Must be between 1 and 500, if provided.")
	}
	source, err := a.moveQueue(in.SourceARN, "SourceArn")
	if err != nil {
		return nil, err
	}
	var destination *queue.Name
	if in.DestinationARN != "" {
		name, err := a.moveQueue(in.DestinationARN, "DestinationArn")
		if err != nil {
			return nil, err
		}
		destination = &name
	}
	redrive, err := a.redrives.Start(ctx, source, destination, int(in.Rate.Or(0)))
	if err != nil {
		return nil, moveFault(err)
	}
	return &taskHandle{handleOf(&redrive)}, nil
}

// moveQueue is the queue that an ARN of the request names.
func (a *API) moveQueue(arn, parameter string) (queue.Name, error) {
	name, ok := nameOf(arn)
	if !ok {
		return name, noSuchQueue(parameter)
	}
	_, err := a.broker.Lookup(name)
	if errors.Is(err, queue.ErrNotFound) {
		return name, noSuchQueue(parameter)
	}
	return name, err
}

func noSuchQueue(parameter string) error {
	return resourceNotFound("The resource that you specified for the " + parameter + " parameter doesn't exist.")
}

func moveFault(err error) error {
	switch {
	case errors.Is(err, queue.ErrRedriveSource): // it was deleted since it was looked for
		return noSuchQueue("SourceArn")
	case errors.Is(err, queue.ErrRedriveDestination):
		return noSuchQueue("DestinationArn")
	case errors.Is(err, queue.ErrNotDeadLetterQueue):
		return awsapi.InvalidParameterValue("Source queue must be configured as a Dead Letter Queue.")
	case errors.Is(err, queue.ErrRedriveRunning):
		return awsapi.InvalidParameterValue("There is already a task running. Only one active task is allowed for a source queue arn at a given time.")
	case errors.Is(err, queue.ErrTransferNotFound), errors.Is(err, queue.ErrTransferEnded):
		return resourceNotFound("Task does not exist.")
	}
	return err
}

// handle is what a task's handle holds, as base64 of JSON.
type handle struct {
	TaskID    string `json:"taskId"`
	SourceARN string `json:"sourceArn"`
}

func handleOf(r *queue.Redrive) string {
	return base64.StdEncoding.EncodeToString([]byte(toJSON(handle{r.ID, arnOf(r.Source)})))
}

func (a *API) cancelMessageMoveTask(ctx context.Context, _ *awsapi.Request, in *taskHandle) (*cancelMoveOutput, error) {
	var h handle
	b, err := base64.StdEncoding.DecodeString(in.TaskHandle)
	if err == nil {
		err = json.Unmarshal(b, &h)
	}
	source, ok := nameOf(h.SourceARN)
	if err != nil || !ok || h.TaskID == "" {
		return nil, awsapi.InvalidParameterValue("Value for parameter TaskHandle is invalid.")
	}
	redrive, err := a.redrives.Cancel(ctx, source, h.TaskID)
	if err != nil {
		return nil, moveFault(err)
	}
	return &cancelMoveOutput{awsapi.IntOf(redrive.Moved)}, nil
}

// moveStatus is what a client is told of the state of a redrive.
var moveStatus = map[queue.TransferState]string{
	queue.TransferRunning: "RUNNING", queue.TransferHeld: "RUNNING", queue.TransferCompleted: "COMPLETED",
	queue.TransferCancelled: "CANCELLED", queue.TransferFailed: "FAILED",
}

func (a *API) listMessageMoveTasks(_ context.Context, _ *awsapi.Request, in *listMovesInput) (*listMovesOutput, error) {
	limit := in.MaxResults.Or(1)
	if limit < 1 || limit > maxMoveTasks {
		return nil, invalidValue(strconv.FormatInt(limit, 10), "MaxResults", "Must be between 1 and 10, if provided.")
	}
	source, err := a.moveQueue(in.SourceARN, "SourceArn")
	if err != nil {
		return nil, err
	}
	redrives, err := a.redrives.List(source, int(limit))
	if err != nil {
		return nil, moveFault(err)
	}
	out := &listMovesOutput{}
	for i := range redrives {
		r := &redrives[i]
		task := moveTask{
			Status: moveStatus[r.State], SourceARN: arnOf(r.Source), Moved: awsapi.IntOf(r.Moved),
			Started: awsapi.IntOf(r.Started.UnixMilli()),
		}
		if r.Destination != nil {
			task.DestinationARN = arnOf(*r.Destination)
		}
		if r.Rate > 0 {
			task.Rate = awsapi.IntOf(int64(r.Rate))
		}
		if r.Total >= 0 {
			task.ToMove = awsapi.IntOf(r.Total)
		}
		switch task.Status {
		case "RUNNING":
			task.TaskHandle = handleOf(r)
		case "FAILED":
			task.FailureReason = r.Error
		}
		out.Results = append(out.Results, task)
	}
	return out, nil
}
