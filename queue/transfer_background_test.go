package queue_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/storetest"
)

// counting copies each entry twice, in the background, and keeps how many it has copied. Every third time it does not hold.
func counting(held, most *atomic.Int32) queue.Mapper {
	var calls atomic.Int32
	return queue.Mapper{
		Background: true,
		Copy: func(_ context.Context, t *queue.Transfer, batch []queue.Peeked) (entries []queue.Entry, err error) {
			n, _ := strconv.Atoi(string(t.Kept))
			for _, p := range batch {
				for range 2 {
					entries = append(entries, queue.Entry{Queue: copies, Message: queue.Message{ID: p.Message.ID, Body: p.Message.Body}})
				}
			}
			t.Kept, t.Basis = json.RawMessage(strconv.Itoa(n+len(batch))), 7
			return entries, nil
		},
		Hold: func(t *queue.Transfer) (func(), bool) {
			if t.Basis != 7 {
				panic(fmt.Sprint("basis ", t.Basis))
			}
			if n := held.Add(1); n > most.Load() {
				most.Store(n)
			}
			return func() { held.Add(-1) }, calls.Add(1)%3 != 0
		},
	}
}

// TestTransferKept crashes at every moment: what the mapper keeps is always that of the cursor.
func TestTransferKept(t *testing.T) {
	t.Parallel()
	const n = 450
	for crash := 0; ; crash++ {
		finished := false
		synctest.Test(t, func(t *testing.T) {
			m := newMachine(storetest.NewModel())
			p := m.start(t)
			var held, most atomic.Int32
			mappers := map[string]queue.Mapper{"count": counting(&held, &most)}
			p.Transfers = queue.NewTransfers(p.broker, p.definitions, mappers)
			fill(t, m, sourceLog, queue.Log, n)
			tr, err := p.Start(t.Context(), "a", "r", queue.Transfer{
				Kind: "count", Source: sourceLog, SourceKind: queue.Log, Until: logEnd(t, m), Total: n,
			})
			if err != nil {
				t.Fatal(err)
			}
			m.crashAfter(crash)
			crashed := p.run() != nil
			m.crashAfter(-1)
			if finished = !crashed; crashed {
				p = m.start(t)
				p.Transfers = queue.NewTransfers(p.broker, p.definitions, mappers)
				if err := p.run(); err != nil {
					t.Fatal(err)
				}
			}
			done := p.get(tr.Name)
			if len(copied(t, m)) != 2*n || string(done.Kept) != strconv.Itoa(n) || done.State != queue.TransferCompleted {
				t.Errorf("crash %d: %d copies, %+v", crash, len(copied(t, m)), done)
			}
			if held.Load() != 0 || most.Load() != 1 {
				t.Errorf("crash %d: %d are held, %d were at most", crash, held.Load(), most.Load())
			}
		})
		if finished {
			break
		}
	}
}

// TestTransfersInTheBackground have turns, small batches and pauses, and keep no others from going on.
func TestTransfersInTheBackground(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const took = 10 * time.Millisecond
		var inside, appends atomic.Int32
		m := newMachine(storetest.NewModel())
		p := m.start(t)
		var held, most atomic.Int32
		background := counting(&held, &most)
		inner := background.Copy
		background.Copy = func(ctx context.Context, t *queue.Transfer, batch []queue.Peeked) ([]queue.Entry, error) {
			if inside.Add(1) > 1 {
				panic("two at once")
			}
			defer inside.Add(-1)
			pass(took)
			entries, err := inner(ctx, t, batch)
			if len(entries) <= 200 {
				appends.Add(1)
			}
			return entries, err
		}
		p.Transfers = queue.NewTransfers(p.broker, p.definitions, map[string]queue.Mapper{"count": background, "odd": {Copy: copyOdd}})
		fill(t, m, sourceLog, queue.Log, 2000)
		begun := time.Now()
		start := func(kind string) queue.Name {
			tr, err := p.Start(t.Context(), "a", "r", queue.Transfer{
				Kind: kind, Source: sourceLog, SourceKind: queue.Log, Until: logEnd(t, m), Total: 2000,
			})
			if err != nil {
				t.Fatal(err)
			}
			return tr.Name
		}
		var slow []queue.Name
		for range 10 {
			slow = append(slow, start("count"))
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- p.Run(ctx) }()
		quick := start("odd")
		pass(time.Second)
		if tr := p.get(quick); tr.State != queue.TransferCompleted {
			t.Errorf("it waits for those in the background: %+v", tr)
		}
		for p.get(slow[0]).State == queue.TransferRunning || p.get(slow[9]).State == queue.TransferRunning {
			pass(time.Second)
		}
		if busy := time.Duration(appends.Load()) * took; time.Since(begun) < 3*busy {
			t.Errorf("%v of work in %v", busy, time.Since(begun))
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if all, _, err := p.List(catalog.Query{}); err != nil || len(all) != 11 {
			t.Errorf("%d transfers, %v", len(all), err)
		}
	})
}
