package rules

import (
	"encoding/json"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// A replay brings the events of an archive to the rules of its bus again. The work is done by transfers of the archive's log,
// one after the other:
//
//	          ┌── CancelReplay ──► CANCELLING ──► CANCELLED
//	STARTING ─┴─► RUNNING ──┬──► COMPLETED
//	               ▲   │    └──► FAILED: the archive or the bus was deleted, or the transfer has failed
//	               └───┘ Until lies ahead: what has been archived since comes in a transfer of its own
//
// Each takes what the log has between where the one before ended and where the log ends when it is started. The one that is
// started at Until or later is the last. A replay of the past has only that. What decides is one set of changes each time, of the
// replay's record with the transfer's, so that a crash between two steps does no harm.

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

	// ID tells it from other replays that had its name. It is part of what the IDs of its deliveries are made of.
	ID string `json:"id"`
	// Read counts the archived events it has looked at, Published those that it has published. Skipped are those of its range
	// that it could not: they can not be read, or would make more deliveries than a publish may. Missed are those that the
	// archive's retention removed, after the replay was started and before it had come to them.
	Read      int64 `json:"read,omitempty"`
	Published int64 `json:"published,omitempty"`
	Skipped   int64 `json:"skipped,omitempty"`
	Missed    int64 `json:"missed,omitempty"`
	// Feed is how far it has come.
	Feed ReplayFeed `json:"feed"`
}

// ReplayFeed is how far a replay has come in the log of its archive.
type ReplayFeed struct {
	// ArchiveID is the archive's catalog ID: one deleted and made anew is another.
	ArchiveID uint64 `json:"archive_id"`
	// Transfer is the one that is at work, empty for none; Last says that none follows it.
	Transfer string `json:"transfer,omitempty"`
	Last     bool   `json:"last,omitempty"`
	// Transfers counts them.
	Transfers int `json:"transfers,omitempty"`
	// Cursor is how far the transfers before had come in the log, and Passed how many entries the log had up to where the latest
	// one ends, over its life.
	Cursor uint64 `json:"cursor,omitempty"`
	Passed int64  `json:"passed,omitempty"`
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

// covers says whether the replay brings events of that time.
func (r *Replay) covers(t time.Time) bool { return !t.Before(r.From) && t.Before(r.Until) }

// ReplayKind is the kind of the transfers that replay archived events.
const ReplayKind = "replay"

// replaying is the parameters of such a transfer.
type replaying struct {
	// Replay is the name, ID the identity of the replay.
	Replay string `json:"replay"`
	ID     string `json:"id"`
}

// ReplayOf returns the name of the replay that a transfer is for.
func ReplayOf(t *queue.Transfer) (name string, ok bool) {
	var params replaying
	ok = t.Kind == ReplayKind && json.Unmarshal(t.Params, &params) == nil
	return params.Replay, ok
}

// replayed is what a transfer keeps with its cursor.
type replayed struct {
	Published int64     `json:"published"`
	Skipped   int64     `json:"skipped,omitempty"`
	Last      time.Time `json:"last,omitzero"`
}

func (k *replayed) decode(kept json.RawMessage) {
	if len(kept) > 0 {
		_ = json.Unmarshal(kept, k) // what another release kept and this one can not read counts for nothing
	}
}

// add counts what a transfer of the replay has done.
func (r *Replay) add(t *queue.Transfer) {
	var kept replayed
	kept.decode(t.Kept)
	r.Read += t.Read
	r.Missed += t.Missed
	r.Published += kept.Published
	r.Skipped += kept.Skipped
	if !kept.Last.IsZero() {
		r.LastReplayed = kept.Last
	}
}
