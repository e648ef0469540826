package queue_test

import (
	"testing"

	"github.com/signalbox-mq/signalbox/queue"
)

func TestNameOf(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	check := func(id queue.ID, want string) {
		t.Helper()
		got, ok, err := b.NameOf(id)
		if err != nil || ok != (want != "") || got.Name != want {
			t.Errorf("queue %d is %q, %v, %v; want %q", id, got.Name, ok, err, want)
		}
	}
	first := b.create("a", queue.Definition{})
	check(first.ID, "a")
	// A queue that came and went since the last time was never there, and one made in the place of another is another.
	gone := b.create("b", queue.Definition{})
	for _, n := range []string{"a", "b"} {
		if err := b.Delete(b.ctx, name(n)); err != nil {
			t.Fatal(err)
		}
	}
	second := b.create("a", queue.Definition{})
	check(gone.ID, "")
	check(first.ID, "")
	check(second.ID, "a")
	if _, err := b.Update(b.ctx, name("a"), func(d *queue.Definition) error { d.MaxInFlight = 5; return nil }); err != nil {
		t.Fatal(err)
	}
	check(second.ID, "a")
}
