package redisstore

import (
	"context"
	"errors"
	"testing"

	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/catalog/catalogtest"
	"github.com/signalbox-mq/signalbox/tests/redistest"
)

func TestCatalog(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, inMemory)
	catalogtest.Run(t, func(tb catalogtest.TB) (catalog.Backend, func() catalog.Backend) {
		node := nodesAt(newPlace(server.Addr()))(tb)
		return node(), node
	})
}

func TestNodes(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, inMemory)
	catalogtest.RunNodes(t, func(tb catalogtest.TB) func() catalog.Backend { return nodesAt(newPlace(server.Addr()))(tb) })
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

// TestRevisionsThatWereLost has a failover lose a revision, after which another commit gets its number.
func TestRevisionsThatWereLost(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, inMemory)
	node := nodesAt(newPlace(server.Addr()))(t)
	record := func(revision uint64, value string) []catalog.Record {
		return []catalog.Record{{
			Table: "queues", Name: catalog.Name{Account: "1", Region: "r", Name: "a"}, ID: 1, Created: 1, Revision: revision, Value: []byte(value),
		}}
	}
	a, b := node().(*Store), node().(*Store)
	commit := func(s *Store, revision uint64, value string) {
		t.Helper()
		if err := s.Commit(t.Context(), revision, 1, record(revision, value)); err != nil {
			t.Fatal(err)
		}
	}
	commit(a, 1, `1`)
	saved := map[string]string{}
	direct := server.Client()
	keys, err := direct.Keys(t.Context(), a.c.tag(catalogShard)+":*").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if saved[key], err = direct.Dump(t.Context(), key).Result(); err != nil {
			t.Fatal(err)
		}
	}
	commit(a, 2, `2`)
	if _, _, err := b.LoadSince(t.Context(), 0, func(catalog.Record) error { return nil }); err != nil {
		t.Fatal(err)
	}
	for key, value := range saved { // what the replica had
		if err := direct.RestoreReplace(t.Context(), key, 0, value).Err(); err != nil {
			t.Fatal(err)
		}
	}
	c := node().(*Store)
	commit(c, 2, `"other"`)
	commit(c, 3, `3`)
	if _, _, err := b.LoadSince(t.Context(), 2, func(catalog.Record) error { return nil }); !errors.Is(err, catalog.ErrCompacted) {
		t.Errorf("changes since a revision that is another one now: %v, want ErrCompacted", err)
	}
	if _, _, err := c.LoadSince(t.Context(), 2, func(catalog.Record) error { return nil }); err != nil {
		t.Errorf("the node that committed it: %v", err)
	}
}
