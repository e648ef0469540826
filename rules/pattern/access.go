package pattern

import (
	"encoding/binary"
	"net/netip"
)

// accessKind is a way of finding rules by a value through a hash table: every value has at most one key of a kind and
// length, and a test with that key can pass only values with the same key.
type accessKind uint8

const (
	byString     accessKind = iota // the string itself
	byNumber                       // the exact decimal
	byLiteral                      // true, false or null
	byPrefix                       // the first n bytes of a string
	bySuffix                       // the last n
	byFold                         // the case-folded string
	byPrefixFold                   // the first n bytes of the folded string
	bySuffixFold                   // the last n
	byNetwork                      // an IP address cut to its first n bits; n is 256 more for IPv6
)

// elem is a part of a signature: a path and how its value becomes a key.
type elem struct {
	path int32
	n    int32
	kind accessKind
}

// minLiteral is the shortest end of a wildcard worth a table.
const minLiteral = 4

// access returns the key under which a test can be found. full means that a value with the key passes the test for sure.
func (t *test) access() (kind accessKind, n int, key string, full, ok bool) {
	switch t.kind {
	case testString:
		return byString, 0, t.s, true, true
	case testNumber:
		return byNumber, 0, t.s, true, true
	case testTrue:
		return byLiteral, 0, "t", true, true
	case testFalse:
		return byLiteral, 0, "f", true, true
	case testNull:
		return byLiteral, 0, "n", true, true
	case testPrefix:
		return byPrefix, len(t.s), t.s, true, true
	case testSuffix:
		return bySuffix, len(t.s), t.s, true, true
	case testFold:
		return byFold, 0, t.s, true, true
	case testPrefixFold:
		return byPrefixFold, len(t.s), t.s, true, true
	case testSuffixFold:
		return bySuffixFold, len(t.s), t.s, true, true
	case testCIDR:
		n := t.x.cidr.Bits()
		if t.x.cidr.Addr().Is6() {
			n += 256
		}
		return byNetwork, n, t.s, true, true
	case testWildcard:
		g := &t.x.glob
		first, last := g.parts[0], g.parts[len(g.parts)-1]
		if len(g.parts) == 1 {
			return byString, 0, first, true, true
		}
		switch longest := len(g.longest()); {
		case longest < minLiteral:
		case len(first) == longest:
			return byPrefix, len(first), first, len(g.parts) == 2 && last == "", true
		case len(last) == longest:
			return bySuffix, len(last), last, len(g.parts) == 2 && first == "", true
		}
	}
	return 0, 0, "", false, false
}

// keyHash is the hash of a test's key; it agrees with leafHash of the values that have the key.
func (t *test) keyHash(kind accessKind, key string) uint64 {
	switch kind {
	case byNumber:
		return t.x.num.hash()
	case byLiteral:
		switch key {
		case "t":
			return mix(uint64(leafTrue))
		case "f":
			return mix(uint64(leafFalse))
		}
		return mix(uint64(leafNull))
	}
	return hashString(key)
}

// leafHash is the hash of a leaf's key; ok is false if the leaf has none of that kind.
func (s *scratch) leafHash(l *leaf, e *elem) (h uint64, ok bool) {
	switch e.kind {
	case byString:
		if l.kind != leafString {
			return 0, false
		}
		return s.valueHash(l), true
	case byNumber:
		if l.kind != leafNumber {
			return 0, false
		}
		return s.valueHash(l), true
	case byLiteral:
		if l.kind < leafTrue {
			return 0, false
		}
		return s.valueHash(l), true
	}
	k := s.leafKey(l, e)
	if k == nil {
		return 0, false
	}
	return hashBytes(k), true
}

// noBytes is the key of an empty string, as against no key.
var noBytes = []byte{}

// leafKey returns the bytes of a string leaf's key, nil for none.
func (s *scratch) leafKey(l *leaf, e *elem) []byte {
	if l.kind != leafString {
		return nil
	}
	n := int(e.n)
	v := l.text
	switch e.kind {
	case byFold, byPrefixFold, bySuffixFold:
		v = s.folded(l)
	case byNetwork:
		return s.network(l, n)
	}
	switch e.kind {
	case byPrefix, byPrefixFold:
		if len(v) < n {
			return nil
		}
		v = v[:n]
	case bySuffix, bySuffixFold:
		if len(v) < n {
			return nil
		}
		v = v[len(v)-n:]
	}
	if v == nil {
		return noBytes
	}
	return v
}

// network returns the first n bits of the leaf's address, the rest zero.
func (s *scratch) network(l *leaf, n int) []byte {
	a := s.addr(l)
	if !a.IsValid() || a.Is6() != (n >= 256) {
		return nil
	}
	p, err := a.Prefix(n & 255)
	if err != nil {
		return nil
	}
	at := len(s.buf)
	s.buf = appendAddr(s.buf, p.Addr())
	return s.buf[at:]
}

func appendAddr(dst []byte, a netip.Addr) []byte {
	if a.Is4() {
		b := a.As4()
		return append(dst, b[:]...)
	}
	b := a.As16()
	return append(dst, b[:]...)
}

// hasKey confirms that a leaf has a key, beyond its hash.
func (s *scratch) hasKey(l *leaf, e *elem, key string) bool {
	switch e.kind {
	case byNumber:
		return l.kind == leafNumber && s.decimal(l).hasKey(key)
	case byLiteral:
		switch l.kind {
		case leafTrue:
			return key == "t"
		case leafFalse:
			return key == "f"
		case leafNull:
			return key == "n"
		}
		return false
	}
	k := s.leafKey(l, e)
	return k != nil && string(k) == key
}

// hasKey compares with a key of decimal.key.
func (d *decimal) hasKey(key string) bool {
	if d.text != "" {
		return key == d.key()
	}
	if key[0] != 'd' {
		return false
	}
	var b [14]byte
	b[0] = 'd'
	binary.LittleEndian.PutUint32(b[1:], uint32(d.exp))
	b[5] = '+'
	if d.neg {
		b[5] = '-'
	}
	binary.LittleEndian.PutUint64(b[6:], d.mant)
	return key == string(b[:])
}

// rangeOf returns the closed interval outside which a test passes nothing, for tests on numbers.
func (t *test) rangeOf() (lo, hi float64, ok bool) {
	switch t.kind {
	case testRange:
		return t.x.rng.lo, t.x.rng.hi, true
	case testNumber:
		f := t.x.num.float()
		return f, f, true
	}
	return 0, 0, false
}

// literals returns strings that every value passing a test on strings contains.
func (t *test) literals() []string {
	switch t.kind {
	case testString, testPrefix, testSuffix:
		return []string{t.s}
	case testWildcard:
		return t.x.glob.parts
	}
	return nil
}
