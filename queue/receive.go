package queue

import (
	"context"
	"fmt"
	"time"
)

// Receive asks for messages of a queue.
type Receive struct {
	// Max is the most messages to return, 1 to 1000.
	Max int
	// Wait is how long to wait for a first message, 0 to 20s; nil means the queue's own.
	Wait *time.Duration
	// Visibility is how long the messages are hidden from others, 0 to 12h; nil means the queue's own. With 0 they are
	// counted as received and stay visible.
	Visibility *time.Duration
	// Attempt, at most 128 bytes, names the receive, so that it can be repeated within AttemptWindow if its answer was lost:
	// see [ReceiveRequest]. FIFO queues only; empty for none.
	Attempt       string
	AttemptWindow time.Duration
}

// maxReceiveBytes bounds the bodies of what one receive returns, in bytes, as an answer is in memory as a whole.
const maxReceiveBytes = 8 << 20

// Receive leases messages. It returns as soon as there is at least one, with as many as there are up to Max, or until their
// bodies come to 8 MiB; with none, and no error, when the wait is over. Messages that were received too often are moved to the dead-letter queue on the
// way. Errors: [ErrNotFound], [*InvalidError], [ErrOverLimit] (only when it did not wait), the context's.
func (b *Broker) Receive(ctx context.Context, name Name, r Receive) ([]Message, error) {
	began := time.Now()
	for {
		q, err := b.Lookup(name)
		if err != nil {
			return nil, err
		}
		req, wait, invalid := q.receiveRequest(&r)
		if invalid != nil {
			return nil, invalid
		}
		messages, overLimit, err := b.receiveNow(ctx, &q, req)
		if err != nil || len(messages) > 0 {
			return messages, err
		}
		if wait == 0 && overLimit {
			return nil, fmt.Errorf("receiving from %s: %w", name.Name, ErrOverLimit)
		}
		if wait -= time.Since(began); wait <= 0 {
			return nil, nil
		}
		messages, changed, err := b.await(ctx, name, &q, req, wait)
		if !changed {
			return messages, err
		}
	}
}

func (q *Queue) receiveRequest(r *Receive) (ReceiveRequest, time.Duration, *InvalidError) {
	def := &q.Definition
	req := ReceiveRequest{
		Queue: q.ID, Kind: def.Kind(), Max: r.Max, MaxBytes: maxReceiveBytes,
		Visibility:  def.visibility(),
		MaxInFlight: def.maxInFlight(),
		Retention:   def.retention(),
	}
	if def.FIFO {
		req.Delay = time.Duration(def.Delay)
		req.Attempt, req.AttemptWindow = r.Attempt, r.AttemptWindow
	}
	if def.DeadLetter != nil {
		req.MaxReceives = def.DeadLetter.MaxReceives
	}
	if r.Max < 1 || r.Max > MaxReceive {
		return req, 0, &InvalidError{Field: "max", Reason: "must be between 1 and 1000"}
	}
	if r.Visibility != nil {
		if *r.Visibility < 0 || *r.Visibility > MaxVisibility {
			return req, 0, &InvalidError{Field: "visibility", Reason: "must be between 0 and 12h"}
		}
		req.Visibility = *r.Visibility
	}
	wait := time.Duration(def.ReceiveWait)
	if r.Wait != nil {
		if *r.Wait < 0 || *r.Wait > MaxReceiveWait {
			return req, 0, &InvalidError{Field: "wait", Reason: "must be between 0 and 20s"}
		}
		wait = *r.Wait
	}
	return req, wait, nil
}

// receiveNow receives once, or again while all it got were messages to dead-letter.
func (b *Broker) receiveNow(ctx context.Context, q *Queue, req ReceiveRequest) ([]Message, bool, error) {
	for {
		req.Now = b.Now()
		res, err := b.store.Receive(ctx, req)
		if err != nil {
			return nil, false, fmt.Errorf("receiving from %s: %w", q.Name.Name, err)
		}
		if len(res.Exceeded) > 0 {
			moved, err := b.deadLetter(ctx, q, res.Exceeded)
			switch {
			case len(res.Messages) > 0:
				// They are leased, so they are returned whatever became of the others, which come again.
			case err != nil:
				return nil, false, err
			case moved > 0:
				continue
			}
		}
		return res.Messages, res.OverLimit, nil
	}
}
