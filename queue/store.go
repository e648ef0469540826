package queue

import (
	"context"
	"time"
)

// ID names one incarnation of a queue. The catalog assigns it when a definition is created and never again: a queue that
// is deleted and made anew has another ID. Zero names no queue. A store needs no call to create a queue: the first append
// does.
type ID uint64

// Store is what a storage engine implements: the queue operations that must be atomic, and nothing else. It knows no
// names and no definitions; what a definition decides comes with each request.
//
// Time. Every method that depends on time takes now, which the caller has just read from its clock. A store on one machine
// compares with it alone. One that several nodes share may go by a time of its own instead: now then says how far ahead of that
// clock the caller means, and deadlines and due times are returned by the caller's clock, while Sent, FirstReceived and sequence
// numbers are as they are kept. Times count in whole milliseconds (rounded down). A store remembers the latest now of each queue and treats an earlier one as that,
// so that a clock that steps back can not make time run backwards inside a queue.
//
// Durability is as the package comment says. When a call returns an error wrapping [ErrStoreClosed] or [ErrUnavailable], it is
// unknown whether it happened; no other error changes anything, unless the method says so. A call that finds its work already
// done by an earlier, perhaps not yet durable call (a repeated token, a duplicate, a message already gone) answers only
// when that earlier work is durable.
//
// A dropped queue, or one that never had a message, reads as an empty one: Receive, Scan, Get and Stats find nothing and
// return no error, and its messages are gone to whoever has a receipt. Receive on a log fails with [ErrKind].
//
// All methods may be called concurrently. A cancelled context may make a call return early with the context's error; then
// it is unknown whether it happened.
type Store interface {
	// Append adds messages to queues: all entries or none, in the order given within each queue. It fails with a
	// [*DroppedError] when an entry names a dropped queue, with [ErrTokenReused], and with [ErrStoreFull]. A store that several
	// nodes share may make it piece by piece, all of one queue's entries or none, where the queues are in several places, or the
	// entries more than 1,000 or 8 MiB: then an error may mean that some queues have theirs, and a repetition with the same token
	// does what is missing.
	//
	// With a token that was used within its window by a call with the same Digest, nothing is appended and the first call's
	// results are returned with Repeated set, whatever the entries are now (even if one names a dropped queue).
	Append(ctx context.Context, req AppendRequest) (AppendResult, error)

	// Receive leases up to Max messages of one queue to the caller. Each is hidden until its deadline and counts as
	// received once more. It returns no error when there is nothing to receive, and never waits.
	//
	// Order: free messages, which are those without a group, in the order of the time at which they became receivable,
	// then of sequence; those whose lease ended before those never received. FIFO groups: see the package comment; a receive
	// takes what it may of one group before the next, and a group it served comes after the others that are waiting.
	//
	// On a standard queue a group is a tenant: it orders nothing and locks nothing, and tenants take turns. The turn of a
	// tenant that has something receivable is when that became so or when the tenant was last served, whichever is later; the
	// turn of a free message is when it became receivable, except that free messages whose lease ended come first of all.
	// What has the earliest turn is next. Of a tenant one message is taken, and then its next turn is after all that wait
	// at that time, so that it gets another in the same call only when they have had theirs. Within a tenant the order is as
	// among free messages: one whose lease ended comes before the tenant's others, not before other tenants.
	//
	// A tenant is noisy while it has [NoisyInFlight] or more messages in flight that are more than a tenth of all that are in
	// flight in the queue, counted at the start of the call. It is passed over, without losing its turn, as long as something of
	// a tenant that is not noisy, or a free message, is receivable. When only noisy tenants have something, the one with the
	// fewest in flight is next, those that this call took included. So noise never keeps a message back when there is nothing
	// else to hand out. To find a message of another tenant costs the same however many a tenant has waiting or in flight.
	//
	// A message that was received MaxReceives times already is leased too, for at least ExceededLease, but returned in Exceeded, with
	// its count unchanged, for the caller to move away. A message older than Retention is not returned: it is removed and counted
	// in Expired.
	Receive(ctx context.Context, req ReceiveRequest) (ReceiveResult, error)

	// Settle ends leases. Each settlement stands alone and has its own result; those that succeed are committed
	// together, and what they put into one queue gets its place there in the order of the call.
	Settle(ctx context.Context, now time.Time, settlements []Settlement) ([]SettleResult, error)

	// Extend moves the deadlines of leases. Each extension stands alone and has its own error at its index:
	// [ErrNotInFlight] when the message is gone or another receive holds it, [ErrReceiptExpired] when the deadline has
	// passed (FIFO groups only; a standard message not received again may still be extended), [ErrVisibilityLimit].
	Extend(ctx context.Context, now time.Time, extensions []Extension) ([]error, error)

	// Get finds messages by the Key under which they were appended, oldest first: one for most keys, several for a log.
	// It returns none when there is none. Keys are compared by a 128-bit hash and then by nothing else.
	Get(ctx context.Context, now time.Time, queue ID, key string) ([]Peeked, error)

	// Scan reads a queue without touching it: a log in order of position, another queue in the order in which its
	// messages are kept, which is about the order of delivery. It fails with [ErrKind] if the queue is of another kind.
	Scan(ctx context.Context, req ScanRequest) (ScanResult, error)

	// Purge removes every message of the queue, in flight and delayed ones included, and its deduplication window, and
	// returns how many messages it removed. Its cost does not grow with their number. Receipts from before are as those of
	// acknowledged messages.
	Purge(ctx context.Context, now time.Time, queue ID) (int64, error)

	// Drop removes queues for good: all they hold, and the right to append to them. All or none. Dropping a dropped
	// queue, or one that never had a message, does the same.
	Drop(ctx context.Context, now time.Time, queues []ID) error

	// DropEmpty is Drop for one queue if it holds no message, whatever its status; otherwise it changes nothing and returns
	// false. No append can come between: it is there before, or it fails with a [*DroppedError].
	DropEmpty(ctx context.Context, now time.Time, queue ID) (dropped bool, err error)

	// Stats counts, one result per queue, exact at now. A queue never appended to counts zero everywhere.
	Stats(ctx context.Context, now time.Time, queues []ID) ([]Stats, error)

	// Expire removes messages by age and logs by age and size, a bounded piece of work per call; see [Expiry]. It also
	// forgets idempotency tokens, deduplication IDs and receive attempts whose window has passed (these never depend on it being called).
	Expire(ctx context.Context, now time.Time, expiries []Expiry) ([]Expired, error)

	// Watch returns a new watcher over no queues. The caller closes it.
	Watch() Watcher

	// Close waits for calls in progress, makes everything durable and releases the engine. Calls after it fail with
	// [ErrStoreClosed]. Closing again does nothing.
	Close() error
}

// AppendRequest is one all-or-nothing append.
type AppendRequest struct {
	Now time.Time
	// Token makes the call idempotent for less than TokenWindow (1ms to 7d) from the first call on; empty for not. At most 256
	// bytes.
	Token       string
	TokenWindow time.Duration
	// Digest says what the call is to do, in the caller's terms, at most 64 bytes; it is kept with the token. A token used with
	// another digest is refused with ErrTokenReused. Empty is a digest like any other.
	Digest string
	// Entries, at least one, in order.
	Entries []Entry
}

// Entry is one message for one queue.
type Entry struct {
	Queue ID
	// Kind is the queue's; every call for one queue gives the same.
	Kind Kind
	// Message's sender fields are stored; its store fields are ignored, except that a non-zero Sent is kept (a copy of an
	// older message). Prior can say more of one.
	Message Message
	// Delay hides the message of a standard queue, or a free one, at first. Zero or less for not. No upper limit here.
	Delay time.Duration
	// Dedup, when not empty, refuses the message as a duplicate if one with the same Dedup was accepted by this queue
	// less than DedupWindow ago, whatever has become of that one. It is the deduplication ID within its scope: the caller
	// puts the group into it where the scope is the group. DedupWindow is at most 7d.
	Dedup       string
	DedupWindow time.Duration
	// Key, when not empty, makes the message findable by Get for as long as it is in the queue.
	Key string
	// Prior, when not nil, is what the message has behind it in another store. It is for migration.
	Prior *Prior
}

// Prior is what a message has behind it in another store, from which it is copied: what a Scan there shows of it. It lets a
// migration leave everything about a message as it was but its lease and, outside of logs, its sequence. Who numbers the entries of
// a log itself gives its numbers as their Sequence.
type Prior struct {
	// Receives, FirstReceived and State become the message's, as if it had been received and released in this queue. They
	// are ignored in logs.
	Receives      int
	FirstReceived time.Time
	State         []byte
	// Due, when it is after now and after what Delay asks for, is until when the message is Delayed. One in a group of a FIFO queue,
	// which Delay does not concern, keeps its place, and its group waits for it. It is ignored in logs.
	Due time.Time
	// Sequence is for logs: the entry keeps this sequence number, and with it its position, if it is higher than the queue's last
	// one, also if its time is later than now. Otherwise, and in other queues, the entry gets one as ever.
	Sequence uint64
	// Key is the hash of the key that the message has; see [Peeked]. It counts where Entry.Key is empty.
	Key KeyHash
}

// KeyHash is the first half of the SHA-256 of an Entry's Key, or zero for no key.
type KeyHash [16]byte

// AppendResult has one result per entry.
type AppendResult struct {
	// Repeated says that the token was seen before and Results are those of the first call.
	Repeated bool
	Results  []Appended
}

// Appended is what became of one entry.
type Appended struct {
	// ID is the message's; for a duplicate, that of the message accepted first.
	ID MessageID
	// Sequence is the message's; for a duplicate, that of the message accepted first.
	Sequence uint64
	// Duplicate says that the entry was refused as a duplicate.
	Duplicate bool
}

// ReceiveRequest asks for messages of one queue.
type ReceiveRequest struct {
	Now   time.Time
	Queue ID
	Kind  Kind
	// Max is the most messages to return, at least 1, Exceeded included.
	Max int
	// MaxBytes, when positive, stops before the message whose body would exceed it in total; the first is always returned.
	MaxBytes int
	// Visibility is how long the messages are leased. Zero hands them out and counts them but leaves them receivable.
	Visibility time.Duration
	// MaxReceives is how often a message may be handed out; zero or less for no limit.
	MaxReceives int
	// MaxInFlight is how many messages of the queue may be in flight at once; zero or less for no limit.
	MaxInFlight int
	// Delay applies to messages in groups of a FIFO queue: each is receivable only from Sent plus Delay on.
	Delay time.Duration
	// Retention is how old, from Sent, a message gets: at that age it is gone. Zero or less for any age.
	Retention time.Duration
	// Attempt names a receive from a FIFO queue, at most 128 bytes, so that it can be repeated when its answer was lost; empty
	// for none. On other queues it is ignored.
	//
	// If a receive with the same Attempt returned Messages less than its AttemptWindow ago, the same are returned again, with
	// the same receipts and receive counts and whatever Max and the limits say, and their leases now end Visibility from now.
	// That counts as a use of the Attempt like the first. It happens only if all these leases still stand as they were given:
	// none settled, none with another deadline by Extend, none past its deadline. Otherwise what was known of the Attempt is
	// forgotten and the receive is a fresh one. So it is when Visibility is zero: then leases that stand end first, as by an
	// Extend to zero, and their messages are received afresh.
	//
	// What the Attempt handed out is committed together with the leases; Exceeded is not part of it, and a receive without
	// Messages is not remembered. Purge and Drop forget it.
	Attempt string
	// AttemptWindow is at most 7d; zero or less remembers nothing.
	AttemptWindow time.Duration
}

// MaxAttempt is how long an Attempt may be, in bytes; a longer one is refused with an [*InvalidError].
const MaxAttempt = 128

// ExceededLease is how long a message in Exceeded is leased at least, so that whoever came upon it can move it away even
// if it receives with no visibility timeout.
const ExceededLease = 10 * time.Second

// NoisyInFlight is how many messages in flight a tenant has at least that is noisy; the rule is that of the fair queues of
// AWS.
const NoisyInFlight = 30

// ReceiveResult is what was received. Both slices may be nil.
type ReceiveResult struct {
	Messages []Message
	Exceeded []Message
	// Expired is how many messages the call removed for their age.
	Expired int
	// OverLimit says that MaxInFlight kept the call from returning more.
	OverLimit bool
}

// Action is how a settlement ends a lease.
type Action uint8

const (
	// Ack removes the message.
	Ack Action = iota
	// Release gives it back.
	Release
	// Move puts it into another queue.
	Move
)

// Settlement ends one lease.
//
// Which receipts are good: on standard queues and for free messages, an Ack succeeds with any receipt of the message,
// however old; Release and Move need the latest one, but its deadline may have passed if nobody received the message
// since. For messages in FIFO groups the receipt must be the latest and its deadline not passed, whatever the action.
// An action on a message that is gone succeeds with Gone set and does nothing else.
type Settlement struct {
	Receipt Receipt
	Action  Action

	// NotBefore is for Release: when the message may be received again; a time not after now means at once. A message of a
	// FIFO group keeps its place and its group waits for it. The message is not in flight meanwhile and costs no memory.
	NotBefore time.Time
	// State is for Release: what to keep with the message, replacing what was kept. At most 4 KiB. Nil keeps what was.
	State []byte

	// To is for Move.
	To *Destination

	// Record, when set, is appended to a log in the same commit, if the settlement succeeds and the message was not gone.
	// Its queue must be a log.
	Record *Entry
}

// Destination is where a Move puts a message and what it changes on the way. Body, attributes, group, sender and sent
// time go along unless changed here. The move happens in one commit with the removal.
type Destination struct {
	Queue ID
	Kind  Kind
	// NewID, when not zero, is the message's new ID; then its receive count starts at zero and Sent is now. When zero, ID and
	// receive count are kept; Sent is kept where Kind is Standard and becomes now where it is FIFO.
	NewID MessageID
	// Body, when not nil, replaces the body.
	Body []byte
	// Attributes are added to the message's, replacing those of the same name.
	Attributes []Attribute
	// System, when not nil, replaces the system attributes.
	System []Attribute
	// DropSource leaves the moved message without a Source; otherwise Source becomes the queue it leaves.
	DropSource bool
	// Delay and Key are as in Entry.
	Delay time.Duration
	Key   string
}

// SettleResult is what became of one settlement.
type SettleResult struct {
	// Err is [ErrReceiptInvalid], [ErrReceiptExpired], a [*DroppedError] that names the destination or the log, or
	// [ErrKind]; nil when the settlement succeeded.
	Err error
	// Gone says that the message did not exist any more.
	Gone bool
	// Moved and Record are what the move and the log record became.
	Moved  Appended
	Record Appended
}

// Extension moves one lease's deadline to Visibility from now. Zero ends the lease: the message is receivable at once, in
// its original place if it is in a FIFO group. MaxTotal, when positive, is the longest a lease may last from its receive.
type Extension struct {
	Receipt    Receipt
	Visibility time.Duration
	MaxTotal   time.Duration
}

// Status is where a message is in its life.
type Status uint8

const (
	// Ready messages may be received now (in a FIFO group: when their turn comes).
	Ready Status = iota
	// Delayed messages wait for their due time, after an append with a delay or a release until later.
	Delayed
	// InFlight messages are leased.
	InFlight
)

// Peeked is a message as it lies in the queue.
type Peeked struct {
	Message Message
	// Position is the message's; a scan from it starts with this message.
	Position Position
	Status   Status
	// Due is when a Delayed message becomes ready or an InFlight one's lease ends; zero for Ready and in logs.
	Due time.Time
	// Key is the hash of the key under which the message was appended. The key itself is not kept.
	Key KeyHash
}

// Position is a place in a queue. The zero Position is before everything. In a log, Sequence alone counts: an entry's
// position is its sequence number, so positions order as appends do.
type Position struct {
	// At is for the store alone; zero in logs.
	At       uint64
	Sequence uint64
}

// PositionAt returns the position in a log before everything appended at t or later.
func PositionAt(t time.Time) Position {
	ms := t.UnixMilli()
	if ms <= 0 {
		return Position{}
	}
	return Position{Sequence: uint64(ms) << 20}
}

// SequenceTime returns the time that leads a sequence number, in milliseconds.
func SequenceTime(sequence uint64) time.Time { return time.UnixMilli(int64(sequence >> 20)).UTC() }

// ScanRequest asks for a piece of a queue.
type ScanRequest struct {
	Now   time.Time
	Queue ID
	Kind  Kind
	// From is where to start, inclusive.
	From Position
	// Until, when not zero, is where to stop, exclusive.
	Until Position
	// Limit is the most messages to return, at least 1. MaxBytes, when positive, limits their bodies' total, the first
	// excepted.
	Limit    int
	MaxBytes int
}

// ScanResult is a piece of a queue.
type ScanResult struct {
	Messages []Peeked
	// Next is where to go on; a log that grows later is read on from it without gap or repetition.
	Next Position
	// More says that there was more before Until when the scan stopped.
	More bool
}

// Stats counts a queue's messages.
type Stats struct {
	// Ready, Delayed and InFlight count messages by status (a message in a FIFO group is ready when it is neither delayed
	// nor in flight itself, whether or not its group is locked). In a log all are Ready.
	Ready, Delayed, InFlight int64
	// Bytes is the size of all messages (Message.Size), as appended.
	Bytes int64
	// OldestSent is the Sent time of the oldest message that is still there, zero when empty. It may be older than that by
	// messages removed out of order, until the next Expire.
	OldestSent time.Time
	// First and End are for logs: the position of the oldest entry, and one after the newest.
	First, End Position
	// Appended, Acked, Moved and Expired count over the life of the queue. Purged messages are in none of them.
	Appended, Acked, Moved, Expired int64
}

// Total is Ready + Delayed + InFlight.
func (s Stats) Total() int64 { return s.Ready + s.Delayed + s.InFlight }

// Expiry bounds one queue. A message whose Sent is Retention or more before now goes, whatever its status; one in a FIFO
// group too, and the group goes on. From a log, the oldest go first while its Bytes exceed MaxBytes.
type Expiry struct {
	Queue ID
	Kind  Kind
	// Retention, zero or less for any age.
	Retention time.Duration
	// MaxBytes is for logs; zero or less for any size.
	MaxBytes int64
}

// Expired is what one Expiry did.
type Expired struct {
	Messages, Bytes int64
	// More says that there is more to remove and the caller should call again.
	More bool
}

// Watcher tells which queues of a set may have something to receive. It costs nothing for queues that stay idle. Its
// methods may be called concurrently, but it is meant for one goroutine that loops: Ready, receive, wait for Wake or Next.
type Watcher interface {
	// A watcher may go by the last Delay that a receive from the queue gave, in this process or another.

	// Set adds queues to the set and removes others. An added queue is reported by the next Ready if it has something.
	Set(add, remove []ID)
	// Wake has capacity one and is sent to when Ready may have a new answer, earlier than the Next it last gave. Sends never
	// block; a missed one has no consequence other than that Ready is called anyway.
	Wake() <-chan struct{}
	// Ready returns the queues that have, at now, something to receive (in-flight limits aside), each once, in no
	// particular order, and the next time at which another may have, zero for none. A queue it returned is returned again by
	// the next call, until a receive has found it empty. It may return a queue in vain (a delay given at receive, an
	// expired message); it never keeps silent about one.
	Ready(ctx context.Context, now time.Time) (ready []ID, next time.Time, err error)
	// Close ends the watcher. Ready then returns ErrStoreClosed.
	Close()
}
