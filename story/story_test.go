package story_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/duration"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
	"github.com/signalbox-mq/signalbox/story"
)

// TestRetrying is the example of docs/story.md.
func TestRetrying(t *testing.T) {
	virtual(t, func(t *testing.T, e *env) {
		e.serve("charge-card", slowly(http.StatusServiceUnavailable, "no database"))
		e.function("charge-card", endpoint.Endpoint{Retry: schedule(5*time.Second, 30*time.Second, 2*time.Minute)})
		e.queue("orders", queue.Definition{})
		e.rule("big-orders", rules.Rule{
			When:    []byte(`{"detail-type": ["order.created"], "detail": {"total": [{"numeric": [">", 100]}]}}`),
			Targets: []rules.Target{{Function: "charge-card"}, {Queue: "orders"}},
		})
		e.rule("gold", rules.Rule{If: `event.detail.customer.tier == "gold"`, Targets: []rules.Target{{Queue: "orders"}}})
		e.rule("cancelled", rules.Rule{
			When: []byte(`{"detail-type": ["order.cancelled"]}`), Targets: []rules.Target{{Queue: "orders"}},
		})
		e.publish(eventID, `{"total":250,"customer":{"tier":"silver"}}`)
		goldenStory(t, "retrying", e.story(eventID))
	})
}

func TestDelivered(t *testing.T) {
	virtual(t, func(t *testing.T, e *env) {
		failing := true
		e.serve("f", func(w http.ResponseWriter, r *http.Request) {
			if failing {
				slowly(500, "\x00\xff")(w, r)
				failing = false
				return
			}
			slowly(200, "thanks\x1b[2J")(w, r)
		})
		e.function("f", endpoint.Endpoint{Retry: schedule(5 * time.Second)})
		e.rule("all", to(rules.Target{Function: "f"}))
		e.publish(eventID, `{}`)
		over(6 * time.Second)
		s := e.story(strings.ToUpper(eventID))
		goldenStory(t, "delivered", s)
		if r := s.Deliveries[0].Attempts[0].Response; r.Encoding != "base64" || r.Body != "AP8=" {
			t.Errorf("response: %+v", r)
		}
	})
}

func TestDeadLettered(t *testing.T) {
	virtual(t, func(t *testing.T, e *env) {
		e.serve("f", slowly(500, "boom"))
		e.queue("failed", queue.Definition{})
		e.function("f", endpoint.Endpoint{Retry: schedule(time.Second), DeadLetter: "failed"})
		e.rule("all", to(rules.Target{Function: "f"}))
		e.publish(eventID, `{}`)
		over(2 * time.Second)
		goldenStory(t, "dead-lettered", e.story(eventID))
		_, err := e.broker.Purge(context.Background(), named("failed"))
		must(t, err)
		if d := e.only(eventID); d.Status != story.DeadLettered || d.DeadLetter.There || d.DeadLetter.Queue != "failed" {
			t.Errorf("after the purge: %+v %+v", d, d.DeadLetter)
		}
		must(t, e.broker.Delete(context.Background(), named("failed")))
		if d := e.only(eventID); d.Status != story.DeadLettered || d.DeadLetter.There {
			t.Errorf("after the queue was deleted: %+v %+v", d, d.DeadLetter)
		}
	})
}

func TestDisabled(t *testing.T) {
	virtual(t, func(t *testing.T, e *env) {
		e.serve("f", slowly(http.StatusGone, ""))
		e.function("f", endpoint.Endpoint{})
		e.rule("all", to(rules.Target{Function: "f"}))
		first := newID()
		e.publish(first, `{}`)
		if d := e.only(first); d.Status != story.DeadLettered || d.Attempts[0].Outcome != "disabled" || !d.DeadLetter.There ||
			d.DeadLetter.Queue != queue.BuiltinDeadLetters || d.Next != nil {
			t.Errorf("the first: %+v", d)
		}
		e.publish(eventID, `{}`)
		goldenStory(t, "disabled", e.story(eventID))
		must(t, e.d.Disable(context.Background(), dispatch.KindFunction, named("f"), "maintenance"))
		over(0)
		if d := e.only(eventID); !strings.Contains(d.Next.Reason, "(maintenance)") {
			t.Errorf("disabled by an operator: %+v", d.Next)
		}
	})
}

func TestBreaker(t *testing.T) {
	virtual(t, func(t *testing.T, e *env) {
		e.serve("f", slowly(500, ""))
		e.function("f", endpoint.Endpoint{Retry: schedule(10*time.Millisecond, time.Hour)})
		e.rule("all", to(rules.Target{Function: "f"}))
		var last string
		for range 30 {
			last = newID()
			e.publish(last, `{}`)
		}
		d := e.only(last)
		if d.Status != story.Waiting || !d.Next.At.After(e.broker.Now()) || !strings.Contains(d.Next.Reason, "the breaker is open") {
			t.Errorf("waiting: %+v %+v", d, d.Next)
		}
		if diff := cmp.Diff([]string{"10ms", "1h"}, d.Next.After); diff != "" || d.Next.AttemptsLeft != 3 {
			t.Errorf("timetable: %+v", d.Next)
		}
	})
}

func TestInFlight(t *testing.T) {
	virtual(t, func(t *testing.T, e *env) {
		release := make(chan struct{})
		e.serve("f", func(http.ResponseWriter, *http.Request) { <-release })
		e.function("f", endpoint.Endpoint{})
		e.rule("all", to(rules.Target{Function: "f"}))
		e.publish(eventID, `{}`)
		d := e.only(eventID)
		if d.Status != story.InFlight || !d.Next.At.After(e.broker.Now()) || len(d.Attempts) > 0 {
			t.Errorf("%+v %+v", d, d.Next)
		}
		close(release)
		over(time.Millisecond)
		if d := e.only(eventID); d.Status != story.Delivered || d.Next != nil {
			t.Errorf("after it answered: %+v", d)
		}
	})
}

func TestTimetables(t *testing.T) {
	virtual(t, func(t *testing.T, e *env) {
		e.serve("f", slowly(404, ""))
		e.function("f", endpoint.Endpoint{Retry: endpoint.RetryPolicy{Jitter: new(0.0)}})
		own := schedule(time.Second, time.Minute)
		own.MaxAge = duration.Of(time.Hour)
		e.rule("a", to(rules.Target{Function: "f"}))
		e.rule("b", to(rules.Target{Function: "f", Retry: &own}))
		e.publish(eventID, `{}`)
		over(20 * time.Millisecond) // one after the other: the function has yet to prove itself
		published := e.story(eventID).Published
		got := map[string]*story.Next{}
		for _, d := range e.story(eventID).Deliveries {
			if d.Status != story.Retrying {
				t.Errorf("%s is %s", d.Rule, d.Status)
			}
			got[d.Rule] = d.Next
		}
		ended := published.Add(12 * time.Millisecond)
		want := map[string]*story.Next{
			// Three permanent failures in a row are the end.
			"a": {At: ended.Add(5 * time.Second), After: []string{"30s"}, AttemptsLeft: 2},
			"b": {At: ended.Add(1012 * time.Millisecond), After: []string{"1m"}, AttemptsLeft: 2, Until: ended.Add(time.Hour + 12*time.Millisecond)},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestEndpointDeleted(t *testing.T) {
	virtual(t, func(t *testing.T, e *env) {
		e.serve("f", slowly(500, ""))
		e.function("f", endpoint.Endpoint{Retry: schedule(time.Hour)})
		id, _ := e.engine.EndpointID(rules.KindFunction, named("f"))
		e.rule("all", to(rules.Target{Function: "f"}))
		e.publish(eventID, `{}`)
		functions := catalog.NewTable[endpoint.Endpoint](e.defs, endpoint.FunctionTable)
		must(t, functions.Delete(context.Background(), named("f")))
		over(0)
		if d := e.only(eventID); d.Status != story.Retrying || !strings.Contains(d.Next.Reason, "the function was deleted") || !d.Next.At.IsZero() {
			t.Errorf("after the deletion: %+v %+v", d, d.Next)
		}
		// Another of the same name does not inherit it.
		e.function("f", endpoint.Endpoint{})
		over(0)
		if d := e.only(eventID); d.Status != story.Retrying || !strings.Contains(d.Next.Reason, "the function was deleted") {
			t.Errorf("after the name was given again: %+v %+v", d, d.Next)
		}
		must(t, e.d.Retire(context.Background(), queue.IDFor(id, queue.Deliveries), dispatch.Former{}))
		d := e.only(eventID)
		if d.Status != story.DeadLettered || !d.DeadLetter.There || d.Attempts[1].Code != "NO_RESOURCE" || !strings.Contains(d.Reason, "does not exist any more") {
			t.Errorf("after the queue was retired: %+v", d)
		}
	})
}

func TestPurgedDeliveries(t *testing.T) {
	virtual(t, func(t *testing.T, e *env) {
		e.serve("f", slowly(500, ""))
		e.function("f", endpoint.Endpoint{Retry: schedule(time.Hour)})
		id, _ := e.engine.EndpointID(rules.KindFunction, named("f"))
		e.rule("all", to(rules.Target{Function: "f"}))
		e.publish(eventID, `{}`)
		_, err := e.store.Purge(context.Background(), e.broker.Now(), queue.IDFor(id, queue.Deliveries))
		must(t, err)
		if d := e.only(eventID); d.Status != story.Unknown || len(d.Attempts) != 1 || !strings.Contains(d.Reason, "purged") {
			t.Errorf("%+v", d)
		}
	})
}

func TestRules(t *testing.T) {
	virtual(t, func(t *testing.T, e *env) {
		e.queue("q", queue.Definition{})
		target := rules.Target{Queue: "q"}
		small := rules.Rule{When: []byte(`{"detail":{"total":[99]}}`), Targets: []rules.Target{target}}
		failing := rules.Rule{If: `event.detail.list[7] > 1`, Targets: []rules.Target{target}}
		for name, r := range map[string]rules.Rule{
			"changed": to(target), "changed-matches-no-more": to(target), "changed-matches-now": small,
			"condition-fails": failing, "condition-failed-deleted": failing, "deleted": to(target), "kept": to(target),
			"replaced": to(target), "unmatched-deleted": small,
			"condition-does-not-hold": {If: `event.detail.total > 1000`, Targets: []rules.Target{target}},
			"unmatched":               small,
		} {
			e.rule(name, r)
		}
		e.publish(eventID, `{"total":250,"list":[1]}`)
		e.rule("changed", rules.Rule{Description: "new", Targets: []rules.Target{target}})
		e.rule("changed-matches-no-more", small)
		e.rule("changed-matches-now", to(target))
		for _, name := range []string{"deleted", "condition-failed-deleted", "unmatched-deleted", "replaced"} {
			e.dropRule(name)
		}
		e.rule("replaced", to(target))
		e.rule("created", to(target))
		e.rule("created-small", small)
		s := e.story(eventID)
		for i := range s.Deliveries {
			if d := &s.Deliveries[i]; d.Status != story.Queued || d.Later {
				t.Errorf("delivery: %+v", d)
			}
		}
		s.Deliveries = nil
		goldenStory(t, "rules", s)
	})
}

func TestPaused(t *testing.T) {
	virtual(t, func(t *testing.T, e *env) {
		e.serve("f", slowly(204, ""))
		e.function("f", endpoint.Endpoint{})
		e.queue("q", queue.Definition{})
		r := rules.Rule{Paused: true, Targets: []rules.Target{{Function: "f"}, {Queue: "q"}, {Queue: "missing"}}}
		e.rule("all", r)
		e.publish(eventID, `{}`)
		s := e.story(eventID)
		want := []story.Rule{{Rule: "all", Matched: true, Paused: true, Note: "the rule is paused: its deliveries are made when it goes on"}}
		if diff := cmp.Diff(want, s.Rules); diff != "" || len(s.Deliveries) != 0 {
			t.Errorf("while paused: %s, %+v", diff, s.Deliveries)
		}
		r.Paused = false
		e.rule("all", r)
		s = e.story(eventID)
		if len(s.Deliveries) != 3 || s.Deliveries[0].Status != story.Pending || !s.Deliveries[0].Later {
			t.Errorf("before the transfer: %s", text(t, s))
		}
		e.run(e.transfers.Run)
		over(time.Minute)
		goldenStory(t, "resumed", e.story(eventID))
	})
}

func TestBackfilled(t *testing.T) {
	virtual(t, func(t *testing.T, e *env) {
		e.run(e.transfers.Run)
		q := e.queue("q", queue.Definition{})
		e.publish(eventID, `{}`)
		e.rule("late", rules.Rule{Start: "earliest", Targets: []rules.Target{{Queue: "q"}}})
		over(time.Minute)
		s := e.story(eventID)
		if d := e.only(eventID); d.Status != story.Queued || !d.Later || s.Rules[0].Since != story.Created || s.Rules[0].Matched {
			t.Errorf("%s", text(t, s))
		}
		_, err := e.store.Purge(context.Background(), e.broker.Now(), q.ID)
		must(t, err)
		if d := e.only(eventID); d.Status != story.Consumed || !d.Later {
			t.Errorf("after the purge: %+v", d)
		}
	})
}

// TestBackfilledByForgotten tells deliveries that only the records of attempts know: the rule that got the event later is gone.
func TestBackfilledByForgotten(t *testing.T) {
	virtual(t, func(t *testing.T, e *env) {
		e.run(e.transfers.Run)
		e.serve("f", slowly(500, ""))
		e.function("f", endpoint.Endpoint{Retry: schedule(time.Hour)})
		e.publish(eventID, `{}`)
		e.rule("late", rules.Rule{Start: "earliest", Targets: []rules.Target{{Function: "f"}}})
		over(time.Minute)
		e.dropRule("late")
		d := e.only(eventID)
		if d.Status != story.Retrying || !d.Later || d.Rule != "late" || d.Target != "function:f" || d.Kind != "function" || d.Name != "f" ||
			len(d.Attempts) != 1 || d.Next.AttemptsLeft != 1 {
			t.Errorf("%+v %+v", d, d.Next)
		}
		must(t, catalog.NewTable[endpoint.Endpoint](e.defs, endpoint.FunctionTable).Delete(context.Background(), named("f")))
		over(0)
		if d := e.only(eventID); d.Status != story.Unknown || d.Rule != "late" || !strings.HasPrefix(d.Reason, "the function was deleted") {
			t.Errorf("without the function: %+v", d)
		}
	})
}

func TestUndeliverable(t *testing.T) {
	virtual(t, func(t *testing.T, e *env) {
		e.rule("all", to(rules.Target{Queue: "missing"}, rules.Target{Function: "gone"}))
		e.publish(eventID, `{}`)
		goldenStory(t, "undeliverable", e.story(eventID))
		_, err := e.broker.Purge(context.Background(), named(queue.BuiltinDeadLetters))
		must(t, err)
		for _, d := range e.story(eventID).Deliveries {
			if d.Status != story.DeadLettered || d.DeadLetter.There {
				t.Errorf("after the purge: %+v %+v", d, d.DeadLetter)
			}
		}
	})
}

func TestQueueTarget(t *testing.T) {
	virtual(t, func(t *testing.T, e *env) {
		ctx := context.Background()
		e.queue("dead", queue.Definition{})
		e.queue("q", queue.Definition{DeadLetter: &queue.DeadLetter{Queue: "dead", MaxReceives: 1}})
		e.rule("all", to(rules.Target{Queue: "q"}))
		check := func(id string, want story.Status) *story.Delivery {
			t.Helper()
			d := e.only(id)
			if d.Status != want {
				t.Errorf("%s: %s, want %s", id, d.Status, want)
			}
			return d
		}
		e.publish(eventID, `{}`)
		if d := check(eventID, story.Queued); d.Next != nil {
			t.Errorf("next: %+v", d.Next)
		}
		got, err := e.broker.Receive(ctx, named("q"), queue.Receive{Max: 1})
		must(t, err)
		d := check(eventID, story.Received)
		if !d.Next.At.Equal(got[0].Deadline) {
			t.Errorf("next %v, want %v", d.Next.At, got[0].Deadline)
		}
		if got[0].ID.String() != d.ID {
			t.Errorf("the message %s is not the delivery %s", got[0].ID, d.ID)
		}
		over(time.Minute)
		check(eventID, story.Queued)
		if again, err := e.broker.Receive(ctx, named("q"), queue.Receive{Max: 1}); err != nil || len(again) != 0 {
			t.Fatalf("received again: %v, %v", again, err)
		}
		d = check(eventID, story.DeadLettered)
		if d.DeadLetter.Queue != "dead" || !d.DeadLetter.There || d.Reason != "it was received 1 times and not deleted" {
			t.Errorf("%+v %+v", d, d.DeadLetter)
		}

		second := newID()
		e.publish(second, `{}`)
		_, err = e.broker.Purge(ctx, named("q"))
		must(t, err)
		check(second, story.Consumed)
		must(t, e.broker.Delete(ctx, named("q")))
		if d := check(second, story.Consumed); d.Reason != "the queue was deleted" {
			t.Errorf("reason: %s", d.Reason)
		}
		e.queue("q", queue.Definition{})
		if d := check(second, story.Consumed); d.Reason != "the queue was deleted" {
			t.Errorf("reason after it was made anew: %s", d.Reason)
		}
	})
}

func TestFIFODuplicate(t *testing.T) {
	virtual(t, func(t *testing.T, e *env) {
		e.queue("q.fifo", queue.Definition{FIFO: true})
		e.rule("a", to(rules.Target{Queue: "q.fifo", Group: "$.source"}))
		e.rule("b", to(rules.Target{Queue: "q.fifo", Group: "$.source"}))
		e.publish(eventID, `{}`)
		s := e.story(eventID)
		if s.Deliveries[0].Status != story.Queued || s.Deliveries[1].Status != story.Consumed ||
			!strings.Contains(s.Deliveries[1].Reason, "duplicate of delivery "+s.Deliveries[0].ID) {
			t.Error(text(t, s))
		}
	})
}

func TestNotFound(t *testing.T) {
	virtual(t, func(t *testing.T, e *env) {
		e.serve("f", slowly(500, ""))
		e.function("f", endpoint.Endpoint{Retry: schedule(time.Hour)})
		e.rule("all", to(rules.Target{Function: "f"}))
		e.publish(eventID, `{}`)
		for _, id := range []string{
			"", "x", newID(), strings.ReplaceAll(eventID, "-", ""), "{" + eventID + "}", "urn:uuid:" + eventID, eventID + "0",
			"../" + eventID, e.only(eventID).ID,
		} {
			e.unknown(id)
		}
		for _, other := range []struct{ account, region string }{
			{"111111111111", region}, {account, "eu-west-1"}, {"", ""}, {account, ""}, {"", region},
		} {
			if s, err := e.teller.Event(context.Background(), other.account, other.region, eventID); !errors.Is(err, story.ErrNotFound) {
				t.Errorf("event for %v: %v, %v", other, s, err)
			}
			d, err := e.teller.Delivery(context.Background(), other.account, other.region, e.only(eventID).ID)
			if !errors.Is(err, story.ErrNotFound) {
				t.Errorf("delivery for %v: %v, %v", other, d, err)
			}
		}
	})
}

func TestExpired(t *testing.T) {
	virtual(t, func(t *testing.T, e *env) {
		e.serve("f", slowly(500, ""))
		e.bus("default", rules.Bus{Retention: duration.Of(time.Minute)})
		e.function("f", endpoint.Endpoint{Retry: schedule(time.Second)})
		e.queue("q", queue.Definition{})
		e.rule("all", to(rules.Target{Function: "f"}, rules.Target{Queue: "q"}))
		e.publish(eventID, `{}`)
		over(2 * time.Minute)
		sweeper := queue.NewSweeper(e.store, e.broker.Clock(), e.engine.Expiries, e.d.Expiries)
		must(t, sweeper.Sweep(context.Background()))
		goldenStory(t, "expired", e.story(eventID))
		other, err := e.teller.Event(context.Background(), "111111111111", region, eventID)
		if !errors.Is(err, story.ErrNotFound) {
			t.Errorf("for another account: %+v, %v", other, err)
		}
		over(attemptRetention)
		must(t, sweeper.Sweep(context.Background()))
		e.unknown(eventID)
	})
}

// TestAttemptsExpired tells a delivery whose attempts are not recorded any more, but whose state knows of them.
func TestAttemptsExpired(t *testing.T) {
	virtual(t, func(t *testing.T, e *env) {
		e.serve("f", slowly(500, ""))
		e.function("f", endpoint.Endpoint{Retry: schedule(time.Hour, time.Hour)})
		e.rule("all", to(rules.Target{Function: "f"}))
		e.publish(eventID, `{}`)
		_, err := e.store.Purge(context.Background(), e.broker.Now(), attemptsLog)
		must(t, err)
		d := e.only(eventID)
		if d.Status != story.Retrying || len(d.Attempts) != 0 || d.Next.AttemptsLeft != 2 || d.Reason != "answered 500 Internal Server Error" {
			t.Errorf("%+v %+v", d, d.Next)
		}
		over(3 * time.Hour)
		_, err = e.store.Purge(context.Background(), e.broker.Now(), attemptsLog)
		must(t, err)
		if d := e.only(eventID); d.Status != story.DeadLettered || !d.DeadLetter.There || d.Reason != "answered 500 Internal Server Error" {
			t.Errorf("after the end: %+v", d)
		}
	})
}

// TestLoopback tells a delivery over real HTTP.
func TestLoopback(t *testing.T) {
	t.Parallel()
	e := newEnv(t, false)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("X-Seen", "yes")
		_, _ = io.WriteString(w, "thanks")
	}))
	t.Cleanup(server.Close)
	e.function("works", endpoint.Endpoint{URL: server.URL})
	e.function("closed", endpoint.Endpoint{URL: "http://127.0.0.1:1/", Retry: schedule()}) // nobody listens there
	e.rule("all", to(rules.Target{Function: "works"}, rules.Target{Function: "closed"}))
	e.run(e.d.Run)
	e.put(eventID, `{}`)
	limit := time.After(30 * time.Second)
	for range 2 {
		select {
		case <-e.attempted:
		case <-limit:
			t.Fatal("no attempt")
		}
	}
	s := e.story(eventID)
	if len(s.Deliveries) != 2 {
		t.Fatal(text(t, s))
	}
	refused, works := &s.Deliveries[0], &s.Deliveries[1]
	if refused.Status != story.DeadLettered || refused.Attempts[0].Class != "refused" || refused.Attempts[0].GaveUp != endpoint.GiveUpAttempts {
		t.Errorf("%+v", refused)
	}
	if works.Status != story.Delivered || len(works.Attempts) != 1 {
		t.Fatalf("%+v", works)
	}
	a := &works.Attempts[0]
	if a.Status != 200 || a.Response.Body != "thanks" || http.Header(a.Response.Header).Get("X-Seen") != "yes" ||
		a.Durations.Total <= 0 || a.Durations.TTFB <= 0 || a.Request.URL != server.URL || a.Remote != strings.TrimPrefix(server.URL, "http://") {
		t.Errorf("%+v %+v", a, a.Response)
	}
}

// TestBrokenRule tells what there is to tell beside a rule that can not be compiled, as a newer release may have left it.
func TestBrokenRule(t *testing.T) {
	virtual(t, func(t *testing.T, e *env) {
		e.run(e.transfers.Run)
		e.queue("q", queue.Definition{})
		e.rule("fine", to(rules.Target{Queue: "q"}))
		e.publish(eventID, `{}`)
		e.rule("late", rules.Rule{Start: "earliest", Targets: []rules.Target{{Queue: "q"}}})
		over(time.Minute)
		e.rule("late", rules.Rule{When: []byte(`{"source":[{"from-the-future":1}]}`), Targets: []rules.Target{{Queue: "q"}}})
		s := e.story(eventID)
		if !strings.Contains(s.Note, "late") || len(s.Deliveries) != 1 || len(s.Rules) != 2 ||
			!strings.HasPrefix(s.Rules[1].Reason, "can not be compiled") || s.Rules[1].Since != story.Created {
			t.Errorf("%+v\n%s", s.Rules, text(t, s))
		}
	})
}

// TestManyAnswers checks that a story is bounded however much endpoints answered, and keeps the last answers.
func TestManyAnswers(t *testing.T) {
	virtual(t, func(t *testing.T, e *env) {
		answer := strings.Repeat("x", 64<<10)
		e.serve("f", slowly(500, answer))
		delays := make([]time.Duration, 39)
		for i := range delays {
			delays[i] = time.Minute
		}
		e.function("f", endpoint.Endpoint{Retry: schedule(delays...)})
		e.rule("a", to(rules.Target{Function: "f"}))
		e.rule("b", to(rules.Target{Function: "f"}))
		e.publish(eventID, `{}`)
		over(2 * time.Hour)
		total := 0
		for _, d := range e.story(eventID).Deliveries {
			if len(d.Attempts) != 40 {
				t.Fatalf("%d attempts", len(d.Attempts))
			}
			for _, a := range d.Attempts {
				total += len(a.Response.Body)
			}
			if first, last := d.Attempts[0].Response, d.Attempts[39].Response; last.Body != answer || last.Truncated || first.Body != "" || !first.Truncated {
				t.Errorf("%d bytes of the first answer, %d of the last", len(first.Body), len(last.Body))
			}
		}
		if total != 4<<20 {
			t.Errorf("%d bytes of answers", total)
		}
	})
}

// TestFailedTransfer checks that what a failed transfer was to bring is not forgotten.
func TestFailedTransfer(t *testing.T) {
	virtual(t, func(t *testing.T, e *env) {
		e.queue("q", queue.Definition{})
		e.publish(eventID, `{}`)
		e.rule("late", rules.Rule{Start: "earliest", Targets: []rules.Target{{Queue: "q"}}})
		all, _, err := e.transfers.List(catalog.Query{})
		must(t, err)
		must(t, queue.ChangeTransfer(context.Background(), e.defs, all[0].Name, queue.TransferFailed, "the sky fell", e.broker.Now()))
		d := e.only(eventID)
		if d.Status != story.Pending || !d.Later || !strings.Contains(d.Reason, all[0].Name.Name) || !strings.HasSuffix(d.Reason, "has failed and waits to be resumed: the sky fell") {
			t.Errorf("the delivery is %+v", d)
		}
	})
}
