package pebblestore_test

import (
	"bytes"
	"crypto/rand"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/pebblestore"
)

// resident is the process's resident memory in bytes, zero where it can not be told.
func resident(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	return 0
}

// TestBacklogBounds: a backlog of a million messages of 1 KiB (with SIGNALBOX_SOAK set; a fiftieth of it otherwise) stays
// under 300 MiB of resident memory and is served within 5 s of a restart.
func TestBacklogBounds(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector takes memory of its own")
	}
	const maxResident, maxReopen = 300 << 20, 5 * time.Second
	total := 20_000
	if os.Getenv("SIGNALBOX_SOAK") != "" {
		total = 1_000_000
	}
	dir := t.TempDir()
	opts := pebblestore.Options{BallastBytes: -1}
	s, err := pebblestore.Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	body := make([]byte, 1024)
	if _, err := rand.Read(body); err != nil { // so that it can not be compressed
		t.Fatal(err)
	}
	peak := int64(0)
	for i := 0; i < total; i += 100 {
		req := queue.AppendRequest{Now: time.Now()}
		for j := range 100 {
			b := bytes.Clone(body)
			copy(b, strconv.Itoa(i+j))
			e := queue.Entry{Queue: queue.ID(1 + j%3), Message: queue.Message{ID: queue.NewMessageID(), Body: b}}
			switch j % 3 {
			case 1:
				e.Kind, e.Message.Group = queue.FIFO, "g"+strconv.Itoa((i+j)%50_000)
			case 2:
				e.Delay = time.Hour
			}
			req.Entries = append(req.Entries, e)
		}
		if _, err := s.Append(t.Context(), req); err != nil {
			t.Fatal(err)
		}
		if i%10_000 == 0 {
			peak = max(peak, resident(t))
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	began := time.Now()
	if s, err = pebblestore.Open(dir, opts); err != nil {
		t.Fatal(err)
	}
	opened := time.Since(began)
	kinds := map[queue.ID]queue.Kind{1: queue.Standard, 2: queue.FIFO}
	for id, kind := range kinds {
		res, err := s.Receive(t.Context(), queue.ReceiveRequest{Now: time.Now(), Queue: id, Kind: kind, Max: 10, Visibility: time.Minute})
		if err != nil || len(res.Messages) != 10 {
			t.Fatalf("receive: %d messages, %v", len(res.Messages), err)
		}
	}
	served := time.Since(began)
	stats, err := s.Stats(t.Context(), time.Now(), []queue.ID{1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	counted := time.Since(began)
	if n := stats[0].Total() + stats[1].Total() + stats[2].Total(); n != int64(total) || stats[2].Delayed == 0 {
		t.Errorf("%d messages, want %d: %+v", n, total, stats)
	}
	// Drain a part, to see that receiving does not gather memory.
	for range total / 200 {
		res, err := s.Receive(t.Context(), queue.ReceiveRequest{Now: time.Now(), Queue: 1, Max: 10, Visibility: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		acks := make([]queue.Settlement, len(res.Messages))
		for i := range acks {
			acks[i].Receipt = res.Messages[i].Receipt
		}
		if _, err := s.Settle(t.Context(), time.Now(), acks); err != nil {
			t.Fatal(err)
		}
	}
	peak = max(peak, resident(t))
	t.Logf("%d messages: %d MiB resident at most, opened in %v, served after %v, counted after %v",
		total, peak>>20, opened, served, counted)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if peak > maxResident {
		t.Errorf("%d MiB resident, want at most %d", peak>>20, maxResident>>20)
	}
	if served > maxReopen {
		t.Errorf("served %v after the start, want at most %v", served, maxReopen)
	}
}

// TestReopenWithManyLeases checks that leases are found again, with their counts, and quickly.
func TestReopenWithManyLeases(t *testing.T) {
	t.Parallel()
	p := &place{fs: newMem()}
	s, err := p.Open()
	if err != nil {
		t.Fatal(err)
	}
	n := 20_000
	if raceEnabled {
		n = 2000
	}
	for range n / 1000 {
		if _, err := send(s, start, 1, queue.Standard, "", strings.Split(strings.Repeat("x,", 999)+"x", ",")...); err != nil {
			t.Fatal(err)
		}
	}
	if res, err := s.Receive(t.Context(), queue.ReceiveRequest{Now: start, Queue: 1, Max: n, Visibility: time.Minute}); err != nil || len(res.Messages) != n {
		t.Fatalf("%d messages, %v", len(res.Messages), err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = p.Open(); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	stats, err := s.Stats(t.Context(), start, []queue.ID{1})
	if err != nil || stats[0].InFlight != int64(n) {
		t.Fatalf("%+v, %v", stats, err)
	}
	res, err := s.Receive(t.Context(), queue.ReceiveRequest{Now: start.Add(time.Minute), Queue: 1, Max: n, Visibility: time.Minute})
	if err != nil || len(res.Messages) != n || res.Messages[0].Receives != 2 {
		t.Fatalf("%d messages, %v", len(res.Messages), err)
	}
}
