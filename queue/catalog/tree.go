package catalog

import (
	"slices"
	"sync/atomic"
)

// fanout is the most entries of a leaf and the most children of an inner node. A change to a table of a million records
// copies four nodes, about 3 KiB.
const fanout = 64

// entry is a record in memory. It never changes but for its cache.
type entry struct {
	rec Record
	// decoded holds a *T of the typed table that last read the record.
	decoded atomic.Pointer[any]
}

// edit is the identity of one series of changes. Nodes made within it may be changed in place until the tree is published;
// all others are shared with snapshots and are copied first.
type edit struct{ _ byte }

// tree is a table: a B+ tree in name order whose nodes are never changed once published, so that a snapshot is a pointer
// and readers need no lock.
type tree struct {
	root *node
	n    int
}

// node is a leaf (kids is nil) or an inner node.
type node struct {
	edit *edit
	leaf []*entry
	// seps[i] is not above any name in kids[i] and above every name in kids[i-1]; seps[0] is not used. They are copies of
	// names, not pointers into entries, which would keep deleted records alive.
	seps []*Name
	kids []*node
}

func (x *node) size() int {
	if x.kids != nil {
		return len(x.kids)
	}
	return len(x.leaf)
}

// child is the index of the child that name belongs to.
func (x *node) child(name *Name) int {
	lo, hi := 1, len(x.kids)
	for lo < hi {
		m := int(uint(lo+hi) >> 1)
		if compareNames(x.seps[m], name) <= 0 {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return lo - 1
}

// find is the index of name in a leaf, or where it would be.
func (x *node) find(name *Name) (int, bool) {
	lo, hi := 0, len(x.leaf)
	for lo < hi {
		m := int(uint(lo+hi) >> 1)
		switch c := compareNames(&x.leaf[m].rec.Name, name); {
		case c == 0:
			return m, true
		case c < 0:
			lo = m + 1
		default:
			hi = m
		}
	}
	return lo, false
}

// get returns the entry of that name or nil.
func (t tree) get(name *Name) *entry {
	x := t.root
	if x == nil {
		return nil
	}
	for x.kids != nil {
		x = x.kids[x.child(name)]
	}
	if i, ok := x.find(name); ok {
		return x.leaf[i]
	}
	return nil
}

// ascend calls yield for the entries from a name on, in order, until it returns false; it returns false then.
func (x *node) ascend(from *Name, yield func(*entry) bool) bool {
	if x == nil {
		return true
	}
	if x.kids == nil {
		i := 0
		if from != nil {
			i, _ = x.find(from)
		}
		for _, e := range x.leaf[i:] {
			if !yield(e) {
				return false
			}
		}
		return true
	}
	i := 0
	if from != nil {
		i = x.child(from)
	}
	for ; i < len(x.kids); i++ {
		if !x.kids[i].ascend(from, yield) {
			return false
		}
		from = nil // only the first child on the way has names before it
	}
	return true
}

// put returns the tree with e in it, in place of an entry of the same name.
func (t tree) put(e *entry, ed *edit) tree {
	if t.root == nil {
		return tree{root: &node{edit: ed, leaf: []*entry{e}}, n: 1}
	}
	left, right, sep, added := t.root.put(e, ed)
	if right != nil {
		left = &node{edit: ed, seps: []*Name{nil, sep}, kids: []*node{left, right}}
	}
	t.root = left
	if added {
		t.n++
	}
	return t
}

func (x *node) put(e *entry, ed *edit) (left, right *node, sep *Name, added bool) {
	if x.kids == nil {
		i, found := x.find(&e.rec.Name)
		x = x.mutable(ed)
		if found {
			x.leaf[i] = e
			return x, nil, nil, false
		}
		x.leaf = slices.Insert(x.leaf, i, e)
		if len(x.leaf) > fanout {
			right, sep = x.split(i, ed)
		}
		return x, right, sep, true
	}
	i := x.child(&e.rec.Name)
	kid, kidRight, kidSep, added := x.kids[i].put(e, ed)
	x = x.mutable(ed)
	x.kids[i] = kid
	if kidRight != nil {
		x.kids = slices.Insert(x.kids, i+1, kidRight)
		x.seps = slices.Insert(x.seps, i+1, kidSep)
		if len(x.kids) > fanout {
			right, sep = x.split(i+1, ed)
		}
	}
	return x, right, sep, added
}

// split moves the upper part of an overfull node to a new one. After an insertion at its end only the new one moves, so
// that loading in order fills the nodes.
func (x *node) split(inserted int, ed *edit) (*node, *Name) {
	at := x.size() / 2
	if inserted == x.size()-1 {
		at = inserted
	}
	right := &node{edit: ed}
	if x.kids == nil {
		right.leaf = slices.Clone(x.leaf[at:])
		clear(x.leaf[at:])
		x.leaf = x.leaf[:at]
		sep := right.leaf[0].rec.Name
		return right, &sep
	}
	right.kids, right.seps = slices.Clone(x.kids[at:]), slices.Clone(x.seps[at:])
	sep := right.seps[0]
	right.seps[0] = nil
	clear(x.kids[at:])
	clear(x.seps[at:])
	x.kids, x.seps = x.kids[:at], x.seps[:at]
	return right, sep
}

// mutable returns the node itself if the edit made it, or a copy with room for one more.
func (x *node) mutable(ed *edit) *node {
	if x.edit == ed {
		return x
	}
	c := &node{edit: ed}
	if x.kids == nil {
		c.leaf = append(make([]*entry, 0, len(x.leaf)+1), x.leaf...)
		return c
	}
	c.kids = append(make([]*node, 0, len(x.kids)+1), x.kids...)
	c.seps = append(make([]*Name, 0, len(x.seps)+1), x.seps...)
	return c
}

// remove returns the tree without the entry of that name.
func (t tree) remove(name *Name, ed *edit) tree {
	if t.get(name) == nil {
		return t
	}
	root := t.root.remove(name, ed)
	for len(root.kids) == 1 {
		root = root.kids[0]
	}
	if root.size() == 0 {
		return tree{}
	}
	return tree{root: root, n: t.n - 1}
}

func (x *node) remove(name *Name, ed *edit) *node {
	if x.kids == nil {
		i, _ := x.find(name)
		x = x.mutable(ed)
		x.leaf = slices.Delete(x.leaf, i, i+1)
		return x
	}
	i := x.child(name)
	kid := x.kids[i].remove(name, ed)
	x = x.mutable(ed)
	if kid.size() == 0 {
		x.drop(i)
		return x
	}
	x.kids[i] = kid
	if kid.size() < fanout/4 {
		x.mergeAt(max(i, 1), ed)
	}
	return x
}

// mergeAt joins child i with the one before it if both fit well into one node. Nodes are never refilled from a
// neighbour: a sparse one beside a full one stays so until it is empty, which bounds the waste well enough.
func (x *node) mergeAt(i int, ed *edit) {
	if i >= len(x.kids) || x.kids[i-1].size()+x.kids[i].size() > fanout*3/4 {
		return
	}
	left, right := x.kids[i-1].mutable(ed), x.kids[i]
	if right.kids == nil {
		left.leaf = append(left.leaf, right.leaf...)
	} else {
		at := len(left.seps)
		left.kids = append(left.kids, right.kids...)
		left.seps = append(left.seps, right.seps...)
		left.seps[at] = x.seps[i]
	}
	x.kids[i-1] = left
	x.drop(i)
}

func (x *node) drop(i int) {
	x.kids = slices.Delete(x.kids, i, i+1)
	x.seps = slices.Delete(x.seps, i, i+1)
}
