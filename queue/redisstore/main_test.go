package redisstore

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/signalbox-mq/signalbox/queue/storetest"
)

func TestMain(m *testing.M) {
	storetest.Everyday()
	// The pool of a server that was not there tries again each second, and only then sees that it has been closed.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}
