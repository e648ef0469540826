package rules

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/signalbox-mq/signalbox/duration"
	"github.com/signalbox-mq/signalbox/rules/pattern"
)

// Archive keeps the events of a bus that match its pattern, to be replayed. Its log is appended to in the commit of the
// publish, so that an event is in it once its publish is answered. Replayed events are not archived again.
type Archive struct {
	// Bus is the bus's name, in the archive's account and region. It can not be changed.
	Bus         string `json:"bus" yaml:"bus"`
	Description string `json:"description,omitempty" yaml:"description"`
	// When is an event pattern; empty archives every event.
	When json.RawMessage `json:"when,omitempty" yaml:"when"`
	// Retention is for how long events are kept, 1m or more; zero means for ever.
	Retention duration.Duration `json:"retention,omitempty" yaml:"retention"`
	// Kept are attributes that a protocol keeps with the archive and on which nothing acts.
	Kept map[string]string `json:"kept,omitempty" yaml:"-"`
}

// Clone returns a copy that shares nothing with a.
func (a *Archive) Clone() Archive {
	c := *a
	c.When, c.Kept = slices.Clone(a.When), maps.Clone(a.Kept)
	return c
}

// Validate returns an error that joins an [*InvalidError] for each fault of the archive with the given name. It does not look
// at whether the bus exists.
func (a *Archive) Validate(name string) error {
	_, err := compileArchive(name, a)
	return err
}

// compileArchive returns the archive's pattern, nil for one that takes every event, or all faults of the archive.
func compileArchive(name string, def *Archive) (when *pattern.Pattern, err error) {
	var errs []error
	bad := func(field, reason string) { errs = append(errs, &InvalidError{Field: field, Reason: reason}) }
	if !validName(name, 48, "") {
		bad("name", fmt.Sprintf("%q must be 1 to 48 letters, digits, dots, hyphens and underscores", name))
	}
	if !validName(def.Bus, 256, "/") {
		bad("bus", fmt.Sprintf("%q is no name of a bus", def.Bus))
	}
	if len(def.When) > 0 {
		if when, err = pattern.Compile(def.When); err != nil {
			errs = append(errs, patternError("when", err))
		}
	}
	if r := time.Duration(def.Retention); r != 0 && r < time.Minute {
		bad("retention", "must be at least 1m, or 0 for ever")
	}
	return when, errors.Join(errs...)
}
