package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// The size of the work at a time, which bounds memory and how long others wait.
const (
	transferBatch      = 500
	transferReadBytes  = 1 << 20
	transferWriteBytes = 4 << 20
	// transferTokenWindow is how long after a crash a batch is still known to have been appended.
	transferTokenWindow = 7 * 24 * time.Hour
	// transferLease is for messages that are moved.
	transferLease = time.Minute
)

const (
	// transferSave and transferSaveRead say how often progress is saved at least while there is nothing to write. Each batch
	// that writes saves too.
	transferSave     = time.Second
	transferSaveRead = 20 * transferBatch
	// transferYield is the longest pause after a batch. Without a rate a transfer pauses for as long as its last batch took, so
	// that it uses at most half of a store, and less of a store that is busy and thus slow.
	transferYield = 250 * time.Millisecond
	// After transferFailures failures in a row, with pauses that double from the first to the last, a transfer has failed.
	transferFailures   = 9
	transferFirstPause = 100 * time.Millisecond
	transferLastPause  = 30 * time.Second
)

// errTransferStopped says that the record says so: it is not running any more.
var errTransferStopped = errors.New("transfer is not running")

// transferWork is the work on one transfer, by one goroutine.
type transferWork struct {
	ts       *Transfers
	name     Name
	recordID uint64
	mapper   Mapper
	// t is the transfer as it is, which the record follows.
	t         Transfer
	saved     time.Time
	savedRead int64
	// paced is when the next batch may begin by the rate.
	paced time.Time
	// leased is until when messages may be leased by a process that crashed, or by a batch of this one that failed.
	leased time.Time
	// basis and kept are what the last call of Copy left of these.
	basis uint64
	kept  json.RawMessage
	// size is how many messages to read at once in the background; zero for as many as ever.
	size int
}

// work works on a transfer until it has ended or is held, or ctx ends. It fails when the store is closed.
func (ts *Transfers) work(ctx context.Context, name Name) error {
	e, err := ts.table.At(ts.definitions.Snapshot(), name)
	if errors.Is(err, catalog.ErrNotFound) || err == nil && e.Value.State != TransferRunning {
		return nil
	}
	if err != nil {
		return err
	}
	w := &transferWork{ts: ts, name: name, recordID: e.ID, t: e.Value, saved: time.Now(), savedRead: e.Value.Read}
	w.t.Name = name
	if ts.broker.leases.Alone() {
		if begun := ts.begun; w.t.Started.Before(begun) {
			w.leased = begun.Add(transferLease)
		}
	} else if taken, err := w.takeOver(ctx); !taken {
		return w.fault(ctx, err)
	}
	mapper, ok := ts.mappers[w.t.Kind]
	if !ok {
		return w.end(ctx, TransferFailed, fmt.Sprintf("its kind %q is not known to this release", w.t.Kind))
	}
	w.mapper = mapper
	failures, pause := 0, transferFirstPause
	for ctx.Err() == nil {
		begun := time.Now()
		done, err := w.step(ctx)
		switch {
		case err == nil && done:
			return w.end(ctx, TransferCompleted, "")
		case err == nil:
			failures, pause, w.t.Error = 0, transferFirstPause, ""
			w.pause(ctx, time.Since(begun))
			continue
		case errors.Is(err, errTransferStopped):
			return w.keep(ctx)
		case errors.Is(err, ErrTransferCancelled):
			return w.end(ctx, TransferCancelled, err.Error())
		case errors.Is(err, ErrTransferFailed):
			return w.end(ctx, TransferFailed, err.Error())
		case errors.Is(err, ErrStoreClosed):
			return err
		case ctx.Err() != nil:
			return w.keep(ctx)
		}
		// A store that is full, or not available, is not the transfer's fault, and it will be sound again.
		sound := !errors.Is(err, ErrStoreFull) && !errors.Is(err, ErrUnavailable)
		if failures++; failures == transferFailures && sound {
			return w.end(ctx, TransferFailed, err.Error())
		}
		w.t.Error = err.Error()
		_ = w.save(ctx) // to show why; the next step finds out whether the record can be written
		sleep(ctx, pause)
		pause, failures = min(2*pause, transferLastPause), min(failures, transferFailures)
	}
	return w.keep(ctx)
}

// takeOver writes into the record that the transfer is this node's now, so that the one that had it before saves nothing
// more. It returns false if it is not running any more, or ctx has ended, or with an error of a store that is closed.
func (w *transferWork) takeOver(ctx context.Context) (bool, error) {
	holder := w.ts.broker.leases.Holder()
	for pause := transferFirstPause; ctx.Err() == nil; pause = min(2*pause, transferLastPause) {
		before := ""
		e, err := w.ts.table.Update(ctx, w.name, func(t *Transfer) error {
			if t.State != TransferRunning {
				return errTransferStopped
			}
			before, t.Owner = t.Owner, holder
			return nil
		})
		switch {
		case err == nil:
			w.t, w.savedRead = e.Value, e.Value.Read
			w.t.Name = w.name
			if before != "" { // it left messages leased, maybe
				w.leased = w.ts.broker.Now().Add(transferLease)
			}
			return true, nil
		case errors.Is(err, errTransferStopped), errors.Is(err, catalog.ErrNotFound):
			return false, nil
		case errors.Is(err, ErrStoreClosed):
			return false, err
		}
		sleep(ctx, pause)
	}
	return false, nil
}

func (w *transferWork) step(ctx context.Context) (done bool, err error) {
	if w.mapper.Background {
		leave, err := w.turn(ctx)
		if err != nil {
			return false, err
		}
		defer leave()
	}
	if w.t.SourceKind == Log {
		return w.copy(ctx)
	}
	return w.move(ctx)
}

// limit is how many messages to take at once: a quarter of a second's, if there is a rate.
func (w *transferWork) limit() int {
	most := transferBatch
	if w.size > 0 {
		most = w.size
	}
	if w.t.Rate == 0 {
		return most
	}
	return min(max(w.t.Rate/4, 1), most)
}

// wrote counts what was written and makes the next batch wait for it.
func (w *transferWork) wrote(n int) {
	w.t.Copied += int64(n)
	if w.t.Rate > 0 {
		now := time.Now()
		if w.paced.Before(now) {
			w.paced = now
		}
		w.paced = w.paced.Add(time.Duration(n) * time.Second / time.Duration(w.t.Rate))
	}
}

func (w *transferWork) pause(ctx context.Context, took time.Duration) {
	if w.mapper.Background {
		took = 0 // it has paused in its turn
	}
	sleep(ctx, max(time.Until(w.paced), min(took, transferYield)))
}

func sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// progress saves if that was long ago.
func (w *transferWork) progress(ctx context.Context) error {
	if time.Since(w.saved) < transferSave && w.t.Read-w.savedRead < transferSaveRead {
		return nil
	}
	return w.save(ctx)
}

// save writes the progress into the record. It fails with errTransferStopped, with the progress saved, if the record says
// that the transfer is not running.
func (w *transferWork) save(ctx context.Context) error {
	state, err := w.store(ctx, w.t.State)
	if err == nil && state != TransferRunning {
		return errTransferStopped
	}
	return err
}

// errTransferTaken says that another node has taken the transfer over, or that its end is recorded already.
var errTransferTaken = errors.New("transfer is another node's")

// store writes the progress and, unless it was ended or held meanwhile, the state, and returns the state that the record
// then has.
func (w *transferWork) store(ctx context.Context, state TransferState) (TransferState, error) {
	e, err := w.ts.table.Update(ctx, w.name, func(t *Transfer) error {
		if leases := w.ts.broker.leases; !leases.Alone() && t.Owner != leases.Holder() {
			return errTransferTaken
		}
		next := w.t
		next.State, next.Ended = t.State, t.Ended
		switch {
		case t.State == TransferRunning || t.State == TransferHeld && state.Ended():
			next.State = state
			if state.Ended() {
				next.Ended = w.ts.broker.Now()
			}
		default:
			next.Error = t.Error
		}
		*t = next
		return nil
	})
	if errors.Is(err, catalog.ErrNotFound) {
		return TransferCancelled, nil // the record is gone
	}
	if errors.Is(err, errTransferTaken) {
		return TransferHeld, nil // for this node it is
	}
	if err != nil {
		return "", err
	}
	w.saved, w.savedRead = time.Now(), w.t.Read
	return e.Value.State, nil
}

// lastSave bounds what is written after the context has ended.
const lastSave = 5 * time.Second

// keep saves the progress of a transfer that is left for now.
func (w *transferWork) keep(ctx context.Context) error {
	if !w.leased.After(w.ts.broker.Now()) {
		w.t.Owner = "" // whoever goes on need not wait for what this node had leased
	}
	last, stop := context.WithTimeout(context.WithoutCancel(ctx), lastSave)
	defer stop()
	_, err := w.store(last, TransferRunning)
	return w.fault(ctx, err)
}

// end makes an end of the transfer.
func (w *transferWork) end(ctx context.Context, state TransferState, reason string) error {
	w.t.Error, w.t.Owner = reason, ""
	if state == TransferCompleted && w.t.SourceKind == Log {
		w.t.Cursor, w.t.Next = w.t.Until, Position{}
		if w.t.Total >= 0 {
			w.t.Missed = max(w.t.Total-w.t.Read, 0)
		}
	}
	// Until the end is recorded there is nothing else to do. A store that is full will have room again.
	for pause := transferFirstPause; ; pause = min(2*pause, transferLastPause) {
		last, stop := context.WithTimeout(context.WithoutCancel(ctx), lastSave)
		_, err := w.store(last, state)
		if err == nil && w.ts.definitions.Snapshot().Len(TransferTable) > TransfersKept {
			err = w.ts.forget(last)
		}
		stop()
		if err == nil || ctx.Err() != nil || errors.Is(err, ErrStoreClosed) {
			return w.fault(ctx, err)
		}
		sleep(ctx, pause)
	}
}

// fault is what a worker returns for an error of the catalog. After the end of the context it is none: what was not saved is
// done again under the same tokens.
func (w *transferWork) fault(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil || !errors.Is(err, ErrStoreClosed) {
		return nil
	}
	return fmt.Errorf("%s: %w", w.name.Name, err)
}
