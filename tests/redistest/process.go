package redistest

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// process runs a server as a process of its own, the leader of a process group: a signal reaches the children too that
// write its snapshots.
type process struct {
	cmd *exec.Cmd
	// done is closed when the process has ended.
	done chan struct{}
}

func startProcess(s *Server) (*process, error) {
	program, err := exec.LookPath(s.program)
	if err != nil {
		return nil, err
	}
	// What it says before it has read where its log is goes to the same file.
	out, err := os.OpenFile(s.logFile(), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }()
	cmd := exec.Command(program, s.arguments()...)
	if s.node != nil {
		cmd = s.node.Command(program, s.arguments()...)
	}
	cmd.Dir = filepath.Dir(s.logFile())
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = ownGroup()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		_ = cmd.Wait() // how it ended is in the log
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

func (p *process) signal(sig syscall.Signal) error {
	if !p.running() {
		return os.ErrProcessDone
	}
	return syscall.Kill(-p.pid(), sig)
}

func (p *process) kill() error {
	err := p.signal(syscall.SIGKILL)
	<-p.done
	return err
}

func (p *process) pause() error  { return p.signal(syscall.SIGSTOP) }
func (p *process) resume() error { return p.signal(syscall.SIGCONT) }
func (p *process) remove()       {}
