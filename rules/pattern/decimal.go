package pattern

import (
	"encoding/binary"
	"math/bits"
	"strconv"
	"unsafe"
)

// decimal is a number by its exact value: ±mant·10^exp without trailing zeros, so 300, 300.0 and 3e2 are one decimal.
// Comparing decimals rather than doubles keeps 123456789012345678901234567890 and ...891 apart. Numbers of more than 19
// significant digits keep their digits in text; numbers with absurd exponents are kept by their spelling.
type decimal struct {
	mant uint64
	exp  int32
	neg  bool
	text string // set only if the digits do not fit mant
}

// parseDecimal reads a valid JSON number. It allocates only if the digits do not fit 64 bits.
func parseDecimal(b []byte) decimal {
	var d decimal
	i := 0
	if i < len(b) && b[i] == '-' {
		d.neg = true
		i++
	}
	var (
		digits, frac int  // digits read, and how many of them behind the point
		last         int  // the last non-zero digit's ordinal
		point        bool // the point was seen
		big          bool
	)
	for ; i < len(b); i++ {
		c := b[i]
		if c == '.' {
			point = true
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		digits++
		if point {
			frac++
		}
		if c == '0' {
			continue
		}
		if d.mant == 0 {
			d.mant = uint64(c - '0')
		} else if gap := digits - last; gap == 1 && d.mant < 1<<60 {
			d.mant = d.mant*10 + uint64(c-'0')
		} else if gap > 19 {
			big = true
		} else {
			hi, lo := bits.Mul64(d.mant, pow10(gap))
			sum, carry := bits.Add64(lo, uint64(c-'0'), 0)
			if hi != 0 || carry != 0 {
				big = true
			}
			d.mant = sum
		}
		last = digits
	}
	if last == 0 {
		return decimal{}
	}
	end, exp := i, 0
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		neg := false
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			neg = b[i] == '-'
			i++
		}
		for ; i < len(b); i++ {
			if exp = exp*10 + int(b[i]-'0'); exp > 1<<28 {
				return decimal{neg: d.neg, text: string(b)}
			}
		}
		if neg {
			exp = -exp
		}
	}
	d.exp = int32(exp - frac + digits - last)
	if big {
		d.mant = 0
		d.text = significant(b[:end], last)
	}
	return d
}

// significant returns the digits of b up to the n-th, without leading zeros.
func significant(b []byte, n int) string {
	out := make([]byte, 0, n)
	for _, c := range b {
		if c < '0' || c > '9' {
			continue
		}
		if n == 0 {
			break
		}
		n--
		if c == '0' && len(out) == 0 {
			continue
		}
		out = append(out, c)
	}
	return string(out)
}

func pow10(n int) uint64 {
	p := uint64(1)
	for range n {
		p *= 10
	}
	return p
}

// parseFloat returns the nearest double, ±Inf beyond the range.
func parseFloat(b []byte) float64 {
	f, _ := strconv.ParseFloat(unsafe.String(unsafe.SliceData(b), len(b)), 64)
	return f
}

// float returns the nearest double.
func (d *decimal) float() float64 {
	text := d.text
	if text == "" {
		text = strconv.FormatUint(d.mant, 10)
	}
	if d.neg {
		text = "-" + text
	}
	if d.text == "" || isDigits(d.text) {
		text += "e" + strconv.Itoa(int(d.exp))
	} else {
		text = d.text // a spelling with an absurd exponent
	}
	return parseFloat([]byte(text))
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// key is the decimal as bytes, for tables.
func (d *decimal) key() string {
	if d.text != "" {
		return "t" + string(binary.LittleEndian.AppendUint32(nil, uint32(d.exp))) + signText(d.neg) + d.text
	}
	b := make([]byte, 0, 14)
	b = append(b, 'd')
	b = binary.LittleEndian.AppendUint32(b, uint32(d.exp))
	b = append(b, signText(d.neg)...)
	return string(binary.LittleEndian.AppendUint64(b, d.mant))
}

func signText(neg bool) string {
	if neg {
		return "-"
	}
	return "+"
}

// hash agrees for equal decimals.
func (d *decimal) hash() uint64 {
	h := mix(uint64(uint32(d.exp))<<1 | 1)
	if d.neg {
		h = ^h
	}
	if d.text != "" {
		return mix(h ^ hashString(d.text))
	}
	return mix(h ^ d.mant*0x9e3779b97f4a7c15)
}
