package event

import (
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

const hexUpper = "0123456789ABCDEF"

// encodeHeader writes an attribute's value as a header value, by section 3.1.3.2 of the CloudEvents
// HTTP binding: space, the double quote, the percent sign and everything outside U+0021 to U+007E
// percent-encoded as UTF-8, in upper-case hex.
func encodeHeader(value string) string {
	n := 0
	for i := range len(value) {
		if mustEncode(value[i]) {
			n++
		}
	}
	if n == 0 {
		return value
	}
	out := make([]byte, 0, len(value)+2*n)
	for i := range len(value) {
		if c := value[i]; mustEncode(c) {
			out = append(out, '%', hexUpper[c>>4], hexUpper[c&15])
		} else {
			out = append(out, c)
		}
	}
	return string(out)
}

func mustEncode(c byte) bool { return c <= ' ' || c == '"' || c == '%' || c > '~' }

// decodeHeader reads an attribute's value from a header value: a quoted string (RFC 7230, which
// older senders used) is un-quoted first, then one round of percent-decoding. Escapes may be in
// lower case and needless; bytes that need one and have none are taken as they are, if all is UTF-8
// in the end. reason is "" when it is a value.
func decodeHeader(header string) (value, reason string) {
	if strings.HasPrefix(header, `"`) {
		var ok bool
		if header, ok = unquoteHeader(header); !ok {
			return "", "is not a valid quoted string"
		}
	}
	if strings.Contains(header, "%") {
		out := make([]byte, 0, len(header))
		for i := 0; i < len(header); i++ {
			c := header[i]
			if c == '%' {
				if i+2 >= len(header) {
					return "", "has invalid percent-encoding: % must be followed by two hexadecimal digits"
				}
				var decoded [1]byte
				if _, err := hex.Decode(decoded[:], []byte(header[i+1:i+3])); err != nil {
					return "", "has invalid percent-encoding: % must be followed by two hexadecimal digits"
				}
				c = decoded[0]
				i += 2
			}
			out = append(out, c)
		}
		header = string(out)
	}
	if !utf8.ValidString(header) {
		return "", "is not valid UTF-8 after percent-decoding"
	}
	return header, textReason([]byte(header))
}

// unquoteHeader reads an RFC 7230 quoted-string.
func unquoteHeader(s string) (string, bool) {
	out := make([]byte, 0, len(s))
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return string(out), i == len(s)-1
		case '\\':
			if i++; i == len(s) {
				return "", false
			}
		}
		out = append(out, s[i])
	}
	return "", false
}
