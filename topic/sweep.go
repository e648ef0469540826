package topic

import (
	"context"
	"errors"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Sweep forgets the subscriptions that were not confirmed in time, or not restored, and does what a crash may have kept from
// being done: it deletes what is left of deleted topics, makes endpoints follow their topic's delivery policy, and sends
// UnsubscribeConfirmations. One node at a time is enough. What can not be done is tried again the next time.
func (t *Topics) Sweep(ctx context.Context) error {
	snap, err := t.compiled.Get()
	if err != nil {
		return err
	}
	forgotten := t.broker.Now().Add(-PendingLife)
	var confirmed []string
	for name, state := range snap.topics {
		if state.pending+state.removed > 0 {
			if err := t.forget(ctx, state, forgotten); err != nil {
				return err
			}
		}
		if state.removed > 0 {
			some, err := t.confirmRemovals(ctx, state)
			if err != nil {
				return err
			}
			confirmed = append(confirmed, some...)
		}
		if state.urls > 0 {
			if err := t.alignEndpoints(ctx, name); err != nil {
				return err
			}
		}
	}
	t.removed.are(confirmed)
	return t.sweepLeft(ctx)
}

// forget deletes the subscriptions of a topic that have waited since before a time.
func (t *Topics) forget(ctx context.Context, state *topicState, before time.Time) error {
	for _, s := range state.subs {
		if s == nil || !s.pending {
			continue
		}
		name := SubscriptionName(state.name, s.id)
		at := t.definitions.Snapshot()
		e, err := t.subscriptions.At(at, name)
		if err != nil || e.Owner != "" || e.Value.Pending == nil || e.Value.Pending.Since.After(before) {
			continue
		}
		record, _ := at.Get(SubscriptionTable, name)
		applied, err := t.definitions.Apply(ctx, catalog.Set{Changes: t.removal(at, &record)})
		if err != nil {
			if raced(err) && ctx.Err() == nil {
				continue // it was confirmed, or subscribed again
			}
			return err
		}
		t.deleted(ctx, applied.Records, at)
	}
	return nil
}

// sweepLeft deletes the subscriptions whose topic is gone.
func (t *Topics) sweepLeft(ctx context.Context) error {
	at := t.definitions.Snapshot()
	gone := map[catalog.Name]bool{}
	for record := range at.Scan(SubscriptionTable, catalog.Query{}) {
		topic, _ := SplitSubscriptionName(record.Name)
		if _, exists := at.Get(Table, topic); !exists && record.Owner == "" {
			gone[topic] = true
		}
	}
	for topic := range gone {
		if err := t.removeLeft(ctx, topic); err != nil && !errors.Is(err, catalog.ErrConflict) {
			return err
		}
	}
	return nil
}

// DefaultLogRetention is how long a FIFO topic without an archive keeps its messages: longer than a deduplication ID counts.
const DefaultLogRetention = 2 * queue.DedupWindow

// Expiries says what bounds the logs of FIFO topics have.
func (t *Topics) Expiries() ([]queue.Expiry, error) {
	snap, err := t.compiled.Get()
	if err != nil {
		return nil, err
	}
	var expiries []queue.Expiry
	for _, state := range snap.topics {
		if state.def.FIFO {
			expiries = append(expiries, queue.Expiry{Queue: state.log(), Kind: queue.Log, Retention: state.retention()})
		}
	}
	return expiries, nil
}

// log is the topic's own log.
func (s *topicState) log() queue.ID { return queue.IDFor(s.id, queue.TopicLog) }

// retention is for how long the log keeps messages. While a replay is under way what is held for it is nowhere else, so nothing
// goes then, even if the archive is switched off.
func (s *topicState) retention() time.Duration {
	switch {
	case s.feeds > 0:
		return queue.MaxRetention
	case s.def.Retention == 0:
		return DefaultLogRetention
	}
	return s.def.Retention.Std()
}
