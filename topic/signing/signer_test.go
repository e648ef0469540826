package signing_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/catalog/catalogtest"
	"github.com/signalbox-mq/signalbox/topic/signing"
)

func open(tb testing.TB, backend catalog.Backend) *catalog.Catalog {
	tb.Helper()
	definitions, err := catalog.Open(tb.Context(), backend)
	if err != nil {
		tb.Fatal(err)
	}
	return definitions
}

// Several nodes that sign at once for the first time have one key, and what each signs is verified by the certificate that any
// of them serves.
func TestNodesShareAKey(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	backend := &catalogtest.Memory{}
	nodes := []*signing.Signer{signing.New(open(t, backend)), signing.New(open(t, backend)), signing.New(open(t, backend))}
	if _, err := nodes[0].Certificate(ctx, "/SimpleNotificationService-0.pem"); !errors.Is(err, signing.ErrNoCertificate) {
		t.Errorf("before there is a key: %v", err)
	}
	text := []byte("Message\nhello\n")
	signatures := make([]string, 2*len(nodes))
	var done sync.WaitGroup
	for i := range signatures {
		done.Go(func() {
			var err error
			if signatures[i], err = nodes[i/2].Sign(ctx, i%2*signing.SHA256, text); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	path, err := nodes[0].Path(ctx)
	if err != nil {
		t.Fatal(err)
	}
	served, err := nodes[2].Certificate(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(served)
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if now.Before(certificate.NotBefore) || now.AddDate(20, 0, 0).After(certificate.NotAfter) {
		t.Errorf("good from %v to %v", certificate.NotBefore, certificate.NotAfter)
	}
	old, current := sha1.Sum(text), sha256.Sum256(text)
	for i, signature := range signatures {
		hash, digest := crypto.SHA1, old[:]
		if i%2 == 1 {
			hash, digest = crypto.SHA256, current[:]
		}
		raw, err := base64.StdEncoding.DecodeString(signature)
		if err == nil {
			err = rsa.VerifyPKCS1v15(certificate.PublicKey.(*rsa.PublicKey), hash, digest, raw)
		}
		if err != nil {
			t.Errorf("signature %d: %v", i, err)
		}
	}
	for _, other := range []string{"", "/", "/SimpleNotificationService-0.pem", path + "x"} {
		if _, err := nodes[1].Certificate(ctx, other); !errors.Is(err, signing.ErrNoCertificate) {
			t.Errorf("%q: %v", other, err)
		}
	}
}

func TestUnreadableKey(t *testing.T) {
	t.Parallel()
	definitions := open(t, &catalogtest.Memory{})
	keys := catalog.NewTable[signing.Key](definitions, signing.Table)
	if _, err := keys.Create(t.Context(), signing.Name(), signing.Key{Private: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	if signature, err := signing.New(definitions).Sign(t.Context(), signing.SHA1, nil); err == nil {
		t.Errorf("signed %s", signature)
	}
}

func BenchmarkSign(b *testing.B) {
	signer := signing.New(open(b, &catalogtest.Memory{}))
	text := make([]byte, 1024)
	for name, version := range map[string]int{"sha1": signing.SHA1, "sha256": signing.SHA256} {
		b.Run(name, func(b *testing.B) {
			if _, err := signer.Sign(b.Context(), version, text); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := signer.Sign(b.Context(), version, text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := signer.Sign(b.Context(), signing.SHA1, text); err != nil {
					b.Error(err)
				}
			}
		})
	})
}
