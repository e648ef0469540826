package app

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// terminal takes what is written unless it is paused.
type terminal struct {
	paused  sync.Mutex
	writing chan struct{} // closed by the first Write
	once    sync.Once
	mu      sync.Mutex
	text    bytes.Buffer
}

func (t *terminal) Write(b []byte) (int, error) {
	t.once.Do(func() { close(t.writing) })
	t.paused.Lock()
	defer t.paused.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(b)
}

func (t *terminal) lines() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Split(strings.TrimSuffix(t.text.String(), "\n"), "\n")
}

// TestPausedTerminal prints more than the buffer holds to a terminal that takes nothing: nobody waits, and when it goes on,
// what was kept is there in order, a mark in the place of the rest.
func TestPausedTerminal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // the end waits for a second only, in which it has to write all
		tty := &terminal{writing: make(chan struct{})}
		d := NewDev(tty)
		d.printf("early")
		tty.paused.Lock()
		end := d.start()
		<-tty.writing
		const printed = 3 * maxLines
		for i := range printed {
			d.printf("line %d", i) // returns, or the test hangs
		}
		tty.paused.Unlock()
		end()
		got := tty.lines()
		if got[0] != "early" {
			t.Fatalf("begins with %q", got[0])
		}
		for i, line := range got[1 : len(got)-1] {
			if line != fmt.Sprintf("line %d", i) {
				t.Fatalf("line %d is %q", i, line)
			}
		}
		kept := len(got) - 2
		if last := got[len(got)-1]; kept != maxLines || last != fmt.Sprintf("… %d lines left out", printed-kept) {
			t.Errorf("%d lines were kept, then %q", kept, last)
		}
	})
}

// TestMarkIsWhereLinesAreMissing checks that lines after a gap come after its mark, and that bytes bound the buffer too.
func TestMarkIsWhereLinesAreMissing(t *testing.T) {
	t.Parallel()
	tty := &terminal{writing: make(chan struct{})}
	d := NewDev(tty)
	big := strings.Repeat("x", maxLineBytes-10)
	d.printf("%s", big)
	d.printf("this is too much")
	d.printf("this is too much, too")
	if line, ok, _ := d.take(); !ok || line != big {
		t.Fatal("the first line is not there")
	}
	d.printf("after")
	d.start()()
	if got := tty.lines(); len(got) != 2 || got[0] != "… 2 lines left out" || got[1] != "after" {
		t.Errorf("printed %q", got)
	}
	if d.bytes != 0 {
		t.Errorf("%d bytes are left in an empty buffer", d.bytes)
	}
}

// TestEndOfAPausedTerminal checks that a terminal that stays paused holds up the end for a second and no more.
func TestEndOfAPausedTerminal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stuck, release := make(chan struct{}), make(chan struct{})
		d := NewDev(writerFunc(func(b []byte) (int, error) {
			close(stuck)
			<-release
			return len(b), nil
		}))
		end := d.start()
		d.printf("x")
		<-stuck
		start := time.Now()
		end()
		if took := time.Since(start); took != flushTime {
			t.Errorf("the end took %v", took)
		}
		close(release)
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
