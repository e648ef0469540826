package schedule

import "time"

// Kind tells expressions apart.
type Kind string

// The kinds of expressions.
const (
	Rate Kind = "rate"
	Cron Kind = "cron"
	At   Kind = "at"
)

// Expression says when something is due, in whole seconds. The zero Expression is never due.
type Expression struct {
	text string
	kind Kind
	// period and anchor are of a rate: seconds, and Unix time.
	period, anchor int64
	// cron is shared by copies and never changed.
	cron *cron
	// at is when the wall clock shows the time of an at expression, in seconds as if it were that of UTC.
	at int64
	// zone is nil for UTC.
	zone *time.Location
}

// Kind returns what kind of expression it is, empty for the zero Expression.
func (e Expression) Kind() Kind { return e.kind }

// String returns the text that was parsed.
func (e Expression) String() string { return e.text }

// In returns the expression by the wall clock of a time zone. Nil is UTC, which counts without it. It makes no difference for a rate.
func (e Expression) In(zone *time.Location) Expression {
	if zone == time.UTC {
		zone = nil
	}
	e.zone = zone
	return e
}

// From returns the expression with the time from which a rate counts: it is due one period later for the first time.
// Fractions of a second are dropped. Without it a rate counts from 1970. It makes no difference for another kind.
func (e Expression) From(anchor time.Time) Expression {
	e.anchor = anchor.Unix()
	return e
}

// Nothing is due before the beginning of 1970 or from the end of 2199 on, where AWS's years end.
const (
	firstYear, lastYear = 1970, 2199
	horizon             = 7_258_118_400 // 2200-01-01T00:00:00Z
)

// Next returns when it is due next after a time, in UTC. It is not ok if it never is.
func (e Expression) Next(after time.Time) (due time.Time, ok bool) {
	s, ok := e.next(after.Unix()) // what is after its whole second is after it
	if !ok {
		return time.Time{}, false
	}
	return time.Unix(s, 0).UTC(), true
}

// Latest returns when it was due last, of the times after the one and not after the other, in UTC, and how many of these times
// there are; the zero time if there are none. It takes microseconds, also for decades.
func (e Expression) Latest(after, until time.Time) (due time.Time, n int64) {
	from, to := after.Unix(), until.Unix()
	if n = e.count(from, to); n == 0 {
		return time.Time{}, 0
	}
	return time.Unix(e.last(to), 0).UTC(), n
}

// next returns the first due time after a time, all in Unix seconds.
func (e *Expression) next(after int64) (int64, bool) {
	after = min(max(after, -1), horizon)
	switch e.kind {
	case Rate:
		k := max(floorDiv(after-e.anchor, e.period)+1, 1)
		if k > (horizon-e.anchor)/e.period {
			return 0, false
		}
		due := e.anchor + k*e.period
		return due, due < horizon
	case Cron:
		due, ok := e.cron.nextIn(e.zone, after+1)
		return due, ok && due < horizon
	case At:
		due := resolve(e.zone, e.at)
		return due, due > after && due < horizon
	}
	return 0, false
}

// count returns how many due times there are after from and not after to.
func (e *Expression) count(from, to int64) int64 {
	from, to = max(from, -1), min(to, horizon-1)
	if from >= to {
		return 0
	}
	switch e.kind {
	case Rate:
		return max(floorDiv(to-e.anchor, e.period), 0) - max(floorDiv(from-e.anchor, e.period), 0)
	case Cron:
		return e.cron.countIn(e.zone, from+1, to+1)
	case At:
		if due := resolve(e.zone, e.at); from < due && due <= to {
			return 1
		}
	}
	return 0
}

// last returns the last due time that is not after to, of which there is one.
func (e *Expression) last(to int64) int64 {
	to = min(to, horizon-1)
	switch e.kind {
	case Rate:
		return e.anchor + floorDiv(to-e.anchor, e.period)*e.period
	case Cron:
		due, _ := e.cron.lastIn(e.zone, to)
		return due
	}
	return resolve(e.zone, e.at)
}

// floorDiv divides and rounds down; b is positive.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
