package rules_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
)

// on is a rule with a schedule, and one queue as its target.
func on(schedule, queue string) rules.Rule {
	return rules.Rule{Schedule: schedule, Targets: []rules.Target{{Queue: queue}}}
}

// told collects what OnScheduled is told.
type told struct {
	mu     sync.Mutex
	all    []rules.Scheduled
	faults []error
}

func (s *told) config() rules.Config {
	return rules.Config{
		OnScheduled: func(one rules.Scheduled) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.all = append(s.all, one)
		},
		OnFault: func(err error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.faults = append(s.faults, err)
		},
	}
}

// counts adds up what was told of a rule, and compares it with the totals that the last one had.
func (s *told) counts(t *testing.T, rule string) (fired, skipped int64) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	var totals rules.ScheduleTotals
	for _, one := range s.all {
		if one.Rule != ruleNamed(rule) {
			continue
		}
		skipped += one.Skipped
		if one.Fired {
			fired++
		}
		totals = one.Totals
	}
	if totals.Fired != fired || totals.Skipped != skipped {
		t.Errorf("%s: the totals are %+v, what was told comes to %d and %d", rule, totals, fired, skipped)
	}
	return fired, skipped
}

// schedules runs the schedules until stop is called.
func (e *env) schedules() (stop func()) {
	e.tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.engine.RunSchedules(ctx) }()
	synctest.Wait()
	return func() {
		e.tb.Helper()
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, queue.ErrStoreClosed) {
			e.tb.Error(err)
		}
	}
}

// dues returns how often each event of a schedule is in a queue, by when it was due, and checks the events.
func (e *env) dues(q queue.Queue) map[time.Time]int {
	e.tb.Helper()
	counts := map[time.Time]int{}
	for _, m := range e.messages(q.ID, q.Definition.Kind()) {
		ev, err := event.Parse(m.Body)
		if err != nil {
			e.tb.Fatal(err)
		}
		if ev.Source != "aws.events" || ev.Type != "Scheduled Event" || string(ev.Detail) != "{}" || len(ev.Resources) != 1 ||
			ev.Account != account || ev.Region != region || ev.Time.Nanosecond() != 0 {
			e.tb.Errorf("%s", m.Body)
		}
		counts[ev.Time]++
	}
	return counts
}

// wantDues checks that a queue has the events of these times, each once.
func (e *env) wantDues(q queue.Queue, want ...time.Time) {
	e.tb.Helper()
	got := e.dues(q)
	for _, due := range want {
		if got[due] != 1 {
			e.tb.Errorf("%s is there %d times", due, got[due])
		}
		delete(got, due)
	}
	if len(got) > 0 {
		e.tb.Errorf("besides: %v", slices.SortedFunc(maps.Keys(got), time.Time.Compare))
	}
}

// every lists times.
func every(period time.Duration, first, last time.Time) (all []time.Time) {
	for t := first; !t.After(last); t = t.Add(period) {
		all = append(all, t)
	}
	return all
}

func day(n, hour, minute int) time.Time { return time.Date(2000, 1, n, hour, minute, 0, 0, time.UTC) }

// until lets virtual time pass up to a moment after a time, and all that is done then.
func until(t time.Time) {
	pass(time.Until(t) + 50*time.Millisecond)
	synctest.Wait()
}

// TestSchedulesFireForDays has a rate and a cron for two days, in virtual time, which begins at midnight of January 1st, 2000.
func TestSchedulesFireForDays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s told
		e := newEnvWith(t, s.config())
		minutes, nightly, late := e.queue("minutes", queue.Definition{}), e.queue("nightly", queue.Definition{}), e.queue("late", queue.Definition{})
		stop := e.schedules()
		e.rule("minutes", on("rate(1 minute)", "minutes"))
		e.rule("nightly", on("cron(30 3 * * ? *)", "nightly"))
		// Both are matched by all that is published, and neither by what is due.
		e.rule("other", to("late", `{"source":["aws.events"]}`))
		e.rule("all", to("late", ""))
		until(day(2, 12, 0).Add(30 * time.Second))
		late2 := on("rate(5 minutes)", "late")
		late2.ScheduledSince = time.Now()
		e.rule("late", late2)
		until(day(2, 13, 0))
		stop()
		e.wantDues(minutes, every(time.Minute, day(1, 0, 1), day(2, 13, 0))...)
		e.wantDues(nightly, day(1, 3, 30), day(2, 3, 30))
		e.wantDues(late, every(5*time.Minute, day(2, 12, 5).Add(30*time.Second), day(2, 13, 0))...)
		if fired, skipped := s.counts(t, "minutes"); fired != 37*60 || skipped != 0 {
			t.Errorf("%d fired, %d skipped", fired, skipped)
		}
		status, err := e.engine.ScheduleStatus(t.Context(), named(rules.DefaultBus), "nightly")
		if err != nil || !status.Next.Equal(day(3, 3, 30)) || status.Totals.Fired != 2 {
			t.Errorf("%+v, %v", status, err)
		}
		for _, name := range []string{"other", "nobody"} {
			if _, err := e.engine.ScheduleStatus(t.Context(), named(rules.DefaultBus), name); !errors.Is(err, rules.ErrRuleNotFound) {
				t.Errorf("status of %s: %v", name, err)
			}
		}
		if len(s.faults) > 0 {
			t.Error(s.faults)
		}
	})
}

// TestScheduledEvent looks at the event, at what the log says of it, and at who was told.
func TestScheduledEvent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var published []string
		config := rules.Config{OnPublished: func(bus catalog.Name, ev *event.Event, match *rules.Match) {
			published = append(published, fmt.Sprint(bus.Name, " ", ev.Source, " ", match.Names(), " ", match.Schedule))
		}}
		e := newEnvWith(t, config)
		q := e.queue("q", queue.Definition{})
		rule := on("rate(1 hour)", "q")
		rule.Targets = append(rule.Targets, rules.Target{Queue: "missing"})
		e.rule("hourly", rule)
		stop := e.schedules()
		until(day(1, 1, 59))
		stop()
		m := e.only(q.ID, queue.Standard)
		ev, err := event.Parse(m.Body)
		if err != nil {
			t.Fatal(err)
		}
		want := `{"version":"0","id":"` + ev.ID + `","detail-type":"Scheduled Event","source":"aws.events","account":"123456789012","time":"2000-01-01T01:00:00Z","region":"eu-west-1","resources":["arn:aws:events:eu-west-1:123456789012:rule/hourly"],"detail":{}}`
		if string(m.Body) != want {
			t.Errorf("%s\nwant %s", m.Body, want)
		}
		if at, err := event.IDTime(ev.ID); err != nil || !at.Equal(day(1, 1, 0)) {
			t.Errorf("the ID %s is of %s, %v", ev.ID, at, err)
		}
		match := e.match(ev.ID)
		if match.Schedule != "rate(1 hour)" || len(match.Rules) != 1 || match.Rules[0].Rule != "hourly" || len(match.Rules[0].Deliveries) != 2 ||
			match.Rules[0].Deliveries[0].ID != m.ID.String() {
			t.Errorf("%+v", match)
		}
		if n := len(e.deadLetters()); n != 1 {
			t.Errorf("%d dead letters of the queue that is missing", n)
		}
		if got := fmt.Sprint(published); got != "[default aws.events [hourly] rate(1 hour)]" {
			t.Errorf("told: %s", got)
		}
		if _, err := uuid.Parse(ev.ID); err != nil {
			t.Error(err)
		}
	})
}

// TestScheduleAndPattern: either triggers a rule that has both, the pattern and its condition for published events only.
func TestScheduleAndPattern(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEnv(t)
		both, only := e.queue("both", queue.Definition{}), e.queue("only", queue.Definition{})
		rule := on("rate(1 hour)", "both")
		rule.When, rule.If = json.RawMessage(`{"detail-type":["a"]}`), `event.detail.n > 1`
		e.rule("both", rule)
		e.rule("only", on("rate(1 hour)", "only"))
		stop := e.schedules()
		defer stop()
		if p := e.publishOne("a", `{"n":2}`); fmt.Sprint(p.Matched) != "[both]" {
			t.Errorf("%+v", p)
		}
		if p := e.publishOne("a", `{"n":1}`); len(p.Matched) != 0 {
			t.Errorf("%+v", p)
		}
		until(day(1, 1, 0))
		if n, m := len(e.messages(both.ID, queue.Standard)), len(e.messages(only.ID, queue.Standard)); n != 2 || m != 1 {
			t.Errorf("%d and %d messages", n, m)
		}
		verdicts, err := e.engine.Explain(t.Context(), named(rules.DefaultBus), eventOf("a"))
		if err != nil || verdicts[1].Matched || verdicts[1].Field != "when" || verdicts[1].Reason != "the rule has a schedule only" {
			t.Errorf("%+v, %v", verdicts, err)
		}
	})
}

// TestScheduleDowntime ends the process, for a while, and starts it anew.
func TestScheduleDowntime(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, schedule string
		down           time.Duration
		// late is what was due while it was down and is fired all the same, as a time after midnight of January 1st.
		late           []time.Duration
		fired, skipped int64 // until the end of the downtime, after one hour before it
	}{
		{"10m", "rate(1 minute)", 10 * time.Minute, []time.Duration{70 * time.Minute}, 61, 9},
		{"none due", "cron(0 3 * * ? *)", 10 * time.Minute, nil, 0, 0},
		{"one due", "cron(0 3 * * ? *)", 3 * time.Hour, []time.Duration{3 * time.Hour}, 1, 0},
		{"25h", "rate(1 minute)", 25 * time.Hour, []time.Duration{26 * time.Hour}, 61, 25*60 - 1},
		{"23h, daily", "cron(1 1 * * ? *)", 23 * time.Hour, []time.Duration{61 * time.Minute}, 1, 0},
		{"25h, once", "cron(1 1 1 * ? *)", 25 * time.Hour, nil, 0, 1},
		{"24h, once", "cron(0 2 1 * ? *)", 25 * time.Hour, nil, 0, 1},
		{"a year", "rate(1 minute)", 366 * 24 * time.Hour, []time.Duration{366*24*time.Hour + time.Hour}, 61, 366*24*60 - 1},
		{"a year, yearly", "cron(0 12 25 12 ? *)", 366 * 24 * time.Hour, nil, 0, 1},
		{"a year, last day", "cron(0 12 ? * SUN *)", 366 * 24 * time.Hour, []time.Duration{(365*24 + 12) * time.Hour}, 1, 52},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var s told
				e := newEnvWith(t, s.config())
				q := e.queue("q", queue.Definition{})
				e.rule("r", on(c.schedule, "q"))
				stop := e.schedules()
				begun := day(1, 0, 0)
				until(begun.Add(time.Hour))
				stop()
				want := slices.SortedFunc(maps.Keys(e.dues(q)), time.Time.Compare)
				e.must(nil, e.opened.Close())
				until(begun.Add(time.Hour + c.down))
				e.open()
				stop = e.schedules()
				pass(time.Second)
				stop()
				for _, late := range c.late {
					want = append(want, begun.Add(late))
				}
				e.wantDues(q, want...)
				if fired, skipped := s.counts(t, "r"); fired != c.fired || skipped != c.skipped {
					t.Errorf("%d fired, %d skipped, want %d and %d", fired, skipped, c.fired, c.skipped)
				}
			})
		})
	}
}
