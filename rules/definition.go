package rules

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/duration"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Catalog tables of this package's definitions.
const (
	// BusTable holds a [Bus] under its name.
	BusTable = "buses"
	// RuleTable holds a [Rule] under "bus/rule"; see RuleName.
	RuleTable = "rules"
)

// DefaultBus is the name of the bus that always exists and is every rule's and publish's default.
const DefaultBus = "default"

// Defaults and limits of buses.
const (
	DefaultRetention = 24 * time.Hour
	DefaultMaxBytes  = 1 << 30
	MaxRetention     = 365 * 24 * time.Hour
	MaxDedup         = 7 * 24 * time.Hour
)

// Bus is an event bus: what is published to it is matched against its rules and kept for a while.
type Bus struct {
	Description string `json:"description,omitempty" yaml:"description"`
	// Retention is how long events are kept after they were published, 1m to 365d; zero means 24h.
	Retention duration.Duration `json:"retention,omitempty" yaml:"retention"`
	// MaxBytes bounds the retained events, in bytes; the oldest go first. Zero means 1 GiB.
	MaxBytes int64 `json:"max_bytes,omitempty" yaml:"max_bytes"`
	// Dedup refuses a CloudEvent whose source and id were published within that time, up to 7d; zero refuses none.
	Dedup duration.Duration `json:"dedup,omitempty" yaml:"dedup"`
}

func (b *Bus) retention() time.Duration {
	if b.Retention == 0 {
		return DefaultRetention
	}
	return time.Duration(b.Retention)
}

func (b *Bus) maxBytes() int64 {
	if b.MaxBytes == 0 {
		return DefaultMaxBytes
	}
	return b.MaxBytes
}

// Validate returns an error that joins an [*InvalidError] for each fault of the bus with the given name.
func (b *Bus) Validate(name string) error {
	var errs []error
	bad := func(field, reason string) { errs = append(errs, &InvalidError{Field: field, Reason: reason}) }
	if !validName(name, 256, "/") {
		bad("name", fmt.Sprintf("%q must be 1 to 256 letters, digits, dots, hyphens, underscores and slashes", name))
	}
	if r := b.retention(); r < time.Minute || r > MaxRetention {
		bad("retention", "must be between 1m and 365d")
	}
	if b.MaxBytes < 0 {
		bad("max_bytes", "must be positive")
	}
	if b.Dedup < 0 || time.Duration(b.Dedup) > MaxDedup {
		bad("dedup", "must be between 0 and 7d")
	}
	return errors.Join(errs...)
}

// Rule routes the events of a bus that it matches to its targets.
type Rule struct {
	Description string `json:"description,omitempty" yaml:"description"`
	// When is an event pattern; empty matches every event.
	When json.RawMessage `json:"when,omitempty" yaml:"when"`
	// If is a condition that must hold too; empty always holds.
	If string `json:"if,omitempty" yaml:"if"`
	// Targets receive what matched, each once per event.
	Targets []Target `json:"targets" yaml:"targets"`
	// Start is what a new rule gets of the events its bus retained before: "latest" (the default) for none, "earliest" for
	// all, or an RFC 3339 time for those published since.
	Start string `json:"start,omitempty" yaml:"start"`
	// Paused keeps events back: the rule keeps its position in the bus's log, and gets what it missed, as far as it is
	// retained, when it goes on.
	Paused bool `json:"paused,omitempty" yaml:"paused"`
}

// Target is one receiver of what a rule matched: exactly one of Function, Queue, Topic and Bus is set.
type Target struct {
	// ID tells the targets of a rule apart. Empty means "kind:name", as in "function:charge-card".
	ID       string `json:"id,omitempty" yaml:"id"`
	Function string `json:"function,omitempty" yaml:"function"`
	Queue    string `json:"queue,omitempty" yaml:"queue"`
	Topic    string `json:"topic,omitempty" yaml:"topic"`
	Bus      string `json:"bus,omitempty" yaml:"bus"`
	// Group is a path such as "$.detail.order_id" that gives the message group: required for FIFO queues, optional for
	// functions, whose deliveries it orders.
	Group string `json:"group,omitempty" yaml:"group"`
	// Transform shapes what the target gets.
	Transform *Transform `json:"transform,omitempty" yaml:"transform"`
	// Retry, when set, replaces the endpoint's retry policy for this target.
	Retry *endpoint.RetryPolicy `json:"retry,omitempty" yaml:"retry"`
	// DeadLetter, when set, replaces the endpoint's dead-letter queue for this target.
	DeadLetter string `json:"dead_letter,omitempty" yaml:"dead_letter"`
}

// Kinds of targets.
const (
	KindFunction = "function"
	KindQueue    = "queue"
	KindTopic    = "topic"
	KindBus      = "bus"
)

// Receiver returns the kind and the name of the target, or two empty strings unless exactly one is set.
func (t *Target) Receiver() (kind, name string) {
	set := 0
	for _, c := range []struct{ kind, name string }{
		{KindFunction, t.Function}, {KindQueue, t.Queue}, {KindTopic, t.Topic}, {KindBus, t.Bus},
	} {
		if c.name != "" {
			kind, name = c.kind, c.name
			set++
		}
	}
	if set != 1 {
		return "", ""
	}
	return kind, name
}

// TargetID returns the target's ID, or the one it has by default.
func (t *Target) TargetID() string {
	if t.ID != "" {
		return t.ID
	}
	kind, name := t.Receiver()
	return kind + ":" + name
}

// RuleName returns the catalog name of a rule.
func RuleName(bus catalog.Name, rule string) catalog.Name {
	return catalog.Name{Account: bus.Account, Region: bus.Region, Name: bus.Name + "/" + rule}
}

// SplitRuleName undoes RuleName. A rule's own name has no slash; a bus's may.
func SplitRuleName(n catalog.Name) (bus catalog.Name, rule string) {
	i := strings.LastIndexByte(n.Name, '/')
	return catalog.Name{Account: n.Account, Region: n.Region, Name: n.Name[:max(i, 0)]}, n.Name[i+1:]
}

// InvalidError says what is wrong with a field of a definition or a request. Nothing was changed.
type InvalidError struct {
	// Field is a path as the YAML file has it: "targets[0].group".
	Field string
	// Reason is a sentence without subject and full stop.
	Reason string
	// Line and Column, from 1, point into a text value (a pattern, an expression); zero when it does not apply.
	Line, Column int
}

func (e *InvalidError) Error() string { return e.Field + " " + e.Reason }

func validName(name string, limit int, extra string) bool {
	return name != "" && len(name) <= limit && strings.IndexFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') &&
			!strings.ContainsRune("._-"+extra, r)
	}) < 0
}
