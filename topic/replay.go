package topic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// A replay brings messages of a FIFO topic's log to one subscription again. Meanwhile the subscription gets nothing else: what is
// published and would be for it is held, which the message's entry in the log says, and comes after what is replayed.
//
//	live ── Replay is set ──► begin ──► archive ──► held ──┬──► handover ──► live
//	                                                 ▲     │
//	                                                 └─────┘ more has been held than is copied at once
//
// To begin is to wait for the publishes that do not hold yet, because they know the subscription as it was, or do not know it:
// where the log ends after that is where the archive does. archive is a transfer of the range that was asked for, and of what was
// held up to there; held is a transfer of what has been held since. In the handover publishers wait, for a moment, while the last
// held messages are copied. So each message that is held is delivered once, in its place: it is copied because its entry says so,
// whatever happens when.
//
// A transfer that has failed is resumed after a pause. After one that somebody cancelled comes what was held, and nothing more of
// the archive.
//
// A replay that takes the place of another begins where that has copied what was held. If that is not known at the moment, because a
// batch is under way, or the handover, this is brought to its end first, and of the archive nothing more with it.

// Feed is how far a replay has come.
type Feed struct {
	// Begin says that the archive's end is not known yet. Only Held is set then.
	Begin bool `json:"begin,omitempty"`
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
	// Again says that another replay has taken this one's place, and begins when what is under way is done.
	Again bool `json:"again,omitempty"`
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
	case s.Feed.Begin, s.Feed.Again:
		return ReplayPending
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
	// From and Until are as in Replay; the latter is the subscription's as it is now.
	From  time.Time `json:"from,omitzero"`
	Until time.Time `json:"-"`
	// Held is where messages that were held can be: these are wanted whatever From says. HeldOnly wants no others.
	Held     uint64 `json:"held"`
	HeldOnly bool   `json:"held_only,omitempty"`
}

// replay plans what follows from another Replay than before: it sets next's Feed and returns what is to be changed with it.
func (t *Topics) replay(ctx context.Context, state *topicState, was, next *Subscription) ([]catalog.Change, error) {
	next.Feed = was.Feed
	switch {
	case sameReplay(was.Replay, next.Replay):
		return nil, nil
	case next.Replay == nil:
		return t.giveUp(state, next)
	case was.Feed != nil:
		feed, changes, err := t.replace(state, was.Feed)
		next.Feed = feed
		return changes, err
	}
	end, err := t.logEnd(ctx, state)
	if err != nil {
		return nil, err
	}
	next.Feed = &Feed{Begin: true, Held: end}
	return nil, nil
}

// replace returns the feed of a replay that takes the place of one with another feed, and what is to be changed with it.
func (t *Topics) replace(state *topicState, was *Feed) (*Feed, []catalog.Change, error) {
	// held is that of the new one, where what was held has been copied up to a place.
	held := func(copied uint64) *Feed { return &Feed{Begin: true, Held: max(was.Held, copied)} }
	again := new(*was)
	again.Again = true
	switch {
	case was.Begin:
		return held(0), nil, nil
	case was.Handover, was.Again:
		return again, nil, nil
	case was.Transfer == "":
		return held(was.Cursor), nil, nil
	}
	name := transferName(state.name, was.Transfer)
	e, err := t.transfers.At(t.definitions.Snapshot(), name)
	switch transfer := e.Value; {
	case errors.Is(err, catalog.ErrNotFound):
		return held(0), nil, nil
	case err != nil:
		return nil, nil, err
	case transfer.State == queue.TransferCompleted:
		return held(was.Cursor), nil, nil
	case transfer.State == queue.TransferCancelled:
		return held(transfer.Cursor.Sequence), nil, nil
	case transfer.Next.Sequence > was.Held && transfer.State != queue.TransferFailed: // which may not be able to go on
		return again, nil, nil
	default:
		return held(transfer.Cursor.Sequence), []catalog.Change{t.cancelled(e)}, nil
	}
}

// cancelled is the change that ends a transfer, if it is as it was. Before it copies more it asks for its record: then it copies
// nothing more.
func (t *Topics) cancelled(e catalog.Entry[queue.Transfer]) catalog.Change {
	transfer := e.Value
	transfer.State, transfer.Error, transfer.Ended = queue.TransferCancelled, "another replay, or none, took its place", t.broker.Now()
	return t.transfers.Putting(e.Name, transfer).If(e.Revision)
}

// giveUp has next go on with what was held. The transfer of the archive ends, unless it may have copied some of that: then it goes
// on to its end, which is near, with what was held only.
func (t *Topics) giveUp(state *topicState, next *Subscription) ([]catalog.Change, error) {
	feed := next.Feed
	if feed != nil && feed.Begin {
		next.Feed = &Feed{Cursor: feed.Held, Held: feed.Held, HeldOnly: true}
		return nil, nil
	}
	if feed != nil && feed.Again {
		next.Feed = new(*feed)
		next.Feed.Again = false
		return nil, nil
	}
	if feed == nil || feed.Transfer == "" || feed.HeldOnly || feed.Handover {
		return nil, nil
	}
	name := transferName(state.name, feed.Transfer)
	e, err := t.transfers.At(t.definitions.Snapshot(), name)
	if errors.Is(err, catalog.ErrNotFound) {
		return nil, nil // advance knows what to do
	}
	if err != nil {
		return nil, err
	}
	transfer := e.Value
	if ended := transfer.State.Ended() && transfer.State != queue.TransferFailed; ended || max(transfer.Cursor.Sequence, transfer.Next.Sequence) > feed.Held {
		return nil, nil
	}
	next.Feed = &Feed{Cursor: feed.Held, Held: feed.Held, HeldOnly: true}
	return []catalog.Change{t.cancelled(e)}, nil
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
