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

// The hash slot of shard i is i*256+128: the middle of its share of the slots. However many masters divide the slots into
// even, contiguous parts, each gets its share of the shards, and no shard lies on the edge of such a part.
//
// A key's slot is a checksum of its hash tag, so a tag has to be found that has the wanted one: {sb<n>} with the smallest n.
var shardTags = sync.OnceValue(func() *[shardCount]string {
	var tags [shardCount]string
	for n, missing := 0, shardCount; missing > 0; n++ {
		name := "sb" + strconv.Itoa(n)
		shard, ok := shardOfSlot(slotOf(name))
		if ok && tags[shard] == "" {
			tags[shard] = "{" + name + "}"
			missing--
		}
	}
	return &tags
})

// tag returns the hash tag of a shard with its braces, "{sb1234}". All keys of the shard begin with it.
func tag(shard int) string { return shardTags()[shard] }

// shardOfSlot returns the shard that lies in a hash slot.
func shardOfSlot(slot int) (shard int, ok bool) {
	return slot / shardSlots, slot%shardSlots == shardSlots/2
}

// wakeChannel is the name of the pub/sub channel of a shard.
func wakeChannel(shard int) string { return tag(shard) + ":wake" }

// absentKeys are the two keys that every call declares, as arguments of FCALL. They never exist, and that is the point: while
// a slot is being migrated, Redis answers a call with missing keys with ASK on the source and, since there are two of
// them, with TRYAGAIN on the target. So no function ever runs on half a slot. Functions compute the names of the keys that
// they use, which Redis does not see beforehand; a call that declared only keys that exist would run, and find the others
// missing.
var absentKeys = sync.OnceValue(func() *[shardCount][2]any {
	var keys [shardCount][2]any
	for shard := range keys {
		keys[shard] = [2]any{tag(shard) + ":!", tag(shard) + ":?"}
	}
	return &keys
})

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
