package queue

import (
	"context"
	"errors"
	"fmt"
)

// copy copies a batch of a log and says whether that was the last.
func (w *transferWork) copy(ctx context.Context) (done bool, err error) {
	if w.t.Next != (Position{}) {
		return false, w.finishBatch(ctx)
	}
	batch, next, err := w.read(ctx, w.t.Until, w.limit(), transferReadBytes)
	if err != nil {
		return false, err
	}
	if len(batch) == 0 {
		return true, nil
	}
	entries, err := w.mapped(ctx, batch)
	if err != nil {
		return false, err
	}
	// What one entry becomes is not ours to divide, but fewer entries at a time make smaller appends.
	for len(batch) > 1 && (sizeOf(entries) > transferWriteBytes || w.mapper.Background && len(entries) > backgroundEntries) {
		half := len(batch) / 2
		batch, next = batch[:half], batch[half].Position
		if entries, err = w.mapped(ctx, batch); err != nil {
			return false, err
		}
	}
	w.resize(len(batch), len(entries))
	if len(entries) == 0 {
		w.advance(len(batch), next)
		return false, w.progress(ctx)
	}
	w.t.Next = next
	if err := w.save(ctx); err != nil {
		if errors.Is(err, errTransferStopped) {
			w.t.Next = Position{} // nothing was appended
		}
		return false, err
	}
	return false, w.append(ctx, batch, entries)
}

// finishBatch does a batch that may have been appended before a crash or fault.
func (w *transferWork) finishBatch(ctx context.Context) error {
	// What is there of it now is at most what was there then.
	batch, _, err := w.read(ctx, w.t.Next, transferBatch, 0)
	if err != nil {
		return err
	}
	entries, err := w.mapped(ctx, batch)
	if err != nil {
		return err
	}
	if len(entries) == 0 { // retention has removed it, or the mapper has changed its mind
		w.advance(len(batch), w.t.Next)
		return w.progress(ctx)
	}
	if err := w.save(ctx); err != nil { // asks whether it is still to run
		return err
	}
	return w.append(ctx, batch, entries)
}

func (w *transferWork) read(ctx context.Context, until Position, limit, maxBytes int) ([]Peeked, Position, error) {
	if w.t.Cursor.Sequence >= until.Sequence {
		return nil, until, nil
	}
	res, err := w.ts.broker.store.Scan(ctx, ScanRequest{
		Now: w.ts.broker.Now(), Queue: w.t.Source, Kind: Log, From: w.t.Cursor, Until: until, Limit: limit, MaxBytes: maxBytes,
	})
	if errors.Is(err, ErrDropped) {
		return nil, until, fmt.Errorf("%w: its source was deleted", ErrTransferCancelled)
	}
	if err != nil {
		return nil, until, fmt.Errorf("reading: %w", err)
	}
	return res.Messages, res.Next, nil
}

func (w *transferWork) mapped(ctx context.Context, batch []Peeked) ([]Entry, error) {
	w.basis, w.kept = 0, w.t.Kept
	if len(batch) == 0 {
		return nil, nil
	}
	if w.mapper.Copy == nil {
		return nil, fmt.Errorf("%w: kind %q does not copy logs", ErrTransferCancelled, w.t.Kind)
	}
	t := w.t // the mapper's own
	entries, err := w.mapper.Copy(ctx, &t, batch)
	w.basis, w.kept = t.Basis, t.Kept
	return entries, err
}

// hold returns what to append and what to do when it has been: with a mapper that has Hold, what it makes of the batch by what
// counts until then.
func (w *transferWork) hold(ctx context.Context, batch []Peeked, entries []Entry) ([]Entry, func(), error) {
	for w.mapper.Hold != nil && len(entries) > 0 {
		t := w.t
		t.Basis = w.basis
		release, current := w.mapper.Hold(&t)
		if current {
			return entries, release, nil
		}
		release()
		var err error
		if entries, err = w.mapped(ctx, batch); err != nil {
			return nil, nil, err
		}
	}
	return entries, func() {}, nil
}

// append appends what a batch was mapped to, and moves the cursor past it.
func (w *transferWork) append(ctx context.Context, batch []Peeked, entries []Entry) error {
	entries, release, err := w.hold(ctx, batch, entries)
	if err != nil {
		return err
	}
	if len(entries) == 0 {
		w.advance(len(batch), w.t.Next)
		return w.progress(ctx)
	}
	req := AppendRequest{
		Now: w.ts.broker.Now(), Entries: entries,
		Token: transferToken(w.recordID, w.t.Cursor), TokenWindow: transferTokenWindow,
	}
	res, err := w.ts.broker.store.Append(ctx, req)
	release()
	if err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	written := 0
	for _, r := range res.Results {
		if !r.Duplicate {
			written++
		}
	}
	w.t.Bytes += int64(sizeOf(entries))
	w.wrote(written)
	w.advance(len(batch), w.t.Next)
	return w.progress(ctx)
}

func (w *transferWork) advance(read int, next Position) {
	w.t.Read += int64(read)
	w.t.Cursor, w.t.Next, w.t.Kept = next, Position{}, w.kept
}

func sizeOf(entries []Entry) int {
	n := 0
	for i := range entries {
		n += entries[i].Message.Size()
	}
	return n
}
