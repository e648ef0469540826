package dispatch

import (
	"context"
	"fmt"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

const (
	retireBatch = 100
	retirePoll  = 100 * time.Millisecond
	// retireWait is the longest that attempts under way may go on: the longest lease.
	retireWait = max(endpoint.MaxTimeout, senderTimeout) + leaseMargin
)

// Former is a definition that was deleted: At is a snapshot that still has it. The zero Former is one that nobody knows
// any more.
type Former struct {
	Kind string
	Name catalog.Name
	At   *catalog.Snapshot
}

// Retire ends a delivery queue whose endpoint was deleted: what is left in it goes to the dead-letter queues that the
// definition named, as it was to be delivered, with the code NO_RESOURCE, and the queue is dropped. Attempts that run, here
// or on another node, are waited for, up to 40s. To be called after a definition was deleted, and at start for queues that
// no definition owns; calling it again, or after a crash, finishes what is left. It does not ask whether the endpoint is
// really gone.
func (d *Dispatcher) Retire(ctx context.Context, id queue.ID, was Former) error {
	d.mu.Lock()
	l := d.lanes[id]
	if l == nil {
		l = d.retired[id]
	}
	d.mu.Unlock()
	s := &spec{}
	switch {
	case l == nil && was.At != nil:
		l = &lane{id: id, kind: was.Kind, name: was.Name}
		s, _ = d.specOf(was.At, was.Kind, was.Name)
	case l == nil:
		l = &lane{id: id} // of an earlier process: nobody knows its name
	case l.spec != nil:
		s = l.spec
	}
	// A publish that looked the endpoint up before it was deleted may still add a delivery, until the queue is dropped.
	for dropped := false; !dropped; {
		err := d.retireLeft(ctx, l, s)
		if err == nil {
			dropped, err = d.store.DropEmpty(ctx, d.broker.Now(), id)
		}
		if err != nil {
			return fmt.Errorf("retiring delivery queue %d: %w", id, err)
		}
	}
	d.mu.Lock()
	delete(d.retired, id)
	d.mu.Unlock()
	return nil
}

func (d *Dispatcher) retireLeft(ctx context.Context, l *lane, s *spec) error {
	if err := d.awaitAttempts(ctx, l); err != nil {
		return err
	}
	for {
		// What waits for a later attempt is received too, by a clock that is ahead. A store keeps a clock for each queue, so
		// no other queue sees it, and this one has no future.
		res, err := d.store.Receive(ctx, queue.ReceiveRequest{
			Now: d.broker.Now().Add(queue.RetireAhead), Queue: l.id, Kind: queue.FIFO,
			Max: retireBatch, MaxBytes: maxReceiveBytes, Visibility: leaseMargin,
		})
		if err != nil {
			return err
		}
		if len(res.Messages) == 0 {
			return nil
		}
		outcomes := make([]*outcome, 0, len(res.Messages))
		for i := range res.Messages {
			o, err := d.retireOne(ctx, l, s, &res.Messages[i])
			if err != nil {
				return err
			}
			outcomes = append(outcomes, o)
		}
		if err := d.settleRetired(ctx, outcomes); err != nil {
			return err
		}
	}
}

// awaitAttempts returns when nothing is in flight any more, or everything that was must be lost.
func (d *Dispatcher) awaitAttempts(ctx context.Context, l *lane) error {
	tick := time.NewTicker(retirePoll)
	defer tick.Stop()
	for deadline := time.Now().Add(retireWait); time.Now().Before(deadline); {
		stats, err := d.store.Stats(ctx, d.broker.Now(), []queue.ID{l.id})
		if err != nil || stats[0].InFlight == 0 {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// retireOne makes the dead letter of a delivery whose endpoint is gone.
func (d *Dispatcher) retireOne(ctx context.Context, l *lane, s *spec, m *queue.Message) (*outcome, error) {
	dv := read(l, s, m)
	if s.sender == nil && s.caller == nil && s.request.URL != "" && dv.fault == nil {
		_ = dv.prepare() // what can not be read goes as it is
	}
	o := &outcome{lane: l, settlement: queue.Settlement{Receipt: m.Receipt}}
	a := d.describe(dv, d.broker.Now())
	a.Durations = Durations{}
	what := "the endpoint"
	if l.kind != "" {
		what = l.kind + " " + l.name.Name
	}
	a.Outcome, a.Code, a.Reason = OutcomeDeadLettered, codeResource, what+" does not exist any more"
	dl := &endpoint.DeadLetter{
		Code: a.Code, Message: a.Reason, Attempts: dv.state.Attempts, Status: dv.state.Status, Class: dv.state.Class,
	}
	if err := d.giveUp(ctx, o, a, dv, dl); err != nil {
		return nil, err
	}
	o.attempt = a
	return o, nil
}

func (d *Dispatcher) settleRetired(ctx context.Context, outcomes []*outcome) error {
	settlements := make([]queue.Settlement, len(outcomes))
	for i, o := range outcomes {
		d.settler.encode(o)
		settlements[i] = o.settlement
	}
	results, err := d.store.Settle(ctx, d.broker.Now(), settlements)
	if err != nil {
		return err
	}
	for i, res := range results {
		if res.Err != nil {
			return res.Err
		}
		d.cfg.OnAttempt(*outcomes[i].attempt)
	}
	return nil
}
