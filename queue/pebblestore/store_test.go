package pebblestore_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/pebblestore"
	"github.com/signalbox-mq/signalbox/queue/storetest"
)

// place is a data directory in memory.
type place struct {
	fs    *vfs.MemFS
	store *pebblestore.Store
}

func (p *place) Open() (queue.Store, error) {
	s, err := pebblestore.Open("data", small(p.fs))
	if err != nil {
		return nil, err
	}
	p.store = s
	return checked{s}, nil
}

// checked checks all records whenever it is closed.
type checked struct{ *pebblestore.Store }

func (c checked) Close() error {
	if _, err := c.Check(context.Background()); err != nil && !errors.Is(err, queue.ErrStoreClosed) {
		return err
	}
	return c.Store.Close()
}

func (p *place) Remove() error { return nil }

// losing is a place that can lose power.
type losing struct {
	place
	rng *rand.Rand
}

// newLosing returns a place whose crashes are the same in each run of a history, so that a failing one shrinks.
func newLosing() *losing {
	return &losing{place: place{fs: vfs.NewCrashableMem()}, rng: rand.New(rand.NewPCG(1, 2))}
}

// Crash implements storetest.Crasher: of what was not synced, a part may be there.
func (p *losing) Crash() error {
	percent := []int{0, 50, 100}[p.rng.IntN(3)]
	crashed := p.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: p.rng})
	err := p.store.Close() // what this still writes is not in the clone
	p.fs = crashed
	return err
}

// small are options for stores of which there are many at a time.
func small(fs vfs.FS) pebblestore.Options {
	return pebblestore.CollectEvery(pebblestore.Options{FS: fs, CacheBytes: 1 << 20, MemTableBytes: 256 << 10}, 3)
}

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, storetest.Harness{
		New:   func() (storetest.Data, error) { return &place{fs: vfs.NewMem()}, nil },
		Small: raceEnabled,
	})
}

func TestStorePowerLoss(t *testing.T) {
	t.Parallel()
	storetest.Run(t, storetest.Harness{
		New:   func() (storetest.Data, error) { return newLosing(), nil },
		Small: raceEnabled,
	})
}

func newMem() *vfs.MemFS { return vfs.NewMem() }
