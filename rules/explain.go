package rules

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Verdict says what one rule makes of an event, by the definitions as they are now.
type Verdict struct {
	Rule string `json:"rule"`
	// Matched says that the pattern and the condition hold.
	Matched bool `json:"matched"`
	// Field is the first field that the pattern failed on ("detail.total"), or "if"; empty when it matched.
	Field string `json:"field,omitempty"`
	// Reason says why it did not match, for people.
	Reason string `json:"reason,omitempty"`
	Paused bool   `json:"paused,omitempty"`
	// Revision is that of the rule's last change, Created that of its creation.
	Revision uint64 `json:"revision"`
	Created  uint64 `json:"created"`
}

// Explain says of every rule of a bus, in the order of their names, whether it matches an event and why not. Where that
// differs from what was decided when the event was published, the rule was changed since: compare Revision and Created with
// the Match's Revision.
func (e *Engine) Explain(ctx context.Context, name catalog.Name, ev *event.Event) ([]Verdict, error) {
	if err := e.ensureBus(ctx, name); err != nil {
		return nil, err
	}
	_, bus, err := e.bus(ctx, name)
	if err != nil {
		return nil, err
	}
	eventJSON := ev.AppendEventBridge(nil)
	env := NewEnv(ev)
	verdicts := make([]Verdict, 0, bus.rules.size+len(bus.broken))
	for rule := range bus.rules.all() {
		v := Verdict{Rule: rule.name, Paused: rule.paused, Revision: rule.revision, Created: rule.created}
		if !rule.matching() {
			v.Field, v.Reason = "disabled", "the rule is disabled"
			if !rule.disabled {
				v.Field, v.Reason = "when", "the rule has a schedule only"
			}
			verdicts = append(verdicts, v)
			continue
		}
		why, matched, err := rule.pattern.Explain(eventJSON)
		switch {
		case err != nil:
			return nil, fmt.Errorf("explaining rule %s: %w", rule.name, err)
		case !matched:
			v.Field, v.Reason = why.Field, why.String()
		case rule.condition == nil:
			v.Matched = true
		default:
			holds, err := rule.condition.Eval(env)
			v.Matched = holds && err == nil
			if err != nil {
				v.Field, v.Reason = "if", "could not be evaluated: "+err.Error()
			} else if !holds {
				v.Field, v.Reason = "if", rule.condition.Explain(env)
			}
		}
		verdicts = append(verdicts, v)
	}
	for _, broken := range bus.broken {
		verdicts = append(verdicts, Verdict{
			Rule: broken.name, Field: "rule", Reason: "can not be compiled: " + broken.reason,
			Revision: broken.revision, Created: broken.created,
		})
	}
	slices.SortFunc(verdicts, func(a, b Verdict) int { return strings.Compare(a.Rule, b.Rule) })
	return verdicts, nil
}
