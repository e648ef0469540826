package pebblestore

import (
	"container/heap"
	"encoding/binary"
	"hash/crc32"

	"github.com/signalbox-mq/signalbox/queue"
)

// lease is a message that was received and not settled since: in flight until its deadline, then receivable again in
// its old place. What settling needs to know of the message is here, so that an acknowledgement reads nothing.
//
// In the memory of a FIFO group it also stands for a message that waits (released until later) among leased ones.
type lease struct {
	seq, at  uint64
	deadline int64 // in flight while after the lane's clock
	first    int64
	received int64
	sent     int64
	nonce    uint64 // 0: a release has ended the lease, no receipt is the latest
	receives uint32
	size     uint32
	body     uint32
	index    int32 // in the heap that it is in; -1 in none
	flags    uint8 // of messageHeader
	waiting  bool
	extra    *leaseExtra // nil without key and group
	group    *group      // nil outside of FIFO groups
	tenant   *tenant     // nil but for leases of a tenant's messages
}

// leaseExtra is what only messages with a key or a group need.
type leaseExtra struct {
	key, group h128
	// low is the lowest sequence in the FIFO group when the lease began: where to look for messages that wait. Of a tenant's
	// message it is the at of its u record, or of the one it had when the lease began: nothing of the tenant waits before.
	low uint64
}

// What the third byte of an l record says.
const (
	leaseFree   = 0
	leaseGroup  = 1 // of a message in a FIFO group
	leaseTenant = 2 // of a tenant's message
)

func (l *lease) position() position { return position{l.at, l.seq} }

// putLease writes an l record.
func putLease(b []byte, l *lease) []byte {
	b = append(b[:0], 1, l.flags, 0)
	if l.group != nil {
		b[2] = leaseGroup
	} else if l.tenant != nil {
		b[2] = leaseTenant
	}
	for _, v := range [...]uint64{
		l.at, uint64(l.deadline), uint64(l.first), uint64(l.received), uint64(l.sent), l.nonce,
	} {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	b = binary.BigEndian.AppendUint32(b, l.receives)
	b = binary.BigEndian.AppendUint32(b, l.size)
	b = binary.BigEndian.AppendUint32(b, l.body)
	if l.extra != nil {
		b = append(append(b, l.extra.key[:]...), l.extra.group[:]...)
		b = binary.BigEndian.AppendUint64(b, l.extra.low)
	}
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, crcTable()))
}

// parseLease reads an l record; of says what the lease is of.
func parseLease(b []byte, q queue.ID, seq uint64) (l *lease, of uint8, err error) {
	const short = 3 + 6*8 + 3*4 + 4
	const long = short + 16 + 16 + 8
	if len(b) != short && len(b) != long {
		return nil, 0, corrupt(q, seq, "lease record: wrong length")
	}
	if err := checked(b, len(b)); err != "" {
		return nil, 0, corrupt(q, seq, "lease record: "+err)
	}
	r := reader{b: b[1:]}
	l = &lease{seq: seq, index: -1, flags: r.u8()}
	of = r.u8()
	l.at, l.deadline, l.first, l.received, l.sent, l.nonce = r.u64(), r.i64(), r.i64(), r.i64(), r.i64(), r.u64()
	l.receives, l.size, l.body = r.u32(), r.u32(), r.u32()
	if len(b) == long {
		l.extra = &leaseExtra{key: r.hash(), group: r.hash(), low: r.u64()}
	}
	if of > leaseTenant || of != leaseFree && l.extra == nil {
		return nil, 0, corrupt(q, seq, "lease record: no group")
	}
	return l, of, nil
}

// leaseHeap orders leases by deadline, then sequence.
type leaseHeap []*lease

func (h leaseHeap) Len() int { return len(h) }
func (h leaseHeap) Less(i, j int) bool {
	return h[i].deadline < h[j].deadline || h[i].deadline == h[j].deadline && h[i].seq < h[j].seq
}

func (h leaseHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = int32(i), int32(j)
}

func (h *leaseHeap) Push(x any) {
	l := x.(*lease)
	l.index = int32(len(*h))
	*h = append(*h, l)
}

func (h *leaseHeap) Pop() any {
	old := *h
	l := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	l.index = -1
	return l
}

func (h *leaseHeap) add(l *lease) { heap.Push(h, l) }

func (h *leaseHeap) drop(l *lease) {
	if l.index >= 0 && int(l.index) < len(*h) && (*h)[l.index] == l {
		heap.Remove(h, int(l.index))
	}
}
