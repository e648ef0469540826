package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// BuiltinDeadLetters is the name of the queue that takes what was given up and has no dead-letter queue of its own. It
// exists in every account and region that needs it.
const BuiltinDeadLetters = "dead-letters"

// Queue is a definition with the incarnation it stands for.
type Queue struct {
	Name       Name
	ID         ID
	Definition Definition
	// Owner is empty for a queue made through an API; see catalog.Record.
	Owner string
	// Created and Revision are the catalog's.
	Created, Revision uint64
	// CreatedAt and ModifiedAt are when the queue was made and when its definition was last changed, in milliseconds; zero if
	// that was under a release that did not write it down.
	CreatedAt, ModifiedAt time.Time
}

// Broker is the semantics of queues: names, definitions, defaults, limits, waiting and dead letters. All methods may be
// called concurrently.
type Broker struct {
	store  Store
	clock  *Clock
	queues *catalog.Table[Definition]
	names  *catalog.View[names]
	plans  *catalog.View[plans]

	pollers pollers
	leases  *Leases
}

// NewBroker returns a broker over a store and the definitions in a catalog. Both stay the caller's to close.
func NewBroker(store Store, definitions *catalog.Catalog, clock *Clock) *Broker {
	b := &Broker{
		store: store, clock: clock,
		queues: catalog.NewTable[Definition](definitions, Table),
		names:  catalog.NewView(definitions, []string{Table}, buildNames),
		plans:  catalog.NewView(definitions, []string{Table}, buildPlans),
		leases: newLeases(store, uuid.NewString()),
	}
	if spreader, ok := store.(Spreader); ok {
		spreader.Planned(b.planned)
	}
	return b
}

// Store returns the store, for packages that append and receive by incarnation (topics, rules, dispatch).
func (b *Broker) Store() Store { return b.store }

// Leases returns what divides work between the nodes that share the store.
func (b *Broker) Leases() *Leases { return b.leases }

// Clock returns the broker's clock.
func (b *Broker) Clock() *Clock { return b.clock }

// Now returns the time by the broker's clock, which every call of the store should be given.
func (b *Broker) Now() time.Time { return b.clock.Now() }

// Lookup returns the queue with the given name, or an error wrapping [ErrNotFound].
func (b *Broker) Lookup(name Name) (Queue, error) {
	e, err := b.queues.Get(name)
	if errors.Is(err, catalog.ErrNotFound) {
		return Queue{}, fmt.Errorf("%w: %s", ErrNotFound, name.Name)
	}
	if err != nil {
		return Queue{}, err
	}
	return fromEntry(e), nil
}

func fromEntry(e catalog.Entry[Definition]) Queue {
	return Queue{
		Name: e.Name, ID: IDFor(e.ID, Own), Definition: e.Value,
		Owner: e.Owner, Created: e.Created, Revision: e.Revision, CreatedAt: e.CreatedAt, ModifiedAt: e.ModifiedAt,
	}
}

// Create makes a queue. If one of that name exists with the same definition, it is returned and created is false; with
// another, the error is [ErrExists], or a [*catalog.ManagedError] that names the file which declares it. A definition that
// does not validate, or names a dead-letter queue that does not exist or does not let it (see [DeadLetterSources]), is an
// error joining [*InvalidError]s.
func (b *Broker) Create(ctx context.Context, name Name, def Definition) (q Queue, created bool, err error) {
	if err := b.check(name, def); err != nil {
		return Queue{}, false, err
	}
	e, err := b.queues.Create(ctx, name, def)
	if errors.Is(err, catalog.ErrExists) {
		q, err := b.Lookup(name)
		if err != nil {
			return Queue{}, false, err
		}
		if !q.Definition.Equal(def) && q.Owner != "" {
			return Queue{}, false, &catalog.ManagedError{Table: Table, Name: name, Owner: q.Owner}
		}
		if !q.Definition.Equal(def) {
			return Queue{}, false, fmt.Errorf("%w: %s", ErrExists, name.Name)
		}
		return q, false, nil
	}
	if err != nil {
		return Queue{}, false, err
	}
	q = fromEntry(e)
	return q, true, b.spread(ctx, &q)
}

func (b *Broker) check(name Name, def Definition) error {
	if err := def.Validate(name.Name); err != nil {
		return err
	}
	if def.DeadLetter == nil {
		return nil
	}
	return b.checkDeadLetter(name, def)
}

func (b *Broker) checkDeadLetter(name Name, def Definition) error {
	dlq, err := b.Lookup(Name{Account: name.Account, Region: name.Region, Name: def.DeadLetter.Queue})
	if errors.Is(err, ErrNotFound) {
		return &InvalidError{Field: "dead_letter.queue", Reason: fmt.Sprintf("names %q, which does not exist", def.DeadLetter.Queue)}
	}
	if err != nil {
		return err
	}
	return def.CheckDeadLetter(name.Name, &dlq.Definition)
}

// Update calls change with a definition of its own and makes the queue's be what that has become; what change does is all
// or nothing, and it is called again if the definition was changed meanwhile. One that is Equal to what it was is not
// written. The definition must be as Create demands, and be able to follow what it was (see [Definition.CheckChange]); a dead-letter
// queue is looked at only if it is named anew, so that what has become of the old one keeps nothing else from being changed.
//
// Errors: [ErrNotFound], a [*catalog.ManagedError] for a queue that a file declares, joined [*InvalidError]s, and change's own
// as it is.
func (b *Broker) Update(ctx context.Context, name Name, change func(*Definition) error) (Queue, error) {
	e, err := b.queues.Update(ctx, name, func(def *Definition) error {
		before := def.Clone()
		if err := change(def); err != nil {
			return err
		}
		if def.Equal(before) {
			*def = before // as it is written, so that it is not written again
			return nil
		}
		if err := def.CheckChange(&before); err != nil {
			return err
		}
		if err := def.Validate(name.Name); err != nil {
			return err
		}
		if def.DeadLetter == nil || def.deadLetter() == before.deadLetter() {
			return nil
		}
		return b.checkDeadLetter(name, *def)
	})
	if errors.Is(err, catalog.ErrNotFound) {
		return Queue{}, fmt.Errorf("%w: %s", ErrNotFound, name.Name)
	}
	if err != nil {
		return Queue{}, err
	}
	q := fromEntry(e)
	b.pollers.tell(q.ID)
	return q, b.spread(ctx, &q)
}

// Ensure returns the queue with the given name, and makes it with the given definition if there is none.
func (b *Broker) Ensure(ctx context.Context, name Name, def Definition) (Queue, error) {
	q, err := b.Lookup(name)
	if !errors.Is(err, ErrNotFound) {
		return q, err
	}
	e, err := b.queues.Create(ctx, name, def)
	if errors.Is(err, catalog.ErrExists) { // somebody else was first
		return b.Lookup(name)
	}
	if err != nil {
		return Queue{}, err
	}
	return fromEntry(e), nil
}

// Delete removes a queue and all its messages. It fails with [ErrNotFound], or a [*catalog.ManagedError] for a queue that
// a file declares.
func (b *Broker) Delete(ctx context.Context, name Name) error {
	q, err := b.Lookup(name)
	if err != nil {
		return err
	}
	if err := b.queues.Delete(ctx, name); err != nil {
		if errors.Is(err, catalog.ErrNotFound) {
			return fmt.Errorf("%w: %s", ErrNotFound, name.Name)
		}
		return err
	}
	b.pollers.tell(q.ID)
	// A crash here leaves messages of an incarnation that no name leads to; the next start finds them by Orphans.
	return b.store.Drop(context.WithoutCancel(ctx), b.Now(), []ID{q.ID})
}

// List returns the queues that q selects in the order of their names, and whether its Limit left some out.
func (b *Broker) List(q catalog.Query) (queues []Queue, more bool, err error) {
	entries, more, err := b.queues.List(q)
	if err != nil {
		return nil, false, err
	}
	queues = make([]Queue, 0, len(entries))
	for _, e := range entries {
		queues = append(queues, fromEntry(e))
	}
	return queues, more, nil
}

// DeadLetterSourceQueues returns the queues that name a queue as their dead-letter queue, in the order of their names. It
// fails with [ErrNotFound] if there is no queue of that name.
func (b *Broker) DeadLetterSourceQueues(name Name) ([]Queue, error) {
	if _, err := b.Lookup(name); err != nil {
		return nil, err
	}
	all, _, err := b.List(catalog.Query{Account: name.Account, Region: name.Region})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(q Queue) bool { return q.Definition.deadLetter().Queue != name.Name }), nil
}

// Purge removes every message of a queue and returns how many there were.
func (b *Broker) Purge(ctx context.Context, name Name) (int64, error) {
	q, err := b.Lookup(name)
	if err != nil {
		return 0, err
	}
	return b.store.Purge(ctx, b.Now(), q.ID)
}

// Stats counts a queue's messages. On a FIFO queue with a delay, messages that wait for that count as Delayed; of more than
// 10,000 of them, or more than 16 MiB, the rest counts as Ready.
func (b *Broker) Stats(ctx context.Context, name Name) (Stats, error) {
	q, err := b.Lookup(name)
	if err != nil {
		return Stats{}, err
	}
	now := b.Now()
	all, err := b.store.Stats(ctx, now, []ID{q.ID})
	if err != nil {
		return Stats{}, fmt.Errorf("counting %s: %w", name.Name, err)
	}
	stats := all[0]
	if q.Definition.FIFO && q.Definition.Delay > 0 && stats.Ready > 0 {
		held, err := b.heldBack(ctx, &q, now)
		if err != nil {
			return Stats{}, fmt.Errorf("counting %s: %w", name.Name, err)
		}
		held = min(held, stats.Ready) // there may be others since
		stats.Ready, stats.Delayed = stats.Ready-held, stats.Delayed+held
	}
	return stats, nil
}

// How much heldBack looks at, in all and at a time, during which the queue waits for it.
const (
	heldBackMost      = 10_000
	heldBackBytes     = 16 << 20
	heldBackPage      = 500
	heldBackPageBytes = 512 << 10
)

// heldBack counts the messages of a FIFO queue that the queue's delay holds back, which the store does not know: the delay
// comes with each receive. They are the last ones, as sequence numbers tell the time.
func (b *Broker) heldBack(ctx context.Context, q *Queue, now time.Time) (n int64, err error) {
	after := now.Add(-time.Duration(q.Definition.Delay))
	req := ScanRequest{Now: now, Queue: q.ID, Kind: FIFO, From: PositionAt(after), Limit: heldBackPage, MaxBytes: heldBackPageBytes}
	for bytes := 0; n < heldBackMost && bytes < heldBackBytes; {
		res, err := b.store.Scan(ctx, req)
		if err != nil {
			return 0, err
		}
		for i := range res.Messages {
			m := &res.Messages[i]
			bytes += len(m.Message.Body)
			if m.Status == Ready && m.Message.Sent.After(after) {
				n++
			}
		}
		if !res.More {
			break
		}
		req.From = res.Next
	}
	return n, nil
}

// retryDropped runs op with the queue of the given name, and once more with its new incarnation if it was deleted and
// made anew between the lookup and the operation.
func retryDropped[T any](b *Broker, name Name, op func(Queue) (T, error)) (T, error) {
	q, err := b.Lookup(name)
	if err != nil {
		var zero T
		return zero, err
	}
	res, err := op(q)
	if !errors.Is(err, ErrDropped) {
		return res, err
	}
	again, lookupErr := b.Lookup(name)
	if lookupErr != nil {
		return res, lookupErr
	}
	if again.ID == q.ID {
		return res, err
	}
	return op(again)
}
