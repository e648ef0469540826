// Package problem writes the errors of the native API: problem documents of RFC 9457.
package problem

import (
	"encoding/json"
	"net/http"
)

// ContentType is that of every problem document.
const ContentType = "application/problem+json"

// Problem is a problem document. Type is always "about:blank": the status says the kind, Code the case.
type Problem struct {
	Type string `json:"type"`
	// Title is the status in words.
	Title string `json:"title"`
	// Status is the HTTP status.
	Status int `json:"status"`
	// Detail says what is wrong, for people.
	Detail string `json:"detail,omitempty"`
	// Code names the case for programs and metrics, in lower case with underscores.
	Code string `json:"code,omitempty"`
	// Field names what is wrong in the request, when it is one thing.
	Field string `json:"field,omitempty"`
	// RequestID is that of the response's header; it leads to the server's log.
	RequestID string `json:"request_id,omitempty"`
}

// New returns a problem with the given status.
func New(status int, code, detail string) Problem {
	return Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Code: code}
}

// Internal is the problem of a fault of the router itself. What it was is for the log.
func Internal() Problem {
	return New(http.StatusInternalServerError, "internal", "the router failed to do this; its log has the reason under the request id")
}

// RequestIDHeader is the header in which every response carries its request's ID.
const RequestIDHeader = "X-Request-Id"

// Write answers with a problem document.
func Write(w http.ResponseWriter, p Problem) {
	if p.RequestID == "" {
		p.RequestID = w.Header().Get(RequestIDHeader)
	}
	body, err := json.Marshal(p)
	if err != nil { // strings and a number
		panic(err)
	}
	h := w.Header()
	h.Set("Content-Type", ContentType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store") // 404 and 405 could be kept, and be wrong a moment later
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n')) // nobody is left to tell if the client is gone
}
