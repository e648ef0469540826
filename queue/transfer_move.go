package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// moveKept bounds how many messages that are not to be moved a move comes upon before it takes the rest for such ones too.
const moveKept = 1000

// move moves a batch of a queue's messages and says whether that was the last. A crash leaves the messages leased, so that
// they are received again later; each move is one commit with the removal. What somebody else has in flight, or has
// delayed, is not waited for.
func (w *transferWork) move(ctx context.Context) (done bool, err error) {
	if w.mapper.Move == nil {
		return false, fmt.Errorf("%w: kind %q does not move queues", ErrTransferCancelled, w.t.Kind)
	}
	if err := w.progress(ctx); err != nil {
		return false, err
	}
	if w.mapper.MayMove != nil {
		t := w.t // the mapper's own
		if err := w.mapper.MayMove(&t); err != nil {
			return false, err
		}
	}
	var keep []Settlement
	defer func() {
		if released := w.release(ctx, keep); err == nil {
			err = released
		}
	}()
	for len(keep) < moveKept {
		res, err := w.ts.broker.store.Receive(ctx, ReceiveRequest{
			Now: w.ts.broker.Now(), Queue: w.t.Source, Kind: w.t.SourceKind, Max: w.limit(), MaxBytes: transferReadBytes,
			Visibility: transferLease, Delay: w.sourceDelay(),
		})
		if errors.Is(err, ErrDropped) {
			return false, fmt.Errorf("%w: its source was deleted", ErrTransferCancelled)
		}
		if err != nil {
			return false, fmt.Errorf("reading: %w", err)
		}
		if len(res.Messages) == 0 {
			return w.leftOver(ctx, len(keep))
		}
		var batch []Message
		for _, m := range res.Messages {
			if m.Sequence < w.t.Until.Sequence {
				batch = append(batch, m)
				continue
			}
			// Kept leased while looking on, or it would be received again and again.
			keep = append(keep, Settlement{Receipt: m.Receipt, Action: Release})
		}
		if len(batch) > 0 {
			return false, w.moveBatch(ctx, batch)
		}
	}
	return true, nil
}

// leftoverPause is how often it is looked whether leases that a crash left have ended.
const leftoverPause = time.Second

// leftOver says, when there is nothing to receive, whether that is the end: unless a crash or a fault left messages leased,
// beside those that are kept.
func (w *transferWork) leftOver(ctx context.Context, kept int) (done bool, err error) {
	now := w.ts.broker.Now()
	if now.After(w.leased) {
		return true, nil
	}
	stats, err := w.ts.broker.store.Stats(ctx, now, []ID{w.t.Source})
	if err != nil {
		return false, fmt.Errorf("reading: %w", err)
	}
	if stats[0].InFlight <= int64(kept) {
		return true, nil
	}
	sleep(ctx, min(leftoverPause, w.leased.Sub(now)+time.Millisecond))
	return false, nil
}

// sourceDelay is the delay of the queue that is moved, which holds messages of a FIFO queue back.
func (w *transferWork) sourceDelay() time.Duration {
	b := w.ts.broker
	name, ok, err := b.NameOf(w.t.Source)
	if err != nil || !ok {
		return 0
	}
	q, err := b.Lookup(name)
	if err != nil || q.ID != w.t.Source || !q.Definition.FIFO {
		return 0
	}
	return time.Duration(q.Definition.Delay)
}

func (w *transferWork) moveBatch(ctx context.Context, batch []Message) (err error) {
	rest := batch // to be given back
	defer func() {
		back := make([]Settlement, len(rest))
		for i := range rest {
			back[i] = Settlement{Receipt: rest[i].Receipt, Action: Release}
		}
		if released := w.release(ctx, back); err == nil {
			err = released
		}
	}()
	// The record decides whether to go on, so that a cancelled transfer moves nothing more.
	if err := w.save(ctx); err != nil {
		return err
	}
	t := w.t
	to, err := w.mapper.Move(ctx, &t, batch)
	if i := slices.Index(to, nil); i >= 0 {
		to = to[:i]
	}
	if len(to) < len(batch) && err == nil {
		err = fmt.Errorf("message %s has no destination", batch[len(to)].ID)
	}
	if len(to) == 0 {
		return err
	}
	settling := batch[:min(len(to), len(batch))]
	settled := w.settle(ctx, settling, to)
	if !errors.Is(settled, errNotSettled) {
		rest = batch[len(settling):]
	}
	return errors.Join(err, settled)
}

// errNotSettled says that nothing is known to have been moved.
var errNotSettled = errors.New("moving")

// settle moves messages to their destinations and counts them. Those that can not be moved are given back.
func (w *transferWork) settle(ctx context.Context, batch []Message, to []*Destination) (err error) {
	settlements := make([]Settlement, len(batch))
	size := 0
	for i := range batch {
		settlements[i] = Settlement{Receipt: batch[i].Receipt, Action: Move, To: to[i]}
		size += batch[i].Size()
	}
	// Once begun it is finished: a lease that is left takes its time to end.
	results, err := w.ts.broker.store.Settle(context.WithoutCancel(ctx), w.ts.broker.Now(), settlements)
	if err != nil {
		return fmt.Errorf("%w: %w", errNotSettled, err)
	}
	w.t.Read += int64(len(batch))
	w.t.Bytes += int64(size)
	moved := 0
	var back []Settlement
	for i, r := range results {
		switch {
		case r.Err == nil && !r.Gone:
			moved++
		case r.Err != nil && !errors.Is(r.Err, ErrReceiptExpired): // an expired one was received by somebody else
			err = fmt.Errorf("moving message %s: %w", batch[i].ID, r.Err)
			back = append(back, Settlement{Receipt: batch[i].Receipt, Action: Release})
			w.t.Read--
			w.t.Bytes -= int64(batch[i].Size())
		}
	}
	w.wrote(moved)
	return errors.Join(err, w.release(ctx, back))
}

// release gives messages back. Receipts that are no good any more need not be given back.
func (w *transferWork) release(ctx context.Context, settlements []Settlement) error {
	if len(settlements) == 0 {
		return nil
	}
	_, err := w.ts.broker.store.Settle(context.WithoutCancel(ctx), w.ts.broker.Now(), settlements)
	if err != nil {
		w.leased = w.ts.broker.Now().Add(transferLease)
	}
	return err
}
