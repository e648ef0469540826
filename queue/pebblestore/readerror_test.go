package pebblestore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/signalbox-mq/signalbox/queue"
)

// TestReadErrors lets every so many reads fail. A call may fail, but then it changed nothing, and nothing is lost.
func TestReadErrors(t *testing.T) {
	t.Parallel()
	errInjected := errors.New("injected")
	var reads, every atomic.Int64
	inject := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if n := every.Load(); n > 0 && op.Kind == errorfs.OpFileReadAt && strings.HasSuffix(op.Path, ".sst") && reads.Add(1)%n == 0 {
			return errInjected
		}
		return nil
	})
	p := &place{fs: vfs.NewMem()}
	opts := small(errorfs.Wrap(p.fs, inject))
	opts.MemTableBytes = 64 << 10
	s := open(t, opts)
	defer s.Close()
	const n = 600
	for i := range n {
		id, kind, group := queue.ID(1), queue.Standard, ""
		if i%2 == 1 {
			id, kind, group = 2, queue.FIFO, fmt.Sprint("g", i%7)
		}
		if _, err := send(s, start, id, kind, group, strings.Repeat(fmt.Sprint(i, " "), 1000)); err != nil {
			t.Fatal(err)
		}
	}
	every.Store(7)
	now, left, failures := start, n, 0
	for round := 0; left > 0 && round < 20*n; round++ {
		if round > 2*n {
			every.Store(0)
		}
		id, kind := queue.ID(1), queue.Standard
		if round%2 == 1 {
			id, kind = 2, queue.FIFO
		}
		res, err := s.Receive(context.Background(), queue.ReceiveRequest{Now: now, Queue: id, Kind: kind, Max: 3, Visibility: time.Second})
		if err != nil {
			if errors.Is(err, queue.ErrStoreClosed) {
				t.Fatal(err)
			}
			failures++
			continue
		}
		for i, m := range res.Messages {
			st := queue.Settlement{Receipt: m.Receipt, Action: queue.Action(i % 2)}
			st.NotBefore, st.State = now.Add(2*time.Second), []byte("again")
			got, err := s.Settle(context.Background(), now, []queue.Settlement{st})
			switch {
			case err != nil:
				failures++
			case got[0].Err != nil:
				t.Fatal(got[0].Err)
			case st.Action == queue.Ack:
				left--
			}
		}
		if len(res.Messages) == 0 {
			now = now.Add(time.Second)
		}
	}
	every.Store(0)
	if left != 0 {
		t.Errorf("%d messages were not acknowledged", left)
	}
	if failures == 0 {
		t.Error("no read failed")
	}
	if _, err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}
