package topic

import (
	"context"
	"slices"
	"strings"

	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules/pattern"
)

// Verdict says what one subscription makes of a message, by the definitions as they are now.
type Verdict struct {
	Subscription string `json:"subscription"`
	Kind         string `json:"kind"`
	Name         string `json:"name"`
	Matched      bool   `json:"matched"`
	// Field is the first attribute, or path in the body, that the filter policy failed on; empty when it matched.
	Field string `json:"field,omitempty"`
	// Reason says why it did not match, for people.
	Reason string `json:"reason,omitempty"`
	// Revision is that of the subscription's last change, Created that of its creation.
	Revision uint64 `json:"revision"`
	Created  uint64 `json:"created"`
}

// Explain says of every subscription of a topic, in the order of their IDs, whether a message passes its filter policy and
// why not. It publishes nothing. It fails with [ErrNotFound].
func (t *Topics) Explain(ctx context.Context, name catalog.Name, m *Message) ([]Verdict, error) {
	topic, err := t.topic(ctx, name)
	if err != nil {
		return nil, err
	}
	verdicts := make([]Verdict, 0, topic.count)
	for _, s := range topic.subs {
		if s == nil {
			continue
		}
		v := Verdict{Subscription: s.id, Kind: s.kind, Name: s.name, Revision: s.revision, Created: s.created}
		switch {
		case s.fault != nil:
			v.Field, v.Reason = "filter", "can not be compiled: "+s.fault.Error()
		case s.pending:
			v.Reason = "is not confirmed"
		case s.filter == nil:
			v.Matched = true
		case s.scope == pattern.ScopeAttributes:
			var why pattern.Mismatch
			if why, v.Matched = s.filter.ExplainAttributes(patternAttributes(m)); !v.Matched {
				v.Field, v.Reason = why.Field, why.String()
			}
		default:
			var why pattern.Mismatch
			var err error
			why, v.Matched, err = s.filter.Explain(m.Body)
			if err != nil {
				v.Field, v.Reason = "body", "is not a JSON object"
			} else if !v.Matched {
				v.Field, v.Reason = why.Field, why.String()
			}
		}
		verdicts = append(verdicts, v)
	}
	slices.SortFunc(verdicts, func(a, b Verdict) int { return strings.Compare(a.Subscription, b.Subscription) })
	return verdicts, nil
}
