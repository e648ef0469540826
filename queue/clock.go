package queue

import (
	"sync"
	"time"
)

// maxSlew is how much faster or slower than the monotonic clock a Clock runs at most while it makes up for a step of the
// wall clock: a tenth.
const maxSlew = 10

// Clock is the time that a process gives to its store. It never steps and never runs backwards: it starts at the wall
// clock's time, or later if the store has seen a later one; from there it follows the monotonic clock, and when the wall
// clock is set it approaches it by at most a tenth of the time that passes. Leases, delays, deduplication and retention
// all hang on it, so that neither a jump by a day nor a step back loses, duplicates or blocks a message.
type Clock struct {
	mu     sync.Mutex
	last   time.Time // the last reading of the system's clocks, both wall and monotonic
	now    time.Time // what the Clock said then; wall only
	offset time.Duration
}

// NewClock returns a clock that is not before the given time, which may be zero.
func NewClock(notBefore time.Time) *Clock {
	reading := time.Now()
	now := reading.Round(0)
	if now.Before(notBefore) {
		now = notBefore
	}
	return &Clock{last: reading, now: now}
}

// Now returns the clock's time, in UTC without a monotonic reading.
func (c *Clock) Now() time.Time {
	reading := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	elapsed := reading.Sub(c.last) // by the monotonic clock
	if elapsed <= 0 {
		return c.now.UTC()
	}
	c.last = reading
	c.now = c.now.Add(elapsed)
	c.offset = reading.Round(0).Sub(c.now)
	c.now = c.now.Add(min(max(c.offset, -elapsed/maxSlew), elapsed/maxSlew))
	return c.now.UTC()
}

// Skew returns how far the wall clock was ahead of this clock at the last Now. More than a minute deserves an alarm.
func (c *Clock) Skew() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offset
}
