package queue

import "fmt"

// Kind is what a queue promises about order and about leases. It is fixed when the queue is created.
type Kind uint8

const (
	// Standard queues deliver at least once, in about the order of sending. A message group is only a hint about
	// fairness there.
	Standard Kind = iota
	// FIFO queues deliver the messages of a group in the order of sending, one batch of a group at a time. A message
	// without a group is free: it is delivered as in a standard queue and locks nothing. (The SQS protocol requires a
	// group; delivery queues of endpoints use free messages.)
	FIFO
	// Log queues are append-only. Receive, Settle and Extend do not apply to them; Scan does.
	Log
)

// String returns "standard", "fifo" or "log".
func (k Kind) String() string {
	switch k {
	case Standard:
		return "standard"
	case FIFO:
		return "fifo"
	case Log:
		return "log"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}
