package pattern

import "math/bits"

// hamt is a persistent map from 64-bit hashes: changing it copies one path of nodes (a few hundred bytes) and leaves every
// other snapshot as it was. Nodes made by the given owner are changed in place, which makes building a large map cheap.
// The nil map is empty. Keys are hashes: whoever stores a value must check that it is the one he meant.
type hamt[V any] struct {
	owner   *owner
	dataMap uint64
	nodeMap uint64
	data    []hentry[V]
	nodes   []*hamt[V]
}

type hentry[V any] struct {
	hash uint64
	val  V
}

func (h *hamt[V]) get(hash uint64) (V, bool) {
	rest := hash
	for h != nil {
		bit := uint64(1) << (rest & 63)
		if h.dataMap&bit != 0 {
			e := &h.data[bits.OnesCount64(h.dataMap&(bit-1))]
			if e.hash == hash {
				return e.val, true
			}
			break
		}
		if h.nodeMap&bit == 0 {
			break
		}
		h = h.nodes[bits.OnesCount64(h.nodeMap&(bit-1))]
		rest >>= 6
	}
	var zero V
	return zero, false
}

func (h *hamt[V]) with(o *owner, hash uint64, v V) *hamt[V] { return h.set(o, hash, v, 0) }

func (h *hamt[V]) set(o *owner, hash uint64, v V, shift uint) *hamt[V] {
	if h == nil {
		return &hamt[V]{owner: o, dataMap: 1 << (hash >> shift & 63), data: []hentry[V]{{hash, v}}}
	}
	h = h.writable(o)
	bit := uint64(1) << (hash >> shift & 63)
	at := bits.OnesCount64(h.dataMap & (bit - 1))
	sub := bits.OnesCount64(h.nodeMap & (bit - 1))
	switch {
	case h.nodeMap&bit != 0:
		h.nodes[sub] = h.nodes[sub].set(o, hash, v, shift+6)
	case h.dataMap&bit == 0:
		h.dataMap |= bit
		h.data = insertAt(h.data, at, hentry[V]{hash, v})
	case h.data[at].hash == hash:
		h.data[at].val = v
	default:
		old := h.data[at]
		child := (*hamt[V])(nil).set(o, old.hash, old.val, shift+6).set(o, hash, v, shift+6)
		h.data = removeAt(h.data, at)
		h.dataMap &^= bit
		h.nodeMap |= bit
		h.nodes = insertAt(h.nodes, sub, child)
	}
	return h
}

func (h *hamt[V]) without(o *owner, hash uint64) *hamt[V] { return h.unset(o, hash, 0) }

func (h *hamt[V]) unset(o *owner, hash uint64, shift uint) *hamt[V] {
	if h == nil {
		return nil
	}
	bit := uint64(1) << (hash >> shift & 63)
	at := bits.OnesCount64(h.dataMap & (bit - 1))
	sub := bits.OnesCount64(h.nodeMap & (bit - 1))
	switch {
	case h.nodeMap&bit != 0:
		child := h.nodes[sub].unset(o, hash, shift+6)
		if child == h.nodes[sub] {
			return h
		}
		h = h.writable(o)
		switch {
		case child == nil:
			h.nodeMap &^= bit
			h.nodes = removeAt(h.nodes, sub)
		case child.nodeMap == 0 && len(child.data) == 1: // keep the tree as small as its contents
			h.nodeMap &^= bit
			h.nodes = removeAt(h.nodes, sub)
			h.dataMap |= bit
			h.data = insertAt(h.data, at, child.data[0])
		default:
			h.nodes[sub] = child
		}
	case h.dataMap&bit != 0 && h.data[at].hash == hash:
		h = h.writable(o)
		h.dataMap &^= bit
		h.data = removeAt(h.data, at)
	default:
		return h
	}
	if h.dataMap == 0 && h.nodeMap == 0 {
		return nil
	}
	return h
}

func (h *hamt[V]) writable(o *owner) *hamt[V] {
	if h.owner == o {
		return h
	}
	c := *h
	c.owner = o
	c.data = append([]hentry[V](nil), h.data...)
	c.nodes = append([]*hamt[V](nil), h.nodes...)
	return &c
}

// walk yields the values in the order of their hashes' low bits until yield returns false, which it returns then.
func (h *hamt[V]) walk(yield func(uint64, V) bool) bool {
	if h == nil {
		return true
	}
	for i := range h.data {
		if !yield(h.data[i].hash, h.data[i].val) {
			return false
		}
	}
	for _, n := range h.nodes {
		if !n.walk(yield) {
			return false
		}
	}
	return true
}

// insertAt inserts without spare capacity: these slices are many and rarely grow.
func insertAt[T any](s []T, i int, v T) []T {
	out := make([]T, len(s)+1)
	copy(out, s[:i])
	out[i] = v
	copy(out[i+1:], s[i:])
	return out
}

func removeAt[T any](s []T, i int) []T {
	if len(s) == 1 {
		return nil
	}
	out := make([]T, len(s)-1)
	copy(out, s[:i])
	copy(out[i:], s[i+1:])
	return out
}
