package rules_test

import (
	"context"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/rules"
)

// BenchmarkSchedules fires rules that are all due, one time each.
func BenchmarkSchedules(b *testing.B) {
	done := make(chan struct{}, 1<<20)
	e := newEnvWith(b, rules.Config{OnScheduled: func(s rules.Scheduled) {
		if s.Fired {
			done <- struct{}{}
		}
	}})
	e.queue("q", queue.Definition{})
	e.manyRules(b.N, "rate(1 minute)")
	// A clock that has come to the first minute.
	e.engine = rules.New(queue.NewBroker(e.store, e.definitions, queue.NewClock(time.Now().Add(62*time.Second))), e.definitions, e.config)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	b.ResetTimer()
	go func() { ended <- e.engine.RunSchedules(ctx) }()
	for range b.N {
		<-done
	}
	b.StopTimer()
	stop()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
}
