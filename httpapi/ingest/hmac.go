package ingest

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"net/http"
	"strings"
)

// Signature describes an HMAC signature of a service that has no scheme of its own here.
type Signature struct {
	// Header holds the signature. Required. It may hold several, separated by commas or spaces, of
	// which one has to match.
	Header string `json:"header" yaml:"header"`

	// Algorithm is sha256 (the default), sha512 or sha1.
	Algorithm string `json:"algorithm,omitempty" yaml:"algorithm,omitempty"`

	// Encoding of the signature is hex (the default, either case) or base64 (standard or URL
	// alphabet, padded or not).
	Encoding string `json:"encoding,omitempty" yaml:"encoding,omitempty"`

	// Prefix comes before the encoded signature, such as "sha256=". A signature without it does not
	// count. It can hold neither commas nor spaces.
	Prefix string `json:"prefix,omitempty" yaml:"prefix,omitempty"`

	// Signed is the template of the signed bytes; the default is {body}. Placeholders: {body}, the
	// raw bytes, which must be there; {timestamp}, the text of TimestampHeader; {id}, the source's
	// id, which then must be made of headers; {header:X-Name}.
	Signed string `json:"signed,omitempty" yaml:"signed,omitempty"`

	// TimestampHeader holds the time of signing in Unix seconds. It needs {timestamp} in Signed and
	// the other way round: a time that is not signed protects from nothing.
	TimestampHeader string `json:"timestamp_header,omitempty" yaml:"timestamp_header,omitempty"`

	// TimestampUnit is s (the default) or ms.
	TimestampUnit string `json:"timestamp_unit,omitempty" yaml:"timestamp_unit,omitempty"`

	// KeyEncoding says how the secrets are turned into keys: text (the default: as they are), hex or base64.
	KeyEncoding string `json:"key_encoding,omitempty" yaml:"key_encoding,omitempty"`
}

// hash returns the hash function, nil for an unknown one.
func (g *Signature) hash() func() hash.Hash {
	switch g.Algorithm {
	case "", "sha256":
		return sha256.New
	case "sha512":
		return sha512.New
	case "sha1":
		return sha1.New
	}
	return nil
}

// decode decodes text by an encoding's name; ok is false for text that is not so encoded and for
// names that are none.
func decode(encoding, text string) ([]byte, bool) {
	switch encoding {
	case "hex":
		return decodeHex(text)
	case "base64":
		return decodeBase64(text)
	case "text":
		return []byte(text), text != ""
	}
	return nil, false
}

func orDefault(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

func (g *Signature) signed() string { return orDefault(g.Signed, "{body}") }

// check adds what is wrong. g may be nil.
func (g *Signature) check(p *problems, s *Source) {
	if g == nil {
		p.add("hmac", "is missing: verify: hmac needs to know at least hmac.header")
		return
	}
	if !validHeaderName(g.Header) {
		p.add("hmac.header", "must be the name of the header with the signature")
	}
	if g.hash() == nil {
		p.add("hmac.algorithm", "must be sha256, sha512 or sha1")
	}
	if e := g.Encoding; e != "" && e != "hex" && e != "base64" {
		p.add("hmac.encoding", "must be hex or base64")
	}
	if strings.ContainsAny(g.Prefix, ", \t") {
		p.add("hmac.prefix", "must not contain commas or spaces, which separate signatures")
	}
	if e := g.KeyEncoding; e != "" && e != "text" && e != "hex" && e != "base64" {
		p.add("hmac.key_encoding", "must be text, hex or base64")
	}
	if g.TimestampHeader != "" && !validHeaderName(g.TimestampHeader) {
		p.add("hmac.timestamp_header", "must be the name of a header")
	}
	switch g.TimestampUnit {
	case "", "s", "ms":
	default:
		p.add("hmac.timestamp_unit", "must be s or ms")
	}
	g.checkSigned(p, s)
}

func (g *Signature) checkSigned(p *problems, s *Source) {
	t, err := parseTemplate(g.signed(), signedPlaceholders)
	if err != nil {
		p.add("hmac.signed", "%s", err)
		return
	}
	if !t.has(bodyPart) {
		p.add("hmac.signed", "must contain {body}: else anybody could change it")
	}
	if t.has(timestampPart) && g.TimestampHeader == "" {
		p.add("hmac.timestamp_header", "is missing: hmac.signed has {timestamp}")
	}
	if g.TimestampHeader != "" && !t.has(timestampPart) {
		p.add("hmac.signed", "must contain {timestamp}, because there is a hmac.timestamp_header: a time that is not signed can be forged")
	}
	if t.has(idPart) {
		id, err := parseTemplate(s.ID, attributePlaceholders)
		switch {
		case s.ID == "":
			p.add("id", "is missing: hmac.signed has {id}")
		case err == nil && id.has(jsonPart):
			p.add("id", "must not use {json:…}, because hmac.signed has {id}: the body is read after it was verified")
		}
	}
}

func hmacSecretFault(s *Source, secret Secret) string {
	if s.HMAC == nil {
		return ""
	}
	encoding := orDefault(s.HMAC.KeyEncoding, "text")
	if _, ok := decode(encoding, string(secret)); !ok && (encoding == "hex" || encoding == "base64") {
		return "is not in " + encoding + ", which hmac.key_encoding says it is"
	}
	return ""
}

// candidates are the decoded signatures in a header.
func (g *Signature) candidates(values []string) (candidates [][]byte) {
	separator := func(c rune) bool { return c == ',' || c == ' ' || c == '\t' }
	for _, value := range values {
		for item := range strings.FieldsFuncSeq(value, separator) {
			encoded, ok := strings.CutPrefix(item, g.Prefix)
			if !ok {
				continue
			}
			if mac, ok := decode(orDefault(g.Encoding, "hex"), encoded); ok && len(candidates) < maxCandidates {
				candidates = append(candidates, mac)
			}
		}
	}
	return candidates
}

func verifyHMAC(r *request) error {
	g := r.source.HMAC
	if g == nil || g.hash() == nil {
		return &InvalidError{Field: "hmac", Reason: "is missing or has an unknown algorithm"}
	}
	signed, err := parseTemplate(g.signed(), signedPlaceholders)
	if err != nil {
		return &InvalidError{Field: "hmac.signed", Reason: err.Error()}
	}
	values := r.header.Values(g.Header)
	if len(values) == 0 {
		return missing(http.CanonicalHeaderKey(g.Header))
	}
	candidates := g.candidates(values)
	if len(candidates) == 0 {
		return invalidSignature("%s holds no signature of the form %s<%s>", g.Header, g.Prefix, orDefault(g.Encoding, "hex"))
	}
	m := macs{hash: g.hash()}
	if m.parts, err = r.signedParts(signed); err != nil {
		return err
	}
	matched := false
	for _, secret := range r.source.Secrets {
		key, ok := decode(orDefault(g.KeyEncoding, "text"), string(secret))
		if matched = ok && m.match(key, candidates); matched {
			break
		}
	}
	if err := verdict(matched, g.Header); err != nil || g.TimestampHeader == "" {
		return err
	}
	at, err := signedTime(g.TimestampHeader, r.header.Get(g.TimestampHeader), g.TimestampUnit == "ms")
	if err != nil {
		return err
	}
	return r.fresh(at)
}

// signedParts renders the template of the signed bytes without copying the body.
func (r *request) signedParts(t template) ([][]byte, error) {
	parts := make([][]byte, 0, len(t))
	header := func(name string) error {
		value := r.header.Get(name)
		if value == "" {
			return missing(http.CanonicalHeaderKey(name))
		}
		parts = append(parts, []byte(value))
		return nil
	}
	for _, p := range t {
		var err error
		switch p.kind {
		case bodyPart:
			parts = append(parts, r.body)
		case timestampPart:
			err = header(r.source.HMAC.TimestampHeader)
		case headerPart:
			err = header(p.text)
		case idPart:
			id, ok := r.template(r.source.ID, nil)
			if !ok {
				return nil, invalidSignature("the id of the delivery, which is signed, is missing")
			}
			parts = append(parts, []byte(id))
		default:
			parts = append(parts, []byte(p.text))
		}
		if err != nil {
			return nil, err
		}
	}
	return parts, nil
}
