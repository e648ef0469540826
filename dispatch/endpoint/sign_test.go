package endpoint_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
)

// The vector of Standard Webhooks 1.0.0.
const (
	vectorSecret = endpoint.Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	vectorID     = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorBody   = `{"test": 2432232314}`
	vectorSig    = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

var vectorTime = time.Unix(1614265330, 999)

func whsec(n int, fill byte) endpoint.Secret {
	return endpoint.Secret("whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(rune(fill)), n))))
}

func TestSignatureVector(t *testing.T) {
	t.Parallel()
	s, err := endpoint.NewSigner(endpoint.Signing{Scheme: endpoint.StandardWebhooks, Secrets: []endpoint.Secret{vectorSecret}})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Signature(vectorID, vectorTime, []byte(vectorBody)); got != vectorSig {
		t.Errorf("got %s, want %s", got, vectorSig)
	}
	if got := s.Signature(vectorID, vectorTime, []byte(vectorBody+" ")); got == vectorSig {
		t.Error("another body has the same signature")
	}
}

func TestSignatureRotation(t *testing.T) {
	t.Parallel()
	s, err := endpoint.NewSigner(endpoint.Signing{Secrets: []endpoint.Secret{whsec(32, 'n'), vectorSecret}})
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(s.Signature(vectorID, vectorTime, []byte(vectorBody)), " ")
	if len(parts) != 2 || parts[1] != vectorSig || !strings.HasPrefix(parts[0], "v1,") || parts[0] == vectorSig {
		t.Errorf("got %q", parts)
	}
}

func TestSignatureEd25519(t *testing.T) {
	t.Parallel()
	private := ed25519.NewKeyFromSeed([]byte(strings.Repeat("k", 32)))
	b64 := base64.StdEncoding.EncodeToString
	for _, text := range []string{b64(private), b64(private.Seed())} {
		secret := endpoint.Secret("whsk_" + text)
		s, err := endpoint.NewSigner(endpoint.Signing{Secrets: []endpoint.Secret{secret, vectorSecret}})
		if err != nil {
			t.Fatal(err)
		}
		first, second, _ := strings.Cut(s.Signature(vectorID, vectorTime, []byte(vectorBody)), " ")
		if second != vectorSig {
			t.Errorf("second signature %q", second)
		}
		raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(first, "v1a,"))
		if err != nil {
			t.Fatalf("%q: %v", first, err)
		}
		signed := fmt.Sprintf("%s.%d.%s", vectorID, vectorTime.Unix(), vectorBody)
		public, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret.Public(), "whpk_"))
		if err != nil || !ed25519.Verify(public, []byte(signed), raw) {
			t.Errorf("signature does not verify with %s (%v)", secret.Public(), err)
		}
	}
	if vectorSecret.Public() != "" {
		t.Error("a symmetric secret has a public key")
	}
}

func TestSecretErrors(t *testing.T) {
	t.Parallel()
	std := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\xfb\xff", 16)))
	for secret, reason := range map[endpoint.Secret]string{
		"":                           "is empty",
		"hunter2hunter2":             "must start with whsec_",
		"WHSEC_" + vectorSecret[6:]:  "must start with whsec_",
		"whsec_":                     "decodes to 0 bytes",
		"whsec_not base64 at all!":   "is not standard base64",
		whsec(23, 'a'):               "decodes to 23 bytes",
		whsec(65, 'a'):               "decodes to 65 bytes",
		"whpk_" + vectorSecret[6:]:   "is a public key",
		"whsk_" + vectorSecret[6:]:   "decodes to 24 bytes",
		"whsk_" + whsec(64, 'a')[6:]: "public half",
		vectorSecret + "=":           "wrong padding",
		vectorSecret + "\n":          "line break",
		endpoint.Secret("whsec_" + strings.NewReplacer("+", "-", "/", "_").Replace(std)): "URL alphabet",
	} {
		_, err := endpoint.NewSigner(endpoint.Signing{Secrets: []endpoint.Secret{secret}})
		var invalid *endpoint.InvalidError
		if !errors.As(err, &invalid) || invalid.Field != "sign.secrets[0]" || !strings.Contains(invalid.Reason, reason) {
			t.Errorf("%q: %v; want a reason with %q", string(secret), err, reason)
		}
		if tail := strings.TrimSpace(string(secret)); len(tail) > 12 && err != nil && strings.Contains(err.Error(), tail[8:]) {
			t.Errorf("the error shows the secret: %v", err)
		}
	}
	for _, ok := range []endpoint.Secret{whsec(24, 'a'), whsec(64, 'a'), whsec(25, 'a'), endpoint.Secret(strings.TrimRight(string(whsec(25, 'a')), "="))} {
		if _, err := endpoint.NewSigner(endpoint.Signing{Secrets: []endpoint.Secret{ok}}); err != nil {
			t.Errorf("%q: %v", string(ok), err)
		}
	}
	if s, err := endpoint.NewSigner(endpoint.Signing{}); s != nil || err != nil {
		t.Errorf("no signing: %v, %v", s, err)
	}
	if _, err := endpoint.NewSigner(endpoint.Signing{Scheme: "hmac", Secrets: []endpoint.Secret{vectorSecret}}); err == nil {
		t.Error("an unknown scheme was accepted")
	}
	if _, err := endpoint.NewSigner(endpoint.Signing{Scheme: endpoint.StandardWebhooks}); err == nil {
		t.Error("a scheme without secrets was accepted")
	}
}

func TestSecretDoesNotPrint(t *testing.T) {
	t.Parallel()
	e := endpoint.Endpoint{Sign: endpoint.Signing{Secrets: []endpoint.Secret{vectorSecret}}}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if out := fmt.Sprintf(format, e); strings.Contains(out, "MfKQ") {
			t.Errorf("%s shows the secret: %s", format, out)
		}
	}
	out, err := json.Marshal(e.Sign)
	if err != nil || !strings.Contains(string(out), string(vectorSecret)) {
		t.Errorf("the stored form lacks the secret: %s, %v", out, err)
	}
}

func FuzzSecret(f *testing.F) {
	for _, s := range []string{string(vectorSecret), "whsec_", "whsk_AAAA", "x", "whsec_====", "whsec_\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := endpoint.NewSigner(endpoint.Signing{Secrets: []endpoint.Secret{endpoint.Secret(text)}})
		if (s == nil) == (err == nil) {
			t.Fatalf("NewSigner(%q) = %v, %v", text, s, err)
		}
		if s != nil && !strings.HasPrefix(s.Signature("a", vectorTime, nil), "v1") {
			t.Fatal("no signature")
		}
	})
}
