package bench

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestHistogramIsPrecise(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	var h, other histogram
	var all []time.Duration
	for i := range 20_000 {
		d := time.Duration(random.Uint64N(1 << (1 + random.Uint64N(rangeBits-1))))
		all = append(all, d)
		if i%3 == 0 {
			other.record(d)
		} else {
			h.record(d)
		}
	}
	h.merge(&other)
	slices.Sort(all)
	for _, q := range []float64{0, .001, .1, .25, .5, .9, .99, .999, 1} {
		want := all[max(int(q*float64(len(all)))-1, 0)]
		got := h.quantile(q)
		if off := got - want; float64(max(off, -off)) > 0.008*float64(want)+0.5 {
			t.Errorf("the quantile %v is %d, want %d", q, got, want)
		}
	}
}

func TestHistogramBuckets(t *testing.T) {
	t.Parallel()
	last := -1
	for _, d := range []time.Duration{0, 1, 2, 63, 64, 127, 128, 130, 1 << 20, 1<<rangeBits - 1} {
		b := bucketOf(d)
		if b <= last || b >= buckets {
			t.Errorf("%d is in bucket %d, after %d", d, b, last)
		}
		if bucketOf(middleOf(b)) != b {
			t.Errorf("the middle of bucket %d is %d, which is in bucket %d", b, middleOf(b), bucketOf(middleOf(b)))
		}
		last = b
	}
	if last != buckets-1 {
		t.Errorf("the last bucket is %d of %d", last, buckets)
	}
}

func TestHistogramAtTheEdges(t *testing.T) {
	t.Parallel()
	var h histogram
	if got := h.latency(); got != (Latency{}) {
		t.Errorf("an empty one has %v", got)
	}
	h.record(-time.Second)
	h.record(10 * time.Hour)
	if h.quantile(.5) != 0 || h.quantile(1) != 10*time.Hour {
		t.Errorf("got %s and %s", h.quantile(.5), h.quantile(1))
	}
}
