package endpoint

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// Prefixes of Standard Webhooks keys as text.
const (
	SecretPrefix     = "whsec_" // symmetric: HMAC-SHA256
	SigningKeyPrefix = "whsk_"  // asymmetric, private: ed25519
	VerifyKeyPrefix  = "whpk_"  // asymmetric, public: what receivers get
)

// Bounds of a symmetric secret, decoded (Standard Webhooks 1.0.0).
const (
	MinSecretBytes = 24
	MaxSecretBytes = 64
)

// Secret is a signing key as text: whsec_ or whsk_ followed by standard base64. It prints as its prefix only, so that it
// does not get into logs by accident; string(s) is the whole, and so is what JSON and YAML encoders write.
type Secret string

// String is the prefix and stars.
func (s Secret) String() string {
	for _, p := range []string{SecretPrefix, SigningKeyPrefix} {
		if strings.HasPrefix(string(s), p) {
			return p + "***"
		}
	}
	return "***"
}

// GoString is String.
func (s Secret) GoString() string { return s.String() }

// Public is the whpk_ text of a whsk_ key, which receivers verify with; empty for any other secret.
func (s Secret) Public() string {
	k, err := parseSecret(s)
	if err != nil || k.private == nil {
		return ""
	}
	return VerifyKeyPrefix + base64.StdEncoding.EncodeToString(k.private.Public().(ed25519.PublicKey))
}

// key is a decoded secret: one of the two.
type key struct {
	macs    *sync.Pool // of hash.Hash, HMACs made ready with the secret
	private ed25519.PrivateKey
}

// parseSecret decodes a secret. Its errors never contain any of it.
func parseSecret(s Secret) (key, error) {
	text := string(s)
	switch {
	case text == "":
		return key{}, errors.New("is empty")
	case strings.HasPrefix(text, SecretPrefix):
		raw, err := decodeKey(text[len(SecretPrefix):])
		if err != nil {
			return key{}, err
		}
		if len(raw) < MinSecretBytes || len(raw) > MaxSecretBytes {
			return key{}, fmt.Errorf("decodes to %d bytes; a whsec_ secret has %d to %d", len(raw), MinSecretBytes, MaxSecretBytes)
		}
		return key{macs: &sync.Pool{New: func() any { return hmac.New(sha256.New, raw) }}}, nil
	case strings.HasPrefix(text, SigningKeyPrefix):
		raw, err := decodeKey(text[len(SigningKeyPrefix):])
		if err != nil {
			return key{}, err
		}
		switch len(raw) {
		case ed25519.SeedSize:
			return key{private: ed25519.NewKeyFromSeed(raw)}, nil
		case ed25519.PrivateKeySize:
			private := ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize])
			if !bytes.Equal(private, raw) {
				return key{}, errors.New("is no ed25519 key: its public half does not belong to its private half")
			}
			return key{private: private}, nil
		}
		return key{}, fmt.Errorf("decodes to %d bytes; a whsk_ key has 32 (the seed) or 64", len(raw))
	case strings.HasPrefix(text, VerifyKeyPrefix):
		return key{}, errors.New("is a public key (whpk_); signing needs the private one (whsk_)")
	}
	return key{}, errors.New("must start with whsec_ (or whsk_ for ed25519), followed by the key in base64")
}

// decodeKey reads standard base64, padded or not.
func decodeKey(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") { // which the decoder would skip
		return nil, errors.New("has a line break")
	}
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	switch {
	case err != nil && strings.ContainsAny(text, "-_"):
		return nil, errors.New("is not standard base64: it uses the URL alphabet (- and _ instead of + and /)")
	case err != nil:
		return nil, errors.New("is not standard base64 after its prefix")
	case strings.Contains(text, "=") && len(text)%4 != 0:
		return nil, errors.New("is not standard base64: wrong padding")
	}
	return raw, nil
}
