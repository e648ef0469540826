package redistest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

// Slots is how many slots a cluster has: a key is in one of 0 to Slots-1.
const Slots = 16384

// ClusterGroup is a cluster. Its replicas stay with the shard that they were given at the start, whatever comes.
type ClusterGroup struct {
	// Nodes are first those that were masters at the start, in the order of their slots, then their replicas.
	Nodes []*Server

	t   testing.TB
	ids []string // of Nodes, as they call themselves
	// shard is the number of each node's shard: the place in Nodes of its first master.
	shard []int
}

// Cluster starts a cluster with the slots spread over its masters, and waits until every node knows every other, calls the
// cluster well, and the replicas have a link to their masters. That takes the two seconds for which a new master waits.
func Cluster(t testing.TB, masters, replicasPerMaster int, opts Options) *ClusterGroup {
	t.Helper()
	g := &ClusterGroup{t: t}
	for i := range masters * (1 + replicasPerMaster) {
		s := newServer(t, opts, i,
			"cluster-enabled yes",
			"cluster-config-file nodes.conf",
			"cluster-node-timeout "+opts.nodeTimeout(),
			// A replica may stand for election however long it has been without its master, as Kill and Pause have it be.
			"cluster-replica-validity-factor 0",
			"cluster-allow-replica-migration no")
		s.busPort = s.freePort()
		s.configure(fmt.Sprintf("cluster-port %d", s.busPort))
		s.begin()
		g.Nodes = append(g.Nodes, s)
		g.shard = append(g.shard, i%masters)
	}
	for i, s := range g.Nodes {
		s.ready()
		id, _ := s.must("CLUSTER", "MYID").(string)
		g.ids = append(g.ids, id)
		// Different epochs from the start, or the masters have to settle a conflict first.
		s.must("CLUSTER", "SET-CONFIG-EPOCH", i+1)
	}
	for i := range masters {
		g.Nodes[i].must("CLUSTER", "ADDSLOTSRANGE", i*Slots/masters, (i+1)*Slots/masters-1)
	}
	// Each meets each: that others exist would spread by gossip too, in seconds.
	for i, s := range g.Nodes {
		for _, other := range g.Nodes[:i] {
			s.meet(other)
		}
	}
	// On a busy machine one of two may have forgotten the other before they were done, which happens after the node timeout. One that is
	// met already does not mind.
	harness.Until(t, "nodes that know each other", func() (bool, string) {
		all := true
		var vs views
		for _, s := range g.Nodes {
			v, err := viewOf(s)
			if err != nil {
				return false, err.Error()
			}
			vs = append(vs, v)
			for i, other := range g.Nodes {
				if _, ok := v.nodes[g.ids[i]]; !ok {
					all = false
					s.meet(other)
				}
			}
		}
		return all, vs.String()
	})
	for i, s := range g.Nodes[masters:] {
		master := g.ids[g.shard[masters+i]]
		harness.Until(t, "a replica that knows its master", func() (bool, string) {
			_, err := s.ask("CLUSTER", "REPLICATE", master)
			return err == nil, fmt.Sprint(err)
		})
	}
	g.WaitReady()
	return g
}

// meet tells a node of another.
func (s *Server) meet(other *Server) {
	s.t.Helper()
	s.must("CLUSTER", "MEET", other.Host, other.Port, other.busPort)
}

// Addrs are the addresses of all nodes.
func (g *ClusterGroup) Addrs() []string { return addrs(g.Nodes) }

// Client returns a client of the cluster, which the test's cleanup closes.
func (g *ClusterGroup) Client() *redis.ClusterClient {
	c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: g.Addrs(), Dialer: dialer(g.Nodes)})
	g.t.Cleanup(func() { _ = c.Close() })
	return c
}

// ID is what the nodes call a node: 40 hexadecimal digits, also after a restart.
func (g *ClusterGroup) ID(s *Server) string { return g.ids[g.index(s)] }

func (g *ClusterGroup) index(s *Server) int {
	g.t.Helper()
	for i, node := range g.Nodes {
		if node == s {
			return i
		}
	}
	g.t.Fatalf("redistest: %s is no node of this cluster", s.Addr())
	return -1
}

// byID returns nil for an ID that no node has.
func (g *ClusterGroup) byID(id string) *Server {
	for i, known := range g.ids {
		if id == known {
			return g.Nodes[i]
		}
	}
	return nil
}

// Masters returns the nodes that own slots, in the order of Nodes. A master that has failed is one until another took over.
func (g *ClusterGroup) Masters() []*Server {
	g.t.Helper()
	owns := map[string]bool{}
	for _, c := range g.claims() {
		owns[c.node] = true
	}
	var masters []*Server
	for i, s := range g.Nodes {
		if owns[g.ids[i]] {
			masters = append(masters, s)
		}
	}
	return masters
}

// MasterOf returns the node that owns a slot. A master that has failed does until another took over.
func (g *ClusterGroup) MasterOf(slot int) *Server {
	g.t.Helper()
	s := g.byID(g.claims()[slot].node)
	if s == nil {
		g.t.Fatalf("redistest: nobody owns slot %d", slot)
	}
	return s
}

// ReplicasOf returns the other nodes of a node's shard, whichever of them is the master.
func (g *ClusterGroup) ReplicasOf(s *Server) []*Server {
	g.t.Helper()
	var others []*Server
	for i, node := range g.Nodes {
		if node != s && g.shard[i] == g.shard[g.index(s)] {
			others = append(others, node)
		}
	}
	return others
}

// WaitFailover waits until another node of old's shard is its master, all nodes say so and call the cluster well. It returns
// the new master. Old is not asked, nor are nodes that were killed, paused or cut off.
func (g *ClusterGroup) WaitFailover(old *Server) *Server {
	g.t.Helper()
	var master *Server
	harness.Until(g.t, "a failover in the cluster", func() (bool, string) {
		views, state := g.views(old)
		if views == nil {
			return false, state
		}
		for _, s := range g.ReplicasOf(old) {
			if views.allSay(g.ID(s), "master") {
				master = s
			}
		}
		return master != nil, fmt.Sprint(views)
	})
	return master
}

// Failover has a replica take over from its master in good order (CLUSTER FAILOVER), and waits for it.
func (g *ClusterGroup) Failover(replica *Server) {
	g.t.Helper()
	replica.must("CLUSTER", "FAILOVER")
	harness.Until(g.t, "a failover on request", func() (bool, string) {
		views, state := g.views(nil)
		return views != nil && views.allSay(g.ID(replica), "master"), fmt.Sprint(state, views)
	})
}

// WaitReady waits until all nodes know all nodes, call the cluster well and agree on who owns which slot and who is whose
// replica, until none is taken for failed, and until each replica has a link to its master. Nodes that were killed, paused
// or cut off are left out.
func (g *ClusterGroup) WaitReady() {
	g.t.Helper()
	harness.Until(g.t, "a cluster in good order", func() (bool, string) {
		views, state := g.views(nil)
		if views == nil {
			return false, state
		}
		if err := g.agree(views); err != nil {
			return false, err.Error()
		}
		for _, s := range g.Nodes {
			if !s.present() {
				continue
			}
			answer, err := s.ask("INFO", "replication")
			if err != nil {
				return false, err.Error()
			}
			if infoField(answer, "role") == "slave" && infoField(answer, "master_link_status") != "up" {
				return false, fmt.Sprintf("%s: %v", s.Addr(), answer)
			}
		}
		return true, ""
	})
}

// agree says where the views of the nodes differ from each other or from good order.
func (g *ClusterGroup) agree(views views) error {
	for _, v := range views {
		if len(v.nodes) != len(g.Nodes) {
			return fmt.Errorf("%s knows %d nodes", v.of.Addr(), len(v.nodes))
		}
		for i, s := range g.Nodes {
			node, ok := v.nodes[g.ids[i]]
			first := views[0].nodes[g.ids[i]]
			switch {
			case !ok:
				return fmt.Errorf("%s does not know %s", v.of.Addr(), s.Addr())
			case node.master != first.master || node.slots != first.slots || node.has("master") != first.has("master"):
				return fmt.Errorf("%s and %s see %s otherwise", v.of.Addr(), views[0].of.Addr(), s.Addr())
			case s.present() && (node.has("fail") || node.has("fail?") || node.has("handshake")):
				return fmt.Errorf("%s says of %s: %v", v.of.Addr(), s.Addr(), node.flags)
			case i != g.shard[i] && node.slots == "" && node.master == "":
				return fmt.Errorf("%s does not see %s as a replica", v.of.Addr(), s.Addr())
			}
		}
	}
	return nil
}

// WaitInSync waits until every replica has what its master wrote until now, except those that were killed, paused or cut
// off.
func (g *ClusterGroup) WaitInSync() {
	g.t.Helper()
	for _, master := range g.Masters() {
		waitInSync(g.t, func() (*Server, string) { return master, "" }, g.ReplicasOf(master))
	}
}

// views asks every node that is present, but one, for its view. It returns none and the reason when one does not answer or
// does not call the cluster well.
func (g *ClusterGroup) views(but *Server) (views, string) {
	var all views
	for _, s := range g.Nodes {
		if s == but || !s.present() {
			continue
		}
		info, err := s.ask("CLUSTER", "INFO")
		if err != nil {
			return nil, err.Error()
		}
		if infoField(info, "cluster_state") != "ok" {
			return nil, fmt.Sprintf("%s: %v", s.Addr(), info)
		}
		v, err := viewOf(s)
		if err != nil {
			return nil, err.Error()
		}
		all = append(all, v)
	}
	if len(all) == 0 {
		return nil, "no node is present"
	}
	return all, ""
}

// claims says for each slot who owns it. Of nodes that see it differently, one may have been cut off; the highest epoch is
// the latest, as it is to them.
func (g *ClusterGroup) claims() []claim {
	g.t.Helper()
	claims := make([]claim, Slots)
	var errs []error
	for _, s := range g.Nodes {
		v, err := viewOf(s)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		v.claim(claims)
	}
	if len(errs) == len(g.Nodes) {
		g.t.Fatalf("redistest: no node says who owns which slot: %v", errors.Join(errs...))
	}
	return claims
}

// String shows the views as the nodes print them, for messages.
func (vs views) String() string {
	var b strings.Builder
	for _, v := range vs {
		fmt.Fprintf(&b, "%s:\n%s", v.of.Addr(), v.text)
	}
	return b.String()
}
