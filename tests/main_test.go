// Package tests has the black-box tests: the real binary on a port of its own, spoken to by the clients that people use.
package tests

import (
	"os"
	"testing"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// soak says that tests with an everyday size and a full one run at full size.
func soak() bool { return os.Getenv("SIGNALBOX_SOAK") != "" }
