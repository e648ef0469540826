// Package storeerror has what the clients of all AWS services are told when the store can not serve them.
package storeerror

import (
	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// How long clients are asked to wait, in seconds.
const (
	fullRetry        = 10
	closedRetry      = 5
	unavailableRetry = 1
	conflictRetry    = 1
)

// With returns a service's rows with those of the store behind them.
func With(rows awsapi.ErrorTable) awsapi.ErrorTable {
	return append(rows[:len(rows):len(rows)],
		row(queue.ErrStoreFull, "The store is full: receive and delete messages to make room.", fullRetry),
		row(queue.ErrStoreClosed, "The store has stopped.", closedRetry),
		row(queue.ErrUnavailable, "The store can not be reached.", unavailableRetry),
		row(catalog.ErrConflict, "The definition was changed by others at the same time.", conflictRetry),
	)
}

func row(err error, message string, retryAfter int) awsapi.ErrorRow {
	return awsapi.On(err, func(error) *awsapi.Error { return awsapi.Unavailable(message, retryAfter) })
}
