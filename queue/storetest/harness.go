package storetest

import (
	"flag"
	"os"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// Harness tells the suite how to get stores of one engine.
type Harness struct {
	// New makes an empty place for one store's data. Every rule, and every random history, has one of its own.
	New func() (Data, error)
	// Unordered says that standard queues and free messages have no order over the whole queue (a queue spread over
	// partitions). Everything within message groups and logs is checked all the same.
	Unordered bool
	// Partitioned says that standard queues are spread over partitions that keep an in-flight limit, and a deduplication window, each
	// for itself, and give sequence numbers that are unique but do not increase over the whole queue. It implies Unordered.
	Partitioned bool
	// Wake is how long the suite waits for a wake-up that must come before it calls it lost. Default 2s. In histories a short
	// limit makes a failure shrink further, since rapid shrinks for 30s.
	Wake time.Duration
	// Small leaves out the rules with many or large messages.
	Small bool
}

func (h Harness) wakeLimit() time.Duration {
	if h.Wake <= 0 {
		return 2 * time.Second
	}
	return h.Wake
}

// Data is a place that a store's data lives in.
type Data interface {
	// Open opens a store on what the last one left there. The suite has at most one open and closes it first.
	Open() (queue.Store, error)
	// Remove frees the place, after the last store on it was closed.
	Remove() error
}

// Crasher is a Data that can lose power.
type Crasher interface {
	Data
	// Crash ends the open store without closing it. What was not durable may be lost.
	Crash() error
}

// Everyday is for the TestMain of a package whose random cases each open stores, which takes its time: of each property there are 25 then,
// and not the 100 of rapid, unless SIGNALBOX_SOAK is in the environment. RAPID_CHECKS in the environment, or the flag -rapid.checks, says
// otherwise. It must be called before the flags of the command are parsed, which running the tests does.
func Everyday() {
	if os.Getenv("SIGNALBOX_SOAK") != "" || os.Getenv("RAPID_CHECKS") != "" {
		return
	}
	if err := flag.Set("rapid.checks", "25"); err != nil {
		panic(err) // rapid has no such flag any more
	}
}

// Run checks that an engine keeps the contract: every rule as a parallel subtest with its name, then random histories.
// -rapid.checks sets how many histories there are (see [Everyday]), of which -short leaves a fifth, and -rapid.seed repeats a run.
func Run(t *testing.T, h Harness) {
	t.Helper()
	h.Unordered = h.Unordered || h.Partitioned
	t.Run("rules", func(t *testing.T) {
		for _, r := range rules() {
			t.Run(r.name, func(t *testing.T) {
				t.Parallel()
				if r.whole && h.Partitioned {
					t.Skip("left out: standard queues are partitioned")
				}
				if r.heavy && h.Small {
					t.Skip("left out: the harness is small")
				}
				check(t, h, r)
			})
		}
	})
	t.Run("histories", func(t *testing.T) {
		t.Parallel()
		Histories(t, h)
	})
}

// Memory keeps what a [Model] holds while none is open on it.
type Memory struct{ state *state }

// NewMemory returns an empty place.
func NewMemory() *Memory { return &Memory{state: newState()} }

// Open implements [Data].
func (m *Memory) Open() (queue.Store, error) { return openModel(m.state), nil }

// Crash implements [Crasher]: the Model is durable at once.
func (m *Memory) Crash() error { return nil }

// Remove implements [Data].
func (m *Memory) Remove() error { return nil }
