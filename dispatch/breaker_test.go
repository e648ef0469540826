package dispatch_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
)

func TestBreaker(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		var healthy atomic.Bool
		c := serve("shop", func(w http.ResponseWriter, _ *http.Request) {
			if !healthy.Load() {
				w.WriteHeader(500)
			}
		})
		// One delivery a second would be attempted; each once an hour.
		f := e.function("f", endpoint.Endpoint{URL: c.url, Retry: schedule(time.Hour, time.Hour)})
		e.start()
		for range dispatch.BreakerConsecutive {
			e.publish(post{to: f, event: sample(`1`)})
			over(0)
		}
		s, err := e.d.Status(t.Context(), dispatch.KindFunction, named("f"))
		if err != nil || s.Breaker.State != dispatch.BreakerIsOpen || s.Breaker.Consecutive != 10 || s.Breaker.Failures != 10 ||
			s.LastFailure.Status != 500 {
			t.Errorf("status %+v, %v", s, err)
		}
		// It holds what comes now back for its pause, uncounted.
		e.publish(post{to: f, event: sample(`2`)})
		over(900 * time.Millisecond)
		if n := len(c.got()); n != 10 {
			t.Errorf("%d attempts while open", n)
		}
		over(200 * time.Millisecond)
		if n := len(c.got()); n != 11 {
			t.Errorf("%d attempts after the pause", n)
		}
		// A single waiting delivery is probed after 1s, 2s, 4s at most.
		e.publish(post{to: f, event: sample(`3`)})
		over(2100 * time.Millisecond)
		if n := len(c.got()); n != 12 {
			t.Errorf("%d attempts after another pause", n)
		}
		healthy.Store(true)
		e.publish(post{to: f, event: sample(`4`)})
		over(dispatch.BreakerMaxPause)
		if n := len(c.got()); n != 13 {
			t.Errorf("%d attempts when healthy", n)
		}
		var changes []dispatch.Change
		for _, c := range e.changes {
			changes = append(changes, c.Change)
		}
		if diff := cmp.Diff([]dispatch.Change{dispatch.BreakerOpened, dispatch.BreakerClosed}, changes); diff != "" {
			t.Error(diff)
		}
		over(2 * time.Hour)
		if n := e.stats(f).Total(); n != 0 {
			t.Errorf("%d left", n)
		}
	})
}

// An open breaker must not keep deliveries to what stays dead from ever being given up: all of two hundred run through a
// schedule of seconds within minutes, and none is attempted more often than it says.
func TestBreakerKeepsTheSchedule(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		c := serve("shop", status(500))
		f := e.function("f", endpoint.Endpoint{URL: c.url, Retry: schedule(time.Second, 5*time.Second)})
		e.start()
		const n = 200
		var posts []post
		for range n {
			posts = append(posts, post{to: f, event: sample(`1`)})
		}
		e.publish(posts...)
		over(4 * time.Minute)
		attempts := map[string]int{}
		for _, got := range c.got() {
			attempts[got.header.Get("Webhook-Id")]++
		}
		for id, k := range attempts {
			if k != 3 {
				t.Errorf("%s has %d attempts", id, k)
			}
		}
		if letters := len(e.builtin()); letters != n || len(attempts) != n {
			t.Errorf("%d dead letters of %d deliveries after 4 minutes", letters, len(attempts))
		}
	})
}

// Refusals of single deliveries are no reason to hold the others back.
func TestBreakerIgnoresRefusals(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		c := serve("shop", status(422))
		f := e.function("f", endpoint.Endpoint{URL: c.url})
		e.start()
		for range 50 {
			e.publish(post{to: f, event: sample(`1`)})
		}
		over(time.Second)
		if n := len(c.got()); n != 50 || len(e.changes) != 0 {
			t.Errorf("%d attempts, changes %+v", n, e.changes)
		}
	})
}

func TestBreakerByRatio(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		var n atomic.Int64
		c := serve("shop", func(w http.ResponseWriter, _ *http.Request) {
			if n.Add(1)%2 == 0 {
				w.WriteHeader(500)
			}
		})
		f := e.function("f", endpoint.Endpoint{URL: c.url, Retry: schedule(time.Hour)})
		e.start()
		for range dispatch.BreakerSample {
			if len(e.changes) != 0 {
				t.Fatalf("changes %+v after %d attempts", e.changes, n.Load())
			}
			e.publish(post{to: f, event: sample(`1`)})
			over(time.Second)
		}
		if len(e.changes) != 1 || e.changes[0].Change != dispatch.BreakerOpened {
			t.Errorf("changes %+v", e.changes)
		}
	})
}
