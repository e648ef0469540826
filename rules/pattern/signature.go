package pattern

import "slices"

// maxProduct is how many combinations of an event's values are probed for one signature before trying all its buckets is
// considered instead.
const maxProduct = 64

// combine adds a key's hash to the hash of the keys before it.
func combine(h, key uint64) uint64 { return (h ^ key) * 0x9fb21c651e98df25 }

// tableHash finishes a combined hash.
func tableHash(h uint64) uint64 { return h ^ h>>32 }

// probe looks up the event's values and visits the buckets that have them as their key.
func (g *signature) probe(s *scratch) {
	h, simple := uint64(0), true
	for i := range g.elems {
		e := &g.elems[i]
		head := s.head[e.path]
		if head == 0 {
			return
		}
		l := &s.leaves[head-1]
		if l.next != 0 {
			g.probeMany(s)
			return
		}
		if l.chain != 0 {
			simple = false
		}
		k, ok := s.leafHash(l, e)
		if !ok {
			return
		}
		h = combine(h, k)
	}
	b, _ := g.table.get(tableHash(h))
next:
	for ; b != nil; b = b.next {
		for i := range g.elems {
			e := &g.elems[i]
			if !s.hasKey(&s.leaves[s.head[e.path]-1], e, b.key[i]) {
				continue next
			}
		}
		b.visit(s, simple)
	}
}

// probeMany is probe for events with several values at a path. It probes every combination of values, or compares every
// bucket's key with the values if that is less, so long arrays cannot make it worse than a loop over the rules.
func (g *signature) probeMany(s *scratch) {
	product, leaves := 1, 0
	for i := range g.elems {
		n := 0
		for j := s.head[g.elems[i].path]; j != 0; j = s.leaves[j-1].next {
			n++
		}
		if n == 0 {
			return
		}
		leaves += n
		product = min(product*n, 1<<40)
	}
	if product > maxProduct && product/leaves > g.n {
		g.tryAll(s)
		return
	}
	if cap(s.picked) < len(g.elems) {
		s.picked = make([]int32, len(g.elems))
	}
	s.seen = s.seen[:0]
	g.combinations(s, s.picked[:len(g.elems)], 0, 0)
}

func (g *signature) combinations(s *scratch, picked []int32, i int, h uint64) {
	if i < len(g.elems) {
		e := &g.elems[i]
		for j := s.head[e.path]; j != 0; j = s.leaves[j-1].next {
			if k, ok := s.leafHash(&s.leaves[j-1], e); ok {
				picked[i] = j
				g.combinations(s, picked, i+1, combine(h, k))
			}
		}
		return
	}
	b, _ := g.table.get(tableHash(h))
next:
	for ; b != nil; b = b.next {
		for i := range g.elems {
			if !s.hasKey(&s.leaves[picked[i]-1], &g.elems[i], b.key[i]) {
				continue next
			}
		}
		if !slices.Contains(s.seen, b) { // values repeat in arrays
			s.seen = append(s.seen, b)
			b.visit(s, false)
		}
	}
}

// tryAll visits every bucket whose key the event has.
func (g *signature) tryAll(s *scratch) {
	g.table.walk(func(_ uint64, b *bucket) bool {
	next:
		for ; b != nil; b = b.next {
			for i := range g.elems {
				e := &g.elems[i]
				found := false
				for j := s.head[e.path]; j != 0 && !found; j = s.leaves[j-1].next {
					found = s.hasKey(&s.leaves[j-1], e, b.key[i])
				}
				if !found {
					continue next
				}
			}
			b.visit(s, false)
		}
		return true
	})
}
