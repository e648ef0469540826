//go:build !race

package redisstore

// raceEnabled says that the race detector is on.
const raceEnabled = false
