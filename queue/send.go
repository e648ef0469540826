package queue

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Send is one message to send. Slices may be reused once the call has returned.
type Send struct {
	// ID is the message's; zero for a fresh one.
	ID         MessageID
	Body       []byte
	Attributes []Attribute
	System     []Attribute
	// Group is required on FIFO queues: 1 to 128 of the letters, digits and punctuation of ASCII.
	Group string
	// DedupID, of the same form, refuses repeats on FIFO queues for five minutes. It is required there unless the queue
	// derives it from the body, and refused on standard queues.
	DedupID string
	// Delay, 0 to 15m, is the message's own; nil means the queue's. FIFO queues have only their own.
	Delay *time.Duration
	// Sender names the principal; may be empty.
	Sender string
	// SizeExempt takes a message that the router made itself out of the queue's size limit.
	SizeExempt bool
}

// Sent is a message that the queue has accepted.
type Sent struct {
	ID MessageID
	// Sequence is the message's place in the queue.
	Sequence uint64
	// Duplicate says that it was a repeat and ID and Sequence are those of the message accepted first.
	Duplicate bool
}

// Send appends 1 to 1000 messages to a queue, all or none, in order, and returns when they are durable: one result per
// message. Errors: [ErrNotFound], an [*InvalidError] with a field such as "messages[3].group", [ErrStoreFull].
func (b *Broker) Send(ctx context.Context, name Name, messages []Send) ([]Sent, error) {
	if len(messages) == 0 || len(messages) > MaxSend {
		return nil, &InvalidError{Field: "messages", Reason: "must be 1 to 1000"}
	}
	return retryDropped(b, name, func(q Queue) ([]Sent, error) {
		entries := make([]Entry, len(messages))
		for i := range messages {
			entry, err := q.Entry(&messages[i])
			if err != nil {
				err.Field = fmt.Sprintf("messages[%d].%s", i, err.Field)
				return nil, err
			}
			entries[i] = entry
		}
		res, err := b.store.Append(ctx, AppendRequest{Now: b.Now(), Entries: entries})
		if err != nil {
			return nil, fmt.Errorf("sending to %s: %w", name.Name, err)
		}
		sent := make([]Sent, len(res.Results))
		for i, r := range res.Results {
			sent[i] = Sent(r)
		}
		return sent, nil
	})
}

// Entry turns a message to send into what the store appends, by the rules of the queue. It is for packages that append
// to several queues at once.
func (q *Queue) Entry(m *Send) (Entry, *InvalidError) {
	def := &q.Definition
	entry := Entry{
		Queue: q.ID,
		Kind:  def.Kind(),
		Message: Message{
			ID: m.ID, Body: m.Body, Attributes: m.Attributes, System: m.System,
			Group: m.Group, DedupID: m.DedupID, Sender: m.Sender,
		},
	}
	if size := entry.Message.Size(); size > def.maxMessageSize() && !m.SizeExempt {
		return Entry{}, &InvalidError{Field: "body", Reason: fmt.Sprintf("with its attributes is %d bytes, more than the %d that the queue takes", size, def.maxMessageSize())}
	}
	if err := validateAttributes(m.Attributes); err != nil {
		return Entry{}, err
	}
	if m.Group != "" && !validToken(m.Group) {
		return Entry{}, &InvalidError{Field: "group", Reason: tokenRule}
	}
	if def.FIFO {
		if err := q.fifoEntry(m, &entry); err != nil {
			return Entry{}, err
		}
	} else {
		if m.DedupID != "" {
			return Entry{}, &InvalidError{Field: "dedup_id", Reason: "is only for FIFO queues"}
		}
		entry.Delay = time.Duration(def.Delay)
		if m.Delay != nil {
			if *m.Delay < 0 || *m.Delay > MaxDelay {
				return Entry{}, &InvalidError{Field: "delay", Reason: "must be between 0 and 15m"}
			}
			entry.Delay = *m.Delay
		}
	}
	if entry.Message.ID == (MessageID{}) {
		entry.Message.ID = NewMessageID()
	}
	return entry, nil
}

func (q *Queue) fifoEntry(m *Send, entry *Entry) *InvalidError {
	if m.Group == "" {
		return &InvalidError{Field: "group", Reason: "is required for a FIFO queue"}
	}
	if m.Delay != nil && *m.Delay != 0 {
		return &InvalidError{Field: "delay", Reason: "can not be set per message on a FIFO queue"}
	}
	dedup := m.DedupID
	switch {
	case dedup != "" && !validToken(dedup):
		return &InvalidError{Field: "dedup_id", Reason: tokenRule}
	case dedup == "" && !q.Definition.ContentBasedDeduplication:
		return &InvalidError{Field: "dedup_id", Reason: "is required, because the queue has no content_based_deduplication"}
	case dedup == "":
		sum := sha256.Sum256(m.Body)
		dedup = hex.EncodeToString(sum[:])
	}
	entry.Message.DedupID = dedup
	entry.DedupWindow = DedupWindow
	entry.Dedup = dedup
	if q.Definition.DeduplicationScope == "group" {
		entry.Dedup = m.Group + "\x00" + dedup // neither contains NUL
	}
	return nil
}

const tokenRule = "must be 1 to 128 letters, digits and ASCII punctuation"

// validToken reports whether s is 1 to 128 characters of U+0021 to U+007E, as SQS demands of group and deduplication IDs.
func validToken(s string) bool {
	return len(s) >= 1 && len(s) <= 128 && strings.IndexFunc(s, func(r rune) bool { return r < '!' || r > '~' }) < 0
}

// maxAttributes is how many attributes a message may have. SQS allows ten.
const maxAttributes = 100

func validateAttributes(attrs []Attribute) *InvalidError {
	if len(attrs) > maxAttributes {
		return &InvalidError{Field: "attributes", Reason: fmt.Sprintf("are %d; at most %d are allowed", len(attrs), maxAttributes)}
	}
	for i, a := range attrs {
		bad := func(part, reason string) *InvalidError {
			return &InvalidError{Field: fmt.Sprintf("attributes[%d].%s", i, part), Reason: reason}
		}
		if !validAttributeName(a.Name) {
			return bad("name", fmt.Sprintf("%q must be 1 to 256 letters, digits, underscores, hyphens and dots", a.Name))
		}
		switch base, _, _ := strings.Cut(a.Type, "."); base {
		case "String", "Number", "Binary":
		default:
			return bad("type", fmt.Sprintf("%q must be String, Number or Binary, with an optional .suffix", a.Type))
		}
		if len(a.Type) > 256 {
			return bad("type", "must be at most 256 bytes")
		}
		for _, earlier := range attrs[:i] {
			if earlier.Name == a.Name {
				return bad("name", fmt.Sprintf("%q is given twice", a.Name))
			}
		}
	}
	return nil
}

func validAttributeName(name string) bool {
	return len(name) >= 1 && len(name) <= 256 && strings.IndexFunc(name, func(r rune) bool {
		return r != '.' && notNameRune(r)
	}) < 0
}
