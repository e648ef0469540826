// Package httpapi is the router's one HTTP port: the routes, what is done for every request, health and metrics. The
// operations are in the packages below it.
package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/httpapi/body"
	"github.com/signalbox-mq/signalbox/httpapi/longpoll"
	"github.com/signalbox-mq/signalbox/httpapi/native"
)

// Parts are the handlers behind the routes.
type Parts struct {
	Native *native.API
	// AWS answers the AWS protocols. Nil for none.
	AWS *awsapi.Handler
	// Hooks takes provider webhooks, under /hooks/.
	Hooks http.Handler
	// Certificate, when set, serves the certificate of the signatures of SNS.
	Certificate http.Handler
	// Metrics answers GET /metrics.
	Metrics http.Handler
	// Observe is told of every answered request: its route ("POST /v1/events"), status and duration. It may be nil.
	Observe func(route string, status int, took time.Duration)
	// Stale, when set, says that this node is out of touch with the others that share its store, so that it is not ready.
	Stale func() bool
	// Extra, when set, answers paths below /dev/, any method.
	Extra  http.Handler
	Limits Limits
	// Drain is for how long requests are still taken when the server is to stop, while /readyz answers 503 already, so that what
	// spreads requests over several servers leaves this one out before it is gone. Zero for not at all.
	Drain time.Duration
}

// Limits bound what the server takes on at once. The zero value is the defaults.
type Limits struct {
	// BodyBytes is how much memory the bodies of all requests in progress may take. Beyond it requests with a body are
	// answered 503 overloaded. Default 128 MiB; a single body takes up to 1.25 MiB, or
	// 8 MiB on the AWS protocols.
	BodyBytes int64
	// Connections is how many connections are served. More are answered 503 and closed. Default 10,000.
	Connections int
}

const (
	defaultBodyBytes   = 128 << 20
	defaultConnections = 10_000
)

// Server answers HTTP requests.
type Server struct {
	parts   Parts
	log     zerolog.Logger
	handler http.Handler
	ready   atomic.Bool
	// draining says that the server stops soon: connections end with the answer to their next request.
	draining atomic.Bool
	bodies   *body.Budget
}

// New returns a server. It starts nothing.
func New(parts Parts, log zerolog.Logger) *Server {
	if parts.Limits.BodyBytes <= 0 {
		parts.Limits.BodyBytes = defaultBodyBytes
	}
	if parts.Limits.Connections <= 0 {
		parts.Limits.Connections = defaultConnections
	}
	s := &Server{parts: parts, log: log, bodies: body.NewBudget(parts.Limits.BodyBytes)}
	s.handler = s.middleware(s.routes())
	return s
}

// ServeHTTP makes the server usable without a listener, in tests.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Limits of a connection. A whole request of 1.25 MiB on a slow line takes less than readTimeout. What runs for longer than
// that is cancelled, which the longest poll of 20 s does not. writeTimeout counts from the end of the header, so it holds
// a slow body, the longest poll, and an answer to a client that does not read.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 60 * time.Second
	writeTimeout      = 90 * time.Second
	idleTimeout       = 120 * time.Second
	maxHeaderBytes    = 64 << 10
)

// cutGrace is how long requests have to end after they were cut off.
const cutGrace = 500 * time.Millisecond

// Serve answers requests on a listener, which it closes, until ctx ends, and for Parts.Drain more; then it stops listening, lets requests in progress
// finish for up to grace, and cuts off the rest: their contexts end, and half a second later their connections do. Long
// polls end at once, with what they have. It returns nil after ctx ended.
func (s *Server) Serve(ctx context.Context, l net.Listener, grace time.Duration) error {
	// Requests outlive ctx, so that those in progress can finish; long polls are told by stopping.
	requests, cutOff := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cutOff(native.ErrStopping)
	stopping, stop := context.WithCancel(requests)
	defer stop()
	srv := s.httpServer(longpoll.WithStopping(requests, stopping))
	failed := make(chan error, 1)
	limited := &limitListener{Listener: l, limit: s.parts.Limits.Connections, log: s.log}
	go func() { failed <- srv.Serve(limited) }()
	s.ready.Store(true)
	defer s.ready.Store(false)
	var failure error
	select {
	case err := <-failed:
		failure = fmt.Errorf("serving HTTP: %w", err)
	case <-ctx.Done():
	}
	s.ready.Store(false)
	if failure == nil && s.parts.Drain > 0 {
		s.log.Info().Stringer("for", s.parts.Drain).Msg("draining: requests are still taken, and /readyz says that no more should come")
		s.draining.Store(true)
		select {
		case err := <-failed:
			failure = fmt.Errorf("serving HTTP: %w", err)
		case <-time.After(s.parts.Drain):
		}
	}
	if failure == nil {
		s.log.Info().Msg("stopping")
	}
	stop()
	err := shutdown(ctx, srv, grace)
	if errors.Is(err, context.DeadlineExceeded) {
		cutOff(native.ErrStopping)
		if err = shutdown(ctx, srv, cutGrace); errors.Is(err, context.DeadlineExceeded) {
			err = srv.Close()
		}
	}
	if failure != nil {
		return failure
	}
	<-failed
	return err
}

func shutdown(ctx context.Context, srv *http.Server, grace time.Duration) error {
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	return srv.Shutdown(limit)
}

func (s *Server) httpServer(requests context.Context) *http.Server {
	return &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		BaseContext:       func(net.Listener) context.Context { return requests },
		ErrorLog:          log.New(serverLog{s.log}, "", 0),
	}
}

// serverLog takes what net/http has to say: accepting failed for lack of file descriptors, and the like.
type serverLog struct{ log zerolog.Logger }

func (l serverLog) Write(b []byte) (int, error) {
	l.log.Warn().Msg(strings.TrimSpace(string(b)))
	return len(b), nil
}

func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n"))
}

func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if !s.ready.Load() || s.parts.Stale != nil && s.parts.Stale() {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte("not ready\n"))
		return
	}
	_, _ = w.Write([]byte("ready\n"))
}
