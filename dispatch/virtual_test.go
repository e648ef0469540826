package dispatch_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/duration"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// wires is a network in memory: listeners by host name, over net.Pipe.
type wires struct {
	mu    sync.Mutex
	hosts map[string]*wire
}

type wire struct {
	conns  chan net.Conn
	closed chan struct{}
	close  func()
}

func (w *wire) Accept() (net.Conn, error) {
	select {
	case c := <-w.conns:
		return c, nil
	case <-w.closed:
		return nil, net.ErrClosed
	}
}

func (w *wire) Close() error   { w.close(); return nil }
func (w *wire) Addr() net.Addr { return &net.TCPAddr{} }

func (ws *wires) listen(host string) *wire {
	w := &wire{conns: make(chan net.Conn), closed: make(chan struct{})}
	w.close = sync.OnceFunc(func() { close(w.closed) })
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.hosts == nil {
		ws.hosts = map[string]*wire{}
	}
	ws.hosts[host] = w
	return w
}

func (ws *wires) dial(ctx context.Context, _, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	ws.mu.Lock()
	w := ws.hosts[host]
	ws.mu.Unlock()
	if w == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	near, far := net.Pipe()
	select {
	case w.conns <- far:
		return near, nil
	case <-w.closed:
		return nil, &net.OpError{Op: "dial", Err: net.ErrClosed}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// virtual runs a test in a bubble with virtual time and a network in memory.
func virtual(t *testing.T, test func(t *testing.T, e *env, serve func(host string, h http.HandlerFunc) *collector)) {
	t.Helper()
	virtualOn(t, func(t *testing.T) *env { return newEnv(t) }, test)
}

// virtualOn is virtual on an environment of the test's own.
func virtualOn(t *testing.T, made func(t *testing.T) *env, test func(t *testing.T, e *env, serve func(host string, h http.HandlerFunc) *collector)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := made(t)
		ws := &wires{}
		e.cfg.Client.Dial = ws.dial
		test(t, e, func(host string, h http.HandlerFunc) *collector {
			return collectOn(t, ws.listen(host), "http://"+host, h)
		})
		if e.stop != nil {
			e.stop()
		}
	})
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// pass lets time pass in a bubble of synctest, where it is virtual.
func pass(d time.Duration) { <-time.After(d) }

// over lets virtual time pass until all is quiet after d.
func over(d time.Duration) {
	pass(d)
	synctest.Wait()
}

// gaps are the times between attempts, in whole seconds.
func gaps(calls []call) []time.Duration {
	var all []time.Duration
	for i := 1; i < len(calls); i++ {
		all = append(all, calls[i].at.Sub(calls[i-1].at).Round(time.Second))
	}
	return all
}

func TestScheduleOverDays(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		c := serve("shop", status(500))
		f := e.function("f", endpoint.Endpoint{URL: c.url, Retry: endpoint.RetryPolicy{Jitter: new(0.0)}})
		e.start()
		ev := sample(`1`)
		id := e.publish(post{to: f, event: ev})[0]
		over(72 * time.Hour)
		calls := c.got()
		if diff := cmp.Diff([]time.Duration{
			5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute,
			2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 24 * time.Hour,
		}, gaps(calls)); diff != "" {
			t.Error(diff)
		}
		for i, got := range calls {
			if got.header.Get("Webhook-Id") != id.String() {
				t.Errorf("attempt %d has the id %s", i+1, got.header.Get("Webhook-Id"))
			}
		}
		all := e.recorded(ev.ID)
		if len(all) != 10 || all[9].Outcome != dispatch.OutcomeDeadLettered || all[9].Number != 10 {
			t.Errorf("%d attempts: %+v", len(all), all)
		}
		for i, a := range all[:9] {
			if !a.Next.Equal(all[i+1].Started.Truncate(time.Millisecond)) && all[i+1].Durations.Wait > 50*time.Millisecond {
				t.Errorf("attempt %d says next %v, but that was %v", i+1, a.Next, all[i+1].Started)
			}
		}
		if n := len(e.builtin()); n != 1 {
			t.Errorf("%d dead letters", n)
		}
	})
}

func TestJitter(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		c := serve("shop", status(500))
		policy := schedule(100 * time.Second)
		policy.Jitter = new(0.2)
		var posts []post
		for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
			f := e.function(name, endpoint.Endpoint{URL: c.url + "/" + name, Retry: policy})
			posts = append(posts, post{to: f, event: sample(`1`)})
		}
		e.start()
		e.publish(posts...)
		over(5 * time.Minute)
		first, seen := map[string]time.Time{}, map[time.Duration]bool{}
		for _, got := range c.got() {
			if at, ok := first[got.path]; ok {
				gap := got.at.Sub(at).Round(time.Millisecond)
				seen[gap] = true
				if gap < 80*time.Second || gap > 120*time.Second+50*time.Millisecond {
					t.Errorf("a retry after %v", gap)
				}
			}
			first[got.path] = got.at
		}
		if len(seen) < 4 {
			t.Errorf("eight retries have %d different delays", len(seen))
		}
	})
}

func TestStartsAgainAndIsDelivered(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		f := e.function("f", endpoint.Endpoint{URL: "http://shop", Retry: schedule(time.Minute, time.Hour)})
		e.start()
		ev := sample(`1`)
		e.publish(post{to: f, event: ev})
		over(10 * time.Minute)
		state, err := dispatch.DecodeState(e.contents(f, queue.FIFO)[0].Message.State)
		if err != nil || state.Attempts != 2 || state.Class != endpoint.ClassDNS || state.Reason == "" {
			t.Errorf("state %+v, %v", state, err)
		}
		if left := state.Due.Sub(e.broker.Now()).Round(time.Minute); left != 51*time.Minute {
			t.Errorf("the next attempt is due in %v", left)
		}
		c := serve("shop", nil)
		over(2 * time.Hour)
		if n := len(c.got()); n != 1 {
			t.Errorf("%d requests", n)
		}
		if all := e.recorded(ev.ID); len(all) != 3 || all[2].Outcome != dispatch.OutcomeDelivered {
			t.Errorf("attempts: %+v", all)
		}
	})
}

func TestPolicies(t *testing.T) {
	policy := func(p endpoint.RetryPolicy, change func(*endpoint.RetryPolicy)) endpoint.RetryPolicy {
		change(&p)
		return p
	}
	minutes := schedule(time.Minute, time.Minute, time.Minute, time.Minute, time.Minute)
	for _, test := range []struct {
		name     string
		handler  http.HandlerFunc
		policy   endpoint.RetryPolicy
		target   *endpoint.RetryPolicy
		gaps     []time.Duration
		why      endpoint.GiveUp
		class    endpoint.ErrorClass
		code     string
		exhaust  string
		lastCode int
	}{
		{
			name: "max age", handler: status(500), gaps: []time.Duration{time.Minute, time.Minute},
			policy: policy(minutes, func(p *endpoint.RetryPolicy) { p.MaxAge = duration.Of(150 * time.Second) }),
			why:    endpoint.GiveUpAge, class: endpoint.ClassHTTP, code: "SDK_CLIENT_ERROR", exhaust: "MaximumEventAgeInSeconds", lastCode: 500,
		},
		{
			name: "permanent", handler: status(404), gaps: []time.Duration{time.Minute, time.Minute}, policy: minutes,
			why: endpoint.GiveUpPermanent, class: endpoint.ClassHTTP, code: "NO_RESOURCE", lastCode: 404,
		},
		{
			name: "redirect", policy: schedule(time.Minute), gaps: []time.Duration{time.Minute},
			handler: func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "http://elsewhere/", http.StatusFound)
			},
			why: endpoint.GiveUpAttempts, class: endpoint.ClassRedirect, code: "SDK_CLIENT_ERROR", exhaust: "MaximumRetryAttempts", lastCode: 302,
		},
		{
			name: "retry after", policy: schedule(time.Second, time.Second), gaps: []time.Duration{10 * time.Minute, 10 * time.Minute},
			handler: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", "600")
				w.WriteHeader(429)
			},
			why: endpoint.GiveUpAttempts, class: endpoint.ClassHTTP, code: "THROTTLING", exhaust: "MaximumRetryAttempts", lastCode: 429,
		},
		{
			name: "retry after without end", gaps: []time.Duration{time.Hour},
			policy: schedule(time.Second),
			handler: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", "99999999999999")
				w.WriteHeader(503)
			},
			why: endpoint.GiveUpAttempts, class: endpoint.ClassHTTP, code: "SDK_CLIENT_ERROR", exhaust: "MaximumRetryAttempts", lastCode: 503,
		},
		{
			name: "the target's own", handler: status(500), policy: minutes, gaps: []time.Duration{2 * time.Second},
			target: new(schedule(2 * time.Second)),
			why:    endpoint.GiveUpAttempts, class: endpoint.ClassHTTP, code: "SDK_CLIENT_ERROR", exhaust: "MaximumRetryAttempts", lastCode: 500,
		},
		{
			name: "hanging", policy: schedule(time.Minute), gaps: []time.Duration{75 * time.Second},
			handler: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
			why:     endpoint.GiveUpAttempts, class: endpoint.ClassTimeout, code: "TIMEOUT", exhaust: "MaximumRetryAttempts",
		},
		{
			name: "cut", policy: schedule(time.Minute), gaps: []time.Duration{time.Minute},
			handler: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			why:     endpoint.GiveUpAttempts, class: endpoint.ClassReset, code: "CONNECTION_FAILURE", exhaust: "MaximumRetryAttempts",
		},
		{
			name: "lambda's error", policy: schedule(time.Minute), gaps: []time.Duration{time.Minute},
			handler: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Amz-Function-Error", "Unhandled")
				w.WriteHeader(200)
			},
			why: endpoint.GiveUpAttempts, class: endpoint.ClassFunction, code: "SDK_CLIENT_ERROR", exhaust: "MaximumRetryAttempts", lastCode: 200,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
				c := serve("shop", test.handler)
				def := endpoint.Endpoint{URL: c.url, Retry: test.policy}
				if test.class == endpoint.ClassFunction {
					def.Format = endpoint.FormatLambda
				}
				f := e.function("f", def)
				own := e.queue("own-dead-letters")
				e.start()
				ev := sample(`1`)
				e.publish(post{to: f, event: ev, about: endpoint.Delivery{Retry: test.target, DeadLetter: "own-dead-letters"}})
				over(12 * time.Hour)
				if diff := cmp.Diff(test.gaps, gaps(c.got())); diff != "" {
					t.Error(diff)
				}
				all := e.recorded(ev.ID)
				last := all[len(all)-1]
				if last.Outcome != dispatch.OutcomeDeadLettered || last.GiveUp != test.why || last.Class != test.class ||
					last.Code != test.code || last.Status != test.lastCode || last.DeadLetter != "own-dead-letters" {
					t.Errorf("last attempt: %+v", last)
				}
				letters := e.contents(own, queue.Standard)
				if len(letters) != 1 {
					t.Fatalf("%d dead letters", len(letters))
				}
				if got := attributesOf(letters[0].Message)["EXHAUSTED_RETRY_CONDITION"]; got != test.exhaust {
					t.Errorf("EXHAUSTED_RETRY_CONDITION %q, want %q", got, test.exhaust)
				}
				if n := e.stats(f).Total(); n != 0 {
					t.Errorf("%d deliveries left", n)
				}
			})
		})
	}
}

func TestGone(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		c := serve("shop", status(410))
		f := e.function("f", endpoint.Endpoint{URL: c.url})
		e.start()
		e.publish(post{to: f, event: sample(`1`)})
		over(time.Second)
		e.publish(post{to: f, event: sample(`2`)}, post{to: f, event: sample(`3`)})
		over(time.Hour)
		if n := len(c.got()); n != 1 {
			t.Errorf("%d requests to what is gone", n)
		}
		s, err := e.d.Status(t.Context(), dispatch.KindFunction, named("f"))
		if err != nil || s.Disabled == nil || s.Disabled.By != dispatch.ByEndpoint || s.Waiting.Total() != 2 || s.Oldest.IsZero() {
			t.Errorf("status %+v, %v", s, err)
		}
		if len(e.builtin()) != 1 {
			t.Errorf("%d dead letters", len(e.builtin()))
		}
		// It stays so over a restart and over a change of anything but the URL.
		e.stop()
		e.start()
		e.function("f", endpoint.Endpoint{URL: c.url, MaxInFlight: 3})
		over(time.Hour)
		if n := len(c.got()); n != 1 {
			t.Errorf("%d requests to what is gone", n)
		}
		moved := serve("new-shop", nil)
		e.function("f", endpoint.Endpoint{URL: moved.url})
		over(time.Second)
		if n := len(moved.got()); n != 2 {
			t.Errorf("%d deliveries to the new place", n)
		}
		var kinds []dispatch.Change
		for _, c := range e.changes {
			kinds = append(kinds, c.Change)
		}
		if diff := cmp.Diff([]dispatch.Change{dispatch.Disabled, dispatch.Enabled}, kinds); diff != "" {
			t.Error(diff)
		}
	})
}

func TestDisableAndEnable(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		c := serve("shop", nil)
		f := e.function("f", endpoint.Endpoint{URL: c.url})
		e.start()
		over(time.Second)
		if err := e.d.Disable(t.Context(), dispatch.KindFunction, named("f"), "maintenance"); err != nil {
			t.Fatal(err)
		}
		over(0)
		e.publish(post{to: f, event: sample(`1`)})
		over(time.Hour)
		e.function("f", endpoint.Endpoint{URL: c.url + "/other"}) // not what an operator has done
		over(time.Hour)
		if n := len(c.got()); n != 0 {
			t.Errorf("%d requests", n)
		}
		if err := e.d.Enable(t.Context(), dispatch.KindFunction, named("f")); err != nil {
			t.Fatal(err)
		}
		over(0)
		if n := len(c.got()); n != 1 {
			t.Errorf("%d requests", n)
		}
		if err := e.d.Disable(t.Context(), dispatch.KindFunction, named("nobody"), ""); !errors.Is(err, catalog.ErrNotFound) {
			t.Errorf("disabling what does not exist: %v", err)
		}
	})
}
