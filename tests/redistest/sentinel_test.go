package redistest_test

import (
	"testing"

	"github.com/signalbox-mq/signalbox/tests/redistest"
)

func TestSentinelFailsOver(t *testing.T) {
	t.Parallel()
	g := redistest.Sentinel(t, 2, redistest.Options{NoSave: true, NodeTimeout: nodeTimeout})
	old := g.Master()
	if old != g.Servers[0] {
		t.Fatalf("the first master is %s", old.Addr())
	}
	client := g.Client()
	if err := client.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	g.WaitInSync()
	old.Kill()
	master := g.WaitFailover(old)
	wantValue(t, master, "k", "v")

	old.Restart()
	g.WaitInSync()
	if got := old.Info("replication", "role"); got != "slave" {
		t.Errorf("the old master came back as a %s", got)
	}
	if g.Failover() == master {
		t.Error("a failover on request left the master as it was")
	}
	g.WaitInSync()
}
