package signing

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"
)

const (
	keyBits = 2048
	// certificateLife is how long a certificate says that it is good for. Nobody rotates it.
	certificateLife = 30 * 365 * 24 * time.Hour
)

// Key is what the catalog holds: an RSA key and its certificate, both as DER.
type Key struct {
	// Private is in PKCS #8 form.
	Private     []byte `json:"private"`
	Certificate []byte `json:"certificate"`
}

// NewKey makes a key and its self-signed certificate. That takes a good part of a second.
func NewKey(now time.Time) (Key, error) {
	private, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return Key{}, fmt.Errorf("making a key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return Key{}, fmt.Errorf("making a serial number: %w", err)
	}
	template := x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Signalbox topics"},
		NotBefore: now.Add(-time.Hour), // clocks differ
		NotAfter:  now.Add(certificateLife), KeyUsage: x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, &template, &template, &private.PublicKey, private)
	if err != nil {
		return Key{}, fmt.Errorf("making a certificate: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return Key{}, fmt.Errorf("encoding a key: %w", err)
	}
	return Key{Private: der, Certificate: certificate}, nil
}

// loaded is a key ready to sign with.
type loaded struct {
	private *rsa.PrivateKey
	pem     []byte
	path    string
}

func (k *Key) load() (*loaded, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(k.Private)
	if err != nil {
		return nil, fmt.Errorf("reading the signing key: %w", err)
	}
	private, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("reading the signing key: it is no RSA key")
	}
	sum := sha256.Sum256(k.Certificate)
	return &loaded{
		private: private,
		pem:     pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: k.Certificate}),
		path:    pathPrefix + hex.EncodeToString(sum[:16]) + pathSuffix,
	}, nil
}
