package pattern

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
)

// Change adds, replaces or removes a rule of an Index.
type Change struct {
	ID ID
	// Pattern is the rule's new pattern; nil removes the rule. Removing what is not there does nothing.
	Pattern *Pattern
	// Value is whatever the caller keeps with the rule: see Index.Value.
	Value any
}

// Limits on the use of signatures; they bound memory and work, never what matches.
const (
	maxKeys       = 64   // buckets that one sub-rule enters, unless one field alone has more alternatives
	maxElems      = 6    // fields in a signature
	maxSignatures = 1024 // beyond, new signatures have one field
)

// With returns an index with the changes applied in their order. The receiver stays as it is. Its cost is that of the
// changed rules plus a copy of a few bytes per path known to the index; applying many changes at once is cheaper than one
// by one.
func (x *Index) With(changes ...Change) *Index {
	c := *x
	b := builder{Index: &c, o: &owner{}}
	c.paths = slices.Clone(x.paths)
	c.freePaths = slices.Clone(x.freePaths)
	c.sigs = slices.Clone(x.sigs)
	c.freeSigs = slices.Clone(x.freeSigs)
	c.root = c.root.writable(b.o)
	for _, ch := range changes {
		b.remove(ch.ID)
		if ch.Pattern != nil {
			b.add(&ch)
		}
	}
	return &c
}

// builder changes an index that is not published yet.
type builder struct {
	*Index
	o *owner
}

func (b *builder) add(ch *Change) {
	id, p := ch.ID, ch.Pattern
	subs := make([]*subRule, 0, len(p.rules))
	for i := range p.rules {
		r := &subRule{id: id, serial: b.serial}
		b.serial++
		r.fields = make([]*field, 0, len(p.rules[i].fields))
		for _, f := range p.rules[i].fields {
			r.fields = append(r.fields, b.intern(p.paths[f.path], f))
		}
		b.arrange(r)
		b.place(r, true)
		subs = append(subs, r)
	}
	b.rules = b.rules.with(b.o, mix(uint64(id)), indexed{subs, ch.Value})
	b.size++
}

func (b *builder) remove(id ID) {
	old, ok := b.rules.get(mix(uint64(id)))
	if !ok {
		return
	}
	for _, r := range old.subs {
		b.place(r, false)
		for _, f := range r.fields {
			b.unintern(f)
		}
	}
	b.rules = b.rules.without(b.o, mix(uint64(id)))
	b.size--
}

// path returns a path's number, making it if it is new, and its writable info.
func (b *builder) path(name string) int32 {
	at := b.root
	for step := range strings.SplitSeq(name, ".") {
		at = at.ensure(b.o, step)
	}
	if at.path < 0 {
		if n := len(b.freePaths); n > 0 {
			at.path = b.freePaths[n-1]
			b.freePaths = b.freePaths[:n-1]
		} else {
			at.path = int32(len(b.paths))
			b.paths = append(b.paths, nil)
		}
		b.paths[at.path] = &pathInfo{owner: b.o, name: name}
	}
	return at.path
}

func (b *builder) pathInfo(n int32) *pathInfo {
	p := b.paths[n]
	if p.owner != b.o {
		c := *p
		c.owner = b.o
		c.sigs = slices.Clone(p.sigs)
		p = &c
		b.paths[n] = p
	}
	return p
}

// dropPath forgets a path no rule mentions.
func (b *builder) dropPath(n int32) {
	b.prune(b.root, b.paths[n].name)
	b.paths[n] = nil
	b.freePaths = append(b.freePaths, n)
}

func (b *builder) prune(at *node, name string) {
	step, rest, more := strings.Cut(name, ".")
	kid := at.ensure(b.o, step)
	if more {
		b.prune(kid, rest)
	} else {
		kid.path = -1
	}
	if kid.path < 0 && kid.leaf() {
		at.drop(b.o, step)
	}
}

// intern returns the index's field for a demand of a pattern. Equal demands share one field.
func (b *builder) intern(path string, f *field) *field {
	n := b.path(path)
	key := f.key(n)
	h := hashBytes(key)
	e, ok := b.fields.get(h)
	switch {
	case ok && string(e.f.key(e.f.path)) == string(key):
		e.refs++
	case ok:
		b.pathInfo(n).refs++
		return &field{path: n, absent: f.absent, sorted: f.sorted, alts: f.alts} // same hash, other field: not shared
	default:
		b.pathInfo(n).refs++
		e = internedField{f: &field{path: n, absent: f.absent, sorted: f.sorted, alts: f.alts}, refs: 1}
	}
	b.fields = b.fields.with(b.o, h, e)
	return e.f
}

func (b *builder) unintern(f *field) {
	h := hashBytes(f.key(f.path))
	if e, ok := b.fields.get(h); ok && e.f == f {
		if e.refs--; e.refs > 0 {
			b.fields = b.fields.with(b.o, h, e)
			return
		}
		b.fields = b.fields.without(b.o, h)
	}
	p := b.pathInfo(f.path)
	if p.refs--; p.refs == 0 {
		b.dropPath(f.path)
	}
}

// key is the field as bytes, the same for equal fields only.
func (f *field) key(path int32) []byte {
	b := binary.LittleEndian.AppendUint32(make([]byte, 0, 64), uint32(path))
	text := func(s string) {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	b = append(b, 0)
	if f.absent {
		b[4] = 1
	}
	for i := range f.alts {
		t := &f.alts[i]
		b = append(b, byte(t.kind))
		text(t.s)
		switch t.kind {
		case testWildcard:
			text(t.x.glob.String())
		case testRange:
			text(t.x.rng.String())
		case testCIDR:
			text(t.x.cidr.String())
		case testButNumbers:
			b = binary.AppendUvarint(b, uint64(len(t.x.nums)))
			for i := range t.x.nums {
				text(t.x.nums[i].key())
			}
		case testButWildcard:
			b = binary.AppendUvarint(b, uint64(len(t.x.globs)))
			for i := range t.x.globs {
				text(t.x.globs[i].String())
			}
		case testButStrings, testButPrefix, testButSuffix, testButFold:
			b = binary.AppendUvarint(b, uint64(len(t.x.list)))
			for _, s := range t.x.list {
				text(s)
			}
		}
	}
	return b
}

// hashable reports whether every alternative of a field can be found by a key, whether the keys decide all of them, and
// whether one of them is an address block.
func (f *field) hashable() (full, network, ok bool) {
	if f.absent || len(f.alts) == 0 {
		return false, false, false
	}
	full = true
	for i := range f.alts {
		kind, _, _, whole, ok := f.alts[i].access()
		if !ok {
			return false, false, false
		}
		full = full && whole
		network = network || kind == byNetwork
	}
	return full, network, true
}

// arrange chooses the fields of a sub-rule's signature and puts them first. Fields with few alternatives are best; address
// blocks are used only where nothing else is, because they are rarely selective and cost parsing.
func (b *builder) arrange(r *subRule) {
	type choice struct {
		f       *field
		full    bool
		network bool
		use     bool
	}
	choices := make([]choice, 0, len(r.fields))
	var tail []*field
	strong := false
	for _, f := range r.fields {
		full, network, ok := f.hashable()
		if !ok {
			tail = append(tail, f)
			continue
		}
		strong = strong || !network
		choices = append(choices, choice{f: f, full: full, network: network})
	}
	slices.SortStableFunc(choices, func(a, b choice) int { return cmp.Compare(len(a.f.alts), len(b.f.alts)) })
	elems, keys := maxElems, 1
	if len(b.sigs)-len(b.freeSigs) >= maxSignatures {
		elems = 1
	}
	for i := range choices {
		c := &choices[i]
		if c.network && strong {
			continue
		}
		if n := len(c.f.alts); elems > 0 && (keys*n <= maxKeys || r.nsig == 0) {
			c.use = true
			keys *= n
			elems--
			r.nsig++
		}
	}
	r.fields = r.fields[:0]
	for _, want := range []struct{ use, full bool }{{true, true}, {true, false}, {false, true}, {false, false}} {
		for _, c := range choices {
			if c.use == want.use && c.full == want.full {
				r.fields = append(r.fields, c.f)
				if c.use && c.full {
					r.nfull++
				}
			}
		}
	}
	r.fields = append(r.fields, tail...)
}

// place puts a sub-rule into its buckets or takes it out: one bucket for every combination of alternatives of the fields
// in its signature.
func (b *builder) place(r *subRule, in bool) {
	if r.nsig == 0 {
		b.rest = b.rest.writable(b.o)
		if in {
			b.rest.add(b.o, r)
		} else {
			b.rest.remove(b.o, r)
		}
		return
	}
	n := int(r.nsig)
	pick := make([]int, n)
	parts := make([]keyPart, n)
	for {
		for i, f := range r.fields[:n] {
			t := &f.alts[pick[i]]
			kind, length, key, _, _ := t.access()
			parts[i] = keyPart{e: elem{path: f.path, n: int32(length), kind: kind}, key: key, hash: t.keyHash(kind, key)}
		}
		slices.SortFunc(parts, func(a, b keyPart) int { return cmp.Compare(a.e.path, b.e.path) })
		if in {
			b.insert(parts, r)
		} else {
			b.extract(parts, r)
		}
		i := 0
		for ; i < n; i++ {
			if pick[i]++; pick[i] < len(r.fields[i].alts) {
				break
			}
			pick[i] = 0
		}
		if i == n {
			return
		}
	}
}

// keyPart is one element of a signature with one key.
type keyPart struct {
	e    elem
	key  string
	hash uint64
}

// sigHash hashes a signature.
func sigHash(parts []keyPart) uint64 {
	h := uint64(len(parts))
	for i := range parts {
		e := &parts[i].e
		h = mix(h ^ uint64(uint32(e.path))<<32 ^ uint64(uint32(e.n))<<8 ^ uint64(e.kind))
	}
	return h
}

func keysHash(parts []keyPart) uint64 {
	h := uint64(0)
	for i := range parts {
		h = combine(h, parts[i].hash)
	}
	return tableHash(h)
}

// signature finds the signature of some parts, or makes it. The result is -1 if there is none.
func (b *builder) signature(parts []keyPart, create bool) int32 {
	h := sigHash(parts)
	same, _ := b.sigIndex.get(h)
	for _, n := range same {
		if b.sigs[n].has(parts) {
			return n
		}
	}
	if !create {
		return -1
	}
	g := &signature{owner: b.o, elems: make([]elem, len(parts))}
	g.anchor = parts[0].e.path
	for i := range parts {
		g.elems[i] = parts[i].e
		p := b.pathInfo(parts[i].e.path)
		p.uses++
		if p.uses < b.paths[g.anchor].uses {
			g.anchor = parts[i].e.path
		}
	}
	var n int32
	if k := len(b.freeSigs); k > 0 {
		n = b.freeSigs[k-1]
		b.freeSigs = b.freeSigs[:k-1]
		b.sigs[n] = g
	} else {
		n = int32(len(b.sigs))
		b.sigs = append(b.sigs, g)
	}
	p := b.pathInfo(g.anchor)
	p.sigs = append(p.sigs, n)
	b.sigIndex = b.sigIndex.with(b.o, h, insertAt(same, len(same), n))
	return n
}

func (g *signature) has(parts []keyPart) bool {
	return slices.EqualFunc(g.elems, parts, func(e elem, p keyPart) bool { return e == p.e })
}

func (b *builder) writableSig(n int32) *signature {
	g := b.sigs[n]
	if g.owner != b.o {
		c := *g
		c.owner = b.o
		g = &c
		b.sigs[n] = g
	}
	return g
}

// forget drops a signature without buckets.
func (b *builder) forget(n int32, parts []keyPart) {
	g := b.sigs[n]
	p := b.pathInfo(g.anchor)
	p.sigs = slices.DeleteFunc(p.sigs, func(m int32) bool { return m == n })
	for i := range g.elems {
		b.pathInfo(g.elems[i].path).uses--
	}
	h := sigHash(parts)
	same, _ := b.sigIndex.get(h)
	if same = removeAt(same, slices.Index(same, n)); len(same) == 0 {
		b.sigIndex = b.sigIndex.without(b.o, h)
	} else {
		b.sigIndex = b.sigIndex.with(b.o, h, same)
	}
	b.sigs[n] = nil
	b.freeSigs = append(b.freeSigs, n)
}

func (k *bucket) hasKeys(parts []keyPart) bool {
	for i := range parts {
		if k.key[i] != parts[i].key {
			return false
		}
	}
	return true
}

func (b *builder) insert(parts []keyPart, r *subRule) {
	g := b.writableSig(b.signature(parts, true))
	h := keysHash(parts)
	head, _ := g.table.get(h)
	for k := head; k != nil; k = k.next {
		if k.hasKeys(parts) {
			w := k.writable(b.o)
			w.add(b.o, r)
			if w != k {
				g.table = g.table.with(b.o, h, replaceBucket(head, k, w))
			}
			return
		}
	}
	k := &bucket{owner: b.o, key: make([]string, len(parts)), next: head}
	for i := range parts {
		k.key[i] = parts[i].key
	}
	k.add(b.o, r)
	g.table = g.table.with(b.o, h, k)
	g.n++
}

func (b *builder) extract(parts []keyPart, r *subRule) {
	n := b.signature(parts, false)
	if n < 0 {
		return // an alternative given twice
	}
	g := b.writableSig(n)
	h := keysHash(parts)
	head, _ := g.table.get(h)
	for k := head; k != nil; k = k.next {
		if !k.hasKeys(parts) {
			continue
		}
		w := k.writable(b.o)
		w.remove(b.o, r)
		if w.empty() {
			g.n--
			w = nil
		}
		if rest := replaceBucket(head, k, w); rest != nil {
			g.table = g.table.with(b.o, h, rest)
		} else {
			g.table = g.table.without(b.o, h)
		}
		break
	}
	if g.n == 0 {
		b.forget(n, parts)
	}
}

// replaceBucket returns the chain with w, which may be nil, in the place of k. Buckets before k are copied.
func replaceBucket(head, k, w *bucket) *bucket {
	if head == k {
		if w == nil {
			return k.next
		}
		w.next = k.next
		return w
	}
	c := *head
	c.owner = nil
	c.next = replaceBucket(head.next, k, w)
	return &c
}
