package storetest

import (
	"context"
	"math"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

var _ queue.Shared = (*Model)(nil)

// nodeLease is who has a lease, and until when by the process's clock.
type nodeLease struct {
	holder string
	until  time.Time
}

// bucket has the permits of a queue's rate.
type bucket struct {
	permits float64
	at      int64 // milliseconds
}

// Lease implements [queue.Shared].
func (m *Model) Lease(ctx context.Context, name, holder string, ttl time.Duration) (bool, error) {
	if err := m.begin(ctx); err != nil {
		return false, err
	}
	defer m.mu.Unlock()
	now := time.Now()
	has, ok := m.state.leases[name]
	if ok && has.holder != holder && now.Before(has.until) {
		return false, nil
	}
	until := now.Add(ttl)
	if ok && has.holder == holder && until.Before(has.until) {
		until = has.until
	}
	m.state.leases[name] = nodeLease{holder, until}
	return true, nil
}

// Unlease implements [queue.Shared].
func (m *Model) Unlease(ctx context.Context, name, holder string) error {
	if err := m.begin(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if m.state.leases[name].holder == holder {
		delete(m.state.leases, name)
	}
	return nil
}

// Permit implements [queue.Shared].
func (m *Model) Permit(ctx context.Context, now time.Time, id queue.ID, rate float64, burst, n int) (granted int, next time.Time, err error) {
	if err := m.begin(ctx); err != nil {
		return 0, time.Time{}, err
	}
	defer m.mu.Unlock()
	b, ok := m.state.buckets[id]
	if !ok {
		b = bucket{permits: float64(burst), at: now.UnixMilli()}
	}
	at := max(b.at, now.UnixMilli())
	b.permits = min(b.permits+rate*float64(at-b.at)/1000, float64(burst))
	b.at = at
	switch {
	case n < 0:
		b.permits = min(b.permits-float64(n), float64(burst))
	default:
		// What is missing by rounding is not missing.
		granted = min(n, int(math.Floor(b.permits+1e-9)))
		b.permits -= float64(granted)
		if granted == 0 && n > 0 {
			next = time.UnixMilli(at + int64(math.Ceil((1-b.permits)/rate*1000))).UTC()
		}
	}
	m.state.buckets[id] = b
	return granted, next, nil
}
