package dispatch

import (
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
)

// State is what a delivery that waits for another attempt keeps with its message (queue.Message.State): how it got
// there. A delivery that was never attempted has none.
type State struct {
	endpoint.History
	// Due is when the next attempt may start; the message is delayed until then.
	Due time.Time `json:"due"`
	// Status, Class and Reason are how the last attempt ended, at At. Reason is cut to 400 bytes.
	Status int                 `json:"status,omitempty"`
	Class  endpoint.ErrorClass `json:"class,omitempty"`
	Reason string              `json:"reason,omitempty"`
	At     time.Time           `json:"at"`
}

// stateReason keeps a state below the store's 4 KiB even if JSON escapes every byte of the reason.
const stateReason = 400

func (s State) encode() []byte {
	s.Reason = cut(s.Reason, stateReason)
	b, err := json.Marshal(s)
	if err != nil { // a time whose year JSON cannot say; the schedule then starts anew, which is better than to lose the delivery
		return []byte("{}")
	}
	return b
}

// DecodeState reads a message's state. That of a delivery that was never attempted, nil, is the zero State.
func DecodeState(b []byte) (State, error) {
	if len(b) == 0 {
		return State{}, nil
	}
	var s State
	if err := json.Unmarshal(b, &s); err != nil {
		return State{}, fmt.Errorf("decoding a delivery's state: %w", err)
	}
	return s, nil
}

// cut shortens a text to at most n bytes without cutting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
