package config

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

var errSize = errors.New("must be a size: a whole number of bytes, or one with a unit such as 256KiB, 10MiB or 1GiB")

// ParseSize reads a number of bytes, or a whole number with B, KiB, MiB, GiB or TiB behind it.
func ParseSize(s string) (int64, error) {
	digits := 0
	for digits < len(s) && s[digits] >= '0' && s[digits] <= '9' {
		digits++
	}
	shift := 0
	switch unit := s[digits:]; unit {
	case "", "B":
	case "KiB":
		shift = 10
	case "MiB":
		shift = 20
	case "GiB":
		shift = 30
	case "TiB":
		shift = 40
	default:
		if u := strings.ToUpper(unit); digits > 0 && len(u) <= 3 && strings.Contains("KIB MIB GIB TIB KB MB GB TB", u) {
			return 0, errors.New("must have one of the units B, KiB, MiB, GiB and TiB, written so")
		}
		return 0, errSize
	}
	if digits == 0 || digits > 1 && s[0] == '0' {
		return 0, errSize
	}
	n, err := strconv.ParseInt(s[:digits], 10, 64)
	if err != nil || n > math.MaxInt64>>shift {
		return 0, errors.New("is too large")
	}
	return n << shift, nil
}
