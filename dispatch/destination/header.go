package destination

import (
	"net/http"
	"strings"
)

// Headers that each call has, as EventBridge sends them, but for Connection: close: connections are kept.
const (
	userAgent          = "Amazon/EventBridge/ApiDestinations"
	defaultContentType = "application/json; charset=utf-8"
	byteRange          = "bytes=0-1048575"
	acceptEncoding     = "gzip,deflate"
)

// ReservedHeader reports whether a header, in any case, can not be set by a connection or a target: what belongs to the
// connection (Host, Content-Length, Transfer-Encoding, …, Proxy-*), and User-Agent, Range and Accept-Encoding, which are the same
// on every call.
func ReservedHeader(name string) bool {
	name = http.CanonicalHeaderKey(name)
	switch name {
	case "Host", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Te", "Trailer", "Upgrade", "Expect",
		"Http2-Settings", "User-Agent", "Range", "Accept-Encoding":
		return true
	}
	return strings.HasPrefix(name, "Proxy-")
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

// hasControls says whether a text has control characters, but for the tab if that may be.
func hasControls(s string, tab bool) bool {
	for i := range len(s) {
		if c := s[i]; (c < ' ' && !(tab && c == '\t')) || c == 0x7f {
			return true
		}
	}
	return false
}
