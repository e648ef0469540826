package pattern

import (
	"encoding/binary"
	"slices"
)

// gramTable finds wildcards by a piece of one of their literals: 8, 4, 2 or 1 bytes, the longest that fits. A value can
// match only if it contains the piece, so each of its windows is looked up. Persistent like hamt.
type gramTable struct {
	table *hamt[*gramList]
	count [4]int // entries per class of gramSizes
}

var gramSizes = [4]int{8, 4, 2, 1}

type gramList struct {
	gram string
	subs []*subRule
	next *gramList // other grams of the same hash
}

// gramHash reads a window of 8, 4, 2 or 1 bytes. The hash is a bijection of size and content up to 56 bits, and mixed for 8.
func gramHash(w []byte) uint64 {
	switch len(w) {
	case 8:
		return mix(binary.LittleEndian.Uint64(w))
	case 4:
		return mix(uint64(binary.LittleEndian.Uint32(w)) | 4<<56)
	case 2:
		return mix(uint64(binary.LittleEndian.Uint16(w)) | 2<<56)
	}
	return mix(uint64(w[0]) | 1<<56)
}

func (g *gramList) find(gram []byte) *gramList {
	for ; g != nil; g = g.next {
		if g.gram == string(gram) {
			return g
		}
	}
	return nil
}

// gramClass returns the class of the longest piece the literals offer, -1 for none.
func gramClass(literals []string) int {
	longest := 0
	for _, l := range literals {
		longest = max(longest, len(l))
	}
	for c, size := range gramSizes {
		if longest >= size {
			return c
		}
	}
	return -1
}

// with adds a rule under the least used piece of its literals.
func (t gramTable) with(o *owner, literals []string, sub *subRule) gramTable {
	class := gramClass(literals)
	size := gramSizes[class]
	var best []byte
	least := -1
	for _, l := range literals {
		for i := 0; i+size <= len(l) && least != 0; i++ {
			w := []byte(l[i : i+size])
			n := 0
			if list, ok := t.table.get(gramHash(w)); ok {
				if list = list.find(w); list != nil {
					n = len(list.subs)
				}
			}
			if least < 0 || n < least {
				best, least = w, n
			}
		}
	}
	h := gramHash(best)
	head, _ := t.table.get(h)
	old := head.find(best)
	list := &gramList{gram: string(best), next: head.except(string(best))}
	if old != nil {
		list.subs = append(slices.Clip(old.subs), sub)
	} else {
		list.subs = []*subRule{sub}
	}
	t.table = t.table.with(o, h, list)
	t.count[class]++
	return t
}

// except returns the chain without one gram.
func (g *gramList) except(gram string) *gramList {
	if g == nil {
		return nil
	}
	if g.gram == gram {
		return g.next
	}
	c := *g
	c.next = g.next.except(gram)
	return &c
}

// without removes a rule from wherever with put it.
func (t gramTable) without(o *owner, literals []string, sub *subRule) gramTable {
	class := gramClass(literals)
	size := gramSizes[class]
	for _, l := range literals {
		for i := 0; i+size <= len(l); i++ {
			w := []byte(l[i : i+size])
			h := gramHash(w)
			head, ok := t.table.get(h)
			if !ok {
				continue
			}
			list := head.find(w)
			if list == nil || !slices.Contains(list.subs, sub) {
				continue
			}
			rest := head.except(list.gram)
			if len(list.subs) > 1 {
				rest = &gramList{gram: list.gram, subs: without(list.subs, sub), next: rest}
				t.count[class] -= len(list.subs) - len(rest.subs)
			} else {
				t.count[class]--
			}
			if rest == nil {
				t.table = t.table.without(o, h)
			} else {
				t.table = t.table.with(o, h, rest)
			}
		}
	}
	return t
}

// visit tries the rules one of whose pieces is in v.
func (t *gramTable) visit(s *scratch, v []byte, simple bool) {
	for class, size := range gramSizes {
		if t.count[class] == 0 {
			continue
		}
		for i := 0; i+size <= len(v); i++ {
			w := v[i : i+size]
			list, ok := t.table.get(gramHash(w))
			if !ok {
				continue
			}
			if list = list.find(w); list != nil {
				for _, sub := range list.subs {
					s.try(sub, simple)
				}
			}
		}
	}
}
