package rules_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/pebblestore"
	"github.com/signalbox-mq/signalbox/rules"
)

// onDisk is an environment whose store waits for a real disk.
func onDisk(b testing.TB, opts pebblestore.Options) *env {
	b.Helper()
	opts.FS = vfs.Default
	store, err := pebblestore.Open(b.TempDir(), opts)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = store.Close() })
	e := &env{tb: b, opened: store, store: &hooked{Store: store}}
	if e.definitions, err = catalog.Open(b.Context(), store); err != nil {
		b.Fatal(err)
	}
	e.wire(e.store)
	e.must(e.buses.Create(b.Context(), named(rules.DefaultBus), rules.Bus{}))
	return e
}

// fillArchive archives events of about a kilobyte each of the evening, and returns how many there are.
func (e *env) fillArchive(n int) {
	e.tb.Helper()
	text := strings.Repeat("x", 700)
	for range n / 500 {
		events := make([]event.Event, 500)
		for i := range events {
			events[i] = at(evening, "old", fmt.Sprintf(`{"n":%d,"text":%q}`, i, text))
		}
		e.publish(events...)
	}
}

// BenchmarkPublishDuringReplay publishes at a fixed rate, in turns without and with a replay, and compares how long it takes.
// One rule gets everything that is published, and what is replayed too.
func BenchmarkPublishDuringReplay(b *testing.B) {
	const (
		archived = 200_000
		window   = 5 * time.Second
		rounds   = 4
		every    = 4 * time.Millisecond // 250 publishes a second
	)
	e := onDisk(b, pebblestore.Options{})
	q := e.queue("q", queue.Definition{})
	e.rule("r", to("q", ""))
	e.archive("all", `{"detail-type":["old"]}`)
	e.fillArchive(archived)
	e.must(e.broker.Purge(b.Context(), q.Name))
	measure := func() []time.Duration {
		var mu sync.Mutex
		var took []time.Duration
		var wg sync.WaitGroup
		tick := time.NewTicker(every)
		defer tick.Stop()
		for begun := time.Now(); time.Since(begun) < window; {
			<-tick.C
			wg.Go(func() {
				begun := time.Now()
				_, err := e.engine.Publish(context.Background(), rules.Publish{
					Bus: named(rules.DefaultBus), Events: []event.Event{newEvent("new", numbered(1))},
				})
				if err != nil {
					b.Error(err)
				}
				mu.Lock()
				took = append(took, time.Since(begun))
				mu.Unlock()
			})
		}
		wg.Wait()
		return took
	}
	for b.Loop() {
		var without, with []time.Duration
		var published int64
		for round := range rounds {
			without = append(without, measure()...)
			ctx, stop := context.WithCancel(b.Context())
			var running sync.WaitGroup
			running.Go(func() { _ = e.transfers.Run(ctx) })
			running.Go(func() { _ = e.engine.RunReplays(ctx) })
			name := fmt.Sprint("x", round)
			e.startReplay(name, "all", always, evening.Add(1))
			with = append(with, measure()...)
			published += e.replay(name).Published
			e.must(e.engine.CancelReplay(b.Context(), named(name)))
			e.awaitReplays(b.Context())
			stop()
			running.Wait()
		}
		for name, took := range map[string][]time.Duration{"without": without, "with": with} {
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), name+"-p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), name+"-p99-µs")
		}
		b.ReportMetric(float64(published)/(rounds*window).Seconds(), "replayed/s")
	}
}

// BenchmarkReplay replays alone: all of an archive, and nothing of it.
func BenchmarkReplay(b *testing.B) {
	const archived = 50_000
	for name, until := range map[string]time.Time{"all": evening.Add(1), "none": evening} {
		b.Run(name, func(b *testing.B) {
			e := onDisk(b, pebblestore.Options{})
			e.queue("q", queue.Definition{})
			e.rule("r", to("q", `{"detail-type":["new"]}`))
			e.archive("all", "")
			e.fillArchive(archived)
			n := 0
			for b.Loop() {
				n++
				e.startReplay(fmt.Sprint("x", n), "all", always, until)
				e.runReplays()
			}
			b.ReportMetric(float64(n*archived)/b.Elapsed().Seconds(), "read/s")
		})
	}
}
