package redistest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/tests/redistest"
)

// nodeTimeout is for groups that must not fail over before a test has them do it.
const nodeTimeout = 3 * time.Second

func TestClusterFailsOver(t *testing.T) {
	t.Parallel()
	g := redistest.Cluster(t, 3, 1, redistest.Options{NoSave: true, NodeTimeout: nodeTimeout})
	if got := g.Masters(); len(got) != 3 || got[0] != g.Nodes[0] {
		t.Fatalf("%d masters at the start", len(got))
	}
	slot, err := g.Nodes[0].Do(t.Context(), "CLUSTER", "KEYSLOT", "k")
	if err != nil {
		t.Fatal(err)
	}
	client := g.Client()
	if err := client.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	g.WaitInSync()
	old := g.MasterOf(int(slot.(int64)))
	old.Kill()
	master := g.WaitFailover(old)
	if got := g.MasterOf(int(slot.(int64))); got != master {
		t.Errorf("the slot is at %s after a failover to %s", got.Addr(), master.Addr())
	}
	wantValue(t, master, "k", "v")

	old.Restart()
	g.WaitReady()
	g.WaitInSync()
	g.Failover(old)
	if got := g.MasterOf(int(slot.(int64))); got != old {
		t.Errorf("the slot is at %s after the old master took over again", got.Addr())
	}
	wantValue(t, old, "k", "v")
}

func TestPausedMasterIsReplaced(t *testing.T) {
	t.Parallel()
	g := redistest.Cluster(t, 3, 1, redistest.Options{NoSave: true, NodeTimeout: nodeTimeout})
	old := g.MasterOf(0)
	old.Pause()
	master := g.WaitFailover(old)
	if got := g.MasterOf(0); got != master || got == old {
		t.Errorf("slot 0 is at %s", got.Addr())
	}
	old.Resume()
	g.WaitReady()
	g.WaitInSync()
	if got := g.MasterOf(0); got != master {
		t.Errorf("slot 0 is at %s after the old master came back", got.Addr())
	}
}

func TestReshard(t *testing.T) {
	t.Parallel()
	g := redistest.Cluster(t, 3, 0, redistest.Options{NoSave: true, NodeTimeout: nodeTimeout})
	const keys = 250
	client := g.Client()
	for i := range keys {
		if err := client.Set(t.Context(), fmt.Sprintf("{tag}%d", i), i, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	slot := int(client.ClusterKeySlot(t.Context(), "{tag}").Val())
	from := g.MasterOf(slot)
	to := g.Nodes[0]
	if to == from {
		to = g.Nodes[1]
	}
	move := g.StartMove(slot, from, to)
	if got := move.Step(100); got != 100 {
		t.Errorf("the first step moved %d keys", got)
	}
	// Half way, a client finds the keys at both places.
	for i := range keys {
		if got, err := client.Get(t.Context(), fmt.Sprintf("{tag}%d", i)).Int(); err != nil || got != i {
			t.Fatalf("half way, key %d is %d, %v", i, got, err)
		}
	}
	for move.Step(100) > 0 {
		continue
	}
	move.Finish()
	count := func(s *redistest.Server) any {
		n, err := s.Do(t.Context(), "CLUSTER", "COUNTKEYSINSLOT", slot)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if got := g.MasterOf(slot); got != to || count(to) != int64(keys) || count(from) != int64(0) {
		t.Errorf("the slot is at %s with %v keys, %v are left behind", got.Addr(), count(to), count(from))
	}
	g.Reshard(slot, to, from)
	if got := g.MasterOf(slot); got != from || count(from) != int64(keys) {
		t.Errorf("moved back, the slot is at %s with %v keys", got.Addr(), count(from))
	}
}
