package rules

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules/schedule"
)

// timetable says when a rule is due by its schedule. Two that have one key are the same.
type timetable struct {
	expression schedule.Expression
	key        string
	// since is when the schedule began to count, to the second.
	since time.Time
	// from is when the rule began to be as it is: nothing is due before. Zero if that is not known.
	from time.Time
}

// compileSchedule compiles a rule's schedule, nil for none, or returns all of its faults. The timetable is complete after count.
func compileSchedule(def *Rule) (*timetable, error) {
	if def.Schedule == "" {
		return nil, nil
	}
	var errs []error
	bad := func(field, reason string) { errs = append(errs, &InvalidError{Field: field, Reason: reason}) }
	var expression schedule.Expression
	switch kind, _, _ := strings.Cut(def.Schedule, "("); schedule.Kind(kind) {
	case schedule.Rate, schedule.Cron:
		var err error
		expression, err = schedule.Parse(def.Schedule)
		if fault, ok := errors.AsType[*schedule.SyntaxError](err); ok {
			errs = append(errs, &InvalidError{
				Field: "schedule", Reason: "is not a valid schedule: " + fault.Reason, Line: 1, Column: fault.Position + 1,
			})
		} else if err != nil {
			bad("schedule", err.Error())
		}
	case schedule.At:
		bad("schedule", "must be rate(…) or cron(…): at(…) is for one-time schedules, and rules have none")
	default:
		bad("schedule", "must be rate(…) or cron(…)")
	}
	if len(def.When) == 0 {
		// These are about events that are published, of which the rule matches none.
		if strings.TrimSpace(def.If) != "" {
			bad("if", "needs a when: it does not count for what is due by the schedule")
		}
		if def.Start != "" && def.Start != "latest" {
			bad("start", "needs a when: the rule matches no events that are published")
		}
	}
	return &timetable{expression: expression}, errors.Join(errs...)
}

// count says since when the schedule counts, from the rule's record.
func (t *timetable) count(rule *catalog.Entry[Rule]) {
	if t == nil {
		return
	}
	since := rule.Value.ScheduledSince
	t.from = since
	if since.IsZero() { // a file's
		since, t.from = rule.CreatedAt, rule.ModifiedAt
	}
	t.since = since.Truncate(time.Second)
	t.expression = t.expression.From(t.since)
	t.key = fmt.Sprintf("schedule/%d/%d/%s", rule.ID, since.UnixMilli(), t.expression)
}

// next returns when the rule is due next after a time, the zero time for never.
func (t *timetable) next(after time.Time) time.Time {
	due, _ := t.expression.Next(after)
	return due
}

// scheduled says whether the rule is due by a schedule now and then.
func (r *compiledRule) scheduled() bool { return r != nil && r.timetable != nil && !r.disabled }
