package schedule

import (
	"slices"
	"strings"
)

// field is one of the six of a cron expression.
type field struct {
	name        string
	first, last int
	// names are those of the values, from first on; nil for none.
	names []string
	// steps says that a step may be given, wraps that a range may go past the end.
	steps, wraps bool
}

var (
	minutesField = field{name: "minutes", last: 59, steps: true, wraps: true}
	hoursField   = field{name: "hours", last: 23, steps: true, wraps: true}
	dateField    = field{name: "day-of-month", first: 1, last: 31, steps: true, wraps: true}
	monthField   = field{
		name: "month", first: 1, last: 12, steps: true, wraps: true,
		names: []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"},
	}
	weekdayField = field{
		name: "day-of-week", first: 1, last: 7, wraps: true,
		names: []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"},
	}
	yearField = field{name: "year", first: firstYear, last: lastYear, steps: true}
)

func parseCron(words []word, at int) (*cron, error) {
	if len(words) != 6 {
		return nil, bad(at, "a cron expression has six fields, minutes, hours, day-of-month, month, day-of-week and year, not %d", len(words))
	}
	c := new(cron)
	minutes, err := minutesField.parse(words[0])
	if err != nil {
		return nil, err
	}
	hours, err := hoursField.parse(words[1])
	if err != nil {
		return nil, err
	}
	months, err := monthField.parse(words[3])
	if err != nil {
		return nil, err
	}
	c.minutes, c.hours, c.months = minutes[0], uint32(hours[0]), uint16(months[0])
	switch dates, weekdays := words[2], words[4]; {
	case (dates.text == "?") == (weekdays.text == "?"):
		return nil, bad(dates.at, "exactly one of day-of-month and day-of-week must be ?, which says that the other one counts")
	case dates.text == "?":
		c.days.byWeek = true
		err = c.days.parseWeekdays(weekdays)
	default:
		err = c.days.parseDates(dates)
	}
	if err != nil {
		return nil, err
	}
	years, err := yearField.parse(words[5])
	if err != nil {
		return nil, err
	}
	c.years = years
	return c, nil
}

// parse reads a list of values, ranges and steps. The set of years begins with the first year as 0.
func (f *field) parse(w word) (set, error) {
	var s set
	err := each(w, func(item word) error { return f.add(&s, item) })
	return s, err
}

// each calls read for every item of a list.
func each(list word, read func(word) error) error {
	for more := true; more; {
		var item word
		item, list, more = list.cut(',')
		if err := read(item); err != nil {
			return err
		}
	}
	return nil
}

// add adds what one item stands for.
func (f *field) add(s *set, item word) error {
	values, stepText, stepped := item.cut('/')
	step := 1
	if stepped {
		n, ok := stepText.number(4)
		switch {
		case !f.steps:
			return bad(stepText.at-1, "%s takes no steps", f.name)
		case !ok || n == 0:
			return bad(stepText.at, "a step is a positive whole number, not %q", stepText.text)
		}
		step = n
	}
	from, to := f.first, f.last
	if values.text != "*" {
		begin, end, ranged := values.cut('-')
		var err error
		if from, err = f.value(begin); err != nil {
			return err
		}
		switch {
		case ranged:
			if to, err = f.value(end); err != nil {
				return err
			}
		case !stepped:
			to = from
		}
	}
	size := f.last - f.first + 1
	if to < from {
		if !f.wraps {
			return bad(values.at, "the range %s ends before it begins", values.text)
		}
		to += size
	}
	base := 0
	if f.first == firstYear {
		base = firstYear
	}
	for n := from; n <= to; n += step {
		s.add(f.first + (n-f.first)%size - base)
	}
	return nil
}

// value reads a number or a name.
func (f *field) value(w word) (int, error) {
	if i := slices.Index(f.names, strings.ToUpper(w.text)); i >= 0 {
		return f.first + i, nil
	}
	n, ok := w.number(4)
	switch {
	case w.text == "":
		return 0, bad(w.at, "%s has a value missing", f.name)
	case w.text == "?":
		return 0, bad(w.at, "? stands alone, in day-of-month or day-of-week")
	case !ok && f.names != nil:
		return 0, bad(w.at, "%s: %q is neither a number nor one of %s", f.name, w.text, strings.Join(f.names, ", "))
	case !ok:
		return 0, bad(w.at, "%s: %q is no number", f.name, w.text)
	case n < f.first || n > f.last:
		return 0, bad(w.at, "%s: %d is not from %d to %d", f.name, n, f.first, f.last)
	}
	return n, nil
}

func (d *days) parseDates(w word) error {
	return each(w, func(item word) error {
		upper := strings.ToUpper(item.text)
		switch before, isNearest := strings.CutSuffix(upper, "W"); {
		case upper == "L":
			d.last = true
		case upper == "LW":
			d.lastWeekday = true
		case isNearest:
			n, err := dateField.value(word{before, item.at})
			if err != nil {
				return err
			}
			d.nearest |= 1 << n
		default:
			var s set
			if err := dateField.add(&s, item); err != nil {
				return err
			}
			d.dates |= uint32(s[0])
		}
		return nil
	})
}

func (d *days) parseWeekdays(w word) error {
	if weekday, number, found := w.cut('#'); found {
		n, err := weekdayField.value(weekday)
		if err != nil {
			return err
		}
		nth, ok := number.number(1)
		if !ok || nth < 1 || nth > 5 {
			return bad(number.at, "after # comes a number from 1 to 5, and nothing else, not %q", number.text)
		}
		d.nthOf, d.nth = n-1, nth
		return nil
	}
	return each(w, func(item word) error {
		upper := strings.ToUpper(item.text)
		before, isLast := strings.CutSuffix(upper, "L")
		switch {
		case upper == "L":
			d.weekdays |= 1 << 6
		case isLast:
			n, err := weekdayField.value(word{before, item.at})
			if err != nil {
				return err
			}
			d.lastOf |= 1 << (n - 1)
		default:
			var s set
			if err := weekdayField.add(&s, item); err != nil {
				return err
			}
			d.weekdays |= uint8(s[0] >> 1)
		}
		return nil
	})
}
