package rules_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
)

// TestBackfillCrashes ends the process around the transfer's append, and starts it anew.
func TestBackfillCrashes(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		t.Run(fmt.Sprint("after the append ", after), func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			q := e.queue("orders", queue.Definition{})
			var ids []string
			for range 12 {
				events := make([]event.Event, 100)
				for i := range events {
					events[i] = newEvent("a", numbered(i))
				}
				for _, p := range e.publish(events...) {
					ids = append(ids, p.ID)
				}
			}
			rule := to("orders", "")
			rule.Start = "earliest"
			e.rule("r", rule)
			e.reconcile()
			for round := range 3 {
				left := min(round, 1)
				crash := func(req *queue.AppendRequest) error {
					if strings.HasPrefix(req.Token, "transfer/") {
						if left--; left < 0 {
							return queue.ErrStoreClosed
						}
					}
					return nil
				}
				if after {
					e.store.afterAppend = crash
				} else {
					e.store.beforeAppend = crash
				}
				ctx, stop := context.WithCancel(t.Context())
				if err := e.transfers.Run(ctx); err == nil {
					t.Fatal("it did not crash")
				}
				stop()
				e.reopen()
				e.reconcile()
				if round == 1 {
					// The rule changes between the attempts at one batch.
					rule.Description = "changed"
					e.rule("r", rule)
					e.reconcile()
				}
				if len(e.ids(q)) == len(ids) {
					break
				}
			}
			e.run()
			e.expect(q, ids)
			if tr := e.transfer(); tr.Read != 1200 || tr.Total != 1200 || tr.Copied != 1200 || tr.Missed != 0 {
				t.Errorf("%+v", tr)
			}
		})
	}
}

// TestBusMadeAnew: a paused rule outlives its bus; the new bus has a log of its own.
func TestBusMadeAnew(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	q := e.queue("orders", queue.Definition{})
	rule := to("orders", "")
	e.rule("r", rule)
	e.reconcile()
	e.publishMany(2, "a")
	rule.Paused = true
	e.rule("r", rule)
	e.reconcile()
	e.publishMany(3, "a")
	before := len(e.ids(q))
	e.must(nil, e.buses.Delete(t.Context(), named(rules.DefaultBus)))
	e.reconcile()
	e.must(e.buses.Create(t.Context(), named(rules.DefaultBus), rules.Bus{}))
	during := e.publishMany(4, "a")
	rule.Paused = false
	e.rule("r", rule)
	e.reconcile()
	e.run()
	got := e.ids(q)
	for _, id := range during {
		if got[id] != 1 {
			t.Errorf("event %s is there %d times", id, got[id])
		}
	}
	if len(got) != before+len(during) {
		t.Errorf("%d events, want %d", len(got), before+len(during))
	}
}

// TestBusesApart: a transfer reads its own bus only, and rules of one name on two buses have states of their own.
func TestBusesApart(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	q := e.queue("orders", queue.Definition{})
	e.must(e.buses.Create(t.Context(), named("team/second"), rules.Bus{}))
	on := func(bus string, paused bool) {
		rule := to("orders", "")
		rule.Paused = paused
		e.must(e.rules.Put(t.Context(), rules.RuleName(named(bus), "r"), rule))
	}
	publish := func(bus string) string {
		p, err := e.engine.Publish(t.Context(), rules.Publish{Bus: named(bus), Events: []event.Event{newEvent("a", "1")}})
		e.must(p, err)
		return p[0].ID
	}
	on(rules.DefaultBus, true)
	on("team/second", true)
	e.reconcile()
	first, second := publish(rules.DefaultBus), publish("team/second")
	on("team/second", false)
	e.reconcile()
	e.run()
	e.expect(q, []string{second})
	on(rules.DefaultBus, false)
	e.reconcile()
	e.run()
	e.expect(q, []string{first, second})
}

// TestTargetGoesDuringBackfill: what can not be delivered goes to the dead-letter queue, with the delivery's ID.
func TestTargetGoesDuringBackfill(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	q := e.queue("orders", queue.Definition{})
	ids := e.publishMany(3, "a")
	rule := to("orders", "")
	rule.Start = "earliest"
	e.rule("r", rule)
	e.reconcile()
	dropped := false
	e.store.beforeAppend = func(req *queue.AppendRequest) error {
		if strings.HasPrefix(req.Token, "transfer/") && !dropped {
			dropped = true
			return e.broker.Delete(t.Context(), q.Name)
		}
		return nil
	}
	e.run()
	if n := len(e.deadLetters()); n != len(ids) {
		t.Errorf("%d dead letters, want %d", n, len(ids))
	}
	if tr := e.transfer(); tr.State != queue.TransferCompleted || tr.Copied != 3 {
		t.Errorf("%+v", tr)
	}
}

// TestReconcileIsIdempotent: with nothing to do it writes nothing.
func TestReconcileIsIdempotent(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	rule := to("orders", "")
	rule.Start = "earliest"
	e.publishMany(2, "a")
	e.rule("r", rule)
	e.reconcile()
	revision := e.definitions.Revision()
	for range 2 {
		e.reconcile()
		e.reopen()
		e.reconcile()
	}
	if now := e.definitions.Revision(); now != revision {
		t.Errorf("revision %d, was %d", now, revision)
	}
	states := catalog.NewTable[rules.RuleState](e.definitions, rules.RuleStateTable)
	state, err := states.Get(ruleNamed("r"))
	if err != nil || !state.Value.Started || state.Value.Paused != nil {
		t.Errorf("%+v, %v", state, err)
	}
}
