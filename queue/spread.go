package queue

import (
	"context"
	"fmt"

	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Spread spreads every queue over as many partitions as its definition says, where the store is a [Spreader]. It is called
// when definitions were changed in another way than by Create and Update.
func (b *Broker) Spread(ctx context.Context) error {
	if _, ok := b.store.(Spreader); !ok {
		return nil
	}
	queues, _, err := b.List(catalog.Query{})
	if err != nil {
		return err
	}
	for i := range queues {
		if err := b.spread(ctx, &queues[i]); err != nil {
			return err
		}
	}
	return nil
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
