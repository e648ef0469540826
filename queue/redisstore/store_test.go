package redisstore

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/storetest"
	"github.com/signalbox-mq/signalbox/tests/redistest"
)

// place is a namespace on a server.
type place struct{ url string }

var places atomic.Int32

// newPlace returns a namespace of its own at an address.
func newPlace(addr string) *place {
	return &place{fmt.Sprintf("redis://%s/?durability=async&namespace=t%d-", addr, places.Add(1))}
}

func (p *place) Open() (queue.Store, error) {
	return Open(context.Background(), Options{URL: p.url}, nil)
}

func (p *place) Remove() error { return nil }

// neverRebuilt fails a test at the end if a server of its has rebuilt a queue: no history of calls makes one unsound.
func neverRebuilt(t *testing.T, servers ...*redistest.Server) {
	t.Helper()
	t.Cleanup(func() {
		for _, s := range servers {
			if log, err := os.ReadFile(filepath.Join(s.Dir, "redis.log")); err != nil || bytes.Contains(log, []byte("was rebuilt")) {
				t.Errorf("%s has rebuilt a queue: %s, %v", s.Addr(), log[max(0, len(log)-2000):], err)
			}
		}
	})
}

func TestStore(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, inMemory)
	neverRebuilt(t, s)
	storetest.Run(t, storetest.Harness{New: func() (storetest.Data, error) { return newPlace(s.Addr()), nil }, Small: raceEnabled})
}

func TestStoreOnACluster(t *testing.T) {
	t.Parallel()
	nodes := redistest.Cluster(t, 3, 0, inMemory).Nodes
	neverRebuilt(t, nodes...)
	storetest.Run(t, storetest.Harness{New: func() (storetest.Data, error) { return newPlace(nodes[0].Addr()), nil }, Small: raceEnabled})
}

// spread is a place where the standard queues of the suite have three partitions.
type spread struct{ *place }

func (p spread) Open() (queue.Store, error) {
	s, err := p.place.Open()
	if err != nil {
		return nil, err
	}
	// The first two of each six, which are the incarnations of the suite's histories.
	for id := queue.ID(1); id < 48; id += 6 {
		for _, id := range []queue.ID{id, id + 1} {
			if err := s.(*Store).Spread(context.Background(), id, queue.Standard, 3); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

func TestStoreWithPartitions(t *testing.T) {
	t.Parallel()
	nodes := redistest.Cluster(t, 3, 0, inMemory).Nodes
	neverRebuilt(t, nodes...)
	storetest.Run(t, storetest.Harness{
		New:         func() (storetest.Data, error) { return spread{newPlace(nodes[0].Addr())}, nil },
		Partitioned: true, Small: raceEnabled,
	})
}
