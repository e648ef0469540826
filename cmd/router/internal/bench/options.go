package bench

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// What floors are measured.
const (
	FloorsTrue  = "true"  // beside the server, where a scenario has them
	FloorsFalse = "false" // none
	FloorsOnly  = "only"  // and no server
)

// Options say what to measure, and of which server.
type Options struct {
	// Addr is the URL of a server that runs; empty starts the router on an empty store for each combination of the lists
	// below.
	Addr string
	// Scenarios are names of ScenarioNames, measured in this order.
	Scenarios []string
	// Bodies are sizes of a message's body in bytes, from 64 to 100 KiB (ten must fit in a batch).
	Bodies []int
	// Concurrency are numbers of clients, at least 1.
	Concurrency []int
	// Duration is how long each round is measured, above 0. Before it come Warmup, 0 for none.
	Duration, Warmup time.Duration
	// Rounds is how often each is measured, at least 1. The backlog is measured once.
	Rounds int
	// Rate is how many messages a second long-poll sends, at least 1.
	Rate int
	// Messages is how many messages the backlog has, at least 10 and rounded down to whole batches of ten.
	Messages int
	// Floors is FloorsTrue, FloorsFalse or FloorsOnly.
	Floors string
	// CPUProfiles is a directory for a CPU profile of the router of each measurement; empty for none.
	CPUProfiles string
	// Dir is where the temporary data directories are made, empty for the system's directory of such.
	Dir string
	// Binary is the router's binary, empty for the one that runs.
	Binary string
	// Progress is told what is being measured: on a terminal in one line that changes, else in a line per measurement.
	Progress io.Writer
	Terminal bool

	stallLimit time.Duration
}

// stall is how long nothing may happen where something must, before messages are taken for lost.
func (o *Options) stall() time.Duration {
	if o.stallLimit > 0 {
		return o.stallLimit
	}
	return 10 * time.Second
}

// InvalidError says what is wrong with an option.
type InvalidError struct {
	// Option is its flag's name, without the dashes.
	Option string
	Reason string
}

func (e *InvalidError) Error() string { return "--" + e.Option + ": " + e.Reason }

const (
	leastBody   = 64 // a body's frame is 34 bytes
	largestBody = 100 << 10
	// mostPolled bounds what long-poll has to remember.
	mostPolled = 10_000_000
)

// Validate returns all that is wrong, as *InvalidErrors joined.
func (o *Options) Validate() error {
	var errs []error
	wrong := func(option, format string, args ...any) {
		errs = append(errs, &InvalidError{Option: option, Reason: fmt.Sprintf(format, args...)})
	}
	if o.Addr != "" {
		if _, err := parseAddress(o.Addr); err != nil {
			wrong("addr", "%v", err)
		}
		if o.CPUProfiles != "" {
			wrong("cpuprofile", "there are profiles of the own server only, not with --addr")
		}
		if o.Floors == FloorsOnly {
			wrong("floors", "only leaves out the server that --addr names")
		}
	}
	if len(o.Scenarios) == 0 {
		wrong("scenario", "must name one of %s", strings.Join(ScenarioNames(), ", "))
	}
	for _, name := range o.Scenarios {
		switch s, ok := scenarioNamed(name); {
		case !ok:
			wrong("scenario", "%q is not one of %s", name, strings.Join(ScenarioNames(), ", "))
		case o.Floors == FloorsOnly && !s.floors:
			wrong("floors", "the scenario %s has none", name)
		}
	}
	if len(o.Bodies) == 0 || slices.Min(o.Bodies) < leastBody || slices.Max(o.Bodies) > largestBody {
		wrong("body", "must be sizes from %dB to %s", leastBody, size(largestBody))
	}
	if len(o.Concurrency) == 0 || slices.Min(o.Concurrency) < 1 || slices.Max(o.Concurrency) > 10_000 {
		wrong("concurrency", "must be numbers of clients from 1 to 10000")
	}
	if o.Duration <= 0 {
		wrong("duration", "must be above 0")
	}
	if o.Warmup < 0 {
		wrong("warmup", "must not be negative")
	}
	if o.Rounds < 1 {
		wrong("rounds", "must be at least 1")
	}
	if o.Rate < 1 || o.Rate > 1_000_000 {
		wrong("rate", "must be from 1 to 1000000 messages a second")
	}
	if slices.Contains(o.Scenarios, "long-poll") && float64(o.Rate)*(o.Warmup+o.Duration).Seconds() > mostPolled {
		wrong("rate", "at most %d messages are sent in a round", mostPolled)
	}
	if o.Messages < batchSize {
		wrong("messages", "must be at least %d", batchSize)
	}
	if !slices.Contains([]string{FloorsTrue, FloorsFalse, FloorsOnly}, o.Floors) {
		wrong("floors", "%q is not %s, %s or %s", o.Floors, FloorsTrue, FloorsFalse, FloorsOnly)
	}
	return errors.Join(errs...)
}

// launcher starts what the options want started.
func (o *Options) launcher() (launcher, error) {
	l := launcher{binary: o.Binary, dir: o.Dir}
	if l.binary == "" {
		self, err := os.Executable()
		if err != nil {
			return l, fmt.Errorf("finding the router's binary: %w", err)
		}
		l.binary = self
	}
	if l.dir == "" {
		l.dir = os.TempDir()
	}
	return l, nil
}

// size writes a number of bytes as people do.
func size(n int) string {
	if n >= 1<<10 && n%(1<<10) == 0 {
		return fmt.Sprintf("%dKiB", n>>10)
	}
	return fmt.Sprintf("%dB", n)
}
