package pattern

import (
	"unicode"
	"unicode/utf8"
)

// appendFold appends s with every letter replaced by one representative of its case variants (Unicode simple folding), so
// two strings are equal ignoring case exactly if their folds are equal bytes, and prefixes stay prefixes. Accents stay, and
// nothing is expanded: ß does not equal ss.
func appendFold[T string | []byte](dst []byte, s T) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			switch {
			case c >= 'a' && c <= 'z':
				c -= 'a' - 'A'
			}
			dst = append(dst, c)
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(string(s[i:min(len(s), i+utf8.UTFMax)]))
		if r == utf8.RuneError && size <= 1 {
			dst = append(dst, c)
			i++
			continue
		}
		dst = utf8.AppendRune(dst, foldRune(r))
		i += size
	}
	return dst
}

// foldRune returns the smallest rune of r's case orbit; for ASCII letters that is the upper case.
func foldRune(r rune) rune {
	least := r
	for n := unicode.SimpleFold(r); n != r; n = unicode.SimpleFold(n) {
		least = min(least, n)
	}
	return least
}

func fold(s string) string { return string(appendFold(nil, s)) }
