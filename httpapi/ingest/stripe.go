package ingest

import (
	"strings"

	"github.com/signalbox-mq/signalbox/event"
)

const stripeSignature = "Stripe-Signature"

// stripeHeader is a parsed Stripe-Signature header.
type stripeHeader struct {
	timestamp  string
	signatures [][]byte // those of v1; others are for other times and are passed over
}

// parseStripe reads t=<seconds>,v1=<hex>[,v1=<hex>…][,v0=…]. There are several v1 while a secret is
// being rolled.
func parseStripe(text string) (stripeHeader, error) {
	var h stripeHeader
	for item := range strings.SplitSeq(text, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(item), "=")
		switch key {
		case "t":
			if h.timestamp != "" {
				return stripeHeader{}, invalidSignature("Stripe-Signature has more than one t")
			}
			h.timestamp = value
		case "v1":
			if mac, ok := decodeHex(value); ok && len(h.signatures) < maxCandidates {
				h.signatures = append(h.signatures, mac)
			}
		}
	}
	if h.timestamp == "" {
		return stripeHeader{}, invalidSignature("Stripe-Signature has no timestamp (t=)")
	}
	if len(h.signatures) == 0 {
		return stripeHeader{}, invalidSignature("Stripe-Signature has no signature in hexadecimal (v1=)")
	}
	return h, nil
}

// verifyStripe: HMAC-SHA256 of "<t>.<body>", keyed by the text of the secret, whsec_ included.
// https://docs.stripe.com/webhooks#verify-manually
func verifyStripe(r *request) error {
	text := r.header.Get(stripeSignature)
	if text == "" {
		return missing(stripeSignature)
	}
	h, err := parseStripe(text)
	if err != nil {
		return err
	}
	signed, err := signedTime(stripeSignature, h.timestamp, false)
	if err != nil {
		return err
	}
	m := sha256Of([]byte(h.timestamp), []byte("."), r.body)
	if err := verdict(m.matchText(r.source.Secrets, h.signatures), stripeSignature); err != nil {
		return err
	}
	return r.fresh(signed)
}

// readStripe: type com.stripe.<type>, subject the id of the object the event is about.
func readStripe(r *request) (Delivery, error) {
	detail, err := r.jsonBody(false)
	if err != nil {
		return Delivery{}, err
	}
	top := members(detail, "type", "id", "data", "related_object")
	name := text(top[0])
	if name == "" {
		return Delivery{}, malformed("the body has no type")
	}
	subject := text(lookup(top[2], "object", "id"))
	if subject == "" { // thin events name the object and leave it out
		subject = text(lookup(top[3], "id"))
	}
	return r.delivery(text(top[1]), event.Event{
		Type: "com.stripe." + name, Source: r.defaultSource(), Subject: subject,
		Detail: detail, DataContentType: contentTypeJSON,
	})
}
