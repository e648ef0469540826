package redisstore

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

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
