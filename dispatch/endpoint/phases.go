package endpoint

import (
	"crypto/tls"
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
	mu                        sync.Mutex // guards all below
	dnsStart, dnsDone         time.Time
	connectStart, connectDone time.Time
	tlsStart, tlsDone         time.Time
	tlsFailed                 bool
	gotConn, firstByte        time.Time
	reused                    bool
	remote                    string
}

func (t *tracer) hooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSStart: func(httptrace.DNSStartInfo) { t.note(&t.dnsStart) },
		DNSDone:  func(httptrace.DNSDoneInfo) { t.note(&t.dnsDone) },
		ConnectStart: func(string, string) {
			t.mu.Lock()
			defer t.mu.Unlock()
			if t.connectStart.IsZero() {
				t.connectStart = time.Now()
			}
		},
		ConnectDone:       func(string, string, error) { t.note(&t.connectDone) },
		TLSHandshakeStart: func() { t.note(&t.tlsStart) },
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.tlsDone, t.tlsFailed = time.Now(), err != nil
		},
		GotConn: func(info httptrace.GotConnInfo) {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.gotConn, t.reused = time.Now(), info.Reused
			if info.Conn != nil {
				t.remote = info.Conn.RemoteAddr().String()
			}
		},
		GotFirstResponseByte: func() { t.note(&t.firstByte) },
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
		Remote:  t.remote,
		Reused:  t.reused,
	}
}

func between(from, to time.Time) time.Duration {
	if from.IsZero() || to.IsZero() {
		return 0
	}
	return max(0, to.Sub(from))
}
