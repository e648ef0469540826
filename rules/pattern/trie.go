package pattern

import "slices"

// node is a step of the tree of wanted paths. Names never contain a dot: a key "a.b" is two steps, in patterns and in
// events, because AWS joins paths with dots. Nodes are immutable once their snapshot is published; owner marks the builder
// that may still change them.
type node struct {
	owner *owner
	name  string
	path  int32 // -1: no rule ends here
	rare  uint8 // place of a rare byte in the name
	kids  []*node
	many  *hamt[[]*node] // by hash of the name, used instead of kids beyond maxKids
}

// maxKids is how many children are searched one by one.
const maxKids = 12

// owner identifies a builder. Its address is what counts.
type owner struct{ _ byte }

func newNode(o *owner, name string) *node {
	return &node{owner: o, name: name, path: -1, rare: rarest(name)}
}

func (n *node) leaf() bool { return len(n.kids) == 0 && n.many == nil }

// child finds a step by its name, and its place among kids.
func (n *node) child(name []byte) (kid *node, at int) {
	for at, k := range n.kids {
		if string(name) == k.name {
			return k, at
		}
	}
	if n.many != nil {
		same, _ := n.many.get(hashBytes(name))
		for _, k := range same {
			if string(name) == k.name {
				return k, 0
			}
		}
	}
	return nil, 0
}

// writable returns n if the owner may change it, else a copy he may.
func (n *node) writable(o *owner) *node {
	if n.owner == o {
		return n
	}
	c := *n
	c.owner = o
	c.kids = append(make([]*node, 0, len(n.kids)+1), n.kids...)
	return &c
}

// ensure returns the writable child of a writable node, made if need be.
func (n *node) ensure(o *owner, name string) *node {
	if k, _ := n.child([]byte(name)); k != nil {
		w := k.writable(o)
		if w != k {
			n.put(o, w)
		}
		return w
	}
	k := newNode(o, name)
	n.put(o, k)
	return k
}

// put adds or replaces a child of a writable node.
func (n *node) put(o *owner, k *node) {
	if n.many != nil {
		h := hashString(k.name)
		same, _ := n.many.get(h)
		if i := indexNode(same, k.name); i >= 0 {
			same = removeAt(same, i)
		}
		n.many = n.many.with(o, h, insertAt(same, len(same), k))
		return
	}
	if i := indexNode(n.kids, k.name); i >= 0 {
		n.kids[i] = k
		return
	}
	n.kids = append(n.kids, k)
	if len(n.kids) <= maxKids {
		return
	}
	kids := n.kids
	n.kids, n.many = nil, &hamt[[]*node]{owner: o}
	for _, k := range kids {
		n.put(o, k)
	}
}

// drop removes a child of a writable node.
func (n *node) drop(o *owner, name string) {
	if n.many == nil {
		n.kids = removeAt(n.kids, indexNode(n.kids, name))
		return
	}
	h := hashString(name)
	same, _ := n.many.get(h)
	if same = removeAt(same, indexNode(same, name)); len(same) > 0 {
		n.many = n.many.with(o, h, same)
	} else {
		n.many = n.many.without(o, h)
	}
}

func indexNode(nodes []*node, name string) int {
	return slices.IndexFunc(nodes, func(k *node) bool { return k.name == name })
}
