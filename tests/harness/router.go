package harness

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// StopLimit is how long a router may take to end after SIGTERM.
const StopLimit = 10 * time.Second

// Options say how a router is started. The zero value is `router serve` without a file, on the store that the environment
// asks for: see Store.
type Options struct {
	// Verb is serve (the default) or dev.
	Verb string
	// Config is the text of its YAML file, empty for none.
	Config string
	// ConfigFile is the path of a file that is there already, instead of Config.
	ConfigFile string
	// Data is the directory of its embedded store, instead of one of its own.
	Data string
	// Args are further flags.
	Args []string
	// Env is added to its environment, as NAME=value.
	Env []string
	// Store is its --store. Empty is what the environment asks for.
	Store string
	// Nodes is how many processes it has, which need a store that they can share. Zero is 3 with serve where the environment asks
	// for such a store, otherwise 1.
	Nodes int
}

// Router is a router that runs, as one node or several. What it keeps lives as long as the test. Of several nodes the
// Client speaks to one after the other, request by request, and so does whoever uses its URL.
type Router struct {
	*Client
	Nodes []*Node
	// Stdout and Stderr are what all nodes printed since all of them were started, line by line as it came.
	Stdout, Stderr *Lines
	// ConfigFile is the path of its YAML file, empty if it has none.
	ConfigFile string

	t        testing.TB
	opts     Options
	balancer *balancer // nil with one node
}

// Start starts a router and waits until it is ready.
func Start(t testing.TB, opts Options) *Router {
	t.Helper()
	if opts.Verb == "" {
		opts.Verb = "serve"
	}
	if s := shared(t); opts.Store == "" && s != nil {
		opts.Store = s.Start(t)
		if opts.Nodes == 0 && opts.Verb == "serve" {
			opts.Nodes = nodes
		}
	}
	dir := t.TempDir()
	r := &Router{t: t, opts: opts, ConfigFile: opts.ConfigFile}
	for i := range max(opts.Nodes, 1) {
		r.Nodes = append(r.Nodes, &Node{Client: newClient(t), router: r, data: filepath.Join(dir, fmt.Sprint("data", i)), number: i})
	}
	r.Client = r.Nodes[0].Client
	if opts.Data != "" {
		r.Nodes[0].data = opts.Data
	}
	if len(r.Nodes) > 1 {
		r.Client = newClient(t)
		r.balancer = startBalancer(t, len(r.Nodes))
		r.address(r.balancer.address)
	}
	if opts.Config != "" {
		r.ConfigFile = filepath.Join(dir, "router.yaml")
		r.WriteConfig(opts.Config)
	}
	r.Restart()
	return r
}

// Only returns the router with a Client that speaks to one node.
func (r *Router) Only(node int) *Router {
	one := *r
	one.Client = r.Nodes[node].Client
	return &one
}

// Restart starts the nodes that do not run anew, on what the router left, and waits until all are ready. A router of one
// node has another address then.
func (r *Router) Restart() {
	r.t.Helper()
	for _, n := range r.launch() {
		n.await()
	}
}

// Launch starts the nodes that do not run and does not wait until they are ready: for tests of what keeps them from being so.
func (r *Router) Launch() {
	r.t.Helper()
	r.launch()
}

func (r *Router) launch() (launched []*Node) {
	r.t.Helper()
	if len(r.running()) == 0 {
		r.Stdout, r.Stderr = newLines(0, nil), newLines(0, nil)
	}
	for _, n := range r.Nodes {
		if n.Process == nil || !n.Running() {
			n.Launch()
			launched = append(launched, n)
		}
	}
	return launched
}

func (r *Router) running() (running []*Node) {
	for _, n := range r.Nodes {
		if n.Process != nil && n.Running() {
			running = append(running, n)
		}
	}
	return running
}

// Wait waits for all nodes to end by themselves, for at most limit each, and returns their exit code, which must be the same.
func (r *Router) Wait(limit time.Duration) (code int) {
	r.t.Helper()
	for i, n := range r.Nodes {
		got := n.Process.Wait(r.t, limit)
		if i > 0 && got != code {
			r.t.Fatalf("node %d ended with %d, those before it with %d", i, got, code)
		}
		code = got
	}
	return code
}

// Stop ends all nodes that run with SIGTERM, at the same time. The test fails if that takes more than StopLimit or an exit
// code is not 0.
func (r *Router) Stop() time.Duration {
	r.t.Helper()
	running := r.running()
	start := time.Now()
	var ending sync.WaitGroup
	for _, n := range running {
		ending.Go(n.end)
	}
	ending.Wait()
	took := time.Since(start)
	for _, n := range running {
		n.ended()
	}
	r.CloseIdleConnections()
	return took
}

// Stop ends the node with SIGTERM. The test fails if that takes more than StopLimit or the exit code is not 0.
func (n *Node) Stop() time.Duration {
	n.router.t.Helper()
	start := time.Now()
	n.end()
	n.ended()
	return time.Since(start)
}

// ended fails the test if the node still runs, or did not end well.
func (n *Node) ended() {
	t := n.router.t
	t.Helper()
	if n.Running() {
		t.Fatalf("the router still runs %v after SIGTERM", StopLimit)
	}
	if code := n.Process.Wait(t, StopLimit); code != 0 {
		t.Fatalf("the router ended with %d after SIGTERM; its log:\n%s", code, n.Stderr)
	}
	n.CloseIdleConnections()
}

// Kill ends all nodes with SIGKILL, as a crash would.
func (r *Router) Kill() {
	var ending sync.WaitGroup
	for _, n := range r.running() {
		ending.Go(n.Kill)
	}
	ending.Wait()
	r.CloseIdleConnections()
}

// Metrics returns the metrics of all nodes, one after the other.
func (r *Router) Metrics() string {
	r.t.Helper()
	var all strings.Builder
	for _, n := range r.Nodes {
		answer := n.Do(http.MethodGet, "/metrics", nil, "")
		if answer.Status != http.StatusOK {
			r.t.Fatalf("/metrics: %s", answer)
		}
		all.Write(answer.Body)
	}
	return all.String()
}

// WriteConfig replaces the router's file as editors do: a new file takes the old one's name.
func (r *Router) WriteConfig(text string) {
	r.t.Helper()
	if err := os.WriteFile(r.ConfigFile+".new", []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Rename(r.ConfigFile+".new", r.ConfigFile); err != nil {
		r.t.Fatal(err)
	}
}
