package pebblestore_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/pebblestore"
)

// TestSpace checks what a store tells of its disk, and that it notices space before anybody sends.
func TestSpace(t *testing.T) {
	t.Parallel()
	var free atomic.Uint64
	free.Store(5 << 20)
	open := func(opts pebblestore.Options) *pebblestore.Store {
		opts.FS, opts.CacheBytes, opts.MemTableBytes = vfs.NewMem(), 1<<20, 1<<20
		s, err := pebblestore.Open("", opts)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	}
	s := open(pebblestore.Options{MinFreeBytes: 4 << 20, FreeSpace: func() (uint64, error) { return free.Load(), nil }})
	want := pebblestore.Space{Free: 5 << 20, Known: true, Least: 4 << 20}
	if got := s.Space(); got != want {
		t.Errorf("with space: %+v", got)
	}
	send := func() error {
		_, err := s.Append(t.Context(), queue.AppendRequest{Now: time.Now(), Entries: []queue.Entry{
			{Queue: 8, Message: queue.Message{ID: queue.NewMessageID(), Body: make([]byte, 100)}},
		}})
		return err
	}
	free.Store(3 << 20)
	if got := s.Space(); !got.Full || got.Free != 3<<20 {
		t.Errorf("without: %+v", got)
	}
	if err := send(); !errors.Is(err, queue.ErrStoreFull) {
		t.Errorf("without: %v", err)
	}
	free.Store(5 << 20)
	if got := s.Space(); got.Full {
		t.Errorf("with space again: %+v", got)
	}
	if err := send(); err != nil {
		t.Error(err)
	}
	free.Store(0)
	if got := open(pebblestore.Options{MinFreeBytes: -1, FreeSpace: func() (uint64, error) { return 0, nil }}).Space(); got.Full || got.Least != 0 {
		t.Errorf("of a store that needs none: %+v", got)
	}
	if got := open(pebblestore.Options{FreeSpace: func() (uint64, error) { return 0, errors.New("unknown") }}).Space(); got.Full || got.Known {
		t.Errorf("where it is not known: %+v", got)
	}
}
