package awsapi

import (
	"fmt"
	"net/http"
)

// Error is an error as a client is told of it.
type Error struct {
	// Shape is the error's name in JSON: the shape's in the service's model, or one that all services have.
	Shape string
	// Coral says that the name is not of the service's model but of the framework below it, which shows in its name space.
	Coral bool
	// Code is the name in Query, if that is another one.
	Code string
	// Status is the HTTP status. Zero means 400.
	Status int
	// Message is for people. QueryMessage is that in Query, if it is another one.
	Message, QueryMessage string
	// RetryAfter, when positive, is in seconds.
	RetryAfter int
}

func (e *Error) Error() string { return e.Shape + ": " + e.Message }

func (e *Error) status() int {
	if e.Status == 0 {
		return http.StatusBadRequest
	}
	return e.Status
}

// QueryCode is the error's name in Query, which batches and the SDKs' older error codes use too.
func (e *Error) QueryCode() string {
	if e.Code != "" {
		return e.Code
	}
	return e.Shape
}

func (e *Error) queryMessage() string {
	if e.QueryMessage != "" {
		return e.QueryMessage
	}
	return e.Message
}

// Sender says whose fault it is: the sender's, or else the receiver's.
func (e *Error) Sender() bool { return e.status() < http.StatusInternalServerError }

func (e *Error) fault() string {
	if e.Sender() {
		return "Sender"
	}
	return "Receiver"
}

// Errors that all services have.

// InvalidParameterValue says that a value is not acceptable.
func InvalidParameterValue(format string, args ...any) *Error {
	return &Error{Shape: "InvalidParameterValueException", Coral: true, Code: "InvalidParameterValue", Message: fmt.Sprintf(format, args...)}
}

// MissingParameter says that a required parameter is missing.
func MissingParameter(name string) *Error {
	return &Error{
		Shape: "MissingRequiredParameterException", Coral: true, Code: "MissingParameter",
		Message: "The request must contain the parameter " + name + ".",
	}
}

// InternalFailure says that the fault is the router's; its cause is not shown.
func InternalFailure() *Error {
	return &Error{
		Shape: "InternalFailure", Coral: true, Status: http.StatusInternalServerError,
		Message: "The request failed because of a fault of the router. Its log has the cause under this request's id.",
	}
}

// Unavailable says that the request can not be served now. SDKs try again.
func Unavailable(message string, retryAfter int) *Error {
	return &Error{
		Shape: "ServiceUnavailable", Coral: true, Status: http.StatusServiceUnavailable, Message: message, RetryAfter: retryAfter,
	}
}

func serialization(err error) *Error {
	return &Error{Shape: "SerializationException", Coral: true, Code: "MalformedInput", Message: err.Error()}
}

func unknownOperation(name string) *Error {
	return &Error{
		Shape: "UnknownOperationException", Coral: true, Code: "InvalidAction", Status: http.StatusNotFound,
		Message: "There is no operation " + name + " here.",
	}
}

func invalidAction(action, version string) *Error {
	e := &Error{
		Shape: "InvalidAction", Coral: true,
		Message: "The action " + action + " is not valid for this endpoint.",
	}
	if version != "" {
		e.Message = "Could not find operation " + action + " for version " + version + "."
	}
	return e
}
