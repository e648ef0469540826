package pebblestore

import (
	"crypto/sha256"
	"encoding/binary"
	stdhash "hash"
	"hash/crc32"

	"github.com/signalbox-mq/signalbox/queue"
)

// What makes appends happen once: idempotency tokens, for a whole call, and deduplication IDs, for an entry.

// tokenUse is one call's use of a token.
type tokenUse struct {
	hash    h128
	digest  h128
	expires int64
}

func useToken(req *queue.AppendRequest) *tokenUse {
	return &tokenUse{
		hash:    hash128("token", req.Token),
		digest:  hash128("digest", req.Digest),
		expires: addMillis(req.Now.UnixMilli(), req.TokenWindow.Milliseconds()),
	}
}

func hash128(space, s string) h128 {
	h := sha256.New()
	writeString(h, space)
	writeString(h, s)
	return h128(h.Sum(nil)[:16])
}

func writeString(h stdhash.Hash, s string) {
	writeUint(h, uint64(len(s)))
	_, _ = h.Write([]byte(s)) // a hash never fails
}

func writeUint(h stdhash.Hash, v uint64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], v)
	_, _ = h.Write(b[:]) // a hash never fails
}

// A tokenRecord is a version byte, expiry, digest, count, per result ID, sequence and whether it was a duplicate, and a
// CRC-32C.

func (t *tx) putToken(u *tokenUse, results []queue.Appended) error {
	b := make([]byte, 0, 1+8+16+4+len(results)*25+4)
	b = append(b, 1)
	b = binary.BigEndian.AppendUint64(b, uint64(u.expires))
	b = append(b, u.digest[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(results)))
	for i := range results {
		b = append(b, results[i].ID[:]...)
		b = binary.BigEndian.AppendUint64(b, results[i].Sequence)
		if results[i].Duplicate {
			b = append(b, 1)
		} else {
			b = append(b, 0)
		}
	}
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, crcTable()))
	if err := t.set(keyToken(t.key[:0], u.hash), b); err != nil {
		return err
	}
	return t.set(keyExpiryToken(t.key[:0], expiryMinute(u.expires), u.hash), nil)
}

// findToken returns the results of the first call with the token, or nil if there was none in the window.
func (t *tx) findToken(u *tokenUse, now int64) ([]queue.Appended, error) {
	v, closer, err := t.get(keyToken(t.key[:0], u.hash))
	if err != nil || closer == nil {
		return nil, err
	}
	defer closer.Close()
	expires, digest, results, err := parseToken(v)
	switch {
	case err != nil:
		return nil, err
	case expires <= now:
		return nil, nil
	case digest != u.digest:
		return nil, queue.ErrTokenReused
	}
	return results, nil
}

func parseToken(v []byte) (expires int64, digest h128, results []queue.Appended, err error) {
	if msg := checked(v, max(len(v), 33)); msg != "" {
		return 0, digest, nil, corrupt(0, 0, "token record: "+msg)
	}
	r := reader{b: v[1 : len(v)-4]}
	expires, digest = r.i64(), r.hash()
	n := r.u32()
	if int64(n)*25 != int64(len(r.b)) {
		return 0, digest, nil, corrupt(0, 0, "token record: wrong length")
	}
	results = make([]queue.Appended, n)
	for i := range results {
		results[i] = queue.Appended{ID: queue.MessageID(r.hash()), Sequence: r.u64(), Duplicate: r.u8() != 0}
	}
	return expires, digest, results, nil
}

// A dedupRecord is a version byte, expiry, message ID, sequence and a CRC-32C.
const dedupSize = 1 + 8 + 16 + 8 + 4

func (t *tx) putDedup(l *lane, h h128, first queue.Appended, expires int64) error {
	b := append(t.val[:0], 1)
	b = binary.BigEndian.AppendUint64(b, uint64(expires))
	b = append(b, first.ID[:]...)
	b = binary.BigEndian.AppendUint64(b, first.Sequence)
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, crcTable()))
	if err := t.set(keyHash(t.key[:0], l.id, subDedup, h), b); err != nil {
		return err
	}
	return t.set(keyExpiryDedup(t.key[:0], expiryMinute(expires), l.id, h), nil)
}

// findDedup returns the message accepted with the deduplication ID in its window; Duplicate says that there was one.
func (t *tx) findDedup(l *lane, h h128) (first queue.Appended, err error) {
	v, closer, err := t.get(keyHash(t.key[:0], l.id, subDedup, h))
	if err != nil || closer == nil {
		return first, err
	}
	defer closer.Close()
	expires, first, err := parseDedup(v, l.id)
	if err == nil && l.state.clock < expires {
		first.Duplicate = true
	}
	return first, err
}

func parseDedup(v []byte, q queue.ID) (expires int64, first queue.Appended, err error) {
	if msg := checked(v, dedupSize); msg != "" {
		return 0, first, corrupt(q, 0, "deduplication record: "+msg)
	}
	r := reader{b: v[1:]}
	return r.i64(), queue.Appended{ID: queue.MessageID(r.hash()), Sequence: r.u64()}, nil
}

// expiryMinute is the minute after which a record that expires then may go.
func expiryMinute(expires int64) uint64 { return u64(expires) / minute }
