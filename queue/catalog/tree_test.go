package catalog

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestTree compares random changes with a map, looks at the structure, and checks that older versions stay as they were.
func TestTree(t *testing.T) {
	t.Parallel()
	for _, size := range []int{10, 500, 20_000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(1, uint64(size)))
			var tr tree
			model := map[Name]*entry{}
			ed := new(edit)
			type version struct {
				tr    tree
				model map[Name]*entry
			}
			var versions []version
			steps := 4 * size
			for i := range steps {
				// First it grows, then it shrinks to nothing.
				n := Name{"1", "r", fmt.Sprint(rnd.IntN(size))}
				if rnd.IntN(steps) >= i {
					e := &entry{rec: Record{Name: n, ID: uint64(i)}}
					tr = tr.put(e, ed)
					model[n] = e
				} else {
					tr = tr.remove(&n, ed)
					delete(model, n)
				}
				if i%(steps/5) == 0 {
					versions = append(versions, version{tr, maps.Clone(model)})
					ed = new(edit)
				}
				if rnd.IntN(3) == 0 {
					ed = new(edit)
				}
			}
			for n := range model {
				tr = tr.remove(&n, new(edit))
			}
			versions = append(versions, version{tr, nil})
			for _, v := range versions {
				checkTree(t, v.tr, v.model)
			}
			if tr.root != nil {
				t.Errorf("the empty tree has a root")
			}
		})
	}
}

func checkTree(t *testing.T, tr tree, model map[Name]*entry) {
	t.Helper()
	var got []*entry
	tr.root.ascend(nil, func(e *entry) bool { got = append(got, e); return true })
	want := slices.SortedFunc(maps.Values(model), func(a, b *entry) int { return a.rec.Name.Compare(b.rec.Name) })
	if !slices.Equal(got, want) || tr.n != len(want) {
		t.Fatalf("tree of %d has %d entries in order, want %d", tr.n, len(got), len(want))
	}
	for i, e := range want {
		if tr.get(&e.rec.Name) != e {
			t.Fatalf("get %s: another or none", e.rec.Name)
		}
		if i%97 == 0 {
			from := e.rec.Name
			tr.root.ascend(&from, func(first *entry) bool {
				if first != e {
					t.Fatalf("ascending from %s begins at %s", from, first.rec.Name)
				}
				return false
			})
		}
	}
	depth := -1
	var walk func(x *node, d int, root bool)
	walk = func(x *node, d int, root bool) {
		if x.size() == 0 || x.size() > fanout || root && x.kids != nil && len(x.kids) < 2 {
			t.Fatalf("node of size %d", x.size())
		}
		if x.kids == nil {
			if depth < 0 {
				depth = d
			}
			if d != depth {
				t.Fatalf("leaves at depths %d and %d", d, depth)
			}
			return
		}
		if len(x.seps) != len(x.kids) {
			t.Fatalf("%d separators for %d children", len(x.seps), len(x.kids))
		}
		for i, kid := range x.kids {
			if i > 0 && x.seps[i] == nil {
				t.Fatal("separator missing")
			}
			walk(kid, d+1, false)
		}
	}
	if tr.root != nil {
		walk(tr.root, 0, true)
	}
}

// TestTreeStaysDense deletes nearly everything: what is left must not hold on to the nodes.
func TestTreeStaysDense(t *testing.T) {
	t.Parallel()
	const n = 50_000
	var tr tree
	ed := new(edit)
	name := func(i int) Name { return Name{"1", "r", fmt.Sprintf("%06d", i)} }
	for i := range n {
		tr = tr.put(&entry{rec: Record{Name: name(i)}}, ed)
	}
	nodes := func() (count int) {
		var walk func(x *node)
		walk = func(x *node) {
			count++
			for _, kid := range x.kids {
				walk(kid)
			}
		}
		walk(tr.root)
		return count
	}
	if got := nodes(); got > n/fanout*11/10 {
		t.Errorf("%d nodes after adding %d in order: they are not full", got, n)
	}
	for i := range n {
		if i%fanout != 0 {
			n := name(i)
			tr = tr.remove(&n, ed)
		}
	}
	if got, most := nodes(), tr.n/(fanout/8); got > most {
		t.Errorf("%d nodes for the %d entries left, want at most %d", got, tr.n, most)
	}
}

func TestTrim(t *testing.T) {
	t.Parallel()
	s := &Snapshot{tables: map[string]tree{}, next: make(chan struct{})}
	for revision := uint64(1); revision <= 3*keptChanges; revision++ {
		var es []*entry
		for i := range 1 + revision%3 {
			es = append(es, &entry{rec: Record{Table: "t", Name: Name{"1", "r", fmt.Sprint(i)}, Revision: revision, Value: []byte("1")}})
		}
		s = s.with(revision, es)
		if len(s.changes) > keptChanges {
			t.Fatalf("%d changes are kept", len(s.changes))
		}
		if got := len(s.changes); got != s.bytes {
			t.Fatalf("%d bytes counted for %d changes of one byte", s.bytes, got)
		}
		if s.changes[0].rec.Revision != s.floor+1 {
			t.Fatalf("floor is %d, first change %d", s.floor, s.changes[0].rec.Revision)
		}
	}
	if s.revision-s.floor < keptChanges/4 {
		t.Errorf("only %d revisions are kept", s.revision-s.floor)
	}
	s = s.with(s.revision+1, []*entry{{rec: Record{Table: "t", Name: Name{"1", "r", "x"}, Revision: s.revision + 1, Value: make([]byte, keptBytes+1)}}})
	if len(s.changes) != 0 || s.bytes != 0 || s.floor != s.revision {
		t.Errorf("after a change too large to keep: %d changes, %d bytes, floor %d of %d", len(s.changes), s.bytes, s.floor, s.revision)
	}
}
