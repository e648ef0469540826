package sns

import (
	"errors"
	"net/http"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/httpapi/awsapi/storeerror"
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
var table = storeerror.With(awsapi.ErrorTable{
	awsapi.On(topic.ErrNotFound, func(error) *awsapi.Error { return topicDoesNotExist() }),
	awsapi.On(topic.ErrSubscriptionNotFound, func(error) *awsapi.Error { return subscriptionDoesNotExist() }),
	awsapi.On(topic.ErrToken, func(error) *awsapi.Error { return invalidParameter("Token") }),
	awsapi.On(topic.ErrArchived, func(error) *awsapi.Error {
		return modelled("InvalidState", http.StatusBadRequest, "Invalid state: A topic with an active ArchivePolicy can not be deleted. Set ArchivePolicy to {} first.")
	}),
	awsapi.On(topic.ErrUnsubscribeDenied, func(error) *awsapi.Error {
		return authorizationError("The subscription was confirmed with AuthenticateOnUnsubscribe: only a request with credentials may end it.")
	}),
})

// errorOf is the service's table of errors.
func errorOf(err error) *awsapi.Error {
	if e, ok := errors.AsType[*catalog.ManagedError](err); ok {
		return authorizationError(e.Error())
	}
	if e, ok := errors.AsType[*topic.InvalidError](err); ok {
		// What the operations let through and the topic does not take.
		return invalidParameter(awsapi.Clip(e.Error()))
	}
	return table.Of(err)
}
