package pattern

import (
	"bytes"
	"strings"
)

// Reading ends before the event does where the rest can not matter: every container that is open is an object that has had
// a member of each name that rules ask for, and the rest does not mention one of these names again. The last is what keeps
// repeated keys, which are several values of one field, right. Searching for rare bytes is many times as fast as finding
// one's way by brackets and quotes; where they turn out not to be rare, it is given up.

// stopped is returned in place of an offset by readers that need no more of the event.
const stopped = -2

// repeated, among the names an object waits for, says that it is not worth asking again.
const repeated = 1 << 63

const (
	minRest     = 128 // bytes that are worth a search
	maxNames    = 3   // that are worth it: with more, skipping is as fast
	maxSearches = 8   // per event
)

// awaited is a set of the names that an object waits for: a bit for each of the kids.
func (n *node) awaited() uint64 {
	if n.many != nil {
		return repeated
	}
	return 1<<len(n.kids) - 1
}

// nothingLeft reports whether the event can be left unread from i on, given that all open objects have had what they wait
// for. It may say no where yes would be right.
func (s *scratch) nothingLeft(i int) bool {
	rest := s.src[i:]
	names := 0
	for _, n := range s.open {
		names += len(n.kids)
	}
	if names > maxNames || len(rest) < minRest || s.searches == maxSearches {
		return false
	}
	s.searches++
	hits := 4 + len(rest)/64
	for k := len(s.open) - 1; k >= 0; k-- {
		for _, kid := range s.open[k].kids {
			if hits = kid.unmentioned(rest, hits); hits < 0 {
				return false
			}
		}
	}
	return !hasEscapedKey(rest) // which may be any name
}

// unmentioned returns how many of the allowed hits are left if no key in text, spelled without escapes, is the node's name
// or begins with it and a dot; else, and when the hits are used up, less than 0. text begins outside strings.
func (n *node) unmentioned(text []byte, hits int) int {
	if n.name == "" {
		return -1
	}
	rare, from := n.name[n.rare], 1+int(n.rare)
	for ; hits >= 0; hits-- {
		if from >= len(text) {
			return hits
		}
		i := bytes.IndexByte(text[from:], rare)
		if i < 0 {
			return hits
		}
		from += i + 1
		begin := from - 1 - int(n.rare)
		end := begin + len(n.name)
		if text[begin-1] == '"' && end < len(text) && (text[end] == '"' || text[end] == '.') && string(text[begin:end]) == n.name {
			return -1
		}
	}
	return hits
}

// hasEscapedKey reports whether a key in text is spelled with escapes. text begins outside strings.
func hasEscapedKey(text []byte) bool {
	for {
		i := bytes.IndexByte(text, '\\')
		if i < 0 {
			return false
		}
		end, _ := stringEnd(text, i)
		if end < 0 {
			return true // broken
		}
		text = text[skipSpace(text, end+1):]
		if len(text) > 0 && text[0] == ':' {
			return true
		}
	}
}

// rarest returns the place of the byte in name that other text has least, among the first 256.
func rarest(name string) (at uint8) {
	const common = "0123456789etaoinshrdlu-_.:cmfwypvbg" // the most common first, letters as on a Linotype; the rest is rare
	best := -1
	for i := range min(len(name), 256) {
		rank := strings.IndexByte(common, name[i])
		if rank < 0 {
			return uint8(i)
		}
		if rank > best {
			best, at = rank, uint8(i)
		}
	}
	return at
}
