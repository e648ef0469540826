package ingest

import (
	"strings"

	"github.com/signalbox-mq/signalbox/event"
)

const (
	shopifySignature = "X-Shopify-Hmac-Sha256"
	shopifyTopic     = "X-Shopify-Topic"
	shopifyWebhookID = "X-Shopify-Webhook-Id"
	shopifyDomain    = "X-Shopify-Shop-Domain"

	// ShopDomain is the extension attribute with the shop (X-Shopify-Shop-Domain) that a Shopify
	// delivery came from, which its body does not always say.
	ShopDomain = "shopdomain"
)

// verifyShopify: X-Shopify-Hmac-SHA256: <base64 HMAC-SHA256 of the body>, keyed by the app's client
// secret. There is no time in it. https://shopify.dev/docs/apps/build/webhooks/verify-deliveries
func verifyShopify(r *request) error {
	text := r.header.Get(shopifySignature)
	if text == "" {
		return missing("X-Shopify-Hmac-SHA256")
	}
	mac, ok := decodeBase64(text)
	if !ok {
		return invalidSignature("X-Shopify-Hmac-SHA256 is not base64")
	}
	return verdict(sha256Of(r.body).matchText(r.source.Secrets, [][]byte{mac}), "X-Shopify-Hmac-SHA256")
}

// readShopify: type com.shopify.<topic> with dots for slashes.
func readShopify(r *request) (Delivery, error) {
	topic := r.header.Get(shopifyTopic)
	if topic == "" {
		return Delivery{}, malformed("there is no X-Shopify-Topic header")
	}
	detail, err := r.jsonBody(false)
	if err != nil {
		return Delivery{}, err
	}
	ev := event.Event{
		Type: "com.shopify." + strings.ReplaceAll(topic, "/", "."), Source: r.defaultSource(),
		Detail: detail, DataContentType: contentTypeJSON,
	}
	if shop := r.header.Get(shopifyDomain); shop != "" && attributeFault(shop) == "" {
		ev.Extensions = map[string]event.Value{ShopDomain: event.StringValue(shop)}
	}
	return r.delivery(r.header.Get(shopifyWebhookID), ev)
}
