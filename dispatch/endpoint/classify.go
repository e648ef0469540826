package endpoint

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
)

// classifyError is the class of what a round trip or a body failed with. ctx is the attempt's: only its cause tells a timeout of
// the attempt from an end of the caller's.
func classifyError(ctx context.Context, err error, tr *tracer) ErrorClass {
	if errors.Is(err, ErrBlockedAddress) {
		return ClassEgress
	}
	if cause := context.Cause(ctx); cause != nil {
		if cause == errAttemptTimeout {
			return ClassTimeout
		}
		return ClassInterrupted
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return ClassDNS
	}
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		return ClassTimeout
	}
	// Before the errno: a server that dislikes a handshake may end it by a reset as well as by an alert.
	if isTLS(err) || tr.handshakeFailed() {
		return ClassTLS
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		if class := classifyErrno(errno); class != ClassNone {
			return class
		}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || isClosed(err.Error()) || isStreamReset(err) {
		return ClassReset
	}
	if tr.connected() {
		return ClassProtocol
	}
	return ClassUnreachable
}

func classifyErrno(errno syscall.Errno) ErrorClass {
	switch errno {
	case syscall.ECONNREFUSED:
		return ClassRefused
	case syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED:
		return ClassReset
	case syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENETDOWN, syscall.EHOSTDOWN:
		return ClassUnreachable
	case syscall.ETIMEDOUT:
		return ClassTimeout
	case syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL:
		return ClassLocal
	}
	return ClassNone
}

func isTLS(err error) bool {
	if errors.Is(err, http.ErrSchemeMismatch) {
		return true
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return true
	}
	// With TLS 1.3 a server refuses a client's certificate only after the handshake, by an alert in place of the answer.
	if op, ok := errors.AsType[*net.OpError](err); ok && (op.Op == "remote error" || op.Op == "local error") {
		return true
	}
	return strings.HasPrefix(err.Error(), "tls: ")
}

// isClosed knows the errors of net/http that say that the other side closed the connection and have no type to ask for.
func isClosed(text string) bool {
	for _, s := range []string{
		"server closed idle connection",
		"http2: client connection lost",
		"http2: server sent GOAWAY",
		"graceful shutdown GOAWAY",
		"http: server closed",
	} {
		if strings.Contains(text, s) {
			return true
		}
	}
	return false
}

// isStreamReset reports an HTTP/2 RST_STREAM: the endpoint ended this one request, and the connection lives.
func isStreamReset(err error) bool { return strings.Contains(err.Error(), "stream error: ") }
