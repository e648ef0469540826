package storetest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// benchBody is the size of a message in bytes.
const benchBody = 1024

// Benchmark measures a message's way through a store: append, receive, acknowledge, of 1 KiB each, with 1 and 10 messages in
// a call, from 1 and 64 callers, on one standard queue, with and without a tenant per caller, and on a FIFO queue with a group
// per caller. One operation is one message.
func Benchmark(b *testing.B, h Harness) {
	for _, queues := range []struct {
		name   string
		kind   queue.Kind
		groups bool
	}{{"standard", queue.Standard, false}, {"tenants", queue.Standard, true}, {"fifo", queue.FIFO, true}} {
		for _, callers := range []int{1, 64} {
			for _, batch := range []int{1, 10} {
				b.Run(fmt.Sprintf("%s/callers=%d/batch=%d", queues.name, callers, batch), func(b *testing.B) {
					benchmark(b, h, queues.kind, queues.groups, callers, batch)
				})
			}
		}
	}
}

func benchmark(b *testing.B, h Harness, kind queue.Kind, groups bool, callers, batch int) {
	data, err := h.New()
	if err != nil {
		b.Fatal(err)
	}
	s, err := data.Open()
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
		if err := data.Remove(); err != nil {
			b.Error(err)
		}
	}()
	ctx, body := context.Background(), make([]byte, benchBody)
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for c := range callers {
		wg.Go(func() {
			group := ""
			if groups {
				group = fmt.Sprint("g", c)
			}
			for {
				n := batch
				if rest := left.Add(int64(-batch)) + int64(batch); rest <= 0 {
					return
				} else if rest < int64(n) {
					n = int(rest)
				}
				if err := Cycle(ctx, s, kind, group, body, n); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
}

// Cycle appends n messages and acknowledges what one receive of n then gives: its own, or as many of others'.
func Cycle(ctx context.Context, s queue.Store, kind queue.Kind, group string, body []byte, n int) error {
	entries := make([]queue.Entry, n)
	for i := range entries {
		entries[i] = queue.Entry{Queue: 1, Kind: kind, Message: queue.Message{ID: queue.NewMessageID(), Body: body, Group: group}}
	}
	if _, err := s.Append(ctx, queue.AppendRequest{Now: time.Now(), Entries: entries}); err != nil {
		return err
	}
	res, err := s.Receive(ctx, queue.ReceiveRequest{Now: time.Now(), Queue: 1, Kind: kind, Max: n, Visibility: time.Minute})
	if err != nil {
		return err
	}
	settlements := make([]queue.Settlement, len(res.Messages))
	for i, m := range res.Messages {
		settlements[i].Receipt = m.Receipt
	}
	results, err := s.Settle(ctx, time.Now(), settlements)
	if err != nil {
		return err
	}
	for _, r := range results {
		if r.Err != nil {
			return r.Err
		}
	}
	return nil
}
