package queue

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/signalbox-mq/signalbox/queue/catalog"
)

const (
	// RedriveKind is the Kind of the transfers that redrives are.
	RedriveKind = "redrive"
	// MaxRedriveRate is the highest rate of a redrive, in messages per second, as in SQS.
	MaxRedriveRate = 500
	// redriveTable has a [redriveClaim] under the name of each queue that was redriven of late.
	redriveTable = "redrives"
)

var (
	// ErrRedriveSource and ErrRedriveDestination say which of the two queues does not exist. They come with [ErrNotFound].
	ErrRedriveSource      = errors.New("source of the redrive")
	ErrRedriveDestination = errors.New("destination of the redrive")
	// ErrNotDeadLetterQueue says that a queue that is to be redriven is not known to be one for dead letters.
	ErrNotDeadLetterQueue = errors.New("queue is not a dead-letter queue")
	// ErrRedriveRunning says that the queue is being redriven already.
	ErrRedriveRunning = errors.New("queue is being redriven already")
)

// Redrive moves what is in a dead-letter queue back to where it came from, or to another queue (a message move task of
// SQS). It is a [Transfer] of [RedriveKind], which has its ID: it goes on after a restart and is remembered for as long.
type Redrive struct {
	ID     string
	Source Name
	// Destination is the queue that everything goes to, nil if each message goes to the queue that it came from.
	Destination *Name
	// Rate is the most messages per second, 1 to 500, or 0 for no bound but that of the load.
	Rate  int
	State TransferState
	// Error says why it failed or was cancelled, or what keeps a running one from going on, for people.
	Error string
	// Moved counts the messages moved; after a crash it may be low, by those of one batch. Total is how many there were at the
	// start, whether or not they could be received then.
	Moved, Total int64
	// Ended is zero as long as it runs or is held.
	Started, Ended time.Time
}

// redriveParams are the Params of the transfer. Account and region are the transfer's.
type redriveParams struct {
	Source      string `json:"source"`
	Destination string `json:"destination,omitempty"`
}

// redriveClaim says which redrive of a queue is the one that may move. It is written in the set of changes that starts the
// redrive, so of two that are started at once, on whatever nodes, one is refused.
type redriveClaim struct {
	Transfer string `json:"transfer"`
}

// RedriveOf returns the redrive that a transfer is, or false.
func RedriveOf(t *Transfer) (Redrive, bool) {
	var params redriveParams
	if t.Kind != RedriveKind || json.Unmarshal(t.Params, &params) != nil {
		return Redrive{}, false
	}
	r := Redrive{
		ID: t.Name.Name, Source: t.Name, Rate: t.Rate, State: t.State, Error: t.Error,
		Moved: t.Copied, Total: t.Total, Started: t.Started, Ended: t.Ended,
	}
	r.Source.Name = params.Source
	if params.Destination != "" {
		to := t.Name
		to.Name = params.Destination
		r.Destination = &to
	}
	return r, true
}

// Redrives starts, lists and ends redrives. All methods may be called concurrently. The work is done by [Transfers], which
// needs the Mapper under [RedriveKind].
type Redrives struct {
	broker      *Broker
	definitions *catalog.Catalog
	transfers   *catalog.Table[Transfer]
	claims      *catalog.Table[redriveClaim]
}

// NewRedrives returns the redrives in the catalog that the broker has its definitions from.
func NewRedrives(b *Broker, definitions *catalog.Catalog) *Redrives {
	return &Redrives{
		broker: b, definitions: definitions, transfers: transferTable(definitions),
		claims: catalog.NewTable[redriveClaim](definitions, redriveTable),
	}
}

// Start begins to move the messages that are in source now: each to the queue it came from, or all to destination. A moved
// message has a new ID and has not been received, nothing tells any more where it came from, and it is new: its retention
// begins, and the delay of the queue it comes to counts. A message of a FIFO queue keeps its group, and is not compared with
// others by its deduplication ID. The size limit of a queue does not count.
//
// Messages that are in flight or delayed when everything else has been moved stay. So does, without a destination, a message
// that did not come from a queue, or from one that is gone; the redrive fails there.
//
// Errors: [ErrRedriveSource] and [ErrRedriveDestination], each with [ErrNotFound]; [ErrNotDeadLetterQueue] if no queue names
// source as its dead-letter queue, and neither its definition nor its messages say that it is one; [ErrRedriveRunning]; an
// [*InvalidError] of "rate", or of "destination" for the source itself, a queue of the other kind, or one of another account
// or region.
func (rs *Redrives) Start(ctx context.Context, source Name, destination *Name, rate int) (Redrive, error) {
	if rate < 0 || rate > MaxRedriveRate {
		return Redrive{}, &InvalidError{Field: "rate", Reason: fmt.Sprintf("must be between 0 and %d", MaxRedriveRate)}
	}
	for {
		revision := rs.definitions.Revision()
		r, err := rs.start(ctx, source, destination, rate)
		raced := errors.Is(err, catalog.ErrConflict) || errors.Is(err, catalog.ErrExists) || errors.Is(err, catalog.ErrNotFound)
		if !raced || ctx.Err() != nil || rs.definitions.Revision() == revision {
			return r, err
		}
	}
}

func (rs *Redrives) start(ctx context.Context, source Name, destination *Name, rate int) (Redrive, error) {
	q, err := rs.lookup(source, ErrRedriveSource)
	if err != nil {
		return Redrive{}, err
	}
	params := redriveParams{Source: source.Name}
	if destination != nil {
		if err := rs.checkDestination(&q, *destination); err != nil {
			return Redrive{}, err
		}
		params.Destination = destination.Name
	}
	if err := rs.checkSource(ctx, &q); err != nil {
		return Redrive{}, err
	}
	stats, err := rs.broker.Stats(ctx, source)
	if err != nil {
		return Redrive{}, err
	}
	encoded, err := json.Marshal(params)
	if err != nil {
		return Redrive{}, err
	}
	name := source
	name.Name = uuid.Must(uuid.NewV7()).String()
	starting, err := StartTransfer(rs.definitions, name, Transfer{
		Kind: RedriveKind, Source: q.ID, SourceKind: q.Definition.Kind(), Rate: rate, Total: stats.Total(), Params: encoded,
	}, rs.broker.Now())
	if err != nil {
		return Redrive{}, err
	}
	set, err := rs.claim(&q, name)
	if err != nil {
		return Redrive{}, err
	}
	set.Changes = append(set.Changes, starting)
	if _, err := rs.definitions.Apply(ctx, set); err != nil {
		return Redrive{}, fmt.Errorf("starting a redrive of %s: %w", source.Name, err)
	}
	return rs.get(name)
}

func (rs *Redrives) get(name Name) (Redrive, error) {
	e, err := rs.transfers.Get(name)
	if errors.Is(err, catalog.ErrNotFound) {
		return Redrive{}, fmt.Errorf("%w: %s", ErrTransferNotFound, name.Name)
	}
	if err != nil {
		return Redrive{}, err
	}
	e.Value.Name = name
	r, ok := RedriveOf(&e.Value)
	if !ok {
		return Redrive{}, fmt.Errorf("%w: %s", ErrTransferNotFound, name.Name)
	}
	return r, nil
}

// lookup says of a queue that is missing what it was for.
func (rs *Redrives) lookup(name Name, as error) (Queue, error) {
	q, err := rs.broker.Lookup(name)
	if errors.Is(err, ErrNotFound) {
		err = fmt.Errorf("%w: %w", as, err)
	}
	return q, err
}

func (rs *Redrives) checkDestination(source *Queue, destination Name) error {
	bad := func(reason string) error { return &InvalidError{Field: "destination", Reason: reason} }
	if destination == source.Name {
		return bad("must be another queue than the source")
	}
	if destination.Account != source.Name.Account || destination.Region != source.Name.Region {
		return bad("must be in the account and region of the source")
	}
	to, err := rs.lookup(destination, ErrRedriveDestination)
	if err != nil {
		return err
	}
	if to.Definition.FIFO != source.Definition.FIFO {
		return bad("must be of the same kind (FIFO or standard) as the source")
	}
	return nil
}

// checkSource fails with ErrNotDeadLetterQueue unless something says that the queue is for dead letters.
func (rs *Redrives) checkSource(ctx context.Context, q *Queue) error {
	sources := q.Definition.DeadLetterSources
	if q.Name.Name == BuiltinDeadLetters || sources != nil && !sources.Deny {
		return nil
	}
	named, err := rs.broker.DeadLetterSourceQueues(q.Name)
	if err != nil || len(named) > 0 {
		return err
	}
	// Those of endpoints, and those of queues that are gone, are told by what is in them.
	res, err := rs.broker.store.Scan(ctx, ScanRequest{
		Now: rs.broker.Now(), Queue: q.ID, Kind: q.Definition.Kind(), Limit: redriveLook, MaxBytes: transferReadBytes,
	})
	if err != nil {
		return fmt.Errorf("looking into %s: %w", q.Name.Name, err)
	}
	if slices.ContainsFunc(res.Messages, func(p Peeked) bool { return p.Message.Source != 0 }) {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrNotDeadLetterQueue, q.Name.Name)
}

// redriveLook is how many messages are looked at for one that is a dead letter.
const redriveLook = 100

// claim returns the changes, and their conditions, that make the transfer of that name the queue's redrive, unless another one
// is under way.
func (rs *Redrives) claim(q *Queue, transfer Name) (catalog.Set, error) {
	at := rs.definitions.Snapshot()
	record, _ := q.ID.RecordID()
	set := catalog.Set{Requires: []catalog.Requirement{{Table: Table, Name: q.Name, ID: record}}}
	claiming := rs.claims.Putting(q.Name, redriveClaim{Transfer: transfer.Name})
	forgotten, err := rs.forgotten(at, q.Name)
	if err != nil {
		return set, err
	}
	set.Changes = forgotten
	e, err := rs.claims.At(at, q.Name)
	if errors.Is(err, catalog.ErrNotFound) {
		set.Changes = append(set.Changes, claiming.If(0))
		return set, nil
	}
	if err != nil {
		return set, err
	}
	set.Changes = append(set.Changes, claiming.If(e.Revision))
	t, err := rs.transfers.At(at, claimed(e))
	switch {
	case errors.Is(err, catalog.ErrNotFound):
		return set, nil
	case err != nil:
		return set, err
	case t.Value.Source == q.ID && !t.Value.State.Ended():
		return set, fmt.Errorf("%w: %s, by %s", ErrRedriveRunning, q.Name.Name, t.Name.Name)
	}
	// If it has failed, it may not be resumed in the same moment.
	set.Requires = append(set.Requires, catalog.Requirement{Table: TransferTable, Name: t.Name, Revision: t.Revision})
	return set, nil
}

// forgotten returns the changes that delete the claims of transfers that are no more, so that there are not more claims than
// transfers. That of one queue is left alone.
func (rs *Redrives) forgotten(at *catalog.Snapshot, except Name) (changes []catalog.Change, err error) {
	for e, err := range rs.claims.Scan(at, catalog.Query{}) {
		if err != nil {
			return nil, err
		}
		if _, exists := at.Get(TransferTable, claimed(e)); !exists && e.Name != except {
			changes = append(changes, rs.claims.Deleting(e.Name).If(e.Revision))
		}
	}
	return changes, nil
}

// claimed is the name of the transfer that a claim is for.
func claimed(claim catalog.Entry[redriveClaim]) Name {
	name := claim.Name
	name.Name = claim.Value.Transfer
	return name
}

// List returns the redrives of a queue, the newest first, at most max of them, or all if max is zero or less. Those that have
// ended are among them for as long as transfers are remembered. It fails with [ErrRedriveSource] and [ErrNotFound].
func (rs *Redrives) List(source Name, max int) ([]Redrive, error) {
	q, err := rs.lookup(source, ErrRedriveSource)
	if err != nil {
		return nil, err
	}
	entries, _, err := rs.transfers.List(catalog.Query{Account: source.Account, Region: source.Region})
	if err != nil {
		return nil, err
	}
	var all []Redrive
	for _, e := range entries {
		e.Value.Name = e.Name
		if r, ok := RedriveOf(&e.Value); ok && e.Value.Source == q.ID {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b Redrive) int {
		return cmp.Or(b.Started.Compare(a.Started), cmp.Compare(b.ID, a.ID))
	})
	if max > 0 && len(all) > max {
		all = all[:max]
	}
	return all, nil
}

// Replaced reports whether a transfer is a redrive that failed and after which another one of its queue was started. Such a
// one is not to be resumed; if it is nevertheless, it moves nothing.
func (rs *Redrives) Replaced(t *Transfer) (bool, error) {
	r, ok := RedriveOf(t)
	if !ok || t.State != TransferFailed {
		return false, nil
	}
	return rs.replaced(&r)
}

func (rs *Redrives) replaced(r *Redrive) (bool, error) {
	claim, err := rs.claims.Get(r.Source)
	if errors.Is(err, catalog.ErrNotFound) {
		return true, nil
	}
	return err == nil && claim.Value.Transfer != r.ID, err
}

// Cancel ends a redrive of a queue and returns it; what it has moved stays moved, and a batch that is being moved may still
// be, after which Moved counts it. It fails with [ErrTransferNotFound], and with [ErrTransferEnded] if it has ended, however.
func (rs *Redrives) Cancel(ctx context.Context, source Name, id string) (Redrive, error) {
	name := source
	name.Name = id
	r, err := rs.get(name)
	if err != nil {
		return Redrive{}, err
	}
	if r.Source != source {
		return Redrive{}, fmt.Errorf("%w: %s is not of %s", ErrTransferNotFound, id, source.Name)
	}
	if r.State.Ended() {
		return Redrive{}, fmt.Errorf("%w: %s is %s", ErrTransferEnded, id, r.State)
	}
	err = ChangeTransfer(ctx, rs.definitions, name, TransferCancelled, "cancelled on request", rs.broker.Now())
	if err != nil {
		return Redrive{}, err
	}
	return rs.get(name)
}
