package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// maxShown is how many values Explain shows.
const maxShown = 8

// shown is a value of the event that a condition names: event.detail.customer.tier.
type shown struct {
	text  string
	steps []any // string or int
}

// findShown finds the values that an expression names, each once, in their order.
func findShown(root ast.Node) []shown {
	var out []shown
	inner := map[ast.Node]bool{} // the beginnings of longer chains
	var chains []*ast.MemberNode
	ast.Walk(&root, visitFunc(func(n *ast.Node) {
		if m, ok := (*n).(*ast.MemberNode); ok {
			if _, named := chainSteps(m); named {
				inner[m.Node] = true
			}
			chains = append(chains, m)
		}
	}))
	for _, m := range chains {
		if inner[m] || len(out) == maxShown {
			continue
		}
		steps, ok := chainSteps(m)
		if !ok || slices.ContainsFunc(out, func(s shown) bool { return slices.Equal(s.steps, steps) }) {
			continue
		}
		out = append(out, shown{text: strings.ReplaceAll(m.String(), "?.", "."), steps: steps})
	}
	return out
}

func chainSteps(n ast.Node) ([]any, bool) {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return nil, n.Value == eventName
	case *ast.ChainNode:
		return chainSteps(n.Node)
	case *ast.MemberNode:
		steps, ok := chainSteps(n.Node)
		switch p := n.Property.(type) {
		case *ast.StringNode:
			return append(steps, p.Value), ok && !n.Method
		case *ast.IntegerNode:
			return append(steps, p.Value), ok
		}
	}
	return nil, false
}

// Explain evaluates the condition and says in one line, for people, what it gave and which values
// of the event it named: `false: event.detail.tier is "silver", event.detail.items is a list of 2`.
// It quotes at most 60 bytes of a string. It uses env exclusively while it runs.
func (c *Condition) Explain(env *Env) string {
	holds, err := c.Eval(env)
	var b strings.Builder
	if err != nil {
		fmt.Fprintf(&b, "no answer (%v)", err)
	} else {
		b.WriteString(strconv.FormatBool(holds))
	}
	for i, s := range c.shown {
		if i == 0 {
			b.WriteString(": ")
		} else {
			b.WriteString(", ")
		}
		b.WriteString(s.text)
		b.WriteString(" is ")
		b.WriteString(env.show(s.steps))
	}
	return b.String()
}

func (e *Env) show(steps []any) string {
	var v any = e.fields
	for _, step := range steps {
		var ok bool
		switch at := v.(type) {
		case map[string]any:
			name, isName := step.(string)
			v, ok = at[name]
			ok = ok && isName
		case []any:
			i, isIndex := step.(int)
			if i < 0 {
				i += len(at)
			}
			if ok = isIndex && i >= 0 && i < len(at); ok {
				v = at[i]
			}
		case []string:
			i, isIndex := step.(int)
			if ok = isIndex && i >= 0 && i < len(at); ok {
				v = at[i]
			}
		}
		if !ok {
			return "missing"
		}
	}
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		if len(v) > 60 {
			return strconv.Quote(strings.ToValidUTF8(v[:60], "")) + "…"
		}
		return strconv.Quote(v)
	case []any:
		return fmt.Sprintf("a list of %d", len(v))
	case []string:
		return fmt.Sprintf("a list of %d", len(v))
	case map[string]any:
		return fmt.Sprintf("an object of %d", len(v))
	}
	return fmt.Sprint(v)
}
