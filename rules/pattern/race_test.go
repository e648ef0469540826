//go:build race

package pattern_test

// raceEnabled: the race detector makes sync.Pool drop at random and everything ten times slower.
const raceEnabled = true
