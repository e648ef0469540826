package topic

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// A replay brings messages of a FIFO topic's log to one subscription again. Meanwhile the subscription gets nothing else: what is
// published and would be for it is held, which the message's entry in the log says, and comes after what is replayed.
//
//	live ── Replay is set ──► archive ──► held ──┬──► handover ──► live
//	                                       ▲     │
//	                                       └─────┘ more has been held than is copied at once
//
// archive is a transfer of the range that was asked for, as far as the log went then; held is a transfer of what has been held
// since. In the handover publishers wait, for a moment, while the last held messages are copied. So each message that is held is
// delivered once, in its place: it is copied because its entry says so, whatever happens when.

// Feed is how far a replay has come.
type Feed struct {
	// Transfer is the last that was started for it; empty for none.
	Transfer string `json:"transfer,omitempty"`
	// Cursor is where the transfer ends in the log: what is held from there on is next.
	Cursor uint64 `json:"cursor"`
	// Held is where in the log the first message can be that was held.
	Held uint64 `json:"held"`
	// HeldOnly says that the transfer is not of the archive.
	HeldOnly bool `json:"held_only,omitempty"`
	// Handover has publishers wait.
	Handover bool `json:"handover,omitempty"`
}

// ReplayStatus says how far a replay has come, as SNS names it.
type ReplayStatus string

// What a ReplayStatus can be; empty for a subscription without a replay.
const (
	ReplayPending    ReplayStatus = "Pending"
	ReplayInProgress ReplayStatus = "In progress"
	ReplayCompleted  ReplayStatus = "Completed"
	ReplayFailed     ReplayStatus = "Failed"
)

// ReplayStatus says how far the replay of a subscription has come.
func (t *Topics) ReplayStatus(e *SubscriptionEntry) ReplayStatus {
	s := &e.Subscription
	switch {
	case s.Replay == nil:
		return ""
	case s.Feed == nil:
		return ReplayCompleted
	case s.Feed.Transfer == "":
		return ReplayInProgress
	}
	transfer, err := t.transfers.At(t.definitions.Snapshot(), transferName(e.Topic, s.Feed.Transfer))
	switch {
	case err != nil, transfer.Value.State == queue.TransferFailed, transfer.Value.State == queue.TransferCancelled:
		return ReplayFailed
	case transfer.Value.State == queue.TransferRunning && transfer.Value.Read == 0 && !s.Feed.HeldOnly:
		return ReplayPending
	default:
		return ReplayInProgress
	}
}

// TransferKind is the kind of the transfers that replay messages.
const TransferKind = "topic"

func transferName(topic catalog.Name, transfer string) catalog.Name {
	return catalog.Name{Account: topic.Account, Region: topic.Region, Name: transfer}
}

// replayed is the parameters of such a transfer: which of the log's messages the subscription is to get.
type replayed struct {
	Topic        string `json:"topic"`
	Subscription string `json:"subscription"`
	// From and Until are as in Replay.
	From  time.Time `json:"from,omitzero"`
	Until time.Time `json:"until,omitzero"`
	// Held is where messages that were held can be: these are wanted whatever From says. HeldOnly wants no others.
	Held     uint64 `json:"held"`
	HeldOnly bool   `json:"held_only,omitempty"`
}

// clockSlack is by how much the time of a message's place in the log, which a shared store gives, may be before that of its
// publishing.
const clockSlack = time.Minute

// replay plans what follows from another Replay than before: it sets next's Feed and returns the change that starts a transfer.
func (t *Topics) replay(ctx context.Context, state *topicState, was, next *Subscription) ([]catalog.Change, error) {
	next.Feed = was.Feed
	if sameReplay(was.Replay, next.Replay) || next.Replay == nil && (was.Feed == nil || was.Feed.HeldOnly || was.Feed.Handover) {
		return nil, nil
	}
	end, err := t.logEnd(ctx, state)
	if err != nil {
		return nil, err
	}
	held := end
	if was.Feed != nil {
		held = was.Feed.Held // what was held before has not been delivered, as far as is known
	}
	next.Feed = &Feed{Cursor: end, Held: held}
	if next.Replay == nil {
		next.Feed.Cursor = held
		return nil, nil
	}
	from := min(queue.PositionAt(next.Replay.From.Add(-clockSlack)).Sequence, held)
	if from >= end {
		return nil, nil // the log has nothing of it
	}
	return t.startTransfer(state, next, from, replayed{From: next.Replay.From, Held: held})
}

func sameReplay(a, b *Replay) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.From.Equal(b.From) && a.Until.Equal(b.Until)
}

// startTransfer returns the change that starts a transfer from a place in the log to the end of s's Feed, which it names it.
func (t *Topics) startTransfer(state *topicState, s *Subscription, from uint64, params replayed) ([]catalog.Change, error) {
	params.Topic, params.Subscription = state.name.Name, s.ID
	if s.Replay != nil {
		params.Until = s.Replay.Until
	}
	text, err := json.Marshal(params)
	if err != nil {
		return nil, fmt.Errorf("encoding a replay: %w", err)
	}
	s.Feed.Transfer, s.Feed.HeldOnly = "topic-"+uuid.Must(uuid.NewV7()).String(), params.HeldOnly
	change, err := queue.StartTransfer(t.definitions, transferName(state.name, s.Feed.Transfer), queue.Transfer{
		Kind: TransferKind, Source: state.log(), SourceKind: queue.Log, Params: text, Total: -1,
		Cursor: queue.Position{Sequence: from}, Until: queue.Position{Sequence: s.Feed.Cursor},
	}, t.broker.Now())
	if err != nil {
		return nil, err
	}
	return []catalog.Change{change}, nil
}

// logEnd is where the topic's log ends; zero if it never had a message.
func (t *Topics) logEnd(ctx context.Context, state *topicState) (uint64, error) {
	stats, err := t.broker.Store().Stats(ctx, t.broker.Now(), []queue.ID{state.log()})
	if err != nil {
		return 0, fmt.Errorf("looking for the end of the log of %s: %w", state.name.Name, err)
	}
	return stats[0].End.Sequence, nil
}
