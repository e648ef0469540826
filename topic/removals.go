package topic

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/signalbox-mq/signalbox/queue"
)

// removals are the tokens of the UnsubscribeConfirmations that this process knows to have been sent, so that it does not make and
// sign each again for every sweep.
type removals struct {
	mu     sync.Mutex
	tokens map[string]bool
}

func (r *removals) has(token string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tokens[token]
}

// are makes the tokens be these.
func (r *removals) are(tokens []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tokens = make(map[string]bool, len(tokens))
	for _, token := range tokens {
		r.tokens[token] = true
	}
}

// confirmRemovals sends the UnsubscribeConfirmations of a topic's subscriptions that were unsubscribed, but for those that have been
// sent. It returns the tokens of all of them.
func (t *Topics) confirmRemovals(ctx context.Context, state *topicState) (tokens []string, err error) {
	for _, s := range state.subs {
		if s == nil || !s.removed {
			continue
		}
		found, err := t.subscriptions.At(t.definitions.Snapshot(), SubscriptionName(state.name, s.id))
		if err != nil || found.Value.Pending == nil || !found.Value.Pending.Removed {
			continue // restored or forgotten meanwhile
		}
		token := found.Value.Pending.Token
		if !t.removed.has(token) {
			entry := subscriptionEntryOf(found)
			err := t.sendConfirmation(ctx, &entry, confirmRemoval)
			if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, queue.ErrDropped) { // its topic or queue went meanwhile
				return nil, err
			}
		}
		tokens = append(tokens, token)
	}
	return slices.Clip(tokens), nil
}
