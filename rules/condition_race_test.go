//go:build race

package rules_test

// raceEnabled: the race detector makes evaluation some ten times slower.
const raceEnabled = true
