package redisstore

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/storetest"
	"github.com/signalbox-mq/signalbox/tests/redistest"
)

func BenchmarkStore(b *testing.B) {
	s := redistest.Start(b, inMemory)
	storetest.Benchmark(b, storetest.Harness{New: func() (storetest.Data, error) { return newPlace(s.Addr()), nil }})
}

// BenchmarkOperations measures append, receive and acknowledge by themselves, on messages of 1 KiB from 64 callers, and what the
// same costs the server's main thread; and beside it, in the same run, over the same connections and in the same batches, the fewest
// commands of Redis that could do it: XADD, XREADGROUP, XACK with XDEL. Those have no delays, no deadlines, no groups, no receive
// limits and no counts.
func BenchmarkOperations(b *testing.B) {
	server := redistest.Start(b, inMemory)
	for _, kind := range []string{"floor", "standard", "tenants", "fifo"} {
		for _, batch := range []int{1, 10} {
			for _, operation := range []string{"append", "receive", "ack"} {
				b.Run(fmt.Sprintf("%s/%s/batch=%d", kind, operation, batch), func(b *testing.B) {
					opened, err := newPlace(server.Addr()).Open()
					if err != nil {
						b.Fatal(err)
					}
					defer opened.Close()
					o := operations{b: b, s: opened.(*Store), kind: kind, batch: batch, body: make([]byte, 1024)}
					defer func() {
						if _, err := server.Do(context.Background(), "flushall"); err != nil {
							b.Error(err)
						}
					}()
					o.run(server, operation)
				})
			}
		}
	}
}

// operations is one queue of BenchmarkOperations.
type operations struct {
	b     *testing.B
	s     *Store
	kind  string
	batch int
	body  []byte
	n     atomic.Uint64
	mu    sync.Mutex
	taken []any // what was received: receipts, or the IDs of entries
}

func (o *operations) run(server *redistest.Server, operation string) {
	b := o.b
	rounds := max(b.N/o.batch, 1)
	steps := map[string]func(){"append": o.append, "receive": o.receive, "ack": o.ack}
	if o.kind == "floor" {
		o.do("xgroup", "create", o.stream(), "g", "$", "mkstream")
		steps = map[string]func(){"append": o.xadd, "receive": o.xread, "ack": o.xack}
	}
	for _, before := range []string{"append", "receive"} {
		if before == operation {
			break
		}
		together(rounds, steps[before])
	}
	from := usedBy(b, server)
	b.ReportAllocs()
	b.ResetTimer()
	together(rounds, steps[operation])
	b.StopTimer()
	b.ReportMetric(float64(rounds*o.batch)/b.Elapsed().Seconds(), "msg/s")
	b.ReportMetric(float64(usedBy(b, server)-from)/float64(rounds*o.batch), "server-µs/msg")
}

// together calls step so often, by 64 callers.
func together(times int, step func()) {
	var left atomic.Int64
	left.Store(int64(times))
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				step()
			}
		})
	}
	wg.Wait()
}

func (o *operations) append() {
	group, n := "", o.n.Add(1)
	switch o.kind {
	case "fifo": // each receive locks a group, so there is one for each
		group = fmt.Sprint("group ", n)
	case "tenants":
		group = fmt.Sprint("tenant ", n%100)
	}
	entries := make([]queue.Entry, o.batch)
	for i := range entries {
		entries[i] = queue.Entry{Queue: 1, Kind: o.queueKind(), Message: queue.Message{ID: queue.NewMessageID(), Group: group, Body: o.body}}
	}
	if _, err := o.s.Append(context.Background(), queue.AppendRequest{Now: time.Now(), Entries: entries}); err != nil {
		o.b.Error(err)
	}
}

func (o *operations) queueKind() queue.Kind {
	if o.kind == "fifo" {
		return queue.FIFO
	}
	return queue.Standard
}

func (o *operations) receive() {
	res, err := o.s.Receive(context.Background(), queue.ReceiveRequest{
		Now: time.Now(), Queue: 1, Kind: o.queueKind(), Max: o.batch, Visibility: time.Hour, MaxInFlight: 10_000_000,
	})
	if err != nil || len(res.Messages) != o.batch {
		o.b.Errorf("received %d, %v", len(res.Messages), err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range res.Messages {
		o.taken = append(o.taken, res.Messages[i].Receipt)
	}
}

// some takes a batch of what was received.
func (o *operations) some() []any {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := min(o.batch, len(o.taken))
	some := o.taken[:n]
	o.taken = o.taken[n:]
	return some
}

func (o *operations) ack() {
	var settlements []queue.Settlement
	for _, receipt := range o.some() {
		settlements = append(settlements, queue.Settlement{Receipt: receipt.(queue.Receipt)})
	}
	results, err := o.s.Settle(context.Background(), time.Now(), settlements)
	if err != nil {
		o.b.Error(err)
	}
	for _, r := range results {
		if r.Err != nil || r.Gone {
			o.b.Errorf("acknowledging: %+v", r)
		}
	}
}

func (o *operations) stream() string { return o.s.c.tag(0) + ":floor" }

func (o *operations) do(args ...any) any {
	m, err := o.s.c.master(context.Background(), 0)
	if err != nil {
		o.b.Error(err)
		return nil
	}
	reply, _, err := m.plain.do(context.Background(), redis.NewCmd(context.Background(), args...))
	if err != nil {
		o.b.Error(err)
	}
	return reply
}

func (o *operations) xadd() {
	var sent sync.WaitGroup
	for range o.batch { // as many commands, which go together
		sent.Go(func() { o.do("xadd", o.stream(), "*", "b", o.body) })
	}
	sent.Wait()
}

func (o *operations) xread() {
	reply, _ := o.do("xreadgroup", "group", "g", "c", "count", o.batch, "streams", o.stream(), ">").([]any)
	if len(reply) != 1 {
		o.b.Errorf("received %v", reply)
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, entry := range reply[0].([]any)[1].([]any) {
		o.taken = append(o.taken, entry.([]any)[0])
	}
}

func (o *operations) xack() {
	ids := o.some()
	var sent sync.WaitGroup
	sent.Go(func() { o.do(append([]any{"xack", o.stream(), "g"}, ids...)...) })
	o.do(append([]any{"xdel", o.stream()}, ids...)...)
	sent.Wait()
}

// usedBy is how much of a processor a server's main thread has used, in microseconds.
func usedBy(b *testing.B, server *redistest.Server) int64 {
	sum := 0.0
	for _, name := range []string{"used_cpu_user_main_thread", "used_cpu_sys_main_thread"} {
		seconds, err := strconv.ParseFloat(server.Info("cpu", name), 64)
		if err != nil {
			b.Fatal(err)
		}
		sum += seconds
	}
	return int64(sum * 1e6)
}

// BenchmarkMasters tells how the work of one queue divides over the masters of a cluster: calls of functions for each message, and
// the share of the busiest master in the time that all of them spend.
func BenchmarkMasters(b *testing.B) {
	nodes := redistest.Cluster(b, 3, 0, inMemory).Nodes
	for _, partitions := range []int{1, 3, 6} {
		b.Run(fmt.Sprintf("partitions=%d", partitions), func(b *testing.B) {
			opened, err := newPlace(nodes[0].Addr()).Open()
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
				before[i] = usedBy(b, node)
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
				used := usedBy(b, node) - before[i]
				all, most = all+used, max(most, used)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
			b.ReportMetric(float64(all)/float64(b.N), "server-µs/msg")
			b.ReportMetric(float64(most)/float64(all), "busiest")
		})
	}
}
