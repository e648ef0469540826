package pebblestore

// CollectEvery sets after how many removed messages the low-water marks move.
func CollectEvery(o Options, n int) Options {
	o.collectEvery = n
	return o
}
