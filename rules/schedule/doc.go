// Package schedule is the language of Amazon's schedules: when is something due. docs/rules.md describes it for users.
//
//	rate(5 minutes)                every so many minutes, hours or days, counted from a time that is given: see From
//	cron(0 10 ? * MON-FRI *)       when the wall clock shows it: minutes, hours, day of month, month, day of week, year
//	at(2030-11-20T13:00:00)        once, when the wall clock shows it
//
// The package imports nothing of ours, does no I/O, reads no clock and logs nothing. An Expression never changes and may be used
// concurrently.
//
// # The wall clock
//
// The clock is that of UTC, or of a time zone that is given: see In. Where it is put forward, what lies in the hour that it
// skips is not due on that day, but an at expression, which has no other day: that is due as much later as the clock is put
// forward. Where it is put back, what lies in the hour that it shows twice is due the first time only. Rates count time as it
// passes, whatever clocks show.
//
// # How it is computed
//
// No minute is looked at one by one. A month's days are a set of 32 bits that follows from the expression, hours and minutes are
// sets too, and the first, the last or the number of a set's members takes a few instructions (cron.go). In a time zone this is
// done piece by piece, from one change of the clock to the next, in each of which the clock runs as that of UTC does
// (zone.go). Nothing is due before 1970 or after 2199, so that a search ends after 2,760 months at the latest: it takes
// microseconds, and for an expression that is never due, such as one for February 30th, less than a millisecond.
package schedule
