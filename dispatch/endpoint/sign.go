package endpoint

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"strconv"
	"time"
)

// SignScheme names a way to sign deliveries.
type SignScheme string

// StandardWebhooks is Standard Webhooks 1.0.0, and the only scheme.
const StandardWebhooks SignScheme = "standard-webhooks"

// MaxSecrets bounds how many secrets sign at the same time.
const MaxSecrets = 10

// Signing has the settings for signed deliveries. The zero value means unsigned.
type Signing struct {
	// Scheme defaults to standard-webhooks when there are secrets.
	Scheme SignScheme `json:"scheme,omitempty" yaml:"scheme"`
	// Secrets all sign, so that receivers which know any one of them can verify: to rotate, put the new one first, and remove the old one
	// when every receiver has the new. At most 10.
	Secrets []Secret `json:"secrets,omitempty" yaml:"secrets"`
}

// WithDefaults returns a copy with the scheme set if there are secrets.
func (s Signing) WithDefaults() Signing {
	if s.Scheme == "" && len(s.Secrets) > 0 {
		s.Scheme = StandardWebhooks
	}
	return s
}

func (s Signing) validate(p *problems, at string) {
	if s.Scheme != "" && s.Scheme != StandardWebhooks {
		p.add(at+"scheme", "%.64q is unknown; the scheme is standard-webhooks", string(s.Scheme))
	}
	if s.Scheme != "" && len(s.Secrets) == 0 {
		p.add(at+"secrets", "needs at least one secret")
	}
	if len(s.Secrets) > MaxSecrets {
		p.add(at+"secrets", "has %d entries; the maximum is %d", len(s.Secrets), MaxSecrets)
	}
	for i, secret := range s.Secrets {
		if _, err := parseSecret(secret); err != nil {
			p.add(fmt.Sprintf("%ssecrets[%d]", at, i), "%s", err)
		}
	}
}

// Signer signs deliveries with one endpoint's secrets, decoded once. It is safe for concurrent use.
type Signer struct{ keys []key }

// NewSigner decodes the secrets. It returns nil, with which Client.Do sends unsigned, when s is zero, and every
// *InvalidError joined when s is not valid.
func NewSigner(s Signing) (*Signer, error) {
	var p problems
	s.validate(&p, "sign.")
	if err := p.join(); err != nil {
		return nil, err
	}
	if len(s.Secrets) == 0 {
		return nil, nil
	}
	signer := &Signer{keys: make([]key, len(s.Secrets))}
	for i, secret := range s.Secrets {
		k, err := parseSecret(secret)
		if err != nil {
			return nil, err // validate has seen it already
		}
		signer.keys[i] = k
	}
	return signer, nil
}

// Signature is the value of webhook-signature: for each secret "v1,<base64>" (HMAC-SHA256) or "v1a,<base64>" (ed25519) over
// id + "." + unix seconds + "." + body, separated by spaces, in the order of the secrets.
func (s *Signer) Signature(id string, at time.Time, body []byte) string {
	var stamp [20]byte
	seconds := strconv.AppendInt(stamp[:0], at.Unix(), 10)
	out := make([]byte, 0, len(s.keys)*(3+base64.StdEncoding.EncodedLen(sha256.Size)+1))
	var message []byte // ed25519 wants it in one piece
	for i, k := range s.keys {
		if i > 0 {
			out = append(out, ' ')
		}
		if k.private != nil {
			if message == nil {
				message = make([]byte, 0, len(id)+len(seconds)+len(body)+2)
				message = append(append(message, id...), '.')
				message = append(append(message, seconds...), '.')
				message = append(message, body...)
			}
			out = append(out, "v1a,"...)
			out = base64.StdEncoding.AppendEncode(out, ed25519.Sign(k.private, message))
			continue
		}
		mac := k.macs.Get().(hash.Hash) //nolint:errcheck // it holds nothing else
		var prefix [96]byte
		head := append(append(prefix[:0], id...), '.')
		head = append(append(head, seconds...), '.')
		mac.Write(head)
		mac.Write(body)
		var sum [sha256.Size]byte
		out = append(out, "v1,"...)
		out = base64.StdEncoding.AppendEncode(out, mac.Sum(sum[:0]))
		mac.Reset()
		k.macs.Put(mac)
	}
	return string(out)
}

// stamp sets the three headers of Standard Webhooks, the signature only if there is a signer. The id must be fit for the signed
// text, where a dot separates.
func (s *Signer) stamp(h *headers, id string, at time.Time, body []byte) error {
	if id == "" {
		if s != nil {
			return fmt.Errorf("a signed delivery needs an id")
		}
		return nil
	}
	for i := range len(id) {
		if c := id[i]; c <= ' ' || c >= 0x7f || c == '.' {
			return fmt.Errorf("the delivery id has a character that cannot be signed unambiguously: %q", c)
		}
	}
	h.set(headerID, id)
	h.set(headerTimestamp, strconv.FormatInt(at.Unix(), 10))
	if s != nil {
		h.set(headerSignature, s.Signature(id, at, body))
	}
	return nil
}
