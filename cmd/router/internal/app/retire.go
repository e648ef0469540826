package app

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/dispatch/destination"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
	"github.com/signalbox-mq/signalbox/topic"
)

// retirement is a queue whose definition was deleted.
type retirement struct {
	id     queue.ID
	record catalog.Record
	// before is a snapshot that still has the definition; nil for one that an earlier process left.
	before *catalog.Snapshot
}

// retirements ends queues of deleted definitions in the background: what is left in them becomes dead letters. Neither a
// start nor a reload waits for it, since an attempt under way may take its time. What a crash keeps from being done is
// found at the next start, or by another node: see tidy. A node has a lease on each queue that it ends.
type retirements struct {
	*router
	mu      sync.Mutex // guards pending and known
	pending []retirement
	// known are the queues that are pending or being ended.
	known map[queue.ID]bool
	wake  chan struct{} // has room for one
}

func newRetirements(r *router) *retirements {
	return &retirements{router: r, known: map[queue.ID]bool{}, wake: make(chan struct{}, 1)}
}

func (q *retirements) add(some ...retirement) {
	q.mu.Lock()
	for _, p := range some {
		if !q.known[p.id] {
			q.known[p.id] = true
			q.pending = append(q.pending, p)
		}
	}
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// addDeleted adds the queues of deleted records.
func (q *retirements) addDeleted(deleted []catalog.Record, before *catalog.Snapshot) {
	for _, record := range deleted {
		if !record.Deleted {
			continue
		}
		own := retirement{queue.IDFor(record.ID, queue.Own), record, before}
		deliveries := retirement{queue.IDFor(record.ID, queue.Deliveries), record, before}
		switch record.Table {
		case queue.Table, rules.ArchiveTable:
			q.add(own)
		case rules.BusTable:
			q.add(own, deliveries, retirement{queue.IDFor(record.ID, queue.Schedules), record, before})
		case topic.Table:
			q.add(deliveries, retirement{queue.IDFor(record.ID, queue.TopicLog), record, before})
		case endpoint.FunctionTable, endpoint.SubscriptionTable, destination.Table:
			q.add(deliveries)
		}
	}
}

// removed has the delivery queue of an HTTP subscription or an API destination ended when it goes: by an API, not only with the
// file. The dispatcher knows what it was, so no snapshot is needed.
func (r *router) removed(id queue.ID, kind string, name catalog.Name) {
	switch kind {
	case dispatch.KindSubscription:
		r.retirements.add(retirement{id: id, record: catalog.Record{Table: endpoint.SubscriptionTable, Name: name}})
	case dispatch.KindDestination:
		r.retirements.add(retirement{id: id, record: catalog.Record{Table: destination.Table, Name: name}})
	}
}

const (
	retireAtOnce = 16
	retireAgain  = 5 * time.Second
)

// Run ends what was added, until ctx ends.
func (q *retirements) Run(ctx context.Context) error {
	var working errgroup.Group
	working.SetLimit(retireAtOnce)
	for {
		q.mu.Lock()
		pending := q.pending
		q.pending = nil
		q.mu.Unlock()
		for _, p := range pending {
			working.Go(func() error {
				q.until(ctx, p)
				q.mu.Lock()
				delete(q.known, p.id)
				q.mu.Unlock()
				return nil
			})
		}
		select {
		case <-q.wake:
		case <-ctx.Done():
			return working.Wait()
		}
	}
}

// until tries again until it is done, another node is at it, or ctx ends.
func (q *retirements) until(ctx context.Context, p retirement) {
	timer := time.NewTimer(retireAgain)
	defer timer.Stop()
	for {
		_, err := q.broker.Leases().Try(ctx, fmt.Sprintf("retire/%d", p.id), func(ctx context.Context) error { return q.retire(ctx, p) })
		if err == nil || ctx.Err() != nil {
			return
		}
		q.log.Error().Err(err).Str(p.record.Table, p.record.Name.Name).Msg("ending the queue of a deleted definition; trying again")
		timer.Reset(retireAgain)
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
	}
}

func (q *retirements) retire(ctx context.Context, p retirement) error {
	_, role := p.id.RecordID()
	switch {
	case role == queue.Deliveries:
		kind := map[string]string{
			endpoint.FunctionTable: dispatch.KindFunction, endpoint.SubscriptionTable: dispatch.KindSubscription,
			destination.Table: dispatch.KindDestination, topic.Table: dispatch.KindTopic, rules.BusTable: dispatch.KindBus,
		}[p.record.Table]
		return q.dispatcher.Retire(ctx, p.id, dispatch.Former{Kind: kind, Name: p.record.Name, At: p.before})
	case p.record.Table != queue.Table:
		return q.store.Drop(ctx, q.broker.Now(), []queue.ID{p.id}) // a log, or what nobody knows any more
	}
	def, err := catalog.NewTable[queue.Definition](q.definitions, queue.Table).At(p.before, p.record.Name)
	if err != nil {
		return err
	}
	moved, err := q.broker.Retire(ctx, p.id, p.record.Name, def.Value.Kind())
	if moved > 0 {
		q.log.Warn().Str("queue", p.record.Name.Name).Int("messages", moved).
			Msg("the queue left the file while messages came in; they are in " + queue.BuiltinDeadLetters)
	}
	return err
}
