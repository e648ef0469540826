package sqs

import (
	"encoding/binary"
	"unicode/utf8"
)

// low and high have the lowest and the highest bit of each byte.
const (
	low  = 0x0101010101010101
	high = 0x8080808080808080
)

// allowed says whether text holds only what SQS lets through, the characters of XML 1.0: #x9, #xA, #xD, #x20 to #xD7FF, #xE000
// to #xFFFD and #x10000 to #x10FFFF.
func allowed(text []byte) bool {
	for i := 0; i < len(text); {
		// Eight bytes at a time, as long as all are ASCII and none is a control character.
		if i+8 <= len(text) {
			eight := binary.LittleEndian.Uint64(text[i:])
			if (eight|(eight-low*' '))&high == 0 {
				i += 8
				continue
			}
		}
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
