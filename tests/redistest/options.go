package redistest

import (
	"strconv"
	"time"
)

// Options say how the data servers of a test are set up. The zero value is Redis as it is out of the box, except that a
// replica is given the data at once (repl-diskless-sync-delay 0) and that DEBUG is allowed.
type Options struct {
	// AppendOnly turns the append-only file on and is its appendfsync: "everysec" or "always". Empty is off.
	AppendOnly string
	// MaxMemory is maxmemory as Redis writes it, such as "64mb". Empty is no bound.
	MaxMemory string
	// Policy is the maxmemory-policy. Empty is noeviction.
	Policy string
	// NoSave turns snapshots off. What is not in an append-only file then ends with the process.
	NoSave bool
	// NodeTimeout is for how long a node may be silent before others take it for failed: cluster-node-timeout, and
	// down-after-milliseconds of Sentinel, for which it has to be 500 ms at least. Zero is one second.
	NodeTimeout time.Duration
	// Args are further arguments of the command line, such as "--min-replicas-to-write", "1". They win over the rest.
	Args []string
	// Namespace is where one server runs. Nil is the network of the test.
	Namespace *Namespace
	// Network is where a group runs: its i-th data server in the i-th namespace, with the i-th Sentinel. Namespaces that are
	// left over are the test's. It wins over Namespace; nil is the network of the test.
	Network *Network
}

// node is where the i-th server of a group runs, nil in the network of the test.
func (o Options) node(i int) *Namespace {
	if o.Network == nil {
		return o.Namespace
	}
	return o.Network.Nodes[i]
}

func (o Options) conf() []string {
	lines := []string{"repl-diskless-sync-delay 0", "enable-debug-command yes"}
	if o.AppendOnly != "" {
		lines = append(lines, "appendonly yes", "appendfsync "+o.AppendOnly)
	}
	if o.MaxMemory != "" {
		lines = append(lines, "maxmemory "+o.MaxMemory)
	}
	if o.Policy != "" {
		lines = append(lines, "maxmemory-policy "+o.Policy)
	}
	if o.NoSave {
		lines = append(lines, `save ""`)
	}
	return lines
}

// nodeTimeout is NodeTimeout in milliseconds, as Redis writes it.
func (o Options) nodeTimeout() string {
	d := o.NodeTimeout
	if d == 0 {
		d = time.Second
	}
	return strconv.FormatInt(d.Milliseconds(), 10)
}
