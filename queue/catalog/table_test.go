package catalog_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/catalog/catalogtest"
)

type definition struct {
	Delay int               `json:"delay"`
	Tags  map[string]string `json:"tags,omitempty"`
}

func TestTable(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	c := open(t, new(catalogtest.Memory))
	queues := catalog.NewTable[definition](c, "queues")
	a := named("a")
	if _, err := queues.Get(a); !errors.Is(err, catalog.ErrNotFound) {
		t.Errorf("Get of none: %v", err)
	}
	e, err := queues.Create(ctx, a, definition{Delay: 1})
	want := catalog.Entry[definition]{Name: a, ID: 1, Created: 1, Revision: 1, Value: definition{Delay: 1}}
	want.CreatedAt, want.ModifiedAt = e.CreatedAt, e.ModifiedAt // see TestTimes
	if diff := cmp.Diff(want, e); diff != "" || err != nil {
		t.Errorf("Create: %v (-want +got):\n%s", err, diff)
	}
	if _, err := queues.Create(ctx, a, definition{}); !errors.Is(err, catalog.ErrExists) {
		t.Errorf("Create again: %v", err)
	}
	e, err = queues.Update(ctx, a, func(d *definition) error { d.Tags = map[string]string{"k": "v"}; return nil })
	want.Revision, want.Value.Tags, want.ModifiedAt = 2, map[string]string{"k": "v"}, e.ModifiedAt
	if diff := cmp.Diff(want, e); diff != "" || err != nil {
		t.Errorf("Update: %v (-want +got):\n%s", err, diff)
	}
	e, err = queues.Update(ctx, a, func(*definition) error { return nil })
	if diff := cmp.Diff(want, e); diff != "" || err != nil || c.Revision() != 2 {
		t.Errorf("Update to the same: %v, revision %d (-want +got):\n%s", err, c.Revision(), diff)
	}
	refused := errors.New("no")
	if _, err := queues.Update(ctx, a, func(d *definition) error { d.Tags["k"] = "x"; return refused }); err != refused {
		t.Errorf("Update refused: %v", err)
	}
	if _, err := queues.Update(ctx, named("n"), func(*definition) error { return nil }); !errors.Is(err, catalog.ErrNotFound) {
		t.Errorf("Update of none: %v", err)
	}
	for range 2 { // decoded, and from the cache
		if e, err = queues.Get(a); !cmp.Equal(want, e) || err != nil {
			t.Errorf("Get: %+v %v", e, err)
		}
	}
	old := c.Snapshot()
	if e, err = queues.Put(ctx, a, definition{Delay: 5}); e.Revision != 3 || e.ID != 1 || e.Created != 1 || err != nil {
		t.Errorf("Put: %+v %v", e, err)
	}
	if e, err = queues.At(old, a); !cmp.Equal(want, e) || err != nil {
		t.Errorf("At an older snapshot: %+v %v", e, err)
	}
	if e, err = catalog.NewTable[definition](c, "queues").Get(a); e.Value.Delay != 5 || err != nil {
		t.Errorf("Get through another Table: %+v %v", e, err)
	}
	if e, err := catalog.NewTable[map[string]any](c, "queues").Get(a); e.Value["delay"] != 5.0 || err != nil {
		t.Errorf("Get as another type: %+v %v", e, err)
	}
	if e, err := catalog.NewTable[[]int](c, "queues").Get(a); err == nil || e.ID != 1 {
		t.Errorf("Get as a type that does not fit: %+v %v", e, err)
	}
	for _, name := range []string{"b", "c"} {
		if _, err := queues.Create(ctx, named(name), definition{}); err != nil {
			t.Error(err)
		}
	}
	list, more, err := queues.List(catalog.Query{Limit: 2})
	if len(list) != 2 || !more || err != nil || list[0].Name != a || list[0].Value.Delay != 5 {
		t.Errorf("List: %+v %v %v", list, more, err)
	}
	list, more, err = queues.List(catalog.Query{After: list[1].Name, Limit: 2})
	if len(list) != 1 || more || err != nil || list[0].Name.Name != "c" {
		t.Errorf("List after: %+v %v %v", list, more, err)
	}
	if err := queues.Delete(ctx, a); err != nil {
		t.Error(err)
	}
	if err := queues.Delete(ctx, a); !errors.Is(err, catalog.ErrNotFound) {
		t.Errorf("Delete again: %v", err)
	}
	if _, err := catalog.NewTable[func()](c, "queues").Create(ctx, a, nil); !sameError(err, new(catalog.InvalidError)) {
		t.Errorf("Create of what has no JSON: %v", err)
	}
	if _, err := c.Declare(ctx, "file:f", "1", []catalog.Declaration{queues.Declaring(named("f"), definition{})}, catalog.DeclareOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := queues.Update(ctx, named("f"), func(*definition) error { return nil }); !sameError(err, new(catalog.ManagedError)) {
		t.Errorf("Update of a file's: %v", err)
	}
	if err := queues.Delete(ctx, named("f")); !sameError(err, new(catalog.ManagedError)) {
		t.Errorf("Delete of a file's: %v", err)
	}
}

// TestUpdateOwnsItsValue checks that what change does to the value is not seen by readers.
func TestUpdateOwnsItsValue(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	c := open(t, new(catalogtest.Memory))
	queues := catalog.NewTable[definition](c, "queues")
	if _, err := queues.Create(ctx, named("a"), definition{Tags: map[string]string{"k": "v"}}); err != nil {
		t.Fatal(err)
	}
	before, err := queues.Get(named("a"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := queues.Update(ctx, named("a"), func(d *definition) error { d.Tags["k"] = "new"; return nil }); err != nil {
		t.Fatal(err)
	}
	if before.Value.Tags["k"] != "v" {
		t.Error("an entry that was read before the update changed with it")
	}
}

func FuzzParseName(f *testing.F) {
	for _, s := range []string{"1/eu/a", "1/eu/a/b", "//", "1/eu/", "/a/b", "a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, err := catalog.ParseName(s)
		if err == nil && name.String() != s {
			t.Errorf("%q was read as %q", s, name)
		}
		if err == nil && (name.Account == "" || name.Region == "" || name.Name == "") {
			t.Errorf("%q was read as %+v", s, name)
		}
	})
}

// TestTimes shows what sets the times of a record, and what does not: here a change of its owner alone.
func TestTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		m := new(catalogtest.Memory)
		c := open(t, m)
		queues := catalog.NewTable[definition](c, "queues")
		a := named("a")
		times := func(what string, created, modified time.Time) {
			t.Helper()
			for _, c := range []*catalog.Catalog{c, open(t, m)} {
				r, ok := c.Get("queues", a)
				if !ok || r.CreatedAt != created || r.ModifiedAt != modified {
					t.Errorf("%s: created at %v, modified at %v; want %v and %v", what, r.CreatedAt, r.ModifiedAt, created, modified)
				}
			}
			if e, err := queues.Get(a); err != nil || e.CreatedAt != created || e.ModifiedAt != modified {
				t.Errorf("%s: the entry has %v and %v, %v", what, e.CreatedAt, e.ModifiedAt, err)
			}
		}
		declare := func(all ...catalog.Declaration) {
			t.Helper()
			keep := func(context.Context, catalog.Record) (bool, error) { return true, nil }
			if _, err := c.Declare(ctx, "file:x", "", all, catalog.DeclareOptions{Keep: keep}); err != nil {
				t.Fatal(err)
			}
			pass()
		}
		pass()
		first := time.Now().UTC().Truncate(time.Millisecond)
		if _, err := queues.Create(ctx, a, definition{Delay: 1}); err != nil {
			t.Fatal(err)
		}
		times("created", first, first)
		pass()
		second := time.Now().UTC().Truncate(time.Millisecond)
		if _, err := queues.Put(ctx, a, definition{Delay: 2}); err != nil {
			t.Fatal(err)
		}
		times("changed", first, second)
		pass()
		if e, err := queues.Put(ctx, a, definition{Delay: 2}); err != nil || e.Revision != 3 {
			t.Fatalf("%+v, %v", e, err)
		}
		times("put again", first, second)
		if err := queues.Delete(ctx, a); err != nil {
			t.Fatal(err)
		}
		third := time.Now().UTC().Truncate(time.Millisecond)
		declare(queues.Declaring(a, definition{}))
		times("declared anew", third, third)
		declare()
		times("kept", third, third)
		declare(queues.Declaring(a, definition{}))
		times("adopted", third, third)
		fourth := time.Now().UTC().Truncate(time.Millisecond)
		declare(queues.Declaring(a, definition{Delay: 4}))
		times("declared otherwise", third, fourth)
	})
}

// pass lets time go by: not a whole number of milliseconds.
func pass() { <-time.After(time.Hour + 1500*time.Microsecond) }
