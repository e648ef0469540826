package endpoint

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"
)

// Errors that no loopback server can provoke.
func TestClassifyError(t *testing.T) {
	t.Parallel()
	dial := func(err error) error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", err)}
	}
	connected := &tracer{gotConn: time.Now()}
	handshaking := &tracer{tlsStart: time.Now()}
	for _, c := range []struct {
		err  error
		tr   *tracer
		want ErrorClass
	}{
		{dial(syscall.ECONNREFUSED), &tracer{}, ClassRefused},
		{dial(syscall.ENETUNREACH), &tracer{}, ClassUnreachable},
		{dial(syscall.EHOSTUNREACH), &tracer{}, ClassUnreachable},
		{dial(syscall.ETIMEDOUT), &tracer{}, ClassTimeout},
		{dial(syscall.EMFILE), &tracer{}, ClassLocal},
		{dial(syscall.EADDRNOTAVAIL), &tracer{}, ClassLocal},
		{dial(syscall.EACCES), &tracer{}, ClassUnreachable},
		{dial(syscall.ECONNRESET), handshaking, ClassTLS},
		{dial(syscall.EPIPE), connected, ClassReset},
		{dial(os.ErrDeadlineExceeded), connected, ClassTimeout},
		{&net.OpError{Op: "dial", Err: &net.DNSError{Err: "timeout", IsTimeout: true}}, &tracer{}, ClassDNS},
		{&net.OpError{Op: "dial", Err: &BlockedError{}}, &tracer{}, ClassEgress},
		{&net.OpError{Op: "remote error", Err: errors.New("tls: bad certificate")}, connected, ClassTLS},
		{errors.New("http: server closed idle connection"), connected, ClassReset},
		{errors.New("stream error: stream ID 3; INTERNAL_ERROR; received from peer"), connected, ClassReset},
		{errors.New(`malformed HTTP response "tls: ha"`), connected, ClassProtocol},
		{errors.New("who knows"), connected, ClassProtocol},
		{errors.New("who knows"), &tracer{}, ClassUnreachable},
	} {
		if got := classifyError(context.Background(), fmt.Errorf("wrapped: %w", c.err), c.tr); got != c.want {
			t.Errorf("%v: %q; want %q", c.err, got, c.want)
		}
	}
	ended, cancel := context.WithCancelCause(context.Background())
	cancel(errAttemptTimeout)
	if got := classifyError(ended, dial(syscall.ECONNRESET), connected); got != ClassTimeout {
		t.Errorf("after the timeout: %q", got)
	}
	if got := classifyError(ended, &BlockedError{}, connected); got != ClassEgress {
		t.Errorf("blocked after the timeout: %q", got)
	}
}

func TestEndpointAtFault(t *testing.T) {
	t.Parallel()
	ours := map[ErrorClass]bool{ClassNone: true, ClassLocal: true, ClassInterrupted: true, ClassRequest: true, ClassAuthorization: true, ClassEgress: true}
	for _, c := range append(ErrorClasses(), ClassNone) {
		if c.EndpointAtFault() == ours[c] {
			t.Errorf("%q: %v", c, c.EndpointAtFault())
		}
	}
}

func FuzzClip(f *testing.F) {
	f.Add("héllo\r\n\xff\xfe", 3)
	f.Add("", 0)
	f.Add("\xe2\x82", 1)
	f.Fuzz(func(t *testing.T, s string, n int) {
		n = min(max(n, 0), 1<<16)
		out := clip(s, n)
		if !utf8.ValidString(out) || len(out) > n+len("…") {
			t.Fatalf("clip(%q, %d) = %q", s, n, out)
		}
		for _, r := range out {
			if r < ' ' || r == 0x7f {
				t.Fatalf("clip(%q, %d) = %q", s, n, out)
			}
		}
	})
}
