//go:build !race

package pebblestore_test

// raceEnabled says that the race detector is on.
const raceEnabled = false
