package dispatch_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/dispatch/destination"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/duration"
	"github.com/signalbox-mq/signalbox/queue"
)

// TestDestinationStatuses has every status answered, and counts the calls.
func TestDestinationStatuses(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		c := serve("api", func(w http.ResponseWriter, r *http.Request) {
			code, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
			w.WriteHeader(code)
		})
		m := e.destinations()
		e.connect(m, "c", withKey)
		to, _ := e.destination(m, "d", destination.Destination{Connection: "c", URL: c.url + "/*"})
		e.start()
		retried := map[int]bool{401: true, 407: true, 409: true, 429: true}
		var codes []int
		for code := 200; code < 600; code++ {
			if code < 240 || code >= 300 && code < 320 || code >= 400 && code < 435 || code >= 500 && code < 515 || code%20 == 11 || code%100 == 99 {
				codes = append(codes, code)
				about := oneRetry()
				about.HTTP = &endpoint.HTTPParameters{Path: []string{strconv.Itoa(code)}}
				e.invoke(to, `{}`, about)
			}
		}
		over(time.Hour)
		calls := map[string]int{}
		for _, got := range c.got() {
			calls[got.path]++
		}
		for _, code := range codes {
			want := 1
			if retried[code] || code >= 500 {
				want = 2
			}
			if n := calls["/"+strconv.Itoa(code)]; n != want {
				t.Errorf("%d: %d calls, want %d", code, n, want)
			}
		}
		failed := 0
		for _, code := range codes {
			if code >= 300 {
				failed++
			}
		}
		if n := len(e.builtin()); n != failed {
			t.Errorf("%d dead letters, want %d", n, failed)
		}
	})
}

// TestDestinationStandardPolicy is the policy of a delivery that has none: a day of retries.
func TestDestinationStandardPolicy(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		c := serve("api", status(500))
		m := e.destinations()
		e.connect(m, "c", withKey)
		to, _ := e.destination(m, "d", destination.Destination{Connection: "c", URL: c.url})
		e.start()
		origin := e.invoke(to, `{}`, endpoint.Delivery{})
		over(25 * time.Hour)
		calls := c.got()
		if n := len(calls); n != 186 {
			t.Errorf("%d calls", n)
		}
		if took := calls[len(calls)-1].at.Sub(calls[0].at); took < 19*time.Hour || took > 24*time.Hour {
			t.Errorf("they took %s", took)
		}
		a := e.last(origin, 186)
		letter := attributesOf(e.builtin()[0].Message)
		if a.GiveUp != endpoint.GiveUpAttempts || letter["RETRY_ATTEMPTS"] != "185" || letter["EXHAUSTED_RETRY_CONDITION"] != "MaximumRetryAttempts" {
			t.Errorf("%s %v", mustJSON(t, a), letter)
		}
	})
}

// TestDestinationOwnPolicy has a target of a file with its own schedule: when, it says; what is retried is EventBridge's.
func TestDestinationOwnPolicy(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		c := serve("api", func(w http.ResponseWriter, r *http.Request) {
			code, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
			w.WriteHeader(code)
		})
		m := e.destinations()
		e.connect(m, "c", withKey)
		to, _ := e.destination(m, "d", destination.Destination{Connection: "c", URL: c.url + "/*"})
		e.start()
		for _, code := range []string{"404", "410", "500"} {
			e.invoke(to, `{}`, endpoint.Delivery{Retry: new(schedule(time.Minute, time.Minute)), HTTP: &endpoint.HTTPParameters{Path: []string{code}}})
		}
		over(time.Hour)
		calls := map[string]int{}
		for _, got := range c.got() {
			calls[got.path]++
		}
		if diff := cmp.Diff(map[string]int{"/404": 1, "/410": 1, "/500": 3}, calls); diff != "" {
			t.Error(diff)
		}
	})
}

func TestDestinationTimeout(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		hang := serve("hang", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		drip := serve("drip", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			for range 20 {
				_, _ = w.Write([]byte("x"))
				_ = http.NewResponseController(w).Flush()
				pass(time.Second)
			}
		})
		slow := serve("slow", func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer conn.Close()
			_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\n"))
			for range 20 {
				pass(time.Second)
				_, _ = conn.Write([]byte("X-Slow: 1\r\n"))
			}
		})
		m := e.destinations()
		e.connect(m, "c", withKey)
		three, _ := e.destination(m, "three", destination.Destination{Connection: "c", URL: slow.url})
		one, _ := e.destination(m, "one", destination.Destination{Connection: "c", URL: hang.url})
		two, _ := e.destination(m, "two", destination.Destination{Connection: "c", URL: drip.url})
		e.start()
		for _, to := range []queue.ID{one, two, three} {
			begun := time.Now()
			origin := e.invoke(to, `{}`, endpoint.Delivery{Retry: retries(0)})
			a := e.last(origin, 1)
			if a.Class != endpoint.ClassTimeout || a.Code != "TIMEOUT" || a.GiveUp != endpoint.GiveUpAttempts || time.Since(begun).Round(time.Second) != 5*time.Second {
				t.Errorf("after %s: %s", time.Since(begun), mustJSON(t, a))
			}
		}
		over(time.Minute)
	})
}

func TestDestinationRetryAfter(t *testing.T) {
	for name, c := range map[string]struct {
		header string
		policy *endpoint.RetryPolicy
		gap    time.Duration // to the second call; 0 for none
		why    endpoint.GiveUp
	}{
		"seconds":    {"90", retries(1), 90 * time.Second, endpoint.GiveUpAttempts},
		"date":       {"date", retries(1), 100 * time.Second, endpoint.GiveUpAttempts},
		"less":       {"0", retries(1), time.Second, endpoint.GiveUpAttempts},
		"long":       {"72000", retries(1), 20 * time.Hour, endpoint.GiveUpAttempts},
		"negative":   {"-1", retries(1), 0, endpoint.GiveUpAsked},
		"huge":       {"99999999999999999999", retries(1), 0, endpoint.GiveUpAge},
		"beyond age": {"120", new(endpoint.EventBridgeRetry(1, time.Minute)), 0, endpoint.GiveUpAge},
		"nonsense":   {"soon", retries(1), time.Second, endpoint.GiveUpAttempts},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
				api := serve("api", func(w http.ResponseWriter, _ *http.Request) {
					value := c.header
					if value == "date" {
						w.Header().Set("Date", "Tue, 01 Jan 2002 00:00:00 GMT")
						value = "Tue, 01 Jan 2002 00:01:40 GMT"
					}
					w.Header().Set("Retry-After", value)
					w.WriteHeader(429)
				})
				m := e.destinations()
				e.connect(m, "c", withKey)
				to, _ := e.destination(m, "d", destination.Destination{Connection: "c", URL: api.url})
				e.start()
				origin := e.invoke(to, `{}`, endpoint.Delivery{Retry: c.policy})
				over(c.gap*12/10 + 10*time.Minute)
				calls, n := api.got(), 1
				if c.gap != 0 {
					n = 2
				}
				if len(calls) != n {
					t.Fatalf("%d calls", len(calls))
				}
				if n == 2 {
					if gap := calls[1].at.Sub(calls[0].at); gap < c.gap*8/10 || gap > c.gap*12/10+time.Second {
						t.Errorf("the second call came after %s", gap)
					}
				}
				if a := e.last(origin, n); a.GiveUp != c.why || a.Outcome != dispatch.OutcomeDeadLettered {
					t.Errorf("%s", mustJSON(t, a))
				}
			})
		})
	}
}

// TestDestinationRate has more to do than it may, one a second; what waits too long for its turn is not called for any more.
func TestDestinationRate(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		c := serve("api", nil)
		m := e.destinations()
		e.connect(m, "c", withKey)
		to, _ := e.destination(m, "d", destination.Destination{Connection: "c", URL: c.url, Rate: 1})
		e.start()
		for i := range 90 {
			about := endpoint.Delivery{}
			if i%2 == 1 {
				about.Retry = new(endpoint.EventBridgeRetry(3, time.Minute))
			}
			e.invoke(to, fmt.Sprint(i), about)
		}
		over(10 * time.Second)
		if n := len(c.got()); n < 9 || n > 11 {
			t.Errorf("%d calls in ten seconds", n)
		}
		if s := e.stats(to); s.Total() < 79 {
			t.Errorf("%d wait", s.Total())
		}
		over(10 * time.Minute)
		calls := c.got()
		for i := 1; i < len(calls); i++ {
			if gap := calls[i].at.Sub(calls[i-1].at); gap < 990*time.Millisecond {
				t.Errorf("call %d came %s after the one before", i, gap)
			}
		}
		letters := e.builtin()
		if len(calls)+len(letters) != 90 || len(letters) < 5 || len(letters) > 20 {
			t.Errorf("%d calls, %d dead letters", len(calls), len(letters))
		}
		for _, l := range letters {
			a := attributesOf(l.Message)
			if a["ERROR_CODE"] != "THROTTLING" || a["EXHAUSTED_RETRY_CONDITION"] != "MaximumEventAgeInSeconds" || a["RETRY_ATTEMPTS"] != "0" ||
				a["ERROR_MESSAGE"] != "it has waited for longer than 1m" {
				t.Errorf("%v", a)
			}
		}
		// The rate follows the definition.
		if _, err := m.Update(t.Context(), named("d"), func(d *destination.Destination) error { d.Rate = 10; return nil }); err != nil {
			t.Fatal(err)
		}
		over(time.Second)
		before := len(c.got())
		for range 40 {
			e.invoke(to, "{}", endpoint.Delivery{})
		}
		over(4 * time.Second)
		if n := len(c.got()) - before; n < 38 {
			t.Errorf("%d calls in four seconds", n)
		}
	})
}

// TestDestinationAge ends a delivery that was tried when it has become too old.
func TestDestinationAge(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		c := serve("api", status(503))
		m := e.destinations()
		e.connect(m, "c", withKey)
		to, _ := e.destination(m, "d", destination.Destination{Connection: "c", URL: c.url})
		e.start()
		origin := e.invoke(to, "{}", endpoint.Delivery{Retry: new(endpoint.EventBridgeRetry(185, 2*time.Minute))})
		over(time.Hour)
		calls := c.got()
		if n := len(calls); n < 6 || n > 8 || calls[n-1].at.Sub(calls[0].at) > 2*time.Minute {
			t.Errorf("%d calls until %s", n, calls[n-1].at.Sub(calls[0].at))
		}
		a := e.last(origin, len(calls))
		letter := attributesOf(e.builtin()[0].Message)
		if a.GiveUp != endpoint.GiveUpAge || letter["EXHAUSTED_RETRY_CONDITION"] != "MaximumEventAgeInSeconds" || letter["RETRY_ATTEMPTS"] != strconv.Itoa(len(calls)-1) {
			t.Errorf("%s %v", mustJSON(t, a), letter)
		}
		// One that was tried and then waited, as the destination was disabled.
		origin = e.invoke(to, "{}", endpoint.Delivery{Retry: new(endpoint.EventBridgeRetry(185, 2*time.Minute))})
		e.last(origin, 1)
		if err := e.d.Disable(t.Context(), dispatch.KindDestination, named("d"), "for a while"); err != nil {
			t.Fatal(err)
		}
		over(time.Hour)
		if err := e.d.Enable(t.Context(), dispatch.KindDestination, named("d")); err != nil {
			t.Fatal(err)
		}
		over(time.Hour)
		letter = attributesOf(e.builtin()[1].Message)
		if letter["ERROR_CODE"] != "SDK_CLIENT_ERROR" || letter["EXHAUSTED_RETRY_CONDITION"] != "MaximumEventAgeInSeconds" || letter["router.status"] != "503" ||
			!strings.HasPrefix(letter["ERROR_MESSAGE"], "it has waited for longer than 2m; the last attempt: answered 503") {
			t.Errorf("%v", letter)
		}
	})
}

// TestFunctionAge is the same for a function that a client of EventBridge made a target: the policy says so, not the kind.
func TestFunctionAge(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		c := serve("shop", status(404))
		f := e.function("f", endpoint.Endpoint{URL: c.url, Rate: endpoint.Rate{Count: 1, Per: time.Minute}})
		e.start()
		for range 4 {
			e.publish(post{to: f, event: sample(`1`), about: endpoint.Delivery{Retry: new(endpoint.EventBridgeRetry(3, 90*time.Second))}})
		}
		over(time.Hour)
		if n := len(c.got()); n != 2 {
			t.Errorf("%d calls", n)
		}
		codes := map[string]int{}
		for _, l := range e.builtin() {
			codes[attributesOf(l.Message)["ERROR_CODE"]]++
		}
		if diff := cmp.Diff(map[string]int{"NO_RESOURCE": 2, "THROTTLING": 2}, codes); diff != "" {
			t.Error(diff)
		}
	})
}

// TestConnectionMended has deliveries wait for a connection that is not there, or was deauthorized.
func TestConnectionMended(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		c := serve("api", nil)
		m := e.destinations()
		ctx := t.Context()
		e.connect(m, "c", withParameters(withBasic))
		to, _ := e.destination(m, "d", destination.Destination{Connection: "c", URL: c.url})
		e.start()
		if _, err := m.DeauthorizeConnection(ctx, named("c")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		origin := e.invoke(to, `{"id":1}`, endpoint.Delivery{})
		a := e.last(origin, 1)
		if a.Outcome != dispatch.OutcomeRetry || a.Class != endpoint.ClassAuthorization || a.Reason != "the call is not authorized: the connection c is DEAUTHORIZED" {
			t.Errorf("%s", mustJSON(t, a))
		}
		if _, err := m.DeleteConnection(ctx, named("c")); err != nil {
			t.Fatal(err)
		}
		if a := e.last(origin, 2); a.Outcome != dispatch.OutcomeRetry || a.Reason != "the call is not authorized: the connection c does not exist" {
			t.Errorf("%s", mustJSON(t, a))
		}
		if s, err := e.d.Status(ctx, dispatch.KindDestination, named("d")); err != nil || s.Breaker.State != dispatch.BreakerIsClosed {
			t.Errorf("%+v %v", s, err)
		}
		other := e.invoke(to, `{"id":2}`, endpoint.Delivery{Retry: retries(0)})
		if a := e.last(other, 1); a.Outcome != dispatch.OutcomeDeadLettered || a.Code != "NO_PERMISSIONS" {
			t.Errorf("%s", mustJSON(t, a))
		}
		e.connect(m, "c", withKey)
		over(10 * time.Minute)
		if calls := c.got(); len(calls) != 1 || calls[0].body != `{"id":1}` || calls[0].header.Get("X-Api-Key") != "k3y-value" {
			t.Errorf("%+v", calls)
		}
		e.hidden(to)
	})
}

// TestConnectionChangeClosesBreaker has a change of a connection end the pause that the old one was the reason of.
func TestConnectionChangeClosesBreaker(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		c := serve("api", func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Api-Key") != "n3w-value" {
				w.WriteHeader(401)
			}
		})
		m := e.destinations()
		e.connect(m, "c", withKey)
		to, _ := e.destination(m, "d", destination.Destination{Connection: "c", URL: c.url})
		e.start()
		policy := schedule(3*time.Second, time.Hour)
		policy.MaxAge = duration.Of(time.Hour)
		for range 30 {
			e.invoke(to, `{}`, endpoint.Delivery{Retry: &policy})
		}
		over(time.Second)
		if s, _ := e.d.Status(t.Context(), dispatch.KindDestination, named("d")); s.Breaker.State == dispatch.BreakerIsClosed {
			t.Errorf("the breaker is %s", s.Breaker.State)
		}
		if _, err := m.UpdateConnection(t.Context(), named("c"), func(c *destination.Connection) error { c.KeyValue = "n3w-value"; return nil }); err != nil {
			t.Fatal(err)
		}
		over(5 * time.Second)
		if n := e.stats(to).Total(); n != 0 {
			t.Errorf("%d deliveries are left", n)
		}
		if n := len(e.builtin()); n != 0 {
			t.Errorf("%d dead letters", n)
		}
	})
}
