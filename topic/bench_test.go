package topic_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/topic"
)

// subscribers makes n queues, each subscribed to the topic "alerts" as subscription says.
func (e *env) subscribers(n int, subscription func(i int) topic.Subscription) {
	e.tb.Helper()
	queues := catalog.NewTable[queue.Definition](e.definitions, queue.Table)
	set := catalog.Set{}
	for i := range n {
		name := fmt.Sprintf("q%05d", i)
		s := subscription(i)
		s.Queue = name
		set.Changes = append(set.Changes, queues.Creating(named(name), queue.Definition{}),
			e.subscriptions.Creating(topic.SubscriptionName(named("alerts"), s.SubscriptionID()), s))
	}
	if _, err := e.definitions.Apply(e.tb.Context(), set); err != nil {
		e.tb.Fatal(err)
	}
}

func (e *env) benchmarkPublish(b *testing.B, m topic.Message, matched int) {
	b.Helper()
	p := topic.Publish{Topic: named("alerts"), Messages: []topic.Message{m}}
	if got := e.publish(p)[0]; len(got.Matched) != matched {
		b.Fatalf("%d matched, want %d", len(got.Matched), matched)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		if _, err := e.topics.Publish(b.Context(), p); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*matched)/b.Elapsed().Seconds(), "deliveries/s")
}

// BenchmarkPublish is a publish of 1 KiB to queues of the embedded store in memory: everything but the disk.
func BenchmarkPublish(b *testing.B) {
	for _, n := range []int{1, 10, 100, 1000} {
		for _, raw := range []bool{true, false} {
			b.Run(fmt.Sprintf("queues=%d/raw=%v", n, raw), func(b *testing.B) {
				e := newEnv(b)
				e.subscribers(n, func(int) topic.Subscription { return topic.Subscription{Raw: &raw} })
				e.benchmarkPublish(b, topic.Message{Body: kilobyte(), Attributes: []queue.Attribute{text("severity", "high")}}, n)
			})
		}
	}
}

// kilobyte is a body as people send them: JSON, with quotes that an envelope escapes.
func kilobyte() []byte {
	return []byte(`{"note":"` + strings.Repeat("disk is filling up. ", 50) + `","disk":91,"host":"db-1"}`)
}

// BenchmarkDecide is the same without a store: what this package itself costs.
func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{1, 10, 100, 1000} {
		for _, raw := range []bool{true, false} {
			b.Run(fmt.Sprintf("queues=%d/raw=%v", n, raw), func(b *testing.B) {
				e := newEnv(b)
				e.store.Store = discard{e.store.Store}
				e.subscribers(n, func(int) topic.Subscription { return topic.Subscription{Raw: &raw} })
				e.benchmarkPublish(b, topic.Message{Body: kilobyte(), Attributes: []queue.Attribute{text("severity", "high")}}, n)
			})
		}
	}
}

// discard is a store that keeps nothing.
type discard struct{ queue.Store }

func (discard) Append(context.Context, queue.AppendRequest) (queue.AppendResult, error) {
	return queue.AppendResult{}, nil
}

// BenchmarkPublishFunctions is the same to functions.
func BenchmarkPublishFunctions(b *testing.B) {
	for _, n := range []int{1, 10} {
		b.Run(fmt.Sprintf("functions=%d", n), func(b *testing.B) {
			e := newEnv(b)
			for i := range n {
				e.function(fmt.Sprint("f", i))
				e.subscribe("alerts", topic.Subscription{Function: fmt.Sprint("f", i)})
			}
			e.benchmarkPublish(b, topic.Message{Body: []byte(`{"disk":91}`), Attributes: []queue.Attribute{text("severity", "high")}}, n)
		})
	}
}

// BenchmarkPublishFiltered has very many subscriptions of which few match: it must cost what those few do.
func BenchmarkPublishFiltered(b *testing.B) {
	for _, n := range []int{5, 10_000} {
		for _, scope := range []string{topic.ScopeAttributes, topic.ScopeBody} {
			for _, raw := range []bool{true, false} {
				b.Run(fmt.Sprintf("subscriptions=%d/matching=5/scope=%s/raw=%v", n, scope, raw), func(b *testing.B) {
					e := newEnv(b)
					e.subscribers(n, func(i int) topic.Subscription {
						return topic.Subscription{Raw: &raw, FilterScope: scope, Filter: fmt.Appendf(nil, `{"customer":["c%d"],"total":[{"numeric":[">",100]}]}`, i/5)}
					})
					e.benchmarkPublish(b, topic.Message{
						Body:       []byte(`{"customer":"c0","total":250}`),
						Attributes: []queue.Attribute{text("customer", "c0"), number("total", "250")},
					}, 5)
				})
			}
		}
	}
}

// BenchmarkPublishURLs is a publish of 1 KiB to URLs, in the envelope, up to their delivery queues.
func BenchmarkPublishURLs(b *testing.B) {
	for _, n := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("urls=%d", n), func(b *testing.B) {
			e := newEnv(b)
			for i := range n {
				e.confirmed("alerts", topic.Subscription{URL: fmt.Sprint("https://example.com/", i), Raw: new(false)})
			}
			e.benchmarkPublish(b, topic.Message{Body: kilobyte()}, n)
		})
	}
}

// BenchmarkPublishFIFO is a publish of 1 KiB to a FIFO topic with one FIFO queue, by as many as there are processors, each in a
// group of its own.
func BenchmarkPublishFIFO(b *testing.B) {
	e := newEnv(b)
	e.create("t.fifo", topic.Topic{FIFO: true})
	e.queue("q.fifo", queue.Definition{FIFO: true})
	e.add("t.fifo", topic.Subscription{Queue: "q.fifo"})
	var publishers, messages atomic.Int64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		group := fmt.Sprint("g", publishers.Add(1))
		for pb.Next() {
			_, err := e.topics.Publish(b.Context(), topic.Publish{Topic: named("t.fifo"), Messages: []topic.Message{{
				Body: kilobyte(), Group: group, DedupID: fmt.Sprint(messages.Add(1)),
			}}})
			if err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkPublishSignedTogether shows that signing keeps no publish waiting: as many publish as there are processors.
func BenchmarkPublishSignedTogether(b *testing.B) {
	e := newEnv(b)
	e.subscribers(10, func(int) topic.Subscription { return topic.Subscription{Raw: new(false)} })
	p := topic.Publish{Topic: named("alerts"), Messages: []topic.Message{{Body: kilobyte()}}}
	e.publish(p)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := e.topics.Publish(b.Context(), p); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkSubscribe is one more subscription to a topic with very many, until it counts in a publish.
func BenchmarkSubscribe(b *testing.B) {
	e := newEnv(b)
	e.subscribers(10_000, func(i int) topic.Subscription {
		return topic.Subscription{Filter: fmt.Appendf(nil, `{"customer":["c%d"]}`, i)}
	})
	nobody := topic.Message{Attributes: []queue.Attribute{text("customer", "none")}}
	e.publishOne(nobody)
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		e.subscribe("alerts", topic.Subscription{ID: "one", Queue: "q00000", Filter: fmt.Appendf(nil, `{"customer":["d%d"]}`, i)})
		e.publishOne(nobody)
	}
}
