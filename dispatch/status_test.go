package dispatch_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
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
