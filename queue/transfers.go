package queue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/signalbox-mq/signalbox/queue/catalog"
)

const (
	// transferWorkers is how many transfers are worked on at once. Those whose rate is at most slowRate mostly wait, for hours
	// maybe, so they have places of their own: they keep neither the others nor, as far as these places go, each other.
	transferWorkers = 4
	slowWorkers     = 100
	slowRate        = MaxRedriveRate
	// TransfersKept and TransferRetention say how many transfers are remembered after their end, and for how long. The rest is
	// forgotten when Run begins, and when a transfer ends while there are more than TransfersKept.
	TransfersKept     = 1000
	TransferRetention = 7 * 24 * time.Hour
)

// Transfers works on the transfers in a catalog. All methods may be called concurrently.
//
// A transfer is one node's at a time. Where several share a store, one of them gets the lease of the transfer, writes into the
// record that it is its own, and works on it while it has the lease. The others ask again every few seconds, so that one of them
// goes on when that node has died. A node that has lost the lease and does not know it yet does no harm: it can not save its
// progress any more, without which it appends nothing; and what it had said that it would append has a token.
type Transfers struct {
	// Ended, when not nil, is called for each transfer that completes, fails or is cancelled while Run runs, once for each
	// such end, on each node: a failed one may be resumed, and end again. Run calls it from its goroutine, and waits for it. Set
	// it before Run.
	Ended func(Transfer)

	broker      *Broker
	definitions *catalog.Catalog
	table       *catalog.Table[Transfer]
	mappers     map[string]Mapper

	mu sync.Mutex
	// claimed are the transfers being worked on.
	claimed map[Name]bool
	running bool

	// background has room for one: the transfer in the background whose turn it is.
	background chan struct{}

	// begun is when Run was called, for it and its workers.
	begun time.Time
}

// NewTransfers returns the transfers in a catalog, with a mapper for each Kind. It starts nothing.
func NewTransfers(broker *Broker, definitions *catalog.Catalog, mappers map[string]Mapper) *Transfers {
	return &Transfers{
		broker: broker, definitions: definitions, table: transferTable(definitions), mappers: mappers,
		claimed: map[Name]bool{}, background: make(chan struct{}, 1),
	}
}

// Start makes a transfer in an account and region and returns it. See [StartTransfer] for what is taken from t; a Kind that
// has no mapper is an [*InvalidError] too.
func (ts *Transfers) Start(ctx context.Context, account, region string, t Transfer) (Transfer, error) {
	if _, ok := ts.mappers[t.Kind]; !ok {
		return Transfer{}, &InvalidError{Field: "kind", Reason: fmt.Sprintf("%q is not known", t.Kind)}
	}
	name := Name{Account: account, Region: region, Name: uuid.Must(uuid.NewV7()).String()}
	change, err := StartTransfer(ts.definitions, name, t, ts.broker.Now())
	if err != nil {
		return Transfer{}, err
	}
	if _, err := ts.definitions.Apply(ctx, catalog.Set{Changes: []catalog.Change{change}}); err != nil {
		return Transfer{}, fmt.Errorf("starting a transfer: %w", err)
	}
	return ts.Get(name)
}

// Get returns a transfer, or an error wrapping [ErrTransferNotFound].
func (ts *Transfers) Get(name Name) (Transfer, error) {
	e, err := ts.table.Get(name)
	if errors.Is(err, catalog.ErrNotFound) {
		return Transfer{}, fmt.Errorf("%w: %s", ErrTransferNotFound, name.Name)
	}
	e.Value.Name = name
	return e.Value, err
}

// List returns the transfers that q selects, those of which the end was not too long ago included, in the order of their
// names, and whether its Limit left some out.
func (ts *Transfers) List(q catalog.Query) (transfers []Transfer, more bool, err error) {
	entries, more, err := ts.table.List(q)
	if err != nil {
		return nil, false, err
	}
	for _, e := range entries {
		e.Value.Name = e.Name
		transfers = append(transfers, e.Value)
	}
	return transfers, more, nil
}

// Cancel ends a transfer; a batch that is being written may still be. Cancelling a cancelled one does nothing. It fails with
// [ErrTransferNotFound] and [ErrTransferEnded].
func (ts *Transfers) Cancel(ctx context.Context, name Name) error {
	return ts.change(ctx, name, TransferCancelled, "cancelled on request")
}

// Hold stops a running transfer, which keeps its cursor. Errors are as for Cancel.
func (ts *Transfers) Hold(ctx context.Context, name Name) error {
	return ts.change(ctx, name, TransferHeld, "")
}

// Resume lets a held or failed transfer go on. Errors are as for Cancel.
func (ts *Transfers) Resume(ctx context.Context, name Name) error {
	return ts.change(ctx, name, TransferRunning, "")
}

func (ts *Transfers) change(ctx context.Context, name Name, state TransferState, reason string) error {
	return ChangeTransfer(ctx, ts.definitions, name, state, reason, ts.broker.Now())
}

// Run works on running transfers, at most 4 at once and 100 slow ones, until ctx ends, which is no error. It returns when all work has stopped
// and every cursor is saved. Without running transfers it has no goroutine but the caller's, which waits for the catalog.
// Only one Run may be active. It fails when the store is closed.
func (ts *Transfers) Run(ctx context.Context) error {
	ts.mu.Lock()
	if ts.running {
		ts.mu.Unlock()
		return errors.New("transfers are being run already")
	}
	ts.running = true
	ts.mu.Unlock()
	defer func() {
		ts.mu.Lock()
		ts.running = false
		ts.mu.Unlock()
	}()
	ts.begun = ts.broker.Now()
	r := &transferRun{
		ts: ts, waiting: map[Name]bool{}, elsewhere: map[Name]foreign{}, ended: map[Name]bool{},
		done: make(chan transferDone, transferWorkers),
	}
	err := r.run(ctx)
	if err == nil || ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("transferring: %w", err)
}

// transferRun is the state of one Run, which belongs to its goroutine.
type transferRun struct {
	ts   *Transfers
	seen uint64 // the revision up to which the table was looked at
	// looked says that it was.
	looked bool
	// waiting are running transfers that nobody works on, and whether they are slow.
	waiting map[Name]bool
	// elsewhere are running transfers that another node works on, or did.
	elsewhere map[Name]foreign
	// ended are those that have ended, of which Transfers.Ended has been told unless it was before Run.
	ended map[Name]bool
	// workers are all of them, slow those on slow transfers.
	workers, slow int
	done          chan transferDone
}

type transferDone struct {
	name Name
	slow bool
	// elsewhere says that another node has the transfer, as far as is known.
	elsewhere bool
	err       error
}

// foreign is a transfer of another node. It is asked again whether that is so.
type foreign struct {
	slow bool
	ask  time.Time
}

// askAgain is how often it is asked whether the node that works on a transfer has died.
const askAgain = LeaseTTL / 3

func (t *Transfer) slow() bool { return t.Rate > 0 && t.Rate <= slowRate }

func (r *transferRun) run(ctx context.Context) (err error) {
	working, stop := context.WithCancel(ctx)
	defer func() {
		stop()
		for r.workers > 0 {
			if failed := r.finish(<-r.done); err == nil {
				err = failed
			}
		}
		if last := r.look(); err == nil { // for what has ended in the meantime
			err = last
		}
	}()
	if err := r.ts.forget(ctx); errors.Is(err, ErrStoreClosed) || ctx.Err() != nil {
		return err // another error, such as that of a full store, keeps nothing from going on
	}
	for {
		if err := r.look(); err != nil {
			return err
		}
		r.launch(working)
		if err := r.wait(ctx); err != nil {
			return err
		}
	}
}

// look brings waiting up to date.
func (r *transferRun) look() error {
	records, revision, err := r.ts.definitions.Changes(r.seen, TransferTable)
	first := !r.looked
	if first || errors.Is(err, catalog.ErrCompacted) {
		snap := r.ts.definitions.Snapshot()
		records, revision, err = slices.Collect(snap.Scan(TransferTable, catalog.Query{})), snap.Revision(), nil
		clear(r.waiting)
	}
	if err != nil {
		return err
	}
	r.seen, r.looked = revision, true
	for _, record := range records {
		e, err := r.ts.table.Decode(record)
		if err != nil {
			return err
		}
		delete(r.waiting, record.Name)
		if record.Deleted || e.Value.State != TransferRunning {
			delete(r.elsewhere, record.Name)
		} else if _, foreign := r.elsewhere[record.Name]; !foreign {
			r.waiting[record.Name] = r.ts.slow(&e.Value)
		}
		if record.Deleted || !e.Value.State.Ended() {
			delete(r.ended, record.Name)
			continue
		}
		told := r.ended[record.Name] || first
		r.ended[record.Name] = true
		if !told && r.ts.Ended != nil {
			e.Value.Name = record.Name
			r.ts.Ended(e.Value)
		}
	}
	return nil
}

// launch starts workers on what waits, the oldest first as far as names tell.
func (r *transferRun) launch(ctx context.Context) {
	now := time.Now()
	for name, f := range r.elsewhere {
		if !now.Before(f.ask) {
			delete(r.elsewhere, name)
			r.waiting[name] = f.slow
		}
	}
	if len(r.waiting) == 0 {
		return
	}
	names := make([]Name, 0, len(r.waiting))
	for name := range r.waiting {
		names = append(names, name)
	}
	slices.SortFunc(names, Name.Compare)
	for _, name := range names {
		slow := r.waiting[name]
		if slow && r.slow == slowWorkers || !slow && r.workers-r.slow == transferWorkers {
			continue
		}
		if !r.ts.claim(name) {
			continue // it is looked at again when its worker is done
		}
		delete(r.waiting, name)
		r.workers++
		if slow {
			r.slow++
		}
		go func() { r.done <- r.ts.lead(ctx, name, slow) }()
	}
}

// lead works on a transfer if no other node does.
func (ts *Transfers) lead(ctx context.Context, name Name, slow bool) transferDone {
	d := transferDone{name: name, slow: slow}
	held, err := ts.broker.leases.Try(ctx, "transfer/"+name.String(), func(ctx context.Context) error { return ts.work(ctx, name) })
	switch {
	case errors.Is(err, ErrStoreClosed):
		d.err = err
	case !held, errors.Is(err, ErrLeaseLost):
		d.elsewhere = true
	default:
		d.err = err
	}
	return d
}

// wait returns when the catalog has changed, a worker is done, or it is time to ask for what other nodes have.
func (r *transferRun) wait(ctx context.Context) error {
	if r.workers == 0 && len(r.elsewhere) == 0 {
		return r.ts.definitions.Wait(ctx, r.seen)
	}
	var ask <-chan time.Time
	if next := r.nextAsk(); !next.IsZero() {
		timer := time.NewTimer(time.Until(next))
		defer timer.Stop()
		ask = timer.C
	}
	waiting, stop := context.WithCancel(ctx)
	changed := make(chan error, 1)
	go func() { changed <- r.ts.definitions.Wait(waiting, r.seen) }()
	select {
	case d := <-r.done:
		stop()
		<-changed
		return r.finish(d)
	case <-changed:
		stop()
		return ctx.Err()
	case <-ask:
		stop()
		<-changed
		return ctx.Err()
	}
}

// nextAsk is when to ask for one of those elsewhere, zero for none.
func (r *transferRun) nextAsk() (next time.Time) {
	for _, f := range r.elsewhere {
		if next.IsZero() || f.ask.Before(next) {
			next = f.ask
		}
	}
	return next
}

func (r *transferRun) finish(d transferDone) error {
	r.workers--
	if d.slow {
		r.slow--
	}
	r.ts.mu.Lock()
	delete(r.ts.claimed, d.name)
	r.ts.mu.Unlock()
	// It may have been held and resumed while its worker was about to end.
	e, err := r.ts.table.At(r.ts.definitions.Snapshot(), d.name)
	switch {
	case err != nil || e.Value.State != TransferRunning:
	case d.elsewhere:
		delete(r.waiting, d.name)
		r.elsewhere[d.name] = foreign{r.ts.slow(&e.Value), time.Now().Add(askAgain)}
	default:
		r.waiting[d.name] = r.ts.slow(&e.Value)
	}
	return d.err
}

// claim makes the caller the one in this process that works on a transfer, or returns false.
func (ts *Transfers) claim(name Name) bool {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.claimed[name] {
		return false
	}
	ts.claimed[name] = true
	return true
}

// forget deletes the transfers that ended too long ago or of which there are too many.
func (ts *Transfers) forget(ctx context.Context) error {
	entries, _, err := ts.table.List(catalog.Query{})
	if err != nil {
		return err
	}
	entries = slices.DeleteFunc(entries, func(e catalog.Entry[Transfer]) bool { return !e.Value.State.Ended() })
	slices.SortFunc(entries, func(a, b catalog.Entry[Transfer]) int {
		return cmp.Or(b.Value.Ended.Compare(a.Value.Ended), b.Name.Compare(a.Name))
	})
	cutoff := ts.broker.Now().Add(-TransferRetention)
	for i, e := range entries {
		if i < TransfersKept && e.Value.Ended.After(cutoff) {
			continue
		}
		_, err := ts.definitions.Apply(ctx, catalog.Set{Changes: []catalog.Change{ts.table.Deleting(e.Name).If(e.Revision)}})
		if err != nil && !errors.Is(err, catalog.ErrNotFound) && !errors.Is(err, catalog.ErrConflict) {
			return err
		}
	}
	return nil
}
