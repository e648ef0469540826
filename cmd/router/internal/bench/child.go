package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// How long a child may take.
const (
	startLimit = 30 * time.Second
	stopLimit  = 15 * time.Second
)

// child is a server in a process of its own: the router, or a floor.
type child struct {
	cmd     *exec.Cmd
	address address
	debug   string // the address of its profiles, empty for none
	dir     string // of its data, removed at its end
	printed *tail
	cancel  context.CancelFunc
	// done is closed when the process has ended.
	done chan struct{}
}

// stop ends the process, waits for its end and removes its data.
func (c *child) stop() error {
	c.cancel()
	<-c.done
	return os.RemoveAll(c.dir)
}

// ended returns why the process ended, nil if it runs.
func (c *child) ended() error {
	select {
	case <-c.done:
		return fmt.Errorf("%s ended by itself (%s): %s", strings.Join(c.cmd.Args, " "), c.cmd.ProcessState, c.printed)
	default:
		return nil
	}
}

// launcher starts children.
type launcher struct {
	binary string // the router
	dir    string // to make their directories in, empty for the system's
}

// launch starts the binary with the arguments and a directory of its own. When ctx ends it is asked to end, and killed if it
// does not.
func (l launcher) launch(ctx context.Context, args func(dir string) ([]string, error), prepare func(*exec.Cmd) error) (*child, error) {
	dir, err := os.MkdirTemp(l.dir, "router-bench-")
	if err != nil {
		return nil, err
	}
	arguments, err := args(dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	ctx, cancel := context.WithCancel(ctx)
	c := &child{dir: dir, cancel: cancel, printed: &tail{}, done: make(chan struct{})}
	c.cmd = exec.CommandContext(ctx, l.binary, arguments...)
	c.cmd.Env = environment()
	c.cmd.Stderr = c.printed
	c.cmd.Cancel = func() error { return c.cmd.Process.Signal(syscall.SIGTERM) }
	c.cmd.WaitDelay = stopLimit
	if err = prepare(c.cmd); err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	go func() {
		defer close(c.done)
		_ = c.cmd.Wait() // how it ended is in its state
	}()
	return c, nil
}

// environment is this process's with the same number of processors for all, and without what would change the router's
// flags.
func environment() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "ROUTER_") && !strings.HasPrefix(v, "GOMAXPROCS=") {
			env = append(env, v)
		}
	}
	return append(env, fmt.Sprintf("GOMAXPROCS=%d", runtime.GOMAXPROCS(0)))
}

// router starts the router on an empty store. It listens on ports of its own choice, which its log tells: a port that was looked for
// before could be another's by the time it listens.
func (l launcher) router(ctx context.Context, profiles bool) (*child, error) {
	const anyPort = "127.0.0.1:0"
	c, err := l.launch(ctx, func(dir string) ([]string, error) {
		args := []string{"serve", "--data", filepath.Join(dir, "data"), "--listen", anyPort, "--log-level", "info", "--log-format", "json"}
		if profiles {
			args = append(args, "--debug-listen", anyPort)
		}
		return args, nil
	}, func(*exec.Cmd) error { return nil })
	if err != nil {
		return nil, err
	}
	if err := c.ready(ctx, profiles); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

// ready waits until the router is, and has its addresses from its log.
func (c *child) ready(ctx context.Context, profiles bool) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		listens := c.printed.address("ready")
		if profiles {
			c.debug = c.printed.address("profiles are served")
		}
		if listens != "" && (c.debug != "" || !profiles) {
			var err error
			c.address, err = parseAddress("http://" + listens)
			return err
		}
		select {
		case <-again.C:
		case <-c.done:
			return c.ended()
		case <-ctx.Done():
			return fmt.Errorf("the router was not ready in time: %w\n%s", ctx.Err(), c.printed)
		}
	}
}

// floor starts a floor: the bare one, or the one that syncs a file.
func (l launcher) floor(ctx context.Context, synced bool) (*child, error) {
	var stdin io.Closer
	stdout, toStdout, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer stdout.Close()
	c, err := l.launch(ctx, func(dir string) ([]string, error) {
		args := []string{"bench", "floor"}
		if synced {
			args = append(args, "--file", filepath.Join(dir, "bodies"))
		}
		return args, nil
	}, func(cmd *exec.Cmd) error {
		cmd.Stdout = toStdout
		var err error
		stdin, err = cmd.StdinPipe() // kept open: its end would end the floor. Wait closes it.
		return err
	})
	toStdout.Close()
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { stdout.Close() })
	defer stop()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err == nil {
		c.address, err = parseAddress("http://" + strings.TrimSpace(line))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the floor did not start: %w", err), stdin.Close(), c.stop(), errors.New(c.printed.String()))
	}
	return c, nil
}

// tail keeps the end of what a child printed, for when it failed.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// Write is io.Writer's.
func (t *tail) Write(p []byte) (int, error) {
	const most = 4 << 10
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if len(t.text) > 2*most {
		t.text = append(t.text[:0], t.text[len(t.text)-most:]...)
	}
	return len(p), nil
}

// String is what was kept.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}

// address is that of the first line of a log in JSON with the message, empty if there is none.
func (t *tail) address(message string) string {
	for line := range strings.Lines(t.String()) {
		var entry struct{ Message, Address string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Message == message {
			return entry.Address
		}
	}
	return ""
}
