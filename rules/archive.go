package rules

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/signalbox-mq/signalbox/duration"
)

// Archive keeps the events of a bus that match its pattern, to be replayed. Its log is appended to in the commit of the
// publish, so that an event is in it once its publish is answered. Replayed events are not archived again.
type Archive struct {
	// Bus is the bus's name, in the archive's account and region. It can not be changed.
	Bus         string `json:"bus" yaml:"bus"`
	Description string `json:"description,omitempty" yaml:"description"`
	// When is an event pattern; empty archives every event.
	When json.RawMessage `json:"when,omitempty" yaml:"when"`
	// Retention is for how long events are kept; zero means for ever.
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

// Replay publishes the events of an archive to the rules of its bus again: those whose time lies between From, inclusive, and
// Until, exclusive.
type Replay struct {
	Description string `json:"description,omitempty"`
	// Archive and Bus are names in the replay's account and region.
	Archive string `json:"archive"`
	Bus     string `json:"bus"`
	// Rules are the names of those that get the events; empty for all.
	Rules []string `json:"rules,omitempty"`
	// From and Until bound the events' time. Until may lie in the future: the replay then goes on until it is reached.
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`

	State  ReplayState `json:"state"`
	Reason string      `json:"reason,omitempty"`
	// LastReplayed is the time of the event that was replayed last, zero for none yet.
	LastReplayed time.Time `json:"last_replayed,omitzero"`
	Started      time.Time `json:"started"`
	Ended        time.Time `json:"ended,omitzero"`
}

// ReplayState says where a replay is in its life, as EventBridge names it.
type ReplayState string

// What a ReplayState can be.
const (
	ReplayStarting   ReplayState = "STARTING"
	ReplayRunning    ReplayState = "RUNNING"
	ReplayCancelling ReplayState = "CANCELLING"
	ReplayCompleted  ReplayState = "COMPLETED"
	ReplayCancelled  ReplayState = "CANCELLED"
	ReplayFailed     ReplayState = "FAILED"
)

// Ended says that the replay will not do anything again.
func (s ReplayState) Ended() bool {
	return s == ReplayCompleted || s == ReplayCancelled || s == ReplayFailed
}
