package redisstore

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/signalbox-mq/signalbox/queue"
)

// A blob is what Redis keeps of a message and only this package reads:
//
//	0   message ID    16 bytes
//	16  version       u8, 1
//	17  key ID        u32; 0: the record is in the clear
//	21  CRC-32C       u32, over the queue's ID and all other bytes: a record in the wrong queue is corrupt too
//	25  source        u64
//	33  group, deduplication ID, sender: uvarint length and bytes each
//	    attributes, then system attributes: uvarint count; name, type, value each as uvarint length and bytes
//	    the body
const (
	blobVersion = 1
	blobFixed   = 33
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func putBlob(id queue.ID, m *queue.Message) []byte {
	b := make([]byte, blobFixed, blobFixed+len(m.Group)+len(m.DedupID)+len(m.Sender)+16*(len(m.Attributes)+len(m.System))+m.Size()+64)
	copy(b, m.ID[:])
	b[16] = blobVersion
	binary.BigEndian.PutUint64(b[25:], uint64(m.Source))
	b = appendString(b, m.Group)
	b = appendString(b, m.DedupID)
	b = appendString(b, m.Sender)
	b = appendAttributes(b, m.Attributes)
	b = appendAttributes(b, m.System)
	b = append(b, m.Body...)
	binary.BigEndian.PutUint32(b[21:], blobCRC(id, b))
	return b
}

func blobCRC(id queue.ID, b []byte) uint32 {
	var place [8]byte
	binary.BigEndian.PutUint64(place[:], uint64(id))
	crc := crc32.Update(crc32.Checksum(place[:], castagnoli), castagnoli, b[:21])
	return crc32.Update(crc, castagnoli, b[25:])
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

func corrupt(id queue.ID, seq uint64, what string) error {
	return fmt.Errorf("queue %d message %d: %s: %w", id, seq, what, queue.ErrCorrupt)
}

// parseBlob reads a blob, which stays the caller's.
func parseBlob(id queue.ID, seq uint64, blob string, m *queue.Message) error {
	b := []byte(blob)
	switch {
	case len(b) < blobFixed || b[16] < 1:
		return corrupt(id, seq, "not a message record")
	case blobCRC(id, b) != binary.BigEndian.Uint32(b[21:]):
		return corrupt(id, seq, "checksum mismatch")
	case b[16] > blobVersion:
		return fmt.Errorf("queue %d message %d: %w: its version is %d, this release reads up to %d", id, seq, queue.ErrNewerFormat, b[16], blobVersion)
	case binary.BigEndian.Uint32(b[17:]) != 0:
		return corrupt(id, seq, "encrypted with an unknown key")
	}
	copy(m.ID[:], b)
	m.Source = queue.ID(binary.BigEndian.Uint64(b[25:]))
	r := reader{b: b[blobFixed:]}
	m.Group, m.DedupID, m.Sender = string(r.bytes()), string(r.bytes()), string(r.bytes())
	m.Attributes, m.System = r.attributes(), r.attributes()
	if r.bad {
		return corrupt(id, seq, "can not be decoded")
	}
	m.Body = r.b // which is ours alone, as b is
	return nil
}

// reader reads what append* write. After the first thing that is not there it is bad and returns nothing more.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) count() uint64 {
	n, size := binary.Uvarint(r.b)
	if size <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[size:]
	return n
}

func (r *reader) bytes() []byte {
	n := r.count()
	if n > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) attributes() []queue.Attribute {
	n := r.count()
	if n == 0 || n > uint64(len(r.b)) { // each takes more than a byte
		r.bad = r.bad || n > 0
		return nil
	}
	attrs := make([]queue.Attribute, n)
	for i := range attrs {
		attrs[i] = queue.Attribute{Name: string(r.bytes()), Type: string(r.bytes()), Value: r.bytes()}
	}
	return attrs
}
