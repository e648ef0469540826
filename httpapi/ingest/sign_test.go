package ingest_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"net/http"
	"strconv"
	"time"

	"github.com/signalbox-mq/signalbox/httpapi/ingest"
)

// at is when the deliveries of these tests are signed.
func at() time.Time { return time.Unix(1_700_000_000, 0) }

func sum(h func() hash.Hash, key, text string) []byte {
	m := hmac.New(h, []byte(key))
	m.Write([]byte(text))
	return m.Sum(nil)
}

func hexMAC(key, text string) string { return hex.EncodeToString(sum(sha256.New, key, text)) }

func base64MAC(key, text string) string {
	return base64.StdEncoding.EncodeToString(sum(sha256.New, key, text))
}

func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

// provider is one service as the tests play it.
type provider struct {
	name   string
	source ingest.Source // with the secrets first and second
	body   string
	sign   func(secret ingest.Secret, now time.Time, body string) http.Header

	signature string // the header with the signature
	timestamp string // the header with the time, "" when there is none or it is in signature
	timed     bool
	hex       bool
	wantType  string
	wantID    string
}

func whsec(key string) ingest.Secret {
	return ingest.Secret("whsec_" + base64.StdEncoding.EncodeToString([]byte(key)))
}

func whsecKey(s ingest.Secret) string {
	b, err := base64.StdEncoding.DecodeString(string(s)[len("whsec_"):])
	if err != nil {
		panic(err)
	}
	return string(b)
}

func seconds(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

func providers() []provider {
	const jsonType = "application/json"
	two := []ingest.Secret{"first secret", "second secret"}
	standard := func(prefix string) func(ingest.Secret, time.Time, string) http.Header {
		return func(s ingest.Secret, now time.Time, body string) http.Header {
			ts := seconds(now)
			return header("Content-Type", jsonType, prefix+"Id", "msg_1", prefix+"Timestamp", ts,
				prefix+"Signature", "v1,"+base64MAC(whsecKey(s), "msg_1."+ts+"."+body))
		}
	}
	standardSecrets := []ingest.Secret{whsec("0123456789abcdef01234567"), whsec("another key of 24 bytes!")}
	return []provider{
		{
			name:   "github",
			source: ingest.Source{Name: "gh", Scheme: ingest.GitHub, Secrets: two},
			body:   `{"action": "opened", "issue": {"number": 7}, "repository": {"url": "https://api.github.com/repos/acme/shop"}}`,
			sign: func(s ingest.Secret, _ time.Time, body string) http.Header {
				return header("Content-Type", jsonType, "X-GitHub-Event", "issues", "X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958",
					"X-Hub-Signature-256", "sha256="+hexMAC(string(s), body))
			},
			signature: "X-Hub-Signature-256", hex: true,
			wantType: "com.github.issues.opened", wantID: "72d3162e-cc78-11e3-81ab-4c9367dc0958",
		},
		{
			name:   "stripe",
			source: ingest.Source{Name: "stripe", Scheme: ingest.Stripe, Secrets: two},
			body:   `{"id": "evt_1", "object": "event", "type": "invoice.paid", "data": {"object": {"id": "in_1"}}}`,
			sign: func(s ingest.Secret, now time.Time, body string) http.Header {
				ts := seconds(now)
				return header("Content-Type", jsonType, "Stripe-Signature", "t="+ts+",v1="+hexMAC(string(s), ts+"."+body)+",v0=00")
			},
			signature: "Stripe-Signature", timed: true, hex: true,
			wantType: "com.stripe.invoice.paid", wantID: "evt_1",
		},
		{
			name:   "slack",
			source: ingest.Source{Name: "slack", Scheme: ingest.Slack, Secrets: two},
			body:   `{"type": "event_callback", "event_id": "Ev1", "event": {"type": "app_mention", "text": "hi"}}`,
			sign: func(s ingest.Secret, now time.Time, body string) http.Header {
				ts := seconds(now)
				return header("Content-Type", jsonType, "X-Slack-Request-Timestamp", ts, "X-Slack-Signature", "v0="+hexMAC(string(s), "v0:"+ts+":"+body))
			},
			signature: "X-Slack-Signature", timestamp: "X-Slack-Request-Timestamp", timed: true, hex: true,
			wantType: "com.slack.app_mention", wantID: "Ev1",
		},
		{
			name:   "shopify",
			source: ingest.Source{Name: "shopify", Scheme: ingest.Shopify, Secrets: two},
			body:   `{"id": 820982911946154508, "email": "jon@example.com"}`,
			sign: func(s ingest.Secret, _ time.Time, body string) http.Header {
				return header("Content-Type", jsonType, "X-Shopify-Topic", "orders/create", "X-Shopify-Webhook-Id", "b54557e4",
					"X-Shopify-Shop-Domain", "acme.myshopify.com", "X-Shopify-Hmac-SHA256", base64MAC(string(s), body))
			},
			signature: "X-Shopify-Hmac-SHA256",
			wantType:  "com.shopify.orders.create", wantID: "b54557e4",
		},
		{
			name:   "standard-webhooks",
			source: ingest.Source{Name: "std", Scheme: ingest.StandardWebhooks, Secrets: standardSecrets},
			body:   `{"type": "user.created", "data": {"id": 1}}`, sign: standard("Webhook-"),
			signature: "Webhook-Signature", timestamp: "Webhook-Timestamp", timed: true,
			wantType: "user.created", wantID: "msg_1",
		},
		{
			name:   "svix",
			source: ingest.Source{Name: "svix", Scheme: ingest.StandardWebhooks, Secrets: standardSecrets},
			body:   `{"data": {"id": 1}}`, sign: standard("Svix-"),
			signature: "Svix-Signature", timestamp: "Svix-Timestamp", timed: true,
			wantType: "webhook.svix", wantID: "msg_1",
		},
		{
			name: "hmac with time and id",
			source: ingest.Source{
				Name: "acme", Scheme: ingest.HMAC, Secrets: two, ID: "{header:X-Acme-Id}", Type: "com.acme.{json:$.kind}",
				HMAC: &ingest.Signature{
					Header: "X-Acme-Signature", Algorithm: "sha512", Encoding: "base64", Prefix: "v1=",
					Signed: "{id}/{timestamp}/{body}", TimestampHeader: "X-Acme-Time",
				},
			},
			body: `{"kind": "thing.made"}`,
			sign: func(s ingest.Secret, now time.Time, body string) http.Header {
				ts := seconds(now)
				return header("Content-Type", jsonType, "X-Acme-Id", "a-1", "X-Acme-Time", ts, "X-Acme-Signature",
					"v1="+base64.StdEncoding.EncodeToString(sum(sha512.New, string(s), "a-1/"+ts+"/"+body)))
			},
			signature: "X-Acme-Signature", timestamp: "X-Acme-Time", timed: true,
			wantType: "com.acme.thing.made", wantID: "a-1",
		},
		{
			name: "hmac sha1 hex",
			source: ingest.Source{
				Name: "old", Scheme: ingest.HMAC, Secrets: two, ID: "{json:$.data[0].id}",
				HMAC: &ingest.Signature{Header: "X-Old", Algorithm: "sha1"},
			},
			body: `{"data": [{"id": 12}]}`,
			sign: func(s ingest.Secret, _ time.Time, body string) http.Header {
				return header("Content-Type", jsonType, "X-Old", hex.EncodeToString(sum(sha1.New, string(s), body)))
			},
			signature: "X-Old", hex: true,
			wantType: "webhook.old", wantID: "12",
		},
	}
}
