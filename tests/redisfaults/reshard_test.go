package redisfaults

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/signalbox-mq/signalbox/tests/redistest"
)

// usedSlots returns slots that have keys, those with most of them first.
func usedSlots(t *testing.T, g *redistest.ClusterGroup) []int {
	t.Helper()
	keys := map[int]int64{}
	for _, s := range g.Masters() {
		pipe := s.Client().Pipeline()
		counts := make([]*redis.IntCmd, redistest.Slots)
		for slot := range counts {
			counts[slot] = pipe.ClusterCountKeysInSlot(t.Context(), slot)
		}
		if _, err := pipe.Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
		for slot, n := range counts {
			if n.Val() > 0 && g.MasterOf(slot) == s {
				keys[slot] = n.Val()
			}
		}
	}
	var slots []int
	for slot := range keys {
		slots = append(slots, slot)
	}
	slices.SortFunc(slots, func(a, b int) int { return int(keys[b] - keys[a]) })
	return slots
}

// Slots that are in use move between masters, and back and forth, while everything goes on.
func TestReshardUnderLoad(t *testing.T) {
	t.Parallel()
	g := redistest.Cluster(t, 3, 1, redistest.Options{NoSave: true, NodeTimeout: 5 * time.Second}) // no failover
	url := clusterURL(g, "replicas:1")
	l := newLoad(open(t, url), open(t, url))
	l.start()
	l.more(t, 200)
	slots := usedSlots(t, g)
	if len(slots) < 10 {
		t.Fatalf("only %d slots are in use", len(slots))
	}
	slots = slots[:10]
	masters := g.Masters()
	other := func(s *redistest.Server) *redistest.Server { return masters[(slices.Index(masters, s)+1)%len(masters)] }
	for i, slot := range slots {
		from := g.MasterOf(slot)
		begun := time.Now()
		if i > 1 {
			g.Reshard(slot, from, other(from))
			t.Logf("slot %d moved in %v", slot, time.Since(begun))
			l.more(t, 20)
			continue
		}
		// Slowly, so that calls come while a part of the keys has gone.
		m := g.StartMove(slot, from, other(from))
		for m.Step(10) > 0 {
			wait(t, 50*time.Millisecond)
		}
		m.Finish()
		t.Logf("slot %d moved in steps in %v", slot, time.Since(begun))
	}
	r := l.finish(t, fmt.Sprintf("cluster, replicas:1, %d slots in use moved", len(slots)), nothingLost)
	if r.Unknown > 0 || len(r.UnknownCalls) > 0 {
		t.Errorf("calls failed: %v", r.UnknownCalls)
	}
}
