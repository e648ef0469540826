package topic

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/signalbox-mq/signalbox/queue"
)

// Limits of messages.
const (
	// MaxMessages is how many messages one publish may hold.
	MaxMessages = 1000
	// MaxMessageSize is in bytes: the body plus each attribute's name, type and value.
	MaxMessageSize = queue.MaxMessageSize
	// MaxAttributes is how many attributes a message may have.
	MaxAttributes = 100
	// MaxSubjectLength is in characters.
	MaxSubjectLength = 100
	// MaxFanOut is how many bytes of deliveries one publish may make: bodies and attributes, once for each receiver. It
	// bounds the one append that they are.
	MaxFanOut = 256 << 20
	// MaxWindow is the longest time for which a token is remembered, DefaultWindow that of a token without one.
	MaxWindow     = 7 * 24 * time.Hour
	DefaultWindow = 24 * time.Hour
)

// Message is one message to publish. Slices may be reused once the call has returned.
type Message struct {
	// Body is any bytes. Where a subscription wants it as JSON (a filter policy on the body, a function) or as text (the SNS
	// envelope), docs/topics.md says what becomes of one that is not.
	Body []byte
	// Subject, optional, is up to 100 characters, none of them a control character.
	Subject string
	// Attributes follow the rules of package queue; at most 100.
	Attributes []queue.Attribute
	// Group, optional, is 1 to 128 letters, digits and ASCII punctuation. Deliveries of one group to a function keep their
	// order; queues get it as the message group.
	Group string
	// DedupID, optional and of the same form, refuses the same message again for five minutes: it is a token for this message
	// alone. See [Publish].
	DedupID string
	// Variants are bodies that the subscriptions of a protocol get in place of Body.
	Variants map[string][]byte
	// Trace is passed on to queues as the system attribute AWSTraceHeader.
	Trace string

	// logged says that it comes from the topic's log, and replayed that it is not the first time.
	logged, replayed bool
}

// Protocols, as SNS names them.
const (
	ProtocolSQS    = "sqs"
	ProtocolHTTP   = "http"
	ProtocolHTTPS  = "https"
	ProtocolLambda = "lambda"
)

// protocols are those that a Variant can be for.
func protocols() []string { return []string{ProtocolSQS, ProtocolHTTP, ProtocolHTTPS, ProtocolLambda} }

// dedupID is the deduplication ID in effect on a FIFO topic: the message's own, or what its body makes.
func (m *Message) dedupID() string {
	if m.DedupID != "" {
		return m.DedupID
	}
	sum := sha256.Sum256(m.Body)
	return hex.EncodeToString(sum[:])
}

// size is what counts toward MaxMessageSize.
func (m *Message) size() int {
	return (&queue.Message{Body: m.Body, Attributes: m.Attributes}).Size()
}

// Validate returns nil, or the [*InvalidError] that Publish would fail with for the message, with a Field relative to it.
func (m *Message) Validate(t *Topic) error {
	if err := m.validate(t, false); err != nil {
		return err
	}
	return nil
}

// validate is Validate; exempt leaves out the size, for what the router itself has wrapped.
func (m *Message) validate(t *Topic, exempt bool) *InvalidError {
	if t.FIFO {
		switch {
		case m.Group == "":
			return &InvalidError{Field: "group", Reason: "is required for a FIFO topic"}
		case m.DedupID == "" && !t.ContentBasedDeduplication:
			return &InvalidError{Field: "dedup_id", Reason: "is required, because the topic has no content_based_deduplication"}
		}
	}
	for protocol, variant := range m.Variants {
		if len(variant) > MaxMessageSize && !exempt {
			return &InvalidError{Field: "variants." + protocol, Reason: fmt.Sprintf("is %d bytes, more than %d", len(variant), MaxMessageSize)}
		}
	}
	if len(m.Attributes) > MaxAttributes {
		return &InvalidError{Field: "attributes", Reason: fmt.Sprintf("are %d, more than the %d that a message may have", len(m.Attributes), MaxAttributes)}
	}
	if size := m.size(); size > MaxMessageSize && !exempt {
		return &InvalidError{Field: "body", Reason: fmt.Sprintf("with its attributes is %d bytes, more than %d", size, MaxMessageSize)}
	}
	if n := utf8.RuneCountInString(m.Subject); n > MaxSubjectLength {
		return &InvalidError{Field: "subject", Reason: fmt.Sprintf("has %d characters, more than %d", n, MaxSubjectLength)}
	}
	if !plainText(m.Subject) {
		return &InvalidError{Field: "subject", Reason: "must be UTF-8 without line breaks, control characters and noncharacters"}
	}
	// The rules of queues, by those of one with every default.
	var plain queue.Queue
	if _, err := plain.Entry(&queue.Send{Body: m.Body, Attributes: m.Attributes, Group: m.Group, SizeExempt: true}); err != nil {
		return &InvalidError{Field: err.Field, Reason: err.Reason}
	}
	if m.DedupID != "" {
		fifo := queue.Queue{Definition: queue.Definition{FIFO: true}}
		if _, err := fifo.Entry(&queue.Send{Group: "g", DedupID: m.DedupID}); err != nil {
			return &InvalidError{Field: err.Field, Reason: err.Reason}
		}
	}
	return nil
}

// digest says what a message is. Two with the same digest are the same message.
func (m *Message) digest() [sha256.Size]byte {
	b := make([]byte, 0, 512)
	field := func(s string) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	body := sha256.Sum256(m.Body)
	b = append(b, body[:]...)
	field(m.Subject)
	field(m.Group)
	for _, a := range m.Attributes {
		field(a.Name)
		field(a.Type)
		field(string(a.Value))
	}
	for _, protocol := range protocols() {
		if variant, ok := m.Variants[protocol]; ok {
			field(protocol)
			field(string(variant))
		}
	}
	return sha256.Sum256(b)
}

// PassedOnID returns the ID of the message that a topic makes of an event: of the delivery to the topic with the given ID.
// It is the same for every attempt.
func PassedOnID(delivery string) queue.MessageID { return derivedID("passed-on", delivery) }

// tokenID returns the ID of the message at index in a publish to a topic under a token. As its digest is part of it, a token
// that is used again after its window, for something else, makes another.
func tokenID(topic uint64, token string, index int, digest [sha256.Size]byte) queue.MessageID {
	return derivedID("token", strconv.FormatUint(topic, 10), token, strconv.Itoa(index), string(digest[:]))
}

// deliveryID is the same for the same message, topic and subscription, however often it is computed.
func deliveryID(message, topic, subscription string) queue.MessageID {
	return derivedID(message, topic, subscription)
}

// derivedID makes an ID of some texts: a UUID of version 8, which is for those of one's own making.
func derivedID(parts ...string) queue.MessageID {
	b := make([]byte, 0, 256)
	for _, p := range parts {
		b = append(b, p...)
		b = append(b, 0)
	}
	sum := sha256.Sum256(b)
	id := uuid.UUID(sum[:16])
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return id
}
