package queue_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/catalog/catalogtest"
	"github.com/signalbox-mq/signalbox/queue/pebblestore"
	"github.com/signalbox-mq/signalbox/queue/storetest"
)

const (
	sourceLog = queue.ID(8001)
	copies    = queue.ID(8008)
)

var errCrash = fmt.Errorf("crash: %w", queue.ErrStoreClosed)

// machine is what survives a crash: a store and a catalog's backend, with a counter of the moments at which it may crash.
type machine struct {
	queue.Store
	backend catalogtest.Memory

	mu sync.Mutex
	// moments are counted down; at zero the machine is dead.
	moments int
	counted int
	dead    bool
}

func newMachine(store queue.Store) *machine {
	m := &machine{Store: store, moments: -1}
	m.backend.Fail = func(uint64) error { return m.moment() }
	m.backend.Lose = func(uint64) error { return m.moment() }
	return m
}

// moment is a moment at which the machine may crash.
func (m *machine) moment() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counted++
	if m.moments == 0 {
		m.dead = true
	}
	m.moments--
	if m.dead {
		return errCrash
	}
	return nil
}

func (m *machine) crashAfter(moments int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.moments, m.counted, m.dead = moments, 0, false
}

func (m *machine) Append(ctx context.Context, req queue.AppendRequest) (queue.AppendResult, error) {
	if err := m.moment(); err != nil {
		return queue.AppendResult{}, err
	}
	res, err := m.Store.Append(ctx, req)
	if err == nil {
		err = m.moment()
	}
	return res, err
}

func (m *machine) Settle(ctx context.Context, now time.Time, s []queue.Settlement) ([]queue.SettleResult, error) {
	if err := m.moment(); err != nil {
		return nil, err
	}
	res, err := m.Store.Settle(ctx, now, s)
	if err == nil {
		err = m.moment()
	}
	return res, err
}

// process is a router's transfers on a machine.
type process struct {
	t           *testing.T
	m           *machine
	definitions *catalog.Catalog
	broker      *queue.Broker
	*queue.Transfers
}

// copyOdd copies the entries of a log whose body does not end in an even digit.
func copyOdd(_ context.Context, _ *queue.Transfer, batch []queue.Peeked) (entries []queue.Entry, err error) {
	for _, p := range batch {
		if body := p.Message.Body; !strings.ContainsRune("02468", rune(body[len(body)-1])) {
			entries = append(entries, queue.Entry{Queue: copies, Message: queue.Message{ID: p.Message.ID, Body: body}})
		}
	}
	return entries, nil
}

func moveAll(_ context.Context, _ *queue.Transfer, batch []queue.Message) (to []*queue.Destination, err error) {
	for range batch {
		to = append(to, &queue.Destination{Queue: copies, NewID: queue.NewMessageID()})
	}
	return to, nil
}

func (m *machine) start(t *testing.T) *process {
	t.Helper()
	definitions, err := catalog.Open(t.Context(), &m.backend)
	if err != nil {
		t.Fatal(err)
	}
	broker := queue.NewBroker(m, definitions, queue.NewClock(time.Time{}))
	return &process{t: t, m: m, definitions: definitions, broker: broker, Transfers: queue.NewTransfers(broker, definitions,
		map[string]queue.Mapper{"odd": {Copy: copyOdd}, "all": {Move: moveAll}})}
}

// run runs until all transfers have ended or are held, or Run fails.
func (p *process) run() error {
	p.t.Helper()
	ctx, stop := context.WithCancel(p.t.Context())
	defer stop()
	var err error
	var ended sync.WaitGroup
	ended.Go(func() { err = p.Run(ctx); stop() })
	for {
		revision := p.definitions.Revision()
		all, _, listErr := p.List(catalog.Query{})
		if listErr != nil {
			p.t.Fatal(listErr)
		}
		if !slices.ContainsFunc(all, func(t queue.Transfer) bool { return t.State == queue.TransferRunning }) {
			break
		}
		if p.definitions.Wait(ctx, revision) != nil {
			break
		}
	}
	stop()
	ended.Wait()
	return err
}

func fill(t *testing.T, store queue.Store, id queue.ID, kind queue.Kind, n int) {
	t.Helper()
	for begin := 0; begin < n; begin += 500 {
		var entries []queue.Entry
		for i := begin; i < min(begin+500, n); i++ {
			entries = append(entries, queue.Entry{Queue: id, Kind: kind, Message: queue.Message{
				ID: queue.NewMessageID(), Body: fmt.Appendf(nil, "%06d", i),
			}})
		}
		if _, err := store.Append(t.Context(), queue.AppendRequest{Now: time.Now(), Entries: entries}); err != nil {
			t.Fatal(err)
		}
	}
}

func logEnd(t *testing.T, store queue.Store) queue.Position {
	t.Helper()
	stats, err := store.Stats(t.Context(), time.Now(), []queue.ID{sourceLog})
	if err != nil {
		t.Fatal(err)
	}
	return stats[0].End
}

func (p *process) copyLog(rate int) queue.Transfer {
	p.t.Helper()
	end := logEnd(p.t, p.m.Store)
	stats, err := p.m.Stats(p.t.Context(), time.Now(), []queue.ID{sourceLog})
	if err != nil {
		p.t.Fatal(err)
	}
	tr, err := p.Start(p.t.Context(), "000000000000", "us-east-1", queue.Transfer{
		Kind: "odd", Source: sourceLog, SourceKind: queue.Log, Until: end, Rate: rate, Total: stats[0].Total(),
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return tr
}

// copied returns what was written, sorted.
func copied(t *testing.T, store queue.Store) []string {
	t.Helper()
	res, err := store.Scan(t.Context(), queue.ScanRequest{Now: time.Now(), Queue: copies, Limit: 1_000_000})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, p := range res.Messages {
		all = append(all, string(p.Message.Body))
	}
	slices.Sort(all)
	return all
}

func odd(n int) (all []string) {
	for i := 1; i < n; i += 2 {
		all = append(all, fmt.Sprintf("%06d", i))
	}
	return all
}

func (p *process) get(name queue.Name) queue.Transfer {
	p.t.Helper()
	tr, err := p.Get(name)
	if err != nil {
		p.t.Fatal(err)
	}
	return tr
}

// TestTransferCrashes crashes at every moment of a copy, at which the log also loses its beginning, or not.
func TestTransferCrashes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n = 23
		for trim := range 3 {
			for moments := 0; ; moments++ {
				m := newMachine(storetest.NewModel())
				fill(t, m.Store, sourceLog, queue.Log, n)
				p := m.start(t)
				name := p.copyLog(20).Name // 5 at a time
				m.crashAfter(moments)
				err := p.run()
				crashed := err != nil
				if crashed && !errors.Is(err, errCrash) {
					t.Fatal(err)
				}
				before := copied(t, m.Store)
				m.crashAfter(-1)
				left := n
				if trim > 0 {
					left = []int{n, 14, 2}[trim]
					size := int64(left) * 6
					if _, err := m.Store.Expire(t.Context(), time.Now(), []queue.Expiry{{Queue: sourceLog, Kind: queue.Log, MaxBytes: size}}); err != nil {
						t.Fatal(err)
					}
				}
				p = m.start(t)
				if err := p.run(); err != nil {
					t.Fatal(err)
				}
				tr := p.get(name)
				if tr.State != queue.TransferCompleted {
					t.Fatalf("after a crash at %d: %+v", moments, tr)
				}
				got := copied(t, m.Store)
				want := before
				for _, body := range odd(n) {
					if !slices.Contains(want, body) && body >= fmt.Sprintf("%06d", n-left) {
						want = append(want, body)
					}
				}
				slices.Sort(want)
				if !slices.Equal(got, want) {
					t.Fatalf("after a crash at %d with %d of %d left: %s, want %s", moments, left, n, got, want)
				}
				if trim == 0 && (tr.Read != n || tr.Missed != 0 || tr.Copied != int64(len(want))) {
					t.Fatalf("after a crash at %d: %+v", moments, tr)
				}
				if !crashed {
					if moments < 10 {
						t.Fatalf("only %d moments", moments)
					}
					break
				}
			}
		}
	})
}

func TestTransferRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(storetest.NewModel())
		fill(t, m.Store, sourceLog, queue.Log, 2000)
		p := m.start(t)
		tr := p.copyLog(50)
		begun := time.Now()
		if err := p.run(); err != nil {
			t.Fatal(err)
		}
		took := time.Since(begun)
		if tr = p.get(tr.Name); tr.Copied != 1000 || tr.Bytes != 6000 {
			t.Fatalf("%+v", tr)
		}
		if took < 19*time.Second || took > 21*time.Second {
			t.Errorf("1000 messages at 50 per second took %v", took)
		}
	})
}

// TestTransferStopAndGo holds, resumes, restarts and cancels a transfer in the middle.
func TestTransferStopAndGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(storetest.NewModel())
		fill(t, m.Store, sourceLog, queue.Log, 2000)
		p := m.start(t)
		name := p.copyLog(100).Name
		running := func(d time.Duration) func() {
			ctx, stop := context.WithCancel(t.Context())
			var err error
			var ended sync.WaitGroup
			ended.Go(func() { err = p.Run(ctx) })
			pass(d) // virtual
			return func() {
				stop()
				ended.Wait()
				if err != nil {
					t.Error(err)
				}
			}
		}
		end := running(2 * time.Second)
		if err := p.Run(t.Context()); err == nil {
			t.Error("two at once")
		}
		before := p.get(name)
		if before.State != queue.TransferRunning || before.Copied < 80 || before.Copied > 230 {
			t.Fatalf("after 2 s: %+v", before)
		}
		if err := p.Hold(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		held := p.get(name)
		pass(10 * time.Second)
		if again := p.get(name); again.Copied != held.Copied || again.State != queue.TransferHeld || held.Copied != int64(len(copied(t, m.Store))) {
			t.Fatalf("while held: %+v, then %+v", held, again)
		}
		if err := p.Resume(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Second)
		end()
		stopped := p.get(name)
		if stopped.Copied <= held.Copied || stopped.Copied != int64(len(copied(t, m.Store))) {
			t.Fatalf("stopped: %+v", stopped)
		}
		end = running(2 * time.Second)
		if err := p.Cancel(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		at := len(copied(t, m.Store))
		pass(10 * time.Second)
		end()
		tr := p.get(name)
		if got := copied(t, m.Store); len(got) != at || tr.State != queue.TransferCancelled || tr.Copied != int64(at) || tr.Ended.IsZero() ||
			!slices.Equal(got, odd(2000)[:at]) {
			t.Fatalf("cancelled at %d, then %d: %+v", at, len(got), tr)
		}
		if err := p.Resume(t.Context(), name); !errors.Is(err, queue.ErrTransferEnded) {
			t.Error(err)
		}
		// After its time it is forgotten.
		pass(queue.TransferRetention)
		running(time.Second)()
		if _, err := p.Get(name); !errors.Is(err, queue.ErrTransferNotFound) {
			t.Error(err)
		}
	})
}

// TestTransferMoves moves a queue away, with crashes at every moment, and leaves alone what was sent later.
func TestTransferMoves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const source = queue.ID(16)
		for _, kind := range []queue.Kind{queue.Standard, queue.FIFO} {
			for moments := 0; ; moments++ {
				m := newMachine(storetest.NewModel())
				fill(t, m.Store, source, kind, 23)
				p := m.start(t)
				tr, err := p.Start(t.Context(), "000000000000", "us-east-1", queue.Transfer{Kind: "all", Source: source, SourceKind: kind, Rate: 20})
				if err != nil {
					t.Fatal(err)
				}
				pass(time.Millisecond)
				fill(t, m.Store, source, kind, 7)
				m.crashAfter(moments)
				crashed := p.run() != nil
				m.crashAfter(-1)
				p = m.start(t) // it waits for what the crash left leased
				if err := p.run(); err != nil {
					t.Fatal(err)
				}
				if tr = p.get(tr.Name); tr.State != queue.TransferCompleted || tr.Copied > 23 {
					t.Fatalf("after a crash at %d: %+v", moments, tr)
				}
				got := copied(t, m.Store)
				if len(got) != 23 || len(slices.Compact(got)) != 23 {
					t.Fatalf("after a crash at %d: %s", moments, got)
				}
				stats, err := m.Store.Stats(t.Context(), time.Now(), []queue.ID{source, copies})
				if err != nil || stats[0].Ready != 7 || stats[1].Ready != 23 {
					t.Fatalf("after a crash at %d: %+v, %v", moments, stats, err)
				}
				if !crashed {
					break
				}
			}
		}
	})
}

// TestTransferFaults: what a transfer does about errors.
func TestTransferFaults(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(storetest.NewModel())
		fill(t, m.Store, sourceLog, queue.Log, 20)
		p := m.start(t)
		broken := errors.New("broken")
		left := 3
		p.Transfers = queue.NewTransfers(p.broker, p.definitions, map[string]queue.Mapper{
			"gone": {Copy: func(context.Context, *queue.Transfer, []queue.Peeked) ([]queue.Entry, error) {
				return nil, fmt.Errorf("%w: gone", queue.ErrTransferCancelled)
			}},
			"broken": {Copy: func(context.Context, *queue.Transfer, []queue.Peeked) ([]queue.Entry, error) { return nil, broken }},
			"healed": {Copy: func(ctx context.Context, tr *queue.Transfer, batch []queue.Peeked) ([]queue.Entry, error) {
				if left--; left > 0 {
					return nil, broken
				}
				return copyOdd(ctx, tr, batch)
			}},
		})
		names := map[string]queue.Name{}
		for _, kind := range []string{"gone", "broken", "healed"} {
			tr, err := p.Start(t.Context(), "000000000000", "us-east-1", queue.Transfer{
				Kind: kind, Source: sourceLog, SourceKind: queue.Log, Until: logEnd(t, m.Store), Total: 20,
			})
			if err != nil {
				t.Fatal(err)
			}
			names[kind] = tr.Name
		}
		if err := p.run(); err != nil {
			t.Fatal(err)
		}
		for kind, want := range map[string]queue.TransferState{
			"gone": queue.TransferCancelled, "broken": queue.TransferFailed, "healed": queue.TransferCompleted,
		} {
			tr := p.get(names[kind])
			if tr.State != want || (tr.Error == "") != (kind == "healed") || tr.Ended.IsZero() {
				t.Errorf("%s: %+v", kind, tr)
			}
		}
		// A failed one goes on where it was.
		p.Transfers = queue.NewTransfers(p.broker, p.definitions, map[string]queue.Mapper{"broken": {Copy: copyOdd}})
		if err := p.Resume(t.Context(), names["broken"]); err != nil {
			t.Fatal(err)
		}
		if err := p.run(); err != nil {
			t.Fatal(err)
		}
		if tr := p.get(names["broken"]); tr.State != queue.TransferCompleted || tr.Copied != 10 || tr.Error != "" {
			t.Errorf("%+v", tr)
		}
		var invalid *queue.InvalidError
		for _, tr := range []queue.Transfer{
			{Source: 1}, {Kind: "unknown", Source: 1}, {Kind: "broken"}, {Kind: "broken", Source: 1, SourceKind: queue.Log}, {Kind: "broken", Source: 1, Rate: -1},
		} {
			if _, err := p.Start(t.Context(), "000000000000", "us-east-1", tr); !errors.As(err, &invalid) {
				t.Errorf("%+v: %v", tr, err)
			}
		}
	})
}

// TestTransferLarge copies 100,000 entries on the real store in bounded memory.
func TestTransferLarge(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("short")
	}
	const n = 100_000
	store, err := pebblestore.Open("data", pebblestore.Options{FS: vfs.NewMem(), CacheBytes: 1 << 20, MemTableBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	m := newMachine(store)
	fill(t, store, sourceLog, queue.Log, n)
	p := m.start(t)
	var most uint64
	var largest int
	p.Transfers = queue.NewTransfers(p.broker, p.definitions, map[string]queue.Mapper{"odd": {
		Copy: func(ctx context.Context, tr *queue.Transfer, batch []queue.Peeked) ([]queue.Entry, error) {
			if largest = max(largest, len(batch)); tr.Read%(n/10) == 0 {
				var stats runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&stats)
				most = max(most, stats.HeapAlloc)
			}
			return copyOdd(ctx, tr, batch)
		},
	}})
	begun := time.Now()
	tr := p.copyLog(0)
	if err := p.run(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d entries in %v, at most %d MiB of heap", n, time.Since(begun), most>>20)
	if tr = p.get(tr.Name); tr.Read != n || tr.Copied != n/2 || tr.Missed != 0 {
		t.Errorf("%+v", tr)
	}
	stats, err := store.Stats(t.Context(), time.Now(), []queue.ID{copies})
	if err != nil || stats[0].Ready != n/2 || largest > 500 {
		t.Errorf("%+v, %v; %d at once", stats, err, largest)
	}
}

// pass lets virtual time pass.
func pass(d time.Duration) { <-time.After(d) }
