package rules

import (
	"context"
	"errors"
	"time"

	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Errors of archives and replays.
var (
	ErrArchiveExists   = errors.New("archive exists")
	ErrArchiveNotFound = errors.New("archive does not exist")
	ErrReplayExists    = errors.New("replay exists")
	ErrReplayNotFound  = errors.New("replay does not exist")
	ErrReplayEnded     = errors.New("replay has ended or is being cancelled")
	ErrTooManyReplays  = errors.New("too many replays are running")
	errNotBuilt        = errors.New("not there yet")
)

// MaxReplays is how many replays of one account and region may run at the same time.
const MaxReplays = 10

// ArchiveEntry is an archive with what the catalog knows of it.
type ArchiveEntry struct {
	Name             catalog.Name
	Archive          Archive
	Created, Updated time.Time
	Managed          bool
	// Events and Bytes count what it holds.
	Events, Bytes int64
}

// ReplayEntry is a replay under its name.
type ReplayEntry struct {
	Name   catalog.Name
	Replay Replay
}

// CreateArchive makes an archive. Errors: ErrArchiveExists, [ErrBusNotFound], joined [*InvalidError]s (fields as in the type: "when").
func (e *Engine) CreateArchive(ctx context.Context, name catalog.Name, def Archive) (ArchiveEntry, error) {
	return ArchiveEntry{}, errNotBuilt
}

// Archive returns an archive. It fails with ErrArchiveNotFound.
func (e *Engine) Archive(ctx context.Context, name catalog.Name) (ArchiveEntry, error) {
	return ArchiveEntry{}, errNotBuilt
}

// Archives returns those that q selects in the order of their names, and whether its Limit left some out.
func (e *Engine) Archives(ctx context.Context, q catalog.Query) (entries []ArchiveEntry, more bool, err error) {
	return nil, false, errNotBuilt
}

// UpdateArchive calls change with a definition of its own and makes the archive be what that has become. Errors:
// ErrArchiveNotFound, a [*catalog.ManagedError], joined [*InvalidError]s, and change's own.
func (e *Engine) UpdateArchive(ctx context.Context, name catalog.Name, change func(*Archive) error) (ArchiveEntry, error) {
	return ArchiveEntry{}, errNotBuilt
}

// DeleteArchive removes an archive with its events; replays of it fail. Errors: ErrArchiveNotFound, a [*catalog.ManagedError].
func (e *Engine) DeleteArchive(ctx context.Context, name catalog.Name) error { return errNotBuilt }

// StartReplay starts a replay: of r it takes Description, Archive, Rules, From and Until. Errors: ErrReplayExists,
// ErrArchiveNotFound, ErrTooManyReplays, [ErrRuleNotFound] for one of Rules, joined [*InvalidError]s.
func (e *Engine) StartReplay(ctx context.Context, name catalog.Name, r Replay) (ReplayEntry, error) {
	return ReplayEntry{}, errNotBuilt
}

// Replay returns a replay. It fails with ErrReplayNotFound.
func (e *Engine) Replay(ctx context.Context, name catalog.Name) (ReplayEntry, error) {
	return ReplayEntry{}, errNotBuilt
}

// Replays returns those that q selects in the order of their names, and whether its Limit left some out.
func (e *Engine) Replays(ctx context.Context, q catalog.Query) (entries []ReplayEntry, more bool, err error) {
	return nil, false, errNotBuilt
}

// CancelReplay ends a replay that is starting or running; what it has published stays. Errors: ErrReplayNotFound,
// ErrReplayEnded.
func (e *Engine) CancelReplay(ctx context.Context, name catalog.Name) (ReplayEntry, error) {
	return ReplayEntry{}, errNotBuilt
}

// RunReplays takes replays from one state to the next until ctx ends, which is no error. One node does it at a time.
func (e *Engine) RunReplays(ctx context.Context) error { return errNotBuilt }
