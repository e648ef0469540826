package dispatch_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/dispatch/destination"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue"
)

// A dead endpoint and a slow one among a hundred do not delay the others, in real time over real sockets. What it judges
// is that the others have everything while the two still have next to everything before them; how long that took, with
// and without the two, it logs.
func TestDeadAndSlowAmongAHundred(t *testing.T) {
	t.Parallel()
	without := hundred(t, false)
	with := hundred(t, true)
	t.Logf("publish to request at the 98 healthy endpoints: p50 %v p99 %v; with a dead and a slow one: p50 %v p99 %v",
		without[len(without)/2], without[len(without)*99/100], with[len(with)/2], with[len(with)*99/100])
}

func hundred(t *testing.T, bad bool) []time.Duration {
	t.Helper()
	const endpoints, rounds, backlog = 100, 10, 500
	e := newEnv(t)
	var mu sync.Mutex
	var took []time.Duration
	over := make(chan struct{})
	healthy := collect(t, func(w http.ResponseWriter, r *http.Request) {
		now := time.Now()
		at, err := time.Parse(time.RFC3339Nano, r.Header.Get("Ce-Subject"))
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		if took = append(took, now.Sub(at)); len(took) == (endpoints-2)*rounds {
			close(over)
		}
	})
	end := make(chan struct{})
	defer close(end)
	slow := collect(t, func(_ http.ResponseWriter, r *http.Request) { // so slow that nothing is ever delivered
		select {
		case <-end:
		case <-r.Context().Done():
		}
	})
	var to []queue.ID
	for i := range endpoints {
		url := healthy.url
		switch i {
		case 0:
			url = "http://127.0.0.1:1/" // nobody listens there
		case 1:
			url = slow.url
		}
		to = append(to, e.function(fmt.Sprintf("f%d", i), endpoint.Endpoint{URL: url, Format: endpoint.FormatCloudEventBinary}))
	}
	e.cfg.Grace = -1
	e.start()
	began := time.Now()
	if bad {
		var posts []post
		for range backlog {
			posts = append(posts, post{to: to[0], event: sample(`1`)}, post{to: to[1], event: sample(`1`)})
		}
		e.publish(posts...)
		e.await("the dead one's failure", func(a []dispatch.Attempt, _ []dispatch.StateChange) bool { return len(a) > 0 })
		slow.await(t, 1)
	}
	pace := time.NewTicker(time.Millisecond) // 1,000 events a second
	defer pace.Stop()
	for range rounds {
		for _, id := range to[2:] {
			<-pace.C
			ev := sample(`1`)
			ev.Subject = time.Now().Format(time.RFC3339Nano)
			e.publish(post{to: id, event: ev})
		}
	}
	limit := time.NewTimer(failLimit)
	defer limit.Stop()
	select {
	case <-over:
	case <-limit.C:
		mu.Lock()
		defer mu.Unlock()
		t.Fatalf("%d of %d were delivered", len(took), (endpoints-2)*rounds)
	}
	if bad {
		// Once attempts time out, the next ones begin before the server has noticed.
		if most := slow.most.Load(); most > endpoint.DefaultMaxInFlight && time.Since(began) < endpoint.DefaultTimeout {
			t.Errorf("the slow endpoint has %d attempts at once", most)
		}
		for i, what := range []string{"dead", "slow"} {
			if left := e.stats(to[i]).Total(); left != backlog {
				t.Errorf("the %s endpoint has %d of %d left", what, left, backlog)
			}
		}
	}
	e.stop()
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(took)
	return took
}

// A destination that has stopped answering and one with far more to do than its rate do not keep functions and other destinations
// waiting: those have everything before a single call of the one has ended and while next to all waits for the other.
func TestDeadAndThrottledDestinations(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		const others, rounds, backlog, warm = 10, 20, 500, 100
		var hang atomic.Bool
		dead := serve("dead", func(_ http.ResponseWriter, r *http.Request) {
			if hang.Load() {
				<-r.Context().Done()
			}
		})
		throttled, healthy := serve("throttled", nil), serve("healthy", nil)
		m := e.destinations()
		e.connect(m, "c", withKey)
		never, _ := e.destination(m, "dead", destination.Destination{Connection: "c", URL: dead.url})
		slow, _ := e.destination(m, "throttled", destination.Destination{Connection: "c", URL: throttled.url, Rate: 1})
		var functions, destinations []queue.ID
		for i := range others {
			functions = append(functions, e.function(fmt.Sprintf("f%d", i), endpoint.Endpoint{URL: fmt.Sprintf("%s/f%d", healthy.url, i)}))
			to, _ := e.destination(m, fmt.Sprintf("d%d", i), destination.Destination{Connection: "c", URL: fmt.Sprintf("%s/d%d", healthy.url, i)})
			destinations = append(destinations, to)
		}
		e.cfg.Grace, e.cfg.MaxInFlight = -1, 32 // fewer than the dead one may have under way
		e.start()
		for range warm { // it answers first, so that its window is as wide as can be
			e.invoke(never, `{}`, endpoint.Delivery{})
		}
		dead.await(t, warm)
		over(10 * time.Second)
		hang.Store(true)
		for range backlog {
			e.invoke(never, `{}`, endpoint.Delivery{})
			e.invoke(slow, `{}`, endpoint.Delivery{})
		}
		synctest.Wait()
		for range rounds {
			for i := range others {
				e.publish(post{to: functions[i], event: sample(`1`)})
				e.invoke(destinations[i], `{}`, endpoint.Delivery{})
			}
		}
		healthy.await(t, 2*others*rounds)
		e.mu.Lock()
		for _, a := range e.attempts {
			if a.Endpoint == "dead" && a.Class != endpoint.ClassNone {
				t.Errorf("they waited for %+v", a)
				break
			}
		}
		e.mu.Unlock()
		if running, left := dead.running.Load(), e.stats(never).Total(); running < 2 || left != backlog {
			t.Errorf("the dead one has %d calls under way and %d deliveries", running, left)
		}
		if left := e.stats(slow).Total(); left < backlog-10 {
			t.Errorf("the throttled one has %d deliveries left", left)
		}
		synctest.Wait()
		arrived := map[string]int{}
		for _, c := range healthy.got() {
			arrived[c.path]++
		}
		for path, n := range arrived {
			if n != rounds || len(arrived) != 2*others {
				t.Errorf("%s has %d calls; there are %d paths", path, n, len(arrived))
			}
		}
		// Nor does the dead one hold up the throttled one.
		throttled.await(t, 20)
	})
}

// Endpoints that hang can not take the whole of the node's capacity, however many attempts each may have.
func TestHangingEndpointsLeaveRoom(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		var hang bool
		hanging := serve("hanging", func(_ http.ResponseWriter, r *http.Request) {
			if hang {
				<-r.Context().Done()
			}
		})
		healthy := serve("healthy", nil)
		e.cfg.MaxInFlight = 16
		var bad []queue.ID
		for i := range 2 {
			bad = append(bad, e.function(fmt.Sprintf("bad%d", i), endpoint.Endpoint{URL: hanging.url, MaxInFlight: 1000}))
		}
		good := e.function("good", endpoint.Endpoint{URL: healthy.url})
		e.start()
		for range 2 { // first they are quick, so that their windows grow
			for range 100 {
				e.publish(post{to: bad[0], event: sample(`1`)}, post{to: bad[1], event: sample(`1`)})
			}
			over(time.Second)
			hang = true
		}
		if n := hanging.running.Load(); n < 8 || n > 15 {
			t.Errorf("%d attempts hang", n)
		}
		for range 50 {
			e.publish(post{to: good, event: sample(`1`)})
		}
		over(100 * time.Millisecond)
		if n := len(healthy.got()); n != 50 {
			t.Errorf("%d delivered beside what hangs", n)
		}
	})
}

func TestLimits(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		c := serve("limited", func(http.ResponseWriter, *http.Request) { pass(10 * time.Millisecond) })
		f := e.function("limited", endpoint.Endpoint{URL: c.url, MaxInFlight: 7})
		r := serve("rated", nil)
		g := e.function("rated", endpoint.Endpoint{URL: r.url, Rate: endpoint.Rate{Count: 20, Per: time.Second}})
		var posts []post
		const n = 400
		for i := range n {
			group := ""
			if i%2 == 0 {
				group = fmt.Sprint(i % 3)
			}
			posts = append(posts, post{to: f, event: sample(`1`), group: group}, post{to: g, event: sample(`1`), group: group})
		}
		e.start()
		e.publish(posts...)
		over(time.Minute)
		if most := c.most.Load(); most != 7 || len(c.got()) != n {
			t.Errorf("%d attempts, %d at once", len(c.got()), most)
		}
		calls := r.got()
		if len(calls) != n {
			t.Fatalf("%d of %d", len(calls), n)
		}
		// The bucket holds one second's worth; beyond it, no stretch of time has more than the rate.
		for i := range calls {
			for _, k := range []int{20, 50, 100, 300} {
				if i+20+k < n {
					if d := calls[i+20+k].at.Sub(calls[i].at); d < time.Duration(k)*time.Second/20 {
						t.Fatalf("%d attempts in %v", 20+k, d)
					}
				}
			}
		}
		if d := calls[n-1].at.Sub(calls[0].at); d > 25*time.Second {
			t.Errorf("%d at 20/s took %v", n, d)
		}
	})
}
