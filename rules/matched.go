package rules

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/signalbox-mq/signalbox/queue"
)

// attributeMatched is the system attribute, of type "String", in which a retained event carries its [Match].
const attributeMatched = "router.matched"

// Match is what was decided about an event when it was published. It is kept with the event in its bus's log, in the same
// commit as the deliveries.
type Match struct {
	// Revision is that of the definitions it was matched against.
	Revision uint64 `json:"revision"`
	// Rules are those whose pattern and condition held, in the order of their names.
	Rules []MatchedRule `json:"rules,omitempty"`
	// Failed are rules whose pattern matched but whose condition could not be evaluated. They did not match.
	Failed []FailedRule `json:"failed,omitempty"`
	// Hops counts the topics and buses the event passed through before.
	Hops int `json:"hops,omitempty"`
	// Origin is the ID of the event that a bus or topic passed on as this one; empty if it was published directly.
	Origin string `json:"origin,omitempty"`
	// Schedule is the expression by which the event was due; empty for a published one. The event was not matched: Rules is the
	// rule of the schedule.
	Schedule string `json:"schedule,omitempty"`
	// Replay is, for an event that a replay has published again, the replay's name, and ReplayID its identity. ReplayRules are
	// the rules that it was for, none for all.
	Replay      string   `json:"replay,omitempty"`
	ReplayID    string   `json:"replay_id,omitempty"`
	ReplayRules []string `json:"replay_rules,omitempty"`
}

// replayedTo says that a rule is among those that a replay was for. Everything that is not replayed is for all.
func (m *Match) replayedTo(rule string) bool {
	return len(m.ReplayRules) == 0 || slices.Contains(m.ReplayRules, rule)
}

// space keeps what replays make of an event apart: from what the publish made of it and from each other. It is empty for a
// publish.
func (m *Match) space() string {
	if m.Replay == "" {
		return ""
	}
	return m.Replay + "\x00" + m.ReplayID
}

// MatchedRule is a rule that matched, with what it sent where.
type MatchedRule struct {
	Rule string `json:"rule"`
	// Paused says that the rule was paused, so that its deliveries were kept back.
	Paused     bool       `json:"paused,omitempty"`
	Deliveries []Delivery `json:"deliveries,omitempty"`
}

// Delivery is one message that a matched rule made.
type Delivery struct {
	// ID is the message's.
	ID     string `json:"id"`
	Target string `json:"target"`
	// Kind and Name say what the target is.
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Queue is where the message was put: an endpoint's delivery queue, a queue that is the target, or a dead-letter queue.
	Queue queue.ID `json:"queue"`
	// Error, when not empty, says why the target could not get it, so that it went to the dead-letter queue named DeadLetter.
	Error      string `json:"error,omitempty"`
	DeadLetter string `json:"dead_letter,omitempty"`
}

// FailedRule is a rule whose condition failed.
type FailedRule struct {
	Rule   string `json:"rule"`
	Reason string `json:"reason"`
}

// DecodeMatch returns the match of a retained event.
func DecodeMatch(m *queue.Message) (*Match, error) {
	a, ok := m.SystemAttribute(attributeMatched)
	if !ok {
		return nil, fmt.Errorf("retained event %s has no %s attribute", m.ID, attributeMatched)
	}
	match := new(Match)
	if err := json.Unmarshal(a.Value, match); err != nil {
		return nil, fmt.Errorf("retained event %s: decoding its match: %w", m.ID, err)
	}
	return match, nil
}

// Names returns the names of the rules that matched, never nil.
func (m *Match) Names() []string {
	names := make([]string, len(m.Rules))
	for i, r := range m.Rules {
		names[i] = r.Rule
	}
	return names
}
