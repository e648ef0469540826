package topic_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"strings"
	"testing"
)

// verify checks the signature of a message with those members, as a subscriber does.
func verify(tb testing.TB, message map[string]string, members ...string) {
	tb.Helper()
	certificate, err := x509.ParseCertificate(testKey().Certificate)
	if err != nil {
		tb.Fatal(err)
	}
	var text strings.Builder
	for _, member := range members {
		if value, ok := message[member]; ok {
			text.WriteString(member + "\n" + value + "\n")
		}
	}
	signature, err := base64.StdEncoding.DecodeString(message["Signature"])
	if err != nil {
		tb.Fatal(err)
	}
	hash := crypto.SHA1
	if message["SignatureVersion"] == "2" {
		hash = crypto.SHA256
	}
	h := hash.New()
	_, _ = h.Write([]byte(text.String()))
	key, ok := certificate.PublicKey.(*rsa.PublicKey)
	if !ok {
		tb.Fatalf("the key is a %T", certificate.PublicKey)
	}
	if err := rsa.VerifyPKCS1v15(key, hash, h.Sum(nil), signature); err != nil {
		tb.Errorf("signature of %q: %v", text.String(), err)
	}
}
