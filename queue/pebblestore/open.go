package pebblestore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/signalbox-mq/signalbox/queue"
)

// engineFormat is the engine's format. Raising it is a migration that an older release can not read.
const engineFormat = pebble.FormatTableFormatV6

// Open opens the store in a directory, which it makes if there is none. It fails with [queue.ErrLocked] when another
// store has the directory open, with [queue.ErrNewerFormat] and with [queue.ErrCorrupt]; it deletes no data, whatever
// it finds.
func Open(dir string, opts Options) (*Store, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	opts.ensureDefaults()
	s := &Store{
		opts:  opts,
		lanes: make(map[queue.ID]*lane),
		txs:   sync.Pool{New: func() any { return new(tx) }},
	}
	s.space.init(dir, &s.opts)
	fs := vfs.OnDiskFull(opts.FS, s.space.giveUpBallast)
	if err := opts.FS.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if err := checkEngineFormat(opts.FS, dir); err != nil {
		return nil, err
	}
	lock, err := pebble.LockDirectory(dir, fs)
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w (%w)", dir, queue.ErrLocked, err)
	}
	db, err := openEngine(dir, s.engineOptions(fs, lock))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("data directory %s: %w", dir, translate(err)), lock.Close())
	}
	s.db, s.lock = db, lock
	if err := errors.Join(s.checkFormat(), s.checkImport()); err != nil {
		return nil, errors.Join(fmt.Errorf("data directory %s: %w", dir, err), db.Close(), lock.Close())
	}
	s.space.makeBallast()
	return s, nil
}

// openEngine opens Pebble, which answers some damage with a panic.
func openEngine(dir string, o *pebble.Options) (db *pebble.DB, err error) {
	defer func() {
		if r := recover(); r != nil {
			db, err = nil, fmt.Errorf("the engine can not open its files: %v: %w", r, queue.ErrCorrupt)
		}
	}()
	return pebble.Open(dir, o)
}

func (s *Store) engineOptions(fs vfs.FS, lock *pebble.Lock) *pebble.Options {
	o := &pebble.Options{
		FS:                          fs,
		Lock:                        lock,
		CacheSize:                   s.opts.CacheBytes,
		MemTableSize:                uint64(s.opts.MemTableBytes),
		MemTableStopWritesThreshold: 4,
		// Most messages are gone before the level above is as deep as this, and with them the work of compacting them. Every
		// flush overlaps the others, in the states of the queues; so each counts, and all would be written again.
		L0CompactionThreshold:      12,
		L0StopWritesThreshold:      48,
		LBaseMaxBytes:              64 << 20,
		BytesPerSync:               512 << 10,
		CompactionConcurrencyRange: func() (int, int) { return 1, 2 },
		FlushDelayDeleteRange:      10 * time.Second,
		TargetByteDeletionRate:     128 << 20,
		FormatMajorVersion:         engineFormat,
		Logger:                     engineLogger{s},
		EventListener: &pebble.EventListener{
			BackgroundError: func(err error) { s.opts.Log(LogError, "engine: "+err.Error()) },
			DataCorruption: func(i pebble.DataCorruptionInfo) {
				s.opts.Corrupt(fmt.Errorf("%s: %w", i.String(), queue.ErrCorrupt))
			},
		},
	}
	if s.opts.NoTicks {
		o.Experimental.CompactionScheduler = pebble.NewConcurrencyLimitSchedulerWithNoPeriodicGrantingForTest()
	}
	// What is just being flushed is mostly gone before long, and not worth the time of compressing it.
	o.Levels[0].Compression = func() *sstable.CompressionProfile { return sstable.NoCompression }
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		o.Levels[i].BlockSize = 16 << 10
	}
	return o
}

// engineLogger receives what Pebble says.
type engineLogger struct{ s *Store }

func (l engineLogger) Infof(format string, args ...any) {
	l.s.opts.Log(LogDebug, fmt.Sprintf(format, args...))
}

func (l engineLogger) Errorf(format string, args ...any) {
	l.s.opts.Log(LogError, fmt.Sprintf(format, args...))
}

// Fatalf must not go back to where the engine can not go on. From a commit, which is on a caller's goroutine, it does:
// commit looks for the fault next. Anything else is a goroutine of the engine's, or an iterator that is beyond use; it
// ends here, and its deferred calls with it.
func (l engineLogger) Fatalf(format string, args ...any) {
	l.s.fail(fmt.Errorf(format, args...))
	if !strings.HasPrefix(format, "pebble: fatal commit error") {
		runtime.Goexit()
	}
}

// checkEngineFormat refuses a directory in which the engine's format is newer than this release knows, by the name of
// the marker file that the engine keeps.
func checkEngineFormat(fs vfs.FS, dir string) error {
	names, err := fs.List(dir)
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	for _, name := range names {
		rest, ok := strings.CutPrefix(name, "marker.format-version.")
		if !ok {
			continue
		}
		_, version, _ := strings.Cut(rest, ".")
		if v, err := strconv.ParseUint(version, 10, 64); err == nil && v > uint64(engineFormat) {
			return fmt.Errorf("data directory %s: %w: its engine format is %d, this release reads up to %d",
				dir, queue.ErrNewerFormat, v, uint64(engineFormat))
		}
	}
	return nil
}

// checkFormat reads the schema's version, and writes it into an empty store.
func (s *Store) checkFormat() error {
	key := []byte{spaceFormat}
	v, closer, err := s.db.Get(key)
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		empty, err := s.isEmpty()
		if err != nil {
			return translate(err)
		}
		if !empty {
			return fmt.Errorf("its records have no format record: %w", queue.ErrCorrupt)
		}
		return translate(s.db.Set(key, binary.BigEndian.AppendUint32(nil, formatVersion), pebble.Sync))
	case err != nil:
		return translate(err)
	}
	defer closer.Close()
	if len(v) != 4 {
		return fmt.Errorf("format record: %w", queue.ErrCorrupt)
	}
	version := binary.BigEndian.Uint32(v)
	if version > formatVersion {
		return fmt.Errorf("%w: its format is %d, this release reads up to %d", queue.ErrNewerFormat, version, formatVersion)
	}
	if version < formatVersion { // what it holds can be read as it is; what is written from now on, an older release can not
		return translate(s.db.Set(key, binary.BigEndian.AppendUint32(nil, formatVersion), pebble.Sync))
	}
	return nil
}

func (s *Store) isEmpty() (bool, error) {
	it, err := s.db.NewIter(nil)
	if err != nil {
		return false, err
	}
	found := it.First()
	return !found, errors.Join(it.Error(), it.Close())
}

// translate gives an error of the engine the name that callers know.
func translate(err error) error {
	if err == nil || errors.Is(err, queue.ErrCorrupt) {
		return err
	}
	if pebble.IsCorruptionError(err) {
		return fmt.Errorf("%w: %w", queue.ErrCorrupt, err)
	}
	return err
}
