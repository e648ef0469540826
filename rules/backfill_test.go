package rules_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/rules"
)

// expect fails unless the queue has exactly these events, once each.
func (e *env) expect(q queue.Queue, want []string) {
	e.tb.Helper()
	got := e.ids(q)
	for _, id := range want {
		if got[id] != 1 {
			e.tb.Errorf("event %s is there %d times, want once", id, got[id])
		}
		delete(got, id)
	}
	for id, n := range got {
		e.tb.Errorf("event %s is there %d times, want none", id, n)
	}
}

func (e *env) publishMany(n int, typ string) []string {
	e.tb.Helper()
	ids := make([]string, n)
	for i := range n {
		ids[i] = e.publishOne(typ, numbered(i)).ID
	}
	return ids
}

func TestStart(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.reconcile()
	var queues []queue.Queue
	for _, name := range []string{"all", "none", "since", "future"} {
		queues = append(queues, e.queue(name, queue.Definition{}))
	}
	early := e.publishMany(5, "a")
	e.publishMany(3, "b")
	stats, err := e.store.Stats(t.Context(), e.broker.Now(), []queue.ID{e.log()})
	if err != nil {
		t.Fatal(err)
	}
	cut := queue.SequenceTime(stats[0].End.Sequence).Add(time.Millisecond)
	for !e.broker.Now().After(cut) { // the log's next entry is then of a later millisecond
	}
	late := e.publishMany(5, "a")
	for i, start := range []string{"earliest", "latest", cut.Format(time.RFC3339Nano), "2999-01-01T00:00:00Z"} {
		rule := to(queues[i].Name.Name, `{"detail-type":["a"]}`)
		rule.Start = start
		e.rule(fmt.Sprint("rule", i), rule)
	}
	e.reconcile()
	own := e.publishMany(2, "a")
	e.reconcile()
	e.run()
	e.expect(queues[0], join(early, late, own))
	e.expect(queues[1], own)
	e.expect(queues[2], join(late, own))
	e.expect(queues[3], own)
	for _, tr := range e.allTransfers() {
		if tr.State != queue.TransferCompleted || tr.Missed != 0 || tr.Ended.IsZero() {
			t.Errorf("transfer %+v", tr)
		}
	}
	if n := len(e.allTransfers()); n != 2 {
		t.Errorf("%d transfers, want 2", n)
	}
	// What start says later has no effect, and nothing is done twice.
	changed := to("none", `{"detail-type":["a"]}`)
	changed.Start = "earliest"
	e.rule("rule1", changed)
	e.reconcile()
	e.reopen()
	e.reconcile()
	e.run()
	e.expect(queues[0], join(early, late, own))
	e.expect(queues[1], own)
}

func join(lists ...[]string) (all []string) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

func TestPause(t *testing.T) {
	t.Parallel()
	for _, reopen := range []bool{false, true} {
		t.Run(fmt.Sprint("reopen ", reopen), func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			q := e.queue("orders", queue.Definition{})
			rule := to("orders", `{"detail-type":["a"]}`)
			e.rule("r", rule)
			e.reconcile()
			before := e.publishMany(3, "a")
			rule.Paused = true
			e.rule("r", rule)
			if reopen { // before anything was reconciled
				e.reopen()
			}
			e.reconcile()
			during := e.publishMany(4, "a")
			others := e.publishMany(2, "b")
			if m := e.match(during[0]); len(m.Rules) != 1 || !m.Rules[0].Paused || m.Rules[0].Deliveries != nil {
				t.Errorf("a paused rule is recorded as %+v", m)
			}
			e.expect(q, before)
			// What it gets is decided by the rule as it is when it goes on.
			rule.Paused, rule.When = false, json.RawMessage(`{"detail-type":["a","b"]}`)
			e.rule("r", rule)
			if reopen {
				e.reopen()
			}
			e.reconcile()
			after := e.publishMany(3, "b")
			e.run()
			e.expect(q, join(before, during, others, after))
			if tr := e.transfer(); tr.Missed != 0 || tr.Copied != 6 {
				t.Errorf("transfer %+v", tr)
			}
		})
	}
}

// TestPausedFromTheStart: a new rule that is paused gets, when it goes on, both what its start asks for and what it missed.
func TestPausedFromTheStart(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	q := e.queue("orders", queue.Definition{})
	early := e.publishMany(3, "a")
	rule := to("orders", ``)
	rule.Start, rule.Paused = "earliest", true
	e.rule("r", rule)
	e.reconcile()
	during := e.publishMany(3, "a")
	e.run()
	e.expect(q, nil)
	rule.Description = "an edit in between"
	e.rule("r", rule)
	e.reconcile()
	during = append(during, e.publishMany(2, "a")...)
	rule.Paused = false
	e.rule("r", rule)
	e.reconcile()
	e.run()
	e.expect(q, join(early, during))
}

// TestUnreconciledPauses: pauses that came and went between two Reconciles.
func TestUnreconciledPauses(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	q := e.queue("orders", queue.Definition{})
	rule := to("orders", `{"detail-type":["a"]}`)
	e.rule("r", rule)
	e.reconcile()
	var want []string
	for range 3 {
		want = append(want, e.publishMany(2, "a")...)
		rule.Paused = true
		e.rule("r", rule)
		want = append(want, e.publishMany(2, "a")...)
		rule.Paused = false
		e.rule("r", rule)
		want = append(want, e.publishMany(2, "a")...)
	}
	e.reconcile()
	e.run()
	e.expect(q, want)
}

// TestPauseHoldsTransfers: pausing a rule keeps back also what a transfer has not brought yet; deleting it cancels.
func TestPauseHoldsTransfers(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	q := e.queue("orders", queue.Definition{})
	ids := e.publishMany(10, "a")
	rule := to("orders", ``)
	rule.Start = "earliest"
	e.rule("r", rule)
	e.reconcile()
	rule.Paused = true
	e.rule("r", rule)
	e.reconcile()
	e.run()
	e.expect(q, nil)
	if tr := e.transfer(); tr.State != queue.TransferHeld {
		t.Fatalf("transfer is %s", tr.State)
	}
	ids = append(ids, e.publishMany(3, "a")...)
	rule.Paused = false
	e.rule("r", rule)
	e.reconcile()
	e.run()
	e.expect(q, ids)

	e.must(nil, e.rules.Delete(t.Context(), ruleNamed("r")))
	rule.Start = "earliest"
	e.rule("r", rule) // another rule of that name
	e.reconcile()
	e.must(nil, e.rules.Delete(t.Context(), ruleNamed("r")))
	e.reconcile()
	e.run()
	e.expect(q, ids)
	last := e.allTransfers()[2]
	if last.State != queue.TransferCancelled || last.Error == "" {
		t.Errorf("transfer %+v", last)
	}
	if states := e.definitions.Snapshot().Len(rules.RuleStateTable); states != 0 {
		t.Errorf("%d states left", states)
	}
}

func TestLater(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	deliveries := e.function("f")
	id := e.publishOne("a", `{}`).ID
	rule := rules.Rule{Start: "earliest", Targets: []rules.Target{{Function: "f"}}}
	e.rule("r", rule)
	e.reconcile()
	later := func() []rules.Later {
		kept, err := e.store.Get(t.Context(), e.broker.Now(), e.log(), id)
		if err != nil {
			t.Fatal(err)
		}
		all, err := e.engine.Later(t.Context(), named(rules.DefaultBus), &kept[0])
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	if all := later(); len(all) != 1 || !all[0].Pending || all[0].Rule != "r" || len(all[0].Deliveries) != 1 {
		t.Fatalf("before: %+v", all)
	}
	e.run()
	all := later()
	if len(all) != 1 || all[0].Pending {
		t.Fatalf("after: %+v", all)
	}
	d := all[0].Deliveries[0]
	if d.Queue != deliveries {
		t.Errorf("delivery %+v", d)
	}
	kept, err := e.store.Get(t.Context(), e.broker.Now(), d.Queue, d.ID)
	if err != nil || len(kept) != 1 || kept[0].Message.ID.String() != d.ID {
		t.Errorf("the delivery is there %d times, %v", len(kept), err)
	}
}

// TestRetentionOvertakes: what retention has removed before the rule goes on is counted.
func TestRetentionOvertakes(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	q := e.queue("orders", queue.Definition{})
	rule := to("orders", ``)
	e.rule("r", rule)
	e.reconcile()
	e.publishMany(5, "a")
	rule.Paused = true
	e.rule("r", rule)
	e.reconcile()
	e.publishMany(10, "a")
	var size int64
	entries := e.scan(e.log(), queue.Log)
	for _, p := range entries[len(entries)-4:] {
		size += int64(p.Message.Size())
	}
	rule.Paused = false
	e.rule("r", rule)
	e.reconcile()
	if _, err := e.store.Expire(t.Context(), e.broker.Now(), []queue.Expiry{{Queue: e.log(), Kind: queue.Log, MaxBytes: size}}); err != nil {
		t.Fatal(err)
	}
	e.run()
	if tr := e.transfer(); tr.State != queue.TransferCompleted || tr.Read != 4 || tr.Copied != 4 || tr.Missed != tr.Total-4 || tr.Missed < 6 {
		t.Errorf("transfer %+v", tr)
	}
	if n := len(e.ids(q)); n != 9 {
		t.Errorf("%d events, want 9", n)
	}
}

// TestEveryEventOnce races the creation, pauses and deletions of a rule against publishers, with crashes of the transfers
// and restarts in between.
func TestEveryEventOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		e := newEnv(t)
		q := e.queue("orders", queue.Definition{})
		rounds := rapid.IntRange(1, 3).Draw(rt, "rounds")
		var mu sync.Mutex
		var all []string
		add := func(ids ...string) {
			mu.Lock()
			defer mu.Unlock()
			all = append(all, ids...)
		}
		add(e.publishMany(rapid.IntRange(0, 5).Draw(rt, "early"), "a")...)
		rule := to("orders", `{"detail-type":["a"]}`)
		rule.Start = "earliest"
		for round := range rounds {
			if rapid.Bool().Draw(rt, "reopen") {
				e.reopen()
				e.reconcile()
			}
			stop := make(chan struct{})
			var publishers, transfers, reconciles sync.WaitGroup
			for range rapid.IntRange(1, 3).Draw(rt, "publishers") {
				publishers.Go(func() {
					for {
						published, err := e.engine.Publish(context.Background(), rules.Publish{
							Bus:    named(rules.DefaultBus),
							Events: []event.Event{newEvent("a", `{}`), newEvent("b", `{}`), newEvent("a", `{}`)},
						})
						if err != nil {
							t.Error(err)
							return
						}
						add(published[0].ID, published[2].ID)
						select {
						case <-stop:
							return
						default:
						}
					}
				})
			}
			ctx, end := context.WithCancel(context.Background())
			transfers.Go(func() {
				if err := e.transfers.Run(ctx); err != nil {
					t.Error(err)
				}
			})
			for range rapid.IntRange(1, 6).Draw(rt, "changes") {
				rule.Paused = rapid.Bool().Draw(rt, "paused")
				rule.Description = fmt.Sprint(round, e.definitions.Revision())
				e.rule("r", rule)
				switch rapid.IntRange(0, 2).Draw(rt, "reconcile") {
				case 0:
					e.reconcile()
				case 1:
					reconciles.Go(func() {
						if err := e.engine.Reconcile(context.Background()); err != nil {
							t.Error(err)
						}
					})
				}
			}
			reconciles.Wait()
			close(stop)
			publishers.Wait()
			end()
			transfers.Wait()
			e.reconcile()
		}
		rule.Paused, rule.Description = false, "the end"
		e.rule("r", rule)
		e.reconcile()
		e.run()
		if err := e.check(q, all); err != nil {
			rt.Fatal(err)
		}
	})
}

func (e *env) check(q queue.Queue, want []string) error {
	got := e.ids(q)
	var errs []error
	for _, id := range want {
		if got[id] != 1 {
			errs = append(errs, fmt.Errorf("event %s is there %d times; %+v", id, got[id], e.match(id)))
		}
		delete(got, id)
	}
	if len(got) > 0 {
		errs = append(errs, fmt.Errorf("%d events too many", len(got)))
	}
	if len(errs) > 0 {
		for _, tr := range e.allTransfers() {
			errs = append(errs, fmt.Errorf("%s %s %s %d-%d %s", tr.Name.Name, tr.State, tr.Error, tr.Cursor.Sequence, tr.Until.Sequence, tr.Params))
		}
	}
	return errors.Join(errs...)
}
