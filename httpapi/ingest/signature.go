package ingest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"time"
)

// maxCandidates bounds how many signatures of one request are compared; rotation needs two.
const maxCandidates = 16

// macs is what is signed and by which hash.
type macs struct {
	hash  func() hash.Hash
	parts [][]byte // signed one after the other
}

func sha256Of(parts ...[]byte) macs { return macs{hash: sha256.New, parts: parts} }

// match says whether one of the candidates is the MAC under key. The comparisons take constant time;
// how many there are is no secret. An empty key matches nothing: anybody can sign with it.
func (m macs) match(key []byte, candidates [][]byte) bool {
	if len(key) == 0 {
		return false
	}
	mac := hmac.New(m.hash, key)
	for _, p := range m.parts {
		mac.Write(p)
	}
	var buffer [64]byte
	sum := mac.Sum(buffer[:0])
	for _, c := range candidates {
		if hmac.Equal(sum, c) {
			return true
		}
	}
	return false
}

// matchText tries the texts of all secrets as keys.
func (m macs) matchText(secrets []Secret, candidates [][]byte) bool {
	for _, s := range secrets {
		if m.match([]byte(s), candidates) {
			return true
		}
	}
	return false
}

// verdict is nil for a match, else the error that names the header.
func verdict(matched bool, header string) error {
	if matched {
		return nil
	}
	return invalidSignature("%s was not made with one of the secrets over the body as it arrived", header)
}

// decodeHex decodes hexadecimal digits in either case.
func decodeHex(text string) ([]byte, bool) {
	b, err := hex.DecodeString(text)
	return b, err == nil && len(b) > 0
}

// decodeBase64 decodes standard or URL base64, padded or not. Unlike package base64 it does not pass
// over line breaks.
func decodeBase64(text string) ([]byte, bool) {
	if text == "" || strings.ContainsAny(text, "\r\n") {
		return nil, false
	}
	encoding := base64.RawStdEncoding
	if strings.ContainsAny(text, "-_") {
		encoding = base64.RawURLEncoding
	}
	b, err := encoding.DecodeString(strings.TrimRight(text, "="))
	return b, err == nil && len(b) > 0
}

// signedTime reads a time as Unix seconds, or milliseconds where milliseconds says so. It takes
// digits only, because "+1" or " 1" would be another text for the same time.
func signedTime(header, text string, milliseconds bool) (time.Time, error) {
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil || len(text) > 15 {
		return time.Time{}, invalidSignature("the timestamp in %s is not a Unix time in digits", header)
	}
	if milliseconds {
		return time.UnixMilli(int64(n)), nil
	}
	return time.Unix(int64(n), 0), nil
}

// fresh checks a signed time. A difference of exactly the tolerance is within it.
func (r *request) fresh(signed time.Time) error {
	tolerance := r.source.tolerance()
	age := r.now.Sub(signed)
	switch {
	case age > tolerance:
		return fmt.Errorf("%w: it was signed %s ago, and %s is allowed; look at the clocks, or it is a replay",
			ErrTimestampStale, age.Round(time.Second), tolerance)
	case age < -tolerance:
		return fmt.Errorf("%w: it was signed for %s in the future, and %s is allowed; look at the clocks",
			ErrTimestampStale, (-age).Round(time.Second), tolerance)
	}
	return nil
}
