package queue

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/signalbox-mq/signalbox/duration"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Table is the catalog table of queue definitions.
const Table = "queues"

// Name names a queue.
type Name = catalog.Name

// Role tells apart the queues that belong to one catalog record.
type Role uint8

const (
	// Own is the queue that the record defines: a queue's messages, a bus's log.
	Own Role = 0
	// Deliveries is the delivery queue of the endpoint that the record defines: a function, or a topic or bus that is a
	// rule's target.
	Deliveries Role = 1
	// TopicLog is the log of the FIFO topic that the record defines.
	TopicLog Role = 2
	// Schedules is the queue of what is due by the schedules of the rules of the bus that the record defines.
	Schedules Role = 3
)

const roleBits = 3

// IDFor returns the incarnation of the queue that the catalog record with the given ID has in the given role.
func IDFor(recordID uint64, role Role) ID { return ID(recordID<<roleBits | uint64(role)) }

// RecordID returns the ID of the catalog record that the incarnation belongs to, and the role it has there.
func (id ID) RecordID() (recordID uint64, role Role) {
	return uint64(id) >> roleBits, Role(uint64(id) & (1<<roleBits - 1))
}

// Limits and defaults of queue definitions. Those of the SQS protocol are narrower where the two differ.
const (
	DefaultVisibility  = 30 * time.Second
	DefaultRetention   = 4 * 24 * time.Hour
	DefaultMessageSize = 1 << 20
	DefaultMaxInFlight = 120_000

	MaxVisibility  = 12 * time.Hour
	MaxDelay       = 15 * time.Minute
	MinRetention   = time.Minute
	MaxRetention   = 365 * 24 * time.Hour
	MaxReceiveWait = 20 * time.Second
	MaxMessageSize = 1 << 20
	MaxReceive     = 1000
	MaxSend        = 1000
	DedupWindow    = 5 * time.Minute
	MaxNameLength  = 80
	MaxPartitions  = 64
	MaxTags        = 50
	MaxTagKey      = 128
	MaxTagValue    = 256
	MaxKept        = 64 << 10
	// MaxDeadLetterSources is how many queues DeadLetterSources may name.
	MaxDeadLetterSources = 10
)

// DeadLetter says where messages go that were received too often.
type DeadLetter struct {
	// Queue is the name of a queue of the same kind, account and region.
	Queue string `json:"queue" yaml:"queue"`
	// MaxReceives is how often a message is handed out before it goes there, 1 to 1000.
	MaxReceives int `json:"max_receives" yaml:"max_receives"`
}

// Definition is what a queue's catalog record holds. The zero Definition is a standard queue with every default.
type Definition struct {
	// FIFO makes it a FIFO queue; its name then ends in ".fifo", and only then.
	FIFO bool `json:"fifo,omitempty" yaml:"fifo"`
	// VisibilityTimeout is how long a received message is hidden, 0 to 12h. Nil means 30s.
	VisibilityTimeout *duration.Duration `json:"visibility_timeout,omitempty" yaml:"visibility_timeout"`
	// Delay hides every message at first, 0 to 15m. On a FIFO queue a change also concerns messages already sent.
	Delay duration.Duration `json:"delay,omitempty" yaml:"delay"`
	// Retention is how long a message is kept, from 1m to 365d. Zero means 4d.
	Retention duration.Duration `json:"retention,omitempty" yaml:"retention"`
	// ReceiveWait is how long a receive waits that does not say, 0 to 20s.
	ReceiveWait duration.Duration `json:"receive_wait,omitempty" yaml:"receive_wait"`
	// MaxMessageSize is in bytes, 1 to 1 MiB, by Message.Size. Zero means 1 MiB.
	MaxMessageSize int `json:"max_message_size,omitempty" yaml:"max_message_size"`
	// MaxInFlight is how many messages may be in flight at once, at least 1. Zero means 120,000.
	MaxInFlight int `json:"max_in_flight,omitempty" yaml:"max_in_flight"`
	// Partitions, 1 to 64, is over how many places a shared store spreads the queue, so that it is not bound to one server; zero
	// means 1. See [Spreader] for what a queue with more than one does not promise. It can grow, not shrink, and that of a FIFO queue
	// can not be changed at all; a FIFO queue must have the deduplication scope group. The embedded store has one place.
	Partitions int `json:"partitions,omitempty" yaml:"partitions"`
	// ContentBasedDeduplication derives a missing deduplication ID of a FIFO message from its body (SHA-256).
	ContentBasedDeduplication bool `json:"content_based_deduplication,omitempty" yaml:"content_based_deduplication"`
	// DeduplicationScope is "queue" (the default) or "group": whether a deduplication ID counts in the queue or within
	// each message group.
	DeduplicationScope string `json:"deduplication_scope,omitempty" yaml:"deduplication_scope"`
	// DeadLetter, if set, moves messages away that were received too often.
	DeadLetter *DeadLetter `json:"dead_letter,omitempty" yaml:"dead_letter"`
	// DeadLetterSources says which queues may name this one as their dead-letter queue; nil means all.
	DeadLetterSources *DeadLetterSources `json:"dead_letter_sources,omitempty" yaml:"dead_letter_sources"`
	// Tags are for people and their tools: at most 50, with keys of 1 to 128 characters and values of up to 256.
	Tags map[string]string `json:"tags,omitempty" yaml:"tags"`
	// Kept are attributes that a protocol keeps with the queue and on which nothing acts, such as the Policy of SQS. Keys and
	// values together have at most 64 KiB. A file has none.
	Kept map[string]string `json:"kept,omitempty" yaml:"-"`
}

// Kind returns Standard or FIFO.
func (d *Definition) Kind() Kind {
	if d.FIFO {
		return FIFO
	}
	return Standard
}

// Clone returns a copy that shares nothing with d.
func (d *Definition) Clone() Definition {
	c := *d
	if d.VisibilityTimeout != nil {
		c.VisibilityTimeout = new(*d.VisibilityTimeout)
	}
	if d.DeadLetter != nil {
		c.DeadLetter = new(*d.DeadLetter)
	}
	if d.DeadLetterSources != nil {
		c.DeadLetterSources = &DeadLetterSources{Deny: d.DeadLetterSources.Deny, Queues: slices.Clone(d.DeadLetterSources.Queues)}
	}
	c.Tags, c.Kept = maps.Clone(d.Tags), maps.Clone(d.Kept)
	return c
}

// Equal reports whether two definitions mean the same: a field left out equals one set to its default.
func (d *Definition) Equal(other Definition) bool {
	return d.visibility() == other.visibility() && d.deadLetter() == other.deadLetter() && d.plain() == other.plain() &&
		d.DeadLetterSources.equal(other.DeadLetterSources) && maps.Equal(d.Tags, other.Tags) && maps.Equal(d.Kept, other.Kept)
}

// plainDefinition is what can be compared by ==. A field of Definition is here or in Equal itself; a test sees to that.
type plainDefinition struct {
	fifo, contentBased            bool
	delay, retention, receiveWait time.Duration
	maxMessageSize, maxInFlight   int
	partitions                    int
	deduplicationScope            string
}

// plain is the definition without its pointers and maps, with defaults filled in.
func (d *Definition) plain() plainDefinition {
	p := plainDefinition{
		fifo: d.FIFO, contentBased: d.ContentBasedDeduplication,
		delay: time.Duration(d.Delay), retention: d.retention(), receiveWait: time.Duration(d.ReceiveWait),
		maxMessageSize: d.maxMessageSize(), maxInFlight: d.maxInFlight(), partitions: max(d.Partitions, 1), deduplicationScope: d.DeduplicationScope,
	}
	if p.deduplicationScope == "" {
		p.deduplicationScope = "queue"
	}
	return p
}

func (d *Definition) deadLetter() DeadLetter {
	if d.DeadLetter == nil {
		return DeadLetter{}
	}
	return *d.DeadLetter
}

func (d *Definition) visibility() time.Duration {
	if d.VisibilityTimeout == nil {
		return DefaultVisibility
	}
	return time.Duration(*d.VisibilityTimeout)
}

func (d *Definition) retention() time.Duration {
	if d.Retention == 0 {
		return DefaultRetention
	}
	return time.Duration(d.Retention)
}

func (d *Definition) maxInFlight() int {
	if d.MaxInFlight == 0 {
		return DefaultMaxInFlight
	}
	return d.MaxInFlight
}

func (d *Definition) maxMessageSize() int {
	if d.MaxMessageSize == 0 {
		return DefaultMessageSize
	}
	return d.MaxMessageSize
}

// ValidateName returns an [*InvalidError] unless name is 1 to 80 of [A-Za-z0-9_-], with ".fifo" at the end, counted in,
// exactly if fifo (the rule of SQS).
func ValidateName(name string, fifo bool) error {
	base, hasSuffix := strings.CutSuffix(name, ".fifo")
	switch {
	case fifo && !hasSuffix:
		return &InvalidError{Field: "name", Reason: fmt.Sprintf("%q of a FIFO queue must end in .fifo", name)}
	case !fifo && hasSuffix:
		return &InvalidError{Field: "name", Reason: fmt.Sprintf("%q ends in .fifo, which only a FIFO queue's may (set fifo: true)", name)}
	case base == "" || len(name) > MaxNameLength || strings.IndexFunc(base, notNameRune) >= 0:
		return &InvalidError{Field: "name", Reason: fmt.Sprintf("%q must be 1 to 80 letters, digits, hyphens and underscores", name)}
	}
	return nil
}

func notNameRune(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

// Validate checks the definition of the queue with the given name, all of it: the error joins an [*InvalidError] for each
// fault. It does not look at other queues; [Broker] does.
func (d *Definition) Validate(name string) error {
	var errs []error
	bad := func(field, reason string) { errs = append(errs, &InvalidError{Field: field, Reason: reason}) }
	if err := ValidateName(name, d.FIFO); err != nil {
		errs = append(errs, err)
	}
	if v := d.visibility(); v < 0 || v > MaxVisibility {
		bad("visibility_timeout", "must be between 0 and 12h")
	}
	if v := time.Duration(d.Delay); v < 0 || v > MaxDelay {
		bad("delay", "must be between 0 and 15m")
	}
	if v := d.retention(); v < MinRetention || v > MaxRetention {
		bad("retention", "must be between 1m and 365d")
	}
	if v := time.Duration(d.ReceiveWait); v < 0 || v > MaxReceiveWait {
		bad("receive_wait", "must be between 0 and 20s")
	}
	if v := d.maxMessageSize(); v < 1 || v > MaxMessageSize {
		bad("max_message_size", "must be between 1 and 1048576 bytes")
	}
	if d.MaxInFlight < 0 {
		bad("max_in_flight", "must be at least 1")
	}
	switch {
	case d.Partitions < 0 || d.Partitions > MaxPartitions:
		bad("partitions", "must be between 1 and 64")
	case d.Partitions > 1 && d.FIFO && d.DeduplicationScope != "group":
		bad("partitions", `of a FIFO queue need deduplication_scope: group`)
	}
	if d.ContentBasedDeduplication && !d.FIFO {
		bad("content_based_deduplication", "is only for FIFO queues")
	}
	switch d.DeduplicationScope {
	case "", "queue", "group":
		if d.DeduplicationScope != "" && !d.FIFO {
			bad("deduplication_scope", "is only for FIFO queues")
		}
	default:
		bad("deduplication_scope", `must be "queue" or "group"`)
	}
	if dl := d.DeadLetter; dl != nil {
		if dl.Queue == "" {
			bad("dead_letter.queue", "is required")
		} else if dl.Queue == name {
			bad("dead_letter.queue", "must be another queue")
		} else if strings.HasSuffix(dl.Queue, ".fifo") != d.FIFO {
			bad("dead_letter.queue", "must be of the same kind (FIFO or standard) as the queue")
		}
		if dl.MaxReceives < 1 || dl.MaxReceives > 1000 {
			bad("dead_letter.max_receives", "must be between 1 and 1000")
		}
	}
	d.DeadLetterSources.validate(bad)
	d.validateTags(bad)
	d.validateKept(bad)
	return errors.Join(errs...)
}

func (d *Definition) validateTags(bad func(field, reason string)) {
	if len(d.Tags) > MaxTags {
		bad("tags", fmt.Sprintf("are %d; at most %d are allowed", len(d.Tags), MaxTags))
	}
	for _, key := range slices.Sorted(maps.Keys(d.Tags)) {
		switch value := d.Tags[key]; {
		case !utf8.ValidString(key) || !utf8.ValidString(value):
			bad("tags", "must be UTF-8") // JSON would keep something else
		case key == "" || utf8.RuneCountInString(key) > MaxTagKey:
			bad("tags", fmt.Sprintf("must have keys of 1 to %d characters", MaxTagKey))
		case utf8.RuneCountInString(value) > MaxTagValue:
			bad("tags."+key, fmt.Sprintf("must have at most %d characters", MaxTagValue))
		}
	}
}

func (d *Definition) validateKept(bad func(field, reason string)) {
	size := 0
	for key, value := range d.Kept {
		size += len(key) + len(value)
		if !utf8.ValidString(key) || !utf8.ValidString(value) {
			bad("kept", "must be UTF-8")
			return
		}
	}
	if size > MaxKept {
		bad("kept", fmt.Sprintf("has %d bytes of keys and values; at most %d are allowed", size, MaxKept))
	}
}
