package sqs

import "unicode/utf8"

// allowed says whether text holds only what SQS lets through, the characters of XML 1.0: #x9, #xA, #xD, #x20 to #xD7FF, #xE000
// to #xFFFD and #x10000 to #x10FFFF.
func allowed(text []byte) bool {
	for i := 0; i < len(text); {
		c := text[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRune(text[i:])
			if r == utf8.RuneError && size == 1 || r == 0xFFFE || r == 0xFFFF {
				return false
			}
			i += size
			continue
		}
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' {
			return false
		}
		i++
	}
	return true
}
