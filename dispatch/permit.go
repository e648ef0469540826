package dispatch

import (
	"context"
	"time"
)

// Where nodes share a store, an endpoint's rate is kept by the store's permits instead of the lane's limiter. They are asked for
// before a receive, for as many deliveries as the lane has room for, and what the queue did not have is given back.

// permission is the right to begin attempts.
type permission struct {
	granted int
	// next is when to ask again if none was granted; zero for whenever.
	next time.Time
	// rated says that it was taken from the endpoint's rate.
	rated bool
}

// permit returns the right to begin up to n attempts of a lane.
func (d *Dispatcher) permit(ctx context.Context, l *lane, s *spec, n int) (permission, error) {
	r := s.endpoint.Rate
	if d.permits == nil || r.Unlimited() || n == 0 {
		return permission{granted: n}, nil
	}
	now := d.broker.Now()
	granted, next, err := d.permits.Permit(ctx, now, l.id, r.PerSecond(), r.Burst(), n)
	p := permission{granted: granted, rated: true}
	if granted == 0 && err == nil {
		p.next = time.Now().Add(max(next.Sub(now), time.Millisecond))
	}
	return p, err
}

// unused gives back permits. If that fails the endpoint gets a little less than its rate.
func (d *Dispatcher) unused(ctx context.Context, l *lane, s *spec, n int) {
	r := s.endpoint.Rate
	_, _, _ = d.permits.Permit(ctx, d.broker.Now(), l.id, r.PerSecond(), r.Burst(), -n)
}

// refused ends a receive of a lane, with its n slots, that may not begin.
func (d *Dispatcher) refused(ctx context.Context, l *lane, n int, p permission, err error) {
	now := time.Now()
	d.mu.Lock()
	l.receiving = false
	l.resume = p.next
	if err != nil {
		l.resume = now.Add(time.Second)
	}
	d.releaseLocked(l, n)
	d.wantLocked(l)
	d.mu.Unlock()
	if !d.faulted(ctx, l, err) {
		d.kick()
	}
}
