package bench

import (
	"fmt"
	"io"
)

// progress tells what is being measured: on a terminal in one line that changes, else in a line per measurement. Without a
// writer it says nothing.
type progress struct {
	to       io.Writer
	terminal bool
	total    int

	begun   int
	current string
}

func (p *progress) begin(what string) {
	p.begun++
	p.current = what
	if p.terminal {
		p.line("[%d/%d] %s", p.begun, p.total, what)
	}
}

func (p *progress) done(r phase) {
	if p.to == nil || p.terminal {
		return
	}
	failed := ""
	if r.sample.Errors > 0 {
		failed = fmt.Sprintf(", %d errors", r.sample.Errors)
	}
	fmt.Fprintf(p.to, "[%d/%d] %s: %s %s messages/s%s\n", p.begun, p.total, p.current, r.name, thousands(r.sample.Rate), failed)
}

// end removes the line.
func (p *progress) end() {
	if p.terminal {
		p.line("")
	}
}

func (p *progress) line(format string, args ...any) {
	if p.to != nil {
		fmt.Fprintf(p.to, "\r\x1b[K"+format, args...)
	}
}
