package endpoint

import (
	"net/http"
	"time"

	"github.com/signalbox-mq/signalbox/duration"
)

// Limits of EventBridge's retry policies, and what counts where a target has none: the most.
const (
	EventBridgeRetries   = 185
	EventBridgeMinAge    = time.Minute
	EventBridgeMaxAge    = 24 * time.Hour
	eventBridgeFirst     = time.Second
	eventBridgeLongest   = 7 * time.Minute
	eventBridgePermanent = 1
)

// EventBridgeRetry is the retry policy of a target of EventBridge: at most so many retries after the first attempt, 0 to 185,
// and none once the delivery is older than maxAge, 60s to 24h. What is out of range counts as the nearest in it.
//
// The delays are 1s, 2s, 4s, … up to 7m, moved at random by up to a fifth: 185 of them take about 20h40m and are over within 24h
// with the time that attempts take. (AWS says that they grow and jitter, and not how long they are.) A Retry-After is waited for,
// if that is longer; one that is beyond the age ends the retries.
//
// RetryPolicy.EventBridge is set, which means: MaxAge counts from when the delivery was made, by the publish or by a transfer that
// brought the event later, so that one that had to wait too long is not attempted at all. A negative Retry-After ends the retries. Statuses 401, 407, 409, 429 and 500 to 599 are
// retried, and every other one but success is final at once, as an answer 410 is without disabling the endpoint.
func EventBridgeRetry(retries int, maxAge time.Duration) RetryPolicy {
	age := duration.Of(min(max(maxAge, EventBridgeMinAge), EventBridgeMaxAge))
	return RetryPolicy{
		Exponential: &Exponential{
			Min: duration.Of(eventBridgeFirst), Max: duration.Of(eventBridgeLongest),
			Attempts: 1 + min(max(retries, 0), EventBridgeRetries),
		},
		MaxAge: age, RetryAfterMax: duration.Of(MaxDelay),
		PermanentAttempts: eventBridgePermanent,
		EventBridge:       true,
	}
}

// eventBridgeRetries says whether EventBridge tries again after an answer with such a status.
func eventBridgeRetries(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusProxyAuthRequired, http.StatusConflict, http.StatusTooManyRequests:
		return true
	}
	return status >= 500 && status <= 599
}

// Expired says whether a delivery is too old to be attempted: EventBridge's policies count from when it was made.
func (p RetryPolicy) Expired(made, now time.Time) bool {
	return p.EventBridge && p.MaxAge > 0 && now.Sub(made) > p.MaxAge.Std()
}
