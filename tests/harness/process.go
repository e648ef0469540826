package harness

import (
	"errors"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Process is a program that a test runs beside it.
type Process struct {
	Stdout, Stderr *Lines

	cmd *exec.Cmd
	// done is closed when the program has ended and its output is read; err is then its error.
	done chan struct{}
	err  error
}

// Command describes a program to run. Env is added to the environment of the tests.
type Command struct {
	Path string
	Args []string
	Dir  string
	Env  []string
}

// Run starts a program. When the test ends, the program is killed if it still runs, and what it printed is shown if the test
// failed.
func Run(t testing.TB, c Command) *Process {
	t.Helper()
	return run(t, c, nil, nil)
}

// run is Run, and what is printed is part of allOut and allErr too, if there are such.
func run(t testing.TB, c Command, allOut, allErr *Lines) *Process {
	t.Helper()
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Dir = c.Dir
	cmd.Env = append(os.Environ(), c.Env...)
	cmd.SysProcAttr = dieWithParent()
	cmd.WaitDelay = time.Second // a grandchild that keeps the pipes open must not hold up the test
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", c.Path, err)
	}
	p := &Process{Stdout: newLines(1, allOut), Stderr: newLines(1, allErr), cmd: cmd, done: make(chan struct{})}
	var outputs sync.WaitGroup
	outputs.Go(func() { p.Stdout.read(stdout) })
	outputs.Go(func() { p.Stderr.read(stderr) })
	go func() {
		defer close(p.done)
		outputs.Wait() // before Wait, which closes the pipes
		p.err = cmd.Wait()
	}()
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("%s %q printed:\n%s\n%s", c.Path, c.Args, tail(p.Stdout), tail(p.Stderr))
		}
	})
	return p
}

// tail is the end of what was printed: as much as somebody will read.
func tail(l *Lines) string {
	const most = 16 << 10
	s := l.String()
	if len(s) > most {
		s = "…" + s[len(s)-most:]
	}
	return s
}

// Running says whether the program has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Kill ends the program with SIGKILL and waits for its end. It may have ended before.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // an error says that it has ended
	<-p.done
}

// end sends SIGTERM and waits for the end, for at most StopLimit.
func (p *Process) end() {
	if p.cmd.Process.Signal(syscall.SIGTERM) != nil {
		return // it has ended
	}
	limit := time.NewTimer(StopLimit)
	defer limit.Stop()
	select {
	case <-p.done:
	case <-limit.C:
	}
}

// Terminate sends SIGTERM and waits for the end, for at most limit. It returns the exit code and how long it took, and
// fails the test if the program still runs after limit.
func (p *Process) Terminate(t testing.TB, limit time.Duration) (code int, took time.Duration) {
	t.Helper()
	start := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("sending SIGTERM: %v", err)
	}
	code = p.Wait(t, limit)
	return code, time.Since(start)
}

// Wait waits for the program to end by itself, for at most limit, and returns its exit code: -1 if a signal ended it.
func (p *Process) Wait(t testing.TB, limit time.Duration) int {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	select {
	case <-p.done:
	case <-deadline.C:
		t.Fatalf("%s still runs after %v", p.cmd.Path, limit)
	}
	if exit, ok := errors.AsType[*exec.ExitError](p.err); ok {
		return exit.ExitCode()
	}
	if p.err != nil {
		t.Fatalf("running %s: %v", p.cmd.Path, p.err)
	}
	return 0
}

// Output runs a program to its end and returns its exit code. The test fails when the program has printed no line for 2*Limit; one
// that prints as it goes along may take as long as it does.
func Output(t testing.TB, c Command) (code int, stdout, stderr string) {
	t.Helper()
	p := Run(t, c)
	for p.Running() {
		_, _, out := p.Stdout.from(0)
		_, _, err := p.Stderr.from(0)
		silence := time.NewTimer(2 * Limit)
		select {
		case <-p.done:
		case <-out:
		case <-err:
		case <-silence.C:
			t.Fatalf("%s still runs, and has printed nothing for %v", c.Path, 2*Limit)
		}
		silence.Stop()
	}
	return p.Wait(t, Limit), p.Stdout.String(), p.Stderr.String()
}
