package pattern

import (
	"fmt"
	"strings"
	"sync"
)

// QuotaSize is the size in bytes that AWS allows for an event pattern by default. Options.MaxSize does not apply it
// unless told to.
const QuotaSize = 2048

// DefaultMaxCombinations is how many combinations of $or branches AWS expands.
const DefaultMaxCombinations = 1000

// DefaultMaxWildcards is how many stars one wildcard may have. AWS refuses six and accepts two; its exact measure is not
// public. Matching here takes linear time whatever the number.
const DefaultMaxWildcards = 5

// Options are limits on patterns. The zero value, and nil, mean the defaults.
type Options struct {
	// MaxSize is the longest pattern text in bytes; 0 or less is unlimited. AWS has QuotaSize.
	MaxSize int
	// MaxCombinations bounds the sub-rules that $or expands to; 0 means DefaultMaxCombinations, negative is unlimited.
	MaxCombinations int
	// MaxWildcards bounds the stars in one wildcard; 0 means DefaultMaxWildcards, negative is unlimited.
	MaxWildcards int
}

func (o *Options) withDefaults() Options {
	var out Options
	if o != nil {
		out = *o
	}
	if out.MaxCombinations == 0 {
		out.MaxCombinations = DefaultMaxCombinations
	}
	if out.MaxWildcards == 0 {
		out.MaxWildcards = DefaultMaxWildcards
	}
	return out
}

// Pattern is a compiled event pattern or filter policy. It is immutable and safe for concurrent use; it keeps no reference
// to the text it was compiled from.
type Pattern struct {
	root  *node
	paths []string // by local path number
	rules []localRule
	pool  sync.Pool // of *scratch
}

// localRule is one alternative of the pattern: a conjunction of demands, numbered with the pattern's own paths.
type localRule struct {
	fields []*field
	wants  []string // the demands' JSON texts, parallel to fields
}

// Compile compiles an event pattern with the default options. The error is a *SyntaxError.
func Compile(pattern []byte) (*Pattern, error) { return CompileOptions(pattern, nil) }

// CompileOptions is Compile with limits.
func CompileOptions(pattern []byte, opts *Options) (*Pattern, error) {
	o := opts.withDefaults()
	if o.MaxSize > 0 && len(pattern) > o.MaxSize {
		return nil, &SyntaxError{Reason: fmt.Sprintf("Event pattern is longer than %d bytes", o.MaxSize)}
	}
	c := compiler{tokenizer: tokenizer{src: pattern}, opts: o}
	drafts, err := c.compile()
	if err != nil {
		return nil, err
	}
	return newPattern(drafts), nil
}

func newPattern(drafts []draft) *Pattern {
	p := &Pattern{}
	o := &owner{}
	p.root = newNode(o, "")
	numbers := map[string]int32{}
	number := func(path string) int32 {
		n, ok := numbers[path]
		if !ok {
			n = int32(len(p.paths))
			numbers[path] = n
			p.paths = append(p.paths, path)
			at := p.root
			for step := range strings.SplitSeq(path, ".") {
				at = at.ensure(o, step)
			}
			at.path = n
		}
		return n
	}
	for _, d := range drafts {
		var r localRule
		for _, f := range d.fields {
			r.fields = append(r.fields, &field{path: number(f.path), absent: f.absent, sorted: f.sorted, alts: f.alts})
			r.wants = append(r.wants, f.want)
		}
		p.rules = append(p.rules, r)
	}
	return p
}

// Matches reports whether event matches. The error is ErrInvalidEvent if event is not one JSON object.
func (p *Pattern) Matches(event []byte) (bool, error) {
	if err := ValidateEvent(event); err != nil {
		return false, err
	}
	s := p.scratch()
	defer p.done(s)
	s.reset(event, len(p.paths))
	if err := s.scan(p.root); err != nil {
		return false, err
	}
	return p.evaluate(s), nil
}

func (p *Pattern) evaluate(s *scratch) bool {
	for i := range p.rules {
		if s.matches(p.rules[i].fields, 0) {
			return true
		}
	}
	return false
}

func (p *Pattern) scratch() *scratch {
	if s, ok := p.pool.Get().(*scratch); ok {
		return s
	}
	return &scratch{}
}

func (p *Pattern) done(s *scratch) {
	s.release()
	p.pool.Put(s)
}

// Fields returns the paths the pattern mentions, joined with dots, in the order of their first mention.
func (p *Pattern) Fields() []string { return append([]string(nil), p.paths...) }
