package queue

import (
	"context"
	"errors"
	"fmt"
)

// moveKept bounds how many messages that are not to be moved a move comes upon before it takes the rest for such ones too.
const moveKept = 1000

// move moves a batch of a queue's messages and says whether that was the last. A crash leaves the messages leased, so that
// they are received again later; each move is one commit with the removal.
func (w *transferWork) move(ctx context.Context) (done bool, err error) {
	if w.mapper.Move == nil {
		return false, fmt.Errorf("%w: kind %q does not move queues", ErrTransferCancelled, w.t.Kind)
	}
	if err := w.progress(ctx); err != nil {
		return false, err
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
			Visibility: transferLease,
		})
		if errors.Is(err, ErrDropped) {
			return false, fmt.Errorf("%w: its source was deleted", ErrTransferCancelled)
		}
		if err != nil {
			return false, fmt.Errorf("reading: %w", err)
		}
		if len(res.Messages) == 0 {
			return true, nil
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

func (w *transferWork) moveBatch(ctx context.Context, batch []Message) (err error) {
	settled := false
	defer func() {
		if settled {
			return
		}
		back := make([]Settlement, len(batch))
		for i := range batch {
			back[i] = Settlement{Receipt: batch[i].Receipt, Action: Release}
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
	if err != nil {
		return err
	}
	settlements := make([]Settlement, len(batch))
	size := 0
	for i := range batch {
		if i >= len(to) || to[i] == nil {
			return fmt.Errorf("message %s has no destination", batch[i].ID)
		}
		settlements[i] = Settlement{Receipt: batch[i].Receipt, Action: Move, To: to[i]}
		size += batch[i].Size()
	}
	// Once begun it is finished: a lease that is left takes its time to end.
	results, err := w.ts.broker.store.Settle(context.WithoutCancel(ctx), w.ts.broker.Now(), settlements)
	if err != nil {
		return fmt.Errorf("moving: %w", err)
	}
	settled = true
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
	return err
}
