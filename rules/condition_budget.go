package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
)

// expr bounds neither the time that an expression takes nor the bytes it allocates (its memory
// budget counts elements of lists), and it can not be interrupted. So a budget of work is laid into
// the compiled expression itself: after the type check, calls are added that charge for what
// follows them before it happens,
//
//   - in the body of every any, all, filter, map, …: the number of operations of the body;
//   - around the operands of operations whose cost grows with them (+ of strings, == of lists,
//     contains, matches, upper, join, …): their size.
//
// What is left is bounded by the length of the expression. One unit stands for some 20 ns.
const conditionBudget = 2_000_000

// Names that no expression can spell, because they begin with a NUL.
const (
	budgetName  = "\x00budget"
	tickName    = "\x00tick"
	sizeName    = "\x00size"
	heavyName   = "\x00heavy"
	deepName    = "\x00deep"
	inName      = "\x00in"
	trimName    = "\x00trim"
	regexpName  = "\x00regexp"
	numberName  = "\x00number"
	sumName     = "\x00sum"
	replaceName = "\x00replace"
	joinName    = "\x00join"
	keysName    = "\x00keys"
	valuesName  = "\x00values"
	parseName   = "\x00parse"
)

type budget struct{ left int }

func (b *budget) charge(n int) error {
	if b.left -= n; b.left < 0 || n < 0 {
		b.left = 0
		return ErrConditionBudget
	}
	return nil
}

// size is the length of a value without looking into it, in bytes; elements count 16.
func size(v any) int {
	switch v := v.(type) {
	case string:
		return len(v)
	case []any:
		return 16 * len(v)
	case []string:
		return 16 * len(v)
	case []int:
		return 8 * len(v)
	case map[string]any:
		return 16
	}
	return 0
}

// deep charges for all that a value holds.
func (b *budget) deep(v any) error {
	switch v := v.(type) {
	case string:
		return b.charge(1 + len(v)/16)
	case []string:
		for _, s := range v {
			if err := b.charge(2 + len(s)/16); err != nil {
				return err
			}
		}
		return nil
	case []int:
		return b.charge(2 * len(v))
	case []any:
		if err := b.charge(4 * len(v)); err != nil {
			return err
		}
		for _, e := range v {
			if err := b.deep(e); err != nil {
				return err
			}
		}
		return nil
	case map[string]any:
		if err := b.charge(8 * len(v)); err != nil {
			return err
		}
		for k, e := range v {
			if err := b.charge(len(k) / 16); err != nil {
				return err
			}
			if err := b.deep(e); err != nil {
				return err
			}
		}
		return nil
	}
	return b.charge(1)
}

// functionCost says what the arguments of a built-in function are charged. Functions that are not
// listed do not exist in conditions, so a new version of expr adds none by itself.
func functionCost(name string) (charge string, known bool) {
	switch name {
	case "all", "any", "none", "one", "filter", "map", "count", "sum",
		"find", "findIndex", "findLast", "findLastIndex":
		return tickName, true
	case "type", "abs", "ceil", "floor", "round", "timezone",
		"bitand", "bitor", "bitxor", "bitnand", "bitnot", "bitshl", "bitshr", "bitushr":
		return "", true
	case "len", "int", "float", "date", "duration", "trimPrefix", "trimSuffix",
		"indexOf", "lastIndexOf", "hasPrefix", "hasSuffix",
		"first", "last", "get", "take":
		return sizeName, true
	case "upper", "lower", "split", "splitAfter", "toBase64", "fromBase64", "reverse", "concat":
		return heavyName, true
	case "string", "max", "min", "mean", "median", "flatten":
		return deepName, true
	case "trim":
		return trimName, true
	case "replace":
		return replaceName, true
	case "join":
		return joinName, true
	case "keys":
		return keysName, true
	case "values":
		return valuesName, true
	case "fromJSON":
		return parseName, true
	}
	return "", false
}

// instrument lays the budget into a checked expression.
func instrument(root ast.Node) ast.Node {
	ast.Walk(&root, visitFunc(instrumentNode))
	return root
}

func instrumentNode(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.BinaryNode:
		instrumentBinary(n)
	case *ast.MemberNode:
		n.Property = charged(sizeName, n.Property)
	case *ast.CallNode:
		for i := range n.Arguments {
			n.Arguments[i] = charged(heavyName, n.Arguments[i])
		}
	case *ast.BuiltinNode:
		instrumentBuiltin(node, n)
	case *ast.PredicateNode:
		tick := call(tickName, n, &ast.IntegerNode{Value: bodyCost(n.Node)})
		n.Node = inheriting(n.Node, &ast.SequenceNode{Nodes: []ast.Node{tick, n.Node}})
	}
}

func instrumentBinary(n *ast.BinaryNode) {
	eitherCheap := cheap(n.Left) || cheap(n.Right)
	switch n.Operator {
	case "==", "!=":
		if !eitherCheap {
			n.Left = charged(deepName, n.Left)
		}
	case "<", "<=", ">", ">=":
		if !eitherCheap {
			n.Left = charged(sizeName, n.Left)
		}
	case "+":
		n.Left, n.Right = charged(sizeName, n.Left), charged(sizeName, n.Right)
	case "in":
		n.Left = charged(sizeName, n.Left)
		n.Right = call(inName, n.Right, n.Right)
	case "contains":
		n.Left, n.Right = charged(sizeName, n.Left), charged(sizeName, n.Right)
	case "startsWith", "endsWith":
		n.Right = charged(sizeName, n.Right)
	case "matches":
		if pattern, ok := n.Right.(*ast.StringNode); ok {
			if insts, err := regexpSize(pattern.Value); err == nil {
				n.Left = call(regexpName, n.Left, n.Left, &ast.IntegerNode{Value: insts})
			}
		}
	}
}

func instrumentBuiltin(node *ast.Node, n *ast.BuiltinNode) {
	charge, _ := functionCost(n.Name)
	switch charge {
	case "":
	case tickName:
		if n.Name != "sum" {
			if len(n.Arguments) == 1 {
				n.Arguments[0] = charged(heavyName, n.Arguments[0])
			}
			return
		}
		// sum adds up whatever + takes: of strings, in quadratic time. Ours adds numbers.
		if len(n.Arguments) == 1 {
			*node = call(sumName, n, n.Arguments[0])
			return
		}
		if p, ok := n.Arguments[1].(*ast.PredicateNode); ok {
			p.Node = call(numberName, p.Node, p.Node)
		}
	case sizeName, heavyName, deepName:
		for i := range n.Arguments {
			n.Arguments[i] = charged(charge, n.Arguments[i])
		}
	default:
		*node = call(charge, n, n.Arguments...)
	}
}

// charged wraps an operand, unless its type or being a constant bounds its size.
func charged(how string, operand ast.Node) ast.Node {
	if cheap(operand) {
		return operand
	}
	return call(how, operand, operand)
}

func cheap(n ast.Node) bool {
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.StringNode, *ast.NilNode:
		return true
	}
	switch t := n.Type(); t.Kind().String() {
	case "int", "float64", "bool", "int64", "struct", "ptr":
		return true
	}
	return false
}

// call is a call of one of our functions, with the place and type of the node it stands for.
func call(name string, like ast.Node, args ...ast.Node) ast.Node {
	budget := &ast.IdentifierNode{Value: budgetName}
	return inheriting(like, &ast.CallNode{
		Callee:    &ast.IdentifierNode{Value: name},
		Arguments: append([]ast.Node{budget}, args...),
	})
}

func inheriting(from, to ast.Node) ast.Node {
	to.SetLocation(from.Location())
	to.SetNature(*from.Nature())
	return to
}

// bodyCost is what one turn of a loop is charged for what is not charged by size.
func bodyCost(body ast.Node) int {
	cost := 6 // the loop itself
	ast.Walk(&body, visitFunc(func(n *ast.Node) {
		cost += 3
		switch n := (*n).(type) {
		case *ast.CallNode:
			if _, method := n.Callee.(*ast.MemberNode); method {
				cost += 40
			}
		case *ast.BuiltinNode:
			cost += 5
			if n.Name == "date" {
				cost += 150
			}
		}
	}))
	return cost
}

// budgetFunctions are the functions that instrumented expressions call. The first argument of each
// is the budget.
func budgetFunctions() []*builtin.Function {
	pass := func(name string, cost func(b *budget, v any) error) *builtin.Function {
		return &builtin.Function{Name: name, Func: func(args ...any) (any, error) {
			return args[1], cost(args[0].(*budget), args[1])
		}}
	}
	return []*builtin.Function{
		{Name: tickName, Func: func(args ...any) (any, error) {
			return nil, args[0].(*budget).charge(args[1].(int))
		}},
		pass(sizeName, func(b *budget, v any) error { return b.charge(1 + size(v)/16) }),
		pass(heavyName, func(b *budget, v any) error { return b.charge(1 + size(v)/2) }),
		pass(deepName, func(b *budget, v any) error { return b.deep(v) }),
		pass(inName, func(b *budget, v any) error {
			if _, isMap := v.(map[string]any); isMap {
				return b.charge(2) // one look, not a search
			}
			return b.deep(v)
		}),
		pass(numberName, func(_ *budget, v any) error { return mustBeNumber(v) }),
		{Name: regexpName, Func: func(args ...any) (any, error) {
			return args[1], args[0].(*budget).charge(5 + size(args[1])*args[2].(int)/3)
		}},
		{Name: sumName, Func: sumNumbers},
		{Name: trimName, Func: trimText},
		{Name: replaceName, Func: replaceText},
		{Name: joinName, Func: joinTexts},
		{Name: keysName, Func: mapKeys},
		{Name: valuesName, Func: mapValues},
		{Name: parseName, Func: parseText},
	}
}

func wrongArgument(function string, v any) error {
	return fmt.Errorf("%s does not take %s", function, describe(v))
}

func mustBeNumber(v any) error {
	switch v.(type) {
	case int, float64, time.Duration:
		return nil
	}
	return wrongArgument("sum", v)
}

func sumNumbers(args ...any) (any, error) {
	b := args[0].(*budget)
	switch list := args[1].(type) {
	case []int:
		total := 0
		for _, n := range list {
			total += n
		}
		return total, b.charge(len(list))
	case []any:
		whole, fraction, exact := 0, 0.0, true
		for _, v := range list {
			switch n := v.(type) {
			case int:
				whole += n
			case float64:
				fraction, exact = fraction+n, false
			default:
				return nil, wrongArgument("sum", v)
			}
		}
		if exact {
			return whole, b.charge(len(list))
		}
		return float64(whole) + fraction, b.charge(len(list))
	}
	return nil, wrongArgument("sum", args[1])
}

func texts(function string, args []any) ([]string, error) {
	out := make([]string, len(args))
	for i, a := range args {
		s, ok := a.(string)
		if !ok {
			return nil, wrongArgument(function, a)
		}
		out[i] = s
	}
	return out, nil
}

// trimText is trim(): the characters to trim may be many, and each is compared with each.
func trimText(args ...any) (any, error) {
	b := args[0].(*budget)
	s, err := texts("trim", args[1:])
	if err != nil {
		return nil, err
	}
	if len(s) == 1 {
		return strings.TrimSpace(s[0]), b.charge(1 + len(s[0])/16)
	}
	if err := b.charge(2 + len(s[0])/16*(1+len(s[1]))); err != nil {
		return nil, err
	}
	return strings.Trim(s[0], s[1]), nil
}

func replaceText(args ...any) (any, error) {
	b := args[0].(*budget)
	if len(args) < 4 {
		return nil, fmt.Errorf("replace takes a string, what to replace, and by what")
	}
	s, err := texts("replace", args[1:4])
	if err != nil {
		return nil, err
	}
	most := -1
	if len(args) > 4 {
		n, ok := args[4].(int)
		if !ok {
			return nil, wrongArgument("replace", args[4])
		}
		most = n
	}
	if err := b.charge(1 + len(s[0])/4); err != nil {
		return nil, err
	}
	// The result may be far larger than the arguments.
	if err := b.charge(strings.Count(s[0], s[1]) * (1 + len(s[2])/4)); err != nil {
		return nil, err
	}
	return strings.Replace(s[0], s[1], s[2], most), nil
}

func joinTexts(args ...any) (any, error) {
	b := args[0].(*budget)
	if err := b.deep(args[1]); err != nil {
		return nil, err
	}
	glue := ""
	if len(args) > 2 {
		s, ok := args[2].(string)
		if !ok {
			return nil, wrongArgument("join", args[2])
		}
		glue = s
	}
	var parts []string
	switch list := args[1].(type) {
	case []string:
		parts = list
	case []any:
		var err error
		if parts, err = texts("join", list); err != nil {
			return nil, err
		}
	default:
		return nil, wrongArgument("join", args[1])
	}
	if err := b.charge(len(parts) * (1 + len(glue)/4)); err != nil {
		return nil, err
	}
	return strings.Join(parts, glue), nil
}

func sortedKeys(function string, args []any) (map[string]any, []string, error) {
	m, ok := args[1].(map[string]any)
	if !ok {
		return nil, nil, wrongArgument(function, args[1])
	}
	if err := args[0].(*budget).charge(1 + 50*len(m)); err != nil {
		return nil, nil, err
	}
	return m, slices.Sorted(maps.Keys(m)), nil
}

// mapKeys is keys() in a fixed order: expr's own is random.
func mapKeys(args ...any) (any, error) {
	_, keys, err := sortedKeys("keys", args)
	out := make([]any, len(keys))
	for i, k := range keys {
		out[i] = k
	}
	return out, err
}

// mapValues is values() in the order of the keys.
func mapValues(args ...any) (any, error) {
	m, keys, err := sortedKeys("values", args)
	out := make([]any, len(keys))
	for i, k := range keys {
		out[i] = m[k]
	}
	return out, err
}

// parseText is fromJSON() with the numbers of a detail.
func parseText(args ...any) (any, error) {
	s, ok := args[1].(string)
	if !ok {
		return nil, wrongArgument("fromJSON", args[1])
	}
	if err := args[0].(*budget).charge(2 + len(s)); err != nil {
		return nil, err
	}
	v, err := decodeJSON([]byte(s))
	if err != nil || s == "" {
		return nil, fmt.Errorf("fromJSON: the text is not valid JSON")
	}
	return v, nil
}

func loadZone(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, fmt.Errorf("%q depends on the machine", name)
	}
	return time.LoadLocation(name)
}
