package rules

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// copyArchived maps archived events to what a publish of them, now, would append: an entry of the bus's log and the deliveries of
// its rules. These differ from the event's first ones in their IDs, and the entry says which replay it is of.
func (e *Engine) copyArchived(ctx context.Context, t *queue.Transfer, batch []queue.Peeked) ([]queue.Entry, error) {
	name, r, err := e.replayAt(t)
	if err != nil {
		return nil, err
	}
	snap, err := e.compiled.Get()
	if err != nil {
		return nil, err
	}
	bus, ok := snap.buses[catalog.Name{Account: name.Account, Region: name.Region, Name: r.Bus}]
	if !ok {
		return nil, fmt.Errorf("%w: the event bus %s was deleted", queue.ErrTransferFailed, r.Bus)
	}
	t.Basis = snap.revision
	var done replayed
	done.decode(t.Kept)
	var entries []queue.Entry
	for i := range batch {
		ev, how, err := fromArchive(&batch[i].Message)
		if err != nil {
			e.fault(ctx, fmt.Errorf("replay %s leaves out what it can not read: %w", name.Name, err))
			done.Skipped++ // it was archived, and in no other form will it be there again
			continue
		}
		if !r.covers(ev.Time) {
			continue
		}
		ev.ReplayName = name.Name
		for made := false; !made; {
			c := commit{
				engine: e, snap: snap, bus: bus, now: e.broker.Now(), hops: how.Hops, origin: how.Origin, replay: &r, name: name.Name,
			}
			err := c.add(ctx, &ev, "")
			invalid, isInvalid := errors.AsType[*InvalidError](err)
			switch {
			case errors.Is(err, errNoDeadLetters):
				if _, err := e.broker.EnsureDeadLetters(ctx, bus.name.Account, bus.name.Region); err != nil {
					return nil, err
				}
				continue
			case isInvalid: // by the rules as they are now
				e.fault(ctx, fmt.Errorf("replay %s leaves out event %s: %w", name.Name, ev.ID, invalid))
				done.Skipped++
			case err != nil:
				return nil, err
			default:
				entries = append(append(entries, c.logs...), c.deliveries...)
				done.Published, done.Last = done.Published+1, ev.Time
			}
			made = true
		}
	}
	t.Kept, err = json.Marshal(done)
	return entries, err
}

// replayAt returns the replay that a transfer is for, with its name.
func (e *Engine) replayAt(t *queue.Transfer) (catalog.Name, Replay, error) {
	var params replaying
	if err := json.Unmarshal(t.Params, &params); err != nil {
		return catalog.Name{}, Replay{}, fmt.Errorf("%w: its parameters can not be read: %w", queue.ErrTransferFailed, err)
	}
	name := catalog.Name{Account: t.Name.Account, Region: t.Name.Region, Name: params.Replay}
	entry, err := e.replays.Get(name)
	switch r := entry.Value; {
	case errors.Is(err, catalog.ErrNotFound), err == nil && (r.ID != params.ID || r.State != ReplayRunning):
		return name, r, fmt.Errorf("%w: its replay has ended", queue.ErrTransferCancelled)
	case err != nil:
		return name, r, err
	}
	archive, err := e.archives.Get(catalog.Name{Account: name.Account, Region: name.Region, Name: entry.Value.Archive})
	switch {
	case errors.Is(err, catalog.ErrNotFound), err == nil && archive.ID != entry.Value.Feed.ArchiveID:
		return name, entry.Value, fmt.Errorf("%w: the archive %s was deleted", queue.ErrTransferFailed, entry.Value.Archive)
	}
	return name, entry.Value, err
}

// holdReplay has what copyArchived made count as a publish until it is appended, for Barrier: what a rule's pause keeps back of
// it is told by the definitions that it was matched against, and has to be in the log when those of all publishes are.
func (e *Engine) holdReplay(t *queue.Transfer) (release func(), current bool) {
	passage := e.publishing.Enter()
	snap, err := e.compiled.Get()
	return func() { e.publishing.Leave(passage) }, err == nil && snap.revision == t.Basis
}

// fault tells of what went wrong with a replay.
func (e *Engine) fault(ctx context.Context, err error) {
	if e.config.OnFault != nil && ctx.Err() == nil {
		e.config.OnFault(err)
	}
}
