package redisstore

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/tests/redistest"
)

func TestImport(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, inMemory)
	testImport(t, newPlace(server.Addr()))
}

func TestImportOnACluster(t *testing.T) {
	t.Parallel()
	testImport(t, newPlace(redistest.Cluster(t, 3, 0, inMemory).Nodes[0].Addr()))
}

func testImport(t *testing.T, place *place) {
	ctx, now := t.Context(), time.Now()
	other := openOn(t, newPlace(strings.TrimPrefix(strings.Split(place.url, "/?")[0], "redis://")), false)
	put := func(s *Store, ids ...queue.ID) {
		t.Helper()
		for _, id := range ids {
			e := queue.Entry{Queue: id, Kind: queue.Log, Message: queue.Message{ID: queue.NewMessageID(), Body: []byte("a")}}
			if _, err := s.Append(ctx, queue.AppendRequest{Now: now, Entries: []queue.Entry{e}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	put(other, 1, 2, 3)
	s := openOn(t, place, true)
	if err := s.BeginImport(ctx, "there", false); err != nil {
		t.Fatal(err)
	}
	put(s, 1, 2, 3, 4, 5, 6, 7, 8, 9)
	if err := s.Restore(ctx, 7, 9, []catalog.Record{{Table: "queues", Name: catalog.Name{Account: "1", Region: "r", Name: "a"}, ID: 1, Revision: 3, Value: []byte("{}")}}); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(ctx, Options{URL: place.url}, nil); !errors.Is(err, queue.ErrUnfinished) || !strings.Contains(err.Error(), "there") {
		t.Fatalf("opening a store to which a migration has not ended: %v", err)
	}
	if err := s.BeginImport(ctx, "there", false); !errors.Is(err, queue.ErrUnfinished) {
		t.Fatalf("beginning again: %v", err)
	}
	if err := s.BeginImport(ctx, "elsewhere", true); err != nil {
		t.Fatal(err)
	}
	revision, _, err := s.Load(ctx, func(catalog.Record) error { return errors.New("a definition") })
	ids, err2 := s.Queues(ctx)
	if err != nil || err2 != nil || revision != 0 || len(ids) != 0 {
		t.Fatalf("after a restart: revision %d, %v, queues %v, %v", revision, err, ids, err2)
	}
	put(s, 1)
	if err := s.EndImport(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.BeginImport(ctx, "there", true); !errors.Is(err, queue.ErrNotEmpty) {
		t.Fatalf("beginning with a store that holds something: %v", err)
	}
	openOn(t, place, false)
	if ids, err := other.Queues(ctx); err != nil || len(ids) != 3 {
		t.Fatalf("the other namespace has queues %v, %v", ids, err)
	}
	if n, err := s.Nodes(ctx); err != nil || n != 0 {
		t.Fatalf("%d nodes, %v", n, err)
	}
	if _, err := s.beat(ctx, 0, nodeLease); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Nodes(ctx); err != nil || n != 1 {
		t.Fatalf("%d nodes, %v; want one", n, err)
	}
	if err := s.Finish(ctx); err != nil {
		t.Fatal(err)
	}
}

func openOn(t *testing.T, p *place, unfinished bool) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{URL: p.url, Unfinished: unfinished}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}
