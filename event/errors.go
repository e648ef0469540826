package event

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// ErrTooLarge is what an event of more than [MaxSize] is refused with; the error that wraps it says
// how large it is and, within an array or batch, which one.
var ErrTooLarge = errors.New("the event is too large")

// InvalidError says what is wrong with an event that was offered. Nothing of the request that held
// it was accepted.
type InvalidError struct {
	// Index is the event's place in the array or batch, from 0; -1 when there was only one event
	// or when the request as a whole is wrong.
	Index int

	// Field names what is wrong in the producer's words: a member ("source", "resources[2]",
	// "extensions.tenant"), a header ("ce-time", "Content-Type"), or "body" for the whole.
	Field string

	// Reason is the rest of the sentence that begins with Field: "is missing",
	// "must be a string". It quotes at most a few dozen bytes of the input.
	Reason string
}

func (e *InvalidError) Error() string {
	if e.Index >= 0 {
		return fmt.Sprintf("event %d: %s %s", e.Index, e.Field, e.Reason)
	}
	return e.Field + " " + e.Reason
}

const (
	reasonMissing = "is missing"
	reasonEmpty   = "must not be empty"
	reasonTwice   = "is given twice"
	reasonString  = "must be a string"
	reasonYear    = "must be in a year from 0000 to 9999, in UTC"
	reasonControl = "must not contain control characters or Unicode noncharacters"
)

// shorten keeps what a producer sent from filling an error message.
func shorten(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
