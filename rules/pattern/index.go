package pattern

import (
	"iter"
	"slices"
	"sync"
)

// ID is the caller's number for a rule in an Index.
type ID uint64

// Index matches events against many patterns at once. An Index never changes: With makes a new one that shares almost
// everything with the old. Publish the newest through an atomic pointer; readers need no lock. All methods are safe for
// concurrent use.
type Index struct {
	root      *node
	paths     []*pathInfo // by path number; nil if free
	freePaths []int32
	sigs      []*signature // by signature number; nil if free
	freeSigs  []int32
	sigIndex  *hamt[[]int32] // signature numbers by sigHash
	rest      *bucket        // sub-rules without a signature
	fields    *hamt[internedField]
	rules     *hamt[indexed] // by mix(ID), which is a bijection
	size      int
	serial    uint64
	pool      *sync.Pool // of *scratch, shared by all snapshots
}

// indexed is a rule: its conjunctions, at least one, and what the caller keeps with it.
type indexed struct {
	subs  []*subRule
	value any
}

// pathInfo is a path some rule mentions.
type pathInfo struct {
	owner *owner
	name  string
	refs  int     // fields in the index at this path
	sigs  []int32 // signatures looked at when an event has this path
	uses  int     // signatures with this path
}

// signature is a set of paths with ways to key their values, and the sub-rules found through it by the hash of all keys
// together.
type signature struct {
	owner  *owner
	elems  []elem // by path
	anchor int32  // the path in whose pathInfo.sigs this is
	table  *hamt[*bucket]
	n      int // buckets
}

// internedField is a field shared by equal demands of many rules.
type internedField struct {
	f    *field
	refs int
}

// NewIndex returns an index without rules.
func NewIndex() *Index {
	return &Index{
		root: newNode(nil, ""),
		rest: &bucket{},
		pool: &sync.Pool{New: func() any { return &scratch{} }},
	}
}

// Len returns how many rules the index holds.
func (x *Index) Len() int { return x.size }

// Has reports whether a rule is in the index.
func (x *Index) Has(id ID) bool {
	_, ok := x.rules.get(mix(uint64(id)))
	return ok
}

// Value returns the Value that a rule was added with, and whether it is in the index.
func (x *Index) Value(id ID) (value any, ok bool) {
	r, ok := x.rules.get(mix(uint64(id)))
	return r.value, ok
}

// All yields every rule with its Value, in no particular order.
func (x *Index) All() iter.Seq2[ID, any] {
	return func(yield func(ID, any) bool) {
		x.rules.walk(func(_ uint64, r indexed) bool { return yield(r.subs[0].id, r.value) })
	}
}

// Match appends the numbers of the rules that event matches to dst, each once and in ascending order, and returns the
// extended slice. It allocates nothing but room in dst once its pooled scratch memory has grown to the size of the events.
//
// The event should have passed ValidateEvent before: Match reads only what its rules ask for and notices broken JSON only
// on its way. It then returns ErrInvalidEvent and dst as it was. It keeps no reference to event.
func (x *Index) Match(event []byte, dst []ID) ([]ID, error) {
	s := x.pool.Get().(*scratch)
	defer x.done(s)
	s.reset(event, len(x.paths))
	if err := s.scan(x.root); err != nil {
		return dst, err
	}
	return x.collect(s, dst), nil
}

// MatchAttributes is Match for the attributes of a message; see Pattern.MatchesAttributes.
func (x *Index) MatchAttributes(attrs []Attribute, dst []ID) []ID {
	s := x.pool.Get().(*scratch)
	defer x.done(s)
	s.reset(nil, len(x.paths))
	s.attributes(x.root, attrs)
	return x.collect(s, dst)
}

func (x *Index) done(s *scratch) {
	s.release()
	x.pool.Put(s)
}

func (x *Index) collect(s *scratch, dst []ID) []ID {
	s.ids = s.ids[:0]
	x.rest.visit(s, true)
	for _, p := range s.touched {
		for _, n := range x.paths[p].sigs {
			x.sigs[n].probe(s)
		}
	}
	switch len(s.ids) {
	case 0:
		return dst
	case 1:
		return append(dst, s.ids[0])
	}
	slices.Sort(s.ids)
	return append(dst, slices.Compact(s.ids)...)
}
