package ingest

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/httpapi/body"
	"github.com/signalbox-mq/signalbox/httpapi/problem"
)

// ProblemOf is the problem document of an error of this package: the one table from its errors to
// HTTP. It also knows event.ErrTooLarge (413), body.ErrSlow (408) and body.ErrOverloaded (503). ok is false for every other error, which the caller
// has to answer by its own table.
func ProblemOf(err error) (p problem.Problem, ok bool) {
	for _, row := range [...]struct {
		err    error
		status int
		code   string
	}{
		{ErrUnknownSource, http.StatusNotFound, "unknown_source"},
		{ErrMethod, http.StatusMethodNotAllowed, "method"},
		{ErrTooLarge, http.StatusRequestEntityTooLarge, "body_too_large"},
		{event.ErrTooLarge, http.StatusRequestEntityTooLarge, "body_too_large"},
		{body.ErrSlow, http.StatusRequestTimeout, "slow_body"},
		{body.ErrOverloaded, http.StatusServiceUnavailable, "overloaded"},
		{ErrContentEncoding, http.StatusUnsupportedMediaType, "content_encoding"},
		{ErrSignatureMissing, http.StatusUnauthorized, "signature_missing"},
		{ErrSignatureInvalid, http.StatusUnauthorized, "signature_invalid"},
		{ErrTimestampStale, http.StatusUnauthorized, "timestamp_stale"},
		{ErrMalformed, http.StatusBadRequest, "malformed"},
	} {
		if errors.Is(err, row.err) {
			return problem.New(row.status, row.code, err.Error()), true
		}
	}
	return problem.Problem{}, false
}

// WriteError answers with the problem document of err; an error that [ProblemOf] does not know is a
// 500 whose text is not shown. It is what a [Handler] uses when [Config.WriteError] is nil.
func WriteError(w http.ResponseWriter, _ *http.Request, err error) {
	p, ok := ProblemOf(err)
	if !ok {
		p = problem.New(http.StatusInternalServerError, "", "")
	}
	problem.Write(w, p)
}

func writeJSON(w http.ResponseWriter, contentType string, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil { // can not be: v is made of strings, numbers and booleans
		status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the client may be gone; nobody is left to tell
}
