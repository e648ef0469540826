package pattern

import (
	"math"
	"net/netip"
	"unsafe"
)

type leafKind uint8

const (
	leafString leafKind = iota
	leafNumber
	leafTrue
	leafFalse
	leafNull
)

// What a leaf has computed already.
const (
	hasHash uint8 = 1 << iota
	hasDecimal
	hasFloat
	hasFold
	hasAddr
)

// leaf is a scalar of the event at a path some rule asks for.
type leaf struct {
	text  []byte // a string's decoded content, a number's spelling
	hash  uint64
	extra int32 // 1 + index into scratch.extras, once something had to be computed
	next  int32 // 1 + index of the next leaf at the same path
	chain int32 // innermost enclosing array element, 0 for none
	path  int32
	kind  leafKind
	has   uint8
}

// leafExtra holds forms of a value that few tests ask for.
type leafExtra struct {
	dec  decimal
	f    float64
	fold []byte
	addr netip.Addr
}

// link is an element of an array that contains leaves: a node of the tree of enclosing elements.
type link struct {
	parent, array, index int32
}

// scratch is the state of one match. It is reused, never shared.
type scratch struct {
	src     []byte
	leaves  []leaf
	extras  []leafExtra
	links   []link  // links[0] is the root
	arrays  int32   // arrays numbered so far
	head    []int32 // per path: 1 + index of its first leaf
	tail    []int32 // per path: 1 + index of its last leaf; valid where head is not 0
	touched []int32 // paths with leaves
	buf     []byte  // decoded strings and folds
	keybuf  []byte
	depth   int // containers that are open

	open     []*node // the objects among them
	complete int     // how many of them have had all they wait for
	searches int     // see stop.go

	bound  []int32   // per array: 1 + chosen index
	marks  []uint64  // per array: fields of the current component, see consistent.go
	seen   []*bucket // visited by the signature at hand
	picked []int32   // leaves chosen for the elements of a signature
	ids    []ID      // rules found
	state  solver
}

// reset prepares s for an event and a plan with so many paths.
func (s *scratch) reset(src []byte, paths int) {
	for _, p := range s.touched {
		s.head[p] = 0
	}
	s.touched = s.touched[:0]
	if len(s.head) < paths {
		s.head = make([]int32, paths+paths/2+8)
		s.tail = make([]int32, len(s.head))
	}
	s.src = src
	s.leaves = s.leaves[:0]
	s.extras = s.extras[:0]
	s.links = append(s.links[:0], link{})
	s.arrays = 0
	s.buf = s.buf[:0]
	s.depth = 0
	s.open = s.open[:0]
	s.complete, s.searches = 0, 0
}

// release drops references to the caller's event, so that a pooled scratch does not keep it alive.
func (s *scratch) release() {
	s.src = nil
	clear(s.leaves)
	clear(s.seen)
	clear(s.extras)
}

// add records a leaf.
func (s *scratch) add(path int32, kind leafKind, text []byte, chain int32) {
	s.leaves = append(s.leaves, leaf{text: text, path: path, kind: kind, chain: chain})
	n := int32(len(s.leaves))
	if s.head[path] == 0 {
		s.head[path] = n
		s.touched = append(s.touched, path)
	} else {
		s.leaves[s.tail[path]-1].next = n
	}
	s.tail[path] = n
}

// only returns the leaf of a path if it is the only one and stands outside every array of objects.
func (s *scratch) only(path int32) *leaf {
	h := s.head[path]
	if h == 0 {
		return nil
	}
	l := &s.leaves[h-1]
	if l.next != 0 || l.chain != 0 {
		return nil
	}
	return l
}

func (s *scratch) ext(l *leaf) *leafExtra {
	if l.extra == 0 {
		s.extras = append(s.extras, leafExtra{})
		l.extra = int32(len(s.extras))
	}
	return &s.extras[l.extra-1]
}

func (s *scratch) decimal(l *leaf) *decimal {
	x := s.ext(l)
	if l.has&hasDecimal == 0 {
		x.dec = parseDecimal(l.text)
		l.has |= hasDecimal
	}
	return &x.dec
}

func (s *scratch) float(l *leaf) float64 {
	x := s.ext(l)
	if l.has&hasFloat == 0 {
		x.f = math.NaN()
		if len(l.text) > 0 {
			x.f = parseFloat(l.text)
		}
		l.has |= hasFloat
	}
	return x.f
}

func (s *scratch) folded(l *leaf) []byte {
	x := s.ext(l)
	if l.has&hasFold == 0 {
		at := len(s.buf)
		s.buf = appendFold(s.buf, l.text)
		x.fold = s.buf[at:len(s.buf):len(s.buf)]
		l.has |= hasFold
	}
	return x.fold
}

// addr parses the leaf as an IP address. Zones are refused: they are no part of an address on the wire. An IPv4-mapped IPv6
// address is an IPv6 address.
func (s *scratch) addr(l *leaf) netip.Addr {
	x := s.ext(l)
	if l.has&hasAddr == 0 {
		x.addr = parseAddr(l.text)
		l.has |= hasAddr
	}
	return x.addr
}

func parseAddr(b []byte) netip.Addr {
	if len(b) < 2 || len(b) > 45 {
		return netip.Addr{}
	}
	for _, c := range b {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' || c == '.' || c == ':') {
			return netip.Addr{} // sparing ParseAddr the building of an error
		}
	}
	a, err := netip.ParseAddr(unsafe.String(unsafe.SliceData(b), len(b)))
	if err != nil {
		return netip.Addr{}
	}
	return a
}

// valueHash is the hash of the leaf's value for exact comparison.
func (s *scratch) valueHash(l *leaf) uint64 {
	if l.has&hasHash == 0 {
		switch l.kind {
		case leafString:
			l.hash = hashBytes(l.text)
		case leafNumber:
			l.hash = s.decimal(l).hash()
		default:
			l.hash = mix(uint64(l.kind))
		}
		l.has |= hasHash
	}
	return l.hash
}
