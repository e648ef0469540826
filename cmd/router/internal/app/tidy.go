package app

import (
	"context"
	"errors"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// tidyEvery is how often one of several nodes looks for what another one left undone when it died.
const tidyEvery = time.Minute

// retireOrphans has the queues ended that a crash left of deleted definitions. Where other nodes run it does nothing: what has
// no definition may be what one of them is at; see tidy.
func (r *router) retireOrphans(ctx context.Context) error {
	if !r.broker.Leases().Alone() {
		return nil
	}
	orphans, err := r.orphans(ctx)
	for _, id := range orphans {
		r.retirements.add(retirement{id: id})
	}
	return err
}

// orphans returns the queues of which no definition is left.
func (r *router) orphans(ctx context.Context) ([]queue.ID, error) {
	var live map[uint64]bool
	var failed error
	orphans, err := r.broker.Orphans(ctx, func(recordID uint64) bool {
		if live == nil && failed == nil { // now that the queues are listed, so that a new one is not taken for an orphan
			live, failed = r.records(ctx)
		}
		return failed != nil || live[recordID]
	})
	return orphans, errors.Join(err, failed)
}

// records returns the IDs of all definitions.
func (r *router) records(ctx context.Context) (map[uint64]bool, error) {
	if err := r.definitions.Refresh(ctx); err != nil {
		return nil, err
	}
	live := map[uint64]bool{}
	snapshot := r.definitions.Snapshot()
	for _, table := range snapshot.Tables() {
		for record := range snapshot.Scan(table, catalog.Query{}) {
			live[record.ID] = true
		}
	}
	return live, nil
}

// tidy does, on one of several nodes, what another one may have left undone when it died: rules that were changed and not
// reconciled, queues of deleted definitions, and queues that were to be spread. It runs until ctx ends.
func (r *router) tidy(ctx context.Context) error {
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	for before := map[queue.ID]bool{}; ; {
		err := r.rules.Reconcile(ctx)
		if err == nil {
			before, err = r.tidyOrphans(ctx, before)
		}
		if err == nil {
			err = r.broker.Spread(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, queue.ErrStoreClosed):
			return err
		case err != nil:
			r.log.Warn().Err(err).Str("component", "store").Msg("looking for what other nodes left undone; trying again")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// tidyOrphans has those queues ended that were orphans the last time already: by then the node that deleted the definition,
// which knows more of it, has taken a lease, or is dead. It returns the orphans.
func (r *router) tidyOrphans(ctx context.Context, before map[queue.ID]bool) (map[queue.ID]bool, error) {
	orphans, err := r.orphans(ctx)
	if err != nil {
		return before, err
	}
	now := make(map[queue.ID]bool, len(orphans))
	for _, id := range orphans {
		now[id] = true
		if before[id] {
			r.retirements.add(retirement{id: id})
		}
	}
	return now, nil
}

// sweepTopics has forgotten what was not confirmed, and mended what a crash left, on one of the nodes. It runs until ctx ends.
func (r *router) sweepTopics(ctx context.Context) error {
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	for {
		switch err := r.topics.Sweep(ctx); {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, queue.ErrStoreClosed):
			return err
		case err != nil:
			r.log.Warn().Err(err).Str("component", "topics").Msg("looking for subscriptions that nobody confirmed; trying again")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
