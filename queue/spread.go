package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Spread spreads every queue over as many partitions as its definition says, where the store is a [Spreader]. It is called
// when definitions were changed in another way than by Create and Update. The error joins those of the queues that it failed for.
func (b *Broker) Spread(ctx context.Context) error {
	if _, ok := b.store.(Spreader); !ok {
		return nil
	}
	queues, _, err := b.List(catalog.Query{})
	if err != nil {
		return err
	}
	var errs []error
	for i := range queues {
		if err := b.spread(ctx, &queues[i]); err != nil {
			if ctx.Err() != nil || errors.Is(err, ErrStoreClosed) {
				return err
			}
			errs = append(errs, err) // one queue's trouble is not that of the others
		}
	}
	return errors.Join(errs...)
}

func (b *Broker) spread(ctx context.Context, q *Queue) error {
	spreader, ok := b.store.(Spreader)
	if !ok || q.Definition.Partitions <= 1 {
		return nil
	}
	if err := spreader.Spread(ctx, q.ID, q.Definition.Kind(), q.Definition.Partitions); err != nil {
		return fmt.Errorf("spreading queue %s: %w", q.Name.Name, err)
	}
	return nil
}

// plans are the numbers of partitions of the queues that have more than one by their definitions.
type plans map[ID]int

func buildPlans(prev *plans, changes []catalog.Record, at *catalog.Snapshot) (*plans, error) {
	next := plans{}
	if prev == nil {
		changes = nil
		for r := range at.Scan(Table, catalog.Query{}) {
			changes = append(changes, r)
		}
	} else {
		next = maps.Clone(*prev)
	}
	for _, r := range changes {
		var def struct {
			Partitions int `json:"partitions"`
		}
		id := IDFor(r.ID, Own)
		if r.Deleted {
			delete(next, id)
			continue
		}
		if err := json.Unmarshal(r.Value, &def); err != nil {
			continue // whoever uses the queue is told
		}
		if def.Partitions > 1 {
			next[id] = def.Partitions
		} else {
			delete(next, id)
		}
	}
	return &next, nil
}

// planned is what [Spreader.Planned] wants.
func (b *Broker) planned(id ID) int {
	if p, err := b.plans.Get(); err == nil {
		return max((*p)[id], 1)
	}
	return 1
}

// CheckChange returns an [*InvalidError] if a definition can not follow another: whether a queue is FIFO, and over how many
// partitions a FIFO queue is spread, stays as it was when the queue was made.
func (d *Definition) CheckChange(before *Definition) error {
	switch {
	case d.FIFO != before.FIFO:
		return &InvalidError{Field: "fifo", Reason: "can not be changed"}
	case d.FIFO && max(d.Partitions, 1) != max(before.Partitions, 1):
		return &InvalidError{Field: "partitions", Reason: fmt.Sprintf("of a FIFO queue can not be changed: it has %d", max(before.Partitions, 1))}
	}
	return nil
}
