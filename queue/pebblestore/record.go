package pebblestore

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// A messageRecord:
//
//	0   version       u8, 1
//	1   flags         u8
//	2   key ID        u32; 0: the record is in the clear
//	6   CRC-32C       u32, over queue, sequence and all other bytes: a record in the wrong place is corrupt too
//	10  message ID    16 bytes
//	26  sent          i64 ms
//	34  receives      u32
//	38  first received i64 ms; 0: never
//	46  source        u64
//	54  size          u32, as Message.Size
//	58  body length   u32
//	62  h128 of the key, if flagKeyed; h128 of the group, if flagGrouped
//	    group, deduplication ID, sender: uvarint length and bytes each
//	    attributes, then system attributes: uvarint count; name, type, value each as uvarint length and bytes
//	    the body, unless flagChunked
const (
	messageVersion = 1
	messageFixed   = 62

	flagChunked = 1 << 0 // the body is under b
	flagState   = 1 << 1 // there is a state under e
	flagKeyed   = 1 << 2 // there is a k record
	flagGrouped = 1 << 3 // there is a g record
	flagSent    = 1 << 4 // there is a t record
	flagPlaced  = 1 << 5 // there is a p record
)

// chunkSize is the longest body kept in the message's record, and the length of the pieces of a longer one.
const chunkSize = 64 << 10

func crcTable() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) } // MakeTable returns the one it keeps

func chunks(body int) int {
	if body <= chunkSize {
		return 0
	}
	return (body + chunkSize - 1) / chunkSize
}

// messageHeader is the part of a message's record that the store acts on.
type messageHeader struct {
	flags    uint8
	id       queue.MessageID
	sent     int64
	receives uint32
	first    int64
	source   queue.ID
	size     uint32
	body     uint32
	key      h128
	group    h128
}

func attributesLen(attrs []queue.Attribute) int {
	n := uvarintLen(len(attrs))
	for i := range attrs {
		a := &attrs[i]
		n += stringLen(len(a.Name)) + stringLen(len(a.Type)) + stringLen(len(a.Value))
	}
	return n
}

func stringLen(n int) int { return uvarintLen(n) + n }

func uvarintLen(n int) int {
	l := 1
	for ; n >= 0x80; n >>= 7 {
		l++
	}
	return l
}

// messageLen is the length of the record that putMessage writes.
func messageLen(h *messageHeader, m *queue.Message) int {
	n := messageFixed + stringLen(len(m.Group)) + stringLen(len(m.DedupID)) + stringLen(len(m.Sender)) +
		attributesLen(m.Attributes) + attributesLen(m.System)
	if h.flags&flagKeyed != 0 {
		n += 16
	}
	if h.flags&flagGrouped != 0 {
		n += 16
	}
	if h.flags&flagChunked == 0 {
		n += len(m.Body)
	}
	return n
}

// putMessage writes a record into b, which has the length that messageLen gave.
func putMessage(b []byte, q queue.ID, seq uint64, h *messageHeader, m *queue.Message) {
	b[0], b[1] = messageVersion, h.flags
	binary.BigEndian.PutUint32(b[2:], 0)
	copy(b[10:], h.id[:])
	binary.BigEndian.PutUint64(b[26:], uint64(h.sent))
	binary.BigEndian.PutUint32(b[34:], h.receives)
	binary.BigEndian.PutUint64(b[38:], uint64(h.first))
	binary.BigEndian.PutUint64(b[46:], uint64(h.source))
	binary.BigEndian.PutUint32(b[54:], h.size)
	binary.BigEndian.PutUint32(b[58:], h.body)
	p := b[:messageFixed]
	if h.flags&flagKeyed != 0 {
		p = append(p, h.key[:]...)
	}
	if h.flags&flagGrouped != 0 {
		p = append(p, h.group[:]...)
	}
	p = appendString(p, m.Group)
	p = appendString(p, m.DedupID)
	p = appendString(p, m.Sender)
	p = appendAttributes(p, m.Attributes)
	p = appendAttributes(p, m.System)
	if h.flags&flagChunked == 0 {
		p = append(p, m.Body...)
	}
	if len(p) != len(b) {
		panic("pebblestore: message record has another length than computed")
	}
	binary.BigEndian.PutUint32(b[6:], messageCRC(b, q, seq))
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendAttributes(b []byte, attrs []queue.Attribute) []byte {
	b = binary.AppendUvarint(b, uint64(len(attrs)))
	for i := range attrs {
		a := &attrs[i]
		b = appendString(appendString(b, a.Name), a.Type)
		b = append(binary.AppendUvarint(b, uint64(len(a.Value))), a.Value...)
	}
	return b
}

func messageCRC(b []byte, q queue.ID, seq uint64) uint32 {
	return valueCRC(crc32.Update(placeCRC(q, seq, 0), crcTable(), b[:6]), b[10:])
}

// placeCRC begins a checksum with the place of a record. It goes byte by byte, which is no slower for so few, and unlike
// crc32.Checksum it does not send them to the heap.
func placeCRC(q queue.ID, seq, n uint64) uint32 {
	table, crc := crcTable(), ^uint32(0)
	for _, v := range [...]uint64{uint64(q), seq, n} {
		for shift := 56; shift >= 0; shift -= 8 {
			crc = table[byte(crc)^byte(v>>shift)] ^ crc>>8
		}
	}
	return ^crc
}

func valueCRC(crc uint32, b []byte) uint32 { return crc32.Update(crc, crcTable(), b) }

// patchMessage changes what a release until later changes in the record b, in place.
func patchMessage(b []byte, q queue.ID, seq uint64, flags uint8, receives uint32, first int64) {
	b[1] = flags
	binary.BigEndian.PutUint32(b[34:], receives)
	binary.BigEndian.PutUint64(b[38:], uint64(first))
	binary.BigEndian.PutUint32(b[6:], messageCRC(b, q, seq))
}

func corrupt(q queue.ID, seq uint64, what string) error {
	return fmt.Errorf("queue %d message %d: %s: %w", q, seq, what, queue.ErrCorrupt)
}

// parseHeader checks a record and reads its header. It returns the rest after it.
func parseHeader(h *messageHeader, b []byte, q queue.ID, seq uint64) ([]byte, error) {
	if len(b) < messageFixed || b[0] != messageVersion {
		return nil, corrupt(q, seq, "not a message record")
	}
	if messageCRC(b, q, seq) != binary.BigEndian.Uint32(b[6:]) {
		return nil, corrupt(q, seq, "checksum mismatch")
	}
	if binary.BigEndian.Uint32(b[2:]) != 0 {
		return nil, corrupt(q, seq, "encrypted with an unknown key")
	}
	h.flags = b[1]
	copy(h.id[:], b[10:26])
	h.sent = int64(binary.BigEndian.Uint64(b[26:]))
	h.receives = binary.BigEndian.Uint32(b[34:])
	h.first = int64(binary.BigEndian.Uint64(b[38:]))
	h.source = queue.ID(binary.BigEndian.Uint64(b[46:]))
	h.size = binary.BigEndian.Uint32(b[54:])
	h.body = binary.BigEndian.Uint32(b[58:])
	b = b[messageFixed:]
	if h.flags&flagKeyed != 0 {
		if len(b) < 16 {
			return nil, corrupt(q, seq, "short record")
		}
		h.key, b = h128(b[:16]), b[16:]
	}
	if h.flags&flagGrouped != 0 {
		if len(b) < 16 {
			return nil, corrupt(q, seq, "short record")
		}
		h.group, b = h128(b[:16]), b[16:]
	}
	return b, nil
}

// parseMessage reads a whole record. The message's slices are parts of b, which it takes over. The body of a chunked
// record is left to the caller.
func parseMessage(m *queue.Message, h *messageHeader, b []byte, q queue.ID, seq uint64) error {
	b, err := parseHeader(h, b, q, seq)
	if err != nil {
		return err
	}
	r := reader{b: b}
	m.Group, m.DedupID, m.Sender = string(r.bytes()), string(r.bytes()), string(r.bytes())
	m.Attributes, m.System = r.attributes(), r.attributes()
	if h.flags&flagChunked == 0 {
		m.Body = r.b[:len(r.b):len(r.b)]
		r.bad = r.bad || len(m.Body) != int(h.body)
	}
	if r.bad {
		return corrupt(q, seq, "can not be decoded")
	}
	m.ID, m.Source, m.Sequence = h.id, h.source, seq
	m.Sent, m.Receives, m.FirstReceived = timeOf(h.sent), int(h.receives), timeOf(h.first)
	return nil
}

// reader takes fields off a record. After the first that does not fit, bad is set and all further ones are empty.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || r.bad {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) bytes() []byte {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) u8() uint8 {
	if len(r.b) < 1 {
		r.bad, r.b = true, nil
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

func (r *reader) u32() uint32 {
	if len(r.b) < 4 {
		r.bad, r.b = true, nil
		return 0
	}
	v := binary.BigEndian.Uint32(r.b)
	r.b = r.b[4:]
	return v
}

func (r *reader) u64() uint64 {
	if len(r.b) < 8 {
		r.bad, r.b = true, nil
		return 0
	}
	v := binary.BigEndian.Uint64(r.b)
	r.b = r.b[8:]
	return v
}

func (r *reader) i64() int64 { return int64(r.u64()) }

func (r *reader) hash() (h h128) {
	if len(r.b) < 16 {
		r.bad, r.b = true, nil
		return h
	}
	h = h128(r.b[:16])
	r.b = r.b[16:]
	return h
}

func (r *reader) attributes() []queue.Attribute {
	n := r.uvarint()
	if n == 0 || n > uint64(len(r.b))/3 { // each takes three bytes at least
		r.bad = r.bad || n != 0
		return nil
	}
	attrs := make([]queue.Attribute, n)
	for i := range attrs {
		attrs[i] = queue.Attribute{Name: string(r.bytes()), Type: string(r.bytes()), Value: r.bytes()}
	}
	return attrs
}

// timeOf is the time of stored milliseconds; zero is the zero time.
func timeOf(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// millis is a time as stored; the zero time is zero.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
