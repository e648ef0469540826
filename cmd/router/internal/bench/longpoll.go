package bench

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// longPoll measures how long a message takes from the start of its send to those who wait for one, at a fixed rate. The
// clients wait; the senders are others. A message's time begins when it is due and a sender
// should send it, so a server that keeps the senders waiting does not look faster for it.
func (m *measurement) longPoll(ctx context.Context) ([]phase, error) {
	o := m.options
	interval := time.Second / time.Duration(o.Rate)
	total := max(int64((o.Warmup+o.Duration)/interval), 1)
	warm := min(int64(o.Warmup/interval), total-1)

	// Waiting ends before ctx does, when all has come.
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	p := &poll{warm: warm, total: total, due: make([]atomic.Int64, total), start: time.Now(), moved: make(chan struct{}, 1)}
	p.waiters = newCrew(m.address, m.queueURL, m.clients, clientOptions{body: m.body, most: batchSize, waitSeconds: 20})
	defer p.waiters.close()
	// So many senders keep the rate of a server that takes 100 ms for each send.
	p.senders = newCrew(m.address, m.queueURL, min(max(o.Rate/10, 8), 512), clientOptions{body: m.body, most: 1})
	defer p.senders.close()

	from := p.start.Add(time.Duration(warm) * interval)
	profiled := m.profile(ctx, "long-poll", from)
	var parts sync.WaitGroup
	parts.Go(func() { p.waiters.each(func(c *client) { p.wait(waiting, c) }) })
	p.send(ctx, interval)
	p.finish(ctx, o.stall())
	cancel()
	parts.Wait()

	s := p.waiters.sample(from, from.Add(o.Duration+o.stall()), true)
	sending := p.senders.sample(from, from, false)
	if s.Errors += sending.Errors; s.FirstError == "" {
		s.FirstError = sending.FirstError
	}
	if sent, deleted := p.sent.Load(), p.deleted.Load(); s.Errors == 0 && sent != deleted && ctx.Err() == nil {
		s.fail(fmt.Errorf("%d messages were sent and %d came and were deleted", sent, deleted))
	}
	err := profiled()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return []phase{{name: "long-poll", sample: s}}, err
}

// poll is the state of a long-poll measurement.
type poll struct {
	waiters, senders *crew
	// The messages from warm to total-1 are counted.
	warm, total int64
	start       time.Time
	// due is when each message was due, in nanoseconds since start; below 0 once it has come.
	due           []atomic.Int64
	sent, deleted atomic.Int64
	// moved has an element if deleted has changed.
	moved chan struct{}
}

// send sends all messages when they are due, and returns when they have been answered.
func (p *poll) send(ctx context.Context, interval time.Duration) {
	numbers := make(chan int64, p.total) // never full: who is late must not hold up the clock
	var parts sync.WaitGroup
	parts.Go(func() {
		p.senders.each(func(c *client) {
			for n := range numbers {
				putNumber(c.send[c.number:], uint64(n))
				if err := c.sendOne(ctx); err != nil {
					p.senders.fail(ctx, c, err)
				} else {
					p.sent.Add(1)
				}
			}
		})
	})
	timer := time.NewTimer(0)
	defer timer.Stop()
	for n := int64(0); n < p.total && p.senders.goesOn(ctx) && p.waiters.goesOn(ctx); n++ {
		if ahead := time.Until(p.start.Add(time.Duration(n) * interval)); ahead > 0 {
			timer.Reset(ahead)
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
		}
		// Timers are up to a millisecond late, which is not the server's fault: it is due now.
		p.due[n].Store(int64(time.Since(p.start)) + 1)
		numbers <- n
	}
	close(numbers)
	parts.Wait()
}

// wait receives and deletes until ctx ends.
func (p *poll) wait(ctx context.Context, c *client) {
	for p.waiters.goesOn(ctx) {
		if err := c.receiveSome(ctx); err != nil {
			p.waiters.fail(ctx, c, err)
			continue
		}
		arrived := time.Now()
		n := int64(len(c.ans.messages))
		if n == 0 {
			continue
		}
		for _, m := range c.ans.messages {
			if err := p.arrived(c, m, arrived); err != nil {
				p.waiters.fail(ctx, c, err)
			}
		}
		if err := c.deleteAll(ctx); err != nil {
			p.waiters.fail(ctx, c, err)
			continue
		}
		p.deleted.Add(n)
		select {
		case p.moved <- struct{}{}:
		default:
		}
	}
}

// arrived counts a message.
func (p *poll) arrived(c *client, m message, at time.Time) error {
	n, ok := numberOf(m.body)
	if !ok || n >= uint64(p.total) {
		return fmt.Errorf("ReceiveMessage: the body is none that was sent: %.100s", m.body)
	}
	due := p.due[n].Swap(-1)
	if due <= 0 {
		return fmt.Errorf("ReceiveMessage: message %d came although it was not sent, or twice", n)
	}
	if int64(n) >= p.warm {
		c.tally.count(window{from: p.start, until: at}, p.start.Add(time.Duration(due-1)), at, 1)
	}
	return nil
}

// finish waits until all that was sent has been deleted, or nothing has come for the time of stall.
func (p *poll) finish(ctx context.Context, stall time.Duration) {
	limit := time.NewTimer(stall)
	defer limit.Stop()
	for p.deleted.Load() < p.sent.Load() && p.waiters.goesOn(ctx) {
		select {
		case <-p.moved:
			limit.Reset(stall)
		case <-limit.C:
			return
		case <-ctx.Done():
			return
		}
	}
}
