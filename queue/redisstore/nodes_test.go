package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/tests/redistest"
)

// followed opens a catalog that follows its store until the end of the test.
func followed(t *testing.T, s *Store) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	first, ended := make(chan struct{}), make(chan struct{})
	once := sync.OnceFunc(func() { close(first) })
	go func() {
		defer close(ended)
		_ = c.Follow(ctx, func(context.Context) error {
			once()
			return nil
		})
	}()
	t.Cleanup(func() {
		stop()
		<-ended
	})
	<-first
	return c
}

func change(n int) catalog.Set {
	return catalog.Set{Changes: []catalog.Change{{
		Table: "queues", Name: catalog.Name{Account: "1", Region: "r", Name: fmt.Sprint("q", n)}, Value: []byte(`{}`),
	}}}
}

// A node that waits with a commit for one that has died is in touch with the store all the while, and says so.
func TestOwnCommitIsNotStale(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, inMemory)
	a, _ := openAs(t, urlOf(server))
	b, _ := openAs(t, urlOf(server))
	c := followed(t, a)
	begun := time.Now()
	if _, err := b.beat(t.Context(), c.Revision(), nodeLease); err != nil { // and then nothing more is heard of it
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := c.Apply(t.Context(), change(1))
		done <- err
	}()
	looks, stale := 0, 0
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			if took := time.Since(begun); took < nodeLease/2 {
				t.Fatalf("the commit waited %v for a node of which nothing was heard", took)
			}
			// A machine that stands still may make it stale in truth; without the rule it is for a third of the time.
			if stale*10 > looks {
				t.Errorf("at %d of %d looks the node was stale", stale, looks)
			}
			return
		case <-tick.C:
			if looks++; c.Stale() {
				stale++
			}
		}
	}
}

// A store that lost everything under a running node, because it keeps nothing on disk or was flushed, is told from one that never had
// anything: what the node knew is not thrown away as if others had deleted it, and nothing is answered from it either.
func TestStoreThatLostEverything(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, inMemory)
	var mu sync.Mutex
	var logged []string
	s, err := Open(t.Context(), Options{URL: urlOf(server), Log: func(_ LogLevel, text string) {
		mu.Lock()
		defer mu.Unlock()
		logged = append(logged, text)
	}}, queue.NewClock(time.Time{}).Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	c := followed(t, s)
	if _, err := c.Apply(t.Context(), change(1)); err != nil {
		t.Fatal(err)
	}
	// It may have committed before it hears what is announced. Until it has told what it has, it would not miss it.
	eventually(t, "the node tells that it has its own change", func() bool {
		has, err := server.Do(t.Context(), "hget", s.c.tag(catalogShard)+":noderev", s.node)
		return err == nil && has == "1"
	})
	if _, err := server.Do(t.Context(), "flushall"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Apply(t.Context(), change(2)); !errors.Is(err, catalog.ErrLost) {
		t.Errorf("a commit: %v, want ErrLost", err)
	}
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return strings.Count(strings.Join(logged, "\n"), catalog.ErrLost.Error())
	}
	eventually(t, "the loss is logged", func() bool { return count() > 0 })
	eventually(t, "the node is stale", c.Stale)
	if _, ok := c.Snapshot().Get("queues", change(1).Changes[0].Name); !ok {
		t.Error("what the node knew is gone")
	}
	if n := count(); n != 1 {
		t.Errorf("logged %d times", n)
	}
}

// A node that knows a queue's definition puts its messages where the next one does, though the partitions are not written down yet.
func TestPartitionsAreKnownWithTheDefinition(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, inMemory)
	a, clock := openAs(t, urlOf(server))
	b, _ := openAs(t, urlOf(server))
	planned := func(id queue.ID) int {
		if id == 1 {
			return 8
		}
		return 1
	}
	a.Planned(planned)
	b.Planned(planned)
	var want []string
	send := func(s *Store, n int) {
		t.Helper()
		body := fmt.Sprint(n)
		want = append(want, body)
		if _, err := s.Append(t.Context(), queue.AppendRequest{Now: clock(), Entries: []queue.Entry{{
			Queue: 1, Kind: queue.FIFO, Message: queue.Message{ID: queue.NewMessageID(), Group: "g", Body: []byte(body)},
		}}}); err != nil {
			t.Fatal(err)
		}
	}
	send(b, 1)
	if err := a.Spread(t.Context(), 1, queue.FIFO, 8); err != nil {
		t.Fatal(err)
	}
	send(a, 2)
	send(b, 3)
	c, _ := openAs(t, urlOf(server)) // knows only what is written down
	got, err := c.Receive(t.Context(), queue.ReceiveRequest{Now: clock(), Queue: 1, Kind: queue.FIFO, Max: 10, Visibility: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	var bodies []string
	for i := range got.Messages {
		bodies = append(bodies, string(got.Messages[i].Body))
	}
	if !slices.Equal(bodies, want) {
		t.Errorf("received %q, want %q", bodies, want)
	}
	if err := a.Drop(t.Context(), clock(), []queue.ID{1}); err != nil {
		t.Fatal(err)
	}
	if left, err := server.Client().HLen(t.Context(), a.c.tag(catalogShard)+":parts").Result(); err != nil || left != 0 {
		t.Errorf("%d queues are in the list of partitions, %v", left, err)
	}
}
