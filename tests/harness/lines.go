package harness

import (
	"bufio"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

// Lines are the lines a process prints, as they come.
type Lines struct {
	// all gets every line too; nil for none.
	all *Lines

	mu      sync.Mutex // guards what follows
	lines   []string
	sources int // that have not ended
	// more is closed and replaced whenever a line came or the end did.
	more chan struct{}
}

// newLines returns lines of one source, or, as a whole that several others are part of, of none so far.
func newLines(sources int, all *Lines) *Lines {
	l := &Lines{more: make(chan struct{}), sources: sources, all: all}
	if all != nil {
		all.source(1)
	}
	return l
}

// read takes lines from r until its end.
func (l *Lines) read(r io.Reader) {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, 64<<20) // a line may hold a whole payload
	for scanner.Scan() {
		l.add(scanner.Text())
	}
	if err := scanner.Err(); err != nil {
		l.add("harness: reading the output: " + err.Error())
	}
	l.source(-1)
	if l.all != nil {
		l.all.source(-1)
	}
}

// source takes note of one more that adds lines, or of one less.
func (l *Lines) source(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sources += n
	l.wakeLocked()
}

func (l *Lines) add(line string) {
	if l.all != nil {
		l.all.add(line)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
	l.wakeLocked()
}

func (l *Lines) wakeLocked() {
	close(l.more)
	l.more = make(chan struct{})
}

func (l *Lines) from(n int) (lines []string, ended bool, more <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines[min(n, len(l.lines)):], l.sources == 0, l.more
}

// All returns the lines so far.
func (l *Lines) All() []string {
	lines, _, _ := l.from(0)
	return lines
}

// String returns the lines so far as one text.
func (l *Lines) String() string { return strings.Join(l.All(), "\n") }

// Wait returns the first line, from the n-th on, for which match holds, and its number. It waits for one to come, and fails
// the test if there is none within Limit or when the output ends.
func (l *Lines) Wait(t testing.TB, what string, n int, match func(line string) bool) (string, int) {
	t.Helper()
	deadline := time.NewTimer(Limit)
	defer deadline.Stop()
	for {
		lines, ended, more := l.from(n)
		for i, line := range lines {
			if match(line) {
				return line, n + i
			}
		}
		n += len(lines)
		if ended {
			t.Fatalf("the output ended without %s; it was:\n%s", what, l)
		}
		select {
		case <-more:
		case <-deadline.C:
			t.Fatalf("waited %v for %s; the output so far:\n%s", Limit, what, l)
		}
	}
}

// WaitFor is Wait from the first line on, for a line that contains text.
func (l *Lines) WaitFor(t testing.TB, text string) string {
	t.Helper()
	line, _ := l.Wait(t, "a line with "+text, 0, func(line string) bool { return strings.Contains(line, text) })
	return line
}
