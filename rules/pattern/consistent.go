package pattern

import "math/bits"

// Array consistency. A choice gives every field one of its accepted leaves, or "absent" where the field allows it. It is
// consistent if no two chosen leaves stand in different elements of one array, and if no leaf of an absent field is
// consistent with all the chosen ones. A rule matches if a consistent choice exists.
//
// Trying all choices can take exponential time, and events come from outside. Two facts keep it polynomial: arrays nest, so
// once an element is chosen, fields that share no other array cannot disturb each other and are solved one after another
// instead of in combination; and only leaves that pass their field's tests are tried.

// maxSolved is how many fields of one rule may lie in arrays: one bit each.
const maxSolved = 64

// solver is the state of one search.
type solver struct {
	fields []*field
	cands  [][]int32 // per field: leaves that pass, distinct chains only
}

// matches evaluates fields[from:] of a rule; the caller knows that those before are satisfied by simple leaves (see only).
// all is the whole rule, evaluated if something is not simple.
func (s *scratch) matches(all []*field, from int) bool {
	simple := true
	for _, f := range all[from:] {
		if s.head[f.path] == 0 {
			if !f.absent {
				return false
			}
			continue
		}
		l := s.only(f.path)
		if l == nil {
			simple = false
			if !f.absent && !s.any(f) {
				return false
			}
			continue
		}
		if !f.accepts(s, l) {
			return false // a leaf outside all arrays is never absent
		}
	}
	return simple || s.consistent(all)
}

// any reports whether some leaf passes.
func (s *scratch) any(f *field) bool {
	for i := s.head[f.path]; i != 0; i = s.leaves[i-1].next {
		if f.accepts(s, &s.leaves[i-1]) {
			return true
		}
	}
	return false
}

// consistent searches a choice for the fields whose leaves are not simple. The simple ones are known to pass.
func (s *scratch) consistent(all []*field) bool {
	st := &s.state
	st.fields = st.fields[:0]
	for _, f := range all {
		if s.head[f.path] != 0 && s.only(f.path) == nil {
			st.fields = append(st.fields, f)
		}
	}
	if len(st.fields) == 1 && !st.fields[0].absent {
		return s.any(st.fields[0])
	}
	for len(st.cands) < len(st.fields) {
		st.cands = append(st.cands, nil)
	}
	if n := int(s.arrays); len(s.bound) < n {
		s.bound = make([]int32, n+n/2)
		s.marks = make([]uint64, n+n/2)
	}
	for i, f := range st.fields {
		c := st.cands[i][:0]
		last := int32(-1)
		for j := s.head[f.path]; j != 0; j = s.leaves[j-1].next {
			l := &s.leaves[j-1]
			if l.chain == last || !f.accepts(s, l) {
				continue
			}
			if l.chain == 0 && !f.absent {
				// Standing outside every array it agrees with everything.
				c = append(c[:0], j)
				break
			}
			c = append(c, j)
			last = l.chain
		}
		if len(c) == 0 && !f.absent {
			st.cands[i] = c
			return false
		}
		st.cands[i] = c
	}
	if len(st.fields) > maxSolved {
		return s.solvePlain(0, nil)
	}
	full := ^uint64(0)
	if n := len(st.fields); n < 64 {
		full = 1<<n - 1
	}
	return s.solve(full, 0)
}

// solve decides the open fields and confirms the absent ones, component by component.
func (s *scratch) solve(open, absent uint64) bool {
	for rest := open | absent; rest != 0; {
		comp := s.component(rest, rest&-rest)
		if !s.solveComponent(open&comp, absent&comp) {
			return false
		}
		rest &^= comp
	}
	return true
}

func (s *scratch) solveComponent(open, absent uint64) bool {
	st := &s.state
	if open == 0 {
		for m := absent; m != 0; m &= m - 1 {
			f := st.fields[bits.TrailingZeros64(m)]
			for j := s.head[f.path]; j != 0; j = s.leaves[j-1].next {
				if s.agrees(s.leaves[j-1].chain) {
					return false
				}
			}
		}
		return true
	}
	// Fields that must have a leaf go first: what is absent depends on what was chosen.
	pick := bits.TrailingZeros64(open)
	for m := open; m != 0; m &= m - 1 {
		if i := bits.TrailingZeros64(m); !st.fields[i].absent {
			pick = i
			break
		}
	}
	open &^= 1 << pick
	for _, j := range st.cands[pick] {
		chain := s.leaves[j-1].chain
		if !s.agrees(chain) {
			continue
		}
		if open|absent == 0 {
			return true
		}
		set := s.bind(chain)
		ok := s.solve(open, absent)
		s.unbind(chain, set)
		if ok {
			return true
		}
	}
	return st.fields[pick].absent && s.solve(open, absent|1<<pick)
}

// solvePlain is solve for rules of more than maxSolved fields in arrays: the same search without components.
func (s *scratch) solvePlain(i int, absent []*field) bool {
	st := &s.state
	if i == len(st.fields) {
		for _, f := range absent {
			for j := s.head[f.path]; j != 0; j = s.leaves[j-1].next {
				if s.agrees(s.leaves[j-1].chain) {
					return false
				}
			}
		}
		return true
	}
	for _, j := range st.cands[i] {
		chain := s.leaves[j-1].chain
		if !s.agrees(chain) {
			continue
		}
		set := s.bind(chain)
		ok := s.solvePlain(i+1, absent)
		s.unbind(chain, set)
		if ok {
			return true
		}
	}
	return st.fields[i].absent && s.solvePlain(i+1, append(absent, st.fields[i]))
}

// component returns the fields of rest that are connected with start through arrays not bound yet.
func (s *scratch) component(rest, start uint64) uint64 {
	if rest == start {
		return start
	}
	for m := rest; m != 0; m &= m - 1 {
		s.eachArray(bits.TrailingZeros64(m), func(a int32) { s.marks[a] = 0 })
	}
	for m := rest; m != 0; m &= m - 1 {
		i := bits.TrailingZeros64(m)
		s.eachArray(i, func(a int32) { s.marks[a] |= 1 << i })
	}
	comp, todo := start, start
	for todo != 0 {
		i := bits.TrailingZeros64(todo)
		todo &^= 1 << i
		s.eachArray(i, func(a int32) {
			fresh := s.marks[a] &^ comp
			comp |= fresh
			todo |= fresh
		})
	}
	return comp
}

// eachArray visits the unbound arrays around the leaves that matter to a field: those that pass, and all of them if the
// field may be absent.
func (s *scratch) eachArray(i int, visit func(int32)) {
	f := s.state.fields[i]
	if f.absent {
		for j := s.head[f.path]; j != 0; j = s.leaves[j-1].next {
			s.unboundArrays(s.leaves[j-1].chain, visit)
		}
		return
	}
	for _, j := range s.state.cands[i] {
		s.unboundArrays(s.leaves[j-1].chain, visit)
	}
}

func (s *scratch) unboundArrays(chain int32, visit func(int32)) {
	if !s.agrees(chain) {
		return
	}
	for c := chain; c != 0; c = s.links[c].parent {
		if a := s.links[c].array; s.bound[a] == 0 {
			visit(a)
		}
	}
}

// agrees reports whether a chain contradicts no bound array.
func (s *scratch) agrees(chain int32) bool {
	for c := chain; c != 0; c = s.links[c].parent {
		if k := &s.links[c]; s.bound[k.array] != 0 && s.bound[k.array] != k.index+1 {
			return false
		}
	}
	return true
}

// bind chooses the elements of a chain that agrees. The arrays newly bound are the innermost ones, because a bound array's
// enclosing arrays are bound too; set is how many.
func (s *scratch) bind(chain int32) (set int) {
	for c := chain; c != 0; c = s.links[c].parent {
		k := &s.links[c]
		if s.bound[k.array] != 0 {
			break
		}
		s.bound[k.array] = k.index + 1
		set++
	}
	return set
}

func (s *scratch) unbind(chain int32, set int) {
	for c := chain; set > 0; set-- {
		s.bound[s.links[c].array] = 0
		c = s.links[c].parent
	}
}
