package story_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
	"github.com/signalbox-mq/signalbox/story"
)

// endpoints answers the same for each.
type endpoints struct {
	status dispatch.Status
	err    error
}

func (e endpoints) Status(context.Context, string, catalog.Name) (dispatch.Status, error) {
	return e.status, e.err
}

// TestHeldBack checks what is told of states that real endpoints are in for moments only.
func TestHeldBack(t *testing.T) {
	virtual(t, func(t *testing.T, e *env) {
		e.serve("f", slowly(500, ""))
		e.function("f", endpoint.Endpoint{Retry: schedule(time.Minute)})
		e.rule("all", to(rules.Target{Function: "f"}))
		e.publish(eventID, `{}`)
		due := e.only(eventID).Next.At
		breaker := func(s dispatch.BreakerState, until time.Time) dispatch.Status {
			return dispatch.Status{Kind: "function", Breaker: dispatch.BreakerStatus{State: s, Consecutive: 12, Until: until}}
		}
		const open = "the breaker is open after 12 failures in a row; then one attempt at a time is made until one succeeds"
		const disabled = "the function is disabled; its deliveries wait until it is enabled"
		for name, test := range map[string]struct {
			endpoints endpoints
			at        time.Time
			reason    string
		}{
			"closed":                     {endpoints{status: breaker(dispatch.BreakerIsClosed, time.Time{})}, due, ""},
			"open for longer":            {endpoints{status: breaker(dispatch.BreakerIsOpen, due.Add(time.Second))}, due.Add(time.Second), open},
			"open, but not then":         {endpoints{status: breaker(dispatch.BreakerIsOpen, due.Add(-time.Second))}, due, ""},
			"half-open, but not then":    {endpoints{status: breaker(dispatch.BreakerIsHalfOpen, time.Time{})}, due, ""},
			"disabled by its definition": {endpoints{status: dispatch.Status{Kind: "function", Disabled: &dispatch.Disabling{}}}, time.Time{}, disabled},
			"not dispatched":             {endpoints{err: catalog.ErrNotFound}, due, ""},
		} {
			teller := story.New(e.broker, e.defs, e.engine, test.endpoints, attemptsLog)
			s, err := teller.Event(context.Background(), account, region, eventID)
			must(t, err)
			if next := s.Deliveries[0].Next; !next.At.Equal(test.at) || next.Reason != test.reason || next.AttemptsLeft != 1 {
				t.Errorf("%s: %+v", name, next)
			}
		}
		failure := errors.New("no statistics")
		teller := story.New(e.broker, e.defs, e.engine, endpoints{err: failure}, attemptsLog)
		if s, err := teller.Event(context.Background(), account, region, eventID); !errors.Is(err, failure) {
			t.Errorf("%v, %v", s, err)
		}

		// One that is due meets a half-open breaker.
		must(t, e.d.Disable(context.Background(), dispatch.KindFunction, named("f"), ""))
		over(time.Hour)
		teller = story.New(e.broker, e.defs, e.engine, endpoints{status: breaker(dispatch.BreakerIsHalfOpen, time.Time{})}, attemptsLog)
		s, err := teller.Event(context.Background(), account, region, eventID)
		must(t, err)
		if next := s.Deliveries[0].Next; !next.At.IsZero() || !strings.HasPrefix(next.Reason, "the breaker is half-open after 12 failures") {
			t.Errorf("due: %+v", next)
		}
		// Without a log of attempts, what queues know is told.
		s, err = story.New(e.broker, e.defs, e.engine, e.d, 0).Event(context.Background(), account, region, eventID)
		must(t, err)
		if d := s.Deliveries[0]; d.Status != story.Retrying || len(d.Attempts) != 0 {
			t.Errorf("without a log: %+v", d)
		}
	})
}

// TestClosedStore checks that a story is not told in part when the store does not answer.
func TestClosedStore(t *testing.T) {
	t.Parallel()
	e := newEnv(t, true)
	e.rule("all", to(rules.Target{Queue: "missing"}))
	e.put(eventID, `{}`)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	must(t, e.store.Close())
	for _, ctx := range []context.Context{context.Background(), ctx} {
		if s, err := e.teller.Event(ctx, account, region, eventID); err == nil || errors.Is(err, story.ErrNotFound) {
			t.Errorf("event: %+v, %v", s, err)
		}
		if d, err := e.teller.Delivery(ctx, account, region, "8490265e-9a71-8e6e-be4e-99e911c692f7"); err == nil || errors.Is(err, story.ErrNotFound) {
			t.Errorf("delivery: %+v, %v", d, err)
		}
	}
}
