package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Lister is an optional ability of a Store: to name the incarnations that hold something.
type Lister interface {
	// Queues returns the incarnations that hold messages or state, in no particular order.
	Queues(ctx context.Context) ([]ID, error)
}

// Orphans returns what a crash left of deleted definitions, or what is being ended at the moment: queues in the store whose
// catalog record live does not know. live is asked after the queues were listed. A store that is no [Lister] has none.
func (b *Broker) Orphans(ctx context.Context, live func(recordID uint64) bool) ([]ID, error) {
	lister, ok := b.store.(Lister)
	if !ok {
		return nil, nil
	}
	ids, err := lister.Queues(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing queues: %w", err)
	}
	var orphans []ID
	for _, id := range ids {
		if record, _ := id.RecordID(); !live(record) {
			orphans = append(orphans, id)
		}
	}
	return orphans, nil
}

// Expiries says what bounds the queues of every account and region have.
func (b *Broker) Expiries() ([]Expiry, error) {
	entries, _, err := b.queues.List(catalog.Query{})
	if err != nil {
		return nil, err
	}
	expiries := make([]Expiry, 0, len(entries))
	for _, e := range entries {
		expiries = append(expiries, Expiry{Queue: IDFor(e.ID, Own), Kind: e.Value.Kind(), Retention: e.Value.retention()})
	}
	return expiries, nil
}

// Sweeper removes what is past its retention, a bounded piece at a time.
type Sweeper struct {
	store   Store
	clock   *Clock
	sources []func() ([]Expiry, error)
	// Removed, when set, is told of each queue that lost messages by age or size.
	Removed func(ID, Expired)
}

// NewSweeper returns a sweeper of the queues that the sources name at each round.
func NewSweeper(store Store, clock *Clock, sources ...func() ([]Expiry, error)) *Sweeper {
	return &Sweeper{store: store, clock: clock, sources: sources}
}

const (
	sweepEvery = 10 * time.Second
	sweepBatch = 256
)

// Run sweeps every 10 s until ctx ends, which is no error. A store that is not available is tried again the next time.
func (s *Sweeper) Run(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if err := s.Sweep(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			if errors.Is(err, ErrStoreClosed) {
				return err
			}
			if !errors.Is(err, ErrUnavailable) {
				return fmt.Errorf("sweeping: %w", err)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Sweep removes all that is past its bounds now.
func (s *Sweeper) Sweep(ctx context.Context) error {
	var expiries []Expiry
	for _, source := range s.sources {
		some, err := source()
		if err != nil {
			return err
		}
		expiries = append(expiries, some...)
	}
	for len(expiries) > 0 {
		batch := expiries[:min(sweepBatch, len(expiries))]
		results, err := s.store.Expire(ctx, s.clock.Now(), batch)
		if err != nil {
			return err
		}
		expiries = expiries[len(batch):]
		for i, r := range results {
			if r.Messages > 0 && s.Removed != nil {
				s.Removed(batch[i].Queue, r)
			}
			if r.More {
				expiries = append(expiries, batch[i])
			}
		}
	}
	return nil
}
