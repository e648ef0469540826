package app

import (
	"context"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/rs/zerolog"

	"github.com/signalbox-mq/signalbox/httpapi"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/pebblestore"
	"github.com/signalbox-mq/signalbox/rules"
)

// logged is a log that may be read while it is written.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), text)
}

// TestWatchSpace checks that each change of the store between full and not is logged once.
func TestWatchSpace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var free atomic.Uint64
		free.Store(10 << 20)
		store, err := pebblestore.Open("", pebblestore.Options{
			FS: vfs.NewMem(), CacheBytes: 1 << 20, MinFreeBytes: 4 << 20, FreeSpace: func() (uint64, error) { return free.Load(), nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		out := &logged{}
		r := &router{space: spaceOn(store), log: zerolog.New(out)}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.watchSpace(ctx) }()
		check := func(full, again int) {
			t.Helper()
			<-time.After(4 * spaceEvery)
			if f, a := out.count("the store is full"), out.count("has space again"); f != full || a != again {
				t.Errorf("logged that it is full %d times and not any more %d times, want %d and %d", f, a, full, again)
			}
		}
		check(0, 0)
		free.Store(1 << 20)
		check(1, 0)
		free.Store(10 << 20)
		check(1, 1)
		free.Store(0)
		check(2, 1)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestScheduled checks what is logged and counted when rules are due.
func TestScheduled(t *testing.T) {
	t.Parallel()
	out := &logged{}
	r := &router{metrics: httpapi.NewMetrics(), log: zerolog.New(out).Level(zerolog.InfoLevel)}
	rule := rules.RuleName(catalog.Name{Account: "000000000000", Region: "us-east-1", Name: "default"}, "nightly")
	due := time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	r.scheduled(rules.Scheduled{Rule: rule, Due: due, Fired: true, Totals: rules.ScheduleTotals{Fired: 1}})
	if out.count("\n") != 0 {
		t.Errorf("logged %s", out.text.String())
	}
	r.scheduled(rules.Scheduled{Rule: rule, Due: due, Skipped: 3, Totals: rules.ScheduleTotals{Fired: 1, Skipped: 5}})
	want := `{"level":"warn","component":"schedules","account":"000000000000","region":"us-east-1","bus":"default","rule":"nightly","skipped":3,"last":"2026-11-23T03:00:00Z","skipped_in_all":5,"message":"a rule was due while no router ran, and is not fired for that"}`
	if out.count(want) != 1 {
		t.Errorf("the log lacks %s: %s", want, out.text.String())
	}
	w := httptest.NewRecorder()
	r.metrics.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		`router_schedules_fired_total{bus="default",rule="nightly"} 1`, `router_schedules_skipped_total{bus="default",rule="nightly"} 3`,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}

// TestTransferred checks what is logged and counted when a transfer ends.
func TestTransferred(t *testing.T) {
	t.Parallel()
	out := &logged{}
	r := &router{metrics: httpapi.NewMetrics(), log: zerolog.New(out).Level(zerolog.InfoLevel)}
	end := func(state queue.TransferState, missed int64, reason string) {
		r.transferred(queue.Transfer{
			Kind: rules.TransferKind, State: state, Missed: missed, Error: reason, Name: catalog.Name{Name: "rule-1-2"},
			Params: []byte(`{"bus":"default","rule":"big"}`),
		})
	}
	end(queue.TransferCompleted, 0, "")
	end(queue.TransferCancelled, 0, "its rule was deleted")
	if out.count("\n") != 0 {
		t.Errorf("logged %s", out.text.String())
	}
	end(queue.TransferCompleted, 3, "")
	end(queue.TransferFailed, 0, "it is too large")
	for _, want := range []string{
		`{"level":"warn","bus":"default","rule":"big","component":"transfers","transfer":"rule-1-2","kind":"rule","state":"completed","read":0,"copied":0,"missed":3,"reason":"","message":"transfer ended"}`,
		`{"level":"error","bus":"default","rule":"big","component":"transfers","transfer":"rule-1-2","kind":"rule","state":"failed","read":0,"copied":0,"missed":0,"reason":"it is too large","message":"transfer ended"}`,
	} {
		if out.count(want) != 1 {
			t.Errorf("the log lacks %s: %s", want, out.text.String())
		}
	}
	w := httptest.NewRecorder()
	r.metrics.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		`router_transfers_total{kind="rule",outcome="completed"} 2`, `router_transfers_total{kind="rule",outcome="failed"} 1`,
		`router_transfers_total{kind="rule",outcome="cancelled"} 1`, `router_transfer_missed_total{kind="rule"} 3`,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}
