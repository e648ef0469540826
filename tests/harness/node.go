package harness

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// Node is one process of a router. Its Client speaks to it alone.
type Node struct {
	*Client
	// Process is nil until it was launched.
	*Process

	router *Router
	data   string // its directory
	number int
}

// Restart starts the node anew, after Stop or Kill, and waits until it is ready. It has another address then.
func (n *Node) Restart() {
	n.router.t.Helper()
	n.Launch()
	n.await()
}

// Launch starts the process and does not wait until it is ready: for tests of what keeps it from being so.
func (n *Node) Launch() {
	r := n.router
	r.t.Helper()
	args := []string{r.opts.Verb, "--listen", "127.0.0.1:0", "--data", n.data, "--log-format", "json"}
	if r.opts.Store != "" {
		args = append(args, "--store", r.opts.Store)
	}
	if r.ConfigFile != "" {
		args = append(args, "--config", r.ConfigFile)
	}
	n.Process = run(r.t, Command{
		Path: Binary(r.t), Args: append(args, r.opts.Args...), Env: r.opts.Env, Dir: filepath.Dir(n.data),
	}, r.Stdout, r.Stderr)
	if os.Getenv("GOCOVERDIR") != "" {
		// What is killed leaves no coverage, so it gets the time to end by itself. This runs before Run's cleanup.
		r.t.Cleanup(n.Process.end)
	}
}

// await waits until the node is ready.
func (n *Node) await() {
	r := n.router
	r.t.Helper()
	address := n.readyAddress()
	n.address(address)
	Until(r.t, "/readyz to answer 200", func() (bool, string) {
		answer, err := n.Try(http.MethodGet, "/readyz", nil, nil)
		if err != nil {
			return false, err.Error()
		}
		return answer.Status == http.StatusOK, answer.String()
	})
	if r.balancer != nil {
		r.balancer.join(n.number, address)
	}
}

// readyAddress waits for the line that says where the node answers: of the log, or for dev, of what it prints for people.
func (n *Node) readyAddress() string {
	r := n.router
	r.t.Helper()
	if r.opts.Verb == "dev" {
		const mark = "Signalbox is ready on http://"
		line := n.Stdout.WaitFor(r.t, mark)
		_, address, _ := strings.Cut(line, mark)
		return strings.TrimSpace(address)
	}
	var ready struct{ Message, Address string }
	n.Stderr.Wait(r.t, "the log line ready", 0, func(line string) bool {
		return json.Unmarshal([]byte(line), &ready) == nil && ready.Message == "ready"
	})
	return ready.Address
}

// Kill ends the node with SIGKILL, as a crash would.
func (n *Node) Kill() {
	n.Process.Kill()
	n.CloseIdleConnections()
}
