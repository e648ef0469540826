package rules

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// ReplayMemory is for how long a replay is remembered after its end, as on EventBridge.
const ReplayMemory = 90 * 24 * time.Hour

const (
	// replayTail is how often a replay whose end lies ahead looks for what has been archived since.
	replayTail = 2 * time.Second
	// replayRest is the least time between two rounds: the catalog changes with every batch of every transfer.
	replayRest = 50 * time.Millisecond
	// replayIdle is how often it is looked at least.
	replayIdle = time.Hour
	// replayAgain is when something is tried again that the store did not do.
	replayAgain = time.Second
	// replaySettle is how long after the end of its transfer a cancelled replay counts as such: a batch that was being written
	// then is counted, and nothing comes later.
	replaySettle = time.Second
)

// RunReplays takes replays from one state to the next until ctx ends, which is no error. One node does it at a time. It fails when
// the store is closed.
func (e *Engine) RunReplays(ctx context.Context) error {
	d := &replayDriver{engine: e}
	for ctx.Err() == nil {
		revision := e.definitions.Revision()
		wait, err := d.round(ctx)
		switch {
		case errors.Is(err, queue.ErrStoreClosed):
			return err
		case err != nil:
			e.fault(ctx, err)
			rest(ctx, replayAgain)
			continue
		}
		waiting, stop := context.WithTimeout(ctx, wait)
		_ = e.definitions.Wait(waiting, revision) // or it is time, or ctx ends
		stop()
		rest(ctx, replayRest)
	}
	return nil
}

func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// replayDriver is the state of one RunReplays.
type replayDriver struct {
	engine *Engine
	// looked says that the table was, up to seen.
	looked bool
	seen   uint64
	// active are those that have not ended; forget is when the first of the others may be forgotten, zero for never.
	active []catalog.Name
	forget time.Time
}

// round does what is next for every replay and returns when to do so again if nothing is changed before.
func (d *replayDriver) round(ctx context.Context) (time.Duration, error) {
	if err := d.look(ctx); err != nil {
		return 0, err
	}
	wait := replayIdle
	var errs []error
	for _, name := range d.active {
		again, err := d.engine.advanceReplay(ctx, name)
		if err != nil && !raced(err) {
			errs = append(errs, fmt.Errorf("replay %s: %w", name.Name, err))
		}
		wait = min(wait, again)
	}
	if !d.forget.IsZero() {
		wait = min(wait, max(d.forget.Sub(d.engine.broker.Now()), replayAgain))
	}
	return wait, errors.Join(errs...)
}

// look brings active up to date, and forgets what has ended long ago.
func (d *replayDriver) look(ctx context.Context) error {
	e := d.engine
	now := e.broker.Now()
	records, revision, err := e.definitions.Changes(d.seen, ReplayTable)
	due := !d.forget.IsZero() && !now.Before(d.forget)
	if d.looked && err == nil && len(records) == 0 && !due {
		d.seen = revision
		return nil
	}
	at := e.definitions.Snapshot()
	d.active, d.forget = nil, time.Time{}
	for r, err := range e.replays.Scan(at, catalog.Query{}) {
		if err != nil {
			e.fault(ctx, err)
			continue // a newer release's
		}
		if !r.Value.State.Ended() {
			d.active = append(d.active, r.Name)
			continue
		}
		end := r.Value.Ended.Add(ReplayMemory)
		if !now.Before(end) {
			_, err := e.definitions.Apply(ctx, catalog.Set{Changes: []catalog.Change{e.replays.Deleting(r.Name).If(r.Revision)}})
			if err != nil && !raced(err) {
				return err
			}
			continue
		}
		if d.forget.IsZero() || end.Before(d.forget) {
			d.forget = end
		}
	}
	d.looked, d.seen = true, at.Revision()
	return nil
}

// replayTransfer names the transfer that is at work for a replay. Each has a name of its own, so that none is taken for another.
func replayTransfer(replay catalog.Name, r *Replay) catalog.Name {
	return catalog.Name{Account: replay.Account, Region: replay.Region, Name: r.Feed.Transfer}
}

// advanceReplay does what is next for one replay. It returns when to look again if nothing is changed before. It fails with what
// raced knows if something was changed meanwhile.
func (e *Engine) advanceReplay(ctx context.Context, name catalog.Name) (again time.Duration, err error) {
	at := e.definitions.Snapshot()
	entry, err := e.replays.At(at, name)
	if err != nil {
		return replayIdle, err
	}
	work := &replayWork{engine: e, entry: entry, next: entry.Value}
	if entry.Value.Feed.Transfer != "" {
		t, err := e.transfers.At(at, replayTransfer(name, &entry.Value))
		if err != nil && !errors.Is(err, catalog.ErrNotFound) {
			return replayIdle, err
		}
		if err == nil {
			work.transfer = &t
		}
	}
	if entry.Value.State == ReplayCancelling {
		return work.cancel(ctx)
	}
	if reason := e.lacks(at, name, &entry.Value); reason != "" {
		return work.fail(ctx, reason)
	}
	if entry.Value.Feed.Transfer == "" {
		return work.feed(ctx)
	}
	switch {
	case work.transfer == nil:
		return work.fail(ctx, "its transfer is not known any more")
	case work.transfer.Value.State == queue.TransferFailed:
		return work.fail(ctx, work.transfer.Value.Error)
	case work.transfer.Value.State == queue.TransferCancelled:
		return work.end(ctx, ReplayCancelled, work.transfer.Value.Error)
	case work.transfer.Value.State == queue.TransferCompleted:
		return work.completed(ctx)
	}
	return replayIdle, nil // it runs, or is held
}

// lacks says what a replay can not go on without, empty if nothing.
func (e *Engine) lacks(at *catalog.Snapshot, name catalog.Name, r *Replay) string {
	archive, ok := at.Get(ArchiveTable, catalog.Name{Account: name.Account, Region: name.Region, Name: r.Archive})
	if !ok || archive.ID != r.Feed.ArchiveID {
		return fmt.Sprintf("the archive %s was deleted", r.Archive)
	}
	if _, ok := at.Get(BusTable, catalog.Name{Account: name.Account, Region: name.Region, Name: r.Bus}); !ok {
		return fmt.Sprintf("the event bus %s was deleted", r.Bus)
	}
	return ""
}

// replayWork is one step of a replay.
type replayWork struct {
	engine *Engine
	// entry is the replay as it is, next what it becomes.
	entry catalog.Entry[Replay]
	next  Replay
	// transfer is the one of its Feed, nil if there is none.
	transfer *catalog.Entry[queue.Transfer]
}

// put makes the replay be what next is, together with other changes.
func (w *replayWork) put(ctx context.Context, more ...catalog.Change) error {
	change := w.engine.replays.Putting(w.entry.Name, w.next).If(w.entry.Revision)
	_, err := w.engine.definitions.Apply(ctx, catalog.Set{Changes: append([]catalog.Change{change}, more...)})
	return err
}

// fold takes over what the transfer has done.
func (w *replayWork) fold() {
	if w.transfer != nil {
		w.next.add(&w.transfer.Value)
		w.next.Feed.Cursor = w.transfer.Value.Cursor.Sequence
	}
	w.next.Feed.Transfer = ""
}

// end makes an end of the replay. The last transfer stays, for those who look at transfers.
func (w *replayWork) end(ctx context.Context, state ReplayState, reason string) (time.Duration, error) {
	w.fold()
	w.next.State, w.next.Reason, w.next.Ended = state, reason, w.engine.broker.Now().UTC()
	return replayIdle, w.put(ctx)
}

// fail ends a replay that can not go on.
func (w *replayWork) fail(ctx context.Context, reason string) (time.Duration, error) {
	if err := w.stop(ctx, reason); err != nil {
		return replayAgain, err
	}
	again, err := w.end(ctx, ReplayFailed, reason)
	if err == nil {
		w.engine.fault(ctx, fmt.Errorf("replay %s has failed: %s", w.entry.Name.Name, reason))
	}
	return again, err
}

// stop ends the transfer.
func (w *replayWork) stop(ctx context.Context, reason string) error {
	if w.transfer == nil || w.transfer.Value.State.Ended() {
		return nil
	}
	err := queue.ChangeTransfer(ctx, w.engine.definitions, w.transfer.Name, queue.TransferCancelled, reason, w.engine.broker.Now())
	if errors.Is(err, queue.ErrTransferEnded) || errors.Is(err, queue.ErrTransferNotFound) {
		return nil
	}
	return err
}

// cancel ends a replay on request: when its transfer has, and a little later.
func (w *replayWork) cancel(ctx context.Context) (time.Duration, error) {
	if w.transfer == nil {
		return w.end(ctx, ReplayCancelled, w.entry.Value.Reason)
	}
	if !w.transfer.Value.State.Ended() {
		return replaySettle, w.stop(ctx, "its replay was cancelled")
	}
	left := w.transfer.Value.Ended.Add(replaySettle).Sub(w.engine.broker.Now())
	if w.transfer.Value.State == queue.TransferCancelled && left > 0 {
		return left, nil
	}
	return w.end(ctx, ReplayCancelled, w.entry.Value.Reason)
}

// completed is what follows a transfer that has come to its end.
func (w *replayWork) completed(ctx context.Context) (time.Duration, error) {
	if w.next.Feed.Last {
		return w.end(ctx, ReplayCompleted, "")
	}
	w.fold()
	return replayTail, w.put(ctx, w.engine.transfers.Deleting(w.transfer.Name)) // there may be many of a long replay
}

// feed starts the transfer of what the archive has now and the replay has not had, or ends the replay.
func (w *replayWork) feed(ctx context.Context) (time.Duration, error) {
	e, r := w.engine, &w.next
	now := e.broker.Now() // before the log is looked at
	last := !now.Before(r.Until)
	log := queue.IDFor(r.Feed.ArchiveID, queue.Own)
	stats, err := e.broker.Store().Stats(ctx, now, []queue.ID{log})
	if err != nil {
		return replayAgain, fmt.Errorf("looking for the end of the archive: %w", err)
	}
	end := stats[0]
	if end.End.Sequence <= r.Feed.Cursor {
		switch {
		case last:
			return w.end(ctx, ReplayCompleted, "")
		case r.State == ReplayStarting:
			r.State = ReplayRunning
			return replayTail, w.put(ctx)
		}
		return min(replayTail, r.Until.Sub(now)), nil
	}
	params, err := json.Marshal(replaying{w.entry.Name.Name, r.ID})
	if err != nil {
		return replayAgain, err
	}
	// Of a log that nothing was taken from, all that is there is to be read.
	passed := r.Feed.Passed
	if r.Feed.Transfers == 0 {
		passed = end.Expired
	}
	r.State, r.Feed.Last, r.Feed.Passed = ReplayRunning, last, end.Appended
	r.Feed.Transfers++
	r.Feed.Transfer = fmt.Sprintf("%s-%s-%d", ReplayKind, r.ID, r.Feed.Transfers)
	change, err := queue.StartTransfer(e.definitions, replayTransfer(w.entry.Name, r), queue.Transfer{
		Kind: ReplayKind, Source: log, SourceKind: queue.Log, Params: params, Total: end.Appended - passed,
		Cursor: queue.Position{Sequence: r.Feed.Cursor}, Until: end.End,
	}, now)
	if err != nil {
		return replayAgain, err
	}
	return replayIdle, w.put(ctx, change)
}
