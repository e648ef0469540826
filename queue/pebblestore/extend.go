package pebblestore

import (
	"context"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// Extend implements [queue.Store].
func (s *Store) Extend(ctx context.Context, now time.Time, extensions []queue.Extension) ([]error, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.end()
	t := s.newtx()
	defer t.close()
	ids := t.ids[:0]
	for i := range extensions {
		ids = append(ids, extensions[i].Receipt.Queue)
	}
	set, err := t.lockAll(ids, now.UnixMilli())
	if err != nil {
		return nil, err
	}
	t.begin(true)
	results := make([]error, len(extensions))
	for i := range extensions {
		x := &extensions[i]
		if results[i], err = t.extend(set.of(x.Receipt.Queue), x); err != nil {
			break
		}
	}
	if err == nil {
		err = t.putStates(set)
	}
	if err := t.finish(set, false, err); err != nil {
		return nil, err
	}
	return results, nil
}

// extend does one extension. The error is one that ends the whole call.
func (t *tx) extend(l *lane, x *queue.Extension) (refusal, err error) {
	r := &x.Receipt
	if !l.exists() {
		return queue.ErrNotInFlight, nil
	}
	if l.state.kind == queue.Log {
		return queue.ErrKind, nil
	}
	le := l.leases[r.Sequence]
	switch {
	case le == nil:
		return t.whyNotInFlight(l, r)
	case le.nonce == 0 && le.group != nil: // its release ended the lease
		return queue.ErrReceiptExpired, nil
	case le.nonce != r.Nonce || r.Nonce == 0:
		return queue.ErrNotInFlight, nil
	case le.group != nil && le.deadline <= l.state.clock:
		return queue.ErrReceiptExpired, nil
	}
	visibility := max(x.Visibility.Milliseconds(), 0)
	deadline := addMillis(l.state.clock, visibility)
	if x.MaxTotal > 0 && visibility > 0 && deadline > addMillis(le.received, x.MaxTotal.Milliseconds()) {
		return queue.ErrVisibilityLimit, nil
	}
	if visibility == 0 {
		return nil, t.endLease(l, le, deadline)
	}
	l.setDeadline(le, deadline)
	return nil, t.set(key1(t.key[:0], l.id, subLease, le.seq), putLease(t.val[:0], le))
}

// whyNotInFlight tells a message whose lease has ended from one that is gone.
func (t *tx) whyNotInFlight(l *lane, r *queue.Receipt) (refusal, err error) {
	if l.state.kind == queue.FIFO && r.Locator == 0 {
		found, err := t.has(key2(t.key[:0], l.id, subMessage, 0, r.Sequence))
		if err != nil {
			return nil, err
		}
		if found {
			return queue.ErrReceiptExpired, nil
		}
	}
	return queue.ErrNotInFlight, nil
}
