package native

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/httpapi/body"
	"github.com/signalbox-mq/signalbox/httpapi/problem"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
	"github.com/signalbox-mq/signalbox/story"
	"github.com/signalbox-mq/signalbox/topic"
)

// badRequest is an error of the HTTP layer itself: a body that is no JSON, a parameter that is no duration.
type badRequest struct{ field, reason string }

func (e *badRequest) Error() string {
	if e.field == "" {
		return e.reason
	}
	return e.field + " " + e.reason
}

var (
	errTooLarge    = errors.New("the body is larger than 1.25 MiB")
	errMediaType   = errors.New("the content type must be application/json")
	errNotFound    = errors.New("there is nothing at this path")
	errMethod      = errors.New("this path does not answer that method")
	errUnavailable = errors.New("the router is shutting down")

	errContentEncoding = errors.New("the body must not be compressed or otherwise encoded")
	errMessageTooLarge = errors.New("the message is too large")
	errUnknownDelivery = errors.New("delivery not found")
	errUnknownFunction = errors.New("function does not exist")
	errRulePaused      = errors.New("the transfer is held because its rule is paused")
)

// rows is the one table from errors to problems, first match first. Errors that carry a field come before it, in problemOf.
var rows = [...]struct {
	err        error
	status     int
	code       string
	retryAfter string
}{
	{errTooLarge, http.StatusRequestEntityTooLarge, "body_too_large", ""},
	{event.ErrTooLarge, http.StatusRequestEntityTooLarge, "event_too_large", ""},
	{errMessageTooLarge, http.StatusRequestEntityTooLarge, "message_too_large", ""},
	{body.ErrSlow, http.StatusRequestTimeout, "slow_body", ""},
	{body.ErrOverloaded, http.StatusServiceUnavailable, "overloaded", "1"},
	{errContentEncoding, http.StatusUnsupportedMediaType, "content_encoding", ""},
	{errMediaType, http.StatusUnsupportedMediaType, "media_type", ""},
	{errNotFound, http.StatusNotFound, "not_found", ""},
	{errMethod, http.StatusMethodNotAllowed, "method", ""},
	{errUnavailable, http.StatusServiceUnavailable, "shutting_down", "1"},
	{queue.ErrNotFound, http.StatusNotFound, "unknown_queue", ""},
	{queue.ErrDropped, http.StatusNotFound, "unknown_queue", ""},
	{rules.ErrBusNotFound, http.StatusNotFound, "unknown_bus", ""},
	{topic.ErrNotFound, http.StatusNotFound, "unknown_topic", ""},
	{errUnknownDelivery, http.StatusNotFound, "unknown_delivery", ""},
	{story.ErrNotFound, http.StatusNotFound, "unknown_event", ""},
	{errUnknownFunction, http.StatusNotFound, "unknown_function", ""},
	{queue.ErrTransferNotFound, http.StatusNotFound, "unknown_transfer", ""},
	{queue.ErrTransferEnded, http.StatusConflict, "transfer_ended", ""},
	{queue.ErrNotDeadLetterQueue, http.StatusConflict, "not_dead_letter_queue", ""},
	{queue.ErrRedriveRunning, http.StatusConflict, "redrive_running", ""},
	{errRulePaused, http.StatusConflict, "rule_paused", ""},
	{catalog.ErrNotFound, http.StatusNotFound, "not_found", ""},
	{queue.ErrExists, http.StatusConflict, "exists", ""},
	{catalog.ErrExists, http.StatusConflict, "exists", ""},
	{catalog.ErrConflict, http.StatusConflict, "conflict", ""},
	{queue.ErrReceiptInvalid, http.StatusBadRequest, "receipt_invalid", ""},
	{queue.ErrReceiptExpired, http.StatusConflict, "receipt_expired", ""},
	{queue.ErrNotInFlight, http.StatusConflict, "not_in_flight", ""},
	{queue.ErrVisibilityLimit, http.StatusBadRequest, "visibility_limit", ""},
	{queue.ErrTokenReused, http.StatusConflict, "token_reused", ""},
	{queue.ErrOverLimit, http.StatusTooManyRequests, "too_many_in_flight", "1"},
	{queue.ErrStoreFull, http.StatusServiceUnavailable, "store_full", "10"},
	{queue.ErrStoreClosed, http.StatusServiceUnavailable, "store_closed", "5"},
	{queue.ErrUnavailable, http.StatusServiceUnavailable, "store_unavailable", "1"},
	{context.Canceled, statusClientGone, "client_gone", ""},
	{context.DeadlineExceeded, http.StatusServiceUnavailable, "timeout", "1"},
}

// statusClientGone is what nginx logs for a client that did not wait; nobody reads it.
const statusClientGone = 499

// invalid is the problem of an error that names what is wrong in the request.
func invalid(err error) (code, field string, ok bool) {
	if e, ok := errors.AsType[*badRequest](err); ok {
		return "invalid", e.field, true
	}
	if e, ok := errors.AsType[*event.InvalidError](err); ok {
		return "invalid_event", e.Field, true
	}
	if e, ok := errors.AsType[*queue.InvalidError](err); ok {
		return "invalid", e.Field, true
	}
	if e, ok := errors.AsType[*rules.InvalidError](err); ok {
		return "invalid", e.Field, true
	}
	if e, ok := errors.AsType[*topic.InvalidError](err); ok {
		return "invalid", e.Field, true
	}
	return "", "", false
}

// problemOf is the problem of an error. known is false for an error that no row names: its text must not be shown.
func problemOf(err error) (p problem.Problem, retryAfter string, known bool) {
	if code, field, ok := invalid(err); ok {
		p := problem.New(http.StatusBadRequest, code, detail(err))
		p.Field = field
		return p, "", true
	}
	if _, ok := errors.AsType[*catalog.ManagedError](err); ok {
		return problem.New(http.StatusConflict, "managed_by_file", detail(err)), "", true
	}
	for _, row := range rows {
		if errors.Is(err, row.err) {
			text := detail(err)
			if row.err == queue.ErrUnavailable {
				text = row.err.Error() // where the store is, which the rest may tell, is nobody's business
			}
			return problem.New(row.status, row.code, text), row.retryAfter, true
		}
	}
	return problem.Internal(), "", false
}

// detail is the text of an error on one line and of bounded length: names that do not exist may be as long as a path.
func detail(err error) string {
	const most = 1000
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	if len(text) <= most {
		return text
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

// WriteError answers with the problem of an error. An error that is not in the table is logged once, with the request ID.
func (a *API) WriteError(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) && errors.Is(context.Cause(r.Context()), errUnavailable) {
		err = errUnavailable // it was not the client that gave up
	}
	p, retryAfter, known := problemOf(err)
	if !known {
		a.log.Error().Err(err).Str("request_id", w.Header().Get(problem.RequestIDHeader)).
			Str("method", r.Method).Str("path", r.URL.Path).Msg("request failed")
	}
	h := w.Header()
	if retryAfter != "" {
		h.Set("Retry-After", retryAfter)
	}
	rest := errors.Is(err, errTooLarge) || body.CloseConnection(err)
	if rest {
		h.Set("Connection", "close") // the rest of the body is not worth waiting for
	}
	problem.Write(w, p)
	if rest && !errors.Is(err, body.ErrSlow) { // who has stopped sending is not in the midst of it
		body.Linger(w, r)
	}
}
