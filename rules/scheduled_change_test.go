package rules_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
)

// planned returns the messages that there are for schedules of the default bus.
func (e *env) planned() []queue.Peeked {
	e.tb.Helper()
	bus, err := e.buses.Get(named(rules.DefaultBus))
	if err != nil {
		e.tb.Fatal(err)
	}
	return e.scan(queue.IDFor(bus.ID, queue.Schedules), queue.Standard)
}

// TestScheduleChanges changes, disables, enables, deletes and makes anew a rule while it waits.
func TestScheduleChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s told
		e := newEnvWith(t, s.config())
		q, other := e.queue("q", queue.Definition{}), e.queue("other", queue.Definition{})
		stop := e.schedules()
		defer func() { stop() }()
		rule := on("cron(0/10 * * * ? *)", "q")
		e.rule("r", rule)
		want := []time.Time{day(1, 0, 10)}
		until(day(1, 0, 15))
		rule.Schedule = "cron(7/10 * * * ? *)"
		e.rule("r", rule)
		want = append(want, day(1, 0, 17), day(1, 0, 27))
		until(day(1, 0, 31))
		rule.Disabled = true
		e.rule("r", rule)
		until(day(1, 0, 52))
		rule.Disabled = false
		e.rule("r", rule)
		want = append(want, day(1, 0, 57), day(1, 1, 7))
		until(day(1, 1, 8))
		// There and back before anybody looks.
		rule.Schedule = "rate(400 days)"
		e.rule("r", rule)
		rule.Schedule = "cron(7/10 * * * ? *)"
		e.rule("r", rule)
		want = append(want, day(1, 1, 17))
		until(day(1, 1, 18))
		rule.Description, rule.Targets = "to another", []rules.Target{{Queue: "other"}}
		e.rule("r", rule)
		until(day(1, 1, 28))
		e.must(nil, e.rules.Delete(t.Context(), ruleNamed("r")))
		until(day(1, 1, 32))
		rule.Schedule = "rate(1 hour)"
		e.rule("r", rule) // another one
		until(day(1, 5, 0))
		e.wantDues(q, want...)
		made := 50 * time.Millisecond // when virtual time has come by then
		got := e.dues(other)
		if got[day(1, 1, 27)] != 1 || got[day(1, 2, 32)] != 1 || got[day(1, 4, 32)] != 1 || len(got) != 4 {
			t.Errorf("%v, made at %s", got, made)
		}
		if planned := e.planned(); len(planned) != 1 { // what was planned of schedules that are not any more is gone
			t.Errorf("%d messages are planned", len(planned))
		}
		// The same with the process ended in between.
		stop()
		e.reopen()
		rule.Schedule = "cron(0 6 * * ? *)"
		e.rule("r", rule)
		stop = e.schedules()
		until(day(1, 6, 0))
		if got := e.dues(other); got[day(1, 6, 0)] != 1 || len(got) != 5 {
			t.Errorf("%v", got)
		}
		if len(s.faults) > 0 {
			t.Error(s.faults)
		}
	})
}

// TestScheduleSince: a rule that says since when it counts, as those of clients do, counts from then, and anew when it says
// another time.
func TestScheduleSince(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEnv(t)
		q := e.queue("q", queue.Definition{})
		stop := e.schedules()
		defer func() { stop() }()
		rule := on("rate(10 minutes)", "q")
		rule.ScheduledSince = day(1, 0, 0).Add(300 * time.Millisecond)
		e.rule("r", rule)
		until(day(1, 0, 24))
		rule.ScheduledSince = day(1, 0, 24)
		e.rule("r", rule)
		until(day(1, 0, 45))
		e.wantDues(q, day(1, 0, 10), day(1, 0, 20), day(1, 0, 34), day(1, 0, 44))
	})
}

// TestScheduleEnds: a rule that is never due again keeps what it has counted, and does not begin anew.
func TestScheduleEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEnv(t)
		q := e.queue("q", queue.Definition{})
		e.rule("once", on("cron(10 1 1 1 ? 2000)", "q"))
		e.rule("never", on("cron(0 0 30 2 ? *)", "q"))
		stop := e.schedules()
		for _, hour := range []int{1, 2, 9} {
			until(day(1, hour, 30))
			stop()
			e.reopen()
			stop = e.schedules()
		}
		stop()
		e.wantDues(q, day(1, 1, 10))
		for rule, fired := range map[string]int64{"once": 1, "never": 0} {
			status, err := e.engine.ScheduleStatus(t.Context(), named(rules.DefaultBus), rule)
			if err != nil || !status.Next.IsZero() || status.Totals.Fired != fired {
				t.Errorf("%s: %+v, %v", rule, status, err)
			}
		}
	})
}

// TestSchedulePaused: what a paused rule was due for is brought when it goes on, to it alone; what a disabled one was due for is
// not.
func TestSchedulePaused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEnv(t)
		q, all := e.queue("q", queue.Definition{}), e.queue("all", queue.Definition{})
		e.reconcile()
		stop := e.schedules()
		defer func() { stop() }()
		rule := on("rate(10 minutes)", "q")
		rule.When = json.RawMessage(`{"detail-type":["a"]}`)
		change := func(paused, disabled bool) {
			rule.Paused, rule.Disabled = paused, disabled
			e.rule("r", rule)
			e.reconcile()
			e.run()
		}
		change(false, false)
		until(day(1, 0, 15))
		change(true, false)
		e.publishOne("a", `{}`)
		until(day(1, 0, 35))
		if n := len(e.messages(q.ID, queue.Standard)); n != 1 {
			t.Errorf("%d messages while it is paused", n)
		}
		change(false, false)
		until(day(1, 0, 45))
		change(false, true)
		e.publishOne("a", `{}`)
		until(day(1, 0, 55))
		change(false, false)
		until(day(1, 1, 0))
		// One that is made now gets all that was published, and nothing of another rule's schedule.
		late := to("all", "")
		late.Start = "earliest"
		e.rule("late", late)
		e.reconcile()
		e.run()
		if n := len(e.messages(all.ID, queue.Standard)); n != 2 {
			t.Errorf("%d events were brought to a new rule", n)
		}
		published := 0
		var dues []string
		for _, m := range e.messages(q.ID, queue.Standard) {
			if strings.Contains(string(m.Body), `"Scheduled Event"`) {
				var ev struct{ Time time.Time }
				e.must(nil, json.Unmarshal(m.Body, &ev))
				dues = append(dues, ev.Time.Format("15:04"))
			} else {
				published++
			}
		}
		slices.Sort(dues)
		if got := strings.Join(dues, " "); got != "00:10 00:20 00:30 00:40 01:00" || published != 1 {
			t.Errorf("%s, and %d that were published", got, published)
		}
		// Disabled when it was to go on.
		change(true, false)
		until(day(1, 1, 15))
		rule.Paused, rule.Disabled = false, true
		e.rule("r", rule)
		e.reconcile()
		e.run()
		if n := len(e.messages(q.ID, queue.Standard)); n != 6 {
			t.Errorf("%d messages", n)
		}
	})
}

// TestScheduleBusMadeAnew: the rules of a bus outlive it. What they were due for in between is not made up for.
func TestScheduleBusMadeAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEnv(t)
		q := e.queue("q", queue.Definition{})
		stop := e.schedules()
		defer func() { stop() }()
		e.must(e.rules.Put(t.Context(), rules.RuleName(named("team"), "r"), on("rate(10 minutes)", "q")))
		until(day(1, 0, 15))
		e.must(e.buses.Create(t.Context(), named("team"), rules.Bus{}))
		until(day(1, 0, 25))
		e.must(nil, e.buses.Delete(t.Context(), named("team")))
		until(day(1, 0, 45))
		e.must(e.buses.Create(t.Context(), named("team"), rules.Bus{}))
		until(day(1, 0, 55))
		e.wantDues(q, day(1, 0, 20), day(1, 0, 50))
	})
}

// TestScheduleOfABrokenRule: what can not be read keeps nothing else from being fired, nor what was planned from being fired
// when it can be read again.
func TestScheduleOfABrokenRule(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s told
		e := newEnvWith(t, s.config())
		q, other := e.queue("q", queue.Definition{}), e.queue("other", queue.Definition{})
		stop := e.schedules()
		defer func() { stop() }()
		e.must(e.rules.Put(t.Context(), ruleNamed("bad"), on("rate(5 parsecs)", "q")))
		rule := on("cron(0/10 * * * ? *)", "q")
		e.rule("r", rule)
		e.rule("other", on("cron(0/10 * * * ? *)", "other"))
		until(day(1, 0, 15))
		rule.If = "no condition"
		e.must(e.rules.Put(t.Context(), ruleNamed("r"), rule))
		until(day(1, 0, 35))
		rule.If = ""
		e.rule("r", rule)
		until(day(1, 2, 35))
		got := e.dues(q)
		if got[day(1, 0, 10)] != 1 || got[day(1, 0, 20)] != 0 || got[day(1, 1, 30)] != 1 || got[day(1, 2, 30)] != 1 {
			t.Errorf("%v", got)
		}
		e.wantDues(other, every(10*time.Minute, day(1, 0, 10), day(1, 2, 30))...)
	})
}

func TestScheduleFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rule  rules.Rule
		field string
		want  string
	}{
		{rules.Rule{Schedule: "rate(5 minute)"}, "schedule", "is not a valid schedule: the unit of 5 is minutes, not minute"},
		{rules.Rule{Schedule: "at(2030-01-01T00:00:00)"}, "schedule", "must be rate(…) or cron(…): at(…) is for one-time schedules, and rules have none"},
		{rules.Rule{Schedule: "at(tomorrow)"}, "schedule", "must be rate(…) or cron(…): at(…) is for one-time schedules, and rules have none"},
		{rules.Rule{Schedule: "every 5 minutes"}, "schedule", "must be rate(…) or cron(…)"},
		{rules.Rule{Schedule: "rate(5 minutes)", If: "true"}, "if", "needs a when: it does not count for what is due by the schedule"},
		{rules.Rule{Schedule: "rate(5 minutes)", Start: "earliest"}, "start", "needs a when: the rule matches no events that are published"},
	} {
		c.rule.Targets = []rules.Target{{Queue: "q"}}
		err := c.rule.Validate("r")
		if err == nil || err.Error() != c.field+" "+c.want {
			t.Errorf("%+v: %v", c.rule, err)
		}
	}
	both := on("rate(5 minutes)", "q")
	both.When, both.If, both.Start = json.RawMessage(`{"source":["a"]}`), "true", "earliest"
	if err := both.Validate("r"); err != nil {
		t.Error(err)
	}
}

// TestScheduleRestored: of an old rule of which the message is lost, what was fired before is not fired again.
func TestScheduleRestored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEnv(t)
		q := e.queue("q", queue.Definition{})
		e.rule("r", on("cron(0 3 * * ? *)", "q"))
		stop := e.schedules()
		until(day(2, 5, 0))
		stop()
		bus, err := e.buses.Get(named(rules.DefaultBus))
		e.must(bus, err)
		if n, err := e.store.Purge(t.Context(), e.broker.Now(), queue.IDFor(bus.ID, queue.Schedules)); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		stop = e.schedules()
		until(day(3, 5, 0))
		stop()
		e.wantDues(q, day(1, 3, 0), day(2, 3, 0), day(3, 3, 0))
	})
}

// TestScheduleManyChanges: definitions that change much are no trouble, nor more changes than are remembered.
func TestScheduleManyChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEnv(t)
		q := e.queue("q", queue.Definition{})
		stop := e.schedules()
		defer func() { stop() }()
		for i := range 200 {
			set := catalog.Set{}
			for j := range 100 {
				set.Changes = append(set.Changes, e.rules.Putting(ruleNamed(fmt.Sprint("r", j)), rules.Rule{
					Schedule: "rate(10 minutes)", Description: fmt.Sprint(i), Targets: []rules.Target{{Queue: "q"}},
				}))
			}
			e.must(e.definitions.Apply(t.Context(), set))
		}
		until(day(1, 0, 10))
		if n := len(e.messages(q.ID, queue.Standard)); n != 100 {
			t.Errorf("%d messages", n)
		}
		if n := len(e.planned()); n != 100 {
			t.Errorf("%d messages are planned", n)
		}
	})
}
