package pebblestore_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/pebblestore"
	"github.com/signalbox-mq/signalbox/queue/storetest"
)

var shapes = []struct {
	name           string
	callers, batch int
}{{"c1/b1", 1, 1}, {"c1/b10", 1, 10}, {"c64/b1", 64, 1}, {"c64/b10", 64, 10}}

// parallel runs f b.N times in all on the given number of callers.
func parallel(b *testing.B, callers int, f func(caller int) error) {
	b.Helper()
	b.ReportAllocs()
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	b.ResetTimer()
	for c := range callers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := f(c); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func openDisk(b *testing.B) *pebblestore.Store {
	b.Helper()
	s, err := pebblestore.Open(b.TempDir(), pebblestore.Options{BallastBytes: -1})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

func request(now time.Time, batch int) queue.AppendRequest {
	body := bytes.Repeat([]byte("x"), 1024)
	req := queue.AppendRequest{Now: now}
	for range batch {
		req.Entries = append(req.Entries, queue.Entry{Queue: 1, Message: queue.Message{ID: queue.NewMessageID(), Body: body}})
	}
	return req
}

func BenchmarkAppend(b *testing.B) {
	for _, sh := range shapes {
		b.Run(sh.name, func(b *testing.B) {
			s := openDisk(b)
			parallel(b, sh.callers, func(int) error {
				_, err := s.Append(context.Background(), request(time.Now(), sh.batch))
				return err
			})
			b.ReportMetric(float64(b.N*sh.batch)/b.Elapsed().Seconds(), "msg/s")
		})
	}
}

// BenchmarkCycle sends, receives and acknowledges.
func BenchmarkCycle(b *testing.B) {
	for _, sh := range shapes {
		b.Run(sh.name, func(b *testing.B) {
			s := openDisk(b)
			parallel(b, sh.callers, func(int) error { return cycle(s, sh.batch, queue.Standard) })
			b.ReportMetric(float64(b.N*sh.batch)/b.Elapsed().Seconds(), "msg/s")
		})
	}
}

// disk is a data directory on disk.
type disk string

func (d disk) Open() (queue.Store, error) {
	return pebblestore.Open(string(d), pebblestore.Options{BallastBytes: -1})
}
func (d disk) Remove() error { return os.RemoveAll(string(d)) }

// BenchmarkStore is the suite's, with FIFO queues.
func BenchmarkStore(b *testing.B) {
	storetest.Benchmark(b, storetest.Harness{New: func() (storetest.Data, error) {
		dir, err := os.MkdirTemp("", "bench")
		return disk(dir), err
	}})
}

func cycle(s *pebblestore.Store, batch int, kind queue.Kind) error {
	ctx := context.Background()
	if _, err := s.Append(ctx, request(time.Now(), batch)); err != nil {
		return err
	}
	res, err := s.Receive(ctx, queue.ReceiveRequest{Now: time.Now(), Queue: 1, Kind: kind, Max: batch, Visibility: time.Minute})
	if err != nil || len(res.Messages) == 0 {
		return err
	}
	acks := make([]queue.Settlement, len(res.Messages))
	for i := range acks {
		acks[i].Receipt = res.Messages[i].Receipt
	}
	_, err = s.Settle(ctx, time.Now(), acks)
	return err
}

// BenchmarkReceive receives from a backlog; it waits for no sync.
func BenchmarkReceive(b *testing.B) {
	for _, batch := range []int{1, 10} {
		b.Run(map[int]string{1: "b1", 10: "b10"}[batch], func(b *testing.B) {
			s := openDisk(b)
			for n := b.N * batch; n > 0; n -= 1000 {
				if _, err := s.Append(b.Context(), request(time.Now(), 1000)); err != nil {
					b.Fatal(err)
				}
			}
			parallel(b, 1, func(int) error {
				_, err := s.Receive(context.Background(), queue.ReceiveRequest{Now: time.Now(), Queue: 1, Max: batch, Visibility: time.Hour})
				return err
			})
		})
	}
}

// BenchmarkFloorEngine commits the same bytes with the engine alone.
func BenchmarkFloorEngine(b *testing.B) {
	for _, sh := range shapes {
		b.Run(sh.name, func(b *testing.B) {
			db, err := pebble.Open(b.TempDir(), &pebble.Options{MemTableSize: 32 << 20, MemTableStopWritesThreshold: 4, Logger: quiet{}})
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			var n atomic.Uint64
			value := bytes.Repeat([]byte("x"), 1100)
			parallel(b, sh.callers, func(int) error {
				batch := db.NewBatch()
				defer batch.Close()
				for range sh.batch {
					i := n.Add(1)
					key := []byte{'m', 0, 0, 0, byte(i >> 32), byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}
					if err := batch.Set(key, value, nil); err != nil {
						return err
					}
				}
				return batch.Commit(pebble.Sync)
			})
			b.ReportMetric(float64(b.N*sh.batch)/b.Elapsed().Seconds(), "msg/s")
		})
	}
}

// BenchmarkFloorFile appends the same bytes to a file, with one sync for all who wait for one.
func BenchmarkFloorFile(b *testing.B) {
	for _, sh := range shapes {
		b.Run(sh.name, func(b *testing.B) {
			f, err := os.Create(filepath.Join(b.TempDir(), "log"))
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			g := groupFile{f: f}
			g.cond.L = &g.mu
			record := bytes.Repeat([]byte("x"), 1100*sh.batch)
			parallel(b, sh.callers, func(int) error { return g.append(record) })
			b.ReportMetric(float64(b.N*sh.batch)/b.Elapsed().Seconds(), "msg/s")
		})
	}
}

// groupFile is a file whose appenders share syncs.
type groupFile struct {
	f               *os.File
	mu              sync.Mutex
	cond            sync.Cond
	pending         []byte
	written, synced int64
	busy            bool
}

func (g *groupFile) append(record []byte) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pending = append(g.pending, record...)
	g.written += int64(len(record))
	mine := g.written
	for g.synced < mine {
		if g.busy {
			g.cond.Wait()
			continue
		}
		g.busy = true
		data, upTo := g.pending, g.written
		g.pending = nil
		g.mu.Unlock()
		_, err := g.f.Write(data)
		if err == nil {
			err = g.f.Sync()
		}
		g.mu.Lock()
		g.busy, g.synced = false, upTo
		g.cond.Broadcast()
		if err != nil {
			return err
		}
	}
	return nil
}

type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(string, ...any) {}
