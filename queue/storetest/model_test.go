package storetest_test

import (
	"testing"

	"github.com/signalbox-mq/signalbox/queue/storetest"
)

func memory() (storetest.Data, error) { return storetest.NewMemory(), nil }

// TestModel runs the suite on the model: a rule that the model breaks is a wrong rule, or the model is.
func TestModel(t *testing.T) {
	t.Parallel()
	storetest.Run(t, storetest.Harness{New: memory})
}

func BenchmarkModel(b *testing.B) { storetest.Benchmark(b, storetest.Harness{New: memory}) }
