package topic

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

const (
	// handoverMost is how many held messages there may be for the handover, during which publishers wait.
	handoverMost = 200
	// handoverWait is for how long a publisher waits at most. If a node dies in the midst of a handover it takes longer: then
	// messages overtake those that were held.
	handoverWait = 5 * time.Second
	// driveAgain is when something is tried again that the store did not do.
	driveAgain = time.Second
	// driveFailed is for how long a transfer that has failed is left alone.
	driveFailed = time.Minute
)

// Replay takes replays from one stage to the next until ctx ends, which is no error. One node does it at a time. It fails when the
// store is closed.
func (t *Topics) Replay(ctx context.Context) error {
	for ctx.Err() == nil {
		revision := t.definitions.Revision()
		err := t.advanceAll(ctx)
		switch {
		case errors.Is(err, queue.ErrStoreClosed):
			return err
		case err != nil:
			t.fault(ctx, err)
			timer := time.NewTimer(driveAgain)
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
			}
		default:
			waiting, stop := context.WithTimeout(ctx, driveFailed) // when what has failed may be tried again
			_ = t.definitions.Wait(waiting, revision)              // or ctx ends
			stop()
		}
	}
	return nil
}

// fault tells of what kept a replay from going on.
func (t *Topics) fault(ctx context.Context, err error) {
	if t.OnFault != nil && ctx.Err() == nil {
		t.OnFault(err)
	}
}

func (t *Topics) advanceAll(ctx context.Context) error {
	snap, err := t.compiled.Get()
	if err != nil {
		return err
	}
	var errs []error
	for name := range snap.feeding {
		state := snap.topics[name]
		for _, s := range state.subs {
			if s == nil || s.feed == nil {
				continue
			}
			if err := t.advance(ctx, state, s); err != nil && !raced(err) {
				errs = append(errs, fmt.Errorf("replaying topic %s to %s: %w", name.Name, s.id, err))
			}
		}
	}
	return errors.Join(errs...)
}

// advance does what is next for one replay, if its transfer has ended. It fails with what raced knows if something was changed
// meanwhile.
func (t *Topics) advance(ctx context.Context, state *topicState, s *subscription) error {
	switch {
	case s.feed.Begin:
		return t.begin(ctx, state, s)
	case s.feed.Handover:
		return t.handOver(ctx, state, s)
	case s.feed.Transfer != "":
		if completed, err := t.copied(ctx, state, s); !completed {
			return err
		}
	}
	if s.feed.Again {
		return t.feed(ctx, state, s, func(next *Subscription) ([]catalog.Change, error) {
			next.Feed = &Feed{Begin: true, Held: max(s.feed.Held, s.feed.Cursor)}
			return nil, nil
		})
	}
	left, err := t.broker.Store().Scan(ctx, queue.ScanRequest{
		Now: t.broker.Now(), Queue: state.log(), Kind: queue.Log, From: queue.Position{Sequence: s.feed.Cursor}, Limit: handoverMost,
	})
	if err != nil {
		return err
	}
	if !left.More {
		return t.feed(ctx, state, s, func(next *Subscription) ([]catalog.Change, error) {
			next.Feed = new(*s.feed)
			next.Feed.Handover = true
			return nil, nil
		})
	}
	end, err := t.logEnd(ctx, state)
	if err != nil {
		return err
	}
	return t.feed(ctx, state, s, func(next *Subscription) ([]catalog.Change, error) {
		next.Feed = &Feed{Cursor: end, Held: s.feed.Held}
		return t.startTransfer(state, next, s.feed.Cursor, replayed{Held: s.feed.Held, HeldOnly: true})
	})
}

// begin starts the transfer of the archive. When no publish on any node is under way that does not hold its message, what comes
// behind the end of the log is held.
func (t *Topics) begin(ctx context.Context, state *topicState, s *subscription) error {
	if err := t.settle(ctx); err != nil {
		return err
	}
	end, err := t.logEnd(ctx, state)
	if err != nil {
		return err
	}
	return t.feed(ctx, state, s, func(next *Subscription) ([]catalog.Change, error) {
		next.Feed = &Feed{Cursor: end, Held: s.feed.Held}
		from := min(queue.PositionAt(s.from).Sequence, s.feed.Held)
		if from >= end {
			return nil, nil // the log has nothing of it
		}
		return t.startTransfer(state, next, from, replayed{From: s.from, Held: s.feed.Held})
	})
}

// settle returns when no publish on any node is under way that goes by older definitions than this node has now.
func (t *Topics) settle(ctx context.Context) error {
	if err := t.definitions.Everywhere(ctx); err != nil {
		return err
	}
	return t.publishing.Wait(ctx)
}

// copied says whether a replay's transfer has completed. If it has failed it is resumed, after a pause. If it was cancelled, or
// its record is gone, the feed goes on with what was held; of that, what was being copied may come twice then.
func (t *Topics) copied(ctx context.Context, state *topicState, s *subscription) (bool, error) {
	name := transferName(state.name, s.feed.Transfer)
	transfer, err := t.transfers.At(t.definitions.Snapshot(), name)
	gone := errors.Is(err, catalog.ErrNotFound)
	if err != nil && !gone {
		return false, err
	}
	switch now := t.broker.Now(); {
	case gone || transfer.Value.State == queue.TransferCancelled:
		err := t.feed(ctx, state, s, func(next *Subscription) ([]catalog.Change, error) {
			next.Feed = &Feed{
				Cursor: max(transfer.Value.Cursor.Sequence, s.feed.Held), Held: s.feed.Held, HeldOnly: true, Again: s.feed.Again,
			}
			return nil, nil
		})
		if err == nil {
			t.fault(ctx, fmt.Errorf("replaying topic %s to %s: transfer %s was cancelled; only what was held comes now", state.name.Name, s.id, name.Name))
		}
		return false, err
	case transfer.Value.State == queue.TransferFailed && now.Sub(transfer.Value.Ended) >= driveFailed:
		t.fault(ctx, fmt.Errorf("replaying topic %s to %s: transfer %s had failed: %s", state.name.Name, s.id, name.Name, transfer.Value.Error))
		return false, queue.ChangeTransfer(ctx, t.definitions, name, queue.TransferRunning, "", now)
	default:
		return transfer.Value.State == queue.TransferCompleted, nil
	}
}

// feed changes a subscription that is as s has it, together with what change returns.
func (t *Topics) feed(ctx context.Context, state *topicState, s *subscription, change func(*Subscription) ([]catalog.Change, error)) error {
	name := SubscriptionName(state.name, s.id)
	e, err := t.subscriptions.At(t.definitions.Snapshot(), name)
	if err != nil {
		return err
	}
	if e.Revision != s.revision {
		return fmt.Errorf("subscription %s: %w", s.id, catalog.ErrConflict)
	}
	next := e.Value.Clone()
	next.ID = s.id
	more, err := change(&next)
	if err != nil {
		return err
	}
	_, err = t.definitions.Apply(ctx, catalog.Set{Changes: append([]catalog.Change{t.subscriptions.Putting(name, next).If(e.Revision)}, more...)})
	return err
}

// handOver copies the last messages that were held. When no publish on any node is under way that began before the handover, and
// those that began in it wait, there will be no others.
func (t *Topics) handOver(ctx context.Context, state *topicState, s *subscription) error {
	if err := t.settle(ctx); err != nil {
		return err
	}
	params := replayed{Held: s.feed.Held, HeldOnly: true, Until: s.until}
	var entries []queue.Entry
	req := queue.ScanRequest{
		Now: t.broker.Now(), Queue: state.log(), Kind: queue.Log, From: queue.Position{Sequence: s.feed.Cursor}, Limit: handoverMost,
	}
	for {
		res, err := t.broker.Store().Scan(ctx, req)
		if err != nil {
			return err
		}
		some, err := t.replayTo(ctx, state, s, &params, "", res.Messages)
		if err != nil {
			return err
		}
		entries = append(entries, some...)
		req.From = res.Next
		if !res.More {
			break
		}
	}
	if len(entries) > 0 {
		_, err := t.broker.Store().Append(ctx, queue.AppendRequest{
			Now: t.broker.Now(), Entries: entries, TokenWindow: MaxWindow,
			Token: fmt.Sprintf("topic/%d/handover/%s/%d", state.id, s.uuid, s.feed.Cursor),
		})
		if err != nil {
			return err
		}
	}
	return t.feed(ctx, state, s, func(next *Subscription) ([]catalog.Change, error) {
		next.Feed = nil
		if s.feed.Again {
			next.Feed = &Feed{Begin: true, Held: req.From.Sequence}
		}
		return nil, nil
	})
}

// Barrier returns when every publish to a FIFO topic on this node that went by older definitions than the node has now is
// durable, or has failed. To be what a node does after it has caught up with the others' definitions: see
// catalog.Catalog.Follow. It fails with ctx's error only.
func (t *Topics) Barrier(ctx context.Context) error {
	revision, barred := t.definitions.Revision(), t.barred.Load()
	if changes, _, err := t.definitions.Changes(barred, Table, SubscriptionTable); err != nil || len(changes) > 0 {
		if err := t.publishing.Wait(ctx); err != nil {
			return err
		}
	}
	t.barred.Store(revision)
	return nil
}

// enter begins a publish to a FIFO topic, when no subscription of it is being handed over. The caller leaves the passage.
func (t *Topics) enter(ctx context.Context, name catalog.Name) (*topicState, *catalog.Passage, error) {
	for deadline := time.Now().Add(handoverWait); ; {
		known := t.definitions.Revision()
		passage := t.publishing.Enter()
		state, err := t.topic(ctx, name)
		if err != nil {
			t.publishing.Leave(passage)
			return nil, nil, err
		}
		if state.handovers == 0 || !time.Now().Before(deadline) {
			return state, passage, nil
		}
		t.publishing.Leave(passage)
		waiting, stop := context.WithDeadline(ctx, deadline)
		_ = t.definitions.Wait(waiting, known)
		stop()
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
	}
}
