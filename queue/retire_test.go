package queue_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

func TestRetire(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	q := b.create("orders", queue.Definition{})
	b.send("orders", text("ready"), queue.Send{Body: []byte("delayed"), Delay: new(10 * time.Minute)}, text("leased"))
	leased := b.receive("orders", queue.Receive{Max: 1})[0]
	if err := b.definitionGone("orders"); err != nil {
		t.Fatal(err)
	}
	moved, err := b.Retire(b.ctx, q.ID, q.Name, queue.Standard)
	if err != nil || moved != 3 {
		t.Fatalf("moved %d, %v; want 3", moved, err)
	}
	got := b.receive(queue.BuiltinDeadLetters, queue.Receive{Max: 10})
	if len(got) != 3 {
		t.Fatalf("the dead letters are %q", bodies(got))
	}
	for _, m := range got {
		if a, _ := m.Attribute("ERROR_CODE"); string(a.Value) != "NO_RESOURCE" || m.Source != q.ID {
			t.Errorf("dead letter %q: code %q, source %d", m.Body, a.Value, m.Source)
		}
		// The dead-letter queue's time has not run ahead with that of the queue.
		if left := m.Deadline.Sub(b.Now()); left > time.Minute {
			t.Errorf("dead letter %q is leased for %v", m.Body, left)
		}
	}
	_, err = b.Store().Append(b.ctx, queue.AppendRequest{Now: b.Now(), Entries: []queue.Entry{{Queue: q.ID}}})
	if !errors.Is(err, queue.ErrDropped) {
		t.Errorf("appending after it: %v, want ErrDropped", err)
	}
	if again, err := b.Retire(b.ctx, q.ID, q.Name, queue.Standard); again != 0 || err != nil {
		t.Errorf("retiring again: %d, %v", again, err)
	}
	if res, err := b.Store().Settle(b.ctx, b.Now(), []queue.Settlement{{Receipt: leased.Receipt}}); err != nil || !res[0].Gone {
		t.Errorf("acknowledging what was moved: %+v, %v; want Gone", res, err)
	}
}

// A retirement that finds what is left leased by another one, which broke off, looks again now and then, not all the time.
func TestRetireWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBundle(t)
		store := &countingStore{Store: b.Store()}
		b.Broker = queue.NewBroker(store, b.definitions, b.Clock())
		q := b.create("orders", queue.Definition{})
		b.send("orders", text("a"), text("b"))
		if err := b.definitionGone("orders"); err != nil {
			t.Fatal(err)
		}
		ahead := queue.ReceiveRequest{Now: b.Now().Add(queue.RetireAhead), Queue: q.ID, Max: 1, Visibility: time.Minute}
		if got, err := b.Store().Receive(b.ctx, ahead); err != nil || len(got.Messages) != 1 {
			t.Fatal(got, err)
		}
		store.receives.Store(0)
		short, stop := context.WithTimeout(b.ctx, 10*time.Second)
		defer stop()
		if moved, err := b.Retire(short, q.ID, q.Name, queue.Standard); moved != 1 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("for ten seconds: moved %d, %v", moved, err)
		}
		if n := store.receives.Load(); n < 5 || n > 20 {
			t.Errorf("looked %d times in ten seconds", n)
		}
		began := time.Now()
		moved, err := b.Retire(b.ctx, q.ID, q.Name, queue.Standard)
		if took := time.Since(began); moved != 1 || err != nil || took > 52*time.Second {
			t.Errorf("until the lease has ended: moved %d after %v, %v", moved, took, err)
		}
		if n := store.receives.Load(); n > 80 {
			t.Errorf("looked %d times in a minute", n)
		}
	})
}

// weighingStore notes the most bytes that a receive has returned.
type weighingStore struct {
	queue.Store
	most int
}

func (s *weighingStore) Receive(ctx context.Context, req queue.ReceiveRequest) (queue.ReceiveResult, error) {
	res, err := s.Store.Receive(ctx, req)
	sum := 0
	for i := range res.Messages {
		sum += len(res.Messages[i].Body)
	}
	s.most = max(s.most, sum)
	return res, err
}

func TestRetireMovesLargeMessagesInPieces(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	store := &weighingStore{Store: b.Store()}
	b.Broker = queue.NewBroker(store, b.definitions, b.Clock())
	q := b.create("orders", queue.Definition{})
	for range 12 {
		b.send("orders", queue.Send{Body: make([]byte, 1<<20)})
	}
	if err := b.definitionGone("orders"); err != nil {
		t.Fatal(err)
	}
	if moved, err := b.Retire(b.ctx, q.ID, q.Name, queue.Standard); moved != 12 || err != nil {
		t.Errorf("moved %d, %v", moved, err)
	}
	if store.most != 4<<20 {
		t.Errorf("one receive has returned %d bytes, want 4 MiB", store.most)
	}
}
