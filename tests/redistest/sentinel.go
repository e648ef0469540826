package redistest

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

// SentinelGroup is a master and its replicas with three Sentinels that watch them and agree by two.
type SentinelGroup struct {
	// Name is what the Sentinels call the master.
	Name string
	// Servers are the data servers: the first was the master at the start.
	Servers   []*Server
	Sentinels []*Server

	t testing.TB
}

const (
	sentinels = 3
	quorum    = 2
)

// debug has a Sentinel do in a second what it does in ten, so that tests are short. Out of the box it asks for INFO every ten
// seconds, speaks to the others every two, and does nothing for 30 after its process stood still, which on a busy machine
// may be any time. It pings every second or as often as silence is a failure, whichever is shorter, and the first time
// after as long: with a limit of a second or less, every master that is new to it would seem to have failed.
var debug = []any{"SENTINEL", "DEBUG", "INFO-PERIOD", "500", "PUBLISH-PERIOD", "500", "PING-PERIOD", "300", "TILT-PERIOD", "1000"}

// Sentinel starts a master, its replicas and three Sentinels, and waits until the replicas are in sync and the Sentinels
// know all of them and each other.
func Sentinel(t testing.TB, replicas int, opts Options) *SentinelGroup {
	t.Helper()
	data := Replicated(t, replicas, opts)
	g := &SentinelGroup{t: t, Name: "signalbox", Servers: append([]*Server{data.Master}, data.Replicas...)}

	ids := make([]string, sentinels)
	for i := range ids {
		ids[i] = newID()
		g.Sentinels = append(g.Sentinels, prepare(t, "redis-sentinel", opts.node(i), nil, nil))
	}
	for i, s := range g.Sentinels {
		s.configure(g.conf(i, ids, opts)...)
		s.begin()
	}
	for _, s := range g.Sentinels {
		s.ready()
		s.must(debug...)
	}
	g.waitReady(replicas)
	return g
}

// conf is the configuration of the i-th Sentinel. It knows the others from the start, as after a restart: to find them
// out takes seconds.
func (g *SentinelGroup) conf(i int, ids []string, opts Options) []string {
	master := g.Servers[0]
	lines := []string{
		"sentinel myid " + ids[i],
		fmt.Sprintf("sentinel monitor %s %s %d %d", g.Name, master.Host, master.Port, quorum),
		fmt.Sprintf("sentinel down-after-milliseconds %s %s", g.Name, opts.nodeTimeout()),
		// How long until a failover that came to nothing is tried again: twice this.
		fmt.Sprintf("sentinel failover-timeout %s 3000", g.Name),
		fmt.Sprintf("sentinel parallel-syncs %s %d", g.Name, len(g.Servers)),
	}
	for _, r := range g.Servers[1:] {
		lines = append(lines, fmt.Sprintf("sentinel known-replica %s %s %d", g.Name, r.Host, r.Port))
	}
	for j, other := range g.Sentinels {
		if j != i {
			lines = append(lines, fmt.Sprintf("sentinel known-sentinel %s %s %d %s", g.Name, other.Host, other.Port, ids[j]))
		}
	}
	return lines
}

// newID makes up the identity of a Sentinel.
func newID() string {
	b := make([]byte, 20)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// waitReady waits until every Sentinel reaches enough of the others and all replicas.
func (g *SentinelGroup) waitReady(replicas int) {
	g.t.Helper()
	for _, s := range g.Sentinels {
		harness.Until(g.t, "a Sentinel that knows all", func() (bool, string) {
			if _, err := s.ask("SENTINEL", "CKQUORUM", g.Name); err != nil {
				return false, err.Error()
			}
			answer, err := s.ask("SENTINEL", "REPLICAS", g.Name)
			if err != nil {
				return false, err.Error()
			}
			list, _ := answer.([]any)
			linked := 0
			for _, one := range list {
				if fields, _ := one.(map[any]any); fields["flags"] == "slave" && fields["master-link-status"] == "ok" {
					linked++
				}
			}
			return linked == replicas, fmt.Sprint(answer)
		})
	}
}

// Addrs are the addresses of the Sentinels.
func (g *SentinelGroup) Addrs() []string { return addrs(g.Sentinels) }

// Client returns a client that finds the master through the Sentinels. The test's cleanup closes it.
func (g *SentinelGroup) Client() *redis.Client {
	c := redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName:    g.Name,
		SentinelAddrs: g.Addrs(),
		Dialer:        dialer(slices.Concat(g.Servers, g.Sentinels)),
	})
	g.t.Cleanup(func() { _ = c.Close() })
	return c
}

// Master returns the server that most of the Sentinels call the master.
func (g *SentinelGroup) Master() *Server {
	g.t.Helper()
	var master *Server
	harness.Until(g.t, "Sentinels that agree on a master", func() (bool, string) {
		var state string
		master, state = g.master()
		return master != nil, state
	})
	return master
}

// master returns nil and what the Sentinels said while there are not two that agree.
func (g *SentinelGroup) master() (master *Server, said string) {
	votes := map[*Server]int{}
	for _, sentinel := range g.Sentinels {
		answer, err := sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", g.Name)
		said += fmt.Sprintf("%s: %v %v; ", sentinel.Addr(), answer, err)
		for _, s := range g.Servers {
			if !isAddr(answer, s) {
				continue
			}
			if votes[s]++; votes[s] == quorum {
				master = s
			}
		}
	}
	return master, said
}

// WaitFailover waits until another server than old is the master: most of the Sentinels say so, and so does it. It returns
// that server.
func (g *SentinelGroup) WaitFailover(old *Server) *Server {
	g.t.Helper()
	var master *Server
	harness.Until(g.t, "a failover by Sentinel", func() (bool, string) {
		var state string
		master, state = g.master()
		if master == nil || master == old {
			return false, state
		}
		answer, err := master.ask("ROLE")
		role, _ := answer.([]any)
		return err == nil && len(role) > 0 && role[0] == "master", fmt.Sprint(state, answer, err)
	})
	return master
}

// Failover tells a Sentinel to make a replica the master without the old one's having failed, waits for it, and returns the
// new master. It tells it again when nothing came of it: another Sentinel that has not heard of it yet may turn the chosen
// replica back into one.
func (g *SentinelGroup) Failover() *Server {
	g.t.Helper()
	old := g.Master()
	harness.Until(g.t, "a failover on request", func() (bool, string) {
		for _, s := range g.Sentinels {
			if !s.present() {
				continue
			}
			answer, err := s.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", g.Name)
			if err != nil {
				return false, err.Error()
			}
			if !isAddr(answer, old) {
				return true, ""
			}
			_, err = s.ask("SENTINEL", "FAILOVER", g.Name) // one that is under way is an error
			return false, fmt.Sprint(err)
		}
		return false, "no Sentinel is present"
	})
	return g.WaitFailover(old)
}

// isAddr says whether an answer is the address of a server: a list of host and port.
func isAddr(answer any, s *Server) bool {
	addr, _ := answer.([]any)
	return len(addr) == 2 && addr[0] == s.Host && addr[1] == strconv.Itoa(s.Port)
}

// WaitInSync waits until every other server is a replica of the master and has what the master wrote until now,
// except those that were killed, paused or cut off.
func (g *SentinelGroup) WaitInSync() {
	g.t.Helper()
	waitInSync(g.t, g.master, g.Servers)
}

func addrs(servers []*Server) []string {
	list := make([]string, len(servers))
	for i, s := range servers {
		list[i] = s.Addr()
	}
	return list
}
