package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/catalog/catalogtest"
)

func TestBackendErrorLeavesMemory(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	broken := errors.New("disk gone")
	var fail, lose atomic.Bool
	m := &catalogtest.Memory{
		Fail: func(uint64) error {
			if fail.Load() {
				return broken
			}
			return nil
		},
		Lose: func(uint64) error {
			if lose.Load() {
				return broken
			}
			return nil
		},
	}
	c := open(t, catalogtest.Exclusive{Backend: m})
	if _, err := c.Apply(ctx, catalog.Set{Changes: []catalog.Change{put("a", `1`)}}); err != nil {
		t.Fatal(err)
	}
	fail.Store(true)
	if _, err := c.Apply(ctx, catalog.Set{Changes: []catalog.Change{put("b", `1`), del("a")}}); !errors.Is(err, broken) {
		t.Fatalf("Apply: %v", err)
	}
	fail.Store(false)
	_, a := c.Get("queues", named("a"))
	_, b := c.Get("queues", named("b"))
	if !a || b || c.Revision() != 1 {
		t.Fatalf("after a failed commit: a %v, b %v, revision %d", a, b, c.Revision())
	}
	// The backend has it, but the answer was lost. The next Apply finds out.
	lose.Store(true)
	if _, err := c.Apply(ctx, catalog.Set{Changes: []catalog.Change{put("b", `1`), del("a")}}); !errors.Is(err, broken) {
		t.Fatalf("Apply: %v", err)
	}
	lose.Store(false)
	if _, b := c.Get("queues", named("b")); b || c.Revision() != 1 {
		t.Fatalf("after a commit with an unknown outcome: b %v, revision %d", b, c.Revision())
	}
	applied, err := c.Apply(ctx, catalog.Set{Changes: []catalog.Change{put("c", `1`)}})
	if err != nil || applied.Revision != 3 || applied.Records[0].ID != 3 {
		t.Fatalf("Apply after that: %+v, %v", applied, err)
	}
	_, a = c.Get("queues", named("a"))
	_, b = c.Get("queues", named("b"))
	if a || !b {
		t.Fatalf("caught up with a %v, b %v", a, b)
	}
	changes, _, err := c.Changes(1)
	var got []string
	for _, r := range changes {
		got = append(got, fmt.Sprint(r.Name.Name, r.Deleted))
	}
	if diff := cmp.Diff([]string{"atrue", "bfalse", "cfalse"}, got); diff != "" || err != nil {
		t.Errorf("changes: %v (-want +got):\n%s", err, diff)
	}
}

// stuck is a backend that always says that another was first.
type stuck struct{ catalog.Backend }

func (stuck) Commit(context.Context, uint64, uint64, []catalog.Record) error {
	return catalog.ErrConflict
}

func TestConflictWithoutEnd(t *testing.T) {
	t.Parallel()
	c := open(t, stuck{new(catalogtest.Memory)})
	if _, err := c.Apply(context.Background(), catalog.Set{Changes: []catalog.Change{put("a", `1`)}}); !errors.Is(err, catalog.ErrConflict) {
		t.Errorf("Apply: %v", err)
	}
	if _, err := catalog.NewTable[int](c, "queues").Put(context.Background(), named("a"), 1); !errors.Is(err, catalog.ErrConflict) {
		t.Errorf("Put: %v", err)
	}
}

// gate is a backend whose commits wait to be let through.
type gate struct {
	*catalogtest.Memory
	entered chan uint64
	leave   chan struct{}
}

func (g gate) Commit(ctx context.Context, revision, lastID uint64, records []catalog.Record) error {
	g.entered <- revision
	<-g.leave
	return g.Memory.Commit(ctx, revision, lastID, records)
}

func TestGroupCommit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := gate{new(catalogtest.Memory), make(chan uint64), make(chan struct{})}
		c := open(t, catalogtest.Exclusive{Backend: g})
		apply := func(ctx context.Context, set catalog.Set, applied *catalog.Applied, err *error) {
			go func() { *applied, *err = c.Apply(ctx, set) }()
			synctest.Wait()
		}
		var applied [8]catalog.Applied
		var errs [8]error
		changes := func(cs ...catalog.Change) catalog.Set { return catalog.Set{Changes: cs} }
		ctx := context.Background()
		cancelled, cancel := context.WithCancel(ctx)
		apply(cancelled, changes(put("first", `1`)), &applied[0], &errs[0])
		<-g.entered
		// These wait for the first: 1, 2, 4 and 5 have nothing in common, 3 changes what 2 does.
		apply(ctx, changes(put("a", `1`)), &applied[1], &errs[1])
		apply(ctx, changes(put("b", `1`), put("c", `1`)), &applied[2], &errs[2])
		apply(ctx, changes(put("d", `1`), put("c", `2`)), &applied[3], &errs[3])
		apply(ctx, changes(del("nothing")), &applied[4], &errs[4])
		apply(ctx, catalog.Set{Changes: []catalog.Change{put("e", `1`)},
			Requires: []catalog.Requirement{{Table: "queues", Name: named("first"), ID: 1}}}, &applied[5], &errs[5])
		apply(cancelled, changes(put("never", `1`)), &applied[6], &errs[6])
		apply(ctx, changes(del("first")), &applied[7], &errs[7]) // 5 requires it

		cancel() // of the one that commits, which goes on, and of one that waits
		synctest.Wait()
		if !errors.Is(errs[6], context.Canceled) {
			t.Fatalf("cancelled while waiting: %v", errs[6])
		}
		g.leave <- struct{}{}
		<-g.entered
		g.leave <- struct{}{}
		<-g.entered
		g.leave <- struct{}{}
		synctest.Wait()
		for i, want := range []uint64{1, 2, 2, 3, 0, 2, 0, 3} {
			if applied[i].Revision != want {
				t.Errorf("set %d was applied at %d, want %d (%v)", i, applied[i].Revision, want, errs[i])
			}
		}
		if !errors.Is(errs[4], catalog.ErrNotFound) {
			t.Errorf("the set that fails alone: %v", errs[4])
		}
		if r, _ := c.Get("queues", named("c")); string(r.Value) != `2` || r.Revision != 3 || r.Created != 2 {
			t.Errorf("c is %+v", r)
		}
		if _, ok := c.Get("queues", named("never")); ok {
			t.Error("a withdrawn set was applied")
		}
	})
}

// hangs is a backend whose commits end with their context only.
type hangs struct{ catalog.Backend }

func (hangs) Commit(ctx context.Context, _, _ uint64, _ []catalog.Record) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestCommitTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := open(t, hangs{new(catalogtest.Memory)})
		begin := time.Now()
		_, err := c.Apply(context.Background(), catalog.Set{Changes: []catalog.Change{put("a", `1`)}})
		if took := time.Since(begin); !errors.Is(err, context.DeadlineExceeded) || took != 30*time.Second {
			t.Errorf("Apply: %v after %v", err, took)
		}
	})
}

// TestCounters has many goroutines on two catalogs on one backend add to the same counters. None may be lost.
func TestCounters(t *testing.T) {
	t.Parallel()
	for _, shared := range []bool{true, false} {
		t.Run(fmt.Sprint("shared ", shared), func(t *testing.T) {
			t.Parallel()
			const nodes, workers, adds, counters = 2, 4, 25, 3
			ctx := context.Background()
			m := &catalogtest.Memory{Keep: 3}
			var b catalog.Backend = m
			if !shared {
				b = catalogtest.Exclusive{Backend: m}
			}
			var wg sync.WaitGroup
			for node := range nodes {
				c := open(t, b)
				table := catalog.NewTable[int](c, "counters")
				for i := range counters {
					if _, err := table.Create(ctx, named(fmt.Sprint(i)), 0); err != nil && !errors.Is(err, catalog.ErrExists) {
						t.Fatal(err)
					}
				}
				for worker := range workers {
					wg.Go(func() {
						for i := range adds {
							n := named(fmt.Sprint((i + worker) % counters))
							if _, err := table.Update(ctx, n, func(v *int) error { *v++; return nil }); err != nil {
								t.Errorf("Update: %v", err)
							}
							own := named(fmt.Sprint("own", node, worker))
							if _, err := table.Create(ctx, own, i); err != nil {
								t.Errorf("Create: %v", err)
							}
							if err := table.Delete(ctx, own); err != nil {
								t.Errorf("Delete: %v", err)
							}
						}
					})
				}
			}
			wg.Wait()
			table, sum := catalog.NewTable[int](open(t, m), "counters"), 0
			entries, _, err := table.List(catalog.Query{})
			for _, e := range entries {
				sum += e.Value
			}
			if want := nodes * workers * adds; sum != want || len(entries) != counters || err != nil {
				t.Errorf("%d counters have %d, want %d, %v", len(entries), sum, want, err)
			}
		})
	}
}

// TestSharedLooksAgain checks that a node does not refuse because of what it does not know yet.
func TestSharedLooksAgain(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	m := new(catalogtest.Memory)
	here, there := open(t, m), open(t, m)
	if _, err := there.Apply(ctx, catalog.Set{Changes: []catalog.Change{put("a", `1`)}}); err != nil {
		t.Fatal(err)
	}
	if _, err := here.Apply(ctx, catalog.Set{Changes: []catalog.Change{del("a")}}); err != nil {
		t.Errorf("Delete of what another node made: %v", err)
	}
	if err := there.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	if _, ok := there.Get("queues", named("a")); ok {
		t.Error("after Refresh, the deleted record is still there")
	}
}

// slow is a shared backend that counts reloads, which wait to be let through.
type slow struct {
	*catalogtest.Memory
	leave   chan struct{}
	reloads int
}

func (s *slow) LoadSince(ctx context.Context, since uint64, yield func(catalog.Record) error) (revision, lastID uint64, err error) {
	s.reloads++
	<-s.leave
	return s.Memory.LoadSince(ctx, since, yield)
}

func TestRefreshTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		s := &slow{Memory: new(catalogtest.Memory), leave: make(chan struct{})}
		c, there := open(t, s), open(t, s.Memory)
		var ended atomic.Int32
		refresh := func() {
			go func() {
				if err := c.Refresh(ctx); err != nil {
					t.Error(err)
				}
				ended.Add(1)
			}()
			synctest.Wait()
		}
		refresh()
		if _, err := there.Apply(ctx, catalog.Set{Changes: []catalog.Change{put("a", `1`)}}); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			refresh() // none may be content with the one that was begun before the change
		}
		s.leave <- struct{}{}
		synctest.Wait()
		if ended.Load() != 1 || s.reloads != 2 {
			t.Errorf("%d have ended with %d reloads", ended.Load(), s.reloads)
		}
		s.leave <- struct{}{}
		synctest.Wait()
		if _, ok := c.Get("queues", named("a")); !ok || ended.Load() != 11 || s.reloads != 2 {
			t.Errorf("%d have ended with %d reloads, found %v", ended.Load(), s.reloads, ok)
		}
	})
}

// TestFailover puts a backend back to an older state, as a failover to a replica that was behind does.
func TestFailover(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	old, m := new(catalogtest.Memory), new(catalogtest.Memory)
	b := &switching{Backend: m}
	c := open(t, b)
	view := catalog.NewView(c, []string{"queues"}, names)
	seeds := open(t, old)
	for _, name := range []string{"a", "b", "c"} {
		set := catalog.Set{Changes: []catalog.Change{put(name, `1`)}}
		if _, err := c.Apply(ctx, set); err != nil {
			t.Fatal(err)
		}
		if name == "a" {
			if _, err := seeds.Apply(ctx, set); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got, err := view.Get(); err != nil || len(*got) != 3 {
		t.Fatal(got, err)
	}
	b.Backend = old
	for _, name := range []string{"x", "y", "z"} {
		if _, err := c.Apply(ctx, catalog.Set{Changes: []catalog.Change{put(name, `1`)}}); err != nil {
			t.Fatal(err)
		}
		if name == "y" && c.Revision() != 3 {
			t.Fatalf("the test means to come to revision 3 again, not %d", c.Revision())
		}
		want := map[string]bool{"a": true, "x": true, "y": name >= "y", "z": name >= "z"}
		got, err := view.Get()
		for name, is := range want {
			if (*got)[name] != is || err != nil {
				t.Fatalf("view has %v, %v", *got, err)
			}
		}
		if (*got)["b"] {
			t.Fatal("view has what was lost")
		}
	}
}

type switching struct{ catalog.Backend }

// TestHistory makes random changes through two catalogs on one backend, and compares with a map.
func TestHistory(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		m := &catalogtest.Memory{Keep: rapid.IntRange(0, 2).Draw(t, "keep")}
		failing := false
		m.Fail = func(uint64) error {
			if failing {
				return errors.New("disk gone")
			}
			return nil
		}
		nodes := make([]*catalog.Catalog, 2)
		views := make([]*catalog.View[map[string]bool], 2)
		restart := func(i int) {
			c, err := catalog.Open(ctx, m)
			if err != nil {
				t.Fatal(err)
			}
			nodes[i], views[i] = c, catalog.NewView(c, []string{"queues"}, names)
		}
		restart(0)
		restart(1)
		model := map[string]catalog.Record{}
		ids := map[uint64]bool{}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			i := rapid.IntRange(0, 1).Draw(t, "node")
			c := nodes[i]
			if rapid.IntRange(0, 15).Draw(t, "restart") == 0 {
				restart(i)
				continue
			}
			set := catalog.Set{Owner: rapid.SampledFrom([]string{"", "", "", "file:x"}).Draw(t, "owner")}
			next := map[string]*catalog.Record{}
			var want error
			for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 1, 3, rapid.ID[string]).Draw(t, "names") {
				ch := put(name, fmt.Sprint(rapid.IntRange(0, 9).Draw(t, "value")))
				old, exists := model[name]
				if rapid.Bool().Draw(t, "delete") {
					ch.Value = nil
				}
				if rapid.Bool().Draw(t, "if") {
					ch = ch.If(rapid.SampledFrom([]uint64{0, old.Revision, 1}).Draw(t, "revision"))
				}
				err := allowed(ch, old, exists, set.Owner)
				if want == nil {
					want = err
				}
				rec := &catalog.Record{Owner: set.Owner, Value: ch.Value, ID: old.ID, Created: old.Created, CreatedAt: old.CreatedAt}
				if ch.Value == nil {
					rec = nil
				}
				next[name] = rec
				set.Changes = append(set.Changes, ch)
			}
			failing = rapid.IntRange(0, 9).Draw(t, "fail") == 0
			applied, err := c.Apply(ctx, set)
			switch {
			case failing: // a node that is behind may fail before it gets to know why it should have refused
				if err == nil {
					t.Fatal("Apply succeeded without the backend")
				}
			case !sameError(err, want):
				t.Fatalf("Apply %+v: %v, want %v", set, err, want)
			case err == nil:
				for i, r := range applied.Records {
					rec := next[r.Name.Name]
					if (rec == nil) != r.Deleted {
						t.Fatalf("change %d returned %+v", i, r)
					}
					if rec == nil {
						delete(model, r.Name.Name)
						continue
					}
					if rec.ID == 0 {
						if ids[r.ID] || r.Created != applied.Revision {
							t.Fatalf("created %+v at %d, IDs so far %v", r, applied.Revision, ids)
						}
						ids[r.ID] = true
						rec.ID, rec.Created, rec.CreatedAt = r.ID, r.Created, r.CreatedAt
					}
					rec.ModifiedAt = r.ModifiedAt
					rec.Table, rec.Name, rec.Revision = "queues", r.Name, applied.Revision
					model[r.Name.Name] = *rec
				}
			}
			failing = false
			if rapid.Bool().Draw(t, "refresh") {
				if err := c.Refresh(ctx); err != nil {
					t.Fatal(err)
				}
			} else if err != nil {
				continue // it may be behind
			}
			records, _ := c.List("queues", catalog.Query{})
			got := map[string]catalog.Record{}
			for _, r := range records {
				got[r.Name.Name] = r
			}
			if diff := cmp.Diff(model, got); diff != "" {
				t.Fatalf("node %d (-model +got):\n%s", i, diff)
			}
			view, err := views[i].Get()
			if err != nil || len(*view) != len(model) {
				t.Fatalf("view has %v, %v, model %v", view, err, model)
			}
			for name := range model {
				if !(*view)[name] {
					t.Fatalf("view lacks %s", name)
				}
			}
		}
	})
}

// allowed is the rule of Set and Change, said once more.
func allowed(ch catalog.Change, old catalog.Record, exists bool, owner string) error {
	switch {
	case !exists && ch.Value == nil, !exists && ch.IfRevision != nil && *ch.IfRevision > 0:
		return catalog.ErrNotFound
	case !exists:
		return nil
	case ch.IfRevision != nil && *ch.IfRevision == 0:
		return catalog.ErrExists
	case owner == "" && old.Owner != "":
		return new(catalog.ManagedError)
	case owner != old.Owner:
		return new(catalog.TakenError)
	case ch.IfRevision != nil && *ch.IfRevision != old.Revision:
		return catalog.ErrConflict
	}
	return nil
}

// names is a view of the names of queues, made step by step.
func names(prev *map[string]bool, changes []catalog.Record, at *catalog.Snapshot) (*map[string]bool, error) {
	next := map[string]bool{}
	if prev == nil {
		for r := range at.Scan("queues", catalog.Query{}) {
			next[r.Name.Name] = true
		}
		return &next, nil
	}
	for name := range *prev {
		next[name] = true
	}
	for _, r := range changes {
		if r.Deleted {
			delete(next, r.Name.Name)
		} else {
			next[r.Name.Name] = true
		}
	}
	return &next, nil
}
