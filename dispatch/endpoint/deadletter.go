package endpoint

import "strconv"

// FunctionTable is the catalog table of functions: an [Endpoint] under the function's name.
const FunctionTable = "functions"

// DeadLetter says why a delivery was given up. It becomes the attributes of the dead letter, under AWS's names where AWS
// has one (EventBridge's dead-letter queues) and under "router." for the rest.
type DeadLetter struct {
	// RuleARN is where the delivery came from (or the topic's ARN, for a subscription), TargetARN where it was to go.
	RuleARN, TargetARN string
	// Code is a short error code: AWS's (TIMEOUT, CONNECTION_FAILURE, NO_RESOURCE, …) where it has one.
	Code string
	// Message is a sentence for people.
	Message string
	// Attempts is how many attempts were made.
	Attempts int
	// Exhausted is EXHAUSTED_RETRY_CONDITION; empty if retries did not run out.
	Exhausted string
	// Status is the HTTP status of the last answer, 0 for none; Class the error class; Response the start of the last
	// answer's body.
	Status   int
	Class    ErrorClass
	Response []byte
	// Origin is the published event's or message's ID, Delivery the delivery's.
	Origin, Delivery string
}

// deadLetterResponse is how much of the last answer's body goes along, in bytes.
const deadLetterResponse = 1024

// Each calls yield with each attribute: its name, its type ("String" or "Number") and its value. Empty ones are left out.
func (d *DeadLetter) Each(yield func(name, typ, value string)) {
	text := func(name, value string) {
		if value != "" {
			yield(name, "String", value)
		}
	}
	text("RULE_ARN", d.RuleARN)
	text("TARGET_ARN", d.TargetARN)
	text("ERROR_CODE", d.Code)
	text("ERROR_MESSAGE", clip(d.Message, 1024))
	yield("RETRY_ATTEMPTS", "Number", strconv.Itoa(max(d.Attempts-1, 0)))
	text("EXHAUSTED_RETRY_CONDITION", d.Exhausted)
	if d.Status != 0 {
		yield("router.status", "Number", strconv.Itoa(d.Status))
	}
	text("router.error_class", string(d.Class))
	text("router.response", clip(string(d.Response), deadLetterResponse))
	text("router.event_id", d.Origin)
	text("router.delivery_id", d.Delivery)
}
