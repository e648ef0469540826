package rules

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/signalbox-mq/signalbox/duration"
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
	// Policy says who may publish to it, in the form of IAM. It is kept and not enforced.
	Policy json.RawMessage `json:"policy,omitempty" yaml:"-"`
	// Kept are attributes that a protocol keeps with the bus and on which nothing acts.
	Kept map[string]string `json:"kept,omitempty" yaml:"-"`
	// Tags are for people and their tools, as those of queues.
	Tags map[string]string `json:"tags,omitempty" yaml:"tags"`
}

// Clone returns a copy that shares nothing with b.
func (b *Bus) Clone() Bus {
	c := *b
	c.Policy, c.Kept, c.Tags = slices.Clone(b.Policy), maps.Clone(b.Kept), maps.Clone(b.Tags)
	return c
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
