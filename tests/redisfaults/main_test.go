// Package redisfaults breaks what the shared store runs on while workers use it, and counts what came of what they were
// told. There is nothing in it but tests.
//
// Each scenario starts its servers (redistest), opens stores as the product does, has a load send, receive and settle, and
// breaks something. When all is healed, what is left is received, and a ledger judges: see ledger. The scenario logs one line:
// the durability, the faults, how many sends were acknowledged and of how many nothing is known, how many were lost, and the
// longest time for which a worker had no success.
//
// SIGNALBOX_SOAK runs them at full size: fifty failovers, a master that is stopped for 30 seconds. SIGNALBOX_FAILOVERS is for
// another number of failovers.
package redisfaults

import (
	"os"
	"strconv"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(remoteURL); url != "" {
		os.Exit(beRemote(url))
	}
	goleak.VerifyTestMain(m)
}

func soak() bool { return os.Getenv("SIGNALBOX_SOAK") != "" }

// failovers is how many there are to be.
func failovers(t *testing.T) int {
	t.Helper()
	if text := os.Getenv("SIGNALBOX_FAILOVERS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("SIGNALBOX_FAILOVERS: %v", err)
		}
		return n
	}
	if soak() {
		return 50
	}
	return 3
}
