//go:build race

package pebblestore_test

// raceEnabled says that the race detector is on. The engine then checks its own invariants at every step and is some
// fifty times as slow.
const raceEnabled = true
