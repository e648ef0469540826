package pebblestore_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/catalog/catalogtest"
	"github.com/signalbox-mq/signalbox/queue/pebblestore"
)

func TestCatalogSuite(t *testing.T) {
	t.Parallel()
	catalogtest.Run(t, func(tb catalogtest.TB) (catalog.Backend, func() catalog.Backend) {
		fs := vfs.NewMem()
		var last *pebblestore.Store
		reopen := func() catalog.Backend {
			if last != nil {
				if err := last.Close(); err != nil {
					tb.Fatalf("close: %v", err)
				}
			}
			s, err := pebblestore.Open("data", small(fs))
			if err != nil {
				tb.Fatalf("open: %v", err)
			}
			tb.Cleanup(func() { _ = s.Close() })
			last = s
			return s
		}
		return reopen(), reopen
	})
}

func TestImport(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	unfinished := small(fs)
	unfinished.Unfinished = true
	now := time.Now()
	s := open(t, unfinished)
	if err := s.BeginImport(t.Context(), "there", false); err != nil {
		t.Fatal(err)
	}
	if _, err := send(s, now, 1, queue.FIFO, "g", "a"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := pebblestore.Open("data", small(fs)); !errors.Is(err, queue.ErrUnfinished) || !strings.Contains(err.Error(), "there") {
		t.Fatalf("opening a store to which a migration has not ended: %v", err)
	}
	s = open(t, unfinished)
	if err := s.BeginImport(t.Context(), "there", false); !errors.Is(err, queue.ErrUnfinished) {
		t.Fatalf("beginning again: %v", err)
	}
	if err := s.BeginImport(t.Context(), "elsewhere", true); err != nil {
		t.Fatal(err)
	}
	if ids, err := s.Queues(t.Context()); err != nil || len(ids) != 0 {
		t.Fatalf("after a restart: %v, %v", ids, err)
	}
	if _, err := send(s, now, 1, queue.Standard, "", "b"); err != nil { // another kind than before
		t.Fatal(err)
	}
	if err := s.EndImport(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.BeginImport(t.Context(), "there", true); !errors.Is(err, queue.ErrNotEmpty) {
		t.Fatalf("beginning with a store that holds something: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, small(fs))
	defer s.Close()
	res, err := s.Scan(t.Context(), queue.ScanRequest{Now: now, Queue: 1, Kind: queue.Standard, Limit: 10})
	if err != nil || len(res.Messages) != 1 || string(res.Messages[0].Message.Body) != "b" {
		t.Fatalf("%+v, %v", res, err)
	}
}
