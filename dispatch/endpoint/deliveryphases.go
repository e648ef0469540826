package endpoint

import (
	"math"
	"time"

	"github.com/signalbox-mq/signalbox/duration"
)

// HealthyRetryPolicy is the timetable of a DeliveryPolicy: retries in four phases, of which NumRetries is the total.
//
//	immediate      NumNoDelayRetries    without delay
//	pre-backoff    NumMinDelayRetries   MinDelayTarget each
//	backoff        what is left         from MinDelayTarget to MaxDelayTarget, by the BackoffFunction
//	post-backoff   NumMaxDelayRetries   MaxDelayTarget each
//
// Every field counts as it is; DefaultHealthyRetryPolicy has the defaults.
type HealthyRetryPolicy struct {
	MinDelayTarget     int             `json:"minDelayTarget"` // seconds, 1 to MaxDelayTarget
	MaxDelayTarget     int             `json:"maxDelayTarget"` // seconds, to 3600
	NumRetries         int             `json:"numRetries"`     // 0 to 100, at least the sum of the other three
	NumMaxDelayRetries int             `json:"numMaxDelayRetries"`
	NumNoDelayRetries  int             `json:"numNoDelayRetries"`
	NumMinDelayRetries int             `json:"numMinDelayRetries"`
	BackoffFunction    BackoffFunction `json:"backoffFunction"`
}

// DefaultHealthyRetryPolicy is three retries, 20 seconds apart.
func DefaultHealthyRetryPolicy() HealthyRetryPolicy {
	return HealthyRetryPolicy{MinDelayTarget: 20, MaxDelayTarget: 20, NumRetries: 3, BackoffFunction: BackoffLinear}
}

// BackoffFunction is how the delays of the backoff phase grow.
type BackoffFunction string

// AWS names the functions and draws them, each of the later ones longer flat and then steeper; it gives no formulas. Here the
// delay of retry i of n in the phase, with i from 0 to n-1, from the first, min, to the last, max, is:
const (
	// BackoffLinear grows by the same number of seconds each time: min + (max-min) × i/(n-1).
	BackoffLinear BackoffFunction = "linear"
	// BackoffArithmetic grows by a number of seconds that itself grows by the same number each time, so with the triangular
	// numbers: min + (max-min) × i(i+1)/(n(n-1)).
	BackoffArithmetic BackoffFunction = "arithmetic"
	// BackoffGeometric grows by the same factor each time: min × (max/min)^(i/(n-1)).
	BackoffGeometric BackoffFunction = "geometric"
	// BackoffExponential grows by a number of seconds that doubles each time: min + (max-min) × (2^i-1)/(2^(n-1)-1).
	BackoffExponential BackoffFunction = "exponential"
)

func (f BackoffFunction) known() bool {
	switch f {
	case BackoffLinear, BackoffArithmetic, BackoffGeometric, BackoffExponential:
		return true
	}
	return false
}

// delay is that of retry i of n, in seconds. A single retry is the first, so has lo.
func (f BackoffFunction) delay(lo, hi float64, i, n int) float64 {
	if n < 2 {
		return lo
	}
	x, last := float64(i), float64(n-1)
	switch f {
	case BackoffArithmetic:
		return lo + (hi-lo)*x*(x+1)/(last*(last+1))
	case BackoffGeometric:
		return lo * math.Pow(hi/lo, x/last)
	case BackoffExponential:
		return lo + (hi-lo)*(math.Exp2(x)-1)/(math.Exp2(last)-1)
	}
	return lo + (hi-lo)*x/last
}

// Schedule is the delay before each retry, in whole milliseconds. It is not nil, and empty for no retry.
func (h *HealthyRetryPolicy) Schedule() []duration.Duration {
	delays := make([]duration.Duration, 0, h.NumRetries)
	add := func(seconds float64, times int) {
		for range times {
			d := time.Duration(math.Round(seconds*1000)) * time.Millisecond
			delays = append(delays, duration.Of(d))
		}
	}
	lo, hi := float64(h.MinDelayTarget), float64(h.MaxDelayTarget)
	add(0, h.NumNoDelayRetries)
	add(lo, h.NumMinDelayRetries)
	growing := h.NumRetries - h.NumNoDelayRetries - h.NumMinDelayRetries - h.NumMaxDelayRetries
	for i := range growing {
		add(h.BackoffFunction.delay(lo, hi, i, growing), 1)
	}
	add(hi, h.NumMaxDelayRetries)
	return delays
}
