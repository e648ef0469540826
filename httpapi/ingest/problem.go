package ingest

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/signalbox-mq/signalbox/event"
)

// Problem is the RFC 9457 problem document of a refused webhook.
type Problem struct {
	// Type is always "about:blank": the status says the kind, Code the case.
	Type string `json:"type"`
	// Title is the status in words.
	Title string `json:"title"`
	// Status is the HTTP status.
	Status int `json:"status"`
	// Detail says what is wrong, for people.
	Detail string `json:"detail,omitempty"`
	// Code names the case for programs and metrics: unknown_source, method, body_too_large,
	// content_encoding, signature_missing, signature_invalid, timestamp_stale or malformed.
	Code string `json:"code,omitempty"`
}

// ProblemOf is the problem document of an error of this package: the one table from its errors to
// HTTP. It also knows event.ErrTooLarge (413). ok is false for every other error, which the caller
// has to answer by its own table.
func ProblemOf(err error) (p Problem, ok bool) {
	for _, row := range [...]struct {
		err    error
		status int
		code   string
	}{
		{ErrUnknownSource, http.StatusNotFound, "unknown_source"},
		{ErrMethod, http.StatusMethodNotAllowed, "method"},
		{ErrTooLarge, http.StatusRequestEntityTooLarge, "body_too_large"},
		{event.ErrTooLarge, http.StatusRequestEntityTooLarge, "body_too_large"},
		{ErrContentEncoding, http.StatusUnsupportedMediaType, "content_encoding"},
		{ErrSignatureMissing, http.StatusUnauthorized, "signature_missing"},
		{ErrSignatureInvalid, http.StatusUnauthorized, "signature_invalid"},
		{ErrTimestampStale, http.StatusUnauthorized, "timestamp_stale"},
		{ErrMalformed, http.StatusBadRequest, "malformed"},
	} {
		if errors.Is(err, row.err) {
			return problem(row.status, row.code, err.Error()), true
		}
	}
	return Problem{}, false
}

func problem(status int, code, detail string) Problem {
	return Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Code: code}
}

// WriteError answers with the problem document of err; an error that [ProblemOf] does not know is a
// 500 whose text is not shown. It is what a [Handler] uses when [Config.WriteError] is nil.
func WriteError(w http.ResponseWriter, _ *http.Request, err error) {
	p, ok := ProblemOf(err)
	if !ok {
		p = problem(http.StatusInternalServerError, "", "")
	}
	writeJSON(w, "application/problem+json", p.Status, p)
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
