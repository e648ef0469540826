package rules

import (
	"errors"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/rules/pattern"
)

// Validate returns an error that joins an [*InvalidError] for each fault of the rule with the given name: its pattern, its
// condition, its targets and their transforms are compiled. It does not look at whether the targets exist.
func (r *Rule) Validate(name string) error {
	_, err := compileRule(name, r)
	return err
}

func patternError(field string, err error) error {
	if syntax, ok := errors.AsType[*pattern.SyntaxError](err); ok {
		return &InvalidError{Field: field, Reason: "is not a valid event pattern: " + syntax.Reason, Line: syntax.Line, Column: syntax.Column}
	}
	return &InvalidError{Field: field, Reason: err.Error()}
}

func conditionFault(err error) error {
	if c, ok := errors.AsType[*ConditionError](err); ok {
		return &InvalidError{Field: "if", Reason: "is not a valid condition: " + c.Reason, Line: c.Line, Column: c.Column}
	}
	return &InvalidError{Field: "if", Reason: err.Error()}
}

func transformErrors(field string, err error) []error {
	var errs []error
	for _, one := range joined(err) {
		if t, ok := errors.AsType[*TransformError](one); ok {
			at := field
			if t.Field != "" {
				at += "." + t.Field
			}
			errs = append(errs, &InvalidError{Field: at, Reason: t.Reason})
			continue
		}
		errs = append(errs, &InvalidError{Field: field, Reason: one.Error()})
	}
	return errs
}

// fieldErrors puts endpoint's errors under a field of ours.
func fieldErrors(prefix string, err error) []error {
	var errs []error
	for _, one := range joined(err) {
		if i, ok := errors.AsType[*endpoint.InvalidError](one); ok {
			errs = append(errs, &InvalidError{Field: prefix + i.Field, Reason: i.Reason})
			continue
		}
		errs = append(errs, one)
	}
	return errs
}

// joined takes apart what errors.Join put together.
func joined(err error) []error {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		return many.Unwrap()
	}
	return []error{err}
}
