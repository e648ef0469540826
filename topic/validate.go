package topic

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/rules/pattern"
)

// Limits of definitions.
const (
	MaxNameLength           = 256
	MaxSubscriptionIDLength = 300
)

// Kinds of subscriptions.
const (
	KindQueue    = "queue"
	KindFunction = "function"
)

// ValidateName returns an [*InvalidError] unless name is 1 to 256 of [A-Za-z0-9_-].
func ValidateName(name string) error {
	if !validName(name, MaxNameLength, "") {
		return &InvalidError{Field: "name", Reason: fmt.Sprintf("%q must be 1 to 256 letters, digits, hyphens and underscores", name)}
	}
	return nil
}

// Validate returns an error that joins an [*InvalidError] for each fault of the topic with the given name.
func (t *Topic) Validate(name string) error { return ValidateName(name) }

// Validate returns an error that joins an [*InvalidError] for each fault of the subscription: its filter policy is
// compiled. It does not look at whether the queue or the function exists.
func (s *Subscription) Validate() error {
	_, err := compile(s)
	return err
}

// Receiver returns the kind and the name of the receiver, or two empty strings unless exactly one is set.
func (s *Subscription) Receiver() (kind, name string) {
	switch {
	case s.Queue != "" && s.Function == "":
		return KindQueue, s.Queue
	case s.Function != "" && s.Queue == "":
		return KindFunction, s.Function
	}
	return "", ""
}

// compile makes a subscription ready to match, or returns all of its faults.
func compile(def *Subscription) (*subscription, error) {
	s := &subscription{
		id: def.SubscriptionID(), raw: def.Raw == nil || *def.Raw, retry: def.Retry, deadLetter: def.DeadLetter,
	}
	var errs []error
	bad := func(field, format string, args ...any) {
		errs = append(errs, &InvalidError{Field: field, Reason: fmt.Sprintf(format, args...)})
	}
	if def.ID != "" && !validName(def.ID, MaxSubscriptionIDLength, ".:/") {
		bad("id", "%q must be 1 to 300 letters, digits and . _ : / -", def.ID)
	}
	s.kind, s.name = def.Receiver()
	switch s.kind {
	case "":
		bad("queue", "or function must be set, and not both")
	case KindQueue:
		if strings.HasSuffix(def.Queue, ".fifo") {
			bad("queue", "%q is a FIFO queue, which can not be subscribed to a standard topic", def.Queue)
		} else {
			errs = append(errs, queueName("queue", def.Queue)...)
		}
		if def.Retry != nil {
			bad("retry", "is only for functions")
		}
	case KindFunction:
		if def.Raw != nil {
			bad("raw", "is only for queues; what a function gets is its format")
		}
		if def.Retry != nil {
			errs = append(errs, retryErrors(def.Retry.Validate())...)
		}
	}
	if def.DeadLetter != "" {
		errs = append(errs, queueName("dead_letter", def.DeadLetter)...)
	}
	switch def.FilterScope {
	case "", ScopeAttributes:
		s.scope = pattern.ScopeAttributes
	case ScopeBody:
		s.scope = pattern.ScopeBody
	default:
		bad("filter_scope", `must be "attributes" or "body", not %q`, def.FilterScope)
		return s, errors.Join(errs...) // the filter can not be judged
	}
	if !passesAll(def.Filter) {
		var err error
		if s.filter, err = pattern.CompileFilter(def.Filter, s.scope); err != nil {
			errs = append(errs, filterError(err))
		}
	}
	return s, errors.Join(errs...)
}

// passesAll says that a filter policy is none: empty, null or {}.
func passesAll(filter []byte) bool {
	text := bytes.TrimSpace(filter)
	if len(text) == 0 || string(text) == "null" {
		return true
	}
	return text[0] == '{' && string(bytes.TrimSpace(text[1:])) == "}"
}

func filterError(err error) error {
	if syntax, ok := errors.AsType[*pattern.SyntaxError](err); ok {
		return &InvalidError{Field: "filter", Reason: "is not a valid filter policy: " + syntax.Reason, Line: syntax.Line, Column: syntax.Column}
	}
	return &InvalidError{Field: "filter", Reason: "is not a valid filter policy: " + err.Error()}
}

// queueName says what is wrong with the name of a queue of either kind.
func queueName(field, name string) []error {
	err := queue.ValidateName(name, strings.HasSuffix(name, ".fifo"))
	if invalid, ok := errors.AsType[*queue.InvalidError](err); ok {
		return []error{&InvalidError{Field: field, Reason: invalid.Reason}}
	}
	return nil
}

// retryErrors puts endpoint's errors under our field.
func retryErrors(err error) []error {
	var errs []error
	all := []error{err}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		all = many.Unwrap()
	}
	for _, one := range all {
		if i, ok := errors.AsType[*endpoint.InvalidError](one); ok {
			errs = append(errs, &InvalidError{Field: "retry." + i.Field, Reason: i.Reason})
		} else if one != nil {
			errs = append(errs, one)
		}
	}
	return errs
}

func validName(name string, limit int, extra string) bool {
	return name != "" && len(name) <= limit && strings.IndexFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-' &&
			!strings.ContainsRune(extra, r)
	}) < 0
}
