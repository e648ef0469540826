package pattern

import (
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// testKind says what a test does.
type testKind uint8

const (
	testString testKind = iota
	testNumber
	testTrue
	testFalse
	testNull
	testPrefix
	testSuffix
	testFold
	testPrefixFold
	testSuffixFold
	testWildcard
	testRange
	testCIDR
	testPresent // exists: true
	testButStrings
	testButNumbers
	testButPrefix
	testButSuffix
	testButFold
	testButWildcard
)

// test is one alternative of a field: a predicate on one leaf. Immutable.
type test struct {
	kind testKind
	s    string // the string, prefix, suffix, folded text or number key compared with
	x    *testArgs
}

// testArgs holds what does not fit a string.
type testArgs struct {
	num   decimal
	rng   bounds
	glob  glob
	cidr  netip.Prefix
	list  []string // sorted
	nums  []decimal
	globs []glob
}

// bounds is a range of doubles.
type bounds struct {
	lo, hi         float64
	loOpen, hiOpen bool
}

// String is exact; equal ranges only have equal strings.
func (r bounds) String() string {
	b := make([]byte, 0, 40)
	b = append(b, "[("[btoi(r.loOpen)])
	b = strconv.AppendFloat(b, r.lo, 'x', -1, 64)
	b = append(b, ',')
	b = strconv.AppendFloat(b, r.hi, 'x', -1, 64)
	return string(append(b, "])"[btoi(r.hiOpen)]))
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (r bounds) contains(f float64) bool {
	return (f > r.lo || f == r.lo && !r.loOpen) && (f < r.hi || f == r.hi && !r.hiOpen)
}

// match applies the test to a leaf of the event held by s.
func (t *test) match(s *scratch, l *leaf) bool {
	switch t.kind {
	case testString:
		return l.kind == leafString && string(l.text) == t.s
	case testNumber:
		return l.kind == leafNumber && *s.decimal(l) == t.x.num
	case testTrue:
		return l.kind == leafTrue
	case testFalse:
		return l.kind == leafFalse
	case testNull:
		return l.kind == leafNull
	case testPrefix:
		return l.kind == leafString && hasPrefix(l.text, t.s)
	case testSuffix:
		return l.kind == leafString && hasSuffix(l.text, t.s)
	case testFold:
		return l.kind == leafString && string(s.folded(l)) == t.s
	case testPrefixFold:
		return l.kind == leafString && hasPrefix(s.folded(l), t.s)
	case testSuffixFold:
		return l.kind == leafString && hasSuffix(s.folded(l), t.s)
	case testWildcard:
		return l.kind == leafString && t.x.glob.match(l.text)
	case testRange:
		return l.kind == leafNumber && t.x.rng.contains(s.float(l))
	case testCIDR:
		if l.kind != leafString {
			return false
		}
		a := s.addr(l)
		return a.IsValid() && t.x.cidr.Contains(a)
	case testPresent:
		return true
	default:
		return !t.excludes(s, l)
	}
}

// excludes is the inside of an anything-but test.
func (t *test) excludes(s *scratch, l *leaf) bool {
	if t.kind == testButNumbers {
		return l.kind == leafNumber && slices.Contains(t.x.nums, *s.decimal(l))
	}
	if l.kind != leafString {
		return false
	}
	switch t.kind {
	case testButStrings:
		return containsSorted(t.x.list, l.text)
	case testButFold:
		return containsSorted(t.x.list, s.folded(l))
	case testButPrefix:
		for _, p := range t.x.list {
			if hasPrefix(l.text, p) {
				return true
			}
		}
	case testButSuffix:
		for _, p := range t.x.list {
			if hasSuffix(l.text, p) {
				return true
			}
		}
	case testButWildcard:
		for i := range t.x.globs {
			if t.x.globs[i].match(l.text) {
				return true
			}
		}
	}
	return false
}

// hasPrefix and hasSuffix compare without the copy that a conversion of p would cost.
func hasPrefix(b []byte, p string) bool { return len(b) >= len(p) && string(b[:len(p)]) == p }
func hasSuffix(b []byte, p string) bool { return len(b) >= len(p) && string(b[len(b)-len(p):]) == p }

func containsSorted(list []string, v []byte) bool {
	if len(list) <= 8 {
		for _, s := range list {
			if s == string(v) {
				return true
			}
		}
		return false
	}
	lo, hi := 0, len(list)
	for lo < hi {
		if mid := int(uint(lo+hi) >> 1); list[mid] < string(v) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo < len(list) && list[lo] == string(v)
}

// field is a pattern's demand on one path: at least one leaf passes at least one of alts, or, if absent is set, there may
// be no leaf at all. Immutable; shared between rules inside an index.
type field struct {
	path   int32
	sorted uint16 // leading alts that are plain strings in ascending order, if worth a binary search, else 0
	absent bool   // exists: false is among the alternatives
	alts   []test
}

// manyStrings is from how many plain strings on a field searches them.
const manyStrings = 12

// sortStrings puts the plain strings of many alternatives first and in order.
func sortStrings(alts []test) uint16 {
	n := 0
	for i := range alts {
		if alts[i].kind == testString {
			n++
		}
	}
	if n < manyStrings {
		return 0
	}
	slices.SortStableFunc(alts, func(a, b test) int {
		switch aString, bString := a.kind == testString, b.kind == testString; {
		case aString && bString:
			return strings.Compare(a.s, b.s)
		case aString:
			return -1
		case bString:
			return 1
		}
		return 0
	})
	return uint16(min(n, math.MaxUint16)) // of more, the rest are tried one by one
}

func (f *field) accepts(s *scratch, l *leaf) bool {
	if f.sorted > 0 && l.kind == leafString {
		n := int(f.sorted)
		lo, hi := 0, n
		for lo < hi {
			if mid := int(uint(lo+hi) >> 1); f.alts[mid].s < string(l.text) {
				lo = mid + 1
			} else {
				hi = mid
			}
		}
		if lo < n && f.alts[lo].s == string(l.text) {
			return true
		}
	}
	for i := int(f.sorted); i < len(f.alts); i++ {
		if f.alts[i].match(s, l) {
			return true
		}
	}
	return false
}
