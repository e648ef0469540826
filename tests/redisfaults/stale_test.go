package redisfaults

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/tests/redistest"
)

// standstill is for how long a master is stopped: longer than it takes others to replace it.
func standstill() time.Duration {
	if soak() {
		return 30 * time.Second
	}
	return 5 * time.Second
}

// wait waits for a fault to last.
func wait(t testing.TB, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}

// The master stands still, as a machine that swaps or is moved, and goes on when another is the master: it does not know.
func TestSentinelMasterStopsAndWakes(t *testing.T) {
	t.Parallel()
	g := redistest.Sentinel(t, 2, redistest.Options{NoSave: true})
	url := sentinelURL(g, "replicas:1")
	l := newLoad(open(t, url), open(t, url))
	l.start()
	for range 2 {
		l.more(t, 100)
		old := g.Master()
		old.Pause()
		until := time.Now().Add(standstill())
		g.WaitFailover(old)
		l.more(t, 20)
		wait(t, time.Until(until))
		old.Resume()
		l.more(t, 20)
		g.WaitInSync()
	}
	l.finish(t, fmt.Sprintf("Sentinel, replicas:1, master stopped twice for %v", standstill()), nothingLost)
}

func TestClusterMasterStopsAndWakes(t *testing.T) {
	t.Parallel()
	g := redistest.Cluster(t, 3, 2, redistest.Options{NoSave: true})
	url := clusterURL(g, "replicas:1")
	l := newLoad(open(t, url), open(t, url))
	l.start()
	for i := range 2 {
		l.more(t, 100)
		old := g.MasterOf(i * redistest.Slots / 3)
		old.Pause()
		until := time.Now().Add(standstill())
		g.WaitFailover(old)
		l.more(t, 20)
		wait(t, time.Until(until))
		old.Resume()
		l.more(t, 20)
		g.WaitReady()
		g.WaitInSync()
	}
	l.finish(t, fmt.Sprintf("cluster, replicas:1, masters stopped for %v", standstill()), nothingLost)
}

// cutLinks ends the links of replicas to a master, of all or of one, and has the master refuse them from then on, while it serves
// everybody else. The master is to be killed: it would refuse them for ever.
func cutLinks(t *testing.T, master *redistest.Server, one *redistest.Server) {
	t.Helper()
	// Not REPLCONF, with which replicas that have a link acknowledge.
	ask(t, master, "ACL", "SETUSER", "default", "-psync", "-sync")
	if one == nil {
		ask(t, master, "CLIENT", "KILL", "TYPE", "replica")
		return
	}
	text, _ := ask(t, one, "CLIENT", "LIST", "TYPE", "master").(string)
	for field := range strings.FieldsSeq(text) {
		if addr, ok := strings.CutPrefix(field, "laddr="); ok {
			ask(t, master, "CLIENT", "KILL", "ADDR", addr)
			return
		}
	}
	t.Fatalf("%s has no link to a master: %q", one.Addr(), text)
}

// The links to the replicas are cut shortly before the master is killed. What it wrote since nobody has; with replicas:1 it was
// not acknowledged.
func TestLinksCutBeforeKill(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		durability string
		promise    promise
	}{{"replicas:1", nothingLost}, {"async", lossCounted}} {
		t.Run(c.durability, func(t *testing.T) {
			t.Parallel()
			g := redistest.Sentinel(t, 2, redistest.Options{NoSave: true})
			l := newLoad(open(t, sentinelURL(g, c.durability)))
			l.start()
			l.more(t, 100)
			old := g.Master()
			cutLinks(t, old, nil)
			wait(t, 300*time.Millisecond)
			old.Kill()
			g.WaitFailover(old)
			l.more(t, 20)
			old.Restart()
			g.WaitInSync()
			l.finish(t, "Sentinel, "+c.durability+", links to both replicas cut 300ms before the kill", c.promise)
		})
	}
}

// The link to one of two replicas is cut. The other one confirms, and so it has to be the one that is promoted.
func TestOneLinkCutBeforeKill(t *testing.T) {
	t.Parallel()
	g := redistest.Sentinel(t, 2, redistest.Options{NoSave: true})
	l := newLoad(open(t, sentinelURL(g, "replicas:1")))
	l.start()
	const times = 2
	for range times {
		l.more(t, 100)
		old := g.Master()
		behind := g.Servers[0]
		if behind == old {
			behind = g.Servers[1]
		}
		cutLinks(t, old, behind)
		l.more(t, 50) // confirmed by the other
		old.Kill()
		if g.WaitFailover(old) == behind {
			t.Error("the replica that was behind was promoted")
		}
		l.more(t, 20)
		old.Restart()
		g.WaitInSync()
	}
	l.finish(t, fmt.Sprintf("Sentinel, replicas:1, link to one of two replicas cut before the kill, %d times", times), nothingLost)
}

func TestOneLinkCutBeforeKillInCluster(t *testing.T) {
	t.Parallel()
	g := redistest.Cluster(t, 3, 2, redistest.Options{NoSave: true})
	l := newLoad(open(t, clusterURL(g, "replicas:1")))
	l.start()
	const times = 2
	for i := range times {
		l.more(t, 100)
		old := g.MasterOf(i * redistest.Slots / 3)
		behind := g.ReplicasOf(old)[i%2]
		cutLinks(t, old, behind)
		l.more(t, 50)
		wait(t, time.Second) // in which the replicas tell each other how far they are
		old.Kill()
		if g.WaitFailover(old) == behind {
			t.Error("the replica that was behind was promoted")
		}
		l.more(t, 20)
		old.Restart()
		g.WaitReady()
		g.WaitInSync()
	}
	l.finish(t, fmt.Sprintf("cluster, replicas:1, link to one of two replicas cut before the kill, %d times", times), nothingLost)
}
