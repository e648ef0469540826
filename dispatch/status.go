package dispatch

import (
	"context"
	"fmt"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Status is how an endpoint is doing. Limits, breaker and counts are those of this node; Waiting is the queue's.
type Status struct {
	Kind string
	Name catalog.Name
	// Queue is its delivery queue.
	Queue queue.ID
	// InFlight is how many attempts run, Limit how many may, and Window how many may now: it grows from 1 as attempts
	// succeed.
	InFlight, Limit, Window int
	Rate                    endpoint.Rate
	Breaker                 BreakerStatus
	// Disabled says why nothing is attempted; nil if something is.
	Disabled *Disabling
	// LastFailure is the last attempt that failed, zero if none did. Delivered and Failed count attempts.
	LastFailure       Failure
	Delivered, Failed int64
	// Waiting counts the deliveries in the queue: ready, delayed until their next attempt, in flight.
	Waiting queue.Stats
	// Oldest is when the oldest of them was published; zero if there is none.
	Oldest time.Time
}

// BreakerStatus is the state of a breaker with its counters: failures in a row, and attempts and failures in the last
// minute.
type BreakerStatus struct {
	State              BreakerState
	Consecutive        int
	Attempts, Failures int
	// Until is when the next probe may be made; zero unless open.
	Until time.Time
}

// Status tells how the endpoint of a kind (KindFunction, KindSubscription, KindTopic, KindBus) and name is doing. It is not behind the
// definitions of this node. It fails with catalog.ErrNotFound.
func (d *Dispatcher) Status(ctx context.Context, kind string, name catalog.Name) (Status, error) {
	d.catchUp()
	d.mu.Lock()
	l := d.named[laneName{kind, name}]
	if l == nil {
		d.mu.Unlock()
		return Status{}, fmt.Errorf("%s %s: %w", kind, name.Name, catalog.ErrNotFound)
	}
	s := l.statusLocked(time.Now())
	d.mu.Unlock()
	all := []Status{s}
	err := d.count(ctx, all)
	return all[0], err
}

// Statuses tells how every endpoint is doing, as Status does, in no particular order.
func (d *Dispatcher) Statuses(ctx context.Context) ([]Status, error) {
	d.catchUp()
	now := time.Now()
	d.mu.Lock()
	all := make([]Status, 0, len(d.lanes))
	for _, l := range d.lanes {
		all = append(all, l.statusLocked(now))
	}
	d.mu.Unlock()
	return all, d.count(ctx, all)
}

func (l *lane) statusLocked(now time.Time) Status {
	s := Status{
		Kind: l.kind, Name: l.name, Queue: l.id,
		InFlight: l.running, Limit: l.spec.limit, Window: l.window, Rate: l.spec.endpoint.Rate,
		Breaker:  BreakerStatus{State: l.breaker.state(now), Consecutive: l.breaker.consecutive},
		Disabled: l.disabled, LastFailure: l.lastFailure, Delivered: l.delivered, Failed: l.failed,
	}
	s.Breaker.Attempts, s.Breaker.Failures = l.breaker.counts(now)
	if l.breaker.open {
		s.Breaker.Until = l.breaker.until
	}
	return s
}

func (d *Dispatcher) count(ctx context.Context, all []Status) error {
	if len(all) == 0 {
		return nil
	}
	ids := make([]queue.ID, len(all))
	for i := range all {
		ids[i] = all[i].Queue
	}
	stats, err := d.store.Stats(ctx, d.broker.Now(), ids)
	if err != nil {
		return fmt.Errorf("counting deliveries: %w", err)
	}
	for i := range all {
		all[i].Waiting = stats[i]
		if stats[i].Total() > 0 {
			all[i].Oldest = stats[i].OldestSent
		}
	}
	return nil
}

// Expiries says what bounds the attempts log has, for a queue.Sweeper.
func (d *Dispatcher) Expiries() ([]queue.Expiry, error) {
	if d.cfg.Attempts == 0 {
		return nil, nil
	}
	return []queue.Expiry{{
		Queue: d.cfg.Attempts, Kind: queue.Log, Retention: d.cfg.AttemptRetention, MaxBytes: d.cfg.AttemptMaxBytes,
	}}, nil
}
