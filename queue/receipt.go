package queue

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
)

// Receipt names one lease on one message. It is a value that survives restarts.
type Receipt struct {
	Queue ID
	// Sequence is the message's.
	Sequence uint64
	// Locator is for the store alone: where it may find the message faster than by Sequence.
	Locator uint64
	// Nonce differs between the leases of one message.
	Nonce uint64
}

const (
	receiptVersion = 1
	receiptSize    = 1 + 4*8 + 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// String encodes a receipt in 50 characters of [A-Za-z0-9_-].
func (r Receipt) String() string {
	var b [receiptSize]byte
	b[0] = receiptVersion
	binary.BigEndian.PutUint64(b[1:], uint64(r.Queue))
	binary.BigEndian.PutUint64(b[9:], r.Sequence)
	binary.BigEndian.PutUint64(b[17:], r.Locator)
	binary.BigEndian.PutUint64(b[25:], r.Nonce)
	binary.BigEndian.PutUint32(b[33:], crc32.Checksum(b[:33], castagnoli))
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// ParseReceipt decodes what String encoded. Any other text, however close, is [ErrReceiptInvalid].
func ParseReceipt(s string) (Receipt, error) {
	var b [receiptSize]byte
	if len(s) != base64.RawURLEncoding.EncodedLen(receiptSize) {
		return Receipt{}, ErrReceiptInvalid
	}
	n, err := base64.RawURLEncoding.Strict().Decode(b[:], []byte(s))
	if err != nil || n != receiptSize || b[0] != receiptVersion ||
		binary.BigEndian.Uint32(b[33:]) != crc32.Checksum(b[:33], castagnoli) {
		return Receipt{}, ErrReceiptInvalid
	}
	return Receipt{
		Queue:    ID(binary.BigEndian.Uint64(b[1:])),
		Sequence: binary.BigEndian.Uint64(b[9:]),
		Locator:  binary.BigEndian.Uint64(b[17:]),
		Nonce:    binary.BigEndian.Uint64(b[25:]),
	}, nil
}
