package sns

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/topic"
)

// modelled is an error of the service's model: the shape's name, which SDKs raise, is the code with another ending.
func modelled(code string, status int, message string) *awsapi.Error {
	return &awsapi.Error{Shape: code + "Exception", Code: code, Status: status, Message: message}
}

// invalidParameter is the commonest error of all. What is wrong comes after a text that all of them have.
func invalidParameter(what string) *awsapi.Error {
	return modelled("InvalidParameter", http.StatusBadRequest, "Invalid parameter: "+what)
}

// parameterValueInvalid is that of message attributes, whose shape has another name than its code.
func parameterValueInvalid(message string) *awsapi.Error {
	return &awsapi.Error{Shape: "InvalidParameterValueException", Code: "ParameterValueInvalid", Message: message}
}

func topicDoesNotExist() *awsapi.Error {
	return modelled("NotFound", http.StatusNotFound, "Topic does not exist")
}

func subscriptionDoesNotExist() *awsapi.Error {
	return modelled("NotFound", http.StatusNotFound, "Subscription does not exist")
}

func resourceDoesNotExist() *awsapi.Error {
	return modelled("ResourceNotFound", http.StatusNotFound, "Resource does not exist")
}

func authorizationError(message string) *awsapi.Error {
	return modelled("AuthorizationError", http.StatusForbidden, message)
}

// table is what clients are told of the conditions of the domain, first match first. Errors with data come before it, in
// errorOf.
var table = [...]struct {
	err  error
	told func(err error) *awsapi.Error
}{
	{topic.ErrNotFound, func(error) *awsapi.Error { return topicDoesNotExist() }},
	{topic.ErrSubscriptionNotFound, func(error) *awsapi.Error { return subscriptionDoesNotExist() }},
	{topic.ErrSubscriptionLimit, func(error) *awsapi.Error {
		return modelled("SubscriptionLimitExceeded", http.StatusForbidden, fmt.Sprintf("A FIFO topic takes %d subscriptions.", topic.MaxFIFOSubscriptions))
	}},
	{topic.ErrToken, func(error) *awsapi.Error { return invalidParameter("Token") }},
	{topic.ErrArchived, func(error) *awsapi.Error {
		return modelled("InvalidState", http.StatusBadRequest, "Invalid state: A topic with an active ArchivePolicy can not be deleted. Set ArchivePolicy to {} first.")
	}},
	{topic.ErrUnsubscribeDenied, func(error) *awsapi.Error {
		return authorizationError("The subscription was confirmed with AuthenticateOnUnsubscribe: only a request with credentials may end it.")
	}},
	{queue.ErrStoreFull, func(error) *awsapi.Error {
		return awsapi.Unavailable("The store is full: receive and delete messages to make room.", storeFullRetry)
	}},
	{queue.ErrStoreClosed, func(error) *awsapi.Error {
		return awsapi.Unavailable("The store has stopped.", storeClosedRetry)
	}},
	{queue.ErrUnavailable, func(error) *awsapi.Error {
		return awsapi.Unavailable("The store can not be reached.", storeUnavailableRetry)
	}},
	{catalog.ErrConflict, func(error) *awsapi.Error {
		return awsapi.Unavailable("The definition was changed by others at the same time.", 1)
	}},
}

// How long clients are asked to wait, in seconds.
const (
	storeFullRetry        = 10
	storeClosedRetry      = 5
	storeUnavailableRetry = 1
)

// errorOf is the service's table of errors.
func errorOf(err error) *awsapi.Error {
	if e, ok := errors.AsType[*catalog.ManagedError](err); ok {
		return authorizationError(e.Error())
	}
	if e, ok := errors.AsType[*topic.InvalidError](err); ok {
		// What the operations let through and the topic does not take.
		return invalidParameter(clip(e.Error()))
	}
	for _, row := range table {
		if errors.Is(err, row.err) {
			return row.told(err)
		}
	}
	return nil
}

// clip keeps what a client sent short enough to be part of a text.
func clip(s string) string {
	const most = 1024
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
