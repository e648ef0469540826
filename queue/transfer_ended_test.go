package queue_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/storetest"
)

// TestTransferEnded checks that each end of a transfer is told once: those of the work, those on request, and one that
// fails, is resumed and completes, twice. Ends before Run are not told.
func TestTransferEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(storetest.NewModel())
		p := m.start(t)
		var broken atomic.Bool
		broken.Store(true)
		p.Transfers = queue.NewTransfers(p.broker, p.definitions, map[string]queue.Mapper{
			"odd": {Copy: copyOdd},
			"bad": {Copy: func(ctx context.Context, tr *queue.Transfer, batch []queue.Peeked) ([]queue.Entry, error) {
				if broken.Load() {
					return nil, errors.New("broken")
				}
				return copyOdd(ctx, tr, batch)
			}},
		})
		var ended []string
		p.Ended = func(tr queue.Transfer) { // by the goroutine of Run, which is idle where ended is read
			ended = append(ended, tr.Kind+" "+string(tr.State)+" "+tr.Name.Account)
		}
		told := func() (all []string) {
			synctest.Wait()
			all, ended = ended, nil
			slices.Sort(all)
			return all
		}
		fill(t, m, sourceLog, queue.Log, 10)
		start := func(kind string) queue.Name {
			tr, err := p.Start(t.Context(), "a", "r", queue.Transfer{
				Kind: kind, Source: sourceLog, SourceKind: queue.Log, Until: queue.PositionAt(p.broker.Now().Add(time.Hour)), Total: 10,
			})
			if err != nil {
				t.Fatal(err)
			}
			return tr.Name
		}
		before := start("odd")
		if err := p.Cancel(t.Context(), before); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- p.Run(ctx) }()
		if got := told(); got != nil {
			t.Errorf("before anything ended: %q", got)
		}
		start("odd")
		bad := start("bad")
		held := start("bad")
		if err := p.Hold(t.Context(), held); err != nil {
			t.Fatal(err)
		}
		pass(time.Hour)
		if got := told(); !slices.Equal(got, []string{"bad failed a", "odd completed a"}) {
			t.Errorf("told of %q", got)
		}
		if err := p.Cancel(t.Context(), held); err != nil {
			t.Fatal(err)
		}
		broken.Store(false)
		if err := p.Resume(t.Context(), bad); err != nil {
			t.Fatal(err)
		}
		pass(time.Hour)
		if got := told(); !slices.Equal(got, []string{"bad cancelled a", "bad completed a"}) {
			t.Errorf("then told of %q", got)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if all, _, err := p.List(catalog.Query{}); err != nil || len(all) != 4 {
			t.Errorf("%d transfers, %v", len(all), err)
		}
	})
}
