package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// What is told of an endpoint is not behind the definitions: not when the dispatcher is just being started, and not after a change.
func TestStatusIsNotBehind(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	functions := catalog.NewTable[endpoint.Endpoint](e.defs, endpoint.FunctionTable)
	const before = 100
	for i := range before {
		e.function(fmt.Sprint("before", i), endpoint.Endpoint{URL: "http://127.0.0.1:1/"})
	}
	e.start()
	if all, err := e.d.Statuses(t.Context()); err != nil || len(all) != before {
		t.Errorf("at the start %d endpoints are told of, want %d (%v)", len(all), before, err)
	}
	for i := range 100 {
		name := named(fmt.Sprint("f", i))
		told := func(what string, disabled bool) {
			t.Helper()
			s, err := e.d.Status(t.Context(), dispatch.KindFunction, name)
			if err != nil || (s.Disabled != nil) != disabled {
				t.Fatalf("%s: %v, disabled %+v", what, err, s.Disabled)
			}
		}
		e.function(name.Name, endpoint.Endpoint{URL: "http://127.0.0.1:1/"})
		told("defined", false)
		if err := e.d.Disable(t.Context(), dispatch.KindFunction, name, "for a while"); err != nil {
			t.Fatal(err)
		}
		told("disabled", true)
		if err := e.d.Enable(t.Context(), dispatch.KindFunction, name); err != nil {
			t.Fatal(err)
		}
		told("enabled", false)
		if err := functions.Delete(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		if _, err := e.d.Status(t.Context(), dispatch.KindFunction, name); !errors.Is(err, catalog.ErrNotFound) {
			t.Fatalf("deleted: %v", err)
		}
	}
}

// receiveGate is a store whose receives from queues of deliveries wait until they may begin.
type receiveGate struct {
	queue.Store
	waiting atomic.Int64
	open    chan struct{}
}

func (g *receiveGate) Receive(ctx context.Context, r queue.ReceiveRequest) (queue.ReceiveResult, error) {
	g.waiting.Add(1)
	<-g.open
	return g.Store.Receive(ctx, r)
}

// What is published after Disable has returned is not attempted, not even by a receive that had begun before.
func TestDisableWhileReceiving(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		gate := &receiveGate{Store: e.store, open: make(chan struct{})}
		e.overStore(gate)
		c := serve("shop", nil)
		f := e.function("f", endpoint.Endpoint{URL: c.url})
		e.publish(post{to: f, event: sample(`1`)})
		e.start()
		over(0)
		if gate.waiting.Load() != 1 {
			t.Fatalf("%d receives have begun, want 1", gate.waiting.Load())
		}
		if err := e.d.Disable(t.Context(), dispatch.KindFunction, named("f"), "for a while"); err != nil {
			t.Fatal(err)
		}
		e.publish(post{to: f, event: sample(`2`)})
		close(gate.open)
		over(0)
		if n, s := len(c.got()), e.stats(f); n != 0 || s.Ready != 2 {
			t.Errorf("a disabled function was called %d times; waiting are %+v", n, s)
		}
		if err := e.d.Enable(t.Context(), dispatch.KindFunction, named("f")); err != nil {
			t.Fatal(err)
		}
		over(time.Second)
		if n := len(c.got()); n != 2 {
			t.Errorf("called %d times after it was enabled", n)
		}
	})
}
