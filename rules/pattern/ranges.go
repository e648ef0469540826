package pattern

import "cmp"

// rangeTree finds the intervals around a number: a persistent treap by lower end, each node knowing the highest upper end
// below it. Finding k of n costs O(log n + k) for intervals that overlap little. The nil tree is empty.
type rangeTree struct {
	lo, hi, top float64 // top is the highest hi of the subtree
	prio        uint64
	sub         *subRule
	left, right *rangeTree
}

func newRange(lo, hi float64, sub *subRule) *rangeTree {
	return &rangeTree{lo: lo, hi: hi, top: hi, sub: sub, prio: mix(sub.serial ^ uint64(int64(lo)))}
}

// compare orders by lower end, then by sub-rule and upper end to make every entry distinct.
func (t *rangeTree) compare(lo, hi float64, sub *subRule) int {
	return cmp.Or(cmp.Compare(lo, t.lo), cmp.Compare(sub.serial, t.sub.serial), cmp.Compare(hi, t.hi))
}

func (t *rangeTree) fix() *rangeTree {
	t.top = t.hi
	if t.left != nil {
		t.top = max(t.top, t.left.top)
	}
	if t.right != nil {
		t.top = max(t.top, t.right.top)
	}
	return t
}

func (t *rangeTree) with(n *rangeTree) *rangeTree {
	if t == nil {
		return n
	}
	c := *t
	switch d := t.compare(n.lo, n.hi, n.sub); {
	case d == 0:
		return t
	case d < 0:
		c.left = t.left.with(n)
		if l := c.left; l.prio > c.prio { // rotate right; l is ours, made by this call
			c.left = l.right
			up := *l
			up.right = c.fix()
			return up.fix()
		}
	default:
		c.right = t.right.with(n)
		if r := c.right; r.prio > c.prio {
			c.right = r.left
			up := *r
			up.left = c.fix()
			return up.fix()
		}
	}
	return c.fix()
}

func (t *rangeTree) without(lo, hi float64, sub *subRule) *rangeTree {
	if t == nil {
		return nil
	}
	c := *t
	switch d := t.compare(lo, hi, sub); {
	case d < 0:
		if c.left = t.left.without(lo, hi, sub); c.left == t.left {
			return t
		}
	case d > 0:
		if c.right = t.right.without(lo, hi, sub); c.right == t.right {
			return t
		}
	default:
		return joinRanges(t.left, t.right)
	}
	return c.fix()
}

// joinRanges merges two trees of which the first is wholly before the second.
func joinRanges(a, b *rangeTree) *rangeTree {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case a.prio > b.prio:
		c := *a
		c.right = joinRanges(a.right, b)
		return c.fix()
	default:
		c := *b
		c.left = joinRanges(a, b.left)
		return c.fix()
	}
}

// visit tries the rules whose interval holds f.
func (t *rangeTree) visit(s *scratch, f float64, simple bool) {
	for t != nil && t.top >= f {
		t.left.visit(s, f, simple)
		if t.lo > f {
			return
		}
		if f <= t.hi {
			s.try(t.sub, simple)
		}
		t = t.right
	}
}
