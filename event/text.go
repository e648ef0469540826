package event

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/signalbox-mq/signalbox/jsontext"
)

// unquote decodes a JSON string that the scanner has passed. The result is a slice of the input when
// nothing is escaped. ok is false when it holds half a surrogate pair, which is no text.
func unquote(quoted []byte) (text []byte, ok bool) {
	in := quoted[1 : len(quoted)-1]
	next := bytes.IndexByte(in, '\\')
	if next < 0 {
		return in, true
	}
	out := make([]byte, 0, len(in))
	for next >= 0 {
		out = append(out, in[:next]...)
		char, end, _ := jsontext.Escape(in, next)
		if utf16.IsSurrogate(char) {
			return nil, false
		}
		out = utf8.AppendRune(out, char)
		in = in[end:]
		next = bytes.IndexByte(in, '\\')
	}
	return append(out, in...), true
}

// anyString reads a JSON string of any content, for the envelope, which AWS clients may fill as they like. reason is "" when it is
// one.
func anyString(raw []byte) (s, reason string) {
	text, reason := stringText(raw)
	return string(text), reason
}

// attributeString reads an attribute's string from its JSON text; reason is "" when it is one that
// CloudEvents allows.
func attributeString(raw []byte) (s, reason string) {
	text, reason := stringText(raw)
	if reason == "" {
		reason = textReason(text)
	}
	return string(text), reason
}

func stringText(raw []byte) (text []byte, reason string) {
	if raw[0] != '"' {
		return nil, reasonString
	}
	text, ok := unquote(raw)
	if !ok {
		return nil, "must not contain half a surrogate pair"
	}
	return text, ""
}

// textReason says why text can not be a CloudEvents string, "" when it can. text is valid UTF-8.
func textReason(text []byte) string {
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			if c < ' ' || c == 0x7f {
				return reasonControl
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(text[i:])
		if r <= 0x9f || r >= 0xfdd0 && r <= 0xfdef || r&0xfffe == 0xfffe {
			return reasonControl
		}
		i += n
	}
	return ""
}

const hexLower = "0123456789abcdef"

// appendString appends s as a JSON string. It escapes what RFC 8259 demands and nothing else, so
// text stays as readable as it came; bytes that are no UTF-8 become U+FFFD.
func appendString[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := decodeRune(s[i:])
			if r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			if c >= utf8.RuneSelf {
				dst = append(dst, "\ufffd"...)
			} else {
				dst = append(dst, '\\', 'u', '0', '0', hexLower[c>>4], hexLower[c&15])
			}
		}
		i++
		start = i
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

// decodeRune decodes the first rune of s from at most four bytes of it, so that a []byte is not
// converted as a whole.
func decodeRune[T string | []byte](s T) (rune, int) {
	return utf8.DecodeRuneInString(string(s[:min(len(s), utf8.UTFMax)]))
}
