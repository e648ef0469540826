package pebblestore_test

import (
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/pebblestore"
)

func loadAll(t *testing.T, s *pebblestore.Store) (records map[string]catalog.Record, revision, lastID uint64) {
	t.Helper()
	records = map[string]catalog.Record{}
	revision, lastID, err := s.Load(t.Context(), func(r catalog.Record) error {
		records[r.Table+" "+r.Name.String()] = r
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return records, revision, lastID
}

func TestCatalog(t *testing.T) {
	t.Parallel()
	fs := vfs.NewCrashableMem()
	s := open(t, small(fs))
	if records, revision, lastID := loadAll(t, s); len(records) != 0 || revision != 0 || lastID != 0 {
		t.Fatalf("empty: %v, %d, %d", records, revision, lastID)
	}
	a := catalog.Record{Table: "queues", Name: catalog.Name{Account: "1", Region: "r", Name: "a"}, ID: 1, Created: 1, Revision: 1, Value: []byte(`{"a":1}`)}
	b := catalog.Record{Table: "topics", Name: catalog.Name{Account: "1", Region: "r", Name: "b/c"}, ID: 2, Created: 1, Revision: 1, Owner: "file:x", Value: []byte(`{}`)}
	if err := s.Commit(t.Context(), 1, 2, []catalog.Record{a, b}); err != nil {
		t.Fatal(err)
	}
	for _, revision := range []uint64{0, 1, 3} {
		if err := s.Commit(t.Context(), revision, 9, []catalog.Record{{Table: "queues", Name: a.Name, Deleted: true}}); !errors.Is(err, catalog.ErrConflict) {
			t.Errorf("commit at %d: %v, want ErrConflict", revision, err)
		}
	}
	gone := b
	gone.Deleted, gone.Value = true, nil
	a.Revision, a.Value = 2, []byte(`{"a":2}`)
	if err := s.Commit(t.Context(), 2, 3, []catalog.Record{a, gone}); err != nil {
		t.Fatal(err)
	}
	crashed := fs.CrashClone(vfs.CrashCloneCfg{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, small(crashed))
	defer s.Close()
	records, revision, lastID := loadAll(t, s)
	if diff := cmp.Diff(map[string]catalog.Record{"queues 1/r/a": a}, records); diff != "" || revision != 2 || lastID != 3 {
		t.Errorf("revision %d, last ID %d, records (-want +got):\n%s", revision, lastID, diff)
	}
}
