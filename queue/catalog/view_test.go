package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/catalog/catalogtest"
)

func TestView(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	c := open(t, new(catalogtest.Memory))
	apply := func(changes ...catalog.Change) {
		t.Helper()
		if _, err := c.Apply(ctx, catalog.Set{Changes: changes}); err != nil {
			t.Fatal(err)
		}
	}
	type call struct {
		Whole   bool
		Changes []string
		At      uint64
	}
	var calls []call
	broken := errors.New("broken")
	fail := false
	view := catalog.NewView(c, []string{"queues"}, func(prev *map[string]bool, changes []catalog.Record, at *catalog.Snapshot) (*map[string]bool, error) {
		k := call{Whole: prev == nil, At: at.Revision()}
		for _, r := range changes {
			k.Changes = append(k.Changes, r.Name.Name)
		}
		calls = append(calls, k)
		if fail {
			return nil, broken
		}
		return names(prev, changes, at)
	})
	get := func(wantErr error, want ...string) {
		t.Helper()
		for range 2 {
			got, err := view.Get()
			if !errors.Is(err, wantErr) || (err == nil) != (wantErr == nil) {
				t.Fatalf("Get: %v, want %v", err, wantErr)
			}
			if err != nil {
				continue
			}
			model := map[string]bool{}
			for _, name := range want {
				model[name] = true
			}
			if diff := cmp.Diff(model, *got); diff != "" {
				t.Fatalf("view (-want +got):\n%s", diff)
			}
		}
	}
	apply(put("a", `1`))
	get(nil, "a")
	apply(put("b", `1`))
	apply(put("c", `1`), del("a"))
	get(nil, "b", "c")
	apply(catalog.Change{Table: "topics", Name: named("t"), Value: []byte(`1`)})
	get(nil, "b", "c")
	fail = true
	apply(put("d", `1`))
	get(broken)
	apply(catalog.Change{Table: "topics", Name: named("t"), Value: []byte(`2`)})
	get(broken)
	fail = false
	apply(put("e", `1`))
	get(nil, "b", "c", "d", "e")
	want := []call{
		{true, nil, 1},
		{false, []string{"b", "c", "a"}, 3},
		{false, []string{"d"}, 5},
		{false, []string{"d"}, 6},
		{false, []string{"d", "e"}, 7},
	}
	if diff := cmp.Diff(want, calls); diff != "" {
		t.Errorf("calls of build (-want +got):\n%s", diff)
	}
	// More changes than are kept.
	var many []catalog.Change
	for i := range 20_000 {
		many = append(many, put(fmt.Sprint("m", i), `1`))
	}
	apply(many...)
	if got, err := view.Get(); err != nil || len(*got) != 20_004 {
		t.Errorf("after many changes: %d, %v", len(*got), err)
	}
	if last := calls[len(calls)-1]; !last.Whole {
		t.Errorf("after many changes build was called with %d of them", len(last.Changes))
	}
}

// TestViewFollows has writers check that a view has what they wrote as soon as Apply returns.
func TestViewFollows(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	c := open(t, new(catalogtest.Memory))
	view := catalog.NewView(c, []string{"queues"}, names)
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range 100 {
				name := fmt.Sprint(worker, "-", i%5)
				for _, ch := range []catalog.Change{put(name, `1`), del(name)} {
					if _, err := c.Apply(ctx, catalog.Set{Changes: []catalog.Change{ch}}); err != nil {
						t.Errorf("Apply: %v", err)
					}
					got, err := view.Get()
					if err != nil || (*got)[name] != (ch.Value != nil) {
						t.Errorf("view has %s: %v, %v", name, (*got)[name], err)
					}
				}
			}
		})
	}
	wg.Wait()
}

func TestChanges(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	m := new(catalogtest.Memory)
	c := open(t, m)
	for _, changes := range [][]catalog.Change{
		{put("a", `1`)}, {put("b", `1`), {Table: "topics", Name: named("t"), Value: []byte(`1`)}}, {del("a")},
	} {
		if _, err := c.Apply(ctx, catalog.Set{Changes: changes}); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		since  uint64
		tables []string
		want   []string
	}{
		{0, nil, []string{"1 a", "2 b", "2 t", "3 a deleted"}},
		{1, nil, []string{"2 b", "2 t", "3 a deleted"}},
		{1, []string{"queues"}, []string{"2 b", "3 a deleted"}},
		{3, nil, nil},
	} {
		records, revision, err := c.Changes(test.since, test.tables...)
		var got []string
		for _, r := range records {
			s := fmt.Sprint(r.Revision, " ", r.Name.Name)
			if r.Deleted {
				s += " deleted"
				if r.ID == 0 || r.Value != nil {
					t.Errorf("trace %+v", r)
				}
			}
			got = append(got, s)
		}
		if diff := cmp.Diff(test.want, got); diff != "" || revision != 3 || err != nil {
			t.Errorf("since %d: revision %d, %v (-want +got):\n%s", test.since, revision, err, diff)
		}
	}
	for c, since := range map[*catalog.Catalog]uint64{c: 4, open(t, m): 2} {
		if _, _, err := c.Changes(since); !errors.Is(err, catalog.ErrCompacted) {
			t.Errorf("Changes since %d: %v, want ErrCompacted", since, err)
		}
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		c := open(t, new(catalogtest.Memory))
		apply := func(ch catalog.Change) {
			if _, err := c.Apply(ctx, catalog.Set{Changes: []catalog.Change{ch}}); err != nil {
				t.Fatal(err)
			}
		}
		apply(put("a", `1`))
		var seen []string
		ended, waited := false, false
		go func() {
			for records, err := range c.Watch(ctx, 0, "queues") {
				if err != nil {
					t.Error(err)
				}
				for _, r := range records {
					seen = append(seen, r.Name.Name)
				}
			}
			ended = true
		}()
		go func() {
			if err := c.Wait(ctx, 1); err != nil {
				t.Error(err)
			}
			waited = true
		}()
		synctest.Wait()
		if diff := cmp.Diff([]string{"a"}, seen); diff != "" {
			t.Errorf("at first (-want +got):\n%s", diff)
		}
		if waited {
			t.Error("Wait returned with nothing new")
		}
		apply(put("b", `1`))
		apply(catalog.Change{Table: "topics", Name: named("t"), Value: []byte(`1`)})
		synctest.Wait()
		if diff := cmp.Diff([]string{"a", "b"}, seen); diff != "" {
			t.Errorf("then (-want +got):\n%s", diff)
		}
		cancel()
		synctest.Wait()
		if !ended {
			t.Error("Watch goes on after its context")
		}
		if err := c.Wait(ctx, c.Revision()); !errors.Is(err, context.Canceled) {
			t.Errorf("Wait: %v", err)
		}
		if !waited {
			t.Error("Wait goes on after a change")
		}
		for _, err := range c.Watch(context.Background(), 99) {
			if !errors.Is(err, catalog.ErrCompacted) {
				t.Errorf("Watch from a revision to come: %v", err)
			}
		}
	})
}
