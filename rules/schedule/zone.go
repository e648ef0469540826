package schedule

import (
	"math"
	"time"
)

// span is a time in which the clock of a zone runs evenly. Times are Unix seconds, first included, end not.
type span struct {
	first, end int64
	// offset is how far the wall clock is ahead of UTC, before how far it was until first.
	offset, before int64
}

// spanAt returns the span of a zone, nil for UTC, that a time lies in.
func spanAt(zone *time.Location, t int64) span {
	s := span{first: math.MinInt64, end: math.MaxInt64}
	if zone == nil {
		return s
	}
	at := time.Unix(t, 0).In(zone)
	_, offset := at.Zone()
	s.offset, s.before = int64(offset), int64(offset)
	first, end := at.ZoneBounds()
	if !end.IsZero() {
		s.end = end.Unix()
	}
	// Package time has the last span of a leap year end a day too early, before a time that lies in it.
	for more := int64(day); s.end <= t; more /= 2 {
		if _, later := time.Unix(t+more, 0).In(zone).Zone(); later == offset || more == 1 {
			s.end = t + more
		}
	}
	if !first.IsZero() {
		s.first = first.Unix()
		_, before := first.Add(-time.Second).Zone()
		s.before = int64(before)
	}
	return s
}

// from returns the first that the wall clock shows in the span from a time on and has not shown before.
func (s *span) from(t int64) int64 {
	if s.first == math.MinInt64 {
		return t + s.offset
	}
	return max(t+s.offset, s.first+max(s.offset, s.before))
}

// nextIn returns the first due time that is not before t, both in Unix seconds.
func (c *cron) nextIn(zone *time.Location, t int64) (int64, bool) {
	for {
		s := spanAt(zone, t)
		wall, ok := c.next(s.from(t))
		switch {
		case !ok:
			return 0, false
		case wall-s.offset < s.end:
			return wall - s.offset, true
		}
		// What is found so late may lie in a later span. No clock is off by more than a day.
		t = max(s.end, wall-2*day)
	}
}

// lastIn returns the last due time that is not after t, both in Unix seconds.
func (c *cron) lastIn(zone *time.Location, t int64) (int64, bool) {
	for {
		s := spanAt(zone, t)
		if s.first != math.MinInt64 && t+s.offset < s.from(s.first) {
			t = s.first - 1 // all of the span up to t was shown before
			continue
		}
		wall, ok := c.last(t + s.offset)
		switch {
		case !ok:
			return 0, false
		case s.first == math.MinInt64 || wall >= s.from(s.first):
			return wall - s.offset, true
		}
		t = min(s.first-1, wall+2*day)
	}
}

// countIn returns how many due times there are from a time on and before another, all in Unix seconds.
func (c *cron) countIn(zone *time.Location, from, until int64) (n int64) {
	for t := from; t < until; {
		s := spanAt(zone, t)
		end := min(s.end, until)
		n += c.count(s.from(t), end+s.offset)
		t = end
	}
	return n
}

// resolve returns when a wall clock shows a time for the first time, in Unix seconds. One that it skips is as much later as the
// clock is put forward.
func resolve(zone *time.Location, wall int64) int64 {
	for t := wall - 2*day; ; {
		s := spanAt(zone, t)
		if due := wall - s.offset; due < s.end {
			if due < s.first {
				return wall - s.before
			}
			return due
		}
		t = s.end
	}
}
