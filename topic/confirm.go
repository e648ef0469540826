package topic

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/signalbox-mq/signalbox/queue/catalog"
)

const (
	// TokenLife is for how long a token confirms a subscription.
	TokenLife = 2 * 24 * time.Hour
	// PendingLife is after how long a subscription is forgotten that was not confirmed.
	PendingLife = 3 * 24 * time.Hour
)

// A token begins with the UUID of its subscription, which so is found without a search; the rest is random.
const tokenSecret = 48

func newToken(subscription string) string {
	id := uuid.MustParse(subscription)
	token := make([]byte, len(id)+tokenSecret)
	copy(token, id[:])
	_, _ = rand.Read(token[len(id):]) // it does not fail
	return hex.EncodeToString(token)
}

// tokenSubscription returns the UUID in a token, or false for what is none.
func tokenSubscription(token string) (string, bool) {
	b, err := hex.DecodeString(token)
	if err != nil || len(b) != len(uuid.UUID{})+tokenSecret {
		return "", false
	}
	return uuid.UUID(b[:len(uuid.UUID{})]).String(), true
}

// pend returns what a subscription waits for from now on: for the token that was sent before, as long as that is good.
func (t *Topics) pend(subscription string, before *Pending) *Pending {
	now := t.broker.Now()
	if before != nil && !before.Removed && now.Sub(before.Since) < TokenLife {
		return &Pending{Token: before.Token, Since: now}
	}
	return &Pending{Token: newToken(subscription), Since: now}
}

func sameToken(a, b string) bool {
	return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}

// Confirm confirms the subscription of a topic that has the token, or restores it if it was unsubscribed; from then on it gets
// messages. authenticated asks that its URL does not unsubscribe it. Confirming again under the same token changes nothing.
// Errors: [ErrNotFound], [ErrToken].
func (t *Topics) Confirm(ctx context.Context, topic catalog.Name, token string, authenticated bool) (SubscriptionEntry, error) {
	if _, err := t.topic(ctx, topic); err != nil {
		return SubscriptionEntry{}, err
	}
	id, ok := tokenSubscription(token)
	if !ok {
		return SubscriptionEntry{}, ErrToken
	}
	found, err := t.find(ctx, topic, id)
	if errors.Is(err, ErrSubscriptionNotFound) {
		return SubscriptionEntry{}, ErrToken
	}
	if err != nil {
		return SubscriptionEntry{}, err
	}
	if found.Value.Pending == nil && sameToken(found.Value.Token, token) {
		return subscriptionEntryOf(found), nil
	}
	e, err := t.subscriptions.Update(ctx, found.Name, func(s *Subscription) error {
		switch p := s.Pending; {
		case p == nil && sameToken(s.Token, token): // somebody else was first
			return nil
		case p == nil || !sameToken(p.Token, token) || t.broker.Now().Sub(p.Since) >= TokenLife:
			return ErrToken
		}
		s.Pending, s.Token = nil, token
		s.AuthenticatedUnsubscribe, s.ConfirmationAuthenticated = authenticated, authenticated
		return nil
	})
	if errors.Is(err, catalog.ErrNotFound) {
		err = ErrToken
	}
	if err != nil {
		return SubscriptionEntry{}, err
	}
	return subscriptionEntryOf(e), nil
}

// Unsubscribe ends a subscription. An HTTP one that was confirmed is sent an UnsubscribeConfirmation, with a token that
// restores it until it is forgotten; to whoever asks it is gone at once. It does nothing if there is none. byURL says that who
// asks is only known to have the URL that is in each message. If the process dies before the confirmation is sent, Sweep sends it.
//
// Errors: [ErrUnsubscribeDenied], and a [*catalog.ManagedError] for what a file declares.
func (t *Topics) Unsubscribe(ctx context.Context, topic catalog.Name, uuid string, byURL bool) error {
	found, err := t.find(ctx, topic, uuid)
	if errors.Is(err, ErrSubscriptionNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	switch {
	case found.Owner != "":
		return &catalog.ManagedError{Table: SubscriptionTable, Name: found.Name, Owner: found.Owner}
	case byURL && found.Value.AuthenticatedUnsubscribe:
		return ErrUnsubscribeDenied
	case found.Value.Pending != nil && found.Value.Pending.Removed: // by a call that may have failed after that
		entry := subscriptionEntryOf(found)
		return t.sendConfirmation(ctx, &entry, confirmRemoval)
	case found.Value.Pending != nil || found.Value.URL == "":
		return t.removeSubscription(ctx, found.Name)
	}
	removed := errors.New("removed meanwhile")
	e, err := t.subscriptions.Update(ctx, found.Name, func(s *Subscription) error {
		if s.Pending != nil {
			return removed
		}
		s.Pending = &Pending{Token: newToken(uuid), Since: t.broker.Now(), Removed: true}
		return nil
	})
	if errors.Is(err, removed) || errors.Is(err, catalog.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	entry := subscriptionEntryOf(e)
	return t.sendConfirmation(ctx, &entry, confirmRemoval)
}

// UpdateSubscription calls change with a definition of its own and makes the subscription's be what that has become; change is
// called again if the definition was changed meanwhile. Its receiver, and what it waits for, can not be changed.
//
// A Replay that is another than before brings the archived messages of its range to the subscription, in place of one that is
// under way; ReplayStatus says how far that has come. Until that is done, what is published is held and comes after it. Without a
// Replay the subscription goes on with what was held.
//
// Errors: [ErrSubscriptionNotFound], a [*catalog.ManagedError] for what a file declares, joined [*InvalidError]s, and change's
// own as it is.
func (t *Topics) UpdateSubscription(ctx context.Context, topic catalog.Name, uuid string, change func(*Subscription) error) (SubscriptionEntry, error) {
	for {
		before := t.definitions.Revision()
		e, err := t.updateOnce(ctx, topic, uuid, change)
		if err == nil || !raced(err) || ctx.Err() != nil || t.definitions.Revision() == before {
			return e, err
		}
	}
}

func (t *Topics) updateOnce(ctx context.Context, topic catalog.Name, uuid string, change func(*Subscription) error) (SubscriptionEntry, error) {
	fail := func(err error) (SubscriptionEntry, error) { return SubscriptionEntry{}, err }
	found, err := t.find(ctx, topic, uuid)
	if err != nil {
		return fail(err)
	}
	switch {
	case found.Value.Pending != nil && found.Value.Pending.Removed:
		return fail(subscriptionNotFound(uuid))
	case found.Owner != "":
		return fail(&catalog.ManagedError{Table: SubscriptionTable, Name: found.Name, Owner: found.Owner})
	}
	state, err := t.topic(ctx, topic)
	if err != nil {
		return fail(err)
	}
	next := found.Value.Clone()
	if err := change(&next); err != nil {
		return fail(err)
	}
	_, next.ID = SplitSubscriptionName(found.Name)
	next.Pending, next.Token = found.Value.Pending, found.Value.Token
	if was := found.Value; next.Queue != was.Queue || next.Function != was.Function || next.URL != was.URL ||
		next.Qualifier != was.Qualifier || next.Account != was.Account || next.Region != was.Region {
		return fail(&InvalidError{Field: "queue", Reason: "or what else the receiver is can not be changed"})
	}
	if err := next.Validate(&state.def); err != nil {
		return fail(err)
	}
	more, err := t.replay(ctx, state, &found.Value, &next)
	if err != nil {
		return fail(err)
	}
	return t.putSubscription(ctx, state, next, found.Revision, more...)
}
