package pattern

import "hash/maphash"

// seed is drawn once per process and never changes, so that hashes of values can be kept in compiled indexes and nobody
// outside can choose values that collide.
var seed = maphash.MakeSeed()

func hashString(s string) uint64 { return maphash.String(seed, s) }
func hashBytes(b []byte) uint64  { return maphash.Bytes(seed, b) }

// mix spreads every bit of h over the whole word (the finisher of splitmix64).
func mix(h uint64) uint64 {
	h ^= h >> 30
	h *= 0xbf58476d1ce4e5b9
	h ^= h >> 27
	h *= 0x94d049bb133111eb
	return h ^ h>>31
}
