package migrate_test

import (
	"os"
	"testing"

	"github.com/signalbox-mq/signalbox/queue/storetest"
)

func TestMain(m *testing.M) {
	storetest.Everyday()
	os.Exit(m.Run())
}
