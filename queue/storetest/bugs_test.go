package storetest

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// bug is a Model that breaks one rule. The rules and the histories must each notice.
type bug struct {
	name string
	wrap func(*Model) queue.Store
	// reopen, when set, damages what was stored as the store is opened.
	reopen func(*state)
	// rulesOnly says that histories can not see it.
	rulesOnly bool
}

// broken overrides some methods of the Model.
type broken struct {
	*Model
	mu      sync.Mutex
	append  func(*Model, queue.AppendRequest) (queue.AppendResult, error)
	receive func(*Model, queue.ReceiveRequest) (queue.ReceiveResult, error)
	settle  func(*Model, time.Time, []queue.Settlement) ([]queue.SettleResult, error)
	extend  func(*Model, time.Time, []queue.Extension) ([]error, error)
	scan    func(*Model, queue.ScanRequest) (queue.ScanResult, error)
	get     func(*Model, time.Time, queue.ID, string) ([]queue.Peeked, error)
	purge   func(*Model, time.Time, queue.ID) (int64, error)
	drop    func(*Model, time.Time, []queue.ID) error
	stats   func(*Model, time.Time, []queue.ID) ([]queue.Stats, error)
	expire  func(*Model, time.Time, []queue.Expiry) ([]queue.Expired, error)
	watch   func(*Model) queue.Watcher
}

func (b *broken) Append(ctx context.Context, req queue.AppendRequest) (queue.AppendResult, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.append != nil && !b.isClosed() && ctx.Err() == nil {
		return b.append(b.Model, req)
	}
	return b.Model.Append(ctx, req)
}

func (b *broken) Receive(ctx context.Context, req queue.ReceiveRequest) (queue.ReceiveResult, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.receive != nil && !b.isClosed() {
		return b.receive(b.Model, req)
	}
	return b.Model.Receive(ctx, req)
}

func (b *broken) Settle(ctx context.Context, now time.Time, s []queue.Settlement) ([]queue.SettleResult, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.settle != nil && !b.isClosed() {
		return b.settle(b.Model, now, s)
	}
	return b.Model.Settle(ctx, now, s)
}

func (b *broken) Extend(ctx context.Context, now time.Time, x []queue.Extension) ([]error, error) {
	if b.extend != nil && !b.isClosed() {
		return b.extend(b.Model, now, x)
	}
	return b.Model.Extend(ctx, now, x)
}

func (b *broken) Scan(ctx context.Context, req queue.ScanRequest) (queue.ScanResult, error) {
	if b.scan != nil && !b.isClosed() {
		return b.scan(b.Model, req)
	}
	return b.Model.Scan(ctx, req)
}

func (b *broken) Get(ctx context.Context, now time.Time, id queue.ID, key string) ([]queue.Peeked, error) {
	if b.get != nil && !b.isClosed() {
		return b.get(b.Model, now, id, key)
	}
	return b.Model.Get(ctx, now, id, key)
}

func (b *broken) Purge(ctx context.Context, now time.Time, id queue.ID) (int64, error) {
	if b.purge != nil && !b.isClosed() {
		return b.purge(b.Model, now, id)
	}
	return b.Model.Purge(ctx, now, id)
}

func (b *broken) Drop(ctx context.Context, now time.Time, ids []queue.ID) error {
	if b.drop != nil && !b.isClosed() {
		return b.drop(b.Model, now, ids)
	}
	return b.Model.Drop(ctx, now, ids)
}

func (b *broken) Stats(ctx context.Context, now time.Time, ids []queue.ID) ([]queue.Stats, error) {
	if b.stats != nil && !b.isClosed() {
		return b.stats(b.Model, now, ids)
	}
	return b.Model.Stats(ctx, now, ids)
}

func (b *broken) Expire(ctx context.Context, now time.Time, x []queue.Expiry) ([]queue.Expired, error) {
	if b.expire != nil && !b.isClosed() {
		return b.expire(b.Model, now, x)
	}
	return b.Model.Expire(ctx, now, x)
}

func (b *broken) Watch() queue.Watcher {
	if b.watch != nil {
		return b.watch(b.Model)
	}
	return b.Model.Watch()
}

func (b *broken) isClosed() bool {
	b.Model.mu.Lock()
	defer b.Model.mu.Unlock()
	return b.Model.closed
}

// buggyData is a Memory whose stores have a bug.
type buggyData struct {
	bug   bug
	state *state
	opens int
}

func (d *buggyData) Open() (queue.Store, error) {
	if d.opens++; d.opens > 1 && d.bug.reopen != nil {
		d.bug.reopen(d.state)
	}
	m := openModel(d.state)
	if d.bug.wrap == nil {
		return m, nil
	}
	return d.bug.wrap(m), nil
}

func (d *buggyData) Remove() error { return nil }

// recorder is a tester that remembers whether a rule failed.
type recorder struct {
	mu     sync.Mutex
	failed string
}

func (r *recorder) Helper()             {}
func (r *recorder) Logf(string, ...any) {}
func (r *recorder) Errorf(f string, a ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed == "" {
		r.failed = fmt.Sprintf(f, a...)
	}
}
func (r *recorder) Fatalf(f string, a ...any) { r.Errorf(f, a...); runtime.Goexit() }
func (r *recorder) Skipf(string, ...any)      { runtime.Goexit() }

// failsRule runs one rule and reports whether it failed.
func failsRule(h Harness, r rule) string {
	rec := &recorder{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				rec.Errorf("panic: %v", p)
			}
		}()
		check(rec, h, r)
	}()
	<-done
	return rec.failed
}

// TestSuiteCatches shows that the suite can fail: a store that breaks one rule breaks at least one test of each part.
func TestSuiteCatches(t *testing.T) {
	t.Parallel()
	const tries = 1000
	gen := histories()
	samples := make([]history, tries)
	for seed := range samples {
		samples[seed] = gen.Example(seed)
	}
	for _, b := range bugs() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			h := Harness{New: func() (Data, error) { return &buggyData{bug: b, state: newState()}, nil }}
			caught := ""
			for _, r := range rules() {
				if r.heavy {
					continue
				}
				if why := failsRule(h, r); why != "" {
					caught = r.name
					break
				}
			}
			if caught == "" {
				t.Errorf("no rule fails")
			}
			t.Logf("caught by rule %q", caught)
			if !b.rulesOnly {
				for seed, hist := range samples {
					if err := playSafely(h, hist); err != nil {
						t.Logf("caught by history %d: %v", seed, err)
						return
					}
				}
				t.Errorf("no history of %d fails", tries)
			}
		})
	}
}

// TestSamplesPass shows that the histories which catch the bugs pass without one.
func TestSamplesPass(t *testing.T) {
	t.Parallel()
	gen := histories()
	for seed := range 200 {
		hist := gen.Example(seed)
		if err := play(Harness{New: func() (Data, error) { return NewMemory(), nil }}, hist); err != nil {
			t.Fatalf("history %d: %v\n%v", seed, err, hist)
		}
	}
}

func playSafely(h Harness, hist history) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return play(h, hist)
}
