package pebblestore

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/signalbox-mq/signalbox/queue"
)

// position is a place among the m or r records of a queue.
type position struct{ at, seq uint64 }

func (p position) less(o position) bool { return p.at < o.at || p.at == o.at && p.seq < o.seq }

// stateRecord is what a queue's s record holds. It is written with every change, in the same batch.
type stateRecord struct {
	kind    queue.Kind
	dropped bool
	// last is the last sequence number given, clock the latest now seen.
	last  uint64
	clock int64
	// cursor: every live message outside of groups that lies before it is leased.
	cursor position
	// Low-water marks: nothing live lies before them. low among messages outside of groups, lowGroup among those in
	// groups and in logs, lowReady among r records, lowLease among l records.
	low      position
	lowGroup uint64
	lowReady position
	lowLease uint64
	// delay is the one that the r records' times count with.
	delay int64
	// Messages there are, and their bytes; then counters over the life of the queue.
	count, bytes                    int64
	appended, acked, moved, expired int64
	// grouped is how many of the messages there are in groups.
	grouped int64
	// turn is the last number given to a group in line.
	turn uint64
}

const (
	stateVersion = 1
	stateSize    = 3 + 19*8 + 4
)

func putState(b []byte, q queue.ID, s *stateRecord) {
	p := append(b[:0], stateVersion, byte(s.kind), 0)
	if s.dropped {
		p[2] = 1
	}
	for _, v := range [...]uint64{
		s.last, uint64(s.clock), s.cursor.at, s.cursor.seq, s.low.at, s.low.seq, s.lowGroup, s.lowReady.at, s.lowReady.seq,
		s.lowLease, uint64(s.delay), uint64(s.count), uint64(s.bytes), uint64(s.appended), uint64(s.acked),
		uint64(s.moved), uint64(s.expired), uint64(s.grouped), s.turn,
	} {
		p = binary.BigEndian.AppendUint64(p, v)
	}
	binary.BigEndian.PutUint32(b[len(p):], valueCRC(placeCRC(q, 0, 0), p))
}

func parseState(s *stateRecord, b []byte, q queue.ID) error {
	if len(b) != stateSize || b[0] != stateVersion ||
		binary.BigEndian.Uint32(b[stateSize-4:]) != valueCRC(placeCRC(q, 0, 0), b[:stateSize-4]) {
		return corrupt(q, 0, "state record")
	}
	s.kind, s.dropped = queue.Kind(b[1]), b[2] != 0
	r := reader{b: b[3:]}
	s.last, s.clock = r.u64(), r.i64()
	s.cursor = position{r.u64(), r.u64()}
	s.low = position{r.u64(), r.u64()}
	s.lowGroup = r.u64()
	s.lowReady = position{r.u64(), r.u64()}
	s.lowLease = r.u64()
	s.delay, s.count, s.bytes = r.i64(), r.i64(), r.i64()
	s.appended, s.acked, s.moved, s.expired, s.grouped = r.i64(), r.i64(), r.i64(), r.i64(), r.i64()
	s.turn = r.u64()
	return nil
}

// groupRecord is what the g record of a message in a FIFO group holds, or the u record of one of a tenant. Receive count and state live here and not in the
// message's record, so that a retry does not rewrite the body.
type groupRecord struct {
	flags     uint8 // flagState; in a u record flagPlaced too, when there are a p and a w record
	sent      int64
	notBefore int64 // 0: none, as always in a u record
	receives  uint32
	first     int64
}

const groupRecordSize = 2 + 3*8 + 4 + 4

func putGroupRecord(b []byte, g *groupRecord) []byte {
	b = append(b[:0], 1, g.flags)
	b = binary.BigEndian.AppendUint64(b, uint64(g.sent))
	b = binary.BigEndian.AppendUint64(b, uint64(g.notBefore))
	b = binary.BigEndian.AppendUint32(b, g.receives)
	b = binary.BigEndian.AppendUint64(b, uint64(g.first))
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, crcTable()))
}

func parseGroupRecord(g *groupRecord, b []byte, q queue.ID, seq uint64) error {
	if err := checked(b, groupRecordSize); err != "" {
		return corrupt(q, seq, "group record: "+err)
	}
	r := reader{b: b[1:]}
	*g = groupRecord{flags: r.u8(), sent: r.i64(), notBefore: r.i64(), receives: r.u32(), first: r.i64()}
	return nil
}

// checked says what is wrong with a small record of the given size: a version byte of one, and a checksum at the end.
func checked(b []byte, size int) string {
	switch {
	case len(b) != size:
		return "wrong length"
	case b[0] != 1:
		return "unknown version"
	case binary.BigEndian.Uint32(b[size-4:]) != crc32.Checksum(b[:size-4], crcTable()):
		return "checksum mismatch"
	}
	return ""
}

// readyRecord is what an r record holds: a group that has its turn. Its h record holds the r record's place.
type readyRecord struct {
	group h128
	head
}

const (
	readyRecordSize = 1 + 16 + 24 + 4
	headRecordSize  = 24
)

func putReadyRecord(b []byte, r *readyRecord) []byte {
	b = append(append(b[:0], 1), r.group[:]...)
	b = binary.BigEndian.AppendUint64(b, r.seq)
	b = binary.BigEndian.AppendUint64(b, uint64(r.floor))
	b = binary.BigEndian.AppendUint64(b, uint64(r.sent))
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, crcTable()))
}

func parseReadyRecord(rr *readyRecord, b []byte, q queue.ID, seq uint64) error {
	if err := checked(b, readyRecordSize); err != "" {
		return corrupt(q, seq, "ready record: "+err)
	}
	r := reader{b: b[1:]}
	*rr = readyRecord{group: r.hash(), head: head{r.u64(), r.i64(), r.i64()}}
	return nil
}

func putHeadRecord(b []byte, at position, seq uint64) []byte {
	b = binary.BigEndian.AppendUint64(b[:0], at.at)
	b = binary.BigEndian.AppendUint64(b, at.seq)
	return binary.BigEndian.AppendUint64(b, seq)
}

func parseHeadRecord(b []byte, q queue.ID) (at position, seq uint64, err error) {
	if len(b) != headRecordSize {
		return at, 0, corrupt(q, 0, "head record")
	}
	r := reader{b: b}
	return position{r.u64(), r.u64()}, r.u64(), nil
}

func putPlace(b []byte, at uint64) []byte { return binary.BigEndian.AppendUint64(b[:0], at) }

// parsePlace reads the value of a t, k or p record: the message's at.
func parsePlace(b []byte, q queue.ID, seq uint64) (uint64, error) {
	if len(b) != 8 {
		return 0, corrupt(q, seq, "index record")
	}
	return binary.BigEndian.Uint64(b), nil
}
