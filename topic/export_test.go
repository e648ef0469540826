package topic

// For tests only.
var (
	AppendEnvelope = appendEnvelope
	DeliveryID     = deliveryID
)
