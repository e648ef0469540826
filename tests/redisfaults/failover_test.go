package redisfaults

import (
	"fmt"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/tests/redistest"
)

func sentinelURL(g *redistest.SentinelGroup, durability string) string {
	return fmt.Sprintf("redis://%s?master=%s&durability=%s", strings.Join(g.Addrs(), ","), g.Name, durability)
}

func clusterURL(g *redistest.ClusterGroup, durability string) string {
	return fmt.Sprintf("redis://%s?durability=%s", strings.Join(g.Addrs(), ","), durability)
}

// The master is killed again and again. One of two replicas confirms; Sentinel promotes the one that has received more, which
// is one that has all that was confirmed.
func TestSentinelFailovers(t *testing.T) {
	t.Parallel()
	g := redistest.Sentinel(t, 2, redistest.Options{NoSave: true})
	url := sentinelURL(g, "replicas:1")
	l := newLoad(open(t, url), open(t, url))
	l.start()
	n := failovers(t)
	for range n {
		l.more(t, 100)
		old := g.Master()
		old.Kill()
		g.WaitFailover(old)
		l.more(t, 20)
		old.Restart()
		g.WaitInSync()
	}
	l.finish(t, fmt.Sprintf("Sentinel, replicas:1, %d failovers", n), nothingLost)
}

// The masters are killed in turn.
func TestClusterFailovers(t *testing.T) {
	t.Parallel()
	g := redistest.Cluster(t, 3, 2, redistest.Options{NoSave: true})
	url := clusterURL(g, "replicas:1")
	l := newLoad(open(t, url), open(t, url))
	l.start()
	n := failovers(t)
	for i := range n {
		l.more(t, 100)
		old := g.MasterOf(i % 3 * redistest.Slots / 3)
		old.Kill()
		g.WaitFailover(old)
		l.more(t, 20)
		old.Restart()
		g.WaitReady()
		g.WaitInSync()
	}
	l.finish(t, fmt.Sprintf("cluster, replicas:1, %d failovers", n), nothingLost)
}
