package pattern

import (
	"encoding/binary"
	"math/bits"
)

// skipContainer passes over the rest of an object or array whose opening bracket was read, looking only at brackets and
// quotes. 64 bytes at a time: a bit for each quote and bracket, the bits between quotes found by a running exclusive or, and
// the brackets outside strings counted. A block with a backslash goes byte by byte.
func skipContainer(b []byte, i int) int {
	depth := 1
	var inside uint64 // all ones if the block begins inside a string
	for i+64 <= len(b) {
		quotes, brackets, closing, escape := classify((*[64]byte)(b[i:]))
		if escape {
			if i, depth, inside = skipBytes(b, i, i+64, depth, inside != 0); depth == 0 {
				return i
			}
			continue
		}
		strs := quotes ^ quotes<<1
		strs ^= strs << 2
		strs ^= strs << 4
		strs ^= strs << 8
		strs ^= strs << 16
		strs ^= strs << 32
		strs ^= inside
		inside = uint64(int64(strs) >> 63)
		brackets &^= strs
		closing &= brackets
		if n := bits.OnesCount64(closing); n < depth {
			depth += bits.OnesCount64(brackets) - 2*n
			i += 64
			continue
		}
		for m := brackets; m != 0; m &= m - 1 {
			at := bits.TrailingZeros64(m)
			if closing>>at&1 == 0 {
				depth++
			} else if depth--; depth == 0 {
				return i + at + 1
			}
		}
		i += 64
	}
	if i, depth, _ = skipBytes(b, i, len(b), depth, inside != 0); depth == 0 {
		return i
	}
	return -1
}

// skipBytes is skipContainer byte by byte, up to end or one byte more if an escape straddles it. It returns where it
// stopped: behind the closing bracket if depth is 0.
func skipBytes(b []byte, i, end, depth int, inString bool) (int, int, uint64) {
	for i < end {
		c := b[i]
		i++
		switch {
		case inString:
			if c == '\\' {
				i++
			} else if c == '"' {
				inString = false
			}
		case c == '"':
			inString = true
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth == 0 {
				return i, 0, 0
			}
		}
	}
	if inString {
		return i, depth, ^uint64(0)
	}
	return i, depth, 0
}

// classify marks the quotes and brackets of a block, and says whether it has a backslash. closing has the bracket bits that
// close, and others that mean nothing. The brackets are the only JSON outside strings with these bits (of w&0xd9): letters
// that have them too, like y, occur in broken JSON only.
func classify(b *[64]byte) (quotes, brackets, closing uint64, escape bool) {
	var back uint64
	for k := 0; k < 64; k += 8 {
		w := binary.LittleEndian.Uint64(b[k : k+8])
		q := exactZeros(w ^ ones*'"')
		r := exactZeros(w&(ones*0xd9) ^ ones*0x59)
		c := w << 5 & r // bit 2 tells closing from opening
		back |= zeroBytes(w ^ ones*'\\')
		quotes |= gather(q) << k
		if r != 0 {
			brackets |= gather(r) << k
			closing |= gather(c) << k
		}
	}
	return quotes, brackets, closing, back != 0
}

// exactZeros marks every zero byte of w, and no other, by its high bit.
func exactZeros(w uint64) uint64 {
	return ^(w&^highs + ^uint64(highs) | w) & highs
}

// gather packs the high bits of eight bytes into one.
func gather(m uint64) uint64 {
	return m >> 7 * 0x0102040810204080 >> 56
}
