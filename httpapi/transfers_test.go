package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
)

type transferPage struct {
	Transfers []struct {
		ID, State string
		Started   time.Time `json:"started_at"`
	}
	Next string
}

// TestTransferPages goes through more transfers than a page has, while one that a page ended with is forgotten.
func TestTransferPages(t *testing.T) {
	t.Parallel()
	e := newModelEnv(t)
	want := map[string]bool{"rule-1-1": true}
	for i := range 210 {
		name := fmt.Sprintf("rule-9-%d", i)
		e.transfer(name)
		want[name] = true
	}
	table := catalog.NewTable[queue.Transfer](e.defs, queue.TransferTable)
	after, pages := "", 0
	var last time.Time
	for more := true; more; pages++ {
		page := get[transferPage](t, e.do("GET", "/v1/transfers"+after, ""))
		for _, tr := range page.Transfers {
			if !want[tr.ID] {
				t.Errorf("%s is there twice", tr.ID)
			}
			delete(want, tr.ID)
			if !last.IsZero() && tr.Started.After(last) {
				t.Errorf("%s is newer than the one before", tr.ID)
			}
			last = tr.Started
		}
		if more = page.Next != ""; more {
			gone := named(page.Transfers[len(page.Transfers)-1].ID)
			if _, err := e.defs.Apply(context.Background(), catalog.Set{Changes: []catalog.Change{table.Deleting(gone)}}); err != nil {
				t.Fatal(err)
			}
		}
		after = "?after=" + page.Next
	}
	if len(want) != 0 || pages != 3 {
		t.Errorf("%d were left out of %d pages", len(want), pages)
	}
}

// TestResumeTransfer resumes a failed transfer, but not while its rule is paused.
func TestResumeTransfer(t *testing.T) {
	t.Parallel()
	e := newModelEnv(t)
	change := func(state queue.TransferState) {
		t.Helper()
		if err := queue.ChangeTransfer(context.Background(), e.defs, named("rule-1-1"), state, "why", e.broker.Now()); err != nil {
			t.Fatal(err)
		}
	}
	is := func(want string) {
		t.Helper()
		if page := get[transferPage](t, e.do("GET", "/v1/transfers", "")); page.Transfers[0].State != want {
			t.Errorf("it is %s, want %s", page.Transfers[0].State, want)
		}
	}
	states := catalog.NewTable[rules.RuleState](e.defs, rules.RuleStateTable)
	state := rules.RuleState{RuleID: 1, Paused: &rules.Paused{}}
	name := rules.RuleName(named(rules.DefaultBus), "big")
	if _, err := states.Put(context.Background(), name, state); err != nil {
		t.Fatal(err)
	}
	for _, from := range []queue.TransferState{queue.TransferHeld, queue.TransferFailed} {
		change(from)
		w := e.do("POST", "/v1/transfers/rule-1-1/resume", "")
		var p struct{ Code string }
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != 409 || p.Code != "rule_paused" {
			t.Errorf("%s, the rule is paused: %d %s", from, w.Code, w.Body)
		}
		is(string(from))
	}
	state.Paused = nil
	if _, err := states.Put(context.Background(), name, state); err != nil {
		t.Fatal(err)
	}
	if w := e.do("POST", "/v1/transfers/rule-1-1/resume", ""); w.Code != 204 {
		t.Errorf("the rule goes on: %d %s", w.Code, w.Body)
	}
	is("running")
}

// TestResumeRedrive resumes a failed redrive, but not after another one of its queue.
func TestResumeRedrive(t *testing.T) {
	t.Parallel()
	e := newModelEnv(t)
	e.deadLetterQueue("failed")
	start := func() string {
		t.Helper()
		return get[struct{ ID string }](t, e.do("POST", "/v1/queues/failed/redrive", "")).ID
	}
	fail := func(id string) {
		t.Helper()
		if err := queue.ChangeTransfer(context.Background(), e.defs, named(id), queue.TransferFailed, "why", e.broker.Now()); err != nil {
			t.Fatal(err)
		}
	}
	first := start()
	fail(first)
	if w := e.do("POST", "/v1/transfers/"+first+"/resume", ""); w.Code != 204 {
		t.Errorf("resumed: %d %s", w.Code, w.Body)
	}
	if w := e.do("POST", "/v1/queues/failed/redrive", ""); w.Code != 409 {
		t.Errorf("another beside it: %d %s", w.Code, w.Body)
	}
	fail(first)
	fail(start())
	if w := e.do("POST", "/v1/transfers/"+first+"/resume", ""); w.Code != 409 {
		t.Errorf("resumed after another: %d %s", w.Code, w.Body)
	}
}
