package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/catalog/catalogtest"
)

var errInUse = errors.New("in use")

// unused is a guard for a record to which those refer whose names begin with its name and a slash.
func unused(name string) func(*catalog.Snapshot) error {
	return func(at *catalog.Snapshot) error {
		for r := range at.Scan("queues", catalog.Query{Account: named("").Account, Region: named("").Region, Prefix: name + "/"}) {
			return fmt.Errorf("%w: by %s", errInUse, r.Name.Name)
		}
		return nil
	}
}

// TestGuardOnNodes: a guard sees what another node commits before its own set, also while that is on its way.
func TestGuardOnNodes(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	m := new(catalogtest.Memory)
	meanwhile := func() {}
	m.Fail = func(uint64) error {
		do := meanwhile
		meanwhile = func() {}
		do()
		return nil
	}
	c, other := open(t, m), open(t, m)
	apply := func(c *catalog.Catalog, set catalog.Set) error {
		_, err := c.Apply(ctx, set)
		return err
	}
	if err := apply(c, catalog.Set{Changes: []catalog.Change{put("a", `1`)}}); err != nil {
		t.Fatal(err)
	}
	meanwhile = func() {
		if err := apply(other, catalog.Set{Changes: []catalog.Change{put("a/b", `1`)}}); err != nil {
			t.Error(err)
		}
	}
	deletion := catalog.Set{Changes: []catalog.Change{del("a")}, Guard: unused("a")}
	if err := apply(c, deletion); !errors.Is(err, errInUse) || err.Error() != "in use: by a/b" {
		t.Errorf("deleted while another node begins to use it: %v", err)
	}
	if err := apply(other, catalog.Set{Changes: []catalog.Change{del("a/b")}}); err != nil {
		t.Fatal(err)
	}
	// This node does not know yet that it is not used any more, and looks before it refuses.
	if err := apply(c, deletion); err != nil {
		t.Error(err)
	}
	if _, ok := c.Get("queues", named("a")); ok {
		t.Error("it is still there")
	}
}

// TestGuardIsAlone: sets that wait for the disk together do not share a revision with one that may look at what they change.
func TestGuardIsAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := gate{new(catalogtest.Memory), make(chan uint64), make(chan struct{})}
		c := open(t, catalogtest.Exclusive{Backend: g})
		sets := []catalog.Set{
			{Changes: []catalog.Change{put("a", `1`), put("b", `1`)}},
			{Changes: []catalog.Change{put("a/x", `1`)}},
			{Changes: []catalog.Change{del("a")}, Guard: unused("a")},
			{Changes: []catalog.Change{del("b")}, Guard: unused("b")},
			{Changes: []catalog.Change{put("b/x", `1`)}, Requires: []catalog.Requirement{{Table: "queues", Name: named("b"), ID: 2}}},
			{Changes: []catalog.Change{put("c", `1`)}},
		}
		revisions, errs := make([]uint64, len(sets)), make([]error, len(sets))
		for i := range sets {
			go func() {
				applied, err := c.Apply(context.Background(), sets[i])
				revisions[i], errs[i] = applied.Revision, err
			}()
			synctest.Wait()
			if i == 0 {
				<-g.entered
			}
		}
		g.leave <- struct{}{}
		for range 3 {
			<-g.entered
			g.leave <- struct{}{}
		}
		synctest.Wait()
		for i, want := range []uint64{1, 2, 0, 3, 0, 4} {
			if revisions[i] != want {
				t.Errorf("set %d: revision %d, want %d (%v)", i, revisions[i], want, errs[i])
			}
		}
		if !errors.Is(errs[2], errInUse) || !errors.Is(errs[4], catalog.ErrNotFound) {
			t.Errorf("refused with %v and %v", errs[2], errs[4])
		}
	})
}
