package topic

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/signalbox-mq/signalbox/queue"
)

// sequencer numbers the messages of FIFO topics in a process that has the store to itself: the numbers increase and follow the
// clock, as those of a store do, with the milliseconds since 1970 shifted left by sequenceBits.
type sequencer struct {
	mu   sync.Mutex
	last uint64
}

// sequenceBits is that of a store's sequence numbers: see commit.number.
const sequenceBits = 20

func (s *sequencer) next(now time.Time) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = max(uint64(now.UnixMilli())<<sequenceBits, s.last+1)
	return s.last
}

// sequenceStep is by how much numbers are apart at most that nodes take of the same log at the same time. It makes it unlikely that
// two take the same one.
const sequenceStep = 1 << 16

// number numbers a message of a FIFO topic. Who calls it has the lock of the message's group.
//
// Nodes that share a store have clocks that do not agree, and the last message of a log need not be the one with the highest number.
// But each entry's own place in the log is its number, or after it (see logEntry), so that the end of the log is after the numbers
// of all that are in it, whoever put them there.
func (c *commit) number(ctx context.Context) (uint64, error) {
	if c.topics.broker.Leases().Alone() {
		return c.topics.numbers.next(c.now), nil
	}
	end, err := c.topics.logEnd(ctx, c.topic)
	return max(uint64(c.now.UnixMilli())<<sequenceBits, end) + rand.Uint64N(sequenceStep), err
}

// sequenceID returns an ID that holds a number: a UUID of version 7 of which the first 68 bits, the version and the variant left
// out, are the number's milliseconds and counter. The rest is random.
func sequenceID(number uint64) queue.MessageID {
	const count = 1<<sequenceBits - 1
	ms, counter := number>>sequenceBits, number&count
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], ms<<16|0x7000|counter>>8)
	binary.BigEndian.PutUint64(id[8:], 1<<63|counter&0xff<<54|rand.Uint64()&(1<<54-1))
	return id
}

// sequenceOf returns the number in an ID that sequenceID made.
func sequenceOf(id queue.MessageID) uint64 {
	first, second := binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])
	return first>>16<<sequenceBits | first&0xfff<<8 | second>>54&0xff
}

// sequenceText is a number as SNS shows it.
func sequenceText(number uint64) string { return fmt.Sprintf("%020d", number) }

// dedupToken is what makes a message of a FIFO topic a repeat: its deduplication ID, in its group if that is the scope. The ID
// alone counts, whatever else the message has.
func dedupToken(t *Topic, m *Message) string {
	if t.DeduplicationScope == ScopeGroup {
		return m.Group + "\x00" + m.dedupID() // neither contains NUL
	}
	return m.dedupID()
}

// attributeLogged is the system attribute in which an entry of a FIFO topic's log has its [logged].
const attributeLogged = "router.topic"

// logged is what an entry of a FIFO topic's log says beside the message itself.
type logged struct {
	Subject string `json:"subject,omitempty"`
	Trace   string `json:"trace,omitempty"`
	// Variants are by protocol, in base64.
	Variants map[string]string `json:"variants,omitempty"`
	// Published is in milliseconds since 1970.
	Published int64  `json:"published"`
	Hops      int    `json:"hops,omitempty"`
	Origin    string `json:"origin,omitempty"`
	// Held are the subscriptions for which it is held, because a replay to them is under way.
	Held []string `json:"held,omitempty"`
}

// logEntry makes the entry in the topic's log for the message.
func (o *outgoing) logEntry() (queue.Entry, error) {
	m := o.message
	about := logged{
		Subject: m.Subject, Trace: m.Trace, Published: o.now.UnixMilli(), Hops: o.hops, Origin: o.origin, Held: o.held,
	}
	for protocol, body := range m.Variants {
		if about.Variants == nil {
			about.Variants = map[string]string{}
		}
		about.Variants[protocol] = base64.StdEncoding.EncodeToString(body)
	}
	text, err := json.Marshal(about)
	if err != nil {
		return queue.Entry{}, fmt.Errorf("encoding a log entry: %w", err)
	}
	entry := queue.Entry{
		Queue: o.topic.log(), Kind: queue.Log, Key: o.id,
		Message: queue.Message{
			ID: o.uuid, Body: m.Body, Attributes: m.Attributes, Group: m.Group, DedupID: m.dedupID(),
			System: []queue.Attribute{{Name: attributeLogged, Type: "String", Value: text}},
		},
	}
	if !o.topics.broker.Leases().Alone() {
		// Its place is its number, unless others have come before by now: then it is a later one.
		place := sequenceOf(o.uuid)
		entry.Prior, entry.Message.Sent = &queue.Prior{Sequence: place}, queue.SequenceTime(place)
	}
	return entry, nil
}

// fromLog undoes logEntry.
func fromLog(kept *queue.Message) (*Message, *logged, error) {
	a, _ := kept.SystemAttribute(attributeLogged)
	var about logged
	if err := json.Unmarshal(a.Value, &about); err != nil {
		return nil, nil, fmt.Errorf("reading archived message %s: %w", kept.ID, err)
	}
	m := &Message{
		Body: kept.Body, Subject: about.Subject, Attributes: kept.Attributes, Group: kept.Group, DedupID: kept.DedupID,
		Trace: about.Trace, logged: true,
	}
	for protocol, text := range about.Variants {
		body, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, nil, fmt.Errorf("reading archived message %s: %w", kept.ID, err)
		}
		if m.Variants == nil {
			m.Variants = map[string][]byte{}
		}
		m.Variants[protocol] = body
	}
	return m, &about, nil
}
