package dispatch_test

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog/catalogtest"
	"github.com/signalbox-mq/signalbox/queue/storetest"
)

// permitting is a store that nodes share, which can be made to give no permits. It counts what it is asked for.
type permitting struct {
	*storetest.Model
	down           atomic.Bool
	asked, granted atomic.Int64
}

func (p *permitting) Permit(ctx context.Context, now time.Time, id queue.ID, rate float64, burst, n int) (int, time.Time, error) {
	p.asked.Add(1)
	if p.down.Load() {
		return 0, time.Time{}, fmt.Errorf("no route: %w", queue.ErrUnavailable)
	}
	granted, next, err := p.Model.Permit(ctx, now, id, rate, burst, n)
	p.granted.Add(int64(granted + min(n, 0)))
	return granted, next, err
}

func shared(store queue.Store) func(t *testing.T) *env {
	return func(t *testing.T) *env { return newEnvOn(t, store, new(catalogtest.Memory)) }
}

// mostWithin is the most calls within a time.
func mostWithin(calls []call, d time.Duration) (most int) {
	first := 0
	for i := range calls {
		for calls[i].at.Sub(calls[first].at) >= d {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// Two nodes over one store keep an endpoint's rate together, free messages and groups alike, and use all of it.
func TestTwoNodesShareARate(t *testing.T) {
	store := &permitting{Model: storetest.NewModel()}
	virtualOn(t, shared(store), func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		c := serve("shop", func(http.ResponseWriter, *http.Request) { pass(5 * time.Millisecond) })
		const n, perSecond = 600, 20
		f := e.function("f", endpoint.Endpoint{URL: c.url, MaxInFlight: 50, Rate: endpoint.Rate{Count: perSecond, Per: time.Second}})
		e.start()
		stop := e.stop
		e.start()
		defer stop()
		var posts []post
		for i := range n {
			p := post{to: f, event: sample(`1`)}
			if i%3 == 0 {
				p.group = fmt.Sprint(i % 7)
			}
			posts = append(posts, p)
		}
		begun := time.Now()
		e.publish(posts...)
		over(time.Minute)
		calls := c.got()
		if len(calls) != n {
			t.Fatalf("%d attempts", len(calls))
		}
		if most := mostWithin(calls, time.Second); most > 2*perSecond {
			t.Errorf("%d attempts within a second, of a bucket of %d with as many per second", most, perSecond)
		}
		if most := mostWithin(calls, 10*time.Second); most > 11*perSecond {
			t.Errorf("%d attempts within ten seconds", most)
		}
		if took := calls[n-1].at.Sub(begun); took < (n/perSecond-2)*time.Second || took > (n/perSecond+5)*time.Second {
			t.Errorf("it took %s", took)
		}
		if granted := store.granted.Load(); granted < n || granted > n*11/10 {
			t.Errorf("%d permits for %d attempts", granted, n)
		}
	})
}

// Without permits nothing is attempted; when there are some again it goes on. An endpoint without a rate needs none.
func TestNoPermits(t *testing.T) {
	store := &permitting{Model: storetest.NewModel()}
	virtualOn(t, shared(store), func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		c, free := serve("shop", nil), serve("free", nil)
		f := e.function("f", endpoint.Endpoint{URL: c.url, Rate: endpoint.Rate{Count: 6, Per: time.Minute}})
		g := e.function("g", endpoint.Endpoint{URL: free.url})
		store.down.Store(true)
		e.start()
		e.publish(post{to: f, event: sample(`1`)}, post{to: f, event: sample(`2`)}, post{to: g, event: sample(`3`)})
		over(time.Minute)
		if n := len(c.got()); n != 0 || len(free.got()) != 1 {
			t.Errorf("%d attempts without permits, %d of what needs none", n, len(free.got()))
		}
		store.down.Store(false)
		over(15 * time.Second)
		if n := len(c.got()); n != 2 {
			t.Errorf("%d attempts", n)
		}
		over(time.Minute) // until it has found its queue empty
		asked := store.asked.Load()
		over(time.Hour)
		if n := store.asked.Load(); n != asked {
			t.Errorf("an endpoint that idles asked %d times for permits", n-asked)
		}
	})
}
