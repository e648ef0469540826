package redisfaults

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/redisstore"
	"github.com/signalbox-mq/signalbox/tests/harness"
	"github.com/signalbox-mq/signalbox/tests/redistest"
)

// filler fills a queue and empties it.
type filler struct {
	t     *testing.T
	s     *redisstore.Store
	l     *ledger
	clock func() time.Time
	n     int
	size  int
}

const filled queue.ID = 7

// send sends one large message: the ledger's names are long.
func (f *filler) send() error {
	f.n++
	one := f.l.write(filled, strings.Repeat("x", f.size), f.n, false)
	_, err := f.s.Append(f.t.Context(), queue.AppendRequest{Now: f.clock(), Entries: []queue.Entry{{
		Queue: filled, Message: queue.Message{ID: queue.NewMessageID(), Body: bodyOf(one.name)},
	}}})
	f.l.sent([]*fate{one}, err)
	return err
}

// take receives and settles some messages. It returns how many.
func (f *filler) take(most int) int {
	f.t.Helper()
	began := f.l.begin()
	got, err := f.s.Receive(f.t.Context(), queue.ReceiveRequest{Now: f.clock(), Queue: filled, Max: most, Visibility: time.Minute})
	if err != nil {
		f.t.Fatalf("receiving from a full store: %v", err)
	}
	var todo []queue.Settlement
	fs := f.l.took(filled, began, got.Messages)
	for i := range got.Messages {
		todo = append(todo, queue.Settlement{Receipt: got.Messages[i].Receipt})
		if i%4 == 1 && fs[i] != nil { // a release and another receive need memory too
			_, err := f.s.Settle(f.t.Context(), f.clock(), []queue.Settlement{{
				Receipt: got.Messages[i].Receipt, Action: queue.Release, State: []byte("kept"),
			}})
			if err != nil {
				f.t.Fatalf("releasing in a full store: %v", err)
			}
			todo = todo[:len(todo)-1]
			fs[i] = nil
		}
	}
	results, err := f.s.Settle(f.t.Context(), f.clock(), todo)
	if err != nil {
		f.t.Fatalf("acknowledging in a full store: %v", err)
	}
	for _, r := range results {
		if r.Err != nil {
			f.t.Fatalf("acknowledging in a full store: %v", r.Err)
		}
	}
	for i, fate := range fs {
		if fate != nil {
			f.l.ended(fate, got.Messages[i].Sequence, false, false)
		}
	}
	return len(got.Messages)
}

// usage is what the server counts against its limit, as a share.
func usage(t *testing.T, s *redistest.Server) (used, most int64) {
	t.Helper()
	number := func(field string) int64 {
		n, err := strconv.ParseInt(s.Info("memory", field), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return number("used_memory") - number("mem_not_counted_for_evict"), number("maxmemory")
}

// Memory fills up. From 85 % on sends are refused by name, and all else works; when there is memory again, sends do too.
func TestMemoryFillsUp(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{NoSave: true, MaxMemory: "24mb"})
	f := &filler{
		t: t, s: open(t, "redis://"+server.Addr()+"?durability=async"), l: newLedger(), clock: queue.NewClock(time.Time{}).Now, size: 500,
	}
	for round := range 2 {
		var err error
		for err == nil {
			for range 20 {
				if err = f.send(); err != nil {
					break
				}
			}
			wait(t, 10*time.Millisecond) // the store looks each second
		}
		used, most := usage(t, server)
		share := 100 * used / most
		if !errors.Is(err, queue.ErrStoreFull) || share < 84 {
			t.Fatalf("at %d%%: %v", share, err)
		}
		t.Logf("round %d: refused at %d%% with %d messages", round, share, f.n)
		left := 1
		for left > 0 {
			left = f.take(50)
		}
		harness.Until(t, "a store that takes messages again", func() (bool, string) {
			err := f.send()
			if err != nil && !errors.Is(err, queue.ErrStoreFull) {
				t.Fatal(err)
			}
			return err == nil, fmt.Sprint(err)
		})
	}
	for f.take(50) > 0 {
		continue
	}
	report(t, "alone, async, memory filled to 85 % twice", nothingLost, f.l.judge())
}

// Memory ends between two looks: Redis itself refuses.
func TestMemoryEnds(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{NoSave: true})
	f := &filler{
		t: t, s: open(t, "redis://"+server.Addr()+"?durability=async"), l: newLedger(), clock: queue.NewClock(time.Time{}).Now, size: 500,
	}
	for range 200 {
		if err := f.send(); err != nil {
			t.Fatal(err)
		}
	}
	used, _ := usage(t, server)
	ask(t, server, "CONFIG", "SET", "maxmemory", used-used/10)
	err := f.send()
	if !errors.Is(err, queue.ErrStoreFull) {
		t.Fatalf("a send with no memory left: %v", err)
	}
	t.Logf("refused: %v", err)
	if got := f.take(40); got == 0 {
		t.Error("nothing to receive")
	}
	// A move, with its record, is in memory's favour in the end.
	got, err := f.s.Receive(t.Context(), queue.ReceiveRequest{Now: f.clock(), Queue: filled, Max: 1, Visibility: time.Minute})
	if err != nil || len(got.Messages) != 1 {
		t.Fatal(got, err)
	}
	name, _, _ := strings.Cut(string(got.Messages[0].Body), "|")
	results, err := f.s.Settle(t.Context(), f.clock(), []queue.Settlement{moveOf(got.Messages[0].Receipt, name)})
	if err != nil || results[0].Err != nil {
		t.Errorf("a move with no memory left: %v, %v", results, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	if _, err := f.s.Purge(ctx, f.clock(), filled); err != nil {
		t.Errorf("a purge with no memory left: %v", err)
	}
	ask(t, server, "CONFIG", "SET", "maxmemory", 2*used)
	harness.Until(t, "a store that takes messages again", func() (bool, string) {
		err := f.send()
		return err == nil, fmt.Sprint(err)
	})
}
