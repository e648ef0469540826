package queue

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
)

// MessageID identifies a message for as long as it lives, through every queue that dead-lettering moves it to.
type MessageID = uuid.UUID

// Attribute is one typed attribute of a message. Type is "String", "Number" or "Binary", each with an optional ".suffix";
// Value holds UTF-8 text for the first two and raw bytes for the third.
type Attribute struct {
	Name  string
	Type  string
	Value []byte
}

// Message is one message. The first group of fields is the sender's and never changes, except that a move may add
// attributes or replace the body; the second is the store's.
//
// A Message handed out by a store belongs to the caller: the store keeps no reference to its slices. A Message handed to
// a store is not kept or changed by it after the call returns.
type Message struct {
	// ID is given by the caller of Append and is unique in practice (UUIDv7 by [NewMessageID]).
	ID MessageID
	// Body is any bytes. Limits on size and character set are rules of a protocol, not of the store.
	Body []byte
	// Attributes are the sender's, in the order given. Names are unique.
	Attributes []Attribute
	// System are attributes the router or a protocol attached (AWSTraceHeader, the delivery a message stands for).
	// They never count toward size limits and are not shown to clients unasked.
	System []Attribute
	// Group is the message group, empty for none. In a FIFO queue its messages keep their order; in a standard queue it is the
	// tenant with whom others take turns (see Store.Receive).
	Group string
	// DedupID is the deduplication ID in effect, empty for none.
	DedupID string
	// Sender names the principal that sent the message; may be empty.
	Sender string
	// Source is the queue that a dead-lettered message came from; zero for none. It lets a redrive find the way back.
	Source ID

	// Sequence is the message's place in its queue: unique in the queue, strictly increasing in the order of appends,
	// and time-leading (milliseconds since 1970 shifted left by 20 bits, plus a counter).
	Sequence uint64
	// Sent is when the message was first appended (a dead-letter move keeps it on standard queues and renews it on FIFO
	// queues; a move with a new ID renews it), in milliseconds.
	Sent time.Time
	// Receives counts how often the message has been handed out, this time included.
	Receives int
	// FirstReceived is when it was first handed out; zero if never.
	FirstReceived time.Time
	// State is what the last Release left with the message; nil if none.
	State []byte
	// Receipt is the lease under which the message was received; zero for messages that were not received.
	Receipt Receipt
	// Deadline is when that lease ends; zero for messages that were not received.
	Deadline time.Time
}

// Attribute returns the attribute with the given name, or false.
func (m *Message) Attribute(name string) (Attribute, bool) { return find(m.Attributes, name) }

// SystemAttribute returns the system attribute with the given name, or false.
func (m *Message) SystemAttribute(name string) (Attribute, bool) { return find(m.System, name) }

func find(attrs []Attribute, name string) (Attribute, bool) {
	for _, a := range attrs {
		if a.Name == name {
			return a, true
		}
	}
	return Attribute{}, false
}

// Size is what counts toward size limits, in bytes: the body plus each attribute's name, type and value. System
// attributes are excluded, as on AWS.
func (m *Message) Size() int {
	n := len(m.Body)
	for _, a := range m.Attributes {
		n += len(a.Name) + len(a.Type) + len(a.Value)
	}
	return n
}

// NewMessageID returns a fresh, time-ordered UUID (version 7): the milliseconds since 1970 in 48 bits, and 74 random ones, which
// nobody should rely on being secret.
func NewMessageID() MessageID {
	var id MessageID
	binary.BigEndian.PutUint64(id[:8], uint64(time.Now().UnixMilli())<<16|0x7000|rand.Uint64()>>52)
	binary.BigEndian.PutUint64(id[8:], 1<<63|rand.Uint64()>>2)
	return id
}
