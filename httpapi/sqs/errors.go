package sqs

import (
	"errors"
	"net/http"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/httpapi/awsapi/storeerror"
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
	return invalidAttributeName("Unknown Attribute " + awsapi.Clip(name) + ".")
}

func invalidMessageContents(message string) *awsapi.Error {
	return &awsapi.Error{Shape: "InvalidMessageContents", Message: message}
}

// invalidValue is the commonest form of InvalidParameterValue.
func invalidValue(value, parameter, reason string) *awsapi.Error {
	return awsapi.InvalidParameterValue("Value %s for parameter %s is invalid. Reason: %s", awsapi.Clip(value), parameter, reason)
}

func receiptHandleIsInvalid(handle string) *awsapi.Error {
	return &awsapi.Error{
		Shape: "ReceiptHandleIsInvalid", Message: `The input receipt handle "` + awsapi.Clip(handle) + `" is not a valid receipt handle.`,
	}
}

// table is what clients are told of the conditions of the domain, first match first. Errors with data come before it, in
// errorOf, and those about receipts are told by the operations, which know the handle.
var table = storeerror.With(awsapi.ErrorTable{
	awsapi.On(queue.ErrNotFound, func(error) *awsapi.Error { return queueDoesNotExist() }),
	awsapi.On(queue.ErrDropped, func(error) *awsapi.Error { return queueDoesNotExist() }),
	awsapi.On(queue.ErrExists, func(error) *awsapi.Error { return queueNameExists("") }),
	awsapi.On(queue.ErrKind, func(err error) *awsapi.Error { return unsupportedOperation(err.Error()) }),
	awsapi.On(queue.ErrOverLimit, func(error) *awsapi.Error {
		return &awsapi.Error{Shape: "OverLimit", Status: http.StatusForbidden, Message: "Too many messages of the queue are in flight."}
	}),
})

// errorOf is the service's table of errors.
func errorOf(err error) *awsapi.Error {
	if e, ok := errors.AsType[*catalog.ManagedError](err); ok {
		return unsupportedOperation(e.Error())
	}
	if e, ok := errors.AsType[*queue.InvalidError](err); ok {
		// What the operations let through and the queue does not take.
		return awsapi.InvalidParameterValue("%s", awsapi.Clip(e.Error()))
	}
	return table.Of(err)
}
