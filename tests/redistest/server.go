package redistest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

// Server is one Redis server, or one Sentinel. Its methods may be called from several goroutines; those that can fail the
// test belong to the goroutine of the test.
type Server struct {
	// Host and Port are where it listens, also after a Restart.
	Host string
	Port int
	// busPort is where the nodes of a cluster speak to each other; 0 outside of one.
	busPort int
	// Dir holds its configuration, its data and its log.
	Dir string

	t       testing.TB
	program string   // redis-server or redis-sentinel
	args    []string // after the name of the configuration
	node    *Namespace

	mu     sync.Mutex // guards what follows
	run    runner     // nil before the first start
	paused bool
	// client is for Do. Each start makes it anew: the old one may hold back from a server that it found dead.
	client *redis.Client
}

// runner is a server that was started: a process or a container. Its methods are called one at a time.
type runner interface {
	// kill ends it without letting it know, and waits for its end.
	kill() error
	// pause stops it where it is, resume lets it go on.
	pause() error
	resume() error
	running() bool
	// pid is the number of the process as this machine sees it.
	pid() int
	// remove frees what is left of it after its end, except the files in its directory.
	remove()
}

// Start starts one server and waits until it answers.
func Start(t testing.TB, opts Options) *Server {
	t.Helper()
	s := newServer(t, opts, 0)
	s.begin()
	s.ready()
	return s
}

// newServer prepares the i-th data server of a group; conf are lines of configuration besides those of opts.
func newServer(t testing.TB, opts Options, i int, conf ...string) *Server {
	t.Helper()
	return prepare(t, "redis-server", opts.node(i), append(opts.conf(), conf...), opts.Args)
}

// prepare gives a server its place and its configuration. The caller starts it.
func prepare(t testing.TB, program string, node *Namespace, conf, args []string) *Server {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Fatalf("redistest: no %s on this machine: run `make test-setup` (%v)", program, err)
	}
	s := &Server{t: t, program: program, args: args, node: node, Dir: t.TempDir(), Host: "127.0.0.1"}
	if node != nil {
		s.Host = node.IP
	}
	s.Port = s.freePort()
	conf = append([]string{
		"bind " + s.Host,
		"protected-mode no", // or another address than the loopback's wants a password
		"port " + strconv.Itoa(s.Port),
		"dir " + strconv.Quote(s.Dir),
		"logfile " + strconv.Quote(s.logFile()),
		"daemonize no",
	}, conf...)
	s.configure(conf...)
	t.Cleanup(s.end)
	return s
}

// freePort returns a port at the server's address that nobody uses, claimed until the end of the test.
func (s *Server) freePort() int {
	s.t.Helper()
	if s.node != nil {
		return s.node.freePort()
	}
	return FreePort(s.t)
}

// configure adds lines to the configuration, for the next start.
func (s *Server) configure(lines ...string) {
	s.t.Helper()
	f, err := os.OpenFile(s.confFile(), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		s.t.Fatal(err)
	}
	_, err = f.WriteString(strings.Join(lines, "\n") + "\n")
	if err := errors.Join(err, f.Close()); err != nil {
		s.t.Fatal(err)
	}
}

func (s *Server) confFile() string    { return filepath.Join(s.Dir, "redis.conf") }
func (s *Server) logFile() string     { return filepath.Join(s.Dir, "redis.log") }
func (s *Server) arguments() []string { return append([]string{s.confFile()}, s.args...) }

// begin starts the server and does not wait for it.
func (s *Server) begin() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	run, err := s.start()
	if err != nil {
		s.t.Fatalf("redistest: starting %s: %v", s.program, err)
	}
	s.run, s.paused = run, false
	if s.client != nil {
		_ = s.client.Close()
	}
	s.client = s.newClient()
}

func (s *Server) start() (runner, error) {
	if containers() {
		return startContainer(s)
	}
	return startProcess(s)
}

// ready waits until the server answers PING: it listens and has loaded its data.
func (s *Server) ready() {
	s.t.Helper()
	var last error
	limit := time.NewTimer(harness.Limit)
	defer limit.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if last = s.ping(); last == nil {
			return
		}
		select {
		case <-tick.C:
		case <-limit.C:
			s.t.Fatalf("redistest: %s does not answer after %v: %v", s.Addr(), harness.Limit, last)
		}
		if !s.runs() {
			s.t.Fatalf("redistest: %s at %s ended instead of answering; it said:\n%s", s.program, s.Addr(), s.log())
		}
	}
}

// ping asks on a connection of its own, because a client's pool waits a second after dials that failed.
func (s *Server) ping() error {
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Second)
	defer cancel()
	conn, err := s.dial(ctx, "tcp", s.Addr())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return err
	}
	if answer != "+PONG\r\n" {
		return errors.New(strings.TrimSpace(answer))
	}
	return nil
}

// end is the cleanup.
func (s *Server) end() {
	if s.t.Failed() {
		s.t.Logf("%s at %s, in %s, logged:\n%s", s.program, s.Addr(), s.Dir, s.log())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run != nil {
		_ = s.run.kill() // it may have ended
		s.run.remove()
	}
	if s.client != nil {
		_ = s.client.Close()
	}
}

// log is the end of what the server logged: as much as somebody will read.
func (s *Server) log() string {
	const most = 16 << 10
	b, err := os.ReadFile(s.logFile())
	if err != nil {
		return err.Error()
	}
	if len(b) > most {
		return "…" + string(b[len(b)-most:])
	}
	return string(b)
}

// Addr is the host and the port as one, for dialing.
func (s *Server) Addr() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// PID is the number of its process, as this machine sees it. It changes with a Restart.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.run.pid()
}

// runs says whether there is a process, be it paused.
func (s *Server) runs() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.run != nil && s.run.running()
}

// present says whether the server answers and, where there is a [Network], is not cut off.
func (s *Server) present() bool {
	return s.answers() && (s.node == nil || !s.node.away.Load())
}

// answers says whether the server runs and is not paused.
func (s *Server) answers() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.run != nil && s.run.running() && !s.paused
}

// Kill ends the server with SIGKILL and waits for its end. It may have ended before.
func (s *Server) Kill() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.run.kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.t.Errorf("redistest: killing %s: %v", s.Addr(), err)
	}
}

// Pause stops the server with SIGSTOP: its connections stay, and the system still accepts new ones, but nobody answers.
func (s *Server) Pause() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.run.pause(); err != nil {
		s.t.Fatalf("redistest: pausing %s: %v", s.Addr(), err)
	}
	s.paused = true
}

// Resume lets a paused server go on, with SIGCONT. It does not know that time has passed until it looks.
func (s *Server) Resume() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.run.resume(); err != nil {
		s.t.Fatalf("redistest: resuming %s: %v", s.Addr(), err)
	}
	s.paused = false
}

// Restart starts the server again where it was, with what is in its directory, and waits until it answers. A server that
// runs is killed first.
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	s.mu.Lock()
	s.run.remove()
	s.mu.Unlock()
	s.begin()
	s.ready()
}

// Do sends one command, once, and returns the answer as go-redis has it: redis.Nil is the error of a null. It waits as long
// as ctx lets it.
func (s *Server) Do(ctx context.Context, args ...any) (any, error) {
	s.mu.Lock()
	client := s.client
	s.mu.Unlock()
	return client.Do(ctx, args...).Result()
}

// must is Do for commands that have to succeed soon.
func (s *Server) must(args ...any) any {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), harness.Limit)
	defer cancel()
	answer, err := s.Do(ctx, args...)
	if err != nil {
		s.t.Fatalf("redistest: %s: %v: %v", s.Addr(), args, err)
	}
	return answer
}

// ask is Do for questions that are asked again and again: a server that does not answer soon is as good as none.
func (s *Server) ask(args ...any) (any, error) {
	if !s.answers() {
		return nil, fmt.Errorf("%s does not run", s.Addr())
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Second)
	defer cancel()
	return s.Do(ctx, args...)
}

// dial connects from where the server is: a test reaches it also when it is cut off.
func (s *Server) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if s.node != nil {
		return s.node.DialContext(ctx, network, addr)
	}
	return (&net.Dialer{Timeout: time.Second}).DialContext(ctx, network, addr)
}

// dialer connects to each of the servers from where it is.
func dialer(servers []*Server) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		for _, s := range servers {
			if s.Addr() == addr {
				return s.dial(ctx, network, addr)
			}
		}
		return nil, fmt.Errorf("no server of this test is at %s", addr)
	}
}

// Client returns a client of this server alone, which the test's cleanup closes. It tries each command once.
func (s *Server) Client() *redis.Client {
	c := s.newClient()
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

func (s *Server) newClient() *redis.Client {
	return redis.NewClient(&redis.Options{
		Addr:                  s.Addr(),
		MaxRetries:            -1,
		ContextTimeoutEnabled: true,
		Dialer:                s.dial,
		ReadTimeout:           -1, // the context's
	})
}

// Info returns a field of INFO section, such as "replication" and "master_link_status", and an empty text when there is
// none.
func (s *Server) Info(section, field string) string {
	s.t.Helper()
	return infoField(s.must("INFO", section), field)
}

func infoField(answer any, field string) string {
	text, _ := answer.(string)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && name == field {
			return value
		}
	}
	return ""
}
