package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// sharedRules are for stores that implement [queue.Shared].
func sharedRules() []rule {
	return []rule{
		{name: "a lease is one holder's", run: onShared(func(e *env, s queue.Shared) {
			e.lease(s, "sweep", "a", time.Hour, true)
			e.lease(s, "sweep", "b", time.Hour, false)
			e.lease(s, "retire", "b", time.Hour, true)
			e.lease(s, "sweep", "a", time.Hour, true)
			e.unlease(s, "sweep", "b")
			e.lease(s, "sweep", "b", time.Hour, false)
			e.unlease(s, "sweep", "a")
			e.lease(s, "sweep", "b", time.Hour, true)
			e.lease(s, "sweep", "a", time.Hour, false)
			e.unlease(s, "nothing", "a")
		})},
		{name: "of many that ask at once, one gets the lease", run: onShared(func(e *env, s queue.Shared) {
			for round := range 10 {
				var held atomic.Int64
				var wg sync.WaitGroup
				for i := range 8 {
					wg.Go(func() {
						got, err := s.Lease(e.ctx, fmt.Sprint("work", round), fmt.Sprint("node", i), time.Hour)
						if err != nil {
							e.Errorf("lease: %v", err)
						}
						if got {
							held.Add(1)
						}
					})
				}
				wg.Wait()
				if n := held.Load(); n != 1 {
					e.Fatalf("%d have the lease", n)
				}
			}
		})},
		{name: "a lease outlasts the process", run: onShared(func(e *env, s queue.Shared) {
			e.lease(s, "sweep", "a", time.Hour, true)
			e.reopen()
			s, _ = e.store.(queue.Shared)
			e.lease(s, "sweep", "b", time.Hour, false)
			e.lease(s, "sweep", "a", time.Hour, true)
		})},
		// The next two take real time, since a lease's is the store's own.
		{name: "a lease ends when it is not renewed", run: onShared(func(e *env, s queue.Shared) {
			begun := time.Now()
			e.lease(s, "sweep", "a", time.Second, true)
			e.awaitLease(s, "sweep", "b", time.Hour)
			if after := time.Since(begun); after < time.Second {
				e.Errorf("a lease for 1s ended after %s", after)
			}
			e.lease(s, "sweep", "a", time.Hour, false)
		})},
		{name: "renewing a lease makes it longer, never shorter", run: onShared(func(e *env, s queue.Shared) {
			e.lease(s, "renewed", "a", time.Second, true)
			e.lease(s, "renewed", "a", time.Hour, true)
			e.lease(s, "longer", "a", time.Hour, true)
			e.lease(s, "longer", "a", time.Second, true)
			e.lease(s, "clock", "a", time.Second, true) // ends after what the others had at first, or last
			e.awaitLease(s, "clock", "b", time.Hour)
			e.lease(s, "renewed", "b", time.Hour, false)
			e.lease(s, "longer", "b", time.Hour, false)
		})},
		{name: "permits come at their rate, up to a burst", run: onShared(func(e *env, s queue.Shared) {
			p := permits{e, s, std, 10, 5}
			p.take(3, 3)
			p.take(10, 2)
			next := p.take(1, 0)
			p.near("the next permit", next, e.now.Add(100*time.Millisecond))
			e.now = next
			p.take(10, 1)
			p.take(10, 0)
			e.pass(300 * time.Millisecond)
			p.take(2, 2)
			p.take(10, 1)
			e.pass(time.Hour)
			p.take(10, 5)
			p.take(10, 0)
		})},
		{name: "slow rates have their permits in time", run: onShared(func(e *env, s queue.Shared) {
			p := permits{e, s, std, 1.0 / 60, 1}
			for range 5 {
				p.take(4, 1)
				next := p.take(4, 0)
				p.near("the next permit", next, e.now.Add(time.Minute))
				e.now = next.Add(-time.Second)
				p.take(1, 0)
				e.now = next
			}
		})},
		{name: "permits that were not used are given back", run: onShared(func(e *env, s queue.Shared) {
			p := permits{e, s, std, 1, 10}
			p.take(10, 10)
			p.take(-4, 0)
			p.take(10, 4)
			p.take(-100, 0)
			p.take(100, 10)
			p.take(1, 0)
		})},
		{name: "each queue has permits of its own", run: onShared(func(e *env, s queue.Shared) {
			a, b := permits{e, s, std, 1, 2}, permits{e, s, fifo, 1, 3}
			a.take(5, 2)
			b.take(5, 3)
			a.take(5, 0)
			b.take(5, 0)
		})},
		{name: "a clock that is behind takes no permits and makes none", run: onShared(func(e *env, s queue.Shared) {
			p := permits{e, s, std, 10, 10}
			p.take(6, 6)
			now := e.now
			e.now = now.Add(-time.Hour)
			p.take(10, 4)
			p.take(10, 0)
			e.now = now.Add(200 * time.Millisecond)
			p.take(10, 2)
		})},
		{name: "permits are not given twice", run: onShared(func(e *env, s queue.Shared) {
			var granted atomic.Int64
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					for range 20 {
						n, _, err := s.Permit(e.ctx, e.now, std, 1, 50, 3)
						if err != nil {
							e.Errorf("permit: %v", err)
						}
						granted.Add(int64(n))
					}
				})
			}
			wg.Wait()
			if n := granted.Load(); n != 50 {
				e.Errorf("%d permits of 50", n)
			}
		})},
	}
}

func onShared(run func(*env, queue.Shared)) func(*env) {
	return func(e *env) {
		e.Helper()
		s, ok := e.store.(queue.Shared)
		if !ok {
			e.Skipf("the store is for one process")
		}
		run(e, s)
	}
}

func (e *env) lease(s queue.Shared, name, holder string, ttl time.Duration, want bool) {
	e.Helper()
	held, err := s.Lease(e.ctx, name, holder, ttl)
	if err != nil || held != want {
		e.Fatalf("lease of %s for %s: %v, %v; want %v", name, holder, held, err, want)
	}
}

func (e *env) unlease(s queue.Shared, name, holder string) {
	e.Helper()
	if err := s.Unlease(e.ctx, name, holder); err != nil {
		e.Fatalf("unlease of %s for %s: %v", name, holder, err)
	}
}

// awaitLease asks until the lease is had.
func (e *env) awaitLease(s queue.Shared, name, holder string, ttl time.Duration) {
	e.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(drainLimit); ; {
		held, err := s.Lease(e.ctx, name, holder, ttl)
		if err != nil {
			e.Fatalf("lease: %v", err)
		}
		if held {
			return
		}
		if time.Now().After(limit) {
			e.Fatalf("the lease of %s does not end", name)
		}
		<-tick.C
	}
}

// permits are those of one queue.
type permits struct {
	*env
	s     queue.Shared
	queue queue.ID
	rate  float64
	burst int
}

// take takes permits and returns when the next comes.
func (p permits) take(n, want int) time.Time {
	p.Helper()
	granted, next, err := p.s.Permit(p.ctx, p.now, p.queue, p.rate, p.burst, n)
	if err != nil || granted != want {
		p.Fatalf("%d permits: %d, %v; want %d", n, granted, err, want)
	}
	if n > 0 && granted == 0 && !next.After(p.now) {
		p.Fatalf("the next permit comes at %s, and it is %s", next, p.now)
	}
	return next
}

// near compares times, but for a millisecond of rounding.
func (p permits) near(what string, got, want time.Time) {
	p.Helper()
	if d := got.Sub(want); d < -time.Millisecond || d > time.Millisecond {
		p.Fatalf("%s: %s, want %s", what, got, want)
	}
}
