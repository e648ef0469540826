package schedule

import (
	"math/bits"
	"time"
)

// cron is a cron expression on a wall clock. Times are what that shows, in seconds since 1970 as if it were the clock of UTC.
type cron struct {
	minutes uint64 // bit n is minute n
	hours   uint32 // bit n is hour n
	months  uint16 // bit n is month n, from 1
	years   set    // bit n is year 1970+n
	days    days
}

// days says which days of a month are meant.
type days struct {
	// Of these, either those by the day of the month count or those by the day of the week.
	byWeek bool
	// dates has bit n for day n; nearest those for which the weekday nearest to them is meant.
	dates, nearest uint32
	// last is the last day of the month, lastWeekday the last one from Monday to Friday.
	last, lastWeekday bool
	// weekdays has bit n for weekday n, 0 for Sunday; lastOf those that are the month's last of their kind.
	weekdays, lastOf uint8
	// nth, if not zero, means the nth of its kind: weekday nthOf.
	nth, nthOf int
}

const day = 24 * 60 * 60

// on returns the set of the days of a month that are meant, bit n for day n.
func (c *cron) on(year int, month time.Month) uint32 {
	if year < firstYear || year > lastYear || !c.years.has(year-firstYear) || c.months>>month&1 == 0 {
		return 0
	}
	first := time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
	length := first.AddDate(0, 1, -1).Day()
	return c.days.of(int(first.Weekday()), length)
}

// of returns the set of days for a month that begins on a weekday (0 for Sunday) and has that many days.
func (d *days) of(first, length int) uint32 {
	all := uint32(1)<<(length+1) - 2
	if d.byWeek {
		return d.ofWeek(first, length) & all
	}
	set := d.dates
	if d.last {
		set |= 1 << length
	}
	if d.lastWeekday {
		set |= 1 << nearestWeekday(length, first, length)
	}
	for rest := d.nearest & all; rest != 0; rest &= rest - 1 {
		set |= 1 << nearestWeekday(bits.TrailingZeros32(rest), first, length)
	}
	return set & all
}

func (d *days) ofWeek(first, length int) uint32 {
	const everyWeek = 1<<0 | 1<<7 | 1<<14 | 1<<21 | 1<<28
	set := uint32(0)
	for weekday := range 7 {
		date := 1 + (weekday-first+7)%7 // its first of the month
		if d.weekdays>>weekday&1 != 0 {
			set |= everyWeek << date
		}
		if d.lastOf>>weekday&1 != 0 {
			set |= 1 << (date + (length-date)/7*7)
		}
		if d.nth != 0 && d.nthOf == weekday {
			set |= 1 << (date + 7*(d.nth-1)) // a fifth may be behind the month's end
		}
	}
	return set
}

// nearestWeekday returns the day from Monday to Friday that is nearest to a date and in the same month.
func nearestWeekday(date, first, length int) int {
	switch (first + date - 1) % 7 {
	case int(time.Saturday):
		if date == 1 {
			return date + 2
		}
		return date - 1
	case int(time.Sunday):
		if date == length {
			return date - 2
		}
		return date + 1
	}
	return date
}

// clock is a place on the wall clock, in minutes.
type clock struct {
	year   int
	month  time.Month
	day    int
	hour   int
	minute int
}

func clockAt(wall int64) clock {
	t := time.Unix(wall, 0).UTC()
	return clock{t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute()}
}

func (c clock) wall() int64 {
	return time.Date(c.year, c.month, c.day, c.hour, c.minute, 0, 0, time.UTC).Unix()
}

// roundUp returns the first whole minute that is not before a time, and not before 1970.
func roundUp(wall int64) int64 { return max(floorDiv(wall+59, 60)*60, 0) }

// next returns the first due time that is not before wall.
func (c *cron) next(wall int64) (int64, bool) {
	t := clockAt(roundUp(wall))
	on := c.on(t.year, t.month) >> t.day << t.day
	if on>>t.day&1 != 0 {
		if hour, minute, ok := c.timeFrom(t.hour, t.minute); ok {
			t.hour, t.minute = hour, minute
			return t.wall(), true
		}
		on &^= 1 << t.day
	}
	for ; t.year <= lastYear; on = c.on(t.year, t.month) {
		if on != 0 {
			t.day = bits.TrailingZeros32(on)
			t.hour, t.minute = bits.TrailingZeros32(c.hours), bits.TrailingZeros64(c.minutes)
			return t.wall(), true
		}
		if t.month++; t.month > time.December {
			t.year, t.month = t.year+1, time.January
		}
	}
	return 0, false
}

// timeFrom returns the first time of a day that is not before the given one.
func (c *cron) timeFrom(hour, minute int) (int, int, bool) {
	if c.hours>>hour&1 != 0 {
		if rest := c.minutes >> minute << minute; rest != 0 {
			return hour, bits.TrailingZeros64(rest), true
		}
	}
	rest := c.hours >> (hour + 1) << (hour + 1)
	return bits.TrailingZeros32(rest), bits.TrailingZeros64(c.minutes), rest != 0
}

// last returns the last due time that is not after wall.
func (c *cron) last(wall int64) (int64, bool) {
	if wall < 0 {
		return 0, false
	}
	t := clockAt(wall)
	on := c.on(t.year, t.month) & (1<<(t.day+1) - 1)
	if on>>t.day&1 != 0 {
		if hour, minute, ok := c.timeUntil(t.hour, t.minute); ok {
			t.hour, t.minute = hour, minute
			return t.wall(), true
		}
		on &^= 1 << t.day
	}
	for ; t.year >= firstYear; on = c.on(t.year, t.month) {
		if on != 0 {
			t.day = bits.Len32(on) - 1
			t.hour, t.minute = bits.Len32(c.hours)-1, bits.Len64(c.minutes)-1
			return t.wall(), true
		}
		if t.month--; t.month < time.January {
			t.year, t.month = t.year-1, time.December
		}
	}
	return 0, false
}

// timeUntil returns the last time of a day that is not after the given one.
func (c *cron) timeUntil(hour, minute int) (int, int, bool) {
	if c.hours>>hour&1 != 0 {
		if rest := c.minutes & (1<<(minute+1) - 1); rest != 0 {
			return hour, bits.Len64(rest) - 1, true
		}
	}
	rest := c.hours & (1<<hour - 1)
	return bits.Len32(rest) - 1, bits.Len64(c.minutes) - 1, rest != 0
}

// count returns how many due times there are from a time on and before another.
func (c *cron) count(from, until int64) int64 {
	from, until = roundUp(from), roundUp(until)
	if from >= until {
		return 0
	}
	a, b := clockAt(from), clockAt(until)
	daily := int64(bits.OnesCount32(c.hours)) * int64(bits.OnesCount64(c.minutes))
	var n int64
	for year, month := a.year, a.month; year < b.year || year == b.year && month <= b.month; {
		on := c.on(year, month)
		if year == a.year && month == a.month {
			on = on >> a.day << a.day
			n -= int64(on>>a.day&1) * c.before(a.hour, a.minute)
		}
		if year == b.year && month == b.month {
			n += int64(on>>b.day&1) * c.before(b.hour, b.minute)
			on &= 1<<b.day - 1
		}
		n += int64(bits.OnesCount32(on)) * daily
		if month++; month > time.December {
			year, month = year+1, time.January
		}
	}
	return n
}

// before counts the times of a day that are before the given one.
func (c *cron) before(hour, minute int) int64 {
	n := bits.OnesCount32(c.hours&(1<<hour-1)) * bits.OnesCount64(c.minutes)
	if c.hours>>hour&1 != 0 {
		n += bits.OnesCount64(c.minutes & (1<<minute - 1))
	}
	return int64(n)
}
