// Package tests has the black-box tests: the real binary on a port of its own, spoken to by the clients that people use.
//
// They run on the embedded store, or with SIGNALBOX_TEST_STORE=redis or redis-cluster on a store that three nodes of each
// router share, whose clients speak to one node after the other.
package tests

import (
	"os"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/tests/harness"
	"github.com/signalbox-mq/signalbox/tests/redistest"
)

func TestMain(m *testing.M) {
	opts := redistest.Options{NoSave: true}
	harness.Main(m,
		harness.Store{Name: "redis", Start: func(t testing.TB) string { return storeAt(redistest.Start(t, opts).Addr()) }},
		harness.Store{Name: "redis-cluster", Start: func(t testing.TB) string { return storeAt(redistest.Cluster(t, 3, 0, opts).Addrs()...) }},
	)
}

// storeAt is the --store of servers that keep nothing on disk.
func storeAt(servers ...string) string {
	return "redis://" + strings.Join(servers, ",") + "/?namespace=tests&durability=async"
}

// soak says that tests with an everyday size and a full one run at full size.
func soak() bool { return os.Getenv("SIGNALBOX_SOAK") != "" }

// sameOnEveryStore skips a test of what no store and no number of nodes changes: what the command refuses, how clients of one node
// write and read, the commands of the docs. Where the environment asks for a shared store it would run a second time for nothing.
func sameOnEveryStore(t *testing.T) {
	t.Helper()
	if harness.Shared(t) {
		t.Skip("is the same on every store, so runs without SIGNALBOX_TEST_STORE")
	}
}
