package endpoint

import (
	"context"
	"crypto/tls"
	"net"
	"net/http/httptrace"
	"sync"
	"time"
)

// Phases is how long the parts of an attempt took. A part that did not happen (a connection was reused, the attempt ended
// before) is 0. How long a delivery waited in its queue is not known here.
type Phases struct {
	DNS     time.Duration // looking up the host
	Connect time.Duration // TCP, from the first address tried to the last
	TLS     time.Duration // the handshake
	TTFB    time.Duration // from having a connection to the first byte of the answer: sending, and the endpoint's own time
	Total   time.Duration // all of Do, the body included

	Remote string // address and port of the connection; empty without one
	Reused bool   // the connection was kept from before
	Resent bool   // it was dead, and the request was sent again on a new one; the other fields are then of the second time
}

// tracer notes the moments of one round trip. The transport may call its hooks from other goroutines, and after RoundTrip has returned.
type tracer struct {
	hooks httptrace.ClientTrace

	mu                        sync.Mutex // guards all below
	dnsStart, dnsDone         time.Time
	connectStart, connectDone time.Time
	tlsStart, tlsDone         time.Time
	tlsFailed                 bool
	gotConn, firstByte        time.Time
	reused                    bool
	remote                    net.Addr
}

// tracerKey is the tracer's in its attempt's context.
type tracerKey struct{}

// trace returns a context that tells the tracer of an attempt. What it takes to connect is told by dialing only, for most
// attempts use a kept connection and hooks have a price.
func (t *tracer) trace(ctx context.Context) context.Context {
	t.hooks = httptrace.ClientTrace{
		TLSHandshakeStart:    t.tlsHasStarted,
		TLSHandshakeDone:     t.tlsIsDone,
		GotConn:              t.hasConn,
		GotFirstResponseByte: t.hasFirstByte,
	}
	return httptrace.WithClientTrace(context.WithValue(ctx, tracerKey{}, t), &t.hooks)
}

// dialing makes dial tell the tracer of the attempt that it is for.
func dialing(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if t, ok := ctx.Value(tracerKey{}).(*tracer); ok {
			ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
				DNSStart: func(httptrace.DNSStartInfo) { t.note(&t.dnsStart) },
				DNSDone:  func(httptrace.DNSDoneInfo) { t.note(&t.dnsDone) },
				ConnectStart: func(string, string) {
					t.mu.Lock()
					defer t.mu.Unlock()
					if t.connectStart.IsZero() {
						t.connectStart = time.Now()
					}
				},
				ConnectDone: func(string, string, error) { t.note(&t.connectDone) },
			})
		}
		return dial(ctx, network, address)
	}
}

type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

func (t *tracer) tlsHasStarted() { t.note(&t.tlsStart) }
func (t *tracer) hasFirstByte()  { t.note(&t.firstByte) }

func (t *tracer) tlsIsDone(_ tls.ConnectionState, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tlsDone, t.tlsFailed = time.Now(), err != nil
}

func (t *tracer) hasConn(info httptrace.GotConnInfo) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.gotConn, t.reused = time.Now(), info.Reused
	if info.Conn != nil {
		t.remote = info.Conn.RemoteAddr()
	}
}

func (t *tracer) note(at *time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	*at = time.Now()
}

// silent reports whether not one byte of an answer came.
func (t *tracer) silent() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.firstByte.IsZero()
}

// connected reports whether a connection was there to send the request on.
func (t *tracer) connected() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.gotConn.IsZero()
}

// handshakeFailed reports whether a TLS handshake began and did not succeed.
func (t *tracer) handshakeFailed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.tlsStart.IsZero() && (t.tlsDone.IsZero() || t.tlsFailed)
}

func (t *tracer) phases(p *Phases) {
	t.mu.Lock()
	defer t.mu.Unlock()
	*p = Phases{
		DNS:     between(t.dnsStart, t.dnsDone),
		Connect: between(t.connectStart, t.connectDone),
		TLS:     between(t.tlsStart, t.tlsDone),
		TTFB:    between(t.gotConn, t.firstByte),
		Reused:  t.reused,
	}
	if t.remote != nil {
		p.Remote = t.remote.String()
	}
}

func between(from, to time.Time) time.Duration {
	if from.IsZero() || to.IsZero() {
		return 0
	}
	return max(0, to.Sub(from))
}
