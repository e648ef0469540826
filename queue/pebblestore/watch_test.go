package pebblestore_test

import (
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/signalbox-mq/signalbox/queue"
)

// TestWakeByDelay: a receive with a delay finds nothing of a group that Ready told of; who waits is told when it will. It
// is told once: a watcher that asks and receives in turn does not spin.
func TestWakeByDelay(t *testing.T) {
	t.Parallel()
	s := open(t, small(vfs.NewMem()))
	defer s.Close()
	if _, err := send(s, start, 1, queue.FIFO, "g", "a", "b"); err != nil {
		t.Fatal(err)
	}
	now := start.Add(time.Second)
	req := queue.ReceiveRequest{Now: now, Queue: 1, Kind: queue.FIFO, Max: 2, Visibility: time.Minute}
	res, err := s.Receive(t.Context(), req)
	if err != nil || len(res.Messages) != 2 {
		t.Fatalf("receive: %+v, %v", res, err)
	}
	if errs, err := s.Extend(t.Context(), now, []queue.Extension{{Receipt: res.Messages[0].Receipt}}); err != nil || errs[0] != nil {
		t.Fatal(errs, err)
	}
	w := s.Watch()
	defer w.Close()
	w.Set([]queue.ID{1}, nil)
	woken := func() bool {
		select {
		case <-w.Wake():
			return true
		default:
			return false
		}
	}
	woken()
	if ready, _, err := w.Ready(t.Context(), now); err != nil || !slices.Contains(ready, 1) {
		t.Fatalf("ready: %v, %v", ready, err)
	}
	req.Delay = 5 * time.Second
	for i := range 3 {
		if res, err := s.Receive(t.Context(), req); err != nil || len(res.Messages) != 0 {
			t.Fatalf("receive with a delay: %+v, %v", res, err)
		}
		if got := woken(); got != (i == 0) {
			t.Fatalf("after receive %d: woken %v", i, got)
		}
		if _, next, err := w.Ready(t.Context(), now); err != nil || !next.Equal(start.Add(req.Delay)) {
			t.Fatalf("next: %v, %v, want %v", next, err, start.Add(req.Delay))
		}
	}
}
