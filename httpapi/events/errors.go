package events

import (
	"errors"
	"fmt"

	"github.com/signalbox-mq/signalbox/dispatch/destination"
	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/httpapi/awsapi/storeerror"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
	"github.com/signalbox-mq/signalbox/rules/pattern"
)

// modelled is an error of the service's model.
func modelled(shape, format string, args ...any) *awsapi.Error {
	return &awsapi.Error{Shape: shape, Message: fmt.Sprintf(format, args...)}
}

// validation is the commonest error of all, which is in no model.
func validation(format string, args ...any) *awsapi.Error {
	return &awsapi.Error{Shape: "ValidationException", Coral: true, Message: fmt.Sprintf(format, args...)}
}

// notSupported refuses a parameter of something that the router does not have.
func notSupported(parameter, reason string) *awsapi.Error {
	return validation("Parameter %s is not supported: %s.", parameter, reason)
}

func notFound(format string, args ...any) *awsapi.Error {
	return modelled("ResourceNotFoundException", format, args...)
}

func alreadyExists(format string, args ...any) *awsapi.Error {
	return modelled("ResourceAlreadyExistsException", format, args...)
}

func limitExceeded() *awsapi.Error {
	return modelled("LimitExceededException", "The requested resource exceeds the maximum number allowed.")
}

func noBus(name string) *awsapi.Error { return notFound("Event bus %s does not exist.", name) }

// invalidPattern tells what is wrong with an event pattern as AWS does, with the place where its parser stood.
func invalidPattern(err error) *awsapi.Error {
	text := err.Error()
	if syntax, ok := errors.AsType[*pattern.SyntaxError](err); ok {
		text = syntax.AWSError()
	}
	return modelled("InvalidEventPatternException", "%s", text)
}

// aboutBus tells that there is no bus by its name.
func aboutBus(err error, of catalog.Name) error {
	if errors.Is(err, rules.ErrBusNotFound) {
		return noBus(of.Name)
	}
	return err
}

// aboutRule tells that there is no rule, or no bus, by its name.
func aboutRule(err error, of catalog.Name, rule string) error {
	if errors.Is(err, rules.ErrRuleNotFound) {
		return notFound("Rule %s does not exist on EventBus %s.", rule, of.Name)
	}
	return aboutBus(err, of)
}

// table is what clients are told of the conditions of the domain. Operations tell first what has a name in it, and errors with data
// come before the table, in errorOf.
var table = storeerror.With(awsapi.ErrorTable{
	awsapi.On(rules.ErrBusNotFound, func(error) *awsapi.Error { return notFound("The event bus does not exist.") }),
	awsapi.On(rules.ErrRuleNotFound, func(error) *awsapi.Error { return notFound("The rule does not exist.") }),
	awsapi.On(rules.ErrRuleHasTargets, func(error) *awsapi.Error { return validation("Rule can't be deleted since it has targets.") }),
	awsapi.On(rules.ErrDefaultBus, func(error) *awsapi.Error { return validation("Cannot delete event bus default.") }),
	awsapi.On(rules.ErrTooManyReplays, func(error) *awsapi.Error { return limitExceeded() }),
	awsapi.On(destination.ErrNotFound, func(error) *awsapi.Error { return notFound("The connection does not exist.") }),
	awsapi.On(catalog.ErrConflict, func(error) *awsapi.Error {
		return modelled("ConcurrentModificationException", "It was changed by others at the same time.")
	}),
})

// errorOf is the service's table of errors.
func errorOf(err error) *awsapi.Error {
	if e, ok := errors.AsType[*catalog.ManagedError](err); ok {
		if e.Table == rules.RuleTable {
			return modelled("ManagedRuleException", "%s.", e.Error())
		}
		return modelled("AccessDeniedException", "%s.", e.Error())
	}
	// What the operations let through and the domain does not take.
	if e, ok := errors.AsType[*rules.InvalidError](err); ok {
		if e.Field == "schedule" {
			return validation("Parameter ScheduleExpression is not valid.")
		}
		return validation("%s.", awsapi.Clip(e.Error()))
	}
	if e, ok := errors.AsType[*destination.InvalidError](err); ok {
		return validation("%s.", awsapi.Clip(e.Error()))
	}
	return table.Of(err)
}
