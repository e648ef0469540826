package app

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// printer writes lines from a buffer, so that a terminal that is paused keeps nobody waiting. Lines that come while the
// buffer is full are left out, and a mark says how many.
type printer struct {
	out io.Writer

	mu sync.Mutex // guards what follows
	// lines are those to be written, bytes their size, left how many were left out after the last of them.
	lines []string
	bytes int
	left  int
	ended bool
	more  chan struct{} // has an element when there is something to look at
}

const (
	maxLines     = 1000
	maxLineBytes = 1 << 20
	// flushTime bounds how long the end waits for a terminal that does not take what is left.
	flushTime = time.Second
)

func newPrinter(out io.Writer) *printer { return &printer{out: out, more: make(chan struct{}, 1)} }

// print adds a line, or lines. It does not block.
func (p *printer) print(line string) {
	p.mu.Lock()
	if len(p.lines) >= maxLines || p.bytes+len(line) > maxLineBytes {
		p.left++
	} else {
		p.mark()
		p.lines = append(p.lines, line)
		p.bytes += len(line)
	}
	p.mu.Unlock()
	p.wake()
}

// mark puts a mark for the lines that were left out behind those that were not.
func (p *printer) mark() {
	if p.left > 0 {
		mark := fmt.Sprintf("… %d lines left out", p.left)
		p.lines, p.bytes, p.left = append(p.lines, mark), p.bytes+len(mark), 0
	}
}

func (p *printer) wake() {
	select {
	case p.more <- struct{}{}:
	default:
	}
}

// take returns the next line, and whether there is one; ended says that there will be no more.
func (p *printer) take() (line string, ok, ended bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.lines) == 0 {
		p.mark()
	}
	if len(p.lines) == 0 {
		return "", false, p.ended
	}
	line = p.lines[0]
	p.lines[0] = ""
	p.lines = p.lines[1:]
	p.bytes -= len(line)
	return line, true, false
}

// start writes what is printed, and what was before. end writes what is left, for up to a second, and returns; it must be
// called.
func (p *printer) start() (end func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			line, ok, ended := p.take()
			switch {
			case ok:
				_, _ = io.WriteString(p.out, line+"\n") // a closed terminal is no reason to stop
			case ended:
				return
			default:
				<-p.more
			}
		}
	}()
	return func() {
		p.mu.Lock()
		p.ended = true
		p.mu.Unlock()
		p.wake()
		limit := time.NewTimer(flushTime)
		defer limit.Stop()
		select {
		case <-done:
		case <-limit.C: // the process ends, whatever the terminal does
		}
	}
}
