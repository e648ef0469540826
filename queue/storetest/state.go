package storetest

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// state is all that a store must hold. It is shared by the Model, which decides for itself where the contract leaves a
// choice, and by the referee, which follows the choices of the store under test. Its methods change it by one step each and
// take the choices as arguments. Times are milliseconds since 1970. It is not safe for concurrent use.
type state struct {
	queues  map[queue.ID]*queueState
	dropped map[queue.ID]bool
	tokens  map[string]tokenRecord
	// nonce is the last one given to a lease by the Model.
	nonce uint64
	// leases and buckets are what nodes share, for the Model alone.
	leases  map[string]nodeLease
	buckets map[queue.ID]bucket
}

func newState() *state {
	return &state{
		queues:  map[queue.ID]*queueState{},
		dropped: map[queue.ID]bool{},
		tokens:  map[string]tokenRecord{},
		leases:  map[string]nodeLease{},
		buckets: map[queue.ID]bucket{},
	}
}

// tokenRecord remembers an append by its token.
type tokenRecord struct {
	digest  string
	expires int64
	results []queue.Appended
}

// dedupRecord remembers the message that was accepted with a deduplication ID.
type dedupRecord struct {
	expires int64
	first   queue.Appended
}

// queueState is one incarnation.
type queueState struct {
	id   queue.ID
	kind queue.Kind
	// latest is the latest time any call gave: the queue's clock never runs backwards.
	latest int64
	// messages, by sequence.
	messages []*message
	lastSeq  uint64
	// kept is, while an entry of a log is appended, the sequence that it keeps; else zero.
	kept  uint64
	dedup map[string]dedupRecord
	// attempts remembers receives by their Attempt.
	attempts map[string]attempt
	// groups counts the messages of each group that has any; turns has those groups in the order in which the Model serves them.
	groups map[string]int
	turns  []string
	// placed numbers all that orders tenants: the arrival of messages and the service of tenants. served is each tenant's last
	// service; loose are the tenants that lost a receivable message, or service, in another way since.
	placed uint64
	served map[string]turn
	loose  map[string]bool
	// noisyFrom is NoisyInFlight; broken stores have another.
	noisyFrom int

	appended, acked, moved, expired int64
}

// message is one message in one queue.
type message struct {
	// stored has the sender's fields, Sequence, Sent, Receives, FirstReceived and State, never a Receipt or Deadline.
	stored queue.Message
	key    queue.KeyHash
	// number is the message's place among all that orders tenants, in the order of appends.
	number uint64
	// due is when it first became or becomes receivable; delayed says that this was after it was appended.
	due     int64
	delayed bool
	// held says that it was leased in this queue. nonce is that of the latest lease; leased and deadline are when it began and
	// ends. After a release deadline is zero.
	held             bool
	nonce            uint64
	leased, deadline int64
	// released says that the latest lease was ended by Release; notBefore is until when.
	released  bool
	notBefore int64
	// vague says that the contract leaves open where among the receivable messages this one comes: its last lease had no
	// length, or was undone by a crash.
	vague bool
	// uncounted says that the latest lease left the receive count as it was.
	uncounted bool
	// undone says that a crash may have undone the latest lease or extension, so that its receipt may not be the latest.
	undone bool
}

// get returns a queue that holds or held something.
func (s *state) get(id queue.ID) *queueState { return s.queues[id] }

// need returns the queue and makes it if there is none: the first append creates a queue.
func (s *state) need(id queue.ID, kind queue.Kind) *queueState {
	q := s.queues[id]
	if q == nil {
		q = &queueState{id: id, kind: kind, dedup: map[string]dedupRecord{}, attempts: map[string]attempt{}, groups: map[string]int{}, served: map[string]turn{}, loose: map[string]bool{}, noisyFrom: queue.NoisyInFlight}
		s.queues[id] = q
	}
	return q
}

// clock returns the queue's time at now.
func (q *queueState) clock(now time.Time) int64 {
	q.latest = max(q.latest, now.UnixMilli())
	return q.latest
}

// index finds the message's place in messages, which are in order of sequence.
func (q *queueState) index(sequence uint64) (int, bool) {
	return slices.BinarySearchFunc(q.messages, sequence, func(m *message, s uint64) int { return cmp.Compare(m.stored.Sequence, s) })
}

func (q *queueState) find(sequence uint64) *message {
	if i, ok := q.index(sequence); ok {
		return q.messages[i]
	}
	return nil
}

func (q *queueState) remove(m *message) {
	if i, ok := q.index(m.stored.Sequence); ok {
		q.messages = slices.Delete(q.messages, i, i+1)
	}
	if g := m.stored.Group; q.grouped(m) {
		if q.groups[g]--; q.groups[g] == 0 {
			delete(q.groups, g)
			q.turns = slices.DeleteFunc(q.turns, func(o string) bool { return o == g })
		}
	}
	q.loosen(m)
}

// loosen notes that a receivable message of a tenant is about not to be so any more, but by a receive.
func (q *queueState) loosen(m *message) {
	if status, _ := m.status(q.latest); q.tenant(m) && status == queue.Ready {
		q.loose[m.stored.Group] = true
	}
}

// grouped says whether the message is in a FIFO group, as opposed to free.
func (q *queueState) grouped(m *message) bool { return q.kind == queue.FIFO && m.stored.Group != "" }

// tenant says whether the message is one of a tenant's, as opposed to free.
func (q *queueState) tenant(m *message) bool { return q.kind == queue.Standard && m.stored.Group != "" }

// status of the message at ms, and when that status ends by itself.
func (m *message) status(ms int64) (status queue.Status, due int64) {
	switch {
	case m.deadline > ms:
		return queue.InFlight, m.deadline
	case m.released && m.notBefore > ms:
		return queue.Delayed, m.notBefore
	case !m.held && m.due > ms:
		return queue.Delayed, m.due
	}
	return queue.Ready, 0
}

// inFlight counts the leases that have not ended.
func (q *queueState) inFlight(ms int64) int {
	n := 0
	for _, m := range q.messages {
		if s, _ := m.status(ms); s == queue.InFlight {
			n++
		}
	}
	return n
}

// receivable lists what a receive at ms may hand out: the free messages, and of each group those before the first that is
// delayed or in flight. delay is the one given at receive, which concerns grouped messages alone.
func (q *queueState) receivable(ms, delay int64) (free []*message, groups map[string][]*message) {
	groups = map[string][]*message{}
	blocked := map[string]bool{}
	for _, m := range q.messages {
		status, _ := m.status(ms)
		switch g := m.stored.Group; {
		case !q.grouped(m):
			if status == queue.Ready {
				free = append(free, m)
			}
		case blocked[g]:
		case status != queue.Ready || m.stored.Sent.UnixMilli()+delay > ms:
			blocked[g] = true
		default:
			groups[g] = append(groups[g], m)
		}
	}
	return free, groups
}

// turn is a place in the order of delivery of free messages: those whose lease ended come first, then the time at which they
// became receivable counts, then which was appended first. Tenants stand in the same order.
type turn struct {
	class  int
	at     int64
	number uint64
}

func (t turn) before(o turn) bool {
	if t.class != o.class {
		return t.class < o.class
	}
	if t.at != o.at {
		return t.at < o.at
	}
	return t.number < o.number
}

// turns returns the earliest and the latest turn that readings of the contract give the message. They are the same for
// messages never received and for those whose lease passed its deadline. "Messages whose lease ended before those never
// received" does not say whether a release counts as such an end, nor a lease of no length, nor one in the queue from which a
// message was moved with its receive count.
func (m *message) turns() (earliest, latest turn) {
	n := m.number
	switch {
	case m.vague:
		return turn{}, turn{1, math.MaxInt64, n}
	case m.released:
		return turn{0, m.notBefore, n}, turn{1, m.notBefore, n}
	case m.held:
		return turn{0, m.deadline, n}, turn{0, m.deadline, n}
	case m.stored.Receives > 0:
		return turn{0, m.due, n}, turn{1, m.due, n}
	}
	return turn{1, m.due, n}, turn{1, m.due, n}
}

// at turns milliseconds into a time as a store returns it.
func at(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// millis is d in whole milliseconds, zero for less than none.
func millis(d time.Duration) int64 { return max(0, d.Milliseconds()) }

// clone copies all that a message refers to.
func clone(m queue.Message) queue.Message {
	m.Body = bytes.Clone(m.Body)
	m.Attributes = cloneAttributes(m.Attributes)
	m.System = cloneAttributes(m.System)
	m.State = bytes.Clone(m.State)
	return m
}

func cloneAttributes(attrs []queue.Attribute) []queue.Attribute {
	attrs = slices.Clone(attrs)
	for i := range attrs {
		attrs[i].Value = bytes.Clone(attrs[i].Value)
	}
	return attrs
}
