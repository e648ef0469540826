package config

import (
	"slices"
	"strings"
)

// suggest returns the known word that is most like a wrong one, or an empty string if none is alike.
func suggest(wrong string, known []string) string {
	best, distance := "", max(1, len(wrong)/3)+1
	normal := func(s string) string { return strings.ReplaceAll(strings.ToLower(s), "-", "_") }
	for _, k := range slices.Sorted(slices.Values(known)) {
		if len(k) > 256 || len(wrong) > 256 {
			continue
		}
		if n := edits(normal(wrong), normal(k)); n < distance {
			best, distance = k, n
		}
	}
	return best
}

// edits is how many bytes must be added, removed, replaced or swapped with their neighbour to make b of a.
func edits(a, b string) int {
	before, last, now := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		now[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			now[j] = min(last[j]+1, now[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				now[j] = min(now[j], before[j-2]+1)
			}
		}
		before, last, now = last, now, before
	}
	return last[len(b)]
}
