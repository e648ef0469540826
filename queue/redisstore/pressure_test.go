package redisstore

import (
	"fmt"
	"testing"
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
