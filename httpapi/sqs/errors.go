package sqs

import (
	"errors"
	"net/http"
	"strings"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// legacy is what most codes of SQS begin with in Query.
const legacy = "AWS.SimpleQueueService."

// modelled is an error of the service's model whose name in Query has the prefix.
func modelled(shape, message string) *awsapi.Error {
	return &awsapi.Error{Shape: shape, Code: legacy + shape, Message: message}
}

func queueDoesNotExist() *awsapi.Error {
	const text = "The specified queue does not exist"
	return &awsapi.Error{
		Shape: "QueueDoesNotExist", Code: legacy + "NonExistentQueue",
		Message: text + ".", QueryMessage: text + " for this wsdl version.",
	}
}

func queueNameExists(attribute string) *awsapi.Error {
	return &awsapi.Error{
		Shape: "QueueNameExists", Code: "QueueAlreadyExists",
		Message: "A queue already exists with the same name and a different value for attribute " + attribute,
	}
}

func resourceNotFound(message string) *awsapi.Error {
	return &awsapi.Error{Shape: "ResourceNotFoundException", Status: http.StatusNotFound, Message: message}
}

func unsupportedOperation(message string) *awsapi.Error {
	return modelled("UnsupportedOperation", message)
}

func invalidAttributeName(message string) *awsapi.Error {
	return &awsapi.Error{Shape: "InvalidAttributeName", Message: message}
}

func invalidAttributeValue(message string) *awsapi.Error {
	return &awsapi.Error{Shape: "InvalidAttributeValue", Message: message}
}

func unknownAttribute(name string) *awsapi.Error {
	return invalidAttributeName("Unknown Attribute " + clip(name) + ".")
}

func invalidMessageContents(message string) *awsapi.Error {
	return &awsapi.Error{Shape: "InvalidMessageContents", Message: message}
}

// invalidValue is the commonest form of InvalidParameterValue.
func invalidValue(value, parameter, reason string) *awsapi.Error {
	return awsapi.InvalidParameterValue("Value %s for parameter %s is invalid. Reason: %s", clip(value), parameter, reason)
}

func receiptHandleIsInvalid(handle string) *awsapi.Error {
	return &awsapi.Error{
		Shape: "ReceiptHandleIsInvalid", Message: `The input receipt handle "` + clip(handle) + `" is not a valid receipt handle.`,
	}
}

// table is what clients are told of the conditions of the domain, first match first. Errors with data come before it, in
// errorOf, and those about receipts are told by the operations, which know the handle.
var table = [...]struct {
	err  error
	told func(err error) *awsapi.Error
}{
	{queue.ErrNotFound, func(error) *awsapi.Error { return queueDoesNotExist() }},
	{queue.ErrDropped, func(error) *awsapi.Error { return queueDoesNotExist() }},
	{queue.ErrExists, func(error) *awsapi.Error { return queueNameExists("") }},
	{queue.ErrKind, func(err error) *awsapi.Error { return unsupportedOperation(err.Error()) }},
	{queue.ErrOverLimit, func(error) *awsapi.Error {
		return &awsapi.Error{Shape: "OverLimit", Status: http.StatusForbidden, Message: "Too many messages of the queue are in flight."}
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
		return unsupportedOperation(e.Error())
	}
	if e, ok := errors.AsType[*queue.InvalidError](err); ok {
		// What the operations let through and the queue does not take.
		return awsapi.InvalidParameterValue("%s", clip(e.Error()))
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
