package topic

import "time"

// For tests only.

// DeliveryID is the ID of a delivery.
func DeliveryID(message, topic, subscription string) string {
	return deliveryID(message, topic, subscription).String()
}

// AppendEnvelope appends a message as SNS wraps it for one subscription, with that for a signature.
func AppendEnvelope(dst []byte, id, topicARN, uuid string, m *Message, at time.Time, sign string) []byte {
	e := newEnvelope(id, topicARN, DefaultPublicURL, at.UTC().Format(timestampLayout), m, m.Body, "", &signature{
		version: "1", text: sign, certificate: DefaultPublicURL + "/SimpleNotificationService-8d1e9c6a.pem",
	})
	return append(dst, e.of(uuid)...)
}
