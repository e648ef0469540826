package rules_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/rules"
)

// slowReads is a store that takes its time over what transfers read, and counts it.
type slowReads struct {
	unhurried
	reads *atomic.Int64
}

func (s slowReads) Scan(ctx context.Context, req queue.ScanRequest) (queue.ScanResult, error) {
	s.reads.Add(1)
	pass(100 * time.Millisecond)
	return s.unhurried.Scan(ctx, req)
}

// TestCancelReplayThatFindsNothing: a replay reads its whole archive, and can be cancelled while nothing there is in its range.
func TestCancelReplayThatFindsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const archived = 3000
		var reads atomic.Int64
		nodes := newNodesOn(t, 2, func(s unhurried) queue.Store { return slowReads{s, &reads} })
		e := nodes[0]
		e.queue("orders", queue.Definition{})
		e.rule("r", to("orders", ""))
		e.archive("all", "")
		for range archived / 100 {
			e.publishMany(100, "a") // with the times at which they are published
		}
		e.startReplay("x", "all", always, always.Add(time.Hour))
		for reads.Load() < 3 {
			pass(10 * time.Millisecond)
		}
		e.must(nodes[1].engine.CancelReplay(t.Context(), named("x")))
		asked, before := time.Now(), reads.Load()
		end := e.awaitReplay("x", rules.ReplayCancelled)
		if took := time.Since(asked); took > 5*time.Second {
			t.Errorf("it took %v", took)
		}
		if n := reads.Load() - before; n > 2 {
			t.Errorf("%d batches were read after that", n)
		}
		if end.Read >= archived || end.Published != 0 {
			t.Errorf("it read %d of %d events, and published %d", end.Read, archived, end.Published)
		}
	})
}
