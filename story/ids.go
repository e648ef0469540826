package story

import (
	"crypto/sha256"

	"github.com/google/uuid"
)

// topicDeliveryID is the ID of the delivery that a topic makes of a message for a subscription, as package topic computes
// it. A test compares.
func topicDeliveryID(message, topic, subscription string) string {
	sum := sha256.Sum256([]byte(message + "\x00" + topic + "\x00" + subscription + "\x00"))
	id := uuid.UUID(sum[:16])
	id[6] = id[6]&0x0f | 0x80 // version 8
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}
