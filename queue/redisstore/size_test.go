package redisstore

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/tests/redistest"
)

// TestSize prints what messages take in memory on top of their bodies, for docs/scaling.md: with SIGNALBOX_SIZE=1.
func TestSize(t *testing.T) {
	if os.Getenv("SIGNALBOX_SIZE") == "" {
		t.Skip("prints figures with SIGNALBOX_SIZE=1")
	}
	const n = 100_000
	for _, body := range []int{200, 1024} {
		for _, c := range []struct {
			name   string
			kind   queue.Kind
			change func(i int, e *queue.Entry)
			take   bool
		}{
			{"ready", queue.Standard, nil, false},
			{"ready, with a key", queue.Standard, func(i int, e *queue.Entry) { e.Key = strconv.Itoa(i) }, false},
			{"ready, of 1,000 tenants", queue.Standard, func(i int, e *queue.Entry) { e.Message.Group = fmt.Sprintf("tenant-%05d", i%1000) }, false},
			{"delayed", queue.Standard, func(i int, e *queue.Entry) { e.Delay = time.Hour + time.Duration(i)*time.Millisecond }, false},
			{"in flight", queue.Standard, nil, true},
			{"in 1,000 groups of a FIFO queue", queue.FIFO, func(i int, e *queue.Entry) { e.Message.Group = fmt.Sprintf("group-%06d", i%1000) }, false},
			{"each in a group of its own", queue.FIFO, func(i int, e *queue.Entry) { e.Message.Group = fmt.Sprintf("group-%06d", i) }, false},
			{"FIFO with a deduplication ID", queue.FIFO, func(i int, e *queue.Entry) {
				e.Message.Group = fmt.Sprintf("group-%06d", i%1000)
				e.Message.DedupID = strconv.Itoa(i)
				e.Dedup, e.DedupWindow = strconv.Itoa(i), 5*time.Minute
			}, false},
			{"entry of a log, with a key", queue.Log, func(i int, e *queue.Entry) { e.Key = strconv.Itoa(i) }, false},
		} {
			server := redistest.Start(t, inMemory)
			s, err := Open(context.Background(), Options{URL: urlOf(server) + "/?durability=async"}, time.Now)
			if err != nil {
				t.Fatal(err)
			}
			used := func() int64 {
				m, err := s.c.single.Info(t.Context(), "memory").Result()
				if err != nil {
					t.Fatal(err)
				}
				n, _ := strconv.ParseInt(parseInfo(m)["used_memory_dataset"], 10, 64)
				return n
			}
			before := used()
			total := 0
			for i := 0; i < n; i += 100 {
				req := queue.AppendRequest{Now: time.Now()}
				for k := range 100 {
					e := queue.Entry{Queue: 8, Kind: c.kind, Message: queue.Message{ID: queue.NewMessageID(), Body: make([]byte, body)}}
					for x := range e.Message.Body {
						e.Message.Body[x] = byte('a' + (i+k+x)%23)
					}
					if c.change != nil {
						c.change(i+k, &e)
					}
					total += e.Message.Size()
					req.Entries = append(req.Entries, e)
				}
				if _, err := s.Append(t.Context(), req); err != nil {
					t.Fatal(err)
				}
			}
			if c.take {
				for got := 0; got < n; {
					res, err := s.Receive(t.Context(), queue.ReceiveRequest{Now: time.Now(), Queue: 8, Max: 100, Visibility: time.Hour})
					if err != nil || len(res.Messages) == 0 {
						t.Fatal(res, err)
					}
					got += len(res.Messages)
				}
			}
			each := float64(used()-before) / n
			fmt.Printf("| %s | %d | %.0f | %.0f | %.2f M |\n", c.name, body, each, each-float64(body), float64(1<<30)/each/1e6)
			_ = s.Close()
		}
	}
}
