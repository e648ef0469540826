package pattern_test

import (
	"bytes"
	"encoding/json"
	"math/big"
	"net/netip"
	"regexp"
	"strings"
)

// The naive matcher is written for being obviously right and shares nothing with the product: it reads patterns and events
// with encoding/json, keeps every leaf of an event in a list, and tries every choice of leaves.

// member and object keep repeated members apart, in their order.
type member struct {
	name  string
	value any
}
type object []member

func readJSON(text []byte) any {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return readValue(d)
}

func readValue(d *json.Decoder) any {
	tok, err := d.Token()
	if err != nil {
		panic(err)
	}
	switch tok {
	case json.Delim('{'):
		o := object{}
		for d.More() {
			name, _ := d.Token()
			o = append(o, member{name.(string), readValue(d)})
		}
		d.Token()
		return o
	case json.Delim('['):
		a := []any{}
		for d.More() {
			a = append(a, readValue(d))
		}
		d.Token()
		return a
	}
	return tok
}

// place is an element of an array: which array of the event, and which index.
type place struct{ array, index int }

type naiveLeaf struct {
	path   string
	value  any
	places []place
}

func leavesOf(v any, path string, places []place, arrays *int, out *[]naiveLeaf) {
	switch v := v.(type) {
	case object:
		for _, m := range v {
			sub := m.name
			if path != "\x00top" {
				sub = path + "." + m.name
			}
			leavesOf(m.value, sub, places, arrays, out)
		}
	case []any:
		id := *arrays
		*arrays++
		for i, e := range v {
			in := places
			switch e.(type) {
			case object, []any:
				in = append(append([]place(nil), places...), place{id, i})
			}
			leavesOf(e, path, in, arrays, out)
		}
	default:
		*out = append(*out, naiveLeaf{path, v, places})
	}
}

// naiveRules expands a pattern to conjunctions: path to alternatives.
func naiveRules(o object, prefix string, rules []map[string][]any) []map[string][]any {
	for _, m := range o {
		if branches, ok := m.value.([]any); ok && m.name == "$or" {
			var all []map[string][]any
			for _, b := range branches {
				var copies []map[string][]any
				for _, r := range rules {
					c := map[string][]any{}
					for k, v := range r {
						c[k] = v
					}
					copies = append(copies, c)
				}
				all = append(all, naiveRules(b.(object), prefix, copies)...)
			}
			rules = all
			continue
		}
		switch v := m.value.(type) {
		case object:
			rules = naiveRules(v, prefix+m.name+".", rules)
		case []any:
			for _, r := range rules {
				r[prefix+m.name] = v
			}
		}
	}
	return rules
}

func naiveMatches(pattern, event []byte) bool {
	var leaves []naiveLeaf
	arrays := 0
	leavesOf(readJSON(event), "\x00top", nil, &arrays, &leaves)
	for _, r := range naiveRules(readJSON(pattern).(object), "", []map[string][]any{{}}) {
		var paths []string
		for p := range r {
			paths = append(paths, p)
		}
		if choose(r, paths, leaves, nil, nil) {
			return true
		}
	}
	return false
}

// choose tries every leaf, or absence where allowed, for every path.
func choose(rule map[string][]any, paths []string, leaves []naiveLeaf, chosen []naiveLeaf, absent []string) bool {
	if len(paths) == 0 {
		for _, p := range absent {
			for _, l := range leaves {
				if l.path == p && fits(l, chosen) {
					return false
				}
			}
		}
		return true
	}
	p := paths[0]
	for _, alt := range rule[p] {
		if o, ok := alt.(object); ok && o[0].name == "exists" && o[0].value == false {
			if choose(rule, paths[1:], leaves, chosen, append(absent[:len(absent):len(absent)], p)) {
				return true
			}
			continue
		}
		for _, l := range leaves {
			if l.path == p && passes(alt, l.value) && fits(l, chosen) &&
				choose(rule, paths[1:], leaves, append(chosen[:len(chosen):len(chosen)], l), absent) {
				return true
			}
		}
	}
	return false
}

// fits reports whether no chosen leaf stands in another element of an array around l.
func fits(l naiveLeaf, chosen []naiveLeaf) bool {
	for _, c := range chosen {
		for _, a := range c.places {
			for _, b := range l.places {
				if a.array == b.array && a.index != b.index {
					return false
				}
			}
		}
	}
	return true
}

func rat(n json.Number) *big.Rat {
	r, ok := new(big.Rat).SetString(string(n))
	if !ok {
		panic("no number: " + string(n))
	}
	return r
}

// passes applies one alternative to one value.
func passes(alt, value any) bool {
	o, ok := alt.(object)
	if !ok {
		return equal(alt, value)
	}
	arg := o[0].value
	s, isString := value.(string)
	switch op := o[0].name; op {
	case "exists":
		return arg == true
	case "exactly":
		return equal(arg, value)
	case "prefix", "suffix", "equals-ignore-case", "wildcard":
		return isString && holds(op, arg, s)
	case "numeric":
		n, ok := value.(json.Number)
		if !ok {
			return false
		}
		terms := arg.([]any)
		for i := 0; i < len(terms); i += 2 {
			c := rat(n).Cmp(rat(terms[i+1].(json.Number)))
			if !map[string]bool{"=": c == 0, "<": c < 0, "<=": c <= 0, ">": c > 0, ">=": c >= 0}[terms[i].(string)] {
				return false
			}
		}
		return true
	case "cidr":
		a, err := netip.ParseAddr(s)
		return isString && err == nil && netip.MustParsePrefix(arg.(string)).Contains(a)
	case "anything-but":
		switch arg := arg.(type) {
		case object:
			list, ok := arg[0].value.([]any)
			if !ok {
				list = []any{arg[0].value}
			}
			for _, e := range list {
				if isString && holds(arg[0].name, e, s) {
					return false
				}
			}
			return true
		case []any:
			for _, e := range arg {
				if equal(e, value) {
					return false
				}
			}
			return true
		default:
			return !equal(arg, value)
		}
	}
	panic("unknown operator " + o[0].name)
}

func equal(a, b any) bool {
	x, ok1 := a.(json.Number)
	y, ok2 := b.(json.Number)
	if ok1 && ok2 {
		return rat(x).Cmp(rat(y)) == 0
	}
	return !ok1 && !ok2 && a == b
}

// holds applies an operator on strings.
func holds(op string, arg any, s string) bool {
	if o, ok := arg.(object); ok { // {equals-ignore-case: ...} inside prefix or suffix
		runes, n := []rune(s), len([]rune(o[0].value.(string)))
		if n > len(runes) {
			return false
		}
		if op == "prefix" {
			return strings.EqualFold(string(runes[:n]), o[0].value.(string))
		}
		return strings.EqualFold(string(runes[len(runes)-n:]), o[0].value.(string))
	}
	t := arg.(string)
	switch op {
	case "prefix":
		return strings.HasPrefix(s, t)
	case "suffix":
		return strings.HasSuffix(s, t)
	case "equals-ignore-case":
		return strings.EqualFold(s, t)
	}
	re := "(?s)^"
	for i := 0; i < len(t); i++ {
		switch t[i] {
		case '\\':
			i++
			re += regexp.QuoteMeta(t[i : i+1])
		case '*':
			re += ".*"
		default:
			re += regexp.QuoteMeta(t[i : i+1])
		}
	}
	return regexp.MustCompile(re + "$").MatchString(s)
}
