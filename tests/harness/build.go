package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// binaryDir holds the binary for the time of a test run. Main removes it.
var binaryDir = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "signalbox-test-") })

var binary = sync.OnceValues(func() (string, error) {
	dir, err := binaryDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "router")
	args := []string{"build"}
	if os.Getenv("GOCOVERDIR") != "" {
		args = append(args, "-cover", "-coverpkg=./...")
	}
	cmd := exec.Command("go", append(args, "-o", path, "./cmd/router")...)
	if cmd.Dir, err = root(); err != nil {
		return "", err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the router: %w\n%s", err, out)
	}
	return path, nil
})

// Main runs the tests of a package, fails if they leave goroutines behind, and removes the binary. It is what TestMain
// calls. stores are those that the environment may ask for, besides the embedded one: see Store.
func Main(m *testing.M, stores ...Store) {
	sharedStores = stores
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if dir, err := binaryDir(); err == nil {
			_ = os.RemoveAll(dir)
		}
		os.Exit(code)
	}))
}

// Binary returns the path of the router, which is built when the first test asks: with coverage when GOCOVERDIR says where
// to leave it.
func Binary(t testing.TB) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Root returns the directory of the repository.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := root()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// root is the nearest directory upwards that has a go.mod.
func root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("no go.mod above the tests")
		}
		dir = parent
	}
}
