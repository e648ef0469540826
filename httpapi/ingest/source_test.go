package ingest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/signalbox-mq/signalbox/duration"
	"github.com/signalbox-mq/signalbox/httpapi/ingest"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	secrets := []ingest.Secret{"s"}
	sig := func(change func(*ingest.Signature)) *ingest.Signature {
		g := &ingest.Signature{Header: "X-Sig"}
		change(g)
		return g
	}
	for _, test := range []struct {
		name   string
		source ingest.Source
		fields string // of the errors, in order
	}{
		{"the zero value", ingest.Source{}, "name verify"},
		{"github", ingest.Source{Name: "a", Scheme: ingest.GitHub, Secrets: secrets, Dedup: duration.Of(24 * time.Hour)}, ""},
		{"none", ingest.Source{Name: "a.b-c_9", Scheme: ingest.None}, ""},
		{"names", ingest.Source{Name: "a/b", Scheme: ingest.None}, "name"},
		{"names", ingest.Source{Name: ".a", Scheme: ingest.None}, "name"},
		{"names", ingest.Source{Name: strings.Repeat("a", 65), Scheme: ingest.None}, "name"},
		{"case of the scheme", ingest.Source{Name: "a", Scheme: "GitHub"}, "verify"},
		{"secrets", ingest.Source{Name: "a", Scheme: ingest.Slack}, "secrets"},
		{"secrets", ingest.Source{Name: "a", Scheme: ingest.Slack, Secrets: []ingest.Secret{"x", "", "x"}}, "secrets[1] secrets[2]"},
		{"secrets for none", ingest.Source{Name: "a", Scheme: ingest.None, Secrets: secrets}, "secrets"},
		{"standard secrets", ingest.Source{Name: "a", Scheme: ingest.StandardWebhooks, Secrets: []ingest.Secret{"whsec_!", "whpk_AAAA", "whsk_AAAA", "whsec_"}}, "secrets[0] secrets[1] secrets[2] secrets[3]"},
		{"durations", ingest.Source{Name: "a", Scheme: ingest.Stripe, Secrets: secrets, Dedup: duration.Of(169 * time.Hour), Tolerance: duration.Of(25 * time.Hour)}, "dedup tolerance"},
		{"negative durations", ingest.Source{Name: "a", Scheme: ingest.Stripe, Secrets: secrets, Dedup: -1, Tolerance: -1}, "dedup tolerance"},
		{"tolerance without time", ingest.Source{Name: "a", Scheme: ingest.GitHub, Secrets: secrets, Tolerance: duration.Of(time.Minute)}, "tolerance"},
		{"dedup without id", ingest.Source{Name: "a", Scheme: ingest.None, Dedup: duration.Of(time.Minute)}, "dedup"},
		{"templates where there is a mapping", ingest.Source{Name: "a", Scheme: ingest.Stripe, Secrets: secrets, Type: "t", Subject: "s", EventSource: "e", ID: "i"}, "type subject source id"},
		{"templates of standard-webhooks", ingest.Source{Name: "a", Scheme: ingest.StandardWebhooks, Secrets: []ingest.Secret{"whsec_AAAA"}, Type: "t", ID: "i"}, "id"},
		{"templates", ingest.Source{Name: "a", Scheme: ingest.None, Type: "{", Subject: "}", EventSource: "{body}", ID: "{json:a}"}, "type subject source id"},
		{"templates", ingest.Source{Name: "a", Scheme: ingest.None, Type: "{header:}", Subject: "{header:a b}", EventSource: "{name:x}", ID: "{json:$.a[x]}"}, "type subject source id"},
		{"paths", ingest.Source{Name: "a", Scheme: ingest.None, Type: "{json:$}", Subject: "{json:$.}", EventSource: "{json:$['a'}", ID: "{json:$..a}"}, "type subject source id"},
		{"hmac for another", ingest.Source{Name: "a", Scheme: ingest.GitHub, Secrets: secrets, HMAC: &ingest.Signature{}}, "hmac"},
		{"hmac missing", ingest.Source{Name: "a", Scheme: ingest.HMAC, Secrets: secrets}, "hmac"},
		{"hmac empty", ingest.Source{Name: "a", Scheme: ingest.HMAC, Secrets: secrets, HMAC: &ingest.Signature{}}, "hmac.header"},
		{"hmac", ingest.Source{Name: "a", Scheme: ingest.HMAC, Secrets: secrets, HMAC: sig(func(*ingest.Signature) {})}, ""},
		{"hmac words", ingest.Source{Name: "a", Scheme: ingest.HMAC, Secrets: secrets, HMAC: sig(func(g *ingest.Signature) {
			g.Algorithm, g.Encoding, g.KeyEncoding, g.TimestampUnit, g.Prefix = "md5", "b", "c", "h", "a,"
		})}, "hmac.algorithm hmac.encoding hmac.prefix hmac.key_encoding hmac.timestamp_unit"},
		{"hmac key", ingest.Source{Name: "a", Scheme: ingest.HMAC, Secrets: []ingest.Secret{"zz", "ab"}, HMAC: sig(func(g *ingest.Signature) { g.KeyEncoding = "hex" })}, "secrets[0]"},
		{"hmac without body", ingest.Source{Name: "a", Scheme: ingest.HMAC, Secrets: secrets, HMAC: sig(func(g *ingest.Signature) { g.Signed = "x" })}, "hmac.signed"},
		{"hmac bad template", ingest.Source{Name: "a", Scheme: ingest.HMAC, Secrets: secrets, HMAC: sig(func(g *ingest.Signature) { g.Signed = "{body}{json:$.a}" })}, "hmac.signed"},
		{"hmac time not signed", ingest.Source{Name: "a", Scheme: ingest.HMAC, Secrets: secrets, HMAC: sig(func(g *ingest.Signature) { g.TimestampHeader = "T" })}, "hmac.signed"},
		{"hmac time without header", ingest.Source{Name: "a", Scheme: ingest.HMAC, Secrets: secrets, HMAC: sig(func(g *ingest.Signature) { g.Signed = "{timestamp}{body}" })}, "hmac.timestamp_header"},
		{"hmac id missing", ingest.Source{Name: "a", Scheme: ingest.HMAC, Secrets: secrets, HMAC: sig(func(g *ingest.Signature) { g.Signed = "{id}{body}" })}, "id"},
		{"hmac id from the body", ingest.Source{Name: "a", Scheme: ingest.HMAC, Secrets: secrets, ID: "{json:$.id}", HMAC: sig(func(g *ingest.Signature) { g.Signed = "{id}{body}" })}, "id"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := test.source.Validate()
			var fields []string
			if joined, ok := err.(interface{ Unwrap() []error }); ok {
				for _, e := range joined.Unwrap() {
					invalid, ok := errors.AsType[*ingest.InvalidError](e)
					if !ok {
						t.Fatalf("%v is no *InvalidError", e)
					}
					fields = append(fields, invalid.Field)
				}
			}
			if got := strings.Join(fields, " "); got != test.fields {
				t.Errorf("fields %q, want %q: %v", got, test.fields, err)
			}
		})
	}
}

// TestUnusableSource shows that a source that was never validated lets nobody in.
func TestUnusableSource(t *testing.T) {
	t.Parallel()
	for _, s := range []ingest.Source{
		{Name: "a"},
		{Name: "a", Scheme: "md5"},
		{Name: "a", Scheme: ingest.HMAC, Secrets: []ingest.Secret{"x"}},
		{Name: "a", Scheme: ingest.HMAC, Secrets: []ingest.Secret{"x"}, HMAC: &ingest.Signature{Header: "S", Algorithm: "md5"}},
		{Name: "a", Scheme: ingest.HMAC, Secrets: []ingest.Secret{"x"}, HMAC: &ingest.Signature{Header: "S", Signed: "{"}},
	} {
		if _, err := s.Verify(at(), header("S", "00"), []byte(`{}`)); err == nil {
			t.Errorf("%+v lets everybody in", s)
		} else if _, ok := errors.AsType[*ingest.InvalidError](err); !ok {
			t.Errorf("%+v: %v is no *InvalidError", s, err)
		}
	}
	s := ingest.Source{Name: "a", Scheme: ingest.StandardWebhooks, Secrets: []ingest.Secret{"whsec_"}}
	h := header("Webhook-Id", "i", "Webhook-Timestamp", seconds(at()), "Webhook-Signature", "v1,"+base64MAC("", "i."+seconds(at())+".{}"))
	if _, err := s.Verify(at(), h, []byte(`{}`)); !errors.Is(err, ingest.ErrSignatureInvalid) {
		t.Errorf("an empty key: %v", err)
	}
}

func TestSourceAsData(t *testing.T) {
	t.Parallel()
	const text = `
github: {verify: github, secrets: ["a", "b"], dedup: 24h}
acme:
  verify: hmac
  secrets: [c]
  bus: shop
  tolerance: 1m30s
  type: "com.acme.{json:$.kind}"
  id: "{header:X-Id}"
  source: acme
  subject: "{json:$.id}"
  hmac:
    {header: X-Sig, algorithm: sha512, encoding: base64, prefix: v1=, signed: "{timestamp}.{body}",
     timestamp_header: X-Time, timestamp_unit: ms, key_encoding: hex}
`
	want := map[string]ingest.Source{
		"github": {Scheme: ingest.GitHub, Secrets: []ingest.Secret{"a", "b"}, Dedup: duration.Of(24 * time.Hour)},
		"acme": {
			Scheme: ingest.HMAC, Secrets: []ingest.Secret{"c"}, Bus: "shop", Tolerance: duration.Of(90 * time.Second),
			Type: "com.acme.{json:$.kind}", ID: "{header:X-Id}", EventSource: "acme", Subject: "{json:$.id}",
			HMAC: &ingest.Signature{
				Header: "X-Sig", Algorithm: "sha512", Encoding: "base64", Prefix: "v1=", Signed: "{timestamp}.{body}",
				TimestampHeader: "X-Time", TimestampUnit: "ms", KeyEncoding: "hex",
			},
		},
	}
	var got map[string]ingest.Source
	if err := yaml.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	stored, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var again map[string]ingest.Source
	if err := json.Unmarshal(stored, &again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, again); diff != "" {
		t.Errorf("after JSON %s: %s", stored, diff)
	}
	if want := `"github":{"verify":"github","secrets":["a","b"],"dedup":"1d"}`; !strings.Contains(string(stored), want) {
		t.Errorf("stored as %s, want %s in it", stored, want)
	}
}

func TestSecretsPrintAsStars(t *testing.T) {
	t.Parallel()
	s := ingest.Source{Name: "a", Secrets: []ingest.Secret{"hunter2", ""}}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if text := fmt.Sprintf(format, s); strings.Contains(text, "hunter2") {
			t.Errorf("%s: %s", format, text)
		}
	}
}
