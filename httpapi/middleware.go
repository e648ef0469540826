package httpapi

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/signalbox-mq/signalbox/httpapi/body"
	"github.com/signalbox-mq/signalbox/httpapi/problem"
)

// middleware is what happens to every request: an ID, protection against pages of other origins, a net under panics, and
// one line for metrics and the log.
func (s *Server) middleware(next http.Handler) http.Handler {
	// Browsers send CORS-simple requests (text/plain, forms) to any host without asking. Publishing takes such content
	// types, because curl does, so requests that a page of another origin makes are refused by Sec-Fetch-Site and Origin.
	crossOrigin := http.NewCrossOriginProtection()
	guarded := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := crossOrigin.Check(s.asItActs(r)); err != nil {
			problem.Write(w, problem.New(http.StatusForbidden, "cross_origin", "requests from web pages of other origins are refused"))
			return
		}
		next.ServeHTTP(w, r)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		id := r.Header.Get(problem.RequestIDHeader)
		if !validRequestID(id) {
			id = newRequestID()
		}
		w.Header().Set(problem.RequestIDHeader, id)
		if s.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		rec := &recorder{ResponseWriter: w, route: "other"}
		if r.ContentLength != 0 {
			s.bodies.Hold(&rec.body, r.Body)
			r.Body = &rec.body
			defer rec.body.Release()
		}
		defer func() {
			// An answer of which a part is on its way must not look like a whole one.
			abort := false
			if p := recover(); p != nil {
				abort = p == http.ErrAbortHandler || !s.panicked(rec, r, id, p) //nolint:errorlint // a sentinel, never wrapped
			}
			s.observe(rec, r, time.Since(start), id)
			if abort {
				panic(http.ErrAbortHandler)
			}
		}()
		guarded.ServeHTTP(rec, r)
	})
}

// asItActs is the request as the protection has to see it: a GET of the AWS Query protocol may change something, and so counts as a POST.
func (s *Server) asItActs(r *http.Request) *http.Request {
	if r.Method != http.MethodGet || s.parts.AWS == nil || !s.parts.AWS.Takes(r) || followsLink(r) {
		return r
	}
	post := *r
	post.Method = http.MethodPost
	return &post
}

// followsLink says whether somebody follows a link of a message of SNS in a browser, to confirm a subscription or to end one. The
// page that the link is on may be of any origin: it can not know the token, or the UUID of the subscription, but from the message.
func followsLink(r *http.Request) bool {
	if r.URL.Path != "/" || r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Header.Get("Sec-Fetch-Dest") != "document" {
		return false
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || len(query["Action"]) != 1 {
		return false
	}
	action := query.Get("Action")
	return action == "ConfirmSubscription" || action == "Unsubscribe"
}

// panicked logs a panic, and answers if nothing was answered yet; else it returns false.
func (s *Server) panicked(rec *recorder, r *http.Request, id string, p any) bool {
	s.log.Error().Str("request_id", id).Str("method", r.Method).Str("path", r.URL.Path).
		Str("panic", fmt.Sprint(p)).Bytes("stack", debug.Stack()).Msg("request panicked")
	if rec.status != 0 {
		return false
	}
	for _, name := range []string{"Content-Length", "Content-Encoding", "Retry-After", "ETag", "Last-Modified"} {
		rec.Header().Del(name) // of the answer that it would have been
	}
	problem.Write(rec, problem.Internal())
	return true
}

func (s *Server) observe(rec *recorder, r *http.Request, took time.Duration, id string) {
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
	if e := s.log.Debug(); e.Enabled() {
		e.Str("request_id", id).Str("method", r.Method).Str("path", r.URL.Path).
			Int("status", rec.status).Dur("took_ms", took).Msg("request")
	}
	if s.parts.Observe != nil {
		s.parts.Observe(rec.route, rec.status, took)
	}
}

// recorder remembers what the middleware has to know of an answer.
type recorder struct {
	http.ResponseWriter
	// status is 0 until the header is written.
	status int
	// route is the name of the route that took the request.
	route string
	// body is the request's, which counts what is read of it; here because that saves an allocation.
	body body.Body
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= 200 { // 1xx are not the answer yet
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// SetRoute names the route that took the request, for those who find it by themselves.
func (r *recorder) SetRoute(route string) { r.route = route }

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// validRequestID accepts the ID that a proxy in front has given.
func validRequestID(id string) bool {
	return len(id) >= 1 && len(id) <= 128 && strings.IndexFunc(id, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}) < 0
}

// newRequestID returns a random UUID (version 4), the form that the AWS protocols have. It is no secret.
func newRequestID() string {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], rand.Uint64()&^0xf000|0x4000)
	binary.BigEndian.PutUint64(id[8:], 1<<63|rand.Uint64()>>2)
	return id.String()
}
