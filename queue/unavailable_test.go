package queue_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/storetest"
)

// flaky is a store on a network that can be made to fail.
type flaky struct {
	queue.Store
	down    atomic.Bool
	expires atomic.Int64
}

func (f *flaky) err() error {
	if f.down.Load() {
		return fmt.Errorf("no route: %w", queue.ErrUnavailable)
	}
	return nil
}

func (f *flaky) Expire(ctx context.Context, now time.Time, expiries []queue.Expiry) ([]queue.Expired, error) {
	f.expires.Add(1)
	if err := f.err(); err != nil {
		return nil, err
	}
	return f.Store.Expire(ctx, now, expiries)
}

func (f *flaky) Scan(ctx context.Context, req queue.ScanRequest) (queue.ScanResult, error) {
	if err := f.err(); err != nil {
		return queue.ScanResult{}, err
	}
	return f.Store.Scan(ctx, req)
}

// A sweeper goes on when the store is available again.
func TestSweeperGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Store: storetest.NewModel()}
		store.down.Store(true)
		s := queue.NewSweeper(store, queue.NewClock(time.Time{}), func() ([]queue.Expiry, error) {
			return []queue.Expiry{{Queue: 8, Retention: time.Hour}}, nil
		})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		<-time.After(time.Minute)
		if n := store.expires.Load(); n < 5 || n > 8 {
			t.Errorf("tried %d times in a minute", n)
		}
		store.down.Store(false)
		<-time.After(time.Minute)
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// A transfer does not fail because the store is away for long.
func TestTransferOutlastsTheStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Store: storetest.NewModel()}
		m := newMachine(store)
		fill(t, m, sourceLog, queue.Log, 1000)
		p := m.start(t)
		tr := p.copyLog(0)
		store.down.Store(true)
		time.AfterFunc(time.Hour, func() { store.down.Store(false) })
		if err := p.run(); err != nil {
			t.Fatal(err)
		}
		if got := p.get(tr.Name); got.State != queue.TransferCompleted || got.Read != 1000 || got.Error != "" {
			t.Errorf("%+v", got)
		}
	})
}
