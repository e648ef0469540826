package endpoint

// ErrorClass says in one word what kind of thing went wrong with an attempt. The set is closed; ErrorClasses lists it.
type ErrorClass string

const (
	// ClassNone: nothing went wrong.
	ClassNone ErrorClass = ""
	// ClassDNS: the host name did not resolve: unknown, or the resolver failed.
	ClassDNS ErrorClass = "dns"
	// ClassRefused: nothing listens at the address (ECONNREFUSED).
	ClassRefused ErrorClass = "refused"
	// ClassUnreachable: no connection for another reason: no route, host or network down.
	ClassUnreachable ErrorClass = "unreachable"
	// ClassReset: the connection was closed or reset before any answer.
	ClassReset ErrorClass = "reset"
	// ClassTimeout: the attempt's timeout passed, in whatever phase, or the network's own did.
	ClassTimeout ErrorClass = "timeout"
	// ClassTLS: the TLS handshake failed: an untrusted or expired certificate, another name, no common version, or no TLS there at all.
	ClassTLS ErrorClass = "tls"
	// ClassRedirect: answered 3xx. Redirects are never followed.
	ClassRedirect ErrorClass = "redirect"
	// ClassHTTP: answered with another status than 2xx and 3xx.
	ClassHTTP ErrorClass = "http"
	// ClassFunction: format lambda, answered 200 with X-Amz-Function-Error: the function itself failed.
	ClassFunction ErrorClass = "function"
	// ClassEgress: the address may not be called (ErrBlockedAddress).
	ClassEgress ErrorClass = "egress"
	// ClassProtocol: what answered does not speak HTTP, or its headers are too large.
	ClassProtocol ErrorClass = "protocol"
	// ClassBody: the answer began, but its body was cut off.
	ClassBody ErrorClass = "body"
	// ClassRequest: the request could not be built: a bad URL, method or header. Nothing was sent.
	ClassRequest ErrorClass = "request"
	// ClassAuthorization: what authorizes the call to an API destination could not be had. Nothing was sent. Not its fault either.
	ClassAuthorization ErrorClass = "authorization"
	// ClassLocal: this machine could not try: out of file descriptors, ports or memory. Not the endpoint's fault.
	ClassLocal ErrorClass = "local"
	// ClassInterrupted: the caller's context ended. The attempt does not count; what was sent may have arrived.
	ClassInterrupted ErrorClass = "interrupted"
)

// ErrorClasses lists every class but ClassNone.
func ErrorClasses() []ErrorClass {
	return []ErrorClass{
		ClassDNS, ClassRefused, ClassUnreachable, ClassReset, ClassTimeout, ClassTLS, ClassRedirect, ClassHTTP,
		ClassFunction, ClassEgress, ClassProtocol, ClassBody, ClassRequest, ClassAuthorization, ClassLocal,
		ClassInterrupted,
	}
}

// EndpointAtFault reports whether a failure of this class says something about the endpoint, and so should count for its
// circuit breaker. Our own troubles (local, interrupted, request, authorization, egress) do not.
func (c ErrorClass) EndpointAtFault() bool {
	switch c {
	case ClassNone, ClassLocal, ClassInterrupted, ClassRequest, ClassAuthorization, ClassEgress:
		return false
	}
	return true
}
