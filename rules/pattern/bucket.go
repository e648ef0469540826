package pattern

import "slices"

// bucketScan is how many rules a bucket tries one by one before it looks for something better.
const bucketScan = 16

// subRule is one conjunction of a rule inside an index.
type subRule struct {
	id     ID
	serial uint64
	fields []*field // those of the signature first
	nsig   uint16   // fields that are part of the signature
	nfull  uint16   // leading fields that the signature's key decides completely
}

// bucket holds the sub-rules with one key of one signature. Published buckets are immutable.
//
// Invariant: while scans is nil all sub-rules are in list; afterwards list has those without a field for which scans
// would help. A bucket that grew past bucketScan keeps scans.
type bucket struct {
	owner *owner
	key   []string // parallel to the signature's elements
	list  []*subRule
	scans *bucketScans
	next  *bucket // another key with the same hash
}

// bucketScans are secondary indexes inside a bucket, by a field that is not part of the signature.
type bucketScans struct {
	n      int
	ranges []pathRanges
	grams  []pathGrams
}

type pathRanges struct {
	path int32
	tree *rangeTree
}

type pathGrams struct {
	path  int32
	table gramTable
}

// scanField returns the field by which scans finds a sub-rule, nil for none: one whose alternatives are all numbers and
// ranges, or all strings with a literal.
func (r *subRule) scanField() (f *field, ranges bool) {
	var grams *field
	for _, f := range r.fields[r.nsig:] {
		if f.absent || len(f.alts) == 0 {
			continue
		}
		if allTests(f, func(t *test) bool { _, _, ok := t.rangeOf(); return ok }) {
			return f, true
		}
		if grams == nil && allTests(f, func(t *test) bool { return gramClass(t.literals()) >= 0 }) {
			grams = f
		}
	}
	return grams, false
}

func allTests(f *field, ok func(*test) bool) bool {
	for i := range f.alts {
		if !ok(&f.alts[i]) {
			return false
		}
	}
	return true
}

func (b *bucket) empty() bool { return len(b.list) == 0 && (b.scans == nil || b.scans.n == 0) }

func (b *bucket) writable(o *owner) *bucket {
	if b.owner == o {
		return b
	}
	c := *b
	c.owner = o
	c.list = slices.Clone(b.list)
	if b.scans != nil {
		c.scans = &bucketScans{n: b.scans.n, ranges: slices.Clone(b.scans.ranges), grams: slices.Clone(b.scans.grams)}
	}
	return &c
}

// add inserts into a writable bucket.
func (b *bucket) add(o *owner, r *subRule) {
	if n := len(b.list); n > 0 && b.list[n-1] == r {
		return // an alternative given twice
	}
	if b.scans == nil && len(b.list) < bucketScan {
		b.list = append(b.list, r)
		return
	}
	if b.scans == nil {
		b.scans = &bucketScans{}
		all := b.list
		b.list = nil
		for _, old := range all {
			b.place(o, old)
		}
	}
	b.place(o, r)
}

func (b *bucket) place(o *owner, r *subRule) {
	f, ranges := r.scanField()
	if f == nil {
		b.list = append(b.list, r)
		return
	}
	b.scans.n++
	for i := range f.alts {
		t := &f.alts[i]
		if ranges {
			lo, hi, _ := t.rangeOf()
			p := b.scans.rangesOf(f.path)
			p.tree = p.tree.with(newRange(lo, hi, r))
		} else {
			p := b.scans.gramsOf(f.path)
			p.table = p.table.with(o, t.literals(), r)
		}
	}
}

// remove takes a sub-rule out of a writable bucket, wherever it is.
func (b *bucket) remove(o *owner, r *subRule) {
	if n := len(b.list); n > 0 {
		if b.list = without(b.list, r); len(b.list) < n {
			return
		}
	}
	if b.scans == nil {
		return
	}
	f, ranges := r.scanField()
	if f == nil {
		return // given twice and removed already
	}
	b.scans.n--
	for i := range f.alts {
		t := &f.alts[i]
		if ranges {
			lo, hi, _ := t.rangeOf()
			p := b.scans.rangesOf(f.path)
			p.tree = p.tree.without(lo, hi, r)
		} else {
			p := b.scans.gramsOf(f.path)
			p.table = p.table.without(o, t.literals(), r)
		}
	}
}

func (x *bucketScans) rangesOf(path int32) *pathRanges {
	for i := range x.ranges {
		if x.ranges[i].path == path {
			return &x.ranges[i]
		}
	}
	x.ranges = append(x.ranges, pathRanges{path: path})
	return &x.ranges[len(x.ranges)-1]
}

func (x *bucketScans) gramsOf(path int32) *pathGrams {
	for i := range x.grams {
		if x.grams[i].path == path {
			return &x.grams[i]
		}
	}
	x.grams = append(x.grams, pathGrams{path: path})
	return &x.grams[len(x.grams)-1]
}

// without returns the list without an entry, in new memory.
func without(list []*subRule, r *subRule) []*subRule {
	if !slices.Contains(list, r) {
		return list
	}
	out := make([]*subRule, 0, len(list)-1)
	for _, e := range list {
		if e != r {
			out = append(out, e)
		}
	}
	return out
}

// visit tries the bucket's rules. simple says that the key was found on leaves outside arrays, one per path.
func (b *bucket) visit(s *scratch, simple bool) {
	for _, r := range b.list {
		s.try(r, simple)
	}
	x := b.scans
	if x == nil {
		return
	}
	for i := range x.ranges {
		for j := s.head[x.ranges[i].path]; j != 0; j = s.leaves[j-1].next {
			if l := &s.leaves[j-1]; l.kind == leafNumber {
				x.ranges[i].tree.visit(s, s.float(l), simple)
			}
		}
	}
	for i := range x.grams {
		for j := s.head[x.grams[i].path]; j != 0; j = s.leaves[j-1].next {
			if l := &s.leaves[j-1]; l.kind == leafString {
				x.grams[i].table.visit(s, l.text, simple)
			}
		}
	}
}

// try evaluates what the way to the sub-rule did not decide.
func (s *scratch) try(r *subRule, simple bool) {
	from := 0
	if simple {
		from = int(r.nfull)
	}
	if s.matches(r.fields, from) {
		s.ids = append(s.ids, r.id)
	}
}
