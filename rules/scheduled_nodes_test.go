package rules_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/rules"
)

// TestSchedulesOnManyNodes has nodes that come and go, and rules that are made, changed and deleted through any of them: every time
// is fired once, and none is missed as long as there is a node.
func TestSchedulesOnManyNodes(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { scheduleOnNodes(t, rand.New(rand.NewPCG(seed, 7))) })
		})
	}
}

// scheduling returns nodes with a default bus.
func scheduling(t *testing.T, n int) []*env {
	t.Helper()
	nodes := newNodes(t, n)
	nodes[0].must(nodes[0].buses.Create(t.Context(), named(rules.DefaultBus), rules.Bus{}))
	return nodes
}

func scheduleOnNodes(t *testing.T, rng *rand.Rand) {
	const names, hours = 5, 5
	nodes := scheduling(t, 3)
	any := func() *env { return nodes[rng.IntN(len(nodes))] }
	q := nodes[0].queue("q", queue.Definition{})
	stops := make([]func(), len(nodes))
	for i, e := range nodes {
		stops[i] = e.schedules()
	}
	// wanted are the times that must have been fired, by rule; a change at the very moment may go either way.
	wanted := map[string]map[time.Time]bool{}
	since := map[string]time.Time{}
	ended := func(name string) {
		if from, ok := since[name]; ok {
			for due := from.UTC().Truncate(time.Minute).Add(time.Minute); due.Before(time.Now().Add(-time.Second)); due = due.Add(time.Minute) {
				wanted[name][due] = true
			}
			delete(since, name)
		}
	}
	for time.Now().Before(day(1, hours, 0)) {
		name := fmt.Sprint("r", rng.IntN(names))
		if wanted[name] == nil {
			wanted[name] = map[time.Time]bool{}
		}
		rule := on("cron(* * * * ? *)", "q")
		switch rng.IntN(4) {
		case 0:
			ended(name)
			rule.Disabled = true
			any().rule(name, rule)
		case 1:
			if _, ok := since[name]; ok {
				ended(name)
				e := any()
				e.must(nil, e.rules.Delete(t.Context(), ruleNamed(name)))
			}
		case 2:
			ended(name)
			any().rule(name, rule)
			since[name] = time.Now()
		case 3: // a node goes, and another or the same one comes
			i := rng.IntN(len(nodes))
			stops[i]()
			pass(time.Duration(rng.IntN(90)) * time.Second)
			stops[i] = nodes[i].schedules()
		}
		// Never near the full minute, at which it is not known what comes first.
		pass(time.Duration(rng.IntN(240))*time.Second + time.Duration(rng.IntN(1000))*time.Millisecond)
		if s := time.Now().Second(); s < 3 || s > 55 {
			pass(10 * time.Second)
		}
	}
	for name := range wanted {
		ended(name)
	}
	for _, stop := range stops {
		stop()
	}
	fired := map[string]map[time.Time]int{}
	for _, m := range nodes[0].messages(q.ID, queue.Standard) {
		ev, err := event.Parse(m.Body)
		if err != nil {
			t.Fatal(err)
		}
		name := ev.Resources[0][len(ev.Resources[0])-2:]
		if fired[name] == nil {
			fired[name] = map[time.Time]int{}
		}
		fired[name][ev.Time]++
	}
	total := 0
	for name, dues := range wanted {
		for due := range dues {
			if fired[name][due] != 1 {
				t.Errorf("rule %s was fired %d times for %s", name, fired[name][due], due)
			}
			delete(fired[name], due)
			total++
		}
		for due, n := range fired[name] {
			t.Errorf("rule %s was fired %d times for %s", name, n, due)
		}
	}
	if total < 100 {
		t.Errorf("only %d times were due", total)
	}
}

// TestSchedulesPlannedTwice: nodes that both think that a message is missing make two, of which one goes.
func TestSchedulesPlannedTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		nodes := scheduling(t, 3)
		q := nodes[0].queue("q", queue.Definition{})
		for _, e := range nodes { // each thinks that it is alone
			defer e.schedules()()
		}
		for i := range 20 {
			nodes[i%3].rule(fmt.Sprint("r", i), on("cron(0/10 * * * ? *)", "q"))
		}
		until(day(1, 0, 31))
		if got := nodes[0].dues(q); got[day(1, 0, 10)] != 20 || got[day(1, 0, 20)] != 20 || got[day(1, 0, 30)] != 20 || len(got) != 3 {
			t.Errorf("%v", got)
		}
		if n := len(nodes[0].planned()); n != 20 {
			t.Errorf("%d messages are planned", n)
		}
	})
}

// TestScheduleNodeDies: what a node has received and not given back another one fires when the lease has ended.
func TestScheduleNodeDies(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		nodes := scheduling(t, 2)
		q := nodes[0].queue("q", queue.Definition{})
		nodes[0].rule("r", on("cron(0/10 * * * ? *)", "q"))
		stop := nodes[0].schedules()
		until(day(1, 0, 5))
		stop()
		until(day(1, 0, 10))
		bus, err := nodes[0].buses.Get(named(rules.DefaultBus))
		nodes[0].must(bus, err)
		res, err := nodes[0].store.Receive(context.Background(), queue.ReceiveRequest{ // a node that dies with it
			Now: nodes[0].broker.Now(), Queue: queue.IDFor(bus.ID, queue.Schedules), Kind: queue.Standard, Max: 1, Visibility: 30 * time.Second,
		})
		if err != nil || len(res.Messages) != 1 {
			t.Fatal(res, err)
		}
		defer nodes[1].schedules()()
		until(day(1, 0, 10).Add(29 * time.Second))
		nodes[1].wantDues(q)
		until(day(1, 0, 10).Add(31 * time.Second))
		nodes[1].wantDues(q, day(1, 0, 10))
	})
}
