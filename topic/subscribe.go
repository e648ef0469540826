package topic

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// SubscriptionEntry is a subscription with what the catalog knows of it. What Subscription's maps, slices and pointers lead to
// is shared: do not change it.
type SubscriptionEntry struct {
	Topic catalog.Name
	// ID is what tells it apart, and UUID the last part of its ARN.
	ID, UUID     string
	Subscription Subscription
	Created      time.Time
	// Managed says that the operator's file declares it.
	Managed bool
}

// ARN is the subscription's.
func (e *SubscriptionEntry) ARN() string { return SubscriptionARN(e.Topic, e.UUID) }

func subscriptionEntryOf(e catalog.Entry[Subscription]) SubscriptionEntry {
	topic, id := SplitSubscriptionName(e.Name)
	return SubscriptionEntry{
		Topic: topic, ID: id, UUID: subscriptionUUID(topic, id), Subscription: e.Value, Created: e.CreatedAt, Managed: e.Owner != "",
	}
}

// Subscribe adds a subscription to a topic, under an ID of its own unless s has one. If there is one of the same receiver, that
// one is returned as it is, and created is false.
//
// A URL is pending at first: it gets nothing but a SubscriptionConfirmation, which is in its delivery queue when this returns;
// of one that is pending already another is sent, so that repeating a Subscribe that failed heals what it left. What was
// unsubscribed and not forgotten yet is subscribed again as s has it, under its old ID.
//
// Errors: [ErrNotFound], [ErrSubscriptionLimit], joined [*InvalidError]s, and the store's for the confirmation.
func (t *Topics) Subscribe(ctx context.Context, topic catalog.Name, s Subscription) (e SubscriptionEntry, created bool, err error) {
	return t.SubscribeLike(ctx, topic, s, func(*SubscriptionEntry) error { return nil })
}

// SubscribeLike is Subscribe for who does not take every subscription of the receiver that may be there: like is called with it
// before anything is done about it, maybe several times. If it fails nothing has changed, nothing is sent, and its error is returned.
func (t *Topics) SubscribeLike(
	ctx context.Context, topic catalog.Name, s Subscription, like func(has *SubscriptionEntry) error,
) (e SubscriptionEntry, created bool, err error) {
	s.Pending, s.Token, s.Feed = nil, "", nil
	kind, name := s.Receiver()
	key := receiverKey(kind, s.Account, s.Region, name, s.Qualifier)
	lock := topic.String() + "\x00" + key
	if strings.HasSuffix(topic.Name, fifoSuffix) {
		lock = topic.String() // whose subscriptions are counted
	}
	unlock, err := t.subscribing.lock(ctx, lock)
	if err != nil {
		return SubscriptionEntry{}, false, err
	}
	defer unlock()
	s.ID = cmp.Or(s.ID, uuid.NewString())
	for {
		before := t.definitions.Revision()
		e, created, err = t.subscribeOnce(ctx, topic, key, s, like)
		if err == nil {
			break
		}
		if !raced(err) || ctx.Err() != nil || t.definitions.Revision() == before {
			return SubscriptionEntry{}, false, err
		}
	}
	if created && !t.broker.Leases().Alone() {
		e, created, err = t.yield(ctx, e, key)
		if err == nil && !created {
			err = like(&e)
		}
		if err != nil {
			return SubscriptionEntry{}, false, err
		}
	}
	if e.Subscription.Pending != nil {
		err = t.sendConfirmation(ctx, &e, confirmSubscribe)
	}
	return e, created, err
}

// subscribeOnce makes the subscription by the definitions as they are. It fails with what raced knows if they are not any more.
func (t *Topics) subscribeOnce(
	ctx context.Context, topic catalog.Name, key string, s Subscription, like func(has *SubscriptionEntry) error,
) (e SubscriptionEntry, created bool, err error) {
	state, err := t.topic(ctx, topic)
	if err != nil {
		return SubscriptionEntry{}, false, err
	}
	if err := s.Validate(&state.def); err != nil {
		return SubscriptionEntry{}, false, err
	}
	if existing := state.byReceiver(key); existing != nil {
		old, err := t.subscriptions.Get(SubscriptionName(topic, existing.id))
		if err != nil {
			return SubscriptionEntry{}, false, err
		}
		again := old.Value.Pending != nil && old.Value.Pending.Removed
		has, next := subscriptionEntryOf(old), old.Value
		if again {
			next = s
		} else if err := like(&has); err != nil {
			return SubscriptionEntry{}, false, err
		}
		if old.Value.Pending == nil || old.Owner != "" {
			return has, false, nil
		}
		next.ID, next.Pending = existing.id, t.pend(existing.uuid, old.Value.Pending)
		e, err := t.putSubscription(ctx, state, next, old.Revision)
		return e, again, err
	}
	if state.def.FIFO && state.count >= MaxFIFOSubscriptions {
		return SubscriptionEntry{}, false, ErrSubscriptionLimit
	}
	if s.URL != "" {
		s.Pending = t.pend(s.UUID(topic), nil)
	}
	more, err := t.replay(ctx, state, new(Subscription), &s)
	if err != nil {
		return SubscriptionEntry{}, false, err
	}
	e, err = t.putSubscription(ctx, state, s, 0, more...)
	return e, true, err
}

// putSubscription writes a subscription, which must have that revision, or not exist if it is zero, with its endpoint, and more.
func (t *Topics) putSubscription(ctx context.Context, state *topicState, s Subscription, revision uint64, more ...catalog.Change) (SubscriptionEntry, error) {
	name := SubscriptionName(state.name, s.ID)
	set := catalog.Set{
		Changes:  []catalog.Change{t.subscriptions.Putting(name, s).If(revision)},
		Requires: []catalog.Requirement{{Table: Table, Name: state.name, ID: state.id}},
	}
	if s.URL != "" {
		set.Requires[0].Revision = state.revision // of which the endpoint was made
		change := t.endpointChange(t.definitions.Snapshot(), state, name, &s)
		set.Changes = append(set.Changes, change)
	}
	set.Changes = append(set.Changes, more...)
	applied, err := t.definitions.Apply(ctx, set)
	if err != nil {
		return SubscriptionEntry{}, err
	}
	e, err := t.subscriptions.Decode(applied.Records[0])
	return subscriptionEntryOf(e), err
}

// yield gives a new subscription up if other nodes have made one of the same receiver before, which is returned then, or so many
// of the topic that it takes no more.
func (t *Topics) yield(ctx context.Context, e SubscriptionEntry, key string) (SubscriptionEntry, bool, error) {
	state, err := t.topic(ctx, e.Topic)
	if err != nil {
		return SubscriptionEntry{}, false, err
	}
	first := state.byReceiver(key)
	same, limited := first != nil && first.id != e.ID, state.overLimit(e.ID)
	if !same && !limited {
		return e, true, nil
	}
	if err := t.removeSubscription(ctx, SubscriptionName(e.Topic, e.ID)); err != nil {
		return SubscriptionEntry{}, false, err
	}
	if !same {
		return SubscriptionEntry{}, false, ErrSubscriptionLimit
	}
	other, err := t.subscriptions.Get(SubscriptionName(e.Topic, first.id))
	if err != nil {
		return SubscriptionEntry{}, false, err
	}
	return subscriptionEntryOf(other), false, nil
}

// overLimit says that a FIFO topic had as many subscriptions as it takes when this one was made. Whoever asks of whichever gets
// the same answer, so that of those made at once as many stay as there is room for.
func (s *topicState) overLimit(id string) bool {
	this := s.bySubscription(id)
	if !s.def.FIFO || this == nil || s.count <= MaxFIFOSubscriptions {
		return false
	}
	earlier := 0
	for _, other := range s.subs {
		if other != nil && other.before(this) {
			earlier++
		}
	}
	return earlier >= MaxFIFOSubscriptions
}

// removeSubscription deletes a subscription with its endpoint, if it is there.
func (t *Topics) removeSubscription(ctx context.Context, name catalog.Name) error {
	for {
		before := t.definitions.Snapshot()
		record, ok := before.Get(SubscriptionTable, name)
		if !ok {
			return nil
		}
		applied, err := t.definitions.Apply(ctx, catalog.Set{Changes: t.removal(before, &record)})
		switch {
		case err == nil:
			t.deleted(ctx, applied.Records, before)
			return nil
		case raced(err) && ctx.Err() == nil && t.definitions.Revision() != before.Revision():
		default:
			return err
		}
	}
}

// Subscription returns the subscription of a topic whose ARN ends with that UUID. It fails with [ErrSubscriptionNotFound].
func (t *Topics) Subscription(ctx context.Context, topic catalog.Name, uuid string) (SubscriptionEntry, error) {
	e, err := t.find(ctx, topic, uuid)
	if err == nil && e.Value.Pending != nil && e.Value.Pending.Removed {
		err = subscriptionNotFound(uuid)
	}
	if err != nil {
		return SubscriptionEntry{}, err
	}
	return subscriptionEntryOf(e), nil
}

func subscriptionNotFound(uuid string) error {
	return fmt.Errorf("%w: %s", ErrSubscriptionNotFound, uuid)
}

// find returns a subscription by its UUID, removed ones included.
func (t *Topics) find(ctx context.Context, topic catalog.Name, uuid string) (catalog.Entry[Subscription], error) {
	for looked := false; ; looked = true {
		state, err := t.topic(ctx, topic)
		if errors.Is(err, ErrNotFound) {
			err = fmt.Errorf("%w: %w", ErrSubscriptionNotFound, err)
		}
		if err != nil {
			return catalog.Entry[Subscription]{}, err
		}
		if s := state.byUUID(uuid); s != nil {
			e, err := t.subscriptions.Get(SubscriptionName(topic, s.id))
			if !errors.Is(err, catalog.ErrNotFound) {
				return e, err
			}
		}
		if looked {
			return catalog.Entry[Subscription]{}, subscriptionNotFound(uuid)
		}
		if err := t.definitions.LookAgain(ctx); err != nil {
			return catalog.Entry[Subscription]{}, err
		}
	}
}

// Subscriptions returns up to limit (zero for no limit) of the subscriptions of a topic, or of all topics of an account and
// region if that is nil, in the order of their catalog names. after is where to go on: empty at first, and then what the
// call before returned as next, which is empty at the end. A topic that does not exist has none.
func (t *Topics) Subscriptions(_ context.Context, topic *catalog.Name, account, region, after string, limit int) (all []SubscriptionEntry, next string, err error) {
	query := catalog.Query{Account: account, Region: region, Limit: limit}
	if topic != nil {
		query.Account, query.Region, query.Prefix = topic.Account, topic.Region, topic.Name+"/"
	}
	if after != "" {
		query.After = catalog.Name{Account: query.Account, Region: query.Region, Name: after}
	}
	for {
		entries, more, err := t.subscriptions.List(query)
		if err != nil {
			return nil, "", err
		}
		for _, e := range entries {
			if p := e.Value.Pending; p != nil && p.Removed {
				continue
			}
			all = append(all, subscriptionEntryOf(e))
			if limit > 0 && len(all) == limit && (more || e.Name != entries[len(entries)-1].Name) {
				return all, e.Name.Name, nil
			}
		}
		if !more {
			return all, "", nil
		}
		query.After = entries[len(entries)-1].Name
	}
}

// Counts returns how many subscriptions a topic has: those that get messages, those that are not confirmed yet, and those that
// were unsubscribed and may still be restored by their token. It fails with [ErrNotFound].
func (t *Topics) Counts(ctx context.Context, topic catalog.Name) (confirmed, pending, deleted int, err error) {
	state, err := t.topic(ctx, topic)
	if err != nil {
		return 0, 0, 0, err
	}
	return state.count - state.pending - state.removed, state.pending, state.removed, nil
}
