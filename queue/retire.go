package queue

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	retireBatch = 100
	// retireBytes bounds the bodies of a batch, which a shared store moves in one go.
	retireBytes = 4 << 20
	// retireLease hides what is about to be moved from a second retirement of the same queue.
	retireLease = time.Minute
	// RetireAhead is how far ahead of the clock a queue that is being retired is read, so that what is delayed or leased is
	// received too. It is longer than any delay or lease. A store keeps a clock for each queue, so no other one sees it.
	RetireAhead = 400 * 24 * time.Hour
	// retirePause is how long to wait when what is left can not be received, as another retirement has it, or one that broke off
	// had: first and at most.
	retirePause, retirePauseMax = 100 * time.Millisecond, time.Second
)

// Retire ends a queue whose definition is gone: what is left in it goes to the built-in dead-letter queue of its account
// and region, with the reason, and the queue is dropped. It returns how many messages it moved. Appends that looked the
// queue up before its definition went are either among these, or fail. To be called again after an error or a crash.
func (b *Broker) Retire(ctx context.Context, id ID, name Name, kind Kind) (moved int, err error) {
	b.pollers.tell(id)
	fail := func(err error) (int, error) { return moved, fmt.Errorf("retiring queue %s: %w", name.Name, err) }
	for pause := retirePause; ; {
		dropped, err := b.store.DropEmpty(ctx, b.Now(), id)
		if err != nil {
			return fail(err)
		}
		if dropped {
			return moved, nil
		}
		n, err := b.retireSome(ctx, id, name, kind)
		if err != nil {
			return fail(err)
		}
		if moved += n; n > 0 {
			pause = retirePause
			continue
		}
		if sleep(ctx, pause); ctx.Err() != nil {
			return fail(ctx.Err())
		}
		pause = min(2*pause, retirePauseMax)
	}
}

func (b *Broker) retireSome(ctx context.Context, id ID, name Name, kind Kind) (int, error) {
	dlq, err := b.EnsureDeadLetters(ctx, name.Account, name.Region)
	if err != nil {
		return 0, err
	}
	if dlq.ID == id {
		return 0, errors.New("it is the built-in dead-letter queue")
	}
	res, err := b.store.Receive(ctx, ReceiveRequest{
		Now: b.Now().Add(RetireAhead), Queue: id, Kind: kind, Max: retireBatch, MaxBytes: retireBytes,
		Visibility: retireLease,
	})
	if err != nil {
		return 0, err
	}
	settlements := make([]Settlement, len(res.Messages))
	for i := range res.Messages {
		settlements[i] = Settlement{
			Receipt: res.Messages[i].Receipt,
			Action:  Move,
			To: &Destination{
				Queue: dlq.ID, Kind: dlq.Definition.Kind(), Key: res.Messages[i].ID.String(),
				Attributes: []Attribute{
					{Name: "ERROR_CODE", Type: "String", Value: []byte("NO_RESOURCE")},
					{Name: "ERROR_MESSAGE", Type: "String", Value: []byte("queue " + name.Name + " does not exist any more")},
				},
			},
		}
	}
	if len(settlements) == 0 {
		return 0, nil
	}
	results, err := b.store.Settle(ctx, b.Now(), settlements) // now, because it concerns the other queue too
	if err != nil {
		return 0, err
	}
	for _, r := range results {
		if r.Err != nil {
			return 0, r.Err
		}
	}
	return len(settlements), nil
}
