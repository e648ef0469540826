package redisstore

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// server is a redis-server of a test.
type server struct {
	addr string
	node *redis.Client // of the test itself
	args []string
	dir  string
	cmd  *exec.Cmd
}

var ports = struct {
	sync.Mutex
	given map[int]bool
}{given: map[int]bool{}}

// freePort returns a port that nobody has and that no other test of this process is given.
func freePort(t testing.TB) int {
	t.Helper()
	ports.Lock()
	defer ports.Unlock()
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		_ = l.Close()
		if !ports.given[port] {
			ports.given[port] = true
			return port
		}
	}
}

// start starts a redis-server with the given arguments beyond those that a test needs.
func start(t testing.TB, args ...string) *server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("redis-server is not installed")
	}
	port := freePort(t)
	s := &server{addr: "127.0.0.1:" + strconv.Itoa(port), dir: t.TempDir()}
	s.args = append([]string{
		"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", s.dir, "--save", "", "--appendonly", "no",
		"--repl-diskless-sync-delay", "0", "--logfile", filepath.Join(s.dir, "log"),
	}, args...)
	s.node = redis.NewClient(&redis.Options{Addr: s.addr, Protocol: 2, MaxRetries: -1})
	t.Cleanup(func() {
		_ = s.node.Close()
		s.kill()
		if log, err := os.ReadFile(filepath.Join(s.dir, "log")); err == nil && t.Failed() {
			t.Logf("log of %s:\n%s", s.addr, log[max(0, len(log)-2000):])
		}
	})
	s.run(t)
	return s
}

func (s *server) run(t testing.TB) {
	t.Helper()
	s.cmd = exec.Command("redis-server", s.args...)
	s.cmd.SysProcAttr = dieWithParent()
	var out bytes.Buffer
	s.cmd.Stdout, s.cmd.Stderr = &out, &out
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, s.addr+" answers", func() bool {
		err := s.node.Ping(t.Context()).Err()
		return err == nil || redis.IsAuthError(err)
	})
}

// kill ends the server as kill -9 does.
func (s *server) kill() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

// startReplica starts a replica of a server and waits until it follows.
func startReplica(t testing.TB, of *server, args ...string) *server {
	t.Helper()
	host, port, _ := net.SplitHostPort(of.addr)
	s := start(t, append([]string{"--replicaof", host + " " + port}, args...)...)
	eventually(t, "the replica follows", func() bool {
		return strings.Contains(s.node.Info(t.Context(), "replication").Val(), "master_link_status:up") &&
			strings.Contains(of.node.Info(t.Context(), "replication").Val(), "state=online")
	})
	return s
}

// startCluster starts a cluster of that many masters, among whom the slots are divided evenly, with a replica each if wanted.
func startCluster(t testing.TB, masters int, replicas bool, args ...string) []*server {
	t.Helper()
	ctx := t.Context()
	total := masters
	if replicas {
		total *= 2
	}
	nodes := make([]*server, total)
	for i := range nodes {
		nodes[i] = start(t, append([]string{
			"--cluster-enabled", "yes", "--cluster-node-timeout", "1500", "--cluster-port", strconv.Itoa(freePort(t)),
			"--cluster-replica-validity-factor", "0",
		}, args...)...)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, n := range nodes {
		if i < masters {
			must(n.node.ClusterAddSlotsRange(ctx, i*slotCount/masters, (i+1)*slotCount/masters-1).Err())
		}
		must(n.node.Do(ctx, "cluster", "set-config-epoch", i+1).Err())
		if i > 0 {
			host, port, _ := net.SplitHostPort(nodes[0].addr)
			must(n.node.Do(ctx, "cluster", "meet", host, port, nodes[0].args[argAt(nodes[0].args, "--cluster-port")]).Err())
		}
	}
	for _, n := range nodes {
		eventually(t, n.addr+" knows all nodes", func() bool {
			return strings.Count(n.node.ClusterNodes(ctx).Val(), " connected") == total
		})
	}
	for i, n := range nodes[masters:] {
		must(n.node.ClusterReplicate(ctx, nodes[i].id(t)).Err())
	}
	for _, n := range nodes {
		eventually(t, "the cluster stands", func() bool {
			info, list := n.node.ClusterInfo(ctx).Val(), n.node.ClusterNodes(ctx).Val()
			return strings.Contains(info, "cluster_state:ok") && strings.Count(list, "slave") == total-masters
		})
	}
	for _, n := range nodes[masters:] {
		eventually(t, "the replicas follow", func() bool {
			return strings.Contains(n.node.Info(ctx, "replication").Val(), "master_link_status:up")
		})
	}
	return nodes
}

func argAt(args []string, name string) int {
	for i, arg := range args {
		if arg == name {
			return i + 1
		}
	}
	return -1
}

func (s *server) id(t testing.TB) string {
	t.Helper()
	id, err := s.node.ClusterMyID(t.Context()).Result()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// eventually waits until something is so.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("after 20 seconds it is still not so that %s", what)
		}
	}
}

// testLibrary is what the tests call.
var testLibrary = Library{Name: "lt1", Code: `#!lua name=lt1
-- revision: 2
local function base(keys) return string.sub(keys[1], 1, -2) end
redis.register_function('lt1_set', function(keys, args)
	redis.call('SET', base(keys) .. args[1], args[2])
	return redis.call('INCR', base(keys) .. 'calls')
end)
redis.register_function{function_name='lt1_get', callback=function(keys, args)
	return redis.call('GET', base(keys) .. args[1])
end, flags={'no-writes'}}
redis.register_function('lt1_del', function(keys, args)
	return redis.call('DEL', base(keys) .. args[1])
end)
redis.register_function{function_name='lt1_ack', callback=function(keys, args)
	return redis.call('DEL', base(keys) .. args[1])
end, flags={'allow-oom'}}
redis.register_function('lt1_fail', function(keys, args) return redis.error_reply('SB DROPPED 7') end)
redis.register_function('lt1_bug', function(keys, args) return nosuch() end)
redis.register_function('lt1_shapes', function(keys, args)
	return {1, 'two', false, {3}, redis.call('TIME')}
end)
redis.register_function('lt1_wake', function(keys, args)
	return redis.call('SPUBLISH', base(keys) .. 'wake', args[1])
end)
`}

func (s *server) url() string { return "redis://" + s.addr }

func urlOf(nodes []*server) string {
	var addrs []string
	for _, n := range nodes {
		addrs = append(addrs, n.addr)
	}
	return "redis://" + strings.Join(addrs, ",")
}

// connect dials and closes at the end of the test.
func connect(t testing.TB, o Options) *client {
	t.Helper()
	if o.Log == nil {
		o.Log = func(_ LogLevel, text string) { t.Log(text) }
	}
	c, err := dial(t.Context(), o, testLibrary)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c
}

// pause stops the process without ending it, as a machine that hangs: its connections stay.
func (s *server) pause(t testing.TB) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
}

func (s *server) resume(t testing.TB) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
}

// beginMove puts a slot into the state in which it is migrated.
func beginMove(t testing.TB, from, to *server, slot int) {
	t.Helper()
	ctx := t.Context()
	if err := to.node.Do(ctx, "cluster", "setslot", slot, "importing", from.id(t)).Err(); err != nil {
		t.Fatal(err)
	}
	if err := from.node.Do(ctx, "cluster", "setslot", slot, "migrating", to.id(t)).Err(); err != nil {
		t.Fatal(err)
	}
}

// endMove moves the keys of a slot, and then the slot.
func endMove(t testing.TB, nodes []*server, from, to *server, slot int) {
	t.Helper()
	ctx := t.Context()
	host, port, _ := net.SplitHostPort(to.addr)
	for {
		keys, err := from.node.ClusterGetKeysInSlot(ctx, slot, 100).Result()
		if err != nil {
			t.Fatal(err)
		}
		if len(keys) == 0 {
			break
		}
		args := []any{"migrate", host, port, "", 0, 5000, "keys"}
		for _, key := range keys {
			args = append(args, key)
		}
		if err := from.node.Do(ctx, args...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	// The target first, so that the slot is never without an owner.
	for _, n := range append([]*server{to, from}, nodes...) {
		if err := n.node.Do(ctx, "cluster", "setslot", slot, "node", to.id(t)).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

func moveSlot(t testing.TB, nodes []*server, from, to *server, slot int) {
	t.Helper()
	beginMove(t, from, to, slot)
	endMove(t, nodes, from, to, slot)
}

// slotOfShard returns the hash slot of a shard of the default namespace.
func slotOfShard(shard int) int {
	return slotOf(strings.Trim(namesIn(DefaultNamespace).tags[shard], "{}"))
}
