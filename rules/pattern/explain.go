package pattern

import (
	"strconv"
	"strings"
)

// Mismatch says why an event does not match.
type Mismatch struct {
	// Field is the dotted path of the first demand, in the order of the pattern's text, that the event does not meet. Of
	// several $or branches the one that gets furthest is told.
	Field string
	// Want is the pattern's JSON array for that field.
	Want string
	// Got holds the event's values at that path as JSON, one per leaf, at most 10; empty if there is none.
	Got []string
	// Together is set if every field finds a value, but no choice of array elements has all of them at once. Field is then
	// the first field that cannot be had together with those before it.
	Together bool
}

// String is one line for people.
func (m Mismatch) String() string {
	got := "no value there"
	if len(m.Got) > 0 {
		got = strings.Join(m.Got, ", ")
	}
	if m.Together {
		return m.Field + ": wants " + m.Want + " in the same array element as the fields before it, has " + got
	}
	return m.Field + ": wants " + m.Want + ", has " + got
}

// Explain reports whether event matches and, if it does not, why. It does more work than Matches.
func (p *Pattern) Explain(event []byte) (why Mismatch, matched bool, err error) {
	if err := ValidateEvent(event); err != nil {
		return Mismatch{}, false, err
	}
	s := p.scratch()
	defer p.done(s)
	s.reset(event, len(p.paths))
	if err := s.scan(p.root); err != nil {
		return Mismatch{}, false, err
	}
	why, matched = p.explain(s)
	return why, matched, nil
}

func (p *Pattern) explain(s *scratch) (Mismatch, bool) {
	best, bestMet := Mismatch{}, -1
	for i := range p.rules {
		r := &p.rules[i]
		if s.matches(r.fields, 0) {
			return Mismatch{}, true
		}
		first, met := -1, 0
		for j, f := range r.fields {
			if s.matches([]*field{f}, 0) {
				met++
			} else if first < 0 {
				first = j
			}
		}
		if met <= bestMet {
			continue
		}
		bestMet = met
		together := first < 0
		if together {
			for first = 0; s.matches(r.fields[:first+1], 0); first++ {
			}
		}
		f := r.fields[first]
		best = Mismatch{Field: p.paths[f.path], Want: r.wants[first], Got: s.show(f.path), Together: together}
	}
	return best, false
}

// show returns the values at a path as JSON.
func (s *scratch) show(path int32) []string {
	const limit = 10
	var out []string
	for j := s.head[path]; j != 0 && len(out) < limit; j = s.leaves[j-1].next {
		switch l := &s.leaves[j-1]; l.kind {
		case leafString:
			out = append(out, quote(string(l.text)))
		case leafNumber:
			out = append(out, string(l.text))
		case leafTrue:
			out = append(out, "true")
		case leafFalse:
			out = append(out, "false")
		case leafNull:
			out = append(out, "null")
		}
	}
	return out
}

// quote writes a JSON string, leaving everything readable as it is.
func quote(s string) string {
	b := make([]byte, 0, len(s)+2)
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ':
			b = append(b, `\u00`...)
			if r < 16 {
				b = append(b, '0')
			}
			b = strconv.AppendInt(b, int64(r), 16)
		default:
			b = append(b, string(r)...)
		}
	}
	return string(append(b, '"'))
}
