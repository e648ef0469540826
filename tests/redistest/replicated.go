package redistest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

// Group is a master and its replicas. Nobody promotes a replica but the test.
type Group struct {
	Master   *Server
	Replicas []*Server

	t testing.TB
}

// Replicated starts a master and its replicas, and waits until all of them are in sync.
func Replicated(t testing.TB, replicas int, opts Options) *Group {
	t.Helper()
	g := &Group{t: t, Master: newServer(t, opts, 0)}
	g.Master.begin()
	for i := range replicas {
		r := newServer(t, opts, 1+i, fmt.Sprintf("replicaof %s %d", g.Master.Host, g.Master.Port))
		r.begin()
		g.Replicas = append(g.Replicas, r)
	}
	g.Master.ready()
	for _, r := range g.Replicas {
		r.ready()
	}
	g.WaitInSync()
	return g
}

// WaitInSync waits until every replica has what the master wrote until now and is online to it, except those that were killed,
// paused or cut off.
func (g *Group) WaitInSync() {
	g.t.Helper()
	waitInSync(g.t, func() (*Server, string) { return g.Master, "" }, g.Replicas)
}

// waitInSync waits until those of the servers that are present follow the master and have what it wrote until now. If another
// becomes the master meanwhile, that one counts, from then on. While there is none, master says what there is.
func waitInSync(t testing.TB, master func() (*Server, string), servers []*Server) {
	t.Helper()
	var (
		leader *Server
		offset int // of what leader had written when it was first seen
	)
	harness.Until(t, "replicas in sync", func() (bool, string) {
		now, state := master()
		if now == nil {
			return false, state
		}
		if now != leader {
			answer, err := now.ask("INFO", "replication")
			if err != nil {
				return false, err.Error()
			}
			if role := infoField(answer, "role"); role != "master" {
				return false, now.Addr() + " is a " + role
			}
			if offset, err = strconv.Atoi(infoField(answer, "master_repl_offset")); err != nil {
				return false, err.Error()
			}
			leader = now
		}
		for _, s := range servers {
			if s == leader || !s.present() {
				continue
			}
			if ok, state := follows(s, leader, offset); !ok {
				return false, fmt.Sprintf("%s should follow %s to %d: %s", s.Addr(), leader.Addr(), offset, state)
			}
		}
		return true, ""
	})
}

func follows(s, master *Server, offset int) (ok bool, state string) {
	answer, err := s.ask("INFO", "replication")
	if err != nil {
		return false, err.Error()
	}
	got, _ := strconv.Atoi(infoField(answer, "slave_repl_offset"))
	if infoField(answer, "master_host") != master.Host ||
		infoField(answer, "master_port") != strconv.Itoa(master.Port) ||
		infoField(answer, "master_link_status") != "up" ||
		got < offset {
		return false, fmt.Sprint(answer)
	}
	// The master may not count it among its replicas yet.
	answer, err = master.ask("INFO", "replication")
	if err != nil {
		return false, err.Error()
	}
	online := fmt.Sprintf(":ip=%s,port=%d,state=online,", s.Host, s.Port)
	return strings.Contains(fmt.Sprint(answer), online), fmt.Sprint(answer)
}
