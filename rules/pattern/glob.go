package pattern

import (
	"fmt"
	"strings"
	"unsafe"
)

// glob is a wildcard pattern cut at its stars: literals, of which the first is anchored at the start and the last at the
// end. A pattern without a star has one literal and matches only itself; "a*b" has two; "*" has two empty ones.
type glob struct {
	parts []string
}

// parseGlob reads a wildcard. The error text gives positions as AWS does, counting the opening quote.
func parseGlob(s string) (glob, string) {
	var g glob
	var lit []byte
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '\\':
			if i+1 >= len(s) || s[i+1] != '\\' && s[i+1] != '*' {
				return g, fmt.Sprintf("Invalid escape character at pos %d", i+1)
			}
			i++
			lit = append(lit, s[i])
		case '*':
			if i+1 < len(s) && s[i+1] == '*' {
				return g, fmt.Sprintf("Consecutive wildcard characters at pos %d", i+1)
			}
			g.parts = append(g.parts, string(lit))
			lit = lit[:0]
		default:
			lit = append(lit, c)
		}
	}
	g.parts = append(g.parts, string(lit))
	return g, ""
}

func (g *glob) stars() int { return len(g.parts) - 1 }

// match takes, for each inner literal, its first place behind the one before: with only stars between literals no later
// place can do better, so the work is linear in practice and there is nothing to explode.
func (g *glob) match(v []byte) bool {
	first, last := g.parts[0], g.parts[len(g.parts)-1]
	if len(g.parts) == 1 {
		return string(v) == first
	}
	if len(v) < len(first)+len(last) || string(v[:len(first)]) != first || string(v[len(v)-len(last):]) != last {
		return false
	}
	v = v[len(first) : len(v)-len(last)]
	for _, lit := range g.parts[1 : len(g.parts)-1] {
		i := strings.Index(unsafe.String(unsafe.SliceData(v), len(v)), lit)
		if i < 0 {
			return false
		}
		v = v[i+len(lit):]
	}
	return true
}

// longest returns the longest literal.
func (g *glob) longest() string {
	best := ""
	for _, p := range g.parts {
		if len(p) > len(best) {
			best = p
		}
	}
	return best
}

func (g *glob) String() string {
	r := strings.NewReplacer(`\`, `\\`, `*`, `\*`)
	escaped := make([]string, len(g.parts))
	for i, p := range g.parts {
		escaped[i] = r.Replace(p)
	}
	return strings.Join(escaped, "*")
}
