package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/catalog/catalogtest"
)

// counting counts how often a backend is asked what is new.
type counting struct {
	*catalogtest.Node
	looks atomic.Int64
}

func (c *counting) LoadSince(ctx context.Context, since uint64, yield func(catalog.Record) error) (revision, lastID uint64, err error) {
	c.looks.Add(1)
	return c.Node.LoadSince(ctx, since, yield)
}

// following starts Follow, which ends with the test.
func following(t *testing.T, c *catalog.Catalog, after func(context.Context) error) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Follow(ctx, after) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Follow: %v", err)
		}
	})
	synctest.Wait()
}

// over lets virtual time pass.
func over(d time.Duration) { <-time.After(d) }

func nothing(context.Context) error { return nil }

// A name that nobody knows is looked for once in a while, however often it is asked for, and found without Follow.
func TestUnknownNames(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		m := new(catalogtest.Memory)
		back := &counting{Node: m.Node()}
		a, b := open(t, m.Node()), open(t, back)
		made, known := catalog.NewTable[definition](a, "queues"), catalog.NewTable[definition](b, "queues")
		if _, err := made.Create(ctx, named("a"), definition{}); err != nil {
			t.Fatal(err)
		}
		if _, err := known.Get(named("a")); err != nil {
			t.Fatalf("Get of what another node made: %v", err)
		}
		if _, err := made.Create(ctx, named("b"), definition{}); err != nil {
			t.Fatal(err)
		}
		over(time.Second)
		if _, err := known.Update(ctx, named("b"), func(d *definition) error { d.Delay = 7; return nil }); err != nil {
			t.Fatalf("Update of what another node made: %v", err)
		}
		over(time.Second)
		back.looks.Store(0)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				for i := range 20 {
					if _, err := known.Get(named(fmt.Sprint("unknown", i))); !errors.Is(err, catalog.ErrNotFound) {
						t.Errorf("Get: %v", err)
					}
					over(5 * time.Millisecond)
				}
			})
		}
		wg.Wait()
		if n := back.looks.Load(); n < 1 || n > 3 {
			t.Errorf("1000 lookups of unknown names in 100ms looked %d times", n)
		}
		back.Cut(true)
		over(time.Second)
		if _, err := known.Get(named("unknown")); !errors.Is(err, catalog.ErrUnavailable) {
			t.Errorf("Get of an unknown name without the backend: %v", err)
		}
		if _, err := known.Get(named("a")); err != nil {
			t.Errorf("Get of a known name: %v", err) // it does not follow, so it is never stale
		}
	})
}

// A node that is cut off answers nothing, and is not waited for. When it is back it knows what was done without it.
func TestStale(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		m := new(catalogtest.Memory)
		back := m.Node()
		a, b := open(t, m.Node()), open(t, back)
		following(t, a, nothing)
		following(t, b, nothing)
		queues := catalog.NewTable[definition](b, "queues")
		view := catalog.NewView(b, []string{"queues"}, names)
		put := func(delay int) {
			t.Helper()
			if _, err := catalog.NewTable[definition](a, "queues").Put(ctx, named("q"), definition{Delay: delay}); err != nil {
				t.Fatal(err)
			}
		}
		put(1)
		if e, err := queues.Get(named("q")); err != nil || e.Value.Delay != 1 {
			t.Fatalf("Get: %+v, %v", e, err)
		}
		back.Cut(true)
		put(2)
		if !b.Stale() {
			t.Fatal("a node that is cut off does not know it")
		}
		_, getErr := queues.Get(named("q"))
		_, _, listErr := queues.List(catalog.Query{})
		_, viewErr := view.Get()
		_, _, findErr := b.Find(ctx, "queues", named("q"))
		_, updateErr := queues.Update(ctx, named("q"), func(*definition) error { return nil })
		for i, err := range []error{getErr, listErr, viewErr, findErr, updateErr} {
			if !errors.Is(err, catalog.ErrUnavailable) {
				t.Errorf("%d: %v", i, err)
			}
		}
		back.Cut(false)
		synctest.Wait()
		if e, err := queues.Get(named("q")); err != nil || e.Value.Delay != 2 || b.Stale() {
			t.Errorf("Get: %+v, %v, stale %v", e, err, b.Stale())
		}
	})
}

// What comes after catching up is done with the newer state in force, before the others are told.
func TestFollowAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		m := new(catalogtest.Memory)
		a, b := open(t, m.Node()), open(t, m.Node())
		following(t, a, nothing)
		gate := make(chan error, 1)
		gate <- nil
		following(t, b, func(ctx context.Context) error {
			select {
			case err := <-gate:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		done := false
		go func() {
			if _, err := catalog.NewTable[definition](a, "queues").Create(ctx, named("q"), definition{}); err != nil {
				t.Error(err)
			}
			done = true
		}()
		synctest.Wait()
		if _, ok := b.Get("queues", named("q")); !ok || done {
			t.Fatalf("there: %v, answered: %v", ok, done)
		}
		gate <- errors.New("not yet")
		synctest.Wait()
		if done {
			t.Fatal("answered although the other node failed")
		}
		over(100 * time.Millisecond)
		gate <- nil
		synctest.Wait()
		if !done || b.Stale() {
			t.Fatalf("answered: %v, stale: %v", done, b.Stale())
		}
	})
}

// On a backend that nobody else writes to there is nothing to follow.
func TestFollowAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := open(t, catalogtest.Exclusive{Backend: new(catalogtest.Memory)})
		called := 0
		following(t, c, func(context.Context) error { called++; return nil })
		if err := c.Everywhere(context.Background()); err != nil || c.Revision() != 0 || called != 1 || c.Stale() {
			t.Errorf("Everywhere: %v at %d; called %d times", err, c.Revision(), called)
		}
	})
}
