package endpoint

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Limits of an endpoint's own headers.
const (
	MaxHeaders           = 50
	MaxHeaderNameBytes   = 256
	MaxHeaderValueBytes  = 8 << 10
	headerAttempt        = "Signalbox-Attempt"
	headerTraceParent    = "Traceparent"
	headerTraceState     = "Tracestate"
	headerID             = "Webhook-Id"
	headerTimestamp      = "Webhook-Timestamp"
	headerSignature      = "Webhook-Signature"
	headerUserAgent      = "User-Agent"
	headerContentType    = "Content-Type"
	reservedPrefixCE     = "Ce-"
	reservedPrefixOurs   = "Signalbox-"
	reservedPrefixProxy  = "Proxy-"
	defaultContentType   = "application/json"
	lambdaInvocationSync = "RequestResponse"
)

// ReservedHeader reports whether a header (in any case) may not be among an endpoint's own: the connection's (Host, Content-Length,
// Transfer-Encoding, Connection, …, Proxy-*), those set on every delivery (User-Agent, Webhook-*, Traceparent, Signalbox-*), those of
// the formats (Ce-*, X-Amz-Invocation-Type), and Content-Type except with format raw.
func ReservedHeader(name string, format Format) bool {
	name = http.CanonicalHeaderKey(name)
	switch name {
	case "Host", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Te", "Trailer", "Upgrade", "Expect", "Http2-Settings",
		headerUserAgent, headerID, headerTimestamp, headerSignature, headerTraceParent, headerTraceState, LambdaInvocationType:
		return true
	case headerContentType:
		return format != FormatRaw
	}
	return strings.HasPrefix(name, reservedPrefixCE) || strings.HasPrefix(name, reservedPrefixOurs) || strings.HasPrefix(name, reservedPrefixProxy)
}

func validateHeaders(p *problems, headers map[string]string, format Format) {
	if len(headers) > MaxHeaders {
		p.add("headers", "has %d entries; the maximum is %d", len(headers), MaxHeaders)
	}
	seen := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		field, value := "headers."+name, headers[name]
		canonical := http.CanonicalHeaderKey(name)
		switch {
		case name == "" || len(name) > MaxHeaderNameBytes || !isToken(name):
			p.add("headers", "%.64q is not a header name", name)
			continue
		case ReservedHeader(name, format):
			p.add(field, "is set by Signalbox and cannot be replaced")
		case seen[canonical] != "":
			p.add(field, "is the same header as %s", seen[canonical])
		}
		seen[canonical] = name
		if len(value) > MaxHeaderValueBytes {
			p.add(field, "value is %d bytes long; the maximum is %d", len(value), MaxHeaderValueBytes)
		}
		if !isFieldValue(value) {
			p.add(field, "value has control characters")
		}
	}
}

// isToken is RFC 9110's token, the grammar of header names.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return s != ""
}

// isFieldValue is what net/http agrees to send: no control characters but the tab.
func isFieldValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// headers are a request's. Those that every attempt sets share one array of values.
type headers struct {
	http.Header
	values []string
}

// maxSet is how many headers set is for, at most.
const maxSet = 8

// set gives a header one value.
func (h *headers) set(name, value string) {
	if h.values == nil {
		h.values = make([]string, 0, maxSet)
	}
	h.values = append(h.values, value)
	n := len(h.values)
	h.Header[name] = h.values[n-1 : n : n]
}
