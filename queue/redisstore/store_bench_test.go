package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/storetest"
)

func BenchmarkStore(b *testing.B) {
	s := start(b)
	storetest.Benchmark(b, storetest.Harness{New: func() (storetest.Data, error) { return newPlace(s.addr), nil }})
}

// BenchmarkFunctions tells what the functions cost the server, as it counts itself, in microseconds for each message of 1 KiB:
// append, receive and acknowledge, from one caller, with a backlog of 10,000. What a machine's other work does to it is small.
func BenchmarkFunctions(b *testing.B) {
	server := start(b)
	for _, kind := range []string{"standard", "tenants", "fifo"} {
		for _, batch := range []int{1, 10} {
			b.Run(fmt.Sprintf("%s/batch=%d", kind, batch), func(b *testing.B) {
				s, err := newPlace(server.addr).Open()
				if err != nil {
					b.Fatal(err)
				}
				defer s.Close()
				benchmarkFunctions(b, server, s, kind, batch)
			})
		}
	}
}

func benchmarkFunctions(b *testing.B, server *server, s queue.Store, kind string, batch int) {
	ctx, body := context.Background(), make([]byte, 1024)
	entries := func(n int) []queue.Entry {
		list := make([]queue.Entry, n)
		for i := range list {
			list[i] = queue.Entry{Queue: 1, Message: queue.Message{ID: queue.NewMessageID(), Body: body}}
			if kind != "standard" {
				list[i].Message.Group = fmt.Sprint("group ", i%20)
			}
			if kind == "fifo" {
				list[i].Kind = queue.FIFO
			}
		}
		return list
	}
	add := func(n int) {
		if _, err := s.Append(ctx, queue.AppendRequest{Now: time.Now(), Entries: entries(n)}); err != nil {
			b.Fatal(err)
		}
	}
	for range 100 {
		add(100)
	}
	rounds := max(b.N/batch, 1)
	messages := float64(rounds * batch)
	b.ResetTimer()
	from := server.spent(b)
	for range rounds {
		add(batch)
	}
	b.ReportMetric(float64(server.spent(b)-from)/messages, "append-µs")
	from = server.spent(b)
	var settlements []queue.Settlement
	got := 0
	var received, settled int64
	for got < int(messages) {
		res, err := s.Receive(ctx, queue.ReceiveRequest{Now: time.Now(), Queue: 1, Kind: entries(1)[0].Kind, Max: batch, Visibility: time.Minute})
		if err != nil || len(res.Messages) == 0 {
			b.Fatal(err, len(res.Messages))
		}
		at := server.spent(b)
		received += at - from
		got += len(res.Messages)
		settlements = settlements[:0]
		for _, m := range res.Messages {
			settlements = append(settlements, queue.Settlement{Receipt: m.Receipt})
		}
		if _, err := s.Settle(ctx, time.Now(), settlements); err != nil {
			b.Fatal(err)
		}
		from = server.spent(b)
		settled += from - at
	}
	b.ReportMetric(float64(received)/float64(got), "receive-µs")
	b.ReportMetric(float64(settled)/float64(got), "settle-µs")
}

// spent is how long the server has been running functions, in microseconds.
func (s *server) spent(b *testing.B) int64 {
	text, err := s.node.Info(context.Background(), "commandstats").Result()
	if err != nil {
		b.Fatal(err)
	}
	_, after, ok := strings.Cut(text, "cmdstat_fcall:")
	if !ok {
		return 0
	}
	_, after, _ = strings.Cut(after, "usec=")
	number, _, _ := strings.Cut(after, ",")
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// BenchmarkFloor does with the fewest commands of Redis what a queue needs at least (XADD, XREADGROUP, XACK and XDEL: no delays, no
// counts, no groups, no deadlines of its own), over the same connections and in the same batches as BenchmarkStore, for a
// comparison in one run.
func BenchmarkFloor(b *testing.B) {
	server := start(b)
	for _, callers := range []int{1, 64} {
		for _, batch := range []int{1, 10} {
			b.Run(fmt.Sprintf("callers=%d/batch=%d", callers, batch), func(b *testing.B) { benchmarkFloor(b, server, callers, batch) })
		}
	}
}

func benchmarkFloor(b *testing.B, server *server, callers, batch int) {
	opened, err := newPlace(server.addr).Open()
	if err != nil {
		b.Fatal(err)
	}
	s := opened.(*Store)
	defer s.Close()
	ctx, body := context.Background(), make([]byte, 1024)
	m, err := s.c.master(ctx, 0)
	if err != nil {
		b.Fatal(err)
	}
	do := func(args ...any) any {
		reply, _, err := m.plain.do(ctx, redis.NewCmd(ctx, args...))
		if err != nil && !errors.Is(err, redis.Nil) {
			b.Error(err)
		}
		return reply
	}
	stream := s.c.tag(0) + ":floor"
	do("xgroup", "create", stream, "g", "$", "mkstream")
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for range callers {
		wg.Go(func() {
			for left.Add(int64(-batch))+int64(batch) > 0 && !b.Failed() {
				var sent sync.WaitGroup
				for range batch { // as many commands, which go together
					sent.Go(func() { do("xadd", stream, "*", "b", body) })
				}
				sent.Wait()
				reply, _ := do("xreadgroup", "group", "g", "c", "count", batch, "streams", stream, ">").([]any)
				if len(reply) == 0 {
					continue
				}
				ack, del := []any{"xack", stream, "g"}, []any{"xdel", stream}
				for _, entry := range reply[0].([]any)[1].([]any) {
					id := entry.([]any)[0]
					ack, del = append(ack, id), append(del, id)
				}
				sent.Go(func() { do(ack...) })
				do(del...)
				sent.Wait()
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
}

// BenchmarkMasters tells how the work of one queue divides over the masters of a cluster: calls of functions for each message, and
// the share of the busiest master in the time that all of them spend.
func BenchmarkMasters(b *testing.B) {
	nodes := startCluster(b, 3, false)
	for _, partitions := range []int{1, 3, 6} {
		b.Run(fmt.Sprintf("partitions=%d", partitions), func(b *testing.B) {
			opened, err := newPlace(nodes[0].addr).Open()
			if err != nil {
				b.Fatal(err)
			}
			s := opened.(*Store)
			defer s.Close()
			ctx, body := context.Background(), make([]byte, 1024)
			if err := s.Spread(ctx, 1, queue.Standard, partitions); err != nil {
				b.Fatal(err)
			}
			before := make([]int64, len(nodes))
			for i, node := range nodes {
				before[i] = node.spent(b)
			}
			var left atomic.Int64
			left.Store(int64(b.N))
			var wg sync.WaitGroup
			b.ResetTimer()
			for range 64 {
				wg.Go(func() {
					for left.Add(-10) > -10 && !b.Failed() {
						if err := storetest.Cycle(ctx, s, queue.Standard, "", body, 10); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			var all, most int64
			for i, node := range nodes {
				spent := node.spent(b) - before[i]
				all, most = all+spent, max(most, spent)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
			b.ReportMetric(float64(all)/float64(b.N), "µs/msg")
			b.ReportMetric(float64(most)/float64(all), "busiest")
		})
	}
}
