package harness

import (
	"testing"
	"time"
)

// Limit is how long a test waits for something before it fails. It only decides when to give up: whoever waits goes on as
// soon as there is what it waits for.
const Limit = 30 * time.Second

// Until asks check, every few milliseconds, until it says that it is done. It is for what a program outside can not be told
// of but by asking. After Limit the test fails with what check said last.
func Until(t testing.TB, what string, check func() (done bool, state string)) {
	t.Helper()
	Within(t, Limit, what, check)
}

// Within is Until for what may take longer, or must not take as long as Limit.
func Within(t testing.TB, limit time.Duration, what string, check func() (done bool, state string)) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		done, state := check()
		if done {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("waited %v for %s; last seen: %s", limit, what, state)
		}
	}
}
