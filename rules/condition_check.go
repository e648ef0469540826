package rules

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"strconv"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
)

// languageCheck refuses, before types are checked, what conditions leave out of expr's language:
// what would make the answer depend on anything but the event, and what can not be bounded.
type languageCheck struct {
	names  map[string]bool // what identifiers may be
	detail bool            // event.detail may be looked at
	events int             // mentions of event that are not event.member
	ranges int
	err    *file.Error
}

// refusedFunction says why conditions do not have a built-in function that expr has.
func refusedFunction(name string) (reason string, refused bool) {
	switch name {
	case "now":
		return "the answer must depend on the event alone: compare with event.time", true
	case "toPairs", "fromPairs", "groupBy":
		return "its order is random: use keys, filter or count", true
	case "sort", "sortBy", "uniq", "repeat", "toJSON", "reduce":
		return "a condition only answers yes or no: use any, all, count, sum, min or max", true
	}
	return "", false
}

// methodAllowed lists the methods of times, durations and time zones that conditions have.
func methodAllowed(name string) bool {
	switch name {
	case "Year", "Month", "Day", "Hour", "Minute", "Second", "Nanosecond", "Weekday", "YearDay",
		"Unix", "UnixMilli", "Before", "After", "Equal", "Compare", "Sub", "Add", "AddDate",
		"Truncate", "Round", "Format", "In", "UTC", "IsZero",
		"Hours", "Minutes", "Seconds", "Milliseconds", "String":
		return true
	}
	return false
}

func (l *languageCheck) check(tree *parser.Tree) error {
	ast.Walk(&tree.Node, visitFunc(func(n *ast.Node) {
		if d, ok := (*n).(*ast.VariableDeclaratorNode); ok {
			l.names[d.Name] = true
		}
	}))
	ast.Walk(&tree.Node, l)
	if l.err != nil {
		return l.err.Bind(tree.Source)
	}
	if l.events > 0 {
		l.detail = true
	}
	return nil
}

// visitsAtMost says whether walking the tree visits at most limit nodes. The parser makes a < b < c
// to a < b and b < c with one b, so the tree is none: nested b's double with each level, and so
// does the time of everything that walks it. The walk has no other way to be stopped than a panic.
func visitsAtMost(root ast.Node, limit int) (ok bool) {
	type stop struct{}
	defer func() {
		if r := recover(); r != nil {
			if _, is := r.(stop); !is {
				panic(r)
			}
			ok = false
		}
	}()
	ast.Walk(&root, visitFunc(func(*ast.Node) {
		if limit--; limit < 0 {
			panic(stop{})
		}
	}))
	return true
}

type visitFunc func(*ast.Node)

func (f visitFunc) Visit(n *ast.Node) { f(n) }

func (l *languageCheck) refuse(n ast.Node, format string, args ...any) {
	if l.err == nil {
		l.err = &file.Error{Location: n.Location(), Message: fmt.Sprintf(format, args...)}
	}
}

// Visit sees a node after its children.
func (l *languageCheck) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		l.identifier(n)
	case *ast.MemberNode:
		l.member(n)
	case *ast.CallNode:
		l.call(n)
	case *ast.BuiltinNode:
		l.builtin(node, n)
	case *ast.BinaryNode:
		l.binary(node, n)
	case *ast.BytesNode:
		l.refuse(n, "bytes are not available")
	case *ast.ArrayNode:
		if values, ok := constants(n.Nodes); ok && len(values) > 0 {
			// Built once, not for each event.
			ast.Patch(node, &ast.ConstantNode{Value: values})
		}
	}
}

func (l *languageCheck) identifier(n *ast.IdentifierNode) {
	switch {
	case n.Value == eventName:
		l.events++
	case l.names[n.Value]:
	case n.Value == "$env":
		l.refuse(n, "$env is not available: the only variable is event")
	case isBuiltin(n.Value):
		l.refuse(n, "%s is a function: it must be called", n.Value)
	}
	// Other unknown names are the type checker's to report, except as the name of a call.
}

func isBuiltin(name string) bool {
	_, ok := builtin.Index[name]
	return ok
}

func (l *languageCheck) member(n *ast.MemberNode) {
	base, ok := n.Node.(*ast.IdentifierNode)
	if !ok || base.Value != eventName {
		return
	}
	if name, ok := n.Property.(*ast.StringNode); ok {
		l.events--
		l.detail = l.detail || name.Value == "detail"
	}
}

func (l *languageCheck) call(n *ast.CallNode) {
	switch callee := n.Callee.(type) {
	case *ast.IdentifierNode:
		l.refuse(n, "unknown function %s", callee.Value)
	case *ast.MemberNode:
		name, ok := callee.Property.(*ast.StringNode)
		if !ok || !methodAllowed(name.Value) {
			l.refuse(callee.Property, "unknown method %s", shorten(callee.Property.String()))
		}
	default:
		l.refuse(n, "only functions and methods can be called")
	}
}

func (l *languageCheck) builtin(node *ast.Node, n *ast.BuiltinNode) {
	if reason, refused := refusedFunction(n.Name); refused {
		l.refuse(n, "%s is not available in conditions: %s", n.Name, reason)
		return
	}
	if _, known := functionCost(n.Name); !known {
		l.refuse(n, "%s is not available in conditions", n.Name)
		return
	}
	// Time zones are looked up now: not per event, and never by a name that an event holds, which
	// would be a file name.
	switch {
	case n.Name == "timezone" && len(n.Arguments) == 1:
		if loc := l.zone(n.Arguments[0]); loc != nil {
			ast.Patch(node, loc)
		}
	case n.Name == "date" && len(n.Arguments) > 3:
		l.refuse(n, "date takes a text, a layout and a time zone")
	case n.Name == "date" && len(n.Arguments) == 3:
		if c, ok := n.Arguments[0].(*ast.ConstantNode); ok {
			if _, isZone := c.Value.(*time.Location); isZone {
				return // date(zone, text, layout)
			}
		}
		if loc := l.zone(n.Arguments[2]); loc != nil {
			n.Arguments = []ast.Node{loc, n.Arguments[0], n.Arguments[1]}
		}
	}
}

func (l *languageCheck) zone(n ast.Node) *ast.ConstantNode {
	name, ok := n.(*ast.StringNode)
	if !ok {
		l.refuse(n, "the name of a time zone must be written out, in quotes")
		return nil
	}
	loc, err := loadZone(name.Value)
	if err != nil {
		l.refuse(n, "unknown time zone %s", strconv.Quote(shorten(name.Value)))
		return nil
	}
	c := &ast.ConstantNode{Value: loc}
	c.SetLocation(n.Location())
	return c
}

func (l *languageCheck) binary(node *ast.Node, n *ast.BinaryNode) {
	switch n.Operator {
	case "..":
		from, ok1 := intConstant(n.Left)
		to, ok2 := intConstant(n.Right)
		if !ok1 || !ok2 {
			l.refuse(n, "both ends of a range must be written-out integers")
			return
		}
		if size := float64(to) - float64(from) + 1; size > maxConditionRange {
			l.refuse(n, "a range must have at most %d elements", maxConditionRange)
			return
		}
		size := max(to-from+1, 0)
		if l.ranges += size; l.ranges > maxConditionRange {
			l.refuse(n, "all ranges together must have at most %d elements", maxConditionRange)
			return
		}
		values := make([]int, size)
		for i := range values {
			values[i] = from + i
		}
		ast.Patch(node, &ast.ConstantNode{Value: values})
	case "matches":
		pattern, ok := n.Right.(*ast.StringNode)
		if !ok {
			l.refuse(n.Right, "the pattern of matches must be written out, in quotes")
			return
		}
		if _, err := regexpSize(pattern.Value); err != nil {
			l.refuse(n.Right, "%v", err)
		}
	}
}

// regexpSize is the number of instructions of a pattern, which bounds the work per character.
func regexpSize(pattern string) (int, error) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		var bad *syntax.Error
		if errors.As(err, &bad) {
			return 0, fmt.Errorf("the pattern is not valid: %s: %s", bad.Code, strconv.Quote(shorten(bad.Expr)))
		}
		return 0, fmt.Errorf("the pattern is not valid: %s", shorten(err.Error()))
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return 0, fmt.Errorf("the pattern is not valid: %s", shorten(err.Error()))
	}
	if len(prog.Inst) > maxRegexp {
		return 0, fmt.Errorf("the pattern is too large: it compiles to %d instructions, the limit is %d", len(prog.Inst), maxRegexp)
	}
	return len(prog.Inst), nil
}

func intConstant(n ast.Node) (int, bool) {
	switch n := n.(type) {
	case *ast.IntegerNode:
		return n.Value, true
	case *ast.UnaryNode:
		if i, ok := intConstant(n.Node); ok && n.Operator == "-" {
			return -i, true
		}
	}
	return 0, false
}

// constants are the values of nodes that all are scalar constants.
func constants(nodes []ast.Node) ([]any, bool) {
	out := make([]any, len(nodes))
	for i, n := range nodes {
		switch n := n.(type) {
		case *ast.IntegerNode:
			out[i] = n.Value
		case *ast.FloatNode:
			out[i] = n.Value
		case *ast.StringNode:
			out[i] = n.Value
		case *ast.BoolNode:
			out[i] = n.Value
		case *ast.NilNode:
		default:
			return nil, false
		}
	}
	return out, true
}
