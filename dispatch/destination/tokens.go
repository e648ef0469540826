package destination

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Tokens has the OAuth tokens of connections, of this process: each is asked for once for all calls, used until shortly before
// it expires, and asked for anew in time. It is safe for concurrent use, and keeps them in memory only.
type Tokens struct {
	client *endpoint.Client

	mu   sync.Mutex // guards held, and the fields of the holders but turn
	held map[uint64]*holder
}

// NewTokens returns one without tokens, that asks by a client, whose egress rules count.
func NewTokens(client *endpoint.Client) *Tokens {
	return &Tokens{client: client, held: map[uint64]*holder{}}
}

// source is where the tokens of one state of a connection come from.
type source struct {
	// id is that of the connection's record, digest of all that it says but for what became of it: with another secret, or to be
	// authorized anew, a connection is another source, so that no token outlives a change. It is not the record's revision, which
	// also changes when a connection is found to be authorized, by a token that is good.
	id      uint64
	digest  [sha256.Size]byte
	managed bool
	token   *TokenSource
	masks   *masks
}

func sourceOf(id uint64, c *Connection, managed bool) *source {
	told := *c
	told.State, told.Reason, told.Authorized, told.Kept = "", "", time.Time{}, nil
	text, _ := json.Marshal(told) // plain data always has a JSON form
	return &source{id: id, digest: sha256.Sum256(text), managed: managed, token: c.Token, masks: newMasks(c.Token.secrets()...)}
}

// holder has the token of a source.
type holder struct {
	digest [sha256.Size]byte
	turn   chan struct{} // of capacity one: who asks for a token has put something into it

	token token
	// failures is how often asking has failed in a row, failed why, and again when the endpoint may be asked again.
	failures int
	failed   error
	again    time.Time
	// refused is when a token was last given up because the destination did not take it.
	refused time.Time
}

// token is a token that was granted.
type token struct {
	grant
	refresh, expiry time.Time
}

func newToken(g grant, asked time.Time) token {
	return token{
		grant:   g,
		refresh: asked.Add(g.life - min(g.life/4, time.Minute)),
		expiry:  asked.Add(g.life - min(g.life/10, 10*time.Second)),
	}
}

const (
	firstPause = time.Second
	longPause  = time.Minute
	// longestAsked bounds what a token endpoint may ask for by Retry-After.
	longestAsked = 10 * time.Minute
	// refusedPause is for how long a token is kept although the destination does not take it, when another one was just given up
	// for that: it is not the token that is wrong.
	refusedPause = time.Minute
)

// holderOf returns the source's holder, in the place of what was held for another state of the connection.
func (t *Tokens) holderOf(s *source) *holder {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.held[s.id]
	if h == nil || h.digest != s.digest {
		h = &holder{digest: s.digest, turn: make(chan struct{}, 1)}
		t.held[s.id] = h
	}
	return h
}

// get returns a token that is good for a call now. The error tells why there is none, without secrets; it is ctx's if that ended.
func (t *Tokens) get(ctx context.Context, s *source) (token, error) {
	return t.obtain(ctx, s, t.holderOf(s))
}

// renew returns a token in the place of one that a destination has refused; ok is false if there is none that is worth a try, or if
// the connection is another one by now: nobody is asked with what it was.
func (t *Tokens) renew(ctx context.Context, s *source, refused token) (renewed token, ok bool) {
	now := time.Now()
	t.mu.Lock()
	h := t.held[s.id]
	if h == nil || h.digest != s.digest {
		t.mu.Unlock()
		return token{}, false
	}
	if h.token.header == refused.header {
		if !h.refused.IsZero() && now.Sub(h.refused) < refusedPause {
			t.mu.Unlock()
			return token{}, false
		}
		h.token, h.refused = token{}, now
	}
	t.mu.Unlock()
	renewed, err := t.obtain(ctx, s, h)
	return renewed, err == nil && renewed.header != refused.header
}

// obtain returns the holder's token, or asks for one; one at a time does, and the others wait for it.
func (t *Tokens) obtain(ctx context.Context, s *source, h *holder) (token, error) {
	for waited := false; ; waited = true {
		now := time.Now()
		t.mu.Lock()
		held, failed := h.token, h.failed
		resting := now.Before(h.again)
		t.mu.Unlock()
		// What was asked for while this call waited is for this call, however short its life is.
		usable := held.header != "" && (waited || now.Before(held.expiry))
		switch {
		case usable && (waited || resting || now.Before(held.refresh)):
			return held, nil
		case resting && failed != nil:
			return token{}, failed
		}
		select {
		case h.turn <- struct{}{}:
			t.mu.Lock()
			meanwhile := h.token.header != held.header || h.failed != failed //nolint:errorlint // the same one, not one like it
			t.mu.Unlock()
			if meanwhile {
				<-h.turn
				continue
			}
			fresh, err := t.ask(ctx, s, h)
			<-h.turn
			if err != nil && usable && ctx.Err() == nil {
				return held, nil // it is good for some time yet
			}
			return fresh, err
		default:
		}
		if usable {
			return held, nil
		}
		select {
		case h.turn <- struct{}{}:
			<-h.turn
		case <-ctx.Done():
			return token{}, ctx.Err()
		}
	}
}

// TokenError says why a token endpoint gave no token. It has no secrets.
type TokenError struct{ Reason string }

func (e *TokenError) Error() string { return "no token: " + e.Reason }

// ask has the endpoint give a token, and notes what came of it. The caller has the turn.
func (t *Tokens) ask(ctx context.Context, s *source, h *holder) (token, error) {
	asked := time.Now()
	request, err := s.token.request(s.managed)
	var granted grant
	var pause time.Duration
	if err == nil {
		res := t.client.Do(ctx, request)
		switch {
		case res.Class == endpoint.ClassInterrupted:
			return token{}, context.Cause(ctx)
		case res.Class != endpoint.ClassNone:
			err = errors.New("the token endpoint: " + refusal(&res, s.masks))
			pause = min(res.RetryAfter, longestAsked)
		case res.Truncated:
			err = errors.New("the token endpoint: its answer is too long")
		default:
			if granted, err = readGrant(res.Body); err != nil {
				err = fmt.Errorf("the token endpoint: %w", err)
			}
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		pause = max(pause, min(firstPause<<min(h.failures, 10), longPause))
		h.failures++
		h.failed = &TokenError{Reason: s.masks.text(err.Error())}
		h.again = time.Now().Add(pause)
		return token{}, h.failed
	}
	h.failures, h.failed, h.again = 0, nil, time.Time{}
	h.token = newToken(granted, asked)
	return h.token, nil
}

// revise forgets what is held for a state that a connection no longer has. Who has asked for a token does that then: whoever changed the
// connection may have had its tokens forgotten just before.
func (t *Tokens) revise(connections *catalog.Table[Connection], now *catalog.Snapshot, name catalog.Name, id, revision uint64) {
	e, err := connections.At(now, name)
	switch {
	case err != nil || e.ID != id:
		t.Changed(id, nil)
	case e.Revision != revision:
		t.Changed(id, &e)
	}
}

// Changed forgets what is held for another state of the connection of that record than this one; nil for that it is gone.
func (t *Tokens) Changed(id uint64, now *catalog.Entry[Connection]) {
	t.mu.Lock()
	h := t.held[id]
	t.mu.Unlock()
	if h == nil {
		return
	}
	if now != nil && now.Value.Token != nil && now.Value.usable() && sourceOf(id, &now.Value, now.Owner != "").digest == h.digest {
		return
	}
	t.mu.Lock()
	if t.held[id] == h {
		delete(t.held, id)
	}
	t.mu.Unlock()
}
