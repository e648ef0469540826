package catalogtest_test

import (
	"testing"

	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/catalog/catalogtest"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	catalogtest.Run(t, func(catalogtest.TB) (catalog.Backend, func() catalog.Backend) {
		m := new(catalogtest.Memory)
		return m, func() catalog.Backend { return m }
	})
}

func TestNodes(t *testing.T) {
	t.Parallel()
	catalogtest.RunNodes(t, func(catalogtest.TB) func() catalog.Backend {
		m := new(catalogtest.Memory)
		return func() catalog.Backend { return m.Node() }
	})
}
