package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// TransferTable is the catalog table of transfers: a [Transfer] under an account, a region and an ID.
const TransferTable = "transfers"

// MaxTransferRate is the highest rate of a transfer, in messages per second.
const MaxTransferRate = 1_000_000

// TransferState says where a transfer is in its life.
//
//	          ┌── Hold ──► held ──┐
//	running ──┤ ◄─── Resume ──────┤
//	          ├──► completed      ├──► cancelled
//	          ├──► cancelled ◄────┘
//	          └──► failed ──► running, when resumed
type TransferState string

const (
	// TransferRunning is worked on, or about to be.
	TransferRunning TransferState = "running"
	// TransferHeld keeps its cursor and waits to be resumed.
	TransferHeld TransferState = "held"
	// TransferCompleted has come to its end.
	TransferCompleted TransferState = "completed"
	// TransferCancelled was ended early; what it had copied stays copied.
	TransferCancelled TransferState = "cancelled"
	// TransferFailed could not go on; Error says why.
	TransferFailed TransferState = "failed"
)

// Ended says that the transfer will not do anything again, unless it has failed and is resumed.
func (s TransferState) Ended() bool {
	return s == TransferCompleted || s == TransferCancelled || s == TransferFailed
}

// Transfer is the durable record of a copy or move of messages, from a cursor up to an end. A log is copied: its entries
// are mapped to entries for other queues, which are appended. A queue is moved: its messages are leased and moved away.
//
// Copying is exact, also across a crash at any point, within the 7 days that a store remembers tokens: no entry of the
// log is left out or mapped into a second append. Before a batch is appended, the record says where it begins and ends
// (Cursor and Next); the append has a token made of the transfer and Cursor. After a crash the same piece of the log is
// appended again under that token, which does nothing if it was appended before. Naming the end beforehand is what
// makes this hold when retention, in between, has removed the beginning of the batch.
type Transfer struct {
	// Kind names the [Mapper].
	Kind string `json:"kind"`
	// Source is what is read, SourceKind its kind.
	Source     ID   `json:"source"`
	SourceKind Kind `json:"source_kind"`
	// Cursor is, for a log, where to go on: everything before is done. Next, when not zero, is the end of the batch that
	// begins at Cursor and may have been appended.
	Cursor Position `json:"cursor,omitzero"`
	Next   Position `json:"next,omitzero"`
	// Until is the end, exclusive. For a log it is required. For a queue, messages with a sequence from Until's on stay;
	// zero means those sent after the transfer was started.
	Until Position `json:"until,omitzero"`
	// Rate bounds how many messages per second are written, 1 to 1,000,000; zero for no bound but that of the load.
	Rate  int           `json:"rate,omitempty"`
	State TransferState `json:"state"`
	// Total is how many messages the source had between Cursor and Until when the transfer was started; negative when that
	// is not known.
	Total int64 `json:"total"`
	// Read counts messages read, Copied those written (duplicates that a FIFO queue refused are not), Bytes their
	// Message.Size. After a crash they may be low, by what was done since they were last saved.
	Read   int64 `json:"read"`
	Copied int64 `json:"copied"`
	Bytes  int64 `json:"bytes"`
	// Missed is, once it is completed, how many entries between Cursor and Until the log's retention had removed before they
	// were read. Zero as long as Total is not known.
	Missed int64 `json:"missed,omitempty"`
	// Error says why it failed or was cancelled, or what keeps a running one from going on, for people.
	Error string `json:"error,omitempty"`
	// Owner is, where several nodes share the store, the node that works on it (see Leases.Holder), or did until it died. What
	// another one saves of the progress is refused.
	Owner string `json:"owner,omitempty"`
	// Params are the mapper's.
	Params json.RawMessage `json:"params,omitempty"`
	// Kept is the mapper's too: what Copy makes of it counts when the batch is done, together with Cursor.
	Kept    json.RawMessage `json:"kept,omitempty"`
	Started time.Time       `json:"started"`
	Ended   time.Time       `json:"ended,omitzero"`

	// Name is the catalog name; its last part is the transfer's ID. It is not part of the record.
	Name Name `json:"-"`
	// Basis is for Copy to tell Mapper.Hold by what it went. It is not part of the record.
	Basis uint64 `json:"-"`
}

// Mapper says what becomes of what a transfer reads. One of Copy and Move is set. It is called by one goroutine at a time for
// each transfer, and again for the same messages after a fault. It must not keep or change the messages.
type Mapper struct {
	// Copy returns the entries that a piece of a log becomes, none for none. It need not be deterministic: what counts
	// is the call whose result was appended. Of t, which is its own, it may change Kept and Basis.
	Copy func(ctx context.Context, t *Transfer, batch []Peeked) ([]Entry, error)
	// Move returns where each message of a queue goes, in order. With an error it may return the destinations of the messages
	// before the one at fault: these are moved, and the others stay where they are.
	Move func(ctx context.Context, t *Transfer, batch []Message) ([]*Destination, error)
	// MayMove, if set, is asked before messages are leased to be moved. Its errors count as Move's.
	MayMove func(t *Transfer) error
	// Hold, if set, is called right before what Copy has returned is appended, and release when it has been or could not be; in
	// between nothing is changed in the catalog. Unless it is current, the batch is mapped anew: t has the Basis that Copy left.
	Hold func(t *Transfer) (release func(), current bool)
	// Background has all transfers of the kind on a node give way to everything else: they take turns, a batch that makes at most
	// 200 messages (or what one entry becomes) at a time, and while they write together use a quarter of the time at most. They
	// have places of their own, so that they keep no others from going on.
	Background bool
}

// ErrTransferCancelled, wrapped by the error of a mapper, ends the transfer as cancelled, for example because what it
// was for is gone.
var ErrTransferCancelled = errors.New("transfer was cancelled")

// ErrTransferFailed, wrapped by the error of a mapper, ends the transfer as failed at once, because trying again would not
// help. Any other error is tried again for about a minute first.
var ErrTransferFailed = errors.New("transfer can not go on")

// ErrTransferNotFound says that there is no transfer of that name, or no more.
var ErrTransferNotFound = errors.New("transfer does not exist")

// ErrTransferEnded says that the transfer has completed, failed or been cancelled.
var ErrTransferEnded = errors.New("transfer has ended")

// StartTransfer returns the change that makes a transfer under a name that is not in use, to be part of a set of
// changes. Only what says what to transfer is taken from t: Kind, Source, SourceKind, Cursor, Until, Rate, Total, Params. The
// error is an [*InvalidError].
func StartTransfer(definitions *catalog.Catalog, name Name, t Transfer, now time.Time) (catalog.Change, error) {
	if t.Kind == "" {
		return catalog.Change{}, &InvalidError{Field: "kind", Reason: "is required"}
	}
	if t.Source == 0 {
		return catalog.Change{}, &InvalidError{Field: "source", Reason: "is required"}
	}
	if t.Rate < 0 || t.Rate > MaxTransferRate {
		return catalog.Change{}, &InvalidError{Field: "rate", Reason: "must be between 0 and 1000000"}
	}
	if t.Until == (Position{}) {
		if t.SourceKind == Log {
			return catalog.Change{}, &InvalidError{Field: "until", Reason: "is required for a log"}
		}
		// Sequences lead with the time: what is sent in the next millisecond or later stays.
		t.Until = PositionAt(now.Truncate(time.Millisecond).Add(time.Millisecond))
	}
	fresh := Transfer{
		Kind: t.Kind, Source: t.Source, SourceKind: t.SourceKind, Cursor: t.Cursor, Until: t.Until, Rate: t.Rate,
		State: TransferRunning, Total: t.Total, Params: t.Params, Started: now.UTC(),
	}
	return transferTable(definitions).Creating(name, fresh), nil
}

func transferTable(definitions *catalog.Catalog) *catalog.Table[Transfer] {
	return catalog.NewTable[Transfer](definitions, TransferTable)
}

// ChangeTransfer puts a transfer into another state: TransferRunning resumes a held or failed one, TransferHeld holds it,
// TransferCancelled ends it; reason is kept as its Error. A batch that is being written may still be. It does nothing if the
// transfer is in that state. It fails with [ErrTransferNotFound] and [ErrTransferEnded].
func ChangeTransfer(ctx context.Context, definitions *catalog.Catalog, name Name, state TransferState, reason string, now time.Time) error {
	_, err := transferTable(definitions).Update(ctx, name, func(t *Transfer) error {
		if t.State == state {
			return nil
		}
		if t.State.Ended() && (t.State != TransferFailed || state != TransferRunning) {
			return fmt.Errorf("%w: %s is %s", ErrTransferEnded, name.Name, t.State)
		}
		t.State, t.Error, t.Ended = state, reason, time.Time{}
		if state.Ended() {
			t.Ended = now.UTC()
		}
		return nil
	})
	if errors.Is(err, catalog.ErrNotFound) {
		return fmt.Errorf("%w: %s", ErrTransferNotFound, name.Name)
	}
	return err
}

// transferToken is the idempotency token of the batch that begins at the cursor. The ID is the record's, which is never
// given again.
func transferToken(recordID uint64, cursor Position) string {
	return fmt.Sprintf("transfer/%d/%d", recordID, cursor.Sequence)
}
