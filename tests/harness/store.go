package harness

import (
	"os"
	"slices"
	"testing"
)

// storeVariable names the store that the tests run on. Without it that is the embedded one.
const storeVariable = "SIGNALBOX_TEST_STORE"

// nodes is how many nodes a router has on a store that they can share.
const nodes = 3

// Store is a store that several nodes share, for tests to run on.
type Store struct {
	// Name is what the environment variable SIGNALBOX_TEST_STORE says to run the tests on it.
	Name string
	// Start starts it, for a router of a test, and returns its address for --store. The test's cleanup ends it.
	Start func(t testing.TB) (address string)
}

// sharedStores are those that there are. Main sets them before the first test.
var sharedStores []Store

// shared returns the store that the environment asks for, nil for the embedded one.
func shared(t testing.TB) *Store {
	t.Helper()
	name := os.Getenv(storeVariable) // in each test, so that go test sees that its answer depends on it
	if name == "" {
		return nil
	}
	i := slices.IndexFunc(sharedStores, func(s Store) bool { return s.Name == name })
	if i < 0 {
		t.Fatalf("%s: these tests know no store %q", storeVariable, name)
	}
	return &sharedStores[i]
}

// Shared says that the tests run on a store that several nodes share.
func Shared(t testing.TB) bool {
	t.Helper()
	return shared(t) != nil
}

// EmbeddedOnly skips a test that makes no sense on another store than the embedded one.
func EmbeddedOnly(t testing.TB, why string) {
	t.Helper()
	if s := shared(t); s != nil {
		t.Skipf("not on the store %s: %s", s.Name, why)
	}
}
