package schedule_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/signalbox-mq/signalbox/rules/schedule"
)

func mustParse(tb testing.TB, text string) schedule.Expression {
	tb.Helper()
	e, err := schedule.Parse(text)
	if err != nil {
		tb.Fatalf("%s: %v", text, err)
	}
	return e
}

// drawItem draws a value, a range or a step.
func drawItem(t *rapid.T, first, last int, names []string, steps, wraps bool) string {
	value := func() (int, string) {
		n := rapid.IntRange(first, last).Draw(t, "value")
		if len(names) > 0 && rapid.Bool().Draw(t, "named") {
			return n, names[n-first]
		}
		return n, fmt.Sprintf("%0*d", rapid.IntRange(1, 2).Draw(t, "width"), n)
	}
	n, text := value()
	switch rapid.IntRange(0, 3).Draw(t, "form") {
	case 0:
		text = "*"
	case 1:
		m, other := value()
		if m < n && !wraps {
			text, other = other, text
		}
		text += "-" + other
	}
	if steps && rapid.IntRange(0, 2).Draw(t, "stepped") == 0 {
		text += fmt.Sprint("/", rapid.SampledFrom([]int{1, 2, 3, 5, 7, 10, 15, 30, 100}).Draw(t, "step"))
	}
	return text
}

func drawList(t *rapid.T, item func() string) string {
	items := make([]string, rapid.SampledFrom([]int{1, 1, 1, 2, 3}).Draw(t, "items"))
	for i := range items {
		items[i] = item()
	}
	return strings.Join(items, ",")
}

// drawCron draws an expression that is due in some year from 2024 to 2027 if ever.
func drawCron(t *rapid.T) string {
	months := strings.Fields("JAN feb MAR APR MAY JUN JUL AUG SEP oct NOV DEC")
	weekdays := strings.Fields("SUN MON tue WED THU FRI SAT")
	numbers := func(first, last int) string {
		return drawList(t, func() string { return drawItem(t, first, last, nil, true, true) })
	}
	minutes, hours := numbers(0, 59), numbers(0, 23)
	month := drawList(t, func() string { return drawItem(t, 1, 12, months, true, true) })
	date, weekday := "?", "?"
	if rapid.Bool().Draw(t, "by date") {
		date = drawList(t, func() string {
			switch rapid.IntRange(0, 4).Draw(t, "date") {
			case 0:
				return "L"
			case 1:
				return "LW"
			case 2:
				return fmt.Sprint(rapid.IntRange(1, 31).Draw(t, "near"), "W")
			}
			return drawItem(t, 1, 31, nil, true, true)
		})
	} else if rapid.IntRange(0, 2).Draw(t, "numbered") == 0 {
		weekday = fmt.Sprint(rapid.IntRange(1, 7).Draw(t, "weekday"), "#", rapid.IntRange(1, 5).Draw(t, "nth"))
	} else {
		weekday = drawList(t, func() string {
			switch rapid.IntRange(0, 3).Draw(t, "weekday") {
			case 0:
				return rapid.SampledFrom([]string{"L", "6L", "1L", "monL"}).Draw(t, "last")
			default:
				return drawItem(t, 1, 7, weekdays, false, true)
			}
		})
	}
	year := rapid.SampledFrom([]string{"*", "*", "2024-2027", "2025/2", "2024,2026,2027", "*/3"}).Draw(t, "year")
	return fmt.Sprintf("cron(%s %s %s %s %s %s)", minutes, hours, date, month, weekday, year)
}

func sameTimes(a, b []time.Time) bool { return slices.EqualFunc(a, b, time.Time.Equal) }

// walk lists what is due by Next.
func walk(e schedule.Expression, after, until time.Time) (all []time.Time) {
	for {
		due, ok := e.Next(after)
		if !ok || due.After(until) {
			return all
		}
		all, after = append(all, due), due
	}
}

// agree compares Next and Latest with the plain matcher, over a time.
func agree(t interface{ Errorf(string, ...any) }, rng *rand.Rand, text string, e schedule.Expression, zone *time.Location, after, until time.Time) {
	want := newNaive(text).due(zone, after, until)
	got := walk(e.In(zone), after, until)
	if !sameTimes(got, want) {
		t.Errorf("%s in %s from %s to %s: %d due times, want %d; %v", text, zone, after, until, len(got), len(want), firstDifference(got, want))
		return
	}
	for range 20 {
		from := after.Add(time.Duration(rng.Int64N(int64(until.Sub(after)))))
		to := from.Add(time.Duration(rng.Int64N(int64(until.Sub(from)) + 1)))
		if len(want) > 0 && rng.IntN(3) == 0 {
			to = want[rng.IntN(len(want))]
		}
		var last time.Time
		var n int64
		for _, due := range want {
			if due.After(from) && !due.After(to) {
				last, n = due, n+1
			}
		}
		if due, count := e.In(zone).Latest(from, to); !due.Equal(last) || count != n {
			t.Errorf("%s in %s: of those after %s until %s the latest is %s of %d, want %s of %d", text, zone, from, to, due, count, last, n)
		}
	}
}

func firstDifference(got, want []time.Time) string {
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			return fmt.Sprint("missing ", want[i])
		case i >= len(want):
			return fmt.Sprint("unexpected ", got[i])
		case !got[i].Equal(want[i]):
			return fmt.Sprint("got ", got[i], ", want ", want[i])
		}
	}
	return ""
}

// TestCronAgreesMinuteByMinute compares random expressions with the plain matcher over a few weeks.
func TestCronAgreesMinuteByMinute(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := drawCron(t)
		e, err := schedule.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		after := time.Unix(rapid.Int64Range(1704067200, 1830297600).Draw(t, "after"), 0).UTC() // 2024 to 2027
		until := after.Add(time.Duration(rapid.IntRange(1, 35*24).Draw(t, "hours")) * time.Hour)
		agree(t, rand.New(rand.NewPCG(uint64(after.Unix()), 1)), text, e, time.UTC, after, until)
	})
}

// TestCronAgreesDayByDay compares the days of random expressions with the plain matcher over all the years.
func TestCronAgreesDayByDay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		fields := strings.Fields(drawCron(t))
		fields[0], fields[1] = "cron(30", "12"
		if rapid.Bool().Draw(t, "leap") {
			fields[2], fields[3], fields[4] = "29", "2", "?"
		}
		text := strings.Join(fields, " ")
		e, err := schedule.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		plain := newNaive(text)
		var want []time.Time
		from := time.Date(rapid.IntRange(1969, 2190).Draw(t, "from"), 1, 1, 12, 30, 0, 0, time.UTC)
		until := from.AddDate(12, 0, 0)
		for day := from; day.Before(until); day = day.AddDate(0, 0, 1) {
			if plain.day(day) {
				want = append(want, day)
			}
		}
		if got := walk(e, from.Add(-time.Second), until.Add(-time.Second)); !sameTimes(got, want) {
			t.Errorf("%s: %d days, want %d; %s", text, len(got), len(want), firstDifference(got, want))
		}
		last, n := e.Latest(from.Add(-time.Second), until.Add(-time.Second))
		if n != int64(len(want)) || n > 0 && !last.Equal(want[len(want)-1]) {
			t.Errorf("%s: the latest is %s of %d, want %d", text, last, n, len(want))
		}
	})
}

// TestCronAgreesInZones compares random expressions with the plain matcher around changes of clocks.
func TestCronAgreesInZones(t *testing.T) {
	t.Parallel()
	type change struct {
		zone string
		at   time.Time
	}
	var changes []change
	for _, name := range []string{
		"Europe/Paris", "America/New_York", "Australia/Lord_Howe", "America/St_Johns", "Africa/Casablanca", "Asia/Gaza",
		"Pacific/Apia", "Asia/Kathmandu", "America/Caracas", "Asia/Pyongyang", "Antarctica/Troll", "Africa/Monrovia",
	} {
		zone := mustLoad(t, name)
		for at := time.Date(1971, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() < 2040; {
			_, end := at.In(zone).ZoneBounds()
			if end.IsZero() {
				break
			}
			changes, at = append(changes, change{name, end}), end
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		fields := strings.Fields(drawCron(t))
		fields[5] = "*)"
		text := strings.Join(fields, " ")
		e, err := schedule.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		c := rapid.SampledFrom(changes).Draw(t, "change")
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		before := time.Duration(rapid.IntRange(0, 50*60).Draw(t, "minutes before")) * time.Minute
		after := time.Duration(rapid.IntRange(1, 50*60).Draw(t, "minutes after")) * time.Minute
		agree(t, rand.New(rand.NewPCG(uint64(before), 2)), text, e, zone, c.at.Add(-before), c.at.Add(after))
	})
}

func mustLoad(tb testing.TB, name string) *time.Location {
	tb.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		tb.Fatal(err)
	}
	return zone
}
