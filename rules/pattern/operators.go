package pattern

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Operator names, which may not name fields directly inside $or.
func isOperator(name string) bool {
	switch name {
	case "exactly", "prefix", "suffix", "equals-ignore-case", "wildcard", "anything-but", "numeric", "cidr", "exists", "regex":
		return true
	}
	return false
}

// matchExpression reads an operator object whose brace was read. present and absent report exists: true and false.
func (c *compiler) matchExpression() (t test, absent bool, err error) {
	z := &c.tokenizer
	tok, err := z.next()
	if err != nil {
		return t, false, err
	}
	if tok != tokField {
		return t, false, z.errorf("Match expression name not found")
	}
	switch name := z.str; name {
	case "exactly":
		t, err = c.exactly()
	case "prefix":
		t, err = c.affix("prefix", "Prefix", testPrefix, testPrefixFold)
	case "suffix":
		t, err = c.affix("suffix", "Suffix", testSuffix, testSuffixFold)
	case "equals-ignore-case":
		var s string
		if s, err = c.onlyString("equals-ignore-case match pattern must be a string"); err == nil {
			t = test{kind: testFold, s: fold(s)}
		}
	case "wildcard":
		t, err = c.wildcard()
	case "numeric":
		t, err = c.numeric()
	case "cidr":
		t, err = c.cidr()
	case "exists":
		t, absent, err = c.exists()
	case "anything-but":
		t, err = c.anythingBut()
	default:
		return t, false, z.errorf("Unrecognized match type %s", name)
	}
	if err != nil {
		return t, false, err
	}
	return t, absent, c.endObject()
}

// endObject wants the closing brace of an operator object.
func (c *compiler) endObject() error {
	tok, err := c.next()
	if err == nil && tok != tokEndObject {
		err = c.errorf("Only one key allowed in match expression")
	}
	return err
}

// onlyString reads a string value.
func (c *compiler) onlyString(otherwise string) (string, error) {
	tok, err := c.next()
	if err != nil {
		return "", err
	}
	if tok != tokString {
		return "", c.errorf("%s", otherwise)
	}
	return c.current()
}

func (c *compiler) exactly() (test, error) {
	s, err := c.onlyString("exact match pattern must be a string")
	return test{kind: testString, s: s}, err
}

func (c *compiler) affix(name, title string, plain, folded testKind) (test, error) {
	tok, err := c.next()
	if err != nil {
		return test{}, err
	}
	switch tok {
	case tokString:
		s, err := c.current()
		return test{kind: plain, s: s}, err
	case tokStartObject:
		if tok, err = c.next(); err != nil {
			return test{}, err
		}
		if tok != tokField {
			return test{}, c.errorf("%s expression name not found", title)
		}
		if c.str != "equals-ignore-case" {
			return test{}, c.errorf("Unsupported %s pattern: %s", name, c.str)
		}
		s, err := c.onlyString("equals-ignore-case match pattern must be a string")
		if err != nil {
			return test{}, err
		}
		return test{kind: folded, s: fold(s)}, c.endObject()
	}
	return test{}, c.errorf("%s match pattern must be a string", name)
}

func (c *compiler) wildcard() (test, error) {
	s, err := c.onlyString("wildcard match pattern must be a string")
	if err != nil {
		return test{}, err
	}
	g, err := c.glob(s)
	return test{kind: testWildcard, x: &testArgs{glob: g}}, err
}

func (c *compiler) glob(s string) (glob, error) {
	g, problem := parseGlob(s)
	if problem != "" {
		return g, c.unplaced(problem)
	}
	if limit := c.opts.MaxWildcards; limit > 0 && g.stars() > limit {
		return g, c.unplaced("Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences after a wildcard character")
	}
	return g, nil
}

func (c *compiler) exists() (t test, absent bool, err error) {
	tok, err := c.next()
	switch {
	case err != nil:
		return t, false, err
	case tok == tokTrue:
		return test{kind: testPresent}, false, nil
	case tok == tokFalse:
		return t, true, nil
	}
	return t, false, c.errorf("exists match pattern must be either true or false.")
}

func (c *compiler) numeric() (test, error) {
	tok, err := c.next()
	if err != nil {
		return test{}, err
	}
	if tok != tokStartArray {
		return test{}, c.errorf("Value of numeric must be an array.")
	}
	if tok, err = c.next(); err != nil {
		return test{}, err
	}
	if tok != tokString {
		s, _ := c.current()
		return test{}, c.errorf("Invalid member in numeric match: %s", c.shown(tok, s))
	}
	op, err := c.current()
	if err != nil {
		return test{}, err
	}
	// AWS reads the operand before it looks at the operator, and checks the order of the bounds at the very end.
	if tok, err = c.next(); err != nil {
		return test{}, err
	}
	switch op {
	case "=":
		d, _, err := c.operand(tok, "equals")
		if err != nil {
			return test{}, err
		}
		return numberTest(d), c.endNumeric("Too many elements in numeric expression")
	case "<", "<=":
		_, f, err := c.operand(tok, op)
		if err != nil {
			return test{}, err
		}
		return rangeTest(bounds{lo: negInf, hi: f, hiOpen: op == "<"}), c.endNumeric("Too many elements in numeric expression")
	case ">", ">=":
		_, f, err := c.operand(tok, op)
		if err != nil {
			return test{}, err
		}
		if tok, err = c.next(); err != nil {
			return test{}, err
		}
		r := bounds{lo: f, hi: posInf, loOpen: op == ">"}
		if tok != tokEndArray {
			if err := c.upperBound(tok, &r); err != nil {
				return test{}, err
			}
		}
		return rangeTest(r), nil
	}
	return test{}, c.errorf("Unrecognized numeric range operator: %s", op)
}

// upperBound reads the second half of a range, whose operator is the current token, and the end of the array.
func (c *compiler) upperBound(tok token, r *bounds) error {
	if tok != tokString {
		s, _ := c.current()
		return c.errorf("Bad value in numeric range: %s", c.shown(tok, s))
	}
	op, err := c.current()
	if err != nil {
		return err
	}
	if tok, err = c.next(); err != nil {
		return err
	}
	if op != "<" && op != "<=" {
		return c.errorf("Bad numeric range operator: %s", op)
	}
	if _, r.hi, err = c.operand(tok, op); err != nil {
		return err
	}
	r.hiOpen = op == "<"
	if err := c.endNumeric("Too many terms in numeric range expression"); err != nil {
		return err
	}
	if r.lo >= r.hi {
		return c.errorf("Bottom must be less than top")
	}
	return nil
}

// operand takes the current token as the number behind a comparison.
func (c *compiler) operand(tok token, op string) (decimal, float64, error) {
	if tok != tokNumber {
		return decimal{}, 0, c.errorf("Value of %s must be numeric", op)
	}
	return c.finite()
}

// finite reads the current number, which must be a double.
func (c *compiler) finite() (decimal, float64, error) {
	s, _ := c.current()
	d := parseDecimal([]byte(s))
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f == 0 && d != (decimal{}) {
		return d, 0, c.errorf("Cannot compare number : %s", s)
	}
	if limit := c.maxNumber; limit > 0 && (f > limit || f < -limit) {
		return d, 0, c.errorf("Value must be between %.0f and %.0f, inclusive", -limit, limit)
	}
	return d, f, nil
}

func (c *compiler) endNumeric(otherwise string) error {
	tok, err := c.next()
	if err == nil && tok != tokEndArray {
		err = c.errorf("%s", otherwise)
	}
	return err
}

// shown is what Jackson's getText gives for tokens other than strings.
func (c *compiler) shown(tok token, text string) string {
	switch tok {
	case tokStartObject:
		return "{"
	case tokEndObject:
		return "}"
	case tokStartArray:
		return "["
	case tokEndArray:
		return "]"
	case tokTrue:
		return "true"
	case tokFalse:
		return "false"
	case tokNull:
		return "null"
	}
	return text
}

func (c *compiler) cidr() (test, error) {
	s, err := c.onlyString("prefix match pattern must be a string") // AWS says prefix here too
	if err != nil {
		return test{}, err
	}
	addr, mask, ok := strings.Cut(s, "/")
	if !ok || strings.Contains(mask, "/") {
		return test{}, c.errorf("Malformed CIDR, one '/' required")
	}
	n, err := strconv.Atoi(mask)
	if err != nil {
		return test{}, c.errorf("Malformed CIDR, mask bits must be an integer")
	}
	if n < 0 {
		return test{}, c.errorf("Malformed CIDR, mask bits must not be negative")
	}
	a := parseAddr([]byte(addr))
	switch {
	case !a.IsValid():
		return test{}, c.errorf("Nonstandard IP address: %s", addr)
	case a.Is4() && n >= 32:
		return test{}, c.errorf("IPv4 mask bits must be < 32")
	case a.Is6() && n >= 128:
		return test{}, c.errorf("IPv6 mask bits must be < 128")
	}
	p := netip.PrefixFrom(a, n).Masked()
	return test{kind: testCIDR, s: string(p.Addr().AsSlice()), x: &testArgs{cidr: p}}, nil
}

func (c *compiler) anythingBut() (test, error) {
	tok, err := c.next()
	if err != nil {
		return test{}, err
	}
	switch tok {
	case tokString:
		s, err := c.current()
		return test{kind: testButStrings, x: &testArgs{list: []string{s}}}, err
	case tokNumber:
		d, _, err := c.finite()
		return test{kind: testButNumbers, x: &testArgs{nums: []decimal{d}}}, err
	case tokStartArray:
		return c.anythingButList()
	case tokStartObject:
		return c.anythingButObject()
	}
	return test{}, c.errorf("Value of anything-but must be an array or single string/number value.")
}

func (c *compiler) anythingButList() (test, error) {
	var x testArgs
	for {
		tok, err := c.next()
		if err != nil {
			return test{}, err
		}
		switch tok {
		case tokEndArray:
			switch {
			case len(x.list) > 0 && len(x.nums) > 0:
				return test{}, c.errorf("Inside anything but list, either all values are number or string, mixed type is not supported")
			case len(x.list) > 0:
				return test{kind: testButStrings, x: &testArgs{list: sorted(x.list)}}, nil
			case len(x.nums) > 0:
				return test{kind: testButNumbers, x: &x}, nil
			}
			return test{}, c.errorf("Empty arrays are not allowed")
		case tokString:
			s, err := c.current()
			if err != nil {
				return test{}, err
			}
			x.list = append(x.list, s)
		case tokNumber:
			d, _, err := c.finite()
			if err != nil {
				return test{}, err
			}
			x.nums = append(x.nums, d)
		default:
			return test{}, c.errorf("Inside anything but list, start|null|boolean is not supported.")
		}
	}
}

func (c *compiler) anythingButObject() (test, error) {
	tok, err := c.next()
	if err != nil {
		return test{}, err
	}
	if tok != tokField {
		return test{}, c.errorf("Anything-But expression name not found")
	}
	op := c.str
	var kind testKind
	needs := "prefix/suffix match pattern must be a string"
	inside := "Inside anything-but/" + op + " list, number|start|null|boolean is not supported."
	switch op {
	case "prefix":
		kind = testButPrefix
	case "suffix":
		kind = testButSuffix
	case "equals-ignore-case":
		kind = testButFold
		needs = inside
	case "wildcard":
		kind = testButWildcard
		needs = "wildcard match pattern must be a string"
	default:
		return test{}, c.errorf("Unsupported anything-but pattern: %s", op)
	}
	var list []string
	add := func() error {
		s, err := c.current()
		if err != nil {
			return err
		}
		if s == "" && (kind == testButPrefix || kind == testButSuffix) {
			return c.errorf("Null prefix/suffix not allowed")
		}
		list = append(list, s)
		return nil
	}
	if tok, err = c.next(); err != nil {
		return test{}, err
	}
	switch tok {
	case tokString:
		if err := add(); err != nil {
			return test{}, err
		}
	case tokStartArray:
		for {
			if tok, err = c.next(); err != nil {
				return test{}, err
			}
			if tok == tokEndArray {
				break
			}
			if tok != tokString {
				return test{}, c.errorf("%s", inside)
			}
			if err := add(); err != nil {
				return test{}, err
			}
		}
		if len(list) == 0 {
			return test{}, c.errorf("Empty arrays are not allowed")
		}
	default:
		return test{}, c.errorf("%s", needs)
	}
	t := test{kind: kind, x: &testArgs{}}
	switch kind {
	case testButWildcard:
		for _, s := range list {
			g, err := c.glob(s)
			if err != nil {
				return test{}, err
			}
			t.x.globs = append(t.x.globs, g)
		}
	case testButFold:
		for i := range list {
			list[i] = fold(list[i])
		}
		t.x.list = sorted(list)
	default:
		t.x.list = sorted(list)
	}
	return t, c.endObject()
}

func sorted(list []string) []string {
	slices.Sort(list)
	return slices.Clip(slices.Compact(list))
}

func numberTest(d decimal) test {
	return test{kind: testNumber, s: d.key(), x: &testArgs{num: d}}
}

func rangeTest(r bounds) test {
	return test{kind: testRange, x: &testArgs{rng: r}}
}
