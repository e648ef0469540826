package dispatch

import (
	"context"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// A lane whose attempts are quick receives some deliveries ahead, into its buffer: then an attempt that ends is followed by
// the next without waiting for the disk, and one receive, which costs about as much as an attempt, is for many. What is in
// a buffer is leased, so it is given back when the lane is blocked or the dispatcher stops. It is not done for endpoints with
// a rate, nor where nodes share a store, which would keep deliveries from each other.

const (
	// quick is how long attempts may take for it to be worth while.
	quick = 50 * time.Millisecond
	// maxAhead bounds a buffer.
	maxAhead = 64
	// paceWeight is how many attempts the pace looks back.
	paceWeight = 8
)

// mayReceive says whether nothing but its own slots keeps a lane from receiving.
func (l *lane) mayReceive() bool {
	return !l.gone && l.disabled == nil && !l.receiving && l.ready && l.spec != nil && !l.breaker.open
}

// aheadLocked returns how many messages a lane may receive ahead.
func (d *Dispatcher) aheadLocked(l *lane) int {
	if d.cfg.Shared || d.stopping || l.limiter != nil || l.breaker.open || l.pace == 0 || l.pace > quick ||
		d.used >= d.cfg.MaxInFlight || len(l.buffer) > l.window/2 {
		return 0
	}
	return max(min(2*l.window, maxAhead)-len(l.buffer), 0)
}

// fillLocked starts what a lane has in its buffer, as far as there are slots.
func (d *Dispatcher) fillLocked(ctx context.Context, l *lane) {
	for len(l.buffer) > 0 && l.running < l.window && d.used < d.cfg.MaxInFlight && d.mayAttemptLocked(l) {
		chain := l.nextLocked()
		d.takeLocked(l, 1)
		s := l.spec
		d.work.start(func() { d.runChain(ctx, l, s, chain) })
	}
}

func (d *Dispatcher) mayAttemptLocked(l *lane) bool {
	return !d.stopping && !l.gone && l.disabled == nil && !l.breaker.open
}

// nextLocked takes the first chain out of a lane's buffer.
func (l *lane) nextLocked() []queue.Message {
	chain := l.buffer[0]
	l.buffer[0] = nil
	l.buffer = l.buffer[1:]
	l.waiting--
	return chain
}

// flushLocked gives back what is in a lane's buffer.
func (d *Dispatcher) flushLocked(l *lane) {
	var outcomes []*outcome
	for _, chain := range l.buffer {
		for i := range chain {
			outcomes = append(outcomes, &outcome{
				lane: l, settlement: queue.Settlement{Receipt: chain[i].Receipt, Action: queue.Release},
			})
		}
	}
	l.buffer = nil
	l.waiting -= len(outcomes)
	if len(outcomes) > 0 {
		d.settler.put(outcomes...)
	}
}

// succeed ends an attempt and returns the chain that its goroutine goes on with, in its slot; nil for none.
func (d *Dispatcher) succeed(ctx context.Context, l *lane, o *outcome) []queue.Message {
	d.mu.Lock()
	if d.cfg.Shared || l.settling >= l.spec.settlingLimit() {
		o.frees = true // the slot goes when the attempt is settled
		d.mu.Unlock()
		return nil
	}
	o.settling = true
	l.settling++
	var next []queue.Message
	switch {
	case len(l.buffer) == 0:
		d.releaseLocked(l, 1)
	case !d.mayAttemptLocked(l) || (d.used >= d.cfg.MaxInFlight && len(d.line) > 0):
		// Blocked, or it is the turn of others.
		d.flushLocked(l)
		d.releaseLocked(l, 1)
	case l.running > l.window:
		d.releaseLocked(l, 1)
	default:
		next = l.nextLocked()
		d.fillLocked(ctx, l)
		if len(l.buffer) <= l.window/2 {
			d.wantLocked(l)
		}
	}
	kick := len(d.line) > 0
	d.mu.Unlock()
	if kick {
		d.kick()
	}
	return next
}
