package schedule_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/rules/schedule"
)

// at reads a time, in UTC if it does not say.
func at(tb testing.TB, text string) time.Time {
	tb.Helper()
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t
		}
	}
	tb.Fatalf("%q is no time", text)
	return time.Time{}
}

func spell(times []time.Time) string {
	var texts []string
	for _, t := range times {
		texts = append(texts, strings.TrimSuffix(t.UTC().Format("2006-01-02T15:04:05"), ":00"))
	}
	return strings.Join(texts, " ")
}

// TestNext has the examples of AWS's documentation, and the corners of the grammar.
func TestNext(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, after, want string }{
		// From the user guides of EventBridge and of EventBridge Scheduler.
		{"cron(0 10 * * ? *)", "2026-11-28T10:00", "2026-11-29T10:00 2026-11-30T10:00"},
		{"cron(15 12 * * ? *)", "2026-11-28", "2026-11-28T12:15 2026-11-29T12:15"},
		{"cron(0 18 ? * MON-FRI *)", "2026-11-26T18:00", "2026-11-27T18:00 2026-11-30T18:00"},
		{"cron(0 8 1 * ? *)", "2026-11-28", "2026-12-01T08:00 2027-01-01T08:00"},
		{"cron(0/15 * * * ? *)", "2026-11-28T23:20", "2026-11-28T23:30 2026-11-28T23:45 2026-11-29T00:00"},
		{"cron(0/10 * ? * MON-FRI *)", "2026-11-27T23:45", "2026-11-27T23:50 2026-11-30T00:00"},
		{"cron(0/5 8-17 ? * MON-FRI *)", "2026-11-27T17:50", "2026-11-27T17:55 2026-11-30T08:00 2026-11-30T08:05"},
		{"cron(0/30 20-2 ? * MON-FRI *)", "2026-11-27T20:20", "2026-11-27T20:30 2026-11-27T21:00 2026-11-27T21:30 2026-11-27T22:00 2026-11-27T22:30 2026-11-27T23:00 2026-11-27T23:30 2026-11-30T00:00"},
		{"cron(15 10 ? * 6L 2022-2023)", "2022-01-01", "2022-01-28T10:15 2022-02-25T10:15 2022-03-25T10:15"},
		{"cron(15 10 ? * 6L 2019-2022)", "2022-12-30T10:15", ""},
		{"cron(0 16 ? * 3#2 *)", "2026-11-01", "2026-11-10T16:00 2026-12-08T16:00"},
		{"cron(0 9 L * ? *)", "2028-01-31T09:00", "2028-02-29T09:00 2028-03-31T09:00"},
		{"cron(0 9 3W * ? *)", "2026-09-30", "2026-10-02T09:00 2026-11-03T09:00"},
		{"rate(5 minutes)", "2026-11-28", "2026-11-28T00:05 2026-11-28T00:10"},
		{"rate(1 hour)", "2026-11-28", "2026-11-28T01:00 2026-11-28T02:00"},
		{"rate(7 days)", "2026-11-28", "2026-12-03 2026-12-10"},
		{"at(2022-11-20T13:00:00)", "2022-11-20T12:59:59", "2022-11-20T13:00"},
		{"at(2022-11-20T13:00:00)", "2022-11-20T13:00:00", ""},

		{"cron(0-59/10 0-23/2 ? * * *)", "2026-11-28T22:45", "2026-11-28T22:50 2026-11-29T00:00 2026-11-29T00:10"},
		{"cron(50-10/5 * * * ? *)", "2026-11-28T00:04", "2026-11-28T00:05 2026-11-28T00:10 2026-11-28T00:50 2026-11-28T00:55 2026-11-28T01:00"},
		{"cron(0 20-2/3 * * ? *)", "2026-11-28T03:00", "2026-11-28T20:00 2026-11-28T23:00 2026-11-29T02:00"},
		{"cron(0 0 1 NOV-FEB ? *)", "2026-10-01", "2026-11-01 2026-12-01 2027-01-01 2027-02-01 2027-11-01"},
		{"cron(0 0 ? * fri-mon *)", "2026-11-28", "2026-11-29 2026-11-30 2026-12-04 2026-12-05"},
		{"cron(0 0 ? * L *)", "2026-11-28", "2026-12-05 2026-12-12"},
		{"cron(0 0 ? * 1 *)", "2026-11-28", "2026-11-29 2026-12-06"},
		{"cron(0 0 ? * TUEL,WEDL *)", "2026-11-01", "2026-11-24 2026-11-25 2026-12-29 2026-12-30"},
		{"cron(0 0 ? * 1#5 *)", "2026-09-01", "2026-11-29 2027-01-31"},
		{"cron(0 0 LW * ? *)", "2026-10-01", "2026-10-30 2026-11-30 2026-12-31 2027-01-29"},
		{"cron(0 0 1W * ? *)", "2026-07-15", "2026-08-03 2026-09-01 2026-10-01 2026-11-02"},
		{"cron(0 0 31W * ? *)", "2026-10-01", "2026-10-30 2026-12-31 2027-01-29"},
		{"cron(0 0 1,15W,L * ? *)", "2026-11-01", "2026-11-16 2026-11-30 2026-12-01 2026-12-15"},
		{"cron(0 0 31 * ? *)", "2026-08-31", "2026-10-31 2026-12-31"},
		{"cron(0 0 29 2 ? *)", "2096-03-01", "2104-02-29 2108-02-29"},
		{"cron(0 0 10/10 1/6 ? 2026/100)", "2026-01-20T01:00", "2026-01-30 2026-07-10 2026-07-20 2026-07-30 2126-01-10"},
		{"cron(0 0 1 1 ? 1970-2199)", "2198-12-31", "2199-01-01"},
		{"cron(0 0 1 1 ? *)", "2199-06-01", ""},
		{"cron(0 0 1 1 ? *)", "1969-01-01", "1970-01-01 1971-01-01"},
		{"cron(0/100 12 * * ? *)", "2026-11-28", "2026-11-28T12:00 2026-11-29T12:00"},
		{"cron(  0   10  *  *  ?  * )", "2026-11-28", "2026-11-28T10:00"},
		{"at(2200-01-01T00:00:00)", "2026-11-28", ""},
		{"at(1969-12-31T00:00:00)", "1960-01-01", ""},
	} {
		e := mustParse(t, c.text)
		var got []time.Time
		after := at(t, c.after)
		for range max(len(strings.Fields(c.want)), 1) {
			due, ok := e.Next(after)
			if !ok {
				break
			}
			got, after = append(got, due), due
		}
		if spell(got) != midnight(c.want) {
			t.Errorf("%s after %s: %s\nwant %s", c.text, c.after, spell(got), c.want)
		}
	}
}

// midnight completes dates without a time.
func midnight(times string) string {
	all := strings.Fields(times)
	for i, t := range all {
		if len(t) == len(time.DateOnly) {
			all[i] = t + "T00:00"
		}
	}
	return strings.Join(all, " ")
}

// TestNever checks that an expression that is never due again says so at once.
func TestNever(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"cron(0 0 30 2 ? *)", "cron(0 0 31 4,6,9,11 ? *)", "cron(0 0 29 2 ? 2025)", "cron(0 0 30W 2 ? *)",
		"cron(0 0 1 1 ? 2025)", "cron(0 0 ? 2 1#5 2025)", "at(2025-01-01T00:00:00)",
	} {
		for _, zone := range []string{"UTC", "Europe/Paris"} {
			e := mustParse(t, text).In(mustLoad(t, zone))
			after := at(t, "2026-01-01")
			if due, ok := e.Next(after); ok {
				t.Errorf("%s in %s: due %s", text, zone, due)
			}
			if due, n := e.Latest(after, at(t, "2199-12-31")); n != 0 || !due.IsZero() {
				t.Errorf("%s in %s: %d due times, the latest %s", text, zone, n, due)
			}
		}
	}
	if due, ok := (schedule.Expression{}).Next(time.Time{}); ok {
		t.Errorf("the zero expression is due %s", due)
	}
	if due, n := (schedule.Expression{}).Latest(time.Time{}, at(t, "2199-12-31")); n != 0 || !due.IsZero() {
		t.Errorf("the zero expression was due %s", due)
	}
}

func TestRate(t *testing.T) {
	t.Parallel()
	e := mustParse(t, "rate(90 minutes)").From(at(t, "2026-11-28T12:00:20").Add(300 * time.Millisecond))
	for _, c := range []struct{ after, want string }{
		{"2020-01-01", "2026-11-28T13:30:20"},
		{"2026-11-28T12:00:20", "2026-11-28T13:30:20"},
		{"2026-11-28T13:30:19", "2026-11-28T13:30:20"},
		{"2026-11-28T13:30:20", "2026-11-28T15:00:20"},
		{"2199-12-31T23:00", ""},
	} {
		due, ok := e.Next(at(t, c.after))
		if ok != (c.want != "") || ok && !due.Equal(at(t, c.want)) {
			t.Errorf("after %s: %s, %v, want %s", c.after, due, ok, c.want)
		}
	}
	from := at(t, "2026-11-28T12:00:20")
	for _, c := range []struct {
		after, until time.Time
		last         string
		n            int64
	}{
		{from.AddDate(-9, 0, 0), from, "", 0},
		{from.AddDate(-9, 0, 0), from.Add(90*time.Minute - 1), "", 0},
		{from.AddDate(-9, 0, 0), from.Add(90 * time.Minute), "2026-11-28T13:30:20", 1},
		{from, from.AddDate(0, 0, 1), "2026-11-29T12:00:20", 16},
		{from.Add(90 * time.Minute), from.AddDate(0, 0, 1), "2026-11-29T12:00:20", 15},
		{from.AddDate(0, 0, 1), from, "", 0},
		{from, from.AddDate(100, 0, 0), "2126-11-28T12:00:20", 36524 * 16},
	} {
		due, n := e.Latest(c.after, c.until)
		if n != c.n || n > 0 && !due.Equal(at(t, c.last)) || n == 0 && !due.IsZero() {
			t.Errorf("after %s until %s: %d, the latest %s; want %d, %s", c.after, c.until, n, due, c.n, c.last)
		}
	}
	if due, ok := mustParse(t, "rate(99999999 days)").From(from).Next(from); ok {
		t.Errorf("far too late: %s", due)
	}
	if due, ok := mustParse(t, "rate(1 day)").From(time.Unix(1<<61, 0)).Next(from); ok {
		t.Errorf("since far too late: %s", due)
	}
}

// TestClockChanges has the rules for clocks that are put forward and back.
func TestClockChanges(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ zone, text, after, until, want string }{
		// 2026-03-29 02:00 CET becomes 03:00 CEST.
		{"Europe/Paris", "cron(30 2 * * ? *)", "2026-03-28T01:00Z", "2026-03-31T00:00Z", "2026-03-28T01:30 2026-03-30T00:30"},
		{"Europe/Paris", "cron(0/30 1-3 29 3 ? *)", "2026-03-28T12:00Z", "2026-03-29T12:00Z", "2026-03-29T00:00 2026-03-29T00:30 2026-03-29T01:00 2026-03-29T01:30"},
		{"Europe/Paris", "at(2026-03-29T02:30:00)", "2026-03-01T00:00Z", "2026-04-01T00:00Z", "2026-03-29T01:30"},
		{"Europe/Paris", "at(2026-03-29T03:00:00)", "2026-03-01T00:00Z", "2026-04-01T00:00Z", "2026-03-29T01:00"},
		// 2026-10-25 03:00 CEST becomes 02:00 CET.
		{"Europe/Paris", "cron(30 2 * * ? *)", "2026-10-24T00:00Z", "2026-10-27T00:00Z", "2026-10-24T00:30 2026-10-25T00:30 2026-10-26T01:30"},
		{"Europe/Paris", "cron(0/30 1-3 25 10 ? *)", "2026-10-24T12:00Z", "2026-10-25T12:00Z", "2026-10-24T23:00 2026-10-24T23:30 2026-10-25T00:00 2026-10-25T00:30 2026-10-25T02:00 2026-10-25T02:30"},
		{"Europe/Paris", "cron(30 2 25 10 ? 2026)", "2026-10-25T00:30Z", "2026-10-26T00:00Z", ""},
		{"Europe/Paris", "cron(30 2 25 10 ? *)", "2025-01-01T00:00Z", "2026-10-25T01:10Z", "2025-10-25T00:30 2026-10-25T00:30"},
		{"Europe/Paris", "at(2026-10-25T02:30:00)", "2026-10-01T00:00Z", "2026-11-01T00:00Z", "2026-10-25T00:30"},
		{"Europe/Paris", "rate(12 hours)", "2026-10-24T12:00Z", "2026-10-25T13:00Z", "2026-10-25T00:00 2026-10-25T12:00"},
		{"America/New_York", "cron(0 9 ? * MON-FRI *)", "2026-10-30T00:00Z", "2026-11-03T00:00Z", "2026-10-30T13:00 2026-11-02T14:00"},
		// Half an hour, at 02:00.
		{"Australia/Lord_Howe", "cron(0/15 1-2 * * ? *)", "2026-04-04T13:50Z", "2026-04-04T15:59Z", "2026-04-04T14:00 2026-04-04T14:15 2026-04-04T14:30 2026-04-04T14:45 2026-04-04T15:30 2026-04-04T15:45"},
		// A day that was left out.
		{"Pacific/Apia", "cron(0 12 * * ? *)", "2011-12-29T12:00Z", "2011-12-31T00:00Z", "2011-12-29T22:00 2011-12-30T22:00"},
		{"Pacific/Apia", "at(2011-12-30T12:00:00)", "2011-12-01T12:00Z", "2012-01-01T00:00Z", "2011-12-30T22:00"},
		// Far ahead, by the rule of the zone; and the last day of a leap year.
		{"America/New_York", "cron(0 20 * * ? *)", "2148-12-30T12:00Z", "2149-01-02T00:00Z", "2148-12-31T01:00 2149-01-01T01:00"},
		{"America/New_York", "cron(30 1 1-7 11 ? 2150)", "2150-10-31T12:00Z", "2150-11-02T12:00Z", "2150-11-01T05:30 2150-11-02T06:30"},
	} {
		e := mustParse(t, c.text).In(mustLoad(t, c.zone))
		after, until := at(t, strings.Replace(c.after, "Z", ":00Z", 1)), at(t, strings.Replace(c.until, "Z", ":00Z", 1))
		got := walk(e, after, until)
		if spell(got) != c.want {
			t.Errorf("%s in %s: %s\nwant %s", c.text, c.zone, spell(got), c.want)
		}
		last, n := e.Latest(after, until)
		if n != int64(len(got)) || n > 0 && !last.Equal(got[n-1]) {
			t.Errorf("%s in %s: the latest is %s of %d", c.text, c.zone, last, n)
		}
	}
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text   string
		at     int
		reason string
	}{
		{"", 0, "is rate"},
		{"5 minutes", 0, "is rate"},
		{"Rate(5 minutes)", 0, "is rate"},
		{" rate(5 minutes)", 0, "is rate"},
		{"rate(5 minutes) ", 16, "closing bracket"},
		{"rate(5 minutes", 14, "closing bracket"},
		{"rate()", 5, "a number and a unit"},
		{"rate(5)", 5, "a number and a unit"},
		{"rate(0 minutes)", 5, "positive whole number"},
		{"rate(-5 minutes)", 5, "positive whole number"},
		{"rate(1.5 hours)", 5, "positive whole number"},
		{"rate(999999999 days)", 5, "at most 8 digits"},
		{"rate(5 minute)", 7, "the unit of 5 is minutes"},
		{"rate(1 minutes)", 7, "the unit of 1 is minute,"},
		{"rate(5 seconds)", 7, "minutes, hours or days"},
		{"rate(5 minutess)", 7, "minutes, hours or days"},
		{"rate(5 minutes))", 7, "minutes, hours or days"},
		{"at(2022-11-20)", 3, "no time such as"},
		{"at(2022-11-20T13:00:00Z)", 3, "no time such as"},
		{"at(2022-02-30T13:00:00)", 3, "no time such as"},
		{"at(2022-11-20T13:00:00.5)", 3, "no time such as"},
		{"at(2022-11-20 13:00:00)", 3, "has one time"},
		{"cron(0 1 * * ?)", 5, "six fields"},
		{"cron(0 0 1 * * ? *)", 5, "not 7"},
		{"cron(0 1 * * * *)", 9, "must be ?"},
		{"cron(0 1 ? * ? *)", 9, "must be ?"},
		{"cron(0 1 1 * MON *)", 9, "must be ?"},
		{"cron(60 1 * * ? *)", 5, "minutes: 60 is not from 0 to 59"},
		{"cron(0 24 * * ? *)", 7, "hours: 24"},
		{"cron(0 1 0 * ? *)", 9, "day-of-month: 0 is not from 1 to 31"},
		{"cron(0 1 32W * ? *)", 9, "day-of-month: 32"},
		{"cron(0 1 1-5W * ? *)", 9, `"1-5" is no number`},
		{"cron(0 1 L-3 * ? *)", 9, `"L" is no number`},
		{"cron(0 1 * 13 ? *)", 11, "month: 13"},
		{"cron(0 1 * MAI ? *)", 11, "neither a number nor one of JAN"},
		{"cron(0 1 ? * 8 *)", 13, "day-of-week: 8"},
		{"cron(0 1 ? * 0 *)", 13, "day-of-week: 0"},
		{"cron(0 1 ? * MON/2 *)", 16, "takes no steps"},
		{"cron(0 1 ? * 3#6 *)", 15, "a number from 1 to 5"},
		{"cron(0 1 ? * 3#2,5 *)", 15, "nothing else"},
		{"cron(0 1 ? * 5,3#2 *)", 13, "neither a number"},
		{"cron(0 1 ? * MONW *)", 13, "neither a number"},
		{"cron(0 1 * * ? 1969)", 15, "year: 1969 is not from 1970 to 2199"},
		{"cron(0 1 * * ? 2200)", 15, "year: 2200"},
		{"cron(0 1 * * ? 2030-2020)", 15, "ends before it begins"},
		{"cron(0, 1 * * ? *)", 7, "a value missing"},
		{"cron(0 1- * * ? *)", 9, "a value missing"},
		{"cron(0/0 1 * * ? *)", 7, "a step is"},
		{"cron(0/x 1 * * ? *)", 7, "a step is"},
		{"cron(? 1 * * ? *)", 5, "? stands alone"},
		{"cron(0 1 1,? * ? *)", 11, "? stands alone"},
		{"cron(5-*/2 1 * * ? *)", 7, `"*" is no number`},
		{"cron(\u0660 1 * * ? *)", 5, "is no number"},
		{"cron(" + strings.Repeat("0,", 200) + "0 1 * * ? *)", 256, "at most 256"},
	} {
		_, err := schedule.Parse(c.text)
		fault, ok := errors.AsType[*schedule.SyntaxError](err)
		if !ok {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if fault.Position != c.at || !strings.Contains(fault.Reason, c.reason) {
			t.Errorf("%s: %d %s; want %d %s", c.text, fault.Position, fault.Reason, c.at, c.reason)
		}
	}
}

func TestKindAndText(t *testing.T) {
	t.Parallel()
	for text, kind := range map[string]schedule.Kind{
		"rate(1 day)": schedule.Rate, "cron(0 1 * * ? *)": schedule.Cron, "at(2022-11-20T13:00:00)": schedule.At,
	} {
		if e := mustParse(t, text); e.Kind() != kind || e.String() != text {
			t.Errorf("%s: %s, %s", text, e.Kind(), e)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"rate(5 minutes)", "at(2022-11-20T13:00:00)", "cron(0/5 8-17 ? * MON-FRI *)", "cron(15 10 ? * 6L 2022-2023)",
		"cron(0 9 3W,L,LW * ? */2)", "cron(50-10/7,* 20-2 ? NOV-FEB 3#2 2026)", "cron(0 0 30 2 ? *)",
	} {
		f.Add(text, int64(1_795_000_000))
	}
	f.Fuzz(func(t *testing.T, text string, now int64) {
		e, err := schedule.Parse(text)
		if err != nil {
			fault, ok := errors.AsType[*schedule.SyntaxError](err)
			if !ok || fault.Position < 0 || fault.Position > len(text) || fault.Reason == "" {
				t.Fatalf("%q: %#v", text, err)
			}
			return
		}
		after := time.Unix(now, 0)
		e = e.From(after.Add(-time.Hour))
		due, ok := e.Next(after)
		if !ok {
			if last, n := e.Latest(after, time.Unix(1<<60, 0)); n != 0 {
				t.Fatalf("%q is not due after %s but %d times, the latest %s", text, after, n, last)
			}
			return
		}
		if !due.After(after) {
			t.Fatalf("%q is due %s after %s", text, due, after)
		}
		if last, n := e.Latest(after, due); n != 1 || !last.Equal(due) {
			t.Fatalf("%q is due %s after %s, and %d times until then, the latest %s", text, due, after, n, last)
		}
		if _, n := e.Latest(after, due.Add(-1)); n != 0 {
			t.Fatalf("%q is due %s after %s, and %d times before", text, due, after, n)
		}
	})
}

func BenchmarkNext(b *testing.B) {
	zone := mustLoad(b, "Europe/Paris")
	after := at(b, "2026-11-28T12:00")
	for name, e := range map[string]schedule.Expression{
		"minutes":     mustParse(b, "cron(0/5 8-17 ? * MON-FRI *)"),
		"zone":        mustParse(b, "cron(0/5 8-17 ? * MON-FRI *)").In(zone),
		"leap day":    mustParse(b, "cron(0 0 29 2 ? *)").In(zone),
		"never":       mustParse(b, "cron(0 0 30 2 ? *)"),
		"never, zone": mustParse(b, "cron(0 0 30 2 ? *)").In(zone),
		"rate":        mustParse(b, "rate(5 minutes)"),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				e.Next(after)
			}
		})
	}
}

// BenchmarkLatest counts what was due in ten years.
func BenchmarkLatest(b *testing.B) {
	after := at(b, "2026-11-28T12:00")
	for name, zone := range map[string]*time.Location{"UTC": nil, "zone": mustLoad(b, "Europe/Paris")} {
		e := mustParse(b, "cron(* * * * ? *)").In(zone)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				e.Latest(after, after.AddDate(10, 0, 0))
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		if _, err := schedule.Parse("cron(0/5 8-17 ? JAN-MAR MON-FRI 2026-2030)"); err != nil {
			b.Fatal(err)
		}
	}
}
