package pebblestore_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/queue"
)

// TestQueues: every queue that holds something or counts something, and no dropped one, before and after a new start.
func TestQueues(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	s := open(t, small(fs))
	want := func(ids ...queue.ID) {
		t.Helper()
		got, err := s.Queues(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(ids, got); d != "" {
			t.Errorf("queues (-want +got):\n%s", d)
		}
	}
	want()
	for id, kind := range map[queue.ID]queue.Kind{1: queue.Standard, 7: queue.FIFO, 300: queue.Log, math.MaxUint64: queue.Standard} {
		if _, err := send(s, start, id, kind, "g", "x"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Stats(t.Context(), start, []queue.ID{12}); err != nil { // a look leaves nothing behind
		t.Fatal(err)
	}
	want(1, 7, 300, math.MaxUint64)
	if _, err := s.Purge(t.Context(), start, 1); err != nil {
		t.Fatal(err)
	}
	if err := s.Drop(t.Context(), start.Add(time.Second), []queue.ID{7, 13}); err != nil {
		t.Fatal(err)
	}
	want(1, 300, math.MaxUint64)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Queues(t.Context()); !errors.Is(err, queue.ErrStoreClosed) {
		t.Errorf("after close: %v, want ErrStoreClosed", err)
	}
	s = open(t, small(fs))
	defer s.Close()
	want(1, 300, math.MaxUint64)
}
