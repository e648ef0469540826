// Package native is the plain HTTP API of the router: events (CloudEvents and JSON), topics, queues, functions and the
// story of an event. Its operations are methods on the domain packages; what is here reads requests and writes answers.
package native

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/gorilla/mux"
	"github.com/rs/zerolog"

	"github.com/signalbox-mq/signalbox/httpapi/body"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
	"github.com/signalbox-mq/signalbox/story"
	"github.com/signalbox-mq/signalbox/topic"
)

// MaxBody is the largest request body, in bytes: 1.25 MiB, so that 1 MiB of data fits with its wrapping.
const MaxBody = 5 << 18

// Services are what the API is a face of.
type Services struct {
	Broker *queue.Broker
	Rules  *rules.Engine
	Topics *topic.Topics
	Story  *story.Teller
	// Functions is the dispatcher.
	Functions Functions
	Transfers *queue.Transfers
	Redrives  *queue.Redrives
}

// API has a method for each operation; httpapi's routes name them.
type API struct {
	Services
	account, region string
	log             zerolog.Logger
}

// New returns the API for the given account and region, under which every name in a request is looked up.
func New(services Services, account, region string, log zerolog.Logger) *API {
	return &API{Services: services, account: account, region: region, log: log}
}

func (a *API) name(name string) catalog.Name {
	return catalog.Name{Account: a.account, Region: a.region, Name: name}
}

// named is the name that a variable of the request's path gives.
func (a *API) named(r *http.Request, variable string) catalog.Name {
	return a.name(pathVariable(r, variable))
}

// pathVariable returns what a variable of the route stands for. Routes are matched on the path as it was sent, so that a
// name may hold a slash, as %2F.
func pathVariable(r *http.Request, name string) string {
	value := mux.Vars(r)[name]
	if plain, err := url.PathUnescape(value); err == nil { // net/http has refused paths that are not well escaped
		return plain
	}
	return value
}

// Operation answers a request with a value to be written as JSON with status 200, or an error of the table in errors.go.
// A nil value is 204.
type Operation func(r *http.Request) (any, error)

// created is an answer with status 201.
type created struct{ answer any }

// plainText is an answer for people.
type plainText struct{ write func(io.Writer) error }

// Handle makes an operation a handler.
func (a *API) Handle(op Operation) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, err := bounded(op, r)
		switch answer := answer.(type) {
		case nil:
			if err != nil {
				a.WriteError(w, r, err)
				return
			}
			w.WriteHeader(http.StatusNoContent)
		case plainText:
			if err != nil {
				a.WriteError(w, r, err)
				return
			}
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.Header().Set("Cache-Control", "no-store")
			_ = answer.write(w) // nobody is left to tell if the client is gone
		case created:
			writeJSON(w, http.StatusCreated, answer.answer)
		default:
			writeJSON(w, http.StatusOK, answer)
		}
	})
}

// bounded runs an operation on a body that it may read by readBody. One that says it is too large is refused before any of
// it is read, whether the operation has a use for it or not.
func bounded(op Operation, r *http.Request) (any, error) {
	if r.ContentLength > MaxBody {
		return nil, errTooLarge
	}
	if r.ContentLength != 0 {
		if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
			return nil, fmt.Errorf("%w: it is %q", errContentEncoding, clip(coding))
		}
	}
	answer, err := op(r)
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// Values of headers, made once. Their capacity is their length, so that nobody can append to them in place.
var (
	contentTypeJSON = []string{"application/json"}
	noSniff         = []string{"nosniff"}
	noStore         = []string{"no-store"}
)

func writeJSON(w http.ResponseWriter, status int, v any) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // bodies are for programs
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("native: encoding an answer: %v", err)) // answers are plain values; the middleware makes it a 500
	}
	h := w.Header()
	h["Content-Type"] = contentTypeJSON
	h["X-Content-Type-Options"] = noSniff
	h["Cache-Control"] = noStore // messages and receipts are nobody else's, and what they say is soon wrong
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

func readBody(r *http.Request) ([]byte, error) {
	data, err := body.Read(r, MaxBody)
	switch {
	case errors.Is(err, body.ErrTooLarge):
		return nil, errTooLarge
	case errors.Is(err, body.ErrBroken):
		return nil, &badRequest{"body", "could not be read to its end"}
	}
	return data, err
}

// readJSON reads a body that has to be JSON.
func readJSON(r *http.Request) ([]byte, error) {
	if ct := r.Header.Get("Content-Type"); ct != "" && ct != "application/json" {
		// What curl -d and fetch send when nobody chose a type is accepted: what counts is that the body is JSON.
		media, _, err := mime.ParseMediaType(ct)
		if err != nil || media != "application/json" && media != "application/x-www-form-urlencoded" && media != "text/plain" && !strings.HasSuffix(media, "+json") {
			return nil, fmt.Errorf("%w, not %q", errMediaType, clip(ct))
		}
	}
	return readBody(r)
}
