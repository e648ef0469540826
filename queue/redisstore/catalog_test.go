package redisstore

import (
	"context"
	"testing"

	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/catalog/catalogtest"
)

func TestCatalog(t *testing.T) {
	t.Parallel()
	server := start(t)
	catalogtest.Run(t, func(tb catalogtest.TB) (catalog.Backend, func() catalog.Backend) {
		node := nodesAt(newPlace(server.addr))(tb)
		return node(), node
	})
}

func TestNodes(t *testing.T) {
	t.Parallel()
	server := start(t)
	catalogtest.RunNodes(t, func(tb catalogtest.TB) func() catalog.Backend { return nodesAt(newPlace(server.addr))(tb) })
}

// nodesAt opens stores on one place, which are closed after the test.
func nodesAt(p *place) func(tb catalogtest.TB) func() catalog.Backend {
	return func(tb catalogtest.TB) func() catalog.Backend {
		return func() catalog.Backend {
			s, err := Open(context.Background(), Options{URL: p.url}, nil)
			if err != nil {
				tb.Fatalf("open: %v", err)
			}
			tb.Cleanup(func() { _ = s.Close() })
			return s
		}
	}
}
