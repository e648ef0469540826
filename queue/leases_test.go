package queue_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/catalog/catalogtest"
	"github.com/signalbox-mq/signalbox/queue/storetest"
)

// node is one node's way to a store that several share. While it is cut, no lease is to be had; while it is dead, nothing is
// answered, to its catalog neither.
type node struct {
	*storetest.Model
	cut, dead atomic.Bool
}

func (n *node) err() error {
	if n.cut.Load() || n.dead.Load() {
		return fmt.Errorf("no route: %w", queue.ErrUnavailable)
	}
	return nil
}

func (n *node) Lease(ctx context.Context, name, holder string, ttl time.Duration) (bool, error) {
	if err := n.err(); err != nil {
		return false, err
	}
	return n.Model.Lease(ctx, name, holder, ttl)
}

func (n *node) Unlease(ctx context.Context, name, holder string) error {
	if err := n.err(); err != nil {
		return err
	}
	return n.Model.Unlease(ctx, name, holder)
}

func brokerOn(t *testing.T, store queue.Store, backend catalog.Backend) (*queue.Broker, *catalog.Catalog) {
	t.Helper()
	definitions, err := catalog.Open(t.Context(), backend)
	if err != nil {
		t.Fatal(err)
	}
	return queue.NewBroker(store, definitions, queue.NewClock(time.Time{})), definitions
}

// Of several nodes one works. When it ends, or is cut off, another one takes over, and not before the first has stopped.
func TestLeasesMove(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		model := storetest.NewModel()
		const nodes = 3
		var working, most atomic.Int64
		var who atomic.Int64
		var all [nodes]*node
		var stop [nodes]context.CancelFunc
		ended := make(chan error, nodes)
		for i := range nodes {
			all[i] = &node{Model: model}
			b, _ := brokerOn(t, all[i], new(catalogtest.Memory))
			if b.Leases().Alone() {
				t.Fatal("alone on a store that several share")
			}
			var ctx context.Context
			ctx, stop[i] = context.WithCancel(context.Background())
			go func() {
				ended <- b.Leases().Run(ctx, "work", func(ctx context.Context) error {
					most.Store(max(most.Load(), working.Add(1)))
					who.Store(int64(i))
					<-ctx.Done()
					who.Store(-1)
					working.Add(-1)
					return nil
				})
			}()
		}
		pass := func(d time.Duration) {
			<-time.After(d)
			synctest.Wait()
		}
		pass(time.Second)
		first := who.Load()
		pass(time.Hour)
		if who.Load() != first || first < 0 {
			t.Fatalf("%d works, then %d", first, who.Load())
		}
		stop[first]()
		pass(queue.LeaseTTL/3 + time.Second)
		second := who.Load()
		if second == first || second < 0 {
			t.Fatalf("after the first has ended, %d works", second)
		}
		all[second].cut.Store(true)
		pass(queue.LeaseTTL - 10*time.Millisecond)
		if n := who.Load(); n == second {
			t.Fatalf("a node that is cut off works on")
		}
		pass(queue.LeaseTTL / 3)
		third := who.Load()
		if third == first || third == second || third < 0 {
			t.Fatalf("after the second was cut off, %d works", third)
		}
		all[second].cut.Store(false)
		pass(time.Hour)
		if who.Load() != third {
			t.Fatalf("%d works, instead of %d", who.Load(), third)
		}
		for i := range nodes {
			stop[i]()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		if n := most.Load(); n != 1 {
			t.Errorf("%d worked at once", n)
		}
	})
}

// A short fault of the store is no reason to stop.
func TestLeaseOutlastsAFault(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &node{Model: storetest.NewModel()}
		b, _ := brokerOn(t, n, new(catalogtest.Memory))
		result := errors.New("result")
		done := make(chan error, 1)
		go func() {
			done <- b.Leases().Run(t.Context(), "work", func(ctx context.Context) error {
				select {
				case <-time.After(time.Hour):
					return result
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			})
		}()
		for range 100 {
			<-time.After(20 * time.Second)
			n.cut.Store(true)
			<-time.After(queue.LeaseTTL / 3)
			n.cut.Store(false)
		}
		if err := <-done; !errors.Is(err, result) {
			t.Errorf("Run: %v", err)
		}
		if held, err := n.Model.Lease(t.Context(), "work", "another", time.Second); !held || err != nil {
			t.Errorf("after the work the lease is kept: %v, %v", held, err)
		}
	})
}

func TestLeasesEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &node{Model: storetest.NewModel()}
		b, _ := brokerOn(t, n, new(catalogtest.Memory))
		other, _ := brokerOn(t, &node{Model: n.Model}, new(catalogtest.Memory))
		gate := make(chan struct{})
		go func() {
			_, _ = other.Leases().Try(t.Context(), "work", func(context.Context) error { <-gate; return nil })
		}()
		synctest.Wait()
		never := func(context.Context) error { t.Error("works without the lease"); return nil }
		if held, err := b.Leases().Try(t.Context(), "work", never); held || err != nil {
			t.Errorf("Try: %v, %v", held, err)
		}
		n.cut.Store(true)
		if held, err := b.Leases().Try(t.Context(), "work", never); held || !errors.Is(err, queue.ErrUnavailable) {
			t.Errorf("Try: %v, %v", held, err)
		}
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		if err := b.Leases().Run(ctx, "work", never); err != nil {
			t.Errorf("Run: %v", err)
		}
		n.cut.Store(false)
		close(gate)
		synctest.Wait()
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		if err := b.Leases().Run(t.Context(), "work", never); !errors.Is(err, queue.ErrStoreClosed) {
			t.Errorf("Run: %v", err)
		}
	})
}

// A process that is alone just works.
func TestLeasesAlone(t *testing.T) {
	t.Parallel()
	b, _ := brokerOn(t, newMachine(storetest.NewModel()), new(catalogtest.Memory))
	result := errors.New("result")
	work := func(context.Context) error { return result }
	if err := b.Leases().Run(t.Context(), "work", work); !b.Leases().Alone() || !errors.Is(err, result) {
		t.Errorf("Run: %v", err)
	}
}
