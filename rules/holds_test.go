package rules_test

import (
	"context"
	"testing"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
)

// onlyTransfer returns the one transfer that there is.
func (e *env) onlyTransfer() queue.Transfer {
	e.tb.Helper()
	all, _, err := e.transfers.List(catalog.Query{})
	if err != nil || len(all) != 1 {
		e.tb.Fatalf("there are %d transfers, %v", len(all), err)
	}
	return all[0]
}

// change puts the only transfer into a state.
func (e *env) change(state queue.TransferState, reason string) {
	e.tb.Helper()
	t := e.onlyTransfer()
	if err := queue.ChangeTransfer(context.Background(), e.definitions, t.Name, state, reason, e.broker.Now()); err != nil {
		e.tb.Fatal(err)
	}
}

// TestLaterOfAFailedTransfer checks that what a failed transfer did not come to is still told, with why, until it is
// resumed and has come to it; and that what a cancelled one did not come to is not.
func TestLaterOfAFailedTransfer(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.queue("q", queue.Definition{})
	id := e.publishOne("a", `{}`).ID
	rule := rules.Rule{Start: "earliest", Targets: []rules.Target{{Queue: "q"}}}
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
	e.change(queue.TransferFailed, "writing: it is too large")
	if all := later(); len(all) != 1 || !all[0].Pending || all[0].Failed != "writing: it is too large" || len(all[0].Deliveries) != 1 {
		t.Fatalf("failed: %+v", all)
	}
	e.change(queue.TransferRunning, "")
	if all := later(); len(all) != 1 || !all[0].Pending || all[0].Failed != "" {
		t.Fatalf("resumed: %+v", all)
	}
	e.change(queue.TransferCancelled, "")
	if all := later(); len(all) != 0 {
		t.Fatalf("cancelled: %+v", all)
	}
}

// TestHolds checks which transfers must not be resumed: those of rules that are paused.
func TestHolds(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.queue("q", queue.Definition{})
	e.publishOne("a", `{}`)
	rule := rules.Rule{Start: "earliest", Targets: []rules.Target{{Queue: "q"}}}
	e.rule("r", rule)
	e.reconcile()
	holds := func(want bool, state queue.TransferState) {
		t.Helper()
		tr := e.onlyTransfer()
		if got, err := e.engine.Holds(&tr); err != nil || got != want || tr.State != state {
			t.Errorf("held: %v, %v, of a transfer that is %s", got, err, tr.State)
		}
	}
	holds(false, queue.TransferRunning)
	e.change(queue.TransferFailed, "x")
	rule.Paused = true
	e.rule("r", rule)
	e.reconcile()
	holds(true, queue.TransferFailed)
	rule.Paused = false
	e.rule("r", rule)
	e.reconcile()
	all, _, err := e.transfers.List(catalog.Query{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range all { // the failed one, and that for what was published during the pause
		if held, err := e.engine.Holds(&all[i]); held || err != nil {
			t.Errorf("held after the pause: %+v, %v", all[i], err)
		}
	}
}
