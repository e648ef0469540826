package redisfaults

import (
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/tests/redistest"
)

// The network comes apart: the load, the master and one Sentinel are on the smaller side, the replicas and the other Sentinels on the
// larger, where another master is made. After a while it is healed.
func TestSentinelPartition(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		durability string
		promise    promise
	}{{"replicas:1", nothingLost}, {"async", lossCounted}} {
		t.Run(c.durability, func(t *testing.T) {
			t.Parallel()
			const client = 3
			network := redistest.Namespaces(t, 4)
			g := redistest.Sentinel(t, 2, redistest.Options{NoSave: true, Network: network})
			l := startRemote(t, network.Nodes[client], sentinelURL(g, c.durability))
			l.more(100)
			old := g.Master()
			network.Split(0, client)
			g.WaitFailover(old)
			wait(t, 3*time.Second)
			network.Heal(0)
			network.Heal(client)
			l.more(50)
			g.WaitInSync()
			l.finish("Sentinel, "+c.durability+", load and master cut off from the majority for 3s after the failover", c.promise)
		})
	}
}

// In a cluster the smaller side has a master, the load, and in the end one of the master's two replicas. With replicas:1 that one
// confirms what the other, which is promoted, never got: for as long as the master does not notice that it is cut off, which is the
// node timeout. With replicas:2 nothing is lost, but sends fail while a replica is missing.
func TestClusterPartition(t *testing.T) {
	t.Parallel()
	const client = 9
	for _, c := range []struct {
		name, durability string
		away             []int
		promise          promise
	}{
		{"master alone", "replicas:1", []int{0, client}, nothingLost},
		{"master and one replica", "replicas:1", []int{0, 3, client}, lossCounted},
		{"master and one replica", "replicas:2", []int{0, 3, client}, nothingLost},
	} {
		t.Run(c.name+" "+c.durability, func(t *testing.T) {
			t.Parallel()
			if len(c.away) > 2 && !soak() {
				t.Skip("SIGNALBOX_SOAK is not set")
			}
			network := redistest.Namespaces(t, 10)
			g := redistest.Cluster(t, 3, 2, redistest.Options{NoSave: true, Network: network})
			l := startRemote(t, network.Nodes[client], clusterURL(g, c.durability))
			l.more(100)
			old := g.Nodes[0]
			network.Split(c.away...)
			g.WaitFailover(old)
			wait(t, 3*time.Second)
			for _, i := range c.away {
				network.Heal(i)
			}
			l.more(50)
			g.WaitReady()
			g.WaitInSync()
			l.finish("cluster, "+c.durability+", load and "+c.name+" cut off for 3s after the failover", c.promise)
		})
	}
}
