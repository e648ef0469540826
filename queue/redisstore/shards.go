package redisstore

import (
	"strconv"
	"sync"
)

const (
	// shardCount is how many shards there are. It is written into the store at the first start and never changes: the shard
	// of a queue is computed from it.
	shardCount = 64
	slotCount  = 16384
	// shardSlots is the distance of two shards in hash slots.
	shardSlots = slotCount / shardCount
)

// DefaultNamespace leads the names of all keys unless the URL says another one.
const DefaultNamespace = "sb"

// shardNames are the names of what belongs to the shards of a namespace.
type shardNames struct {
	// tags are the hash tags with their braces, "{sb12}". All keys of a shard begin with its tag.
	tags [shardCount]string
	// absent are the two keys that every call declares, as arguments of FCALL. They never exist, and that is the point: while a
	// slot is being migrated, Redis answers a call with missing keys with ASK on the source and, since there are two of them, with
	// TRYAGAIN on the target. So no function ever runs on half a slot. Functions compute the names of the keys that they use, which
	// Redis does not see beforehand; a call that declared only keys that exist would run, and find the others missing.
	absent [shardCount][2]any
	// wake are the pub/sub channels.
	wake [shardCount]string
}

var namespaces sync.Map // of *shardNames by namespace

// namesIn returns the names of a namespace. Shard i lies in one of the hash slots in the middle half of its share, which is
// i*256 to i*256+255. However many masters divide the slots into even, contiguous parts, each gets its share of the shards, and
// no shard lies on the edge of such a part. A key's slot is a checksum of its hash tag, so a tag has to be found that has a
// wanted one: the smallest number behind the namespace.
func namesIn(namespace string) *shardNames {
	if names, ok := namespaces.Load(namespace); ok {
		return names.(*shardNames)
	}
	names := new(shardNames)
	for n, missing := 0, shardCount; missing > 0; n++ {
		name := namespace + strconv.Itoa(n)
		shard, ok := shardOfSlot(slotOf(name))
		if !ok || names.tags[shard] != "" {
			continue
		}
		tag := "{" + name + "}"
		names.tags[shard], names.wake[shard] = tag, tag+":wake"
		names.absent[shard] = [2]any{tag + ":!", tag + ":?"}
		missing--
	}
	namespaces.Store(namespace, names)
	return names
}

// shardOfSlot returns the shard that may lie in a hash slot.
func shardOfSlot(slot int) (shard int, ok bool) {
	at := slot % shardSlots
	return slot / shardSlots, at >= shardSlots/4 && at < shardSlots*3/4
}

// slotOf returns the hash slot of a key without braces: CRC16 (XMODEM) modulo 16384, as the cluster specification has it.
func slotOf(key string) int {
	var crc uint16
	for i := range len(key) {
		crc ^= uint16(key[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return int(crc) % slotCount
}
