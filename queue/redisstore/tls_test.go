package redisstore

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/tests/redistest"
)

// certificate writes a certificate for 127.0.0.1 that is its own authority, and its key.
func certificate(t *testing.T, dir string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{
		cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestTLS(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, inMemory)
	cert, key := certificate(t, s.Dir)
	if _, err := s.Do(t.Context(), "config", "set", "tls-cert-file", cert, "tls-key-file", key, "tls-ca-cert-file", cert,
		"port", 0, "tls-port", s.Port); err != nil { // at the same port: that one is free
		t.Fatal(err)
	}
	url := "rediss://" + s.Addr()
	c := connect(t, Options{URL: url + "?ca=" + cert + "&cert=" + cert + "&key=" + key})
	mustCall(t, c, 1, "lt1_set", durable, "k", "v")
	wakeAll(t, c, listenAll(t, c), "hello")
	// What is heard of a server that wants a certificate depends on how far the handshake got.
	for query, reason := range map[string]string{
		"":               "unknown authority",
		"?insecure=true": "",
		"?ca=" + cert:    "",
	} {
		var err error
		eventually(t, "the server answers in time", func() bool {
			_, err = dial(t.Context(), Options{URL: url + query, DialTimeout: -1}, testLibrary)
			late, ok := errors.AsType[net.Error](err)
			return !ok || !late.Timeout()
		})
		if err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%q: %v, want %q", query, err, reason)
		}
	}
	c = connect(t, Options{URL: url + "?insecure=true&cert=" + cert + "&key=" + key})
	mustCall(t, c, 1, "lt1_get", read, "k")
}
