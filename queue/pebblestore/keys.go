package pebblestore

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/signalbox-mq/signalbox/queue"
)

// The schema. All integers in keys are big-endian and of fixed width, so that keys sort as their fields do. Times are
// milliseconds since 1970. h128 is the first half of a SHA-256.
//
// Global:
//
//	f                                   the format: see formatVersion
//	s <queue>                           the state of a queue: counters, cursors, whether it was dropped (stateRecord)
//	o <h128 token>                      an idempotency token: its digest, first answer (tokenRecord)
//	y <expiry minute> 't' <h128 token>  when to forget a token; empty
//	y <expiry minute> 'x' <queue> <h128 dedup>   when to forget a deduplication ID; empty
//	y <expiry minute> 'a' <queue> <h128 attempt> when to forget a receive attempt; empty
//	c <table> 00 <name>                 a definition (catalogRecord)
//	C                                   the catalog's revision and last ID
//	I                                   from where a migration copies to this store, as long as that has not ended
//
// All that a queue holds, so that one range tombstone removes it (purge, drop):
//
//	q <queue> m <at> <sequence>         a message (messageRecord). at is when it becomes receivable; 0 in a group
//	q <queue> a <sequence>              an entry of a log (messageRecord)
//	q <queue> b <sequence> <n>          n-th piece of a body over 64 KiB
//	q <queue> e <sequence>              the state that a release left with a message
//	q <queue> l <sequence>              a lease (leaseRecord)
//	q <queue> p <sequence>              where a message is that changed its at since it was first received: at. Of one of a
//	                                    tenant that waits for another time than it was appended at: the at of its u record
//	q <queue> t <sent> <sequence>       the messages whose sent time is not told by their m key: at
//	q <queue> k <h128 key> <sequence>   messages by Entry.Key: at
//	q <queue> x <h128 dedup>            a deduplication ID in its window (dedupRecord)
//	q <queue> z <h128 attempt>          FIFO: what a receive attempt handed out, in its window (attemptRecord)
//	q <queue> g <h128 group> <0> <sequence>    FIFO: messages by group, with what the group needs to know of them (groupRecord)
//	q <queue> u <h128 group> <at> <sequence>   standard: messages by group, which is their tenant, that are not leased
//	                                    (groupRecord). at is when the message becomes receivable
//	q <queue> r <ready at> <turn>       groups that have messages and no lease, in the order of their turn
//	q <queue> h <h128 group>            where the group's r record is
//	q <queue> w <not before> <sequence> messages in groups that were released until later, and a tenant's that have a p record;
//	                                    empty
//
// Format 1 had no tenants: on a standard queue, a message with a group lay among those without, at its at, with an empty g
// record at that. Those that are left are handed out as ones without a group.
//
// A cursor, a low-water mark or a known position starts every iterator, so that none walks over the tombstones of what
// was consumed.

// formatVersion is the version of this schema. A change that an older release would misread raises it.
const formatVersion = 2

const (
	spaceFormat      = 'f'
	spaceState       = 's'
	spaceToken       = 'o'
	spaceExpiry      = 'y'
	spaceCatalog     = 'c'
	spaceCatalogMeta = 'C'
	spaceImport      = 'I'
	spaceQueue       = 'q'

	subLog     = 'a'
	subBody    = 'b'
	subState   = 'e'
	subGroup   = 'g'
	subHead    = 'h'
	subKey     = 'k'
	subLease   = 'l'
	subMessage = 'm'
	subPlace   = 'p'
	subReady   = 'r'
	subSent    = 't'
	subTenant  = 'u'
	subWaiting = 'w'
	subDedup   = 'x'
	subAttempt = 'z'

	expiryToken   = 't'
	expiryDedup   = 'x'
	expiryAttempt = 'a'
)

// maxKey is longer than any key but a catalog's.
const maxKey = 64

// h128 is a 128-bit hash of a group, key, deduplication ID or token. Its inputs are the senders', so it must be one for
// which nobody can find a collision.
type h128 [16]byte

func hash(s string) h128 {
	sum := sha256.Sum256([]byte(s))
	return h128(sum[:16])
}

func keyState(b []byte, q queue.ID) []byte {
	return binary.BigEndian.AppendUint64(append(b[:0], spaceState), uint64(q))
}

func keyQueue(b []byte, q queue.ID) []byte {
	return binary.BigEndian.AppendUint64(append(b[:0], spaceQueue), uint64(q))
}

// keyQueueEnd is after everything a queue holds.
func keyQueueEnd(b []byte, q queue.ID) []byte { return append(keyQueue(b, q), 0xff) }

func keySub(b []byte, q queue.ID, sub byte) []byte { return append(keyQueue(b, q), sub) }

// keySubEnd is after everything in one space of a queue.
func keySubEnd(b []byte, q queue.ID, sub byte) []byte { return append(keyQueue(b, q), sub+1) }

func key1(b []byte, q queue.ID, sub byte, v uint64) []byte {
	return binary.BigEndian.AppendUint64(keySub(b, q, sub), v)
}

func key2(b []byte, q queue.ID, sub byte, v, w uint64) []byte {
	return binary.BigEndian.AppendUint64(key1(b, q, sub, v), w)
}

func keyHash(b []byte, q queue.ID, sub byte, h h128) []byte {
	return append(keySub(b, q, sub), h[:]...)
}

func keyHash1(b []byte, q queue.ID, sub byte, h h128, v uint64) []byte {
	return binary.BigEndian.AppendUint64(keyHash(b, q, sub, h), v)
}

func keyGroup(b []byte, q queue.ID, h h128, at, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(keyHash1(b, q, subGroup, h, at), seq)
}

func keyTenant(b []byte, q queue.ID, h h128, p position) []byte {
	return binary.BigEndian.AppendUint64(keyHash1(b, q, subTenant, h, p.at), p.seq)
}

func keyBody(b []byte, q queue.ID, seq uint64, n int) []byte {
	return binary.BigEndian.AppendUint32(key1(b, q, subBody, seq), uint32(n))
}

func keyToken(b []byte, h h128) []byte { return append(append(b[:0], spaceToken), h[:]...) }

func keyExpiry(b []byte, minute uint64) []byte {
	return binary.BigEndian.AppendUint64(append(b[:0], spaceExpiry), minute)
}

func keyExpiryToken(b []byte, minute uint64, h h128) []byte {
	return append(append(keyExpiry(b, minute), expiryToken), h[:]...)
}

func keyExpiryDedup(b []byte, minute uint64, q queue.ID, h h128) []byte {
	b = append(keyExpiry(b, minute), expiryDedup)
	return append(binary.BigEndian.AppendUint64(b, uint64(q)), h[:]...)
}

func keyExpiryAttempt(b []byte, minute uint64, q queue.ID, h h128) []byte {
	b = append(keyExpiry(b, minute), expiryAttempt)
	return append(binary.BigEndian.AppendUint64(b, uint64(q)), h[:]...)
}

func keyCatalog(table, name string) []byte {
	b := make([]byte, 0, 2+len(table)+len(name))
	b = append(b, spaceCatalog)
	b = append(b, table...)
	b = append(b, 0)
	return append(b, name...)
}

// tail8 and tail16 read the fixed-width fields at the end of a key.
func tail8(key []byte) uint64 { return binary.BigEndian.Uint64(key[len(key)-8:]) }

func tail16(key []byte) (uint64, uint64) {
	return binary.BigEndian.Uint64(key[len(key)-16:]), tail8(key)
}
