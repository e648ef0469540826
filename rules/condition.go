package rules

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"
)

// Limits of a condition when it is loaded.
const (
	// MaxCondition is the longest condition, in bytes.
	MaxCondition = 4096

	// maxConditionNodes bounds the parts (names, operators, constants) of a condition.
	maxConditionNodes = 1000

	// maxConditionRange bounds the elements of all ranges (1..100) of a condition together.
	maxConditionRange = 10_000

	// maxRegexp bounds the size of the program that a pattern of `matches` compiles to.
	maxRegexp = 1000
)

// ConditionError is why a condition was refused when it was loaded.
type ConditionError struct {
	// Line and Column are where within the condition, both from 1; Column counts characters.
	Line, Column int

	// Reason says what is wrong, in one line.
	Reason string
}

func (e *ConditionError) Error() string {
	return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Reason)
}

// ErrConditionBudget is wrapped by the failure of a condition that would have taken too long.
var ErrConditionBudget = errors.New("the condition takes too much work on this event")

// ConditionFailure is why a condition had no answer for an event: a member of something that is
// missing, a comparison of a text with a number, too much work. The event is then not matched, and
// the failure is shown and counted. The same event fails again with the same reason.
type ConditionFailure struct {
	// Line and Column are where within the condition, both from 1.
	Line, Column int

	// Reason is short and in one line. It names types of values rather than values, and quotes at
	// most 80 bytes of the event.
	Reason string

	err error
}

func (e *ConditionFailure) Error() string {
	return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Reason)
}

// Unwrap gives [ErrConditionBudget] when that is what happened, else nil.
func (e *ConditionFailure) Unwrap() error { return e.err }

// Condition is a compiled `if` of a rule: an expression of the language of
// github.com/expr-lang/expr (less what docs/conditions.md lists) over one variable, `event`. It is
// immutable and safe for concurrent use.
//
// A condition has no side effects and its answer depends on the event alone, not on the time or the
// machine, so that it can be asked again later why an event was not matched.
type Condition struct {
	source  string
	program *vm.Program
	detail  bool    // it may look at event.detail, which has to be decoded then
	shown   []shown // for Explain
}

// CompileCondition compiles a condition and checks its types: it must be boolean, or have a type
// that only the event will tell; names, fields of the envelope and functions must exist. At most
// 4096 bytes. The error is a *[ConditionError].
func CompileCondition(source string) (c *Condition, err error) {
	defer func() {
		// The checker and compiler of expr report some mistakes by panicking.
		if r := recover(); r != nil {
			c, err = nil, &ConditionError{Line: 1, Column: 1, Reason: "can not be compiled: " + oneLine(fmt.Sprint(r))}
		}
	}()
	switch {
	case strings.TrimSpace(source) == "":
		return nil, &ConditionError{Line: 1, Column: 1, Reason: "is empty"}
	case len(source) > MaxCondition:
		return nil, &ConditionError{Line: 1, Column: 1, Reason: fmt.Sprintf("has %d bytes, the limit is %d", len(source), MaxCondition)}
	}
	config := newConditionConfig()
	tree, err := parser.ParseWithConfig(source, config)
	if err != nil {
		return nil, conditionError(err)
	}
	if !visitsAtMost(tree.Node, 2*maxConditionNodes) {
		return nil, &ConditionError{Line: 1, Column: 1, Reason: "is too large: comparisons with several operators (1 < x < 3) are nested too deeply"}
	}
	rules := languageCheck{names: map[string]bool{eventName: true}}
	if err := rules.check(tree); err != nil {
		return nil, conditionError(err)
	}
	if _, err := checker.Check(tree, config); err != nil {
		return nil, conditionError(err)
	}
	c = &Condition{source: source, detail: rules.detail, shown: findShown(tree.Node)}
	tree.Node = instrument(tree.Node)
	if c.program, err = compiler.Compile(tree, config); err != nil {
		return nil, conditionError(err)
	}
	return c, nil
}

// newConditionConfig is made anew for each condition: conf.Config holds caches that are not safe for
// concurrent use.
func newConditionConfig() *conf.Config {
	config := conf.CreateNew()
	config.WithEnv(conditionTypes())
	config.MaxNodes = maxConditionNodes
	config.Expect, config.ExpectAny = reflect.Bool, true
	// The optimizer is not used: what it folds (ranges, constants) we bound or fold ourselves, and
	// the budget is laid over the expression as the user wrote it.
	config.Optimize = false
	for _, f := range budgetFunctions() {
		config.Functions[f.Name] = f
	}
	return config
}

const eventName = "event"

// conditionTypes is what a condition can name, with types. [Env] gives the values.
func conditionTypes() types.Map {
	text := types.String
	return types.Map{eventName: types.Map{
		"id": text, "source": text, "type": text, "detail_type": text, "detail-type": text,
		"time": types.TypeOf(zeroTime), "account": text, "region": text, "subject": text,
		"resources":  types.TypeOf([]string(nil)),
		"detail":     types.Any,
		"extensions": types.TypeOf(map[string]any(nil)),
	}}
}

const conditionFields = "account, detail, detail_type, extensions, id, region, resources, source, subject, time, type"

// conditionError turns an error of expr into ours.
func conditionError(err error) error {
	var at *file.Error
	if !errors.As(err, &at) {
		reason := oneLine(err.Error())
		if got, is := strings.CutPrefix(reason, "expected bool, but got "); is {
			reason = "must be true or false, but its type is " + got
		}
		return &ConditionError{Line: 1, Column: 1, Reason: reason}
	}
	reason := oneLine(at.Message)
	if strings.HasPrefix(reason, "unknown field ") {
		reason += " of event: it has " + conditionFields
	}
	if name, is := strings.CutPrefix(reason, "unknown name "); is {
		reason += ": the only variable is event"
		if strings.Contains(", "+conditionFields+",", " "+name+",") {
			reason += ", so write event." + name
		}
	}
	return &ConditionError{Line: max(at.Line, 1), Column: at.Column + 1, Reason: reason}
}

func oneLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return strings.TrimSpace(s)
}

// String is the condition as it was written.
func (c *Condition) String() string { return c.source }

// Eval answers whether the condition holds. A condition that has no answer gives false and a
// *[ConditionFailure]. It takes a bounded time (aimed at 50 ms at the very worst, microseconds as a
// rule) and memory, whatever the condition and the event are. It uses env exclusively while it runs.
func (c *Condition) Eval(env *Env) (bool, error) {
	values, err := env.prepare(c.detail)
	if err != nil {
		return false, &ConditionFailure{Line: 1, Column: 1, Reason: err.Error()}
	}
	result, err := env.vm.Run(c.program, values)
	if err != nil {
		return false, c.failure(err)
	}
	holds, ok := result.(bool)
	if !ok {
		return false, &ConditionFailure{Line: 1, Column: 1, Reason: "is " + describe(result) + ", not true or false"}
	}
	return holds, nil
}

func (c *Condition) failure(err error) error {
	out := &ConditionFailure{Line: 1, Column: 1, Reason: oneLine(err.Error())}
	var at *file.Error
	if errors.As(err, &at) {
		out.Line, out.Column, out.Reason = max(at.Line, 1), at.Column+1, oneLine(at.Message)
	}
	if errors.Is(err, ErrConditionBudget) || strings.Contains(out.Reason, "memory budget exceeded") {
		out.Reason, out.err = ErrConditionBudget.Error(), ErrConditionBudget
		return out
	}
	out.Reason = plainReason(out.Reason)
	return out
}

// plainReason puts the run-time messages of expr and Go that users meet into words.
func plainReason(s string) string {
	if name, is := strings.CutPrefix(s, "cannot fetch "); is {
		name, from, _ := strings.Cut(name, " from ")
		if from == "<nil>" {
			return fmt.Sprintf("there is no %s: what should have it is missing or null", shorten(name))
		}
		return fmt.Sprintf("there is no %s in %s", shorten(name), typeName(from))
	}
	if rest, is := strings.CutPrefix(s, "interface conversion: interface {} is "); is {
		got, want, _ := strings.Cut(rest, ", not ")
		return fmt.Sprintf("%s where %s must be", typeName(got), typeName(want))
	}
	if rest, is := strings.CutPrefix(s, "invalid operation: "); is {
		if got, is := strings.CutPrefix(rest, "bool("); is { // the result of the whole
			return "is " + typeName(strings.TrimSuffix(got, ")")) + ", not true or false"
		}
		if got, is := strings.CutPrefix(rest, "int("); is {
			return typeName(strings.TrimSuffix(got, ")")) + " where a number must be"
		}
		fields := strings.Fields(rest)
		for i, f := range fields {
			fields[i] = bareType(f)
		}
		return "not possible: " + strings.Join(fields, " ")
	}
	if rest, is := strings.CutPrefix(s, "invalid argument for "); is {
		name, got, _ := strings.Cut(rest, " (type ")
		return fmt.Sprintf("%s does not take %s", name, typeName(strings.TrimSuffix(got, ")")))
	}
	if strings.HasPrefix(s, "reflect: call of reflect.Value.Len on ") {
		return "a list must be here: " + typeName(strings.Fields(strings.TrimPrefix(s, "reflect: call of reflect.Value.Len on "))[0])
	}
	switch {
	case strings.HasPrefix(s, "invalid date "):
		return "a text where a date must be"
	case strings.HasPrefix(s, "reflect"):
		return "not possible with values of these types"
	}
	return shorten(s)
}

func bareType(s string) string {
	switch s {
	case "<nil>", "zero":
		return "null"
	case "float64", "int":
		return "number"
	case "[]interface":
		return "list"
	case "map[string]interface":
		return "object"
	}
	return s
}

func typeName(goType string) string {
	switch goType {
	case "<nil>", "nil", "zero":
		return "a missing value or null"
	case "string":
		return "a string"
	case "bool", "bool Value":
		return "a boolean"
	case "int", "float64":
		return "a number"
	case "[]interface {}", "[]string", "[]int":
		return "a list"
	case "map[string]interface {}":
		return "an object"
	}
	if strings.HasPrefix(goType, "time.") || strings.HasPrefix(goType, "*time.") {
		return "a " + goType
	}
	return "such a value" // not a type: some messages hold the value itself
}

func describe(v any) string {
	if v == nil {
		return "missing or null"
	}
	return typeName(fmt.Sprintf("%T", v))
}

func shorten(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
