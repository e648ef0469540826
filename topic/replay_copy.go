package topic

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules/pattern"
)

// Mappers returns what queue.NewTransfers needs to replay messages.
func (t *Topics) Mappers() map[string]queue.Mapper {
	return map[string]queue.Mapper{TransferKind: {Copy: t.copyReplayed}}
}

// copyReplayed maps entries of a topic's log to the deliveries of one subscription, as it is now.
func (t *Topics) copyReplayed(ctx context.Context, transfer *queue.Transfer, batch []queue.Peeked) ([]queue.Entry, error) {
	var params replayed
	if err := json.Unmarshal(transfer.Params, &params); err != nil {
		return nil, fmt.Errorf("%w: its parameters can not be read: %w", queue.ErrTransferCancelled, err)
	}
	snap, err := t.compiled.Get()
	if err != nil {
		return nil, err
	}
	state, ok := snap.topics[catalog.Name{Account: transfer.Name.Account, Region: transfer.Name.Region, Name: params.Topic}]
	if !ok || state.log() != transfer.Source {
		return nil, fmt.Errorf("%w: the topic %s was deleted", queue.ErrTransferCancelled, params.Topic)
	}
	s := state.bySubscription(params.Subscription)
	if s == nil || s.feed == nil || s.feed.Transfer != transfer.Name.Name {
		return nil, fmt.Errorf("%w: the subscription was deleted, or has another replay", queue.ErrTransferCancelled)
	}
	if s.fault != nil {
		return nil, fmt.Errorf("the subscription %s can not be compiled: %w", s.id, s.fault)
	}
	params.Until = s.until
	params.HeldOnly = params.HeldOnly || s.from.IsZero() || s.feed.Again // it was given up, or another took its place
	return t.replayTo(ctx, state, s, &params, transfer.Name.Name, batch)
}

// replayTo makes the deliveries of one subscription from entries of the log. space keeps those of different replays apart.
func (t *Topics) replayTo(ctx context.Context, state *topicState, s *subscription, params *replayed, space string, batch []queue.Peeked) ([]queue.Entry, error) {
	var entries []queue.Entry
	for i := range batch {
		kept := &batch[i].Message
		m, about, err := fromLog(kept)
		if err != nil {
			return nil, err
		}
		held := batch[i].Position.Sequence >= params.Held && slices.Contains(about.Held, s.id)
		if !params.wants(about, held) || !s.passes(m) {
			continue
		}
		// What was held is delivered for the first time.
		m.replayed = !held
		out := outgoing{
			commit: &commit{
				topics: t, topic: state, now: time.UnixMilli(about.Published).UTC(), hops: about.Hops, origin: about.Origin,
			},
			message: m, id: kept.ID.String(), sequence: sequenceText(sequenceOf(kept.ID)),
		}
		if !held {
			out.space = space
		}
		entry, err := out.deliver(ctx, s)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

// wants says whether a message is to be delivered if the subscription matches it.
func (p *replayed) wants(about *logged, held bool) bool {
	at := time.UnixMilli(about.Published)
	switch {
	case !p.Until.IsZero() && !at.Before(p.Until):
		return false
	case held:
		return true
	default:
		return !p.HeldOnly && !at.Before(p.From.Truncate(time.Millisecond))
	}
}

// passes says whether a message passes the subscription's filter policy.
func (s *subscription) passes(m *Message) bool {
	switch {
	case s.filter == nil:
		return true
	case s.scope == pattern.ScopeAttributes:
		return s.filter.MatchesAttributes(patternAttributes(m))
	}
	body, own := m.Variants[s.protocol()]
	if !own {
		body = m.Body
	}
	if pattern.ValidateEvent(body) != nil {
		return false
	}
	matched, err := s.filter.Matches(body)
	return matched && err == nil
}
