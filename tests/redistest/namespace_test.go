package redistest_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/signalbox-mq/signalbox/tests/harness"
	"github.com/signalbox-mq/signalbox/tests/redistest"
)

func TestNamespaceIsANetworkOfItsOwn(t *testing.T) {
	t.Parallel()
	network := redistest.Namespaces(t, 2)
	s := redistest.Start(t, redistest.Options{NoSave: true, Namespace: network.Nodes[0]})
	set(t, s, "k", "v")

	out, err := network.Nodes[1].Command("redis-cli", "-h", s.Host, "GET", "k").Output()
	if got := strings.TrimSpace(string(out)); err != nil || got != "v" {
		t.Fatalf("a program in the other namespace got %q, %v", got, err)
	}
	through := redis.NewClient(&redis.Options{Addr: network.Nodes[0].Forward(t, s.Port)})
	t.Cleanup(func() { _ = through.Close() })
	if got, err := through.Get(t.Context(), "k").Result(); err != nil || got != "v" {
		t.Fatalf("through a forwarded port: %q, %v", got, err)
	}

	fromOther := redis.NewClient(&redis.Options{
		Addr: s.Addr(), Dialer: network.Nodes[1].DialContext, MaxRetries: -1, ContextTimeoutEnabled: true, PoolSize: 1,
	})
	t.Cleanup(func() { _ = fromOther.Close() })
	get := func(limit time.Duration) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		return fromOther.Get(ctx, "k").Result()
	}
	if got, err := get(harness.Limit); err != nil || got != "v" {
		t.Fatalf("from the other namespace: %q, %v", got, err)
	}
	network.Cut(0)
	if got, err := get(200 * time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("from the other namespace of one that is cut off: %q, %v", got, err)
	}
	wantValue(t, s, "k", "v") // but the test reaches it
	network.Heal(0)
	if got, err := get(harness.Limit); err != nil || got != "v" {
		t.Fatalf("from the other namespace after healing: %q, %v", got, err)
	}
}

func TestSentinelReplacesAMasterThatIsCutOff(t *testing.T) {
	t.Parallel()
	network := redistest.Namespaces(t, 3)
	g := redistest.Sentinel(t, 2, redistest.Options{NoSave: true, NodeTimeout: nodeTimeout, Network: network})
	network.Cut(0)
	old := g.Servers[0]
	master := g.WaitFailover(old)
	if master == old || old.Info("replication", "role") != "master" {
		t.Errorf("the master is %s; the old one, which can not know, is a %s", master.Addr(), old.Info("replication", "role"))
	}
	network.Heal(0)
	g.WaitInSync()
	if got := old.Info("replication", "role"); got != "slave" {
		t.Errorf("back in the network the old master is a %s", got)
	}
}

// A master and a client are on one side, the rest of the cluster on the other.
func TestClusterSplit(t *testing.T) {
	t.Parallel()
	const router = 6 // the node without a server
	network := redistest.Namespaces(t, 7)
	g := redistest.Cluster(t, 3, 1, redistest.Options{NoSave: true, NodeTimeout: nodeTimeout, Network: network})
	old := g.Nodes[0]
	client := redis.NewClient(&redis.Options{Addr: old.Addr(), Dialer: network.Nodes[router].DialContext, MaxRetries: -1})
	t.Cleanup(func() { _ = client.Close() })
	const key = "{06S}" // in slot 0
	if got, err := old.Do(t.Context(), "CLUSTER", "KEYSLOT", key); err != nil || got != int64(0) {
		t.Fatalf("%s is in slot %v, %v", key, got, err)
	}
	if err := client.Set(t.Context(), key, "before", 0).Err(); err != nil {
		t.Fatal(err)
	}
	g.WaitInSync()

	network.Split(0, router)
	// For a moment the old master takes writes that the others will never see.
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := client.Set(ctx, key, "lost", 0).Err(); err != nil {
		t.Errorf("a write on the smaller side: %v", err)
	}
	master := g.WaitFailover(old)
	wantValue(t, master, key, "before")
	if got := g.MasterOf(0); got != master {
		t.Errorf("slot 0 is at %s", got.Addr())
	}
	network.Heal(0)
	network.Heal(router)
	g.WaitReady()
	g.WaitInSync()
	if got := g.MasterOf(0); got != master {
		t.Errorf("slot 0 is at %s after healing", got.Addr())
	}
}
