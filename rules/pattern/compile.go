package pattern

import (
	"math"
	"slices"
)

var (
	negInf = math.Inf(-1)
	posInf = math.Inf(1)
)

// compiler builds a pattern while reading it, in the order of AWS's compiler, so that the first error is the same.
type compiler struct {
	tokenizer
	opts      Options
	maxNumber float64 // numeric operands' magnitude, 0 for any double
	flat      bool    // nesting is refused (attribute scope)
	copies    int     // fields copied for $or branches so far
}

// draft is a sub-rule being built: demands in the order of their first mention.
type draft struct {
	fields []draftField
	byPath map[string]int // places in fields, once there are many
}

// manyFields is from how many fields on a draft is searched through a map.
const manyFields = 32

// maxCopies bounds the fields copied for $or branches, which a short text could otherwise multiply beyond any memory.
const maxCopies = 1 << 18

type draftField struct {
	path string
	demand
}

// demand is what a leaf array of the pattern asks of its path.
type demand struct {
	alts   []test
	sorted uint16 // see field
	absent bool
	want   string // its JSON text, for explanations
	depth  int    // 1 for a top-level field
}

// set demands something of a path; the last demand wins.
func (d *draft) set(path string, dm demand) {
	if i := d.find(path); i >= 0 {
		d.fields[i].demand = dm
		return
	}
	if d.byPath != nil {
		d.byPath[path] = len(d.fields)
	}
	d.fields = append(d.fields, draftField{path: path, demand: dm})
}

func (d *draft) find(path string) int {
	if len(d.fields) < manyFields {
		return slices.IndexFunc(d.fields, func(f draftField) bool { return f.path == path })
	}
	if d.byPath == nil {
		d.byPath = make(map[string]int, 2*len(d.fields))
		for i := range d.fields {
			d.byPath[d.fields[i].path] = i
		}
	}
	if i, ok := d.byPath[path]; ok {
		return i
	}
	return -1
}

func (c *compiler) compile() ([]draft, error) {
	tok, err := c.next()
	if err != nil {
		return nil, err
	}
	if tok != tokStartObject {
		return nil, c.errorf("Filter is not an object")
	}
	drafts, err := c.object([]draft{{}}, "", false, 0)
	if err != nil {
		return nil, err
	}
	if c.space(); c.pos < len(c.src) {
		return nil, c.unexpected("expected the end of the pattern")
	}
	return drafts, nil
}

// object reads an object whose brace was read and adds its demands to every draft. inOr is set for a branch of $or.
func (c *compiler) object(drafts []draft, prefix string, inOr bool, depth int) ([]draft, error) {
	fields := 0
	for {
		tok, err := c.next()
		if err != nil {
			return nil, err
		}
		if tok == tokEndObject {
			break
		}
		fields++
		name := c.str
		if inOr && isOperator(name) {
			return nil, c.errorf("%s is Ruler reserved fieldName which cannot be used inside $or.", name)
		}
		if name == "$or" && c.pending != tokStartObject && !c.literalOr() {
			if drafts, err = c.or(drafts, prefix, depth); err != nil {
				return nil, err
			}
			continue
		}
		path := name
		if depth > 0 {
			path = prefix + "." + name
		}
		if tok, err = c.next(); err != nil {
			return nil, err
		}
		switch tok {
		case tokStartObject:
			if c.flat {
				return nil, c.unplaced("Filter policy scope MessageAttributes does not support nested filter policy")
			}
			if drafts, err = c.object(drafts, path, false, depth+1); err != nil {
				return nil, err
			}
		case tokStartArray:
			dm, err := c.alternatives()
			dm.depth = depth + 1
			if err != nil {
				return nil, err
			}
			for i := range drafts {
				drafts[i].set(path, dm)
			}
		default:
			return nil, c.errorf("\"%s\" must be an object or an array", name)
		}
	}
	if fields == 0 {
		return nil, c.errorf("Empty objects are not allowed")
	}
	return drafts, nil
}

// literalOr reports whether the $or just read is an ordinary field: its array, not read yet, holds nothing but operator
// objects, as in {"$or": [{"prefix": "a"}]}. AWS keeps that for patterns older than $or.
func (c *compiler) literalOr() bool {
	if c.pending != tokStartArray {
		return false
	}
	ahead := tokenizer{src: c.src, pos: c.pos - 1}
	if _, err := ahead.next(); err != nil {
		return false
	}
	for n := 0; ; n++ {
		tok, err := ahead.next()
		if err != nil {
			return false
		}
		if tok == tokEndArray {
			return n > 0
		}
		if tok != tokStartObject {
			return false
		}
		if tok, err = ahead.next(); err != nil || tok != tokField || !isOperator(ahead.str) {
			return false
		}
		for len(ahead.stack) > 1 {
			if _, err = ahead.next(); err != nil {
				return false
			}
		}
	}
}

// or multiplies the drafts by the branches of a $or.
func (c *compiler) or(drafts []draft, prefix string, depth int) ([]draft, error) {
	tok, err := c.next()
	if err != nil {
		return nil, err
	}
	if tok != tokStartArray {
		return nil, c.errorf("\"$or\" must be an object or an array")
	}
	var out []draft
	branches := 0
	for {
		if tok, err = c.next(); err != nil {
			return nil, err
		}
		if tok == tokEndArray {
			break
		}
		branches++
		if tok != tokStartObject {
			return nil, c.errorf("Only JSON object is allowed in $or relationship.")
		}
		if limit := c.opts.MaxCombinations; limit > 0 && len(out)+len(drafts) > limit {
			return nil, c.unplaced(tooManyCombinations)
		}
		branch := make([]draft, len(drafts))
		for i := range drafts {
			if c.copies += len(drafts[i].fields); c.copies > maxCopies && c.opts.MaxCombinations > 0 {
				return nil, c.unplaced(tooManyCombinations)
			}
			branch[i].fields = slices.Clone(drafts[i].fields)
		}
		if branch, err = c.object(branch, prefix, true, depth); err != nil {
			return nil, err
		}
		out = append(out, branch...)
	}
	if branches < 2 {
		return nil, c.errorf("There must have at least 2 Objects in $or relationship.")
	}
	if limit := c.opts.MaxCombinations; limit > 0 && len(out) > limit {
		return nil, c.unplaced(tooManyCombinations)
	}
	return out, nil
}

// tooManyCombinations is our own text: AWS's is not known.
const tooManyCombinations = "Rule is too complex - $or makes too many combinations"

// alternatives reads a leaf array whose bracket was read.
func (c *compiler) alternatives() (demand, error) {
	var dm demand
	start := c.pos - 1
	n := 0
	for {
		tok, err := c.next()
		if err != nil {
			return dm, err
		}
		if tok == tokEndArray {
			break
		}
		n++
		var t test
		switch tok {
		case tokString:
			s, err := c.current()
			if err != nil {
				return dm, err
			}
			t = test{kind: testString, s: s}
		case tokNumber:
			s, _ := c.current()
			if c.maxNumber > 0 {
				if _, _, err := c.finite(); err != nil {
					return dm, err
				}
			}
			t = numberTest(parseDecimal([]byte(s)))
		case tokTrue:
			t = test{kind: testTrue}
		case tokFalse:
			t = test{kind: testFalse}
		case tokNull:
			t = test{kind: testNull}
		case tokStartObject:
			var absent bool
			if t, absent, err = c.matchExpression(); err != nil {
				return dm, err
			}
			if absent {
				dm.absent = true
				continue
			}
		default:
			return dm, c.errorf("Match value must be String, number, true, false, or null")
		}
		dm.alts = append(dm.alts, t)
	}
	if n == 0 {
		return dm, c.errorf("Empty arrays are not allowed")
	}
	dm.want = string(c.src[start:c.pos])
	dm.alts = slices.Clip(dm.alts)
	dm.sorted = sortStrings(dm.alts)
	return dm, nil
}
