package rules

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Rule routes the events of a bus that it matches to its targets.
type Rule struct {
	Description string `json:"description,omitempty" yaml:"description"`
	// When is an event pattern; empty matches every event, unless the rule has a Schedule.
	When json.RawMessage `json:"when,omitempty" yaml:"when"`
	// If is a condition that must hold too; empty always holds.
	If string `json:"if,omitempty" yaml:"if"`
	// Targets receive what matched, each once per event.
	Targets []Target `json:"targets,omitempty" yaml:"targets"`
	// Start is what a new rule gets of the events its bus retained before: "latest" (the default) for none, "earliest" for
	// all, or an RFC 3339 time for those published since.
	Start string `json:"start,omitempty" yaml:"start"`
	// Paused keeps events back: the rule keeps its position in the bus's log, and gets what it missed, as far as it is
	// retained, when it goes on.
	Paused bool `json:"paused,omitempty" yaml:"paused"`
	// Disabled keeps the rule from matching and from firing. Unlike Paused it keeps nothing back.
	Disabled bool `json:"disabled,omitempty" yaml:"disabled"`
	// Schedule, "rate(5 minutes)" or "cron(0 3 * * ? *)" in UTC, sends the targets an event of its own when it is due. See
	// package schedule.
	Schedule string `json:"schedule,omitempty" yaml:"schedule"`
	// ScheduledSince is when Schedule began to count: PutRule sets it when the rule is made, enabled, or gets another one. For a
	// file's rule it is zero, and when its record was made counts.
	ScheduledSince time.Time `json:"scheduled_since,omitzero" yaml:"-"`
	// Kept are attributes that a protocol keeps with the rule and on which nothing acts.
	Kept map[string]string `json:"kept,omitempty" yaml:"-"`
	// Tags are for people and their tools, as those of queues.
	Tags map[string]string `json:"tags,omitempty" yaml:"tags"`
}

// Clone returns a copy whose maps, slices and targets are its own; what the targets refer to is shared.
func (r *Rule) Clone() Rule {
	c := *r
	c.When, c.Targets = slices.Clone(r.When), slices.Clone(r.Targets)
	c.Kept, c.Tags = maps.Clone(r.Kept), maps.Clone(r.Tags)
	return c
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
