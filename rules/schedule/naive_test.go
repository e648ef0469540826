package schedule_test

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// naive decides for one minute of a wall clock whether a cron expression means it, by reading the expression's text again.
type naive []string

func newNaive(text string) naive {
	return strings.Fields(strings.TrimSuffix(strings.TrimPrefix(strings.ToUpper(text), "CRON("), ")"))
}

var naiveNames = strings.Fields("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC SUN MON TUE WED THU FRI SAT")

func naiveNumber(s string) int {
	if i := slices.Index(naiveNames, s); i >= 12 {
		return i - 11
	} else if i >= 0 {
		return i + 1
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return n
}

// naiveList lists the values that an item of numbers stands for, by walking from the first one on.
func naiveList(item string, first, last int) (values []int) {
	item, stepText, stepped := strings.Cut(item, "/")
	step := 1
	if stepped {
		step = naiveNumber(stepText)
	}
	from, to := first, last
	if item != "*" {
		begin, end, ranged := strings.Cut(item, "-")
		from = naiveNumber(begin)
		if ranged {
			to = naiveNumber(end)
		} else if !stepped {
			to = from
		}
	}
	for walked := 0; ; walked++ {
		if walked%step == 0 {
			values = append(values, from)
		}
		if from == to {
			return values
		}
		if from++; from > last {
			from = first
		}
	}
}

func naiveHas(field string, value, first, last int) bool {
	for item := range strings.SplitSeq(field, ",") {
		if slices.Contains(naiveList(item, first, last), value) {
			return true
		}
	}
	return false
}

func lastOfMonth(t time.Time) int {
	return time.Date(t.Year(), t.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

func isWorkday(t time.Time) bool { return t.Weekday() != time.Saturday && t.Weekday() != time.Sunday }

func naiveDate(field string, t time.Time) bool {
	on := func(date int) time.Time { return time.Date(t.Year(), t.Month(), date, 0, 0, 0, 0, time.UTC) }
	for item := range strings.SplitSeq(field, ",") {
		switch before, nearest := strings.CutSuffix(item, "W"); {
		case item == "L":
			if t.Day() == lastOfMonth(t) {
				return true
			}
		case item == "LW":
			last := lastOfMonth(t)
			for !isWorkday(on(last)) {
				last--
			}
			if t.Day() == last {
				return true
			}
		case nearest:
			date := naiveNumber(before)
			if date > lastOfMonth(t) {
				continue
			}
			for _, away := range []int{0, -1, 1, -2, 2} { // Friday is nearer to Saturday, Monday to Sunday
				if d := on(date + away); d.Month() == t.Month() && isWorkday(d) {
					if t.Day() == d.Day() {
						return true
					}
					break
				}
			}
		case slices.Contains(naiveList(item, 1, 31), t.Day()):
			return true
		}
	}
	return false
}

func naiveWeekday(field string, t time.Time) bool {
	weekday := int(t.Weekday()) + 1
	for item := range strings.SplitSeq(field, ",") {
		day, nth, numbered := strings.Cut(item, "#")
		of, last := strings.CutSuffix(item, "L")
		switch {
		case numbered:
			if weekday == naiveNumber(day) && (t.Day()-1)/7+1 == naiveNumber(nth) {
				return true
			}
		case item == "L":
			if weekday == 7 {
				return true
			}
		case last:
			if weekday == naiveNumber(of) && t.Day()+7 > lastOfMonth(t) {
				return true
			}
		case slices.Contains(naiveList(item, 1, 7), weekday):
			return true
		}
	}
	return false
}

// day says whether the expression means the day.
func (n naive) day(t time.Time) bool {
	if t.Year() < 1970 || t.Year() > 2199 || !naiveHas(n[5], t.Year(), 1970, 2199) || !naiveHas(n[3], int(t.Month()), 1, 12) {
		return false
	}
	if n[2] == "?" {
		return naiveWeekday(n[4], t)
	}
	return naiveDate(n[2], t)
}

// minute says whether the expression means the minute.
func (n naive) minute(t time.Time) bool {
	return n.day(t) && naiveHas(n[1], t.Hour(), 0, 23) && naiveHas(n[0], t.Minute(), 0, 59)
}

// due lists, in order, all that is due after one time and not after another, minute by minute of the time that passes: what the
// clock of the zone shows for the first time.
func (n naive) due(zone *time.Location, after, until time.Time) (all []time.Time) {
	var latest time.Time // what the clock has shown, as if it were that of UTC
	days := map[int]bool{}
	// Clocks change by whole minutes, or by seconds: half a minute is fine enough for those that there are tests of.
	for t := after.Truncate(time.Minute).Add(-26 * time.Hour); !t.After(until); t = t.Add(30 * time.Second) {
		local := t.In(zone)
		wall := time.Date(local.Year(), local.Month(), local.Day(), local.Hour(), local.Minute(), local.Second(), 0, time.UTC)
		if !wall.After(latest) {
			continue
		}
		latest = wall
		if wall.Second() != 0 || !t.After(after) {
			continue
		}
		of := wall.YearDay() + 1000*wall.Year()
		means, known := days[of]
		if !known {
			means = n.day(wall)
			days[of] = means
		}
		if means && n.minute(wall) {
			all = append(all, t.UTC())
		}
	}
	return all
}
