package bench

import (
	"math"
	"math/bits"
	"time"
)

const (
	// precisionBits is the binary logarithm of the buckets per power of two: 64 of them make a bucket 1.6% wide at most, and
	// its middle 0.8% wrong at most.
	precisionBits = 6
	// rangeBits bounds what is told apart, 2^40 ns or 18 minutes. Beyond, everything is in the last bucket.
	rangeBits = 40
	buckets   = (rangeBits - precisionBits + 1) << precisionBits
)

// histogram counts durations in buckets whose width grows with the duration, in 18 KiB whatever it has counted. The zero
// value is empty. It is not safe for concurrent use: each client has its own, and they are merged.
type histogram struct {
	counts   [buckets]int64
	total    int64
	min, max time.Duration
}

func bucketOf(d time.Duration) int {
	v := min(uint64(max(d, 0)), 1<<rangeBits-1)
	shift := max(bits.Len64(v)-precisionBits-1, 0)
	return shift<<precisionBits + int(v>>shift)
}

// middleOf is the middle of a bucket.
func middleOf(bucket int) time.Duration {
	shift := max(bucket>>precisionBits-1, 0)
	low := uint64(bucket-shift<<precisionBits) << shift
	return time.Duration(low + (1<<shift-1)/2)
}

// record counts a duration; a negative one counts as 0.
func (h *histogram) record(d time.Duration) {
	d = max(d, 0)
	if h.total == 0 || d < h.min {
		h.min = d
	}
	h.max = max(h.max, d)
	h.counts[bucketOf(d)]++
	h.total++
}

// merge adds what another has counted.
func (h *histogram) merge(other *histogram) {
	if other.total == 0 {
		return
	}
	if h.total == 0 || other.min < h.min {
		h.min = other.min
	}
	h.max = max(h.max, other.max)
	h.total += other.total
	for i, n := range &other.counts {
		h.counts[i] += n
	}
}

// quantile returns a duration that the share q of all (0 to 1) is not above, 0 if there are none. It is within 0.8%, and
// exact for q = 1.
func (h *histogram) quantile(q float64) time.Duration {
	if h.total == 0 {
		return 0
	}
	rank := int64(math.Ceil(q * float64(h.total)))
	if rank >= h.total {
		return h.max
	}
	var seen int64
	for i, n := range &h.counts {
		if seen += n; seen >= rank && n > 0 {
			return min(max(middleOf(i), h.min), h.max)
		}
	}
	return h.max
}

// Latency is how long operations took, in milliseconds.
type Latency struct {
	P50  float64 `json:"p50_ms"`
	P90  float64 `json:"p90_ms"`
	P99  float64 `json:"p99_ms"`
	P999 float64 `json:"p999_ms"`
	Max  float64 `json:"max_ms"`
}

func (h *histogram) latency() Latency {
	at := func(q float64) float64 { return float64(h.quantile(q)) / float64(time.Millisecond) }
	return Latency{P50: at(.5), P90: at(.9), P99: at(.99), P999: at(.999), Max: at(1)}
}
