package queue_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// countingStore counts the receives that reach the store.
type countingStore struct {
	queue.Store
	receives atomic.Int64
}

func (s *countingStore) Receive(ctx context.Context, req queue.ReceiveRequest) (queue.ReceiveResult, error) {
	s.receives.Add(1)
	return s.Store.Receive(ctx, req)
}

// TestManyLongPolls checks that a message wakes one poll, the one that has waited longest, and that the others go on.
func TestManyLongPolls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBundle(t)
		store := &countingStore{Store: b.Store()}
		b.Broker = queue.NewBroker(store, b.definitions, b.Clock())
		b.create("orders", queue.Definition{})
		const polls = 50
		wait := 20 * time.Second
		type answer struct {
			poll int
			body string
		}
		answers := make(chan answer, polls)
		for i := range polls {
			go func() {
				got := b.receive("orders", queue.Receive{Max: 1, Wait: &wait})
				answers <- answer{i, bodies(got)}
			}()
			synctest.Wait()
		}
		store.receives.Store(0)
		for i := range polls / 2 {
			b.send("orders", text(fmt.Sprint(i)))
			if got, want := <-answers, (answer{i, fmt.Sprint(i)}); got != want {
				t.Errorf("message %d: %+v, want %+v", i, got, want)
			}
			synctest.Wait()
		}
		// One receive per message, and at most one in vain by the poll that took the first's place.
		if n := store.receives.Load(); n > polls {
			t.Errorf("%d messages took %d receives", polls/2, n)
		}
		// Several at once reach as many polls.
		b.send("orders", text("x"), text("y"), text("z"))
		var got []string
		for range 3 {
			got = append(got, (<-answers).body)
		}
		if slices.Sort(got); fmt.Sprint(got) != "[x y z]" {
			t.Errorf("got %v", got)
		}
		// The rest waits to the end of its time.
		for range polls/2 - 3 {
			if a := <-answers; a.body != "" {
				t.Errorf("poll %d got %q", a.poll, a.body)
			}
		}
	})
}

// TestFirstLongPollGoes checks that the place at the head of the line is handed on by whoever gives up.
func TestFirstLongPollGoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBundle(t)
		b.create("orders", queue.Definition{})
		wait := 20 * time.Second
		contexts := make([]context.CancelFunc, 3)
		got := make(chan string, 3)
		for i := range contexts {
			ctx, cancel := context.WithCancel(b.ctx)
			contexts[i] = cancel
			defer cancel()
			go func() {
				messages, err := b.Receive(ctx, name("orders"), queue.Receive{Max: 1, Wait: &wait})
				got <- fmt.Sprintf("%d %q %v", i, bodies(messages), err)
			}()
			synctest.Wait()
		}
		contexts[1]() // from the middle of the line
		if g := <-got; g != `1 "" context canceled` {
			t.Error(g)
		}
		contexts[0]() // the first
		if g := <-got; g != `0 "" context canceled` {
			t.Error(g)
		}
		b.send("orders", text("a"))
		if g := <-got; g != `2 "a" <nil>` {
			t.Error(g)
		}
	})
}

// TestLongPollOfADeletedQueue checks that a poll ends with its queue, and goes on with one that is made in its place.
func TestLongPollOfADeletedQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBundle(t)
		wait := 20 * time.Second
		poll := func() chan string {
			got := make(chan string, 1)
			go func() {
				messages, err := b.Receive(b.ctx, name("orders"), queue.Receive{Max: 1, Wait: &wait})
				got <- fmt.Sprintf("%q %v", bodies(messages), errors.Is(err, queue.ErrNotFound))
			}()
			synctest.Wait()
			return got
		}
		b.create("orders", queue.Definition{})
		b.send("orders", text("old"))
		b.receive("orders", queue.Receive{Max: 1})
		first, second := poll(), poll()
		began := time.Now()
		if err := b.Delete(b.ctx, name("orders")); err != nil {
			t.Fatal(err)
		}
		for _, got := range []chan string{first, second} {
			if g := <-got; g != `"" true` || time.Since(began) > time.Second {
				t.Errorf("got %s after %v", g, time.Since(began))
			}
		}
	})
}
