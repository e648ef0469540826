package ingest

import (
	"crypto/ed25519"
	"strings"
)

// standardPrefix is that of the headers: those of the standard, or those of Svix, whence it came. One
// family is used as a whole, never a mixture.
func standardPrefix(r *request) string {
	if r.header.Get("Webhook-Signature") == "" && r.header.Get("Svix-Signature") != "" {
		return "Svix-"
	}
	return "Webhook-"
}

// standardKey is a decoded secret: one of the two.
type standardKey struct {
	hmac   []byte
	public ed25519.PublicKey
}

// parseStandardKey reads whsec_<base64> (also as "v1,whsec_…", as some services show it, and without the
// prefix) or whpk_<base64>. fault says what is wrong, "" for nothing.
func parseStandardKey(secret Secret) (key standardKey, fault string) {
	s := string(secret)
	if encoded, ok := strings.CutPrefix(strings.TrimPrefix(s, "v1a,"), "whpk_"); ok {
		b, ok := decodeBase64(encoded)
		if !ok || len(b) != ed25519.PublicKeySize {
			return key, "is no ed25519 key: after whpk_ there must be 32 bytes in base64"
		}
		return standardKey{public: b}, ""
	}
	if strings.HasPrefix(s, "whsk_") {
		return key, "is a private key (whsk_), which only the sender may have; verifying needs the public one (whpk_)"
	}
	b, ok := decodeBase64(strings.TrimPrefix(strings.TrimPrefix(s, "v1,"), "whsec_"))
	if !ok {
		return key, "must be whsec_ followed by the key in base64, or whpk_ for ed25519"
	}
	return standardKey{hmac: b}, ""
}

func standardSecretFault(_ *Source, secret Secret) string {
	_, fault := parseStandardKey(secret)
	return fault
}

// standardSignatures are the signatures of one header, by version.
type standardSignatures struct {
	v1, v1a [][]byte
}

// parseStandardSignatures reads a list separated by spaces of <version>,<base64>; other versions and
// what is not base64 are passed over.
func parseStandardSignatures(text string) (s standardSignatures) {
	for item := range strings.FieldsSeq(text) {
		version, encoded, _ := strings.Cut(item, ",")
		if version != "v1" && version != "v1a" {
			continue
		}
		signature, ok := decodeBase64(encoded)
		switch {
		case !ok || len(s.v1)+len(s.v1a) == maxCandidates:
		case version == "v1":
			s.v1 = append(s.v1, signature)
		default:
			s.v1a = append(s.v1a, signature)
		}
	}
	return s
}

// verifyStandard: HMAC-SHA256 (v1) or ed25519 (v1a) of "<id>.<timestamp>.<body>".
// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
func verifyStandard(r *request) error {
	prefix := standardPrefix(r)
	var id, timestamp, signature string
	for _, h := range [...]struct {
		name string
		to   *string
	}{{"Id", &id}, {"Timestamp", &timestamp}, {"Signature", &signature}} {
		// Several lines of one header are one list, by RFC 9110 5.3; only signatures may be a list.
		values := r.header.Values(prefix + h.name)
		if *h.to = strings.Join(values, " "); *h.to == "" {
			return missing(strings.ToLower(prefix + h.name))
		}
	}
	header := strings.ToLower(prefix) + "signature"
	signed, err := signedTime(strings.ToLower(prefix)+"timestamp", timestamp, false)
	if err != nil {
		return err
	}
	candidates := parseStandardSignatures(signature)
	if len(candidates.v1)+len(candidates.v1a) == 0 {
		return invalidSignature("%s has no signature of the form v1,<base64>", header)
	}
	if !matchStandard(r, id+"."+timestamp+".", candidates) {
		return verdict(false, header)
	}
	return r.fresh(signed)
}

func matchStandard(r *request, head string, candidates standardSignatures) bool {
	m := sha256Of([]byte(head), r.body)
	var message []byte // in one piece, for ed25519 only
	for _, secret := range r.source.Secrets {
		key, fault := parseStandardKey(secret)
		switch {
		case fault != "":
		case key.public == nil:
			if m.match(key.hmac, candidates.v1) {
				return true
			}
		default:
			for _, signature := range candidates.v1a {
				if message == nil {
					message = append([]byte(head), r.body...)
				}
				if ed25519.Verify(key.public, message, signature) {
					return true
				}
			}
		}
	}
	return false
}

// readStandard reads any body; type is that of the body where it has one.
func readStandard(r *request) (Delivery, error) {
	return r.generic(r.header.Get(standardPrefix(r)+"Id"), true)
}
