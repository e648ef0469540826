package redistest

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// Network is a network of its own, which the rest of the machine neither sees nor reaches: network namespaces that stand
// for machines, each with a cable to one bridge, which is in a namespace of its own too. A cable can be pulled.
type Network struct {
	// Nodes are the namespaces, in the order of their addresses.
	Nodes []*Namespace

	t   testing.TB
	hub string // the namespace of the bridges
}

// Namespace is a network namespace with an address of its own.
type Namespace struct {
	// Name is what `ip netns` calls it.
	Name string
	// IP is its IPv4 address.
	IP string

	ports atomic.Int32 // how many were given to servers
	away  atomic.Bool  // it is cut off, or on the other side of a split
}

const (
	bridge = "whole" // which joins the nodes
	other  = "other" // which joins those on the other side of a split
)

// Namespaces makes a network of n namespaces; the test's cleanup removes it. It needs root and the command ip, and skips
// the test where they are not to be had.
func Namespaces(t testing.TB, n int) *Network {
	t.Helper()
	if containers() {
		t.Skip("redistest: networks that come apart are for processes, not for containers")
	}
	if os.Geteuid() != 0 {
		t.Skip("redistest: to make network namespaces takes root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skipf("redistest: to make network namespaces takes ip: %v", err)
	}
	removeOrphans()
	w := &Network{t: t}
	prefix := w.claim()
	w.ip("-n", w.hub, "link", "add", bridge, "up", "type", "bridge")
	w.ip("-n", w.hub, "link", "add", other, "up", "type", "bridge")
	for i := range n {
		node := &Namespace{Name: fmt.Sprintf("%s-%d", prefix, i), IP: fmt.Sprintf("10.0.%d.%d", i/250, 1+i%250)}
		w.ip("netns", "add", node.Name)
		t.Cleanup(func() { remove(t, node.Name) })
		w.ip("-n", w.hub, "link", "add", cable(i), "type", "veth", "peer", "name", "eth0", "netns", node.Name)
		w.ip("-n", w.hub, "link", "set", cable(i), "master", bridge, "up")
		w.ip("-n", node.Name, "address", "add", node.IP+"/16", "dev", "eth0")
		w.ip("-n", node.Name, "link", "set", "eth0", "up")
		w.ip("-n", node.Name, "link", "set", "lo", "up")
		w.Nodes = append(w.Nodes, node)
	}
	return w
}

// namePrefix begins the names of all namespaces of all test processes; the number of the process follows.
const namePrefix = "signalbox-"

// claim makes the namespace of the bridges and returns what the names of the others begin with. That the system has every
// name once tells the networks of a process apart.
func (w *Network) claim() (prefix string) {
	w.t.Helper()
	var out []byte
	for k := range 100 {
		prefix = fmt.Sprintf("%s%d-%d", namePrefix, os.Getpid(), k)
		hub := prefix + "-hub"
		var err error
		if out, err = exec.Command("ip", "netns", "add", hub).CombinedOutput(); err == nil {
			w.hub = hub
			w.t.Cleanup(func() { remove(w.t, hub) })
			return prefix
		}
	}
	w.t.Skipf("redistest: this machine makes no network namespaces: %s", out)
	return ""
}

// removeOrphans removes the namespaces of test processes that were killed.
func removeOrphans() {
	out, err := exec.Command("ip", "netns", "list").Output()
	if err != nil {
		return // there will be a reason to skip
	}
	for line := range strings.Lines(string(out)) {
		name := strings.Fields(line)[0]
		rest, ours := strings.CutPrefix(name, namePrefix)
		pid, _, _ := strings.Cut(rest, "-")
		if _, err := strconv.Atoi(pid); !ours || err != nil || alive(pid) {
			continue
		}
		_ = exec.Command("ip", "netns", "delete", name).Run() // another test process may have been first
	}
}

// alive says whether there is a process with the number pid.
func alive(pid string) bool {
	_, err := os.Stat("/proc/" + pid)
	return err == nil
}

func remove(t testing.TB, name string) {
	if out, err := exec.Command("ip", "netns", "delete", name).CombinedOutput(); err != nil {
		t.Errorf("redistest: removing the network namespace %s: %v: %s", name, err, out)
	}
}

// cable is the end at the bridge of the cable of the i-th node.
func cable(i int) string { return fmt.Sprintf("node%d", i) }

func (w *Network) ip(args ...string) {
	w.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		w.t.Fatalf("redistest: ip %v: %v: %s", args, err, out)
	}
}

// Cut pulls the cable of the i-th node: what it sends and what is sent to it is lost without a word, connections stay.
func (w *Network) Cut(i int) {
	w.t.Helper()
	w.ip("-n", w.hub, "link", "set", cable(i), "down")
	w.Nodes[i].away.Store(true)
}

// Split puts nodes on a side of their own: they reach each other, but not the rest, nor the rest them. Those that an
// earlier Split put there are joined.
func (w *Network) Split(nodes ...int) {
	w.t.Helper()
	for _, i := range nodes {
		w.ip("-n", w.hub, "link", "set", cable(i), "master", other)
		w.Nodes[i].away.Store(true)
	}
}

// Heal undoes Cut and Split for the i-th node. What was sent meanwhile on connections that are still there arrives when it
// is sent again, which may take as long as the node was away.
func (w *Network) Heal(i int) {
	w.t.Helper()
	w.ip("-n", w.hub, "link", "set", cable(i), "master", bridge, "up")
	w.Nodes[i].away.Store(false)
}

// Command is a program to run in the namespace. It dies with the tests, as the leader of a process group (on Linux).
func (n *Namespace) Command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command("ip", append([]string{"netns", "exec", n.Name, name}, args...)...)
	cmd.SysProcAttr = ownGroup()
	return cmd
}

// freePort returns a port of the namespace that no other server was given.
func (n *Namespace) freePort() int { return 6378 + int(n.ports.Add(1)) }
