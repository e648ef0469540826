package topic

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/rules/pattern"
)

// Limits of definitions.
const (
	MaxNameLength           = 256
	MaxSubscriptionIDLength = 300
	MaxDisplayName          = 100
	// MaxFIFOSubscriptions is from how many on nobody can subscribe to a FIFO topic. A file may declare more.
	MaxFIFOSubscriptions = 100
	MinArchive           = 24 * time.Hour
	MaxArchive           = 365 * 24 * time.Hour
	// MaxKept is in bytes, of keys and values together; also that of a data protection policy.
	MaxKept = queue.MaxKept
)

// Kinds of subscriptions.
const (
	KindQueue    = "queue"
	KindFunction = "function"
	KindHTTP     = "http"
)

// fifoSuffix ends the names of FIFO topics and queues.
const fifoSuffix = ".fifo"

// ValidateName returns an [*InvalidError] unless name is 1 to 256 of [A-Za-z0-9_-], with ".fifo" at the end, counted in,
// exactly if fifo.
func ValidateName(name string, fifo bool) error {
	base, hasSuffix := strings.CutSuffix(name, fifoSuffix)
	bad := func(format string, args ...any) error {
		return &InvalidError{Field: "name", Reason: fmt.Sprintf(format, args...)}
	}
	switch {
	case fifo && !hasSuffix:
		return bad("%q of a FIFO topic must end in .fifo", name)
	case !fifo && hasSuffix:
		return bad("%q ends in .fifo, which only a FIFO topic's may (set fifo: true)", name)
	case len(name) > MaxNameLength || !validName(base, MaxNameLength, ""):
		return bad("%q must be 1 to 256 letters, digits, hyphens and underscores", name)
	}
	return nil
}

// Validate returns an error that joins an [*InvalidError] for each fault of the topic with the given name.
func (t *Topic) Validate(name string) error {
	var errs []error
	bad := func(field, format string, args ...any) {
		errs = append(errs, &InvalidError{Field: field, Reason: fmt.Sprintf(format, args...)})
	}
	if err := ValidateName(name, t.FIFO); err != nil {
		errs = append(errs, err)
	}
	if !t.FIFO {
		if t.ContentBasedDeduplication {
			bad("content_based_deduplication", "is only for FIFO topics")
		}
		if t.Retention != 0 {
			bad("retention", "is only for FIFO topics: others have no archive")
		}
	}
	switch t.DeduplicationScope {
	case "":
	case ScopeTopic, ScopeGroup:
		if !t.FIFO {
			bad("deduplication_scope", "is only for FIFO topics")
		}
	default:
		bad("deduplication_scope", `must be "topic" or "group"`)
	}
	if utf8.RuneCountInString(t.DisplayName) > MaxDisplayName || !plainText(t.DisplayName) {
		bad("display_name", "must be at most %d characters, none of them a control character", MaxDisplayName)
	}
	if t.SignatureVersion < 0 || t.SignatureVersion > 2 {
		bad("signature_version", "must be 1 or 2")
	}
	if r := t.Retention.Std(); r != 0 && (r < MinArchive || r > MaxArchive) {
		bad("retention", "must be between 1d and 365d")
	}
	errs = append(errs, under("delivery_policy", validateTopicPolicy(t.DeliveryPolicy))...)
	if len(t.DataProtection) > MaxKept {
		bad("data_protection", "must be at most %d bytes", MaxKept)
	}
	errs = append(errs, keptErrors(t.Kept, t.Tags)...)
	return errors.Join(errs...)
}

// keptErrors are those of what is kept and of tags, by the rules of queues.
func keptErrors(kept, tags map[string]string) []error {
	if len(kept) == 0 && len(tags) == 0 {
		return nil
	}
	plain := queue.Definition{Kept: kept, Tags: tags}
	var errs []error
	for _, err := range unjoin(plain.Validate("name")) {
		if invalid, ok := errors.AsType[*queue.InvalidError](err); ok {
			errs = append(errs, &InvalidError{Field: invalid.Field, Reason: invalid.Reason})
		}
	}
	return errs
}

// Validate returns an error that joins an [*InvalidError] for each fault of a subscription of the given topic: its filter
// policy is compiled. It does not look at whether the queue or the function exists.
func (s *Subscription) Validate(of *Topic) error {
	_, err := compile(s, of)
	return err
}

// Receiver returns the kind and the name of the receiver, which is a URL for KindHTTP, or two empty strings unless exactly one
// is set.
func (s *Subscription) Receiver() (kind, name string) {
	for _, one := range []struct{ kind, name string }{{KindQueue, s.Queue}, {KindFunction, s.Function}, {KindHTTP, s.URL}} {
		switch {
		case one.name == "":
		case kind != "":
			return "", ""
		default:
			kind, name = one.kind, one.name
		}
	}
	return kind, name
}

// compile makes a subscription of a topic ready to match, or returns all of its faults.
func compile(def *Subscription, of *Topic) (*subscription, error) {
	s := &subscription{
		id: def.SubscriptionID(), raw: def.Raw == nil || *def.Raw, retry: def.Retry, deadLetter: def.DeadLetter,
		qualifier: def.qualifier(), account: def.Account, region: def.Region, asSNS: def.AsSNS, bare: def.Bare, feed: def.Feed,
		pending: def.Pending != nil, removed: def.Pending != nil && def.Pending.Removed,
	}
	var errs []error
	bad := func(field, format string, args ...any) {
		errs = append(errs, &InvalidError{Field: field, Reason: fmt.Sprintf(format, args...)})
	}
	if def.ID != "" && !validSubscriptionID(def.ID) {
		bad("id", "%q must be 1 to 300 letters, digits and . _ : / -", def.ID)
	}
	s.kind, s.name = def.Receiver()
	errs = append(errs, def.receiverErrors(s.kind, of)...)
	if def.DeadLetter != "" {
		errs = append(errs, queueName("dead_letter", def.DeadLetter)...)
		if of.FIFO && strings.HasSuffix(def.Queue, fifoSuffix) && !strings.HasSuffix(def.DeadLetter, fifoSuffix) {
			bad("dead_letter", "%q must be a FIFO queue, as that of a FIFO queue that is subscribed to a FIFO topic", def.DeadLetter)
		}
	}
	if r := def.Replay; r != nil {
		s.from, s.until = r.From, r.Until
		switch {
		case !of.FIFO:
			bad("replay", "is only for FIFO topics: others have no archive")
		case r.From.IsZero():
			bad("replay.from", "is required")
		case !r.Until.IsZero() && !r.Until.After(r.From):
			bad("replay.until", "must be after from")
		}
	}
	errs = append(errs, keptErrors(def.Kept, nil)...)
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

// receiverErrors are those of the receiver and of what is only for one kind of them.
func (s *Subscription) receiverErrors(kind string, of *Topic) []error {
	var errs []error
	bad := func(field, format string, args ...any) {
		errs = append(errs, &InvalidError{Field: field, Reason: fmt.Sprintf(format, args...)})
	}
	switch kind {
	case "":
		bad("queue", "or function or url must be set, and only one of them")
	case KindQueue:
		if strings.HasSuffix(s.Queue, fifoSuffix) && !of.FIFO {
			bad("queue", "%q is a FIFO queue, which can not be subscribed to a standard topic", s.Queue)
		} else {
			errs = append(errs, queueName("queue", s.Queue)...)
		}
	case KindFunction:
		if s.Raw != nil {
			bad("raw", "is only for queues and URLs; what a function gets is its format")
		}
		if s.Retry != nil {
			errs = append(errs, under("retry", s.Retry.Validate())...)
		}
	case KindHTTP:
		if of.FIFO {
			bad("url", "can not be subscribed to a FIFO topic")
		}
		errs = append(errs, urlErrors(s.URL)...)
		if s.Account != "" || s.Region != "" {
			bad("account", "and region are only for queues and functions")
		}
		errs = append(errs, under("delivery_policy", validateSubscriptionPolicy(s.DeliveryPolicy))...)
		switch s.Success {
		case "", Success2xx, SuccessBelow500:
		default:
			bad("success", "must be %s or %s, not %q", Success2xx, SuccessBelow500, s.Success)
		}
	}
	if kind != "" && kind != KindHTTP && s.Success != "" {
		bad("success", "is only for URLs")
	}
	if kind != "" && kind != KindHTTP && len(s.DeliveryPolicy) > 0 {
		bad("delivery_policy", "is only for URLs")
	}
	if kind != "" && kind != KindFunction {
		if s.Retry != nil {
			bad("retry", "is only for functions")
		}
		if s.AsSNS {
			bad("as_sns", "is only for functions")
		}
	}
	if s.Account != "" && (len(s.Account) != 12 || strings.IndexFunc(s.Account, notDigit) >= 0) {
		bad("account", "%q must be 12 digits", s.Account)
	}
	if s.Region != "" && !validName(s.Region, 63, "") {
		bad("region", "%q must be 1 to 63 letters, digits and hyphens", s.Region)
	}
	return errs
}

func notDigit(r rune) bool { return r < '0' || r > '9' }

// urlErrors are those of a URL, by the rules of endpoints.
func urlErrors(url string) []error {
	var errs []error
	for _, err := range unjoin(endpoint.Endpoint{Name: "url", URL: url}.Validate()) {
		if invalid, ok := errors.AsType[*endpoint.InvalidError](err); ok {
			errs = append(errs, &InvalidError{Field: invalid.Field, Reason: invalid.Reason})
		}
	}
	return errs
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

// under puts endpoint's errors under our field.
func under(field string, err error) []error {
	var errs []error
	for _, one := range unjoin(err) {
		invalid, ok := errors.AsType[*endpoint.InvalidError](one)
		switch {
		case !ok:
			errs = append(errs, &InvalidError{Field: field, Reason: one.Error()})
		case invalid.Field == "" || invalid.Field == "DeliveryPolicy": // which is its name for the whole of it
			errs = append(errs, &InvalidError{Field: field, Reason: invalid.Reason})
		default:
			errs = append(errs, &InvalidError{Field: field + "." + invalid.Field, Reason: invalid.Reason})
		}
	}
	return errs
}

// unjoin returns the errors that were joined, or the one.
func unjoin(err error) []error {
	if err == nil {
		return nil
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		return many.Unwrap()
	}
	return []error{err}
}

func validSubscriptionID(id string) bool { return validName(id, MaxSubscriptionIDLength, ".:/") }

func validName(name string, limit int, extra string) bool {
	return name != "" && len(name) <= limit && strings.IndexFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-' &&
			!strings.ContainsRune(extra, r)
	}) < 0
}
