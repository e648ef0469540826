package pebblestore

import (
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/signalbox-mq/signalbox/queue"
)

// Options are the settings of a store. The zero value is usable.
type Options struct {
	// FS is the file system, the operating system's by default. On vfs.NewMem() the store is the memory store.
	FS vfs.FS
	// CacheBytes is the size of the block cache. Default 64 MiB; at least 1 MiB.
	CacheBytes int64
	// MemTableBytes is the size of one memtable. Up to four exist under load, and a restart replays at most as much.
	// Default 32 MiB; 64 KiB to 1 GiB.
	MemTableBytes int64
	// MinFreeBytes is how much disk space must be free for appends to be accepted. Default 256 MiB. Negative for any.
	MinFreeBytes int64
	// BallastBytes is the size of a file that only takes up space, to be given up when the disk is full all the same.
	// Default 64 MiB on the operating system's file system and none on others. Negative for none.
	BallastBytes int64
	// FreeSpace tells how many bytes are free, instead of the file system. It is called often and must be fast.
	FreeSpace func() (uint64, error)
	// NoTicks leaves out what the engine looks after ten times a second, which is for nothing while it has nothing to compact. It is for
	// tests in virtual time, in which days pass.
	NoTicks bool
	// Unfinished opens a store also if a migration to it has not ended; see queue.Importer.
	Unfinished bool
	// Fatal is called once, when the store has stopped after a fault that it may not survive, such as a failed fsync. All
	// calls fail with queue.ErrStoreClosed from then on. The process should end: what was acknowledged is on disk, and
	// only a new start can tell what else is. It is called with locks held and must not call the store.
	Fatal func(error)
	// Corrupt is called when the engine finds a damaged file in the background. It must not call the store.
	Corrupt func(error)
	// Log receives the engine's messages. It must not call the store.
	Log func(LogLevel, string)

	// collectEvery is after how many removed messages a queue's low-water marks move. Tests make it small.
	collectEvery int
}

// LogLevel is the weight of a message for Options.Log.
type LogLevel uint8

const (
	// LogDebug is for routine work: flushes, compactions.
	LogDebug LogLevel = iota
	// LogError is for what the engine could not do and will try again.
	LogError
)

const (
	defaultCache    = 64 << 20
	defaultMemTable = 32 << 20
	defaultMinFree  = 256 << 20
	defaultBallast  = 64 << 20

	defaultCollectEvery = 1 << 16
)

func (o *Options) ensureDefaults() {
	onDisk := o.FS == nil
	if onDisk {
		o.FS = vfs.Default
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = defaultCache
	}
	if o.MemTableBytes == 0 {
		o.MemTableBytes = defaultMemTable
	}
	if o.MinFreeBytes == 0 {
		o.MinFreeBytes = defaultMinFree
	}
	if o.BallastBytes == 0 && onDisk {
		o.BallastBytes = defaultBallast
	}
	if o.collectEvery == 0 {
		o.collectEvery = defaultCollectEvery
	}
	if o.Fatal == nil {
		o.Fatal = func(error) {}
	}
	if o.Corrupt == nil {
		o.Corrupt = func(error) {}
	}
	if o.Log == nil {
		o.Log = func(LogLevel, string) {}
	}
}

// Validate reports the first setting that is out of its range, as a [*queue.InvalidError].
func (o Options) Validate() error {
	if o.CacheBytes != 0 && o.CacheBytes < 1<<20 {
		return &queue.InvalidError{Field: "cache_bytes", Reason: "must be at least 1 MiB"}
	}
	if o.MemTableBytes != 0 && (o.MemTableBytes < 64<<10 || o.MemTableBytes > 1<<30) {
		return &queue.InvalidError{Field: "memtable_bytes", Reason: "must be between 64 KiB and 1 GiB"}
	}
	return nil
}
