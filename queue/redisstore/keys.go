package redisstore

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/signalbox-mq/signalbox/queue"
)

// shardOf returns the shard of a queue's partition. Partition 0 is where the ID alone leads to; the others follow it, so that
// the partitions of one queue lie on different masters.
func shardOf(id queue.ID, partition int) int {
	home := uint64(id) * 0x9e3779b97f4a7c15 >> 58 // 6 bits: one of 64
	return int((home + uint64(partition)*stride) % shardCount)
}

// stride has no divisor in common with shardCount, and lays the first few partitions far apart.
const stride = 27

// base returns what the keys of a queue's partition begin with.
func (s *Store) base(id queue.ID, partition int) string {
	b := make([]byte, 0, 40)
	b = append(b, s.c.tag(shardOf(id, partition))...)
	b = append(b, ":q"...)
	b = strconv.AppendUint(b, uint64(id), 16)
	if partition > 0 {
		b = append(b, '.')
		b = strconv.AppendUint(b, uint64(partition), 16)
	}
	return string(append(b, ':'))
}

// nameShard returns the shard of what has a name: tokens, leases.
func nameShard(name string) int {
	sum := sha256.Sum256([]byte(name))
	return int(sum[0]) % shardCount
}

// digest turns what users give (groups, keys, deduplication IDs, tokens) into 22 characters, in which it takes the same room
// and has the same alphabet whatever it was. Two of 128 bits do not meet.
func digest(text string) string {
	if text == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(text))
	return digestOf(queue.KeyHash(sum[:16]))
}

// digestOf is the digest of a text of which the hash is known, and hashOf leads back.
func digestOf(hash queue.KeyHash) string { return base64.RawURLEncoding.EncodeToString(hash[:]) }

func hashOf(digest string) (hash queue.KeyHash, err error) {
	if digest == "" {
		return hash, nil
	}
	if n, err := base64.RawURLEncoding.Decode(hash[:], []byte(digest)); err != nil || n != len(hash) || len(digest) != 22 {
		return hash, fmt.Errorf("%w: %q is not the hash of a key", queue.ErrCorrupt, digest)
	}
	return hash, nil
}

const digits = "0123456789abcdef"

// hex16 writes a number as the functions do: 16 hexadecimal digits.
func hex16(n uint64) string {
	var b [16]byte
	for i := 15; i >= 0; i-- {
		b[i] = digits[n&15]
		n >>= 4
	}
	return string(b[:])
}

// parse16 reads what hex16 writes.
func parse16(s string) (uint64, error) {
	var b [8]byte
	if n, err := hex.Decode(b[:], []byte(s)); err != nil || n != 8 {
		return 0, fmt.Errorf("%w: %q is not a sequence number", queue.ErrCorrupt, s)
	}
	n := uint64(0)
	for _, x := range b {
		n = n<<8 | uint64(x)
	}
	return n, nil
}

var errBase = fmt.Errorf("name of a key: %w", queue.ErrCorrupt)

// shardOfBase returns the shard of what base returned, as a string or as bytes.
func shardOfBase(arg any) (int, error) {
	text, ok := arg.(string)
	if b, is := arg.([]byte); is {
		text, ok = string(b), true
	}
	if !ok {
		return 0, errBase
	}
	_, rest, found := strings.Cut(text, "}:q")
	if !found {
		return 0, errBase
	}
	number, part, partitioned := strings.Cut(strings.TrimSuffix(rest, ":"), ".")
	id, err := strconv.ParseUint(number, 16, 64)
	if err != nil {
		return 0, errBase
	}
	partition := uint64(0)
	if partitioned {
		if partition, err = strconv.ParseUint(part, 16, 8); err != nil {
			return 0, errBase
		}
	}
	return shardOf(queue.ID(id), int(partition)), nil
}
