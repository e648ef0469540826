package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/signalbox-mq/signalbox/duration"
)

// Acknowledge removes received messages. The result has an error per receipt, nil where the message is gone now:
// [ErrReceiptInvalid] for a text that is no receipt of this queue, [ErrReceiptExpired] on FIFO queues.
func (b *Broker) Acknowledge(ctx context.Context, name Name, receipts []string) ([]error, error) {
	return retryDropped(b, name, func(q Queue) ([]error, error) {
		errs := make([]error, len(receipts))
		settlements := make([]Settlement, 0, len(receipts))
		index := make([]int, 0, len(receipts))
		for i, text := range receipts {
			receipt, err := q.parseReceipt(text)
			if err != nil {
				errs[i] = err
				continue
			}
			settlements = append(settlements, Settlement{Receipt: receipt, Action: Ack})
			index = append(index, i)
		}
		if len(settlements) == 0 {
			return errs, nil
		}
		results, err := b.store.Settle(ctx, b.Now(), settlements)
		if err != nil {
			return nil, fmt.Errorf("acknowledging in %s: %w", name.Name, err)
		}
		for k, r := range results {
			errs[index[k]] = r.Err
		}
		return errs, nil
	})
}

// VisibilityChange moves the end of one lease.
type VisibilityChange struct {
	Receipt string
	// Visibility is from now, 0 to 12h; 0 gives the message back.
	Visibility time.Duration
}

// ChangeVisibility moves the ends of leases. The result has an error per change: [ErrReceiptInvalid],
// [ErrReceiptExpired], [ErrNotInFlight], [ErrVisibilityLimit] when the message would be in flight for more than 12h in
// total, or an [*InvalidError].
func (b *Broker) ChangeVisibility(ctx context.Context, name Name, changes []VisibilityChange) ([]error, error) {
	return retryDropped(b, name, func(q Queue) ([]error, error) {
		errs := make([]error, len(changes))
		extensions := make([]Extension, 0, len(changes))
		index := make([]int, 0, len(changes))
		for i, c := range changes {
			if c.Visibility < 0 || c.Visibility > MaxVisibility {
				errs[i] = &InvalidError{Field: "visibility", Reason: "must be between 0 and 12h"}
				continue
			}
			receipt, err := q.parseReceipt(c.Receipt)
			if err != nil {
				errs[i] = err
				continue
			}
			extensions = append(extensions, Extension{Receipt: receipt, Visibility: c.Visibility, MaxTotal: MaxVisibility})
			index = append(index, i)
		}
		if len(extensions) == 0 {
			return errs, nil
		}
		results, err := b.store.Extend(ctx, b.Now(), extensions)
		if err != nil {
			return nil, fmt.Errorf("changing visibility in %s: %w", name.Name, err)
		}
		for k, r := range results {
			errs[index[k]] = r
		}
		return errs, nil
	})
}

// parseReceipt also refuses receipts of other queues. One of an earlier incarnation is such a one.
func (q *Queue) parseReceipt(text string) (Receipt, error) {
	receipt, err := ParseReceipt(text)
	if err == nil && receipt.Queue != q.ID {
		err = ErrReceiptInvalid
	}
	return receipt, err
}

// deadLetter moves messages that were received too often to the queue's dead-letter queue, or to the built-in one if
// that has gone. Identity and receive count go along, and Source says where they came from.
func (b *Broker) deadLetter(ctx context.Context, q *Queue, messages []Message) (moved int, err error) {
	// The moves are ours to finish, whatever becomes of the caller that happened upon them.
	ctx = context.WithoutCancel(ctx)
	dlq, err := b.DeadLetterQueue(ctx, q.Name.Account, q.Name.Region, q.Definition.DeadLetter.Queue)
	if err != nil {
		return 0, fmt.Errorf("dead-lettering from %s: %w", q.Name.Name, err)
	}
	settlements := make([]Settlement, len(messages))
	for i := range messages {
		settlements[i] = Settlement{
			Receipt: messages[i].Receipt,
			Action:  Move,
			// The key lets the story of an event find its message there.
			To: &Destination{Queue: dlq.ID, Kind: dlq.Definition.Kind(), Key: messages[i].ID.String()},
		}
	}
	results, err := b.store.Settle(ctx, b.Now(), settlements)
	if err != nil {
		return 0, fmt.Errorf("dead-lettering from %s: %w", q.Name.Name, err)
	}
	for _, r := range results {
		switch {
		case r.Err == nil:
			moved++
		case errors.Is(r.Err, ErrReceiptExpired): // another receiver came upon the message and moves it
		default:
			return moved, fmt.Errorf("dead-lettering from %s: %w", q.Name.Name, r.Err)
		}
	}
	return moved, nil
}

// DeadLetterQueue returns the dead-letter queue of that name, or the built-in one if the name is empty or that queue has
// gone.
func (b *Broker) DeadLetterQueue(ctx context.Context, account, region, name string) (Queue, error) {
	q, err := b.FindDeadLetterQueue(account, region, name)
	if !errors.Is(err, ErrNotFound) {
		return q, err
	}
	// Not the caller's context alone: the definition outlives the request.
	return b.EnsureDeadLetters(context.WithoutCancel(ctx), account, region)
}

// FindDeadLetterQueue is DeadLetterQueue for who must not make a definition: it fails with [ErrNotFound] if the built-in one is to
// be made first.
func (b *Broker) FindDeadLetterQueue(account, region, name string) (Queue, error) {
	if name != "" {
		q, err := b.Lookup(Name{Account: account, Region: region, Name: name})
		if !errors.Is(err, ErrNotFound) {
			return q, err
		}
	}
	return b.Lookup(Name{Account: account, Region: region, Name: BuiltinDeadLetters})
}

// EnsureDeadLetters returns the built-in dead-letter queue of an account and region, which is made when first needed.
func (b *Broker) EnsureDeadLetters(ctx context.Context, account, region string) (Queue, error) {
	name := Name{Account: account, Region: region, Name: BuiltinDeadLetters}
	return b.Ensure(ctx, name, BuiltinDeadLettersDefinition())
}

// BuiltinDeadLettersDefinition keeps dead letters for 14 days.
func BuiltinDeadLettersDefinition() Definition {
	return Definition{Retention: duration.Duration(14 * duration.Day)}
}
