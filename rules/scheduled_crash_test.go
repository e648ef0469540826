package rules_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
)

// TestScheduleCrashes ends the process around the publish of what is due, and starts it anew after a while: each time is fired
// once, and counted as what became of it.
func TestScheduleCrashes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		schedule string
		after    bool // the publish is durable, but the message was not given back
		down     time.Duration
		// dues are those that are fired until a minute after the start, in minutes after midnight.
		dues           []int
		fired, skipped int64
	}{
		{"rate(10 minutes)", false, 0, []int{10}, 1, 0},
		{"rate(10 minutes)", true, 0, []int{10}, 1, 0},
		{"rate(10 minutes)", false, 35 * time.Minute, []int{40}, 1, 3},
		{"rate(10 minutes)", true, 35 * time.Minute, []int{10, 40}, 2, 2},
		{"rate(10 minutes)", true, 15 * time.Minute, []int{10, 20}, 2, 0},
		{"rate(10 minutes)", true, 26 * time.Hour, []int{10, 26*60 + 10}, 2, 26*6 - 1},
		{"cron(10 0 * * ? *)", false, 3 * time.Hour, []int{10}, 1, 0},
		{"cron(10 0 * * ? *)", true, 3 * time.Hour, []int{10}, 1, 0},
		{"cron(10 0 * * ? *)", true, 23 * time.Hour, []int{10}, 1, 0},
		{"cron(10 0 1 * ? *)", false, 24 * time.Hour, nil, 0, 1},
		{"cron(10 0 1 * ? *)", true, 24 * time.Hour, []int{10}, 1, 0},
	} {
		t.Run(fmt.Sprint(c.schedule, c.after, c.down), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var s told
				e := newEnvWith(t, s.config())
				q := e.queue("q", queue.Definition{})
				e.rule("r", on(c.schedule, "q"))
				crash := func(req *queue.AppendRequest) error {
					if strings.HasPrefix(req.Token, "publish/") {
						return queue.ErrStoreClosed
					}
					return nil
				}
				if c.after {
					e.store.afterAppend = crash
				} else {
					e.store.beforeAppend = crash
				}
				if err := e.engine.RunSchedules(t.Context()); err == nil {
					t.Fatal("it did not crash")
				}
				e.must(nil, e.opened.Close())
				pass(c.down)
				e.open()
				stop := e.schedules()
				pass(time.Minute) // the lease of before has ended then
				synctest.Wait()
				stop()
				var want []time.Time
				for _, minutes := range c.dues {
					want = append(want, day(1, 0, minutes))
				}
				e.wantDues(q, want...)
				status, err := e.engine.ScheduleStatus(t.Context(), named(rules.DefaultBus), "r")
				if err != nil || status.Totals != (rules.ScheduleTotals{Fired: c.fired, Skipped: c.skipped}) {
					t.Errorf("%+v, %v, want %d fired and %d skipped", status, err, c.fired, c.skipped)
				}
			})
		})
	}
}

// TestScheduleFaultsOfTheStore: what can not be fired is tried again, and told of.
func TestScheduleFaultsOfTheStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s told
		e := newEnvWith(t, s.config())
		q := e.queue("q", queue.Definition{})
		e.rule("r", on("rate(10 minutes)", "q"))
		e.store.beforeAppend = func(req *queue.AppendRequest) error {
			if now := time.Now(); now.After(day(1, 0, 9)) && now.Before(day(1, 0, 12)) || now.After(day(1, 0, 25)) && now.Before(day(1, 0, 55)) {
				return queue.ErrStoreFull
			}
			return nil
		}
		stop := e.schedules()
		until(day(1, 1, 10))
		stop()
		e.wantDues(q, day(1, 0, 10), day(1, 0, 20), day(1, 0, 50), day(1, 1, 0), day(1, 1, 10))
		if fired, skipped := s.counts(t, "r"); fired != 5 || skipped != 2 {
			t.Errorf("%d fired, %d skipped", fired, skipped)
		}
		if len(s.faults) == 0 || !strings.Contains(s.faults[0].Error(), "1 rules that are due: firing rule r of bus default: ") {
			t.Errorf("%v", s.faults)
		}
	})
}

// TestScheduleClockSetBack: the clock of the process is set back by two hours, and nothing is fired that was before.
func TestScheduleClockSetBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEnv(t)
		q := e.queue("q", queue.Definition{})
		e.rule("r", on("cron(0/10 * * * ? *)", "q"))
		ahead := queue.NewBroker(e.store, e.definitions, queue.NewClock(time.Now().Add(2*time.Hour)))
		current := e.engine
		e.engine = rules.New(ahead, e.definitions, rules.Config{})
		stop := e.schedules()
		pass(25 * time.Minute) // its clock runs slower to be caught up with
		stop()
		before := e.dues(q)
		if before[day(1, 2, 0)] != 1 || before[day(1, 2, 10)] != 1 || before[day(1, 2, 20)] != 1 || len(before) != 3 {
			t.Errorf("%v", before)
		}
		e.engine = current
		stop = e.schedules()
		until(day(1, 2, 20))
		if got := e.dues(q); len(got) != 3 {
			t.Errorf("%v", got)
		}
		until(day(1, 2, 40))
		stop()
		e.wantDues(q, every(10*time.Minute, day(1, 2, 0), day(1, 2, 40))...)
	})
}

// TestScheduleThousands has thousands of rules that are due at the same time.
func TestScheduleThousands(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n = 3000
		e := newEnv(t)
		q := e.queue("q", queue.Definition{})
		stop := e.schedules()
		e.manyRules(n, "cron(0/5 * * * ? *)")
		until(day(1, 0, 5))
		until(day(1, 0, 10))
		stop()
		got := e.dues(q)
		if got[day(1, 0, 5)] != n || got[day(1, 0, 10)] != n || len(got) != 2 {
			t.Errorf("%v", got)
		}
	})
}

func (e *env) manyRules(n int, schedule string) {
	e.tb.Helper()
	changes := make([]catalog.Change, n)
	for i := range changes {
		changes[i] = e.rules.Putting(ruleNamed(fmt.Sprint("r", i)), on(schedule, "q"))
	}
	for len(changes) > 0 {
		some := changes[:min(500, len(changes))]
		changes = changes[len(some):]
		e.must(e.definitions.Apply(context.Background(), catalog.Set{Changes: some}))
	}
}
