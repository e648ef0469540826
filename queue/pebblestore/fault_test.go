package pebblestore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/pebblestore"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func open(t testing.TB, opts pebblestore.Options) *pebblestore.Store {
	t.Helper()
	s, err := pebblestore.Open("data", opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func send(s queue.Store, now time.Time, id queue.ID, kind queue.Kind, group string, bodies ...string) ([]queue.Appended, error) {
	req := queue.AppendRequest{Now: now}
	for _, b := range bodies {
		req.Entries = append(req.Entries, queue.Entry{
			Queue: id, Kind: kind, Message: queue.Message{ID: queue.NewMessageID(), Body: []byte(b), Group: group},
		})
	}
	res, err := s.Append(context.Background(), req)
	return res.Results, err
}

func TestLocked(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	s := open(t, small(fs))
	if _, err := pebblestore.Open("data", small(fs)); !errors.Is(err, queue.ErrLocked) {
		t.Errorf("second open: %v, want ErrLocked", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	opts := pebblestore.Options{MemTableBytes: 256 << 10, BallastBytes: -1}
	first, err := pebblestore.Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pebblestore.Open(dir, opts); !errors.Is(err, queue.ErrLocked) {
		t.Errorf("second open on disk: %v, want ErrLocked", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestNewerEngineFormat(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	if err := open(t, small(fs)).Close(); err != nil {
		t.Fatal(err)
	}
	names, err := fs.List("data")
	if err != nil {
		t.Fatal(err)
	}
	renamed := false
	for _, name := range names {
		if rest, ok := strings.CutPrefix(name, "marker.format-version."); ok {
			number, _, _ := strings.Cut(rest, ".")
			if err := fs.Rename("data/"+name, "data/marker.format-version."+number+".999"); err != nil {
				t.Fatal(err)
			}
			renamed = true
		}
	}
	if !renamed {
		t.Fatalf("no marker among %v", names)
	}
	_, err = pebblestore.Open("data", small(fs))
	if !errors.Is(err, queue.ErrNewerFormat) || !strings.Contains(err.Error(), "999") {
		t.Errorf("open: %v, want ErrNewerFormat naming 999", err)
	}
}

func TestInvalidOptions(t *testing.T) {
	t.Parallel()
	for _, o := range []pebblestore.Options{{CacheBytes: 1}, {MemTableBytes: 1}, {MemTableBytes: 2 << 30}} {
		var invalid *queue.InvalidError
		o.FS = vfs.NewMem()
		if _, err := pebblestore.Open("data", o); !errors.As(err, &invalid) {
			t.Errorf("%+v: %v, want an InvalidError", o, err)
		}
	}
}

func TestFullDiskRefusesSendsOnly(t *testing.T) {
	t.Parallel()
	var free atomic.Uint64
	free.Store(1 << 30)
	opts := small(vfs.NewMem())
	opts.MinFreeBytes = 1 << 20
	opts.FreeSpace = func() (uint64, error) { return free.Load(), nil }
	s := open(t, opts)
	defer s.Close()
	if _, err := send(s, start, 1, queue.Standard, "", "a", "b"); err != nil {
		t.Fatal(err)
	}
	free.Store(1000)
	var err error
	for range 1000 { // the disk is asked every so many bytes
		if _, err = send(s, start, 2, queue.Standard, "", strings.Repeat("x", 1000)); err != nil {
			break
		}
	}
	if !errors.Is(err, queue.ErrStoreFull) {
		t.Fatalf("send on a full disk: %v, want ErrStoreFull", err)
	}
	got, err := s.Receive(t.Context(), queue.ReceiveRequest{Now: start, Queue: 1, Max: 1, Visibility: time.Minute})
	if err != nil || len(got.Messages) != 1 {
		t.Fatalf("receive: %v, %v", got, err)
	}
	if res, err := s.Settle(t.Context(), start, []queue.Settlement{{Receipt: got.Messages[0].Receipt}}); err != nil || res[0].Err != nil {
		t.Errorf("ack: %v, %v", res, err)
	}
	if n, err := s.Purge(t.Context(), start, 1); err != nil || n != 1 {
		t.Errorf("purge: %d, %v", n, err)
	}
	if err := s.Drop(t.Context(), start, []queue.ID{1}); err != nil {
		t.Errorf("drop: %v", err)
	}
	free.Store(1 << 30)
	if _, err := send(s, start, 2, queue.Standard, "", "again"); err != nil {
		t.Errorf("send after space came back: %v", err)
	}
}

// TestFailedSync checks that a failed write or sync of the log stops the store, that nothing is acknowledged from then
// on, and that what was acknowledged is there after a new start.
func TestFailedSync(t *testing.T) {
	t.Parallel()
	for _, kind := range []errorfs.OpKind{errorfs.OpFileSyncData, errorfs.OpFileSync, errorfs.OpFileWrite} {
		t.Run(fmt.Sprint(kind), func(t *testing.T) {
			t.Parallel()
			mem := vfs.NewCrashableMem()
			var failing atomic.Bool
			inject := errorfs.InjectorFunc(func(op errorfs.Op) error {
				if failing.Load() && strings.HasSuffix(op.Path, ".log") && op.Kind == kind {
					return errors.New("injected")
				}
				return nil
			})
			fatal := make(chan error, 1)
			opts := small(errorfs.Wrap(mem, inject))
			opts.Fatal = func(err error) { fatal <- err }
			s := open(t, opts)
			for i := range 20 {
				if _, err := send(s, start, 1, queue.Standard, "", fmt.Sprint(i)); err != nil {
					t.Fatal(err)
				}
			}
			failing.Store(true)
			failed := 0
			for range 5 {
				_, err := send(s, start, 1, queue.Standard, "", "lost")
				if errors.Is(err, queue.ErrStoreClosed) {
					failed++
				} else if err != nil {
					t.Errorf("send: %v, want ErrStoreClosed", err)
				}
			}
			if kind == errorfs.OpFileSync && failed == 0 {
				t.Skip("the log is not written this way")
			}
			if failed != 5 {
				t.Fatalf("%d of 5 sends failed", failed)
			}
			select {
			case <-fatal:
			default:
				t.Error("Fatal was not called")
			}
			if err := s.Close(); !errors.Is(err, queue.ErrStoreClosed) {
				t.Errorf("close: %v, want ErrStoreClosed", err)
			}
			s = open(t, small(mem.CrashClone(vfs.CrashCloneCfg{})))
			defer s.Close()
			stats, err := s.Stats(t.Context(), start, []queue.ID{1})
			if err != nil || stats[0].Total() != 20 {
				t.Errorf("after a new start: %+v, %v, want 20 messages", stats, err)
			}
		})
	}
}

// TestDamage flips bits in and cuts the ends off files, and checks that a store never returns a wrong body: it opens or
// says what is wrong, and reads right or fails.
func TestDamage(t *testing.T) {
	t.Parallel()
	base := vfs.NewCrashableMem()
	s := open(t, small(base))
	want := map[string]bool{}
	for i := range 400 {
		body := fmt.Sprintf("%d:%s", i, bytes.Repeat([]byte{byte(i)}, 2000))
		want[body] = true
		if _, err := send(s, start, queue.ID(1+i%3), queue.Standard, "", body); err != nil {
			t.Fatal(err)
		}
	}
	snapshot := base.CrashClone(vfs.CrashCloneCfg{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := snapshot.List("data")
	if err != nil {
		t.Fatal(err)
	}
	rounds := 12
	if testing.Short() || raceEnabled {
		rounds = 3
	}
	damaged, detected := 0, 0
	rng := rand.New(rand.NewPCG(1, 2))
	for _, name := range names {
		if name == "LOCK" {
			continue
		}
		for range rounds {
			fs := snapshot.CrashClone(vfs.CrashCloneCfg{})
			if !damage(t, fs, "data/"+name, rng) {
				continue
			}
			damaged++
			if !survives(t, fs, name, want) {
				detected++
			}
		}
	}
	t.Logf("%d damaged stores, %d refused or reported", damaged, detected)
	if damaged == 0 || detected == 0 {
		t.Error("nothing was damaged, or nothing detected")
	}
}

func damage(t *testing.T, fs *vfs.MemFS, name string, rng *rand.Rand) bool {
	t.Helper()
	f, err := fs.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(f)
	if cerr := f.Close(); err != nil || cerr != nil {
		t.Fatal(err, cerr)
	}
	if len(data) == 0 {
		return false
	}
	if rng.IntN(3) == 0 {
		data = data[:rng.IntN(len(data))]
	} else {
		data[rng.IntN(len(data))] ^= 1 << rng.IntN(8)
	}
	w, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(data)
	if err := errors.Join(err, w.Sync(), w.Close()); err != nil {
		t.Fatal(err)
	}
	return true
}

// survives reads all it can. It says whether nothing was found wrong.
func survives(t *testing.T, fs *vfs.MemFS, damaged string, want map[string]bool) bool {
	t.Helper()
	opts := small(fs)
	s, err := pebblestore.Open("data", opts)
	if err != nil {
		return false
	}
	defer s.Close()
	n, clean := 0, true
	for id := queue.ID(1); id <= 3; id++ {
		for from := (queue.Position{}); ; {
			res, err := s.Scan(t.Context(), queue.ScanRequest{Now: start, Queue: id, Limit: 50, From: from})
			if err != nil {
				clean = false
				break
			}
			for _, m := range res.Messages {
				if n++; !want[string(m.Message.Body)] {
					t.Errorf("%s damaged: a wrong body was read", damaged)
				}
			}
			if from = res.Next; !res.More {
				break
			}
		}
	}
	if _, err := s.Check(t.Context()); err != nil {
		clean = false
	}
	return clean && n == len(want)
}

// TestPowerLossUnderLoad cuts the power while many send, receive and acknowledge at once.
func TestPowerLossUnderLoad(t *testing.T) {
	t.Parallel()
	rounds := 12
	if testing.Short() || raceEnabled {
		rounds = 4
	}
	for round := range rounds {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			t.Parallel()
			powerLoss(t, uint64(round))
		})
	}
}

func powerLoss(t *testing.T, seed uint64) {
	t.Helper()
	fs := vfs.NewCrashableMem()
	s := open(t, small(fs))
	const workers = 8
	type book struct{ sent, acked, tried map[uint64]bool }
	books := make([]book, workers)
	var stop atomic.Bool
	var steps atomic.Int64
	enough := make(chan struct{})
	done := make(chan int, workers)
	for w := range workers {
		books[w] = book{map[uint64]bool{}, map[uint64]bool{}, map[uint64]bool{}}
		go func() {
			defer func() { done <- w }()
			b := books[w]
			id, kind, group := queue.ID(1), queue.Standard, ""
			if w%2 == 1 {
				id, kind, group = queue.ID(10+w), queue.FIFO, "g"
			}
			for i := 0; !stop.Load(); i++ {
				if steps.Add(1) == 300+int64(seed)*40 {
					close(enough)
				}
				got, err := send(s, start, id, kind, group, fmt.Sprint(i), strings.Repeat("y", 100_000*(i%2)))
				if err != nil {
					t.Error(err)
					return
				}
				if stop.Load() {
					return // the power may have been cut before the answer
				}
				for _, a := range got {
					b.sent[a.Sequence] = true
				}
				res, err := s.Receive(context.Background(), queue.ReceiveRequest{
					Now: start, Queue: id, Kind: kind, Max: 2, Visibility: time.Minute,
				})
				if err != nil {
					t.Error(err)
					return
				}
				for _, m := range res.Messages {
					b.tried[m.Sequence] = true
					if _, err := s.Settle(context.Background(), start, []queue.Settlement{{Receipt: m.Receipt}}); err != nil {
						t.Error(err)
						return
					}
					if stop.Load() {
						return
					}
					b.acked[m.Sequence] = true
				}
			}
		}()
	}
	<-enough
	// Whatever was answered before stop was set is in the clone, as the answer came after the sync.
	stop.Store(true)
	rng := rand.New(rand.NewPCG(seed, 3))
	crashed := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: []int{0, 50, 100}[seed%3], RNG: rng})
	for range workers {
		<-done
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, small(crashed))
	defer s.Close()
	if _, err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	verify := func(id queue.ID, kind queue.Kind, workers []int) {
		left := map[uint64]bool{}
		last := uint64(0)
		res, err := s.Scan(t.Context(), queue.ScanRequest{Now: start, Queue: id, Kind: kind, Limit: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range res.Messages {
			left[m.Message.Sequence] = true
			if kind == queue.FIFO && m.Message.Sequence <= last {
				t.Errorf("queue %d: out of order", id)
			}
			last = m.Message.Sequence
		}
		tried := map[uint64]bool{}
		for _, w := range workers {
			for seq := range books[w].tried {
				tried[seq] = true
			}
		}
		for _, w := range workers {
			for seq := range books[w].sent {
				if !left[seq] && !tried[seq] {
					t.Errorf("queue %d: an acknowledged send is missing", id)
				}
			}
			for seq := range books[w].acked {
				if left[seq] {
					t.Errorf("queue %d: an acknowledged message is back", id)
				}
			}
		}
	}
	verify(1, queue.Standard, []int{0, 2, 4, 6})
	for _, w := range []int{1, 3, 5, 7} {
		verify(queue.ID(10+w), queue.FIFO, []int{w})
	}
}
