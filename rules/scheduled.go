package rules

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Scheduled tells what became of times at which a rule was due.
type Scheduled struct {
	// Rule is the rule's catalog name; see SplitRuleName.
	Rule catalog.Name
	// Due is when the rule was due, to the second: the time of its event, or the latest one that was skipped.
	Due time.Time
	// Fired says that the rule fired, otherwise it was skipped.
	Fired bool
	// Skipped is how many times that the rule was due were skipped, up to Due, because nobody was there to fire.
	Skipped int64
	// Totals are what all of this comes to since the schedule began to count.
	Totals ScheduleTotals
}

// ScheduleTotals count what became of the times at which a rule was due.
type ScheduleTotals struct {
	Fired   int64 `json:"fired,omitempty"`
	Skipped int64 `json:"skipped,omitempty"`
}

// ScheduleStatus is how far a rule's schedule has come.
type ScheduleStatus struct {
	// Next is when the rule fires next, in UTC; zero if it never does. In the past it is overdue.
	Next   time.Time
	Totals ScheduleTotals
}

// planned is the message that there is for each rule with a schedule, in the queue of its bus. It is as JSON in the message's
// body; what changes is in the message's state.
type planned struct {
	Rule   string `json:"rule"`
	RuleID uint64 `json:"rule_id"`
	// Key is the timetable's. The message is found by it.
	Key string `json:"key"`
	// First is what the state begins with, in Unix seconds.
	First int64 `json:"first"`
}

// progressed is the state of that message.
type progressed struct {
	// Due is the time that comes next to be fired or skipped, in Unix seconds; zero for none.
	Due    int64          `json:"due,omitempty"`
	Totals ScheduleTotals `json:"totals"`
}

func (p *progressed) due() time.Time {
	if p.Due == 0 {
		return time.Time{}
	}
	return time.Unix(p.Due, 0).UTC()
}

// dueAt makes a time that comes next, or the zero time, the state's.
func (p *progressed) dueAt(t time.Time) {
	p.Due = 0
	if !t.IsZero() {
		p.Due = t.Unix()
	}
}

func (p *progressed) encode() []byte {
	encoded, _ := json.Marshal(p) // numbers always have a form
	return encoded
}

// decodePlanned reads a message. fresh says that nobody has given it back yet.
func decodePlanned(m *queue.Message) (plan planned, state progressed, fresh bool, err error) {
	if err := json.Unmarshal(m.Body, &plan); err != nil {
		return plan, state, false, fmt.Errorf("what is planned of a schedule can not be read: %w", err)
	}
	if len(m.State) == 0 {
		return plan, progressed{Due: plan.First}, true, nil
	}
	if err := json.Unmarshal(m.State, &state); err != nil {
		return plan, state, false, fmt.Errorf("how far the schedule of rule %s has come can not be read: %w", plan.Rule, err)
	}
	return plan, state, false, nil
}

// schedules returns the queue of what is due by the schedules of a bus's rules.
func (b *busState) schedules() queue.ID { return queue.IDFor(b.id, queue.Schedules) }

// rule returns the rule with that catalog ID, nil if there is none that can be compiled.
func (b *busState) rule(id uint64) *compiledRule { return b.rules.get(id) }

// ScheduleStatus says how far a rule's schedule has come. Errors: [ErrBusNotFound], [ErrRuleNotFound]; the latter, too, if the rule
// has no schedule, or is disabled.
func (e *Engine) ScheduleStatus(ctx context.Context, busName catalog.Name, rule string) (ScheduleStatus, error) {
	_, bus, err := e.bus(ctx, busName)
	if err != nil {
		return ScheduleStatus{}, err
	}
	entry, err := e.rules.Get(RuleName(busName, rule))
	if err != nil && !errors.Is(err, catalog.ErrNotFound) {
		return ScheduleStatus{}, err
	}
	compiled := bus.rule(entry.ID)
	if !compiled.scheduled() {
		return ScheduleStatus{}, fmt.Errorf("%w: %s, with a schedule", ErrRuleNotFound, rule)
	}
	now := e.broker.Now()
	found, err := e.broker.Store().Get(ctx, now, bus.schedules(), compiled.timetable.key)
	if err != nil {
		return ScheduleStatus{}, err
	}
	if len(found) == 0 { // not planned yet, or never due
		return ScheduleStatus{Next: compiled.timetable.next(now)}, nil
	}
	_, state, _, err := decodePlanned(&oldest(found).Message)
	return ScheduleStatus{Next: state.due(), Totals: state.Totals}, err
}

// oldest returns the message that was appended first, of at least one.
func oldest(found []queue.Peeked) *queue.Peeked {
	least := &found[0]
	for i := range found {
		if found[i].Message.Sequence < least.Message.Sequence {
			least = &found[i]
		}
	}
	return least
}
