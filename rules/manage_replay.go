package rules

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Errors of replays, besides [ErrArchiveNotFound] and [ErrRuleNotFound].
var (
	ErrReplayExists   = errors.New("replay exists")
	ErrReplayNotFound = errors.New("replay does not exist")
	ErrReplayEnded    = errors.New("replay has ended or is being cancelled")
	ErrTooManyReplays = errors.New("too many replays are running")
)

const (
	// MaxReplays is how many replays of one account and region may run at the same time.
	MaxReplays = 10
	// replayAttempts is how often a start begins again because another replay was started meanwhile.
	replayAttempts = 100
)

// replayStarts is the catalog table with one record for each account and region, which every start of a replay changes. So of
// two that begin at the same time, on any nodes, one begins again and counts the other. Ends change nothing there: they only make
// room.
const replayStarts = "replay-starts"

// replayStart is what that record has: the replay that was started last.
type replayStart struct {
	Replay string `json:"replay"`
}

// ReplayEntry is a replay under its name.
type ReplayEntry struct {
	Name   catalog.Name
	Replay Replay
}

// StartReplay starts a replay: of r it takes Description, Archive, Rules, From and Until. What was published before it is called
// is in the replay, if it was archived. A name is taken for as long as a replay of it is remembered, which is [ReplayMemory] after
// its end. Errors: ErrReplayExists, ErrArchiveNotFound, [ErrBusNotFound] for an archive whose bus was deleted, ErrTooManyReplays,
// [ErrRuleNotFound] for one of Rules, joined [*InvalidError]s.
func (e *Engine) StartReplay(ctx context.Context, name catalog.Name, r Replay) (ReplayEntry, error) {
	fail := func(err error) (ReplayEntry, error) {
		return ReplayEntry{}, fmt.Errorf("starting replay %s: %w", name.Name, err)
	}
	r = Replay{
		Description: r.Description, Archive: r.Archive, Rules: slices.Clone(r.Rules), From: r.From.UTC(), Until: r.Until.UTC(),
		State: ReplayStarting, ID: uuid.Must(uuid.NewV7()).String(),
	}
	if err := r.validate(name.Name); err != nil {
		return fail(err)
	}
	starts := catalog.NewTable[replayStart](e.definitions, replayStarts)
	for attempt := 1; ; attempt++ {
		set, err := e.planReplay(name, &r, starts)
		if err != nil {
			return fail(err)
		}
		_, err = e.definitions.Apply(ctx, set)
		raced := errors.Is(err, catalog.ErrConflict) || errors.Is(err, catalog.ErrExists) || errors.Is(err, catalog.ErrNotFound)
		switch {
		case err == nil:
			return ReplayEntry{Name: name, Replay: r}, nil
		case !raced || attempt == replayAttempts || ctx.Err() != nil:
			return fail(err)
		}
	}
}

func (r *Replay) validate(name string) error {
	var errs []error
	bad := func(field, reason string) { errs = append(errs, &InvalidError{Field: field, Reason: reason}) }
	if !validName(name, 64, "") {
		bad("name", fmt.Sprintf("%q must be 1 to 64 letters, digits, dots, hyphens and underscores", name))
	}
	switch {
	case r.From.IsZero():
		bad("from", "is required")
	case r.Until.IsZero():
		bad("until", "is required")
	case !r.From.Before(r.Until):
		bad("until", "must be after from")
	}
	return errors.Join(errs...)
}

// planReplay returns the set that starts a replay, by what is there now.
func (e *Engine) planReplay(name catalog.Name, r *Replay, starts *catalog.Table[replayStart]) (catalog.Set, error) {
	sibling := func(n string) catalog.Name { return catalog.Name{Account: name.Account, Region: name.Region, Name: n} }
	archive, err := e.archives.Get(sibling(r.Archive))
	if err != nil {
		return catalog.Set{}, archiveError(sibling(r.Archive), err)
	}
	r.Bus, r.Feed.ArchiveID = archive.Value.Bus, archive.ID
	bus := sibling(r.Bus)
	if _, err := e.buses.Get(bus); errors.Is(err, catalog.ErrNotFound) {
		return catalog.Set{}, fmt.Errorf("%w: %s", ErrBusNotFound, r.Bus)
	} else if err != nil {
		return catalog.Set{}, err
	}
	for _, rule := range r.Rules {
		if _, err := e.rules.Get(RuleName(bus, rule)); errors.Is(err, catalog.ErrNotFound) {
			return catalog.Set{}, fmt.Errorf("%w: %s", ErrRuleNotFound, rule)
		} else if err != nil {
			return catalog.Set{}, err
		}
	}
	at := e.definitions.Snapshot()
	if _, ok := at.Get(ReplayTable, name); ok {
		return catalog.Set{}, ErrReplayExists
	}
	running := 0
	for other, err := range e.replays.Scan(at, catalog.Query{Account: name.Account, Region: name.Region}) {
		if err == nil && !other.Value.State.Ended() {
			running++
		}
	}
	if running >= MaxReplays {
		return catalog.Set{}, fmt.Errorf("%w: %d", ErrTooManyReplays, running)
	}
	latest, _ := at.Get(replayStarts, sibling(replayStarts))
	r.Started = e.broker.Now().UTC()
	return catalog.Set{
		Changes: []catalog.Change{
			e.replays.Creating(name, *r),
			starts.Putting(sibling(replayStarts), replayStart{name.Name}).If(latest.Revision),
		},
		Requires: []catalog.Requirement{{Table: ArchiveTable, Name: archive.Name, ID: archive.ID}},
	}, nil
}

// Replay returns a replay, with how far it has come. It fails with ErrReplayNotFound.
func (e *Engine) Replay(ctx context.Context, name catalog.Name) (ReplayEntry, error) {
	entry, err := e.replays.Get(name)
	if err != nil {
		return ReplayEntry{}, replayError(name, err)
	}
	return e.replayEntry(entry), nil
}

// Replays returns those that q selects in the order of their names, and whether its Limit left some out.
func (e *Engine) Replays(ctx context.Context, q catalog.Query) (entries []ReplayEntry, more bool, err error) {
	found, more, err := e.replays.List(q)
	for _, r := range found {
		entries = append(entries, e.replayEntry(r))
	}
	return entries, more, err
}

// replayEntry adds what the transfer that is at work has done.
func (e *Engine) replayEntry(found catalog.Entry[Replay]) ReplayEntry {
	r := found.Value
	r.Rules = slices.Clone(r.Rules)
	if r.Feed.Transfer != "" {
		if t, err := e.transfers.Get(replayTransfer(found.Name, &r)); err == nil {
			r.add(&t.Value)
		}
	}
	return ReplayEntry{Name: found.Name, Replay: r}
}

// CancelReplay ends a replay that is starting or running; what it has published stays. Errors: ErrReplayNotFound,
// ErrReplayEnded.
func (e *Engine) CancelReplay(ctx context.Context, name catalog.Name) (ReplayEntry, error) {
	entry, err := e.replays.Update(ctx, name, func(r *Replay) error {
		if r.State != ReplayStarting && r.State != ReplayRunning {
			return fmt.Errorf("%w: %s is %s", ErrReplayEnded, name.Name, r.State)
		}
		r.State, r.Reason = ReplayCancelling, "cancelled on request"
		return nil
	})
	if err != nil {
		return ReplayEntry{}, replayError(name, err)
	}
	return e.replayEntry(entry), nil
}

// replayError puts ErrReplayNotFound in place of the catalog's.
func replayError(name catalog.Name, err error) error {
	if errors.Is(err, catalog.ErrNotFound) {
		return fmt.Errorf("%w: %s", ErrReplayNotFound, name.Name)
	}
	return err
}
