package app

import (
	"context"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/catalog/catalogtest"
	"github.com/signalbox-mq/signalbox/queue/storetest"
)

// listing is a store that several nodes share, which names its queues.
type listing struct {
	*storetest.Model
	queues []queue.ID
}

func (s *listing) Queues(context.Context) ([]queue.ID, error) {
	return s.queues, nil
}

// What is an orphan twice in a row is retired, once. A queue that another node made meanwhile is none.
func TestTidyOrphans(t *testing.T) {
	t.Parallel()
	memory, store := new(catalogtest.Memory), &listing{Model: storetest.NewModel()}
	open := func() *catalog.Catalog {
		definitions, err := catalog.Open(t.Context(), memory.Node())
		if err != nil {
			t.Fatal(err)
		}
		return definitions
	}
	other := open()
	r := &router{definitions: open()}
	r.broker = queue.NewBroker(store, r.definitions, queue.NewClock(time.Time{}))
	r.retirements = newRetirements(r)
	made, err := catalog.NewTable[queue.Definition](other, queue.Table).
		Create(t.Context(), queue.Name{Account: "1", Region: "r", Name: "q"}, queue.Definition{})
	if err != nil {
		t.Fatal(err)
	}
	orphan := queue.IDFor(77, queue.Deliveries)
	store.queues = []queue.ID{queue.IDFor(made.ID, queue.Own), orphan}
	pending := func() int { return len(r.retirements.pending) }
	if err := r.retireOrphans(t.Context()); err != nil || pending() != 0 {
		t.Errorf("a start beside other nodes retires %d: %v", pending(), err)
	}
	before, err := r.tidyOrphans(t.Context(), nil)
	if err != nil || len(before) != 1 || !before[orphan] || pending() != 0 {
		t.Fatalf("at first: %v, %v, %d pending", before, err, pending())
	}
	for range 2 {
		if before, err = r.tidyOrphans(t.Context(), before); err != nil || pending() != 1 || r.retirements.pending[0].id != orphan {
			t.Fatalf("then: %v, %v, %+v", before, err, r.retirements.pending)
		}
	}
}
