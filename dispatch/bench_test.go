package dispatch_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/pebblestore"
)

// benchEnv is an environment on a real disk.
func benchEnv(b *testing.B) *env {
	b.Helper()
	store, err := openBench(b)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { store.Close() })
	e := newEnvOn(b, store, store)
	e.cfg.OnStateChange, e.cfg.OnFault = nil, nil
	return e
}

// sink is a server that reads and says 204.
func sink(b *testing.B) string {
	b.Helper()
	c := collectRaw(b, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	})
	return c
}

// BenchmarkDeliver is durable deliveries of 1 KiB events, from a backlog, to ten endpoints on one loopback server: received,
// called, recorded and acknowledged on disk. BenchmarkFloor is what a bare http.Transport posts to the same server in the same
// process, with as many connections. Allocations are those of the server too.
func BenchmarkDeliver(b *testing.B) {
	e := benchEnv(b)
	url := sink(b)
	var left atomic.Int64
	done := make(chan struct{}, 1)
	e.cfg.OnAttempt = func(a dispatch.Attempt) {
		if a.Outcome != dispatch.OutcomeDelivered {
			b.Errorf("attempt: %+v", a)
		}
		if left.Add(-1) == 0 {
			done <- struct{}{}
		}
	}
	var to []queue.ID
	for i := range 10 {
		to = append(to, e.function("f"+string(rune('0'+i)), endpoint.Endpoint{URL: url}))
	}
	ev := sample(`{"text":"` + strings.Repeat("x", 1024) + `"}`)
	fill := func(n int) {
		for n > 0 {
			batch := min(n, 500)
			n -= batch
			posts := make([]post, batch)
			for i := range posts {
				posts[i] = post{to: to[i%len(to)], event: ev}
			}
			e.publish(posts...)
		}
	}
	left.Store(1000) // grow the windows, open the connections
	e.start()
	fill(1000)
	<-done
	e.stop()
	left.Store(int64(b.N))
	fill(b.N)
	b.ReportAllocs()
	b.ResetTimer()
	used := processorTime(b)
	e.start()
	<-done
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
	b.ReportMetric(float64((processorTime(b)-used).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

func BenchmarkFloor(b *testing.B) {
	url := sink(b)
	t := &http.Transport{MaxIdleConnsPerHost: 100}
	b.Cleanup(t.CloseIdleConnections)
	ev := sample(`{"text":"` + strings.Repeat("x", 1024) + `"}`)
	body := string(ev.AppendStructured(nil))
	b.ReportAllocs()
	b.ResetTimer()
	used := processorTime(b)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			for next.Add(1) <= int64(b.N) {
				req, err := http.NewRequestWithContext(context.Background(), "POST", url, strings.NewReader(body))
				if err != nil {
					b.Error(err)
					return
				}
				resp, err := t.RoundTrip(req)
				if err != nil {
					b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "posts/s")
	b.ReportMetric(float64((processorTime(b)-used).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// BenchmarkLatency is the time from before the durable publish until the endpoint has the request, at 1,000 events a second
// to ten endpoints.
func BenchmarkLatency(b *testing.B) {
	e := benchEnv(b)
	var mu sync.Mutex
	took := make([]time.Duration, 0, b.N)
	done := make(chan struct{}, 1)
	url := collectRaw(b, func(w http.ResponseWriter, r *http.Request) {
		now := time.Now()
		at, err := time.Parse(time.RFC3339Nano, r.Header.Get("Ce-Subject"))
		if err != nil {
			b.Error(err)
		}
		mu.Lock()
		took = append(took, now.Sub(at))
		if len(took) == b.N {
			done <- struct{}{}
		}
		mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	})
	var to []queue.ID
	for i := range 10 {
		to = append(to, e.function("f"+string(rune('0'+i)), endpoint.Endpoint{URL: url, Format: endpoint.FormatCloudEventBinary}))
	}
	e.cfg.OnAttempt = nil
	e.start()
	ev := sample(`{"text":"` + strings.Repeat("x", 1024) + `"}`)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	b.ResetTimer()
	var wg sync.WaitGroup
	for i := range b.N {
		<-tick.C
		wg.Go(func() {
			ev := ev
			ev.Subject = time.Now().Format(time.RFC3339Nano)
			e.publish(post{to: to[i%len(to)], event: ev})
		})
	}
	wg.Wait()
	<-done
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

// openBench opens a store on disk, or in memory if MEMFS is set, to see what the disk costs.
func openBench(b *testing.B) (*pebblestore.Store, error) {
	if os.Getenv("MEMFS") != "" {
		return pebblestore.Open("", pebblestore.Options{FS: vfs.NewMem()})
	}
	return pebblestore.Open(b.TempDir(), pebblestore.Options{BallastBytes: -1})
}

// processorTime is what the process has used of the processors. On a machine that others use too it compares better than
// the time that passed.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
