package queue_test

import (
	"errors"
	"testing"
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
