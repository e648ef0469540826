package queue

import (
	"fmt"
	"slices"
)

// DeadLetterSources says which queues of its account and region may name a queue as their dead-letter queue (the
// RedriveAllowPolicy of SQS). Exactly one of the two fields is set; nil, instead, lets all. It counts when a queue is given
// a dead-letter queue, not when messages go there.
type DeadLetterSources struct {
	// Deny lets none.
	Deny bool `json:"deny,omitempty" yaml:"deny"`
	// Queues are the names of those that may, at most 10. They need not exist.
	Queues []string `json:"queues,omitempty" yaml:"queues"`
}

// Allow reports whether the queue of that name may. It may be asked of nil.
func (s *DeadLetterSources) Allow(source string) bool {
	return s == nil || !s.Deny && slices.Contains(s.Queues, source)
}

// CheckDeadLetter returns an [*InvalidError] unless the queue of that name may have the dead-letter queue that its
// definition names, of which dlq is the definition.
func (d *Definition) CheckDeadLetter(name string, dlq *Definition) error {
	if d.DeadLetter == nil || dlq.DeadLetterSources.Allow(name) {
		return nil
	}
	return &InvalidError{
		Field:  "dead_letter.queue",
		Reason: fmt.Sprintf("names %q, whose dead_letter_sources do not let %q", d.DeadLetter.Queue, name),
	}
}

// equal takes the names as a set, as Allow does.
func (s *DeadLetterSources) equal(other *DeadLetterSources) bool {
	if s == nil || other == nil {
		return s == other
	}
	return s.Deny == other.Deny && slices.Equal(set(s.Queues), set(other.Queues))
}

func set(names []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(names)))
}

func (s *DeadLetterSources) validate(bad func(field, reason string)) {
	switch {
	case s == nil:
		return
	case s.Deny && len(s.Queues) > 0:
		bad("dead_letter_sources", "must have deny or queues, not both")
	case !s.Deny && len(s.Queues) == 0:
		bad("dead_letter_sources", "must have deny: true or at least one of queues; leave it out to let every queue")
	case len(s.Queues) > MaxDeadLetterSources:
		bad("dead_letter_sources.queues", fmt.Sprintf("are %d; at most %d are allowed", len(s.Queues), MaxDeadLetterSources))
	}
	for i, name := range s.Queues {
		if name == "" {
			bad(fmt.Sprintf("dead_letter_sources.queues[%d]", i), "must not be empty")
		}
	}
}
