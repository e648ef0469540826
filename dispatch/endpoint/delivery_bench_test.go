package endpoint_test

import (
	"testing"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
)

// BenchmarkDelivery encodes and decodes what a delivery of a rule's target carries, without a policy and with EventBridge's.
func BenchmarkDelivery(b *testing.B) {
	policy := endpoint.EventBridgeRetry(endpoint.EventBridgeRetries, endpoint.EventBridgeMaxAge)
	for name, retry := range map[string]*endpoint.RetryPolicy{"no policy": nil, "EventBridge's policy": &policy} {
		d := endpoint.Delivery{
			Origin: "0192f0c1-2345-7678-9abc-def012345678", Account: "123456789012", Region: "eu-west-1", Bus: "default", Rule: "orders",
			Target: "function/charge", Published: 1732546800000, Retry: retry, Verbatim: &endpoint.Verbatim{ContentType: "application/json"},
		}
		b.Run("encode/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				d.Encode()
			}
		})
		encoded := d.Encode()
		b.Run("decode/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := endpoint.DecodeDelivery(encoded); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
