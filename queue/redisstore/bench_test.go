package redisstore

import (
	"bufio"
	"fmt"
	"net"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/signalbox-mq/signalbox/tests/redistest"
)

const benchCallers = 64

// callers runs fn in 64 goroutines.
func callers(b *testing.B, fn func() error) {
	b.Helper()
	b.SetParallelism(benchCallers / runtime.GOMAXPROCS(0))
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := fn(); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}

// BenchmarkCall compares how 64 goroutines can make small calls that write: one by one, by the client library's own
// batching, and by ours with so many batches under way.
func BenchmarkCall(b *testing.B) {
	value := strings.Repeat("v", 200)
	keys := namesIn(DefaultNamespace).absent[7]
	b.Run("floor", func(b *testing.B) { benchFloor(b, redistest.Start(b, inMemory), value) })
	b.Run("unbatched", func(b *testing.B) {
		s := redistest.Start(b, inMemory)
		connect(b, Options{URL: urlOf(s)})
		node := redis.NewClient(&redis.Options{Addr: s.Addr(), PoolSize: benchCallers, Protocol: 2})
		defer node.Close()
		callers(b, func() error { return node.Do(b.Context(), "fcall", "lt1_set", 2, keys[0], keys[1], "x", value).Err() })
	})
	b.Run("autopipeline", func(b *testing.B) {
		s := redistest.Start(b, inMemory)
		connect(b, Options{URL: urlOf(s)})
		node := redis.NewClient(&redis.Options{Addr: s.Addr(), Protocol: 2})
		defer node.Close()
		ap, err := node.AutoPipeline()
		if err != nil {
			b.Fatal(err)
		}
		defer ap.Close()
		callers(b, func() error { return ap.Do(b.Context(), "fcall", "lt1_set", 2, keys[0], keys[1], "x", value).Err() })
	})
	for senders := 1; senders <= 4; senders++ {
		b.Run(fmt.Sprintf("async/senders=%d", senders), func(b *testing.B) {
			benchCall(b, connect(b, Options{URL: urlOf(redistest.Start(b, inMemory))}), senders, 0, value)
		})
	}
	for senders := 1; senders <= 4; senders++ {
		b.Run(fmt.Sprintf("replicas=1/senders=%d", senders), func(b *testing.B) {
			g := redistest.Replicated(b, 1, inMemory)
			benchCall(b, connect(b, Options{URL: urlOf(g.Master) + "?durability=replicas:1"}), senders, durable, value)
		})
	}
}

func benchCall(b *testing.B, c *client, senders int, flags callFlags, value string) {
	m, err := c.master(b.Context(), 7)
	if err != nil {
		b.Fatal(err)
	}
	m.plain.senders, m.durable.senders = senders, senders
	callers(b, func() error {
		_, err := c.call(b.Context(), 7, "lt1_set", flags, "x", value)
		return err
	})
}

// benchFloor sends ready-made pipelines of 64 calls on one connection: what the server can do, with next to no client.
func benchFloor(b *testing.B, s *redistest.Server, value string) {
	connect(b, Options{URL: urlOf(s)})
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	var call []byte
	args := []string{"fcall", "lt1_set", "2", namesIn(DefaultNamespace).tags[7] + ":!", namesIn(DefaultNamespace).tags[7] + ":?", "x", value}
	call = fmt.Appendf(call, "*%d\r\n", len(args))
	for _, arg := range args {
		call = fmt.Appendf(call, "$%s\r\n%s\r\n", strconv.Itoa(len(arg)), arg)
	}
	batch := []byte(strings.Repeat(string(call), benchCallers))
	in := bufio.NewReader(conn)
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += benchCallers {
		if _, err := conn.Write(batch); err != nil {
			b.Fatal(err)
		}
		for range benchCallers {
			if line, err := in.ReadSlice('\n'); err != nil || line[0] != ':' {
				b.Fatal(string(line), err)
			}
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}

// BenchmarkMaster is what a call spends on finding its master.
func BenchmarkMaster(b *testing.B) {
	c := connect(b, Options{URL: urlOf(redistest.Cluster(b, 3, 0, inMemory).Nodes...)})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.master(b.Context(), 40); err != nil {
			b.Fatal(err)
		}
	}
}
