package pebblestore

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/signalbox-mq/signalbox/queue"
)

// diskSpace refuses appends before the disk is full, so that there is room left for acknowledgements, and holds a
// ballast file to give up if it becomes full all the same.
type diskSpace struct {
	opts    *Options
	dir     string
	full    atomic.Bool
	unasked atomic.Int64 // bytes appended since the disk was asked
	missing atomic.Bool  // there should be a ballast file and is none
	making  sync.Mutex
}

// askEvery is after how many appended bytes the disk is asked how much is free. While it is full, each append asks.
const askEvery = 256 << 10

func (d *diskSpace) init(dir string, opts *Options) {
	d.dir, d.opts = dir, opts
	d.unasked.Store(askEvery)
}

// admit tells whether an append of so many bytes may be stored.
func (d *diskSpace) admit(bytes int) error {
	if d.opts.MinFreeBytes < 0 {
		return nil
	}
	if d.full.Load() || d.unasked.Add(int64(bytes)) >= askEvery {
		d.unasked.Store(0)
		free, known := d.free()
		d.full.Store(known && free < uint64(d.opts.MinFreeBytes))
		if d.missing.Load() && known && d.hasRoom(free) {
			d.makeBallast()
		}
	}
	if d.full.Load() {
		return fmt.Errorf("less than %d MiB of disk space are free: %w", d.opts.MinFreeBytes>>20, queue.ErrStoreFull)
	}
	return nil
}

func (d *diskSpace) free() (bytes uint64, known bool) {
	if d.opts.FreeSpace != nil {
		free, err := d.opts.FreeSpace()
		return free, err == nil
	}
	usage, err := d.opts.FS.GetDiskUsage(d.dir)
	return usage.AvailBytes, err == nil
}

func (d *diskSpace) ballast() string { return d.opts.FS.PathJoin(d.dir, "ballast") }

// hasRoom says whether there is enough room for the ballast and for appends after it.
func (d *diskSpace) hasRoom(free uint64) bool {
	return free >= uint64(d.opts.BallastBytes)+uint64(max(d.opts.MinFreeBytes, 0))
}

// makeBallast makes the ballast file if there is room for it, or later when there is. It is a precaution: without it the
// store works too.
func (d *diskSpace) makeBallast() {
	size := d.opts.BallastBytes
	if size <= 0 || !d.making.TryLock() {
		return
	}
	defer d.making.Unlock()
	if _, err := d.opts.FS.Stat(d.ballast()); err == nil {
		d.missing.Store(false)
		return
	}
	d.missing.Store(true)
	if free, known := d.free(); known && !d.hasRoom(free) {
		return
	}
	f, err := d.opts.FS.Create(d.ballast(), vfs.WriteCategoryUnspecified)
	if err != nil {
		return
	}
	err = f.Preallocate(0, size)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err != nil || cerr != nil {
		_ = d.opts.FS.Remove(d.ballast()) // then there is none
		return
	}
	d.missing.Store(false)
}

// giveUpBallast is called by the file system when a write found the disk full; the write is tried again after it.
// Another ballast file is made when there is room again.
func (d *diskSpace) giveUpBallast() {
	d.full.Store(true)
	if err := d.opts.FS.Remove(d.ballast()); err != nil {
		d.opts.Log(LogError, "the disk is full and there is no ballast to give up")
		return
	}
	d.missing.Store(true)
	d.opts.Log(LogError, "the disk is full: gave up the ballast file")
}
