package redisstore

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/tests/redistest"
)

func TestMemoryIsMeasured(t *testing.T) {
	t.Parallel()
	var at *memory
	for i, step := range []struct {
		used, uncounted, max int64
		full                 bool
	}{
		{84, 0, 100, false},
		{85, 0, 100, true},
		{81, 0, 100, true}, // until it is below 80
		{79, 0, 100, false},
		{84, 0, 100, false},
		{95, 20, 100, false}, // buffers do not count
		{99, 0, 100, true},
		{99, 0, 0, false}, // unlimited
		{5, 10, 100, false},
	} {
		at = measure(parseInfo(fmt.Sprintf("# Memory\r\nused_memory:%d\r\nmem_not_counted_for_evict:%d\r\nmaxmemory:%d\r\n",
			step.used, step.uncounted, step.max)), at)
		if at.full != step.full || at.used != max(0, step.used-step.uncounted) {
			t.Errorf("step %d: %+v", i, at)
		}
	}
}

// TestRefusedLogin takes the user's password away from a running store: calls fail at once, as not available, and the log says why.
func TestRefusedLogin(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, inMemory)
	setUser := func(password string) {
		t.Helper()
		if _, err := server.Do(t.Context(), "acl", "setuser", "u", "on", "resetpass", ">"+password, "+@all", "allkeys", "allchannels"); err != nil {
			t.Fatal(err)
		}
	}
	setUser("first")
	var mu sync.Mutex
	var logged []string
	c := connect(t, Options{URL: "redis://u:first@" + server.Addr(), Log: func(_ LogLevel, text string) {
		mu.Lock()
		defer mu.Unlock()
		logged = append(logged, text)
	}})
	has := func(text string) func() bool {
		return func() bool {
			mu.Lock()
			defer mu.Unlock()
			return strings.Contains(strings.Join(logged, "\n"), text)
		}
	}
	setUser("second")
	if _, err := server.Do(t.Context(), "client", "kill", "user", "u"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a call fails", func() bool {
		reply, err := c.call(t.Context(), 0, "lt1_get", read, "x")
		if err == nil && reply == nil {
			return false // before the connection was cut
		}
		if !errors.Is(err, queue.ErrUnavailable) || !strings.Contains(err.Error(), "WRONGPASS") {
			t.Fatalf("the call gave %v, %v", reply, err)
		}
		return true
	})
	eventually(t, "the log says so", has("refuses: WRONGPASS"))
	if has("answers again")() {
		t.Errorf("logged %q", logged)
	}
	setUser("first")
	eventually(t, "the log says that it is over", has("answers again"))
	if _, err := c.call(t.Context(), 0, "lt1_get", read, "x"); err != nil {
		t.Error(err)
	}
}
