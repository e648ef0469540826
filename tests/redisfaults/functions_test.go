package redisfaults

import (
	"fmt"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/tests/redistest"
)

// Somebody flushes the functions again and again. No call fails.
func TestFunctionsFlushed(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{NoSave: true})
	url := "redis://" + s.Addr() + "?durability=async"
	l := newLoad(open(t, url), open(t, url))
	l.start()
	span := 3 * time.Second
	if soak() {
		span = time.Minute
	}
	flushes := 0
	for end := time.Now().Add(span); time.Now().Before(end); wait(t, 20*time.Millisecond) {
		ask(t, s, "FUNCTION", "FLUSH")
		flushes++
	}
	r := l.finish(t, fmt.Sprintf("alone, async, functions flushed %d times", flushes), nothingLost)
	if r.Unknown > 0 || len(r.UnknownCalls) > 0 {
		t.Errorf("calls failed: %v", r.UnknownCalls)
	}
}
