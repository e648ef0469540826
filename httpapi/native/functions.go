package native

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Functions is how the API sees the dispatcher.
type Functions interface {
	Status(ctx context.Context, kind string, name catalog.Name) (dispatch.Status, error)
	Statuses(ctx context.Context) ([]dispatch.Status, error)
	Enable(ctx context.Context, kind string, name catalog.Name) error
	Disable(ctx context.Context, kind string, name catalog.Name, reason string) error
}

type functionStatus struct {
	Name string `json:"name"`
	// State is "ok", "disabled" or "breaker-open".
	State          string `json:"state"`
	DisabledBy     string `json:"disabled_by,omitempty"`
	DisabledReason string `json:"disabled_reason,omitempty"`
	// Running counts attempts under way, MaxInFlight how many may be.
	Running     int    `json:"running"`
	MaxInFlight int    `json:"max_in_flight"`
	Rate        string `json:"rate,omitempty"`
	// Waiting counts deliveries that are due, Retrying those that wait for their next attempt.
	Waiting         int64             `json:"waiting"`
	Retrying        int64             `json:"retrying"`
	OldestPublished time.Time         `json:"oldest_published_at,omitzero"`
	Delivered       int64             `json:"delivered_total"`
	Failed          int64             `json:"failed_total"`
	LastFailure     *dispatch.Failure `json:"last_failure,omitempty"`
	NextProbe       time.Time         `json:"next_probe_at,omitzero"`
}

func describeFunction(s *dispatch.Status) functionStatus {
	out := functionStatus{
		Name: s.Name.Name, State: "ok", Running: s.InFlight, MaxInFlight: s.Limit,
		Waiting: s.Waiting.Ready, Retrying: s.Waiting.Delayed, OldestPublished: s.Oldest,
		Delivered: s.Delivered, Failed: s.Failed,
	}
	if !s.Rate.Unlimited() {
		out.Rate = s.Rate.String()
	}
	if s.LastFailure != (dispatch.Failure{}) {
		out.LastFailure = &s.LastFailure
	}
	switch {
	case s.Disabled != nil:
		out.State, out.DisabledBy, out.DisabledReason = "disabled", s.Disabled.By, s.Disabled.Reason
	case s.Breaker.State != dispatch.BreakerIsClosed:
		out.State, out.NextProbe = "breaker-open", s.Breaker.Until
	}
	return out
}

type functionList struct {
	Functions []functionStatus `json:"functions"`
}

// ListFunctions is GET /v1/functions.
func (a *API) ListFunctions(r *http.Request) (any, error) {
	all, err := a.Functions.Statuses(r.Context())
	if err != nil {
		return nil, err
	}
	answer := functionList{Functions: []functionStatus{}}
	for i := range all {
		s := &all[i]
		if s.Kind == dispatch.KindFunction && s.Name.Account == a.account && s.Name.Region == a.region {
			answer.Functions = append(answer.Functions, describeFunction(s))
		}
	}
	slices.SortFunc(answer.Functions, func(x, y functionStatus) int { return cmp.Compare(x.Name, y.Name) })
	return answer, nil
}

// Function is GET /v1/functions/{function}.
func (a *API) Function(r *http.Request) (any, error) {
	name := a.named(r, "function")
	s, err := a.Functions.Status(r.Context(), dispatch.KindFunction, name)
	if err != nil {
		return nil, ofFunction(name, err)
	}
	return describeFunction(&s), nil
}

// EnableFunction is POST /v1/functions/{function}/enable: deliveries that waited are attempted again.
func (a *API) EnableFunction(r *http.Request) (any, error) {
	name := a.named(r, "function")
	return nil, ofFunction(name, a.Functions.Enable(r.Context(), dispatch.KindFunction, name))
}

// DisableFunction is POST /v1/functions/{function}/disable, with an optional reason: deliveries wait from now on.
func (a *API) DisableFunction(r *http.Request) (any, error) {
	body, err := readJSON(r)
	if err != nil {
		return nil, err
	}
	reason := "disabled through the API"
	if len(body) > 0 {
		if reason, err = readReason(body, reason); err != nil {
			return nil, err
		}
	}
	name := a.named(r, "function")
	return nil, ofFunction(name, a.Functions.Disable(r.Context(), dispatch.KindFunction, name, reason))
}

// maxReason is in characters.
const maxReason = 1000

func readReason(body []byte, reason string) (string, error) {
	r := reader{data: body}
	err := r.document(func(name string) error {
		if name != "reason" {
			return unknown("", name)
		}
		return r.text(name, &reason)
	})
	if err == nil && utf8.RuneCountInString(reason) > maxReason {
		err = &badRequest{"reason", "must be at most 1000 characters"}
	}
	return reason, err
}

// ofFunction says what it is that does not exist.
func ofFunction(name catalog.Name, err error) error {
	if errors.Is(err, catalog.ErrNotFound) {
		return fmt.Errorf("%w: %s", errUnknownFunction, name.Name)
	}
	return err
}
