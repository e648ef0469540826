package harness

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// StopLimit is how long a router may take to end after SIGTERM.
const StopLimit = 10 * time.Second

// Options say how a router is started. The zero value is `router serve` without a file.
type Options struct {
	// Verb is serve (the default) or dev.
	Verb string
	// Config is the text of its YAML file, empty for none.
	Config string
	// ConfigFile is the path of a file that is there already, instead of Config.
	ConfigFile string
	// Args are further flags.
	Args []string
	// Env is added to its environment, as NAME=value.
	Env []string
}

// Router is a router that runs, with a data directory that lives as long as the test.
type Router struct {
	*Client
	*Process
	// ConfigFile is the path of its YAML file, empty if it has none.
	ConfigFile string

	t    testing.TB
	opts Options
	data string
}

// Start starts a router and waits until it is ready.
func Start(t testing.TB, opts Options) *Router {
	t.Helper()
	if opts.Verb == "" {
		opts.Verb = "serve"
	}
	dir := t.TempDir()
	r := &Router{t: t, opts: opts, data: filepath.Join(dir, "data"), ConfigFile: opts.ConfigFile, Client: newClient(t)}
	if opts.Config != "" {
		r.ConfigFile = filepath.Join(dir, "router.yaml")
		r.WriteConfig(opts.Config)
	}
	r.Restart()
	return r
}

// Restart starts the router anew, on the data it left, after Stop or Kill. It has another address then.
func (r *Router) Restart() {
	r.t.Helper()
	r.Launch()
	r.address(r.readyAddress())
	Until(r.t, "/readyz to answer 200", func() (bool, string) {
		answer, err := r.Try(http.MethodGet, "/readyz", nil, nil)
		if err != nil {
			return false, err.Error()
		}
		return answer.Status == http.StatusOK, answer.String()
	})
}

// Launch starts the process and does not wait until it is ready: for tests of what keeps it from being so.
func (r *Router) Launch() {
	r.t.Helper()
	args := []string{r.opts.Verb, "--listen", "127.0.0.1:0", "--data", r.data, "--log-format", "json"}
	if r.ConfigFile != "" {
		args = append(args, "--config", r.ConfigFile)
	}
	r.Process = Run(r.t, Command{
		Path: Binary(r.t), Args: append(args, r.opts.Args...), Env: r.opts.Env, Dir: filepath.Dir(r.data),
	})
	if os.Getenv("GOCOVERDIR") != "" {
		// What is killed leaves no coverage, so it gets the time to end by itself. This runs before Run's cleanup.
		r.t.Cleanup(r.Process.end)
	}
}

// readyAddress waits for the line that says where the router answers: of the log, or for dev, of what it prints for people.
func (r *Router) readyAddress() string {
	r.t.Helper()
	if r.opts.Verb == "dev" {
		const mark = "Signalbox is ready on http://"
		line := r.Stdout.WaitFor(r.t, mark)
		_, address, _ := strings.Cut(line, mark)
		return strings.TrimSpace(address)
	}
	var ready struct{ Message, Address string }
	r.Stderr.Wait(r.t, "the log line ready", 0, func(line string) bool {
		return json.Unmarshal([]byte(line), &ready) == nil && ready.Message == "ready"
	})
	return ready.Address
}

// Stop ends the router with SIGTERM. The test fails if that takes more than StopLimit or the exit code is not 0.
func (r *Router) Stop() time.Duration {
	r.t.Helper()
	code, took := r.Terminate(r.t, StopLimit)
	if code != 0 {
		r.t.Fatalf("the router ended with %d after SIGTERM; its log:\n%s", code, r.Stderr)
	}
	r.CloseIdleConnections()
	return took
}

// Kill ends the router with SIGKILL, as a crash would.
func (r *Router) Kill() {
	r.Process.Kill()
	r.CloseIdleConnections()
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
