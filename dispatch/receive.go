package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// maxReceiveBytes bounds the bodies of one receive. The largest message is below a quarter of it.
const maxReceiveBytes = 16 << 20

// receive leases up to n messages of a lane, for which it has the slots, and attempts them. Up to so many ahead go into the
// lane's buffer.
func (d *Dispatcher) receive(ctx context.Context, l *lane, s *spec, n, ahead int) {
	d.mu.Lock()
	inFlight := s.limit
	if !d.cfg.Shared {
		// The lane's own slots keep the limit; the store counts those too that are leased here without being attempted.
		inFlight += l.waiting + l.settling + ahead
	}
	d.mu.Unlock()
	p, err := d.permit(ctx, l, s, n)
	if err != nil || p.granted == 0 && n > 0 {
		d.refused(ctx, l, n, p, err)
		return
	}
	d.mu.Lock()
	d.releaseLocked(l, n-p.granted)
	d.mu.Unlock()
	n = p.granted
	res, err := d.store.Receive(ctx, queue.ReceiveRequest{
		Now: d.broker.Now(), Queue: l.id, Kind: queue.FIFO, Max: n + ahead, MaxBytes: maxReceiveBytes, Visibility: s.lease,
		MaxInFlight: inFlight,
	})
	chains := chainsOf(res.Messages)
	bytes := 0
	for i := range res.Messages {
		bytes += len(res.Messages[i].Body)
	}
	full := len(res.Messages) == n+ahead || bytes > maxReceiveBytes*3/4

	now := time.Now()
	d.mu.Lock()
	l.receiving = false
	l.ready = full || l.again || res.OverLimit || err != nil
	l.waiting += len(res.Messages) - len(chains)
	if l.limiter != nil && len(chains) > 0 {
		l.limiter.AllowN(now, len(chains))
	}
	switch {
	case err != nil:
		l.resume = now.Add(time.Second)
	case len(chains) == 0 && l.ready:
		l.pauseVain(now)
	default:
		l.vain = 0
	}
	if !l.ready && l.unwatched && !l.gone {
		l.unwatched = false
		d.watch = append(d.watch, l.id)
	}
	if len(chains) > n {
		for _, chain := range chains[n:] {
			l.buffer = append(l.buffer, chain)
			l.waiting++ // its first; the others are counted
		}
		chains = chains[:n]
	}
	d.releaseLocked(l, n-len(chains))
	if !d.mayAttemptLocked(l) {
		d.flushLocked(l)
	}
	d.fillLocked(ctx, l)
	d.wantLocked(l)
	// Another receive, or the watcher, may have something to do for the loop.
	kick := l.queued || len(d.watch) > 0 || len(d.line) > 0
	unwanted := d.stopping || l.disabled != nil // some may have come after Disable had returned
	d.mu.Unlock()

	if d.faulted(ctx, l, err) {
		return
	}
	if unused := p.granted - len(chains); p.rated && unused > 0 {
		d.work.start(func() { d.unused(ctx, l, s, unused) })
	}
	if kick {
		d.kick()
	}
	for i, chain := range chains {
		switch {
		case unwanted: // nothing was attempted, so there is no need to let the lease run out
			d.giveBack(l, chain, len(chain)-1)
		case i == len(chains)-1:
			d.runChain(ctx, l, s, chain)
		default:
			d.work.start(func() { d.runChain(ctx, l, s, chain) })
		}
	}
}

// faulted tells of an error of the store, and reports whether that ends the dispatcher.
func (d *Dispatcher) faulted(ctx context.Context, l *lane, err error) bool {
	if err == nil || ctx.Err() != nil {
		return false
	}
	if errors.Is(err, queue.ErrStoreClosed) {
		d.fail(fmt.Errorf("dispatching: %w", err))
		return true
	}
	d.cfg.OnFault(fmt.Errorf("receiving deliveries of %s %s: %w", l.kind, l.name.Name, err))
	return false
}

// chainsOf divides messages into those that may be attempted at the same time: each free message alone, and the messages of
// a group one after the other.
func chainsOf(messages []queue.Message) [][]queue.Message {
	chains := make([][]queue.Message, 0, len(messages))
	var groups map[string]int
	for i := range messages {
		group := messages[i].Group
		if group == "" {
			chains = append(chains, messages[i:i+1:i+1])
			continue
		}
		if at, ok := groups[group]; ok {
			chains[at] = append(chains[at], messages[i])
			continue
		}
		if groups == nil {
			groups = map[string]int{}
		}
		groups[group] = len(chains)
		chains = append(chains, messages[i:i+1:i+1])
	}
	return chains
}

// runChain attempts the messages of a chain, and then those of the lane's buffer. It has one slot.
func (d *Dispatcher) runChain(ctx context.Context, l *lane, s *spec, chain []queue.Message) {
	for chain != nil {
		if chain[0].Deadline.Sub(d.broker.Now()) < s.lease-leaseMargin/2 {
			d.giveBack(l, chain, len(chain)-1) // it has waited too long for its turn
			return
		}
		chain = d.runOne(ctx, l, s, chain)
		if chain != nil {
			d.mu.Lock()
			s = l.spec
			d.mu.Unlock()
		}
	}
}

// runOne attempts messages of one group, in order, for as long as each comes to its end. It returns the chain to go on
// with, nil when the slot is gone.
func (d *Dispatcher) runOne(ctx context.Context, l *lane, s *spec, chain []queue.Message) []queue.Message {
	for i := range chain {
		rest := chain[i+1:]
		if i > 0 {
			var ok bool
			if s, ok = d.goOn(ctx, l, &chain[i]); !ok {
				d.giveBack(l, chain[i:], len(chain)-i)
				return nil
			}
		}
		o := d.attempt(ctx, l, s, &chain[i])
		if o == nil { // interrupted: all of it stays leased
			d.abandon(l, len(rest))
			return nil
		}
		if len(rest) == 0 {
			next := d.succeed(ctx, l, o)
			d.settler.put(o)
			return next
		}
		o.done = make(chan bool, 1)
		d.settler.put(o)
		// The next of the group must not begin before it is certain that this one is not attempted again.
		if over := <-o.done; !over {
			d.giveBack(l, rest, len(rest))
			return nil
		}
	}
	return nil
}

// goOn says whether the next message of a chain may be attempted now, and with which definition.
func (d *Dispatcher) goOn(ctx context.Context, l *lane, m *queue.Message) (*spec, bool) {
	now := time.Now()
	d.mu.Lock()
	s := l.spec
	ok := !d.stopping && !l.gone && l.disabled == nil && !l.breaker.open && l.running <= s.limit &&
		(l.limiter == nil || l.limiter.AllowN(now, 1))
	d.mu.Unlock()
	if !ok {
		return s, false
	}
	if p, err := d.permit(ctx, l, s, 1); err != nil || p.granted == 0 {
		return s, false
	}
	at := d.broker.Now()
	if m.Deadline.Sub(at) < s.lease-leaseMargin/2 {
		errs, err := d.store.Extend(ctx, at, []queue.Extension{{Receipt: m.Receipt, Visibility: s.lease}})
		if err != nil || errs[0] != nil {
			return s, false
		}
	}
	d.mu.Lock()
	l.waiting--
	d.mu.Unlock()
	return s, true
}

// giveBack releases the messages of a chain that were not attempted, at once and unchanged, and the chain's slot. So many
// of them are counted as waiting.
func (d *Dispatcher) giveBack(l *lane, messages []queue.Message, waiting int) {
	outcomes := make([]*outcome, len(messages))
	for i := range messages {
		outcomes[i] = &outcome{
			lane:       l,
			settlement: queue.Settlement{Receipt: messages[i].Receipt, Action: queue.Release},
			frees:      i == len(messages)-1,
		}
	}
	d.mu.Lock()
	l.waiting -= waiting
	d.mu.Unlock()
	d.settler.put(outcomes...)
}

// abandon gives up the slot of a chain that was cut off, and forgets the messages that waited in it.
func (d *Dispatcher) abandon(l *lane, waiting int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l.waiting -= waiting
	d.releaseLocked(l, 1)
}
