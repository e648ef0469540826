package rules

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/signalbox-mq/signalbox/event"
)

// Limits of a transform: those of EventBridge, except MaxTransformed, which is ours.
const (
	// MaxTransformPaths is the most variables that Paths may define.
	MaxTransformPaths = 100

	// MaxTemplate is the longest Template and the longest Input, in characters.
	MaxTemplate = 8192

	// MaxPath is the longest path, and the longest variable name, in characters.
	MaxPath = 256

	// MaxTransformed is the largest result of a template, in bytes: 8192 characters that name a
	// large value a thousand times would otherwise ask for a gigabyte.
	MaxTransformed = event.MaxSize
)

// Transform says what a target receives in place of the event: exactly one of Input, InputPath and
// Template is given. It is data, as YAML and the APIs write it; [CompileTransform] checks it.
//
// It has the semantics of EventBridge's Input, InputPath and InputTransformer. docs/transforms.md
// is the whole story, with the places where EventBridge would deliver nothing or broken JSON.
type Transform struct {
	// Paths defines the variables of Template: name to path ("$.detail.order.id"). Names are
	// [A-Za-z0-9_-]+ and do not begin with "AWS"; see [CompilePath] for paths.
	Paths map[string]string `json:"paths,omitempty" yaml:"paths"`

	// Template is the result with <variable> where a value goes, 1 to 8192 characters.
	Template string `json:"template,omitempty" yaml:"template"`

	// Input is a constant result: any JSON value, at most 8192 characters. nil is none.
	Input json.RawMessage `json:"input,omitempty" yaml:"input"`

	// InputPath selects the part of the event that is the result, "" is none.
	InputPath string `json:"input_path,omitempty" yaml:"input_path"`
}

// IsZero says whether no transform is given at all, so that the target receives the event.
func (t Transform) IsZero() bool {
	return len(t.Paths) == 0 && t.Template == "" && t.Input == nil && t.InputPath == ""
}

// TransformError is one mistake in a [Transform].
type TransformError struct {
	// Field is what is wrong, in the words of the YAML: "template", "paths", "paths.NAME", "input",
	// "input_path", or "" for the transform as a whole.
	Field string

	// Reason is the rest of a sentence that begins with Field.
	Reason string

	// Placeholder is the name between < and > that stands for nothing, if that is the mistake.
	Placeholder string
}

func (e *TransformError) Error() string {
	if e.Field == "" {
		return "transform " + e.Reason
	}
	return e.Field + " " + e.Reason
}

// ErrTransform is wrapped by every failure of [CompiledTransform.Apply]: this event can not be
// transformed, today or ever, so the delivery goes to its dead-letter queue with the reason instead
// of vanishing, which is what EventBridge does ("target not invoked").
var ErrTransform = errors.New("the transform gives nothing that can be delivered")

// TransformFailure is why one event could not be transformed. It wraps [ErrTransform].
type TransformFailure struct {
	// Variable is the variable or path at fault, "" when none is.
	Variable string

	// Reason is the rest of the sentence: "is an object inside quotes".
	Reason string
}

func (e *TransformFailure) Error() string {
	if e.Variable == "" {
		return "transform: " + e.Reason
	}
	return fmt.Sprintf("transform: %s %s", e.Variable, e.Reason)
}

// Unwrap makes errors.Is(err, ErrTransform) true.
func (e *TransformFailure) Unwrap() error { return ErrTransform }

// Vars are what the reserved variables <aws.events.…> stand for besides the event itself.
type Vars struct {
	// RuleARN is the rule's ARN, with the name of its bus when that is not "default".
	RuleARN string

	// RuleName is the rule's name.
	RuleName string

	// IngestionTime is when the router accepted the event; written in UTC, in whole seconds.
	IngestionTime time.Time
}

// CompiledTransform is a checked Transform. It is immutable and safe for concurrent use.
type CompiledTransform struct {
	constant []byte    // Input
	path     *Path     // InputPath
	segments []segment // Template
	isJSON   bool
	root     pathNode // all paths of the template's variables, as one tree
	slots    []slot
}

// slot is one variable that a template uses.
type slot struct {
	name string
	list bool // its path has [*]
}

// CompileTransform checks a transform. It finds every mistake at once: the error is then an
// errors.Join of *[TransformError].
func CompileTransform(t Transform) (*CompiledTransform, error) {
	var errs []error
	bad := func(field, format string, args ...any) {
		errs = append(errs, &TransformError{Field: field, Reason: fmt.Sprintf(format, args...)})
	}
	unknown := func(name, reason string) {
		errs = append(errs, &TransformError{Field: "template", Reason: reason, Placeholder: name})
	}
	given := 0
	for _, is := range []bool{t.Template != "", t.Input != nil, t.InputPath != ""} {
		if is {
			given++
		}
	}
	switch {
	case given > 1:
		bad("", "must have only one of template, input and input_path")
	case given == 0 && t.Paths != nil:
		bad("template", "is missing: paths mean something only with a template (1 to %d characters)", MaxTemplate)
	case given == 0:
		bad("", "must have one of template, input and input_path")
	case len(t.Paths) > 0 && t.Template == "":
		bad("paths", "mean something only with a template")
	}
	c := &CompiledTransform{isJSON: true}
	if t.Input != nil {
		c.constant = compileInput(t.Input, bad)
	}
	if t.InputPath != "" {
		p, err := CompilePath(t.InputPath)
		if err != nil {
			bad("input_path", "%v", err)
		}
		c.path = p
	}
	paths := compilePaths(t.Paths, bad)
	if t.Template != "" {
		c.compileTemplate(t.Template, paths, bad, unknown)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return c, nil
}

// JSON says whether the result is always one JSON value without insignificant white space between
// its parts (given such an event). It is false for a template of several quoted lines only.
func (c *CompiledTransform) JSON() bool { return c.isJSON }

type badFunc func(field, format string, args ...any)

func compileInput(input json.RawMessage, bad badFunc) []byte {
	if n := utf8.RuneCount(input); n > MaxTemplate {
		bad("input", "has %d characters, the limit is %d", n, MaxTemplate)
		return nil
	}
	out, err := event.CompactJSON(input)
	if err != nil {
		bad("input", "%v", err)
		return nil
	}
	return out
}

// compilePaths returns the good ones; a bad one stays in the map as nil so that its use in the
// template is not reported as well.
func compilePaths(in map[string]string, bad badFunc) map[string]*Path {
	if len(in) > MaxTransformPaths {
		bad("paths", "has %d variables, the limit is %d", len(in), MaxTransformPaths)
	}
	out := make(map[string]*Path, len(in))
	for _, name := range slices.Sorted(maps.Keys(in)) {
		out[name] = nil
		field := "paths." + name
		switch {
		case strings.HasPrefix(name, "AWS") || strings.HasPrefix(name, "aws."):
			bad(field, "is a reserved name: names must not begin with AWS or aws.")
			continue
		case !variableName(name):
			bad(field, "is not a valid name: letters, digits, _ and - are allowed, at most %d", MaxPath)
			continue
		}
		p, err := CompilePath(in[name])
		if err != nil {
			bad(field, "%v", err)
			continue
		}
		out[name] = p
	}
	return out
}

func variableName(s string) bool {
	for i := range len(s) {
		if !nameByte(s[i]) {
			return false
		}
	}
	return s != "" && len(s) <= MaxPath
}

func nameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}
