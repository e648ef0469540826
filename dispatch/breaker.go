package dispatch

import "time"

// The breaker's numbers.
const (
	// BreakerConsecutive failures in a row open it, or BreakerRatio of at least BreakerSample attempts in BreakerWindow.
	BreakerConsecutive = 10
	BreakerRatio       = 0.5
	BreakerSample      = 20
	BreakerWindow      = time.Minute
	// BreakerMinPause is how long it holds attempts back at first, BreakerMaxPause at most.
	BreakerMinPause = time.Second
	BreakerMaxPause = 30 * time.Second

	// breakerMinGap bounds how densely an open breaker lets attempts through, however many wait.
	breakerMinGap = 10 * time.Millisecond
	buckets       = 6
)

// BreakerState is "closed", "open" or "half-open".
type BreakerState string

const (
	// BreakerIsClosed: attempts are made as the limits allow.
	BreakerIsClosed BreakerState = "closed"
	// BreakerIsOpen: no attempt is made until the next probe.
	BreakerIsOpen BreakerState = "open"
	// BreakerIsHalfOpen: one attempt, the probe, may be made or is under way.
	BreakerIsHalfOpen BreakerState = "half-open"
)

// breaker holds attempts back while an endpoint fails. It is in memory, and of this node.
//
// An open breaker lets one attempt at a time through, the probe. Its failure is a failed attempt of its delivery like any
// other; its success closes the breaker. Probes are spaced so that all the deliveries that wait get their turn within
// the pause, which starts at 1s and doubles up to 30s, each time it has passed without a success. So a breaker delays an
// attempt by 30s at the most (plus the time that probes take), and a delivery to an endpoint that stays dead still
// runs through its schedule and is given up.
//
// The caller guards it.
type breaker struct {
	open        bool
	consecutive int
	window      [buckets]struct{ attempts, failures int }
	at          int64 // the number of the current bucket, counted from 1970

	pause  time.Duration
	paused time.Time // when the current pause began
	until  time.Time // no probe before
}

func (b *breaker) roll(now time.Time) {
	number := now.UnixNano() / int64(BreakerWindow/buckets)
	if number-b.at >= buckets || number < b.at {
		b.at = number
		b.window = [buckets]struct{ attempts, failures int }{}
		return
	}
	for b.at < number {
		b.at++
		b.window[b.at%buckets] = struct{ attempts, failures int }{}
	}
}

func (b *breaker) counts(now time.Time) (attempts, failures int) {
	b.roll(now)
	for _, w := range b.window {
		attempts += w.attempts
		failures += w.failures
	}
	return attempts, failures
}

// success notes an attempt that the endpoint answered well. It reports whether that closed the breaker.
func (b *breaker) success(now time.Time) (closed bool) {
	if b.open {
		*b = breaker{}
		return true
	}
	b.roll(now)
	b.window[b.at%buckets].attempts++
	b.consecutive = 0
	return false
}

// failure notes a failure for which the endpoint is to blame. It reports whether that opened the breaker.
func (b *breaker) failure(now time.Time) (opened bool) {
	b.roll(now)
	b.window[b.at%buckets].attempts++
	b.window[b.at%buckets].failures++
	b.consecutive++
	if b.open {
		if now.Sub(b.paused) >= b.pause {
			b.pause, b.paused = min(2*b.pause, BreakerMaxPause), now
		}
		return false
	}
	attempts, failures := b.counts(now)
	if b.consecutive < BreakerConsecutive && (attempts < BreakerSample || float64(failures) < BreakerRatio*float64(attempts)) {
		return false
	}
	b.open, b.pause, b.paused, b.until = true, BreakerMinPause, now, now.Add(BreakerMinPause)
	return true
}

// space sets when the next probe may be made, with so many deliveries waiting.
func (b *breaker) space(now time.Time, waiting int64) {
	b.until = now.Add(max(b.pause/time.Duration(max(waiting, 1)), breakerMinGap))
}

func (b *breaker) state(now time.Time) BreakerState {
	switch {
	case !b.open:
		return BreakerIsClosed
	case now.Before(b.until):
		return BreakerIsOpen
	}
	return BreakerIsHalfOpen
}
