package awsapi

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Violation is a member of an input that breaks a constraint of the service's model.
type Violation struct {
	// Path is where the member is, as the framework has it: "tags.1.member.key".
	Path string
	// Value is what it has; nil for a member that is not there.
	Value *string
	// Must is the constraint: "Member must not be null".
	Must string
}

const mustBeThere = "Member must not be null"

// maxViolations bounds how many an answer tells.
const maxViolations = 10

// ValidationError tells of all that breaks a model's constraints at once, as services do that leave this to their framework.
func ValidationError(all ...Violation) *Error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d validation error", len(all))
	if len(all) > 1 {
		b.WriteByte('s')
	}
	b.WriteString(" detected: ")
	for i, v := range all {
		if i > 0 {
			b.WriteString("; ")
		}
		value := "null"
		if v.Value != nil {
			value = "'" + clip(*v.Value) + "'"
		}
		fmt.Fprintf(&b, "Value %s at '%s' failed to satisfy constraint: %s", value, clip(v.Path), v.Must)
	}
	return &Error{Shape: "ValidationException", Coral: true, Code: "ValidationError", Message: b.String()}
}

// Constrained is an input whose model has more constraints than which members are required. Those are told before, and besides.
type Constrained interface {
	Constrain(c *Constraints)
}

// Constraints collects what an input breaks, in the words of the framework. The zero value is ready.
type Constraints struct{ found []Violation }

// TextRule is what a model says of a text.
type TextRule struct {
	// Least and Most are its length in characters; a Most of 0 is no limit.
	Least, Most int
	// Pattern is what it has to match, as the model writes it; empty for anything. It must compile with regexp.
	Pattern string
	// OneOf are all that it may be, if there are any.
	OneOf []string

	pattern *regexp.Regexp
}

// Compiled returns the rule with its pattern compiled, of which it must have one if it has any.
func (r TextRule) Compiled() *TextRule {
	if r.Pattern != "" {
		r.pattern = regexp.MustCompile(`^(?:` + r.Pattern + `)$`)
	}
	return &r
}

// Takes says whether a text satisfies the rule.
func (r *TextRule) Takes(value string) bool {
	n := utf8.RuneCountInString(value)
	return n >= r.Least && (r.Most == 0 || n <= r.Most) && (r.pattern == nil || r.pattern.MatchString(value)) &&
		(len(r.OneOf) == 0 || slices.Contains(r.OneOf, value))
}

// Musts are all that the rule says, as the framework tells it of the elements of a list.
func (r *TextRule) Musts() []string {
	var musts []string
	if r.Most > 0 {
		musts = append(musts, "Member must have length less than or equal to "+strconv.Itoa(r.Most))
	}
	if r.Least > 0 {
		musts = append(musts, "Member must have length greater than or equal to "+strconv.Itoa(r.Least))
	}
	if r.Pattern != "" {
		musts = append(musts, "Member must satisfy regular expression pattern: "+r.Pattern)
	}
	if len(r.OneOf) > 0 {
		musts = append(musts, "Member must satisfy enum value set: ["+strings.Join(r.OneOf, ", ")+"]")
	}
	return musts
}

// Add adds a violation. What has been found to be null breaks nothing else.
func (c *Constraints) Add(v Violation) {
	if len(c.found) == maxViolations {
		return
	}
	for _, found := range c.found {
		if found.Value == nil && found.Path == v.Path {
			return
		}
	}
	c.found = append(c.found, v)
}

// Text holds a text that is required against a rule.
func (c *Constraints) Text(path, value string, rule *TextRule) {
	most := rule.Most
	if most == 0 {
		most = len(value)
	}
	c.Length(path, value, utf8.RuneCountInString(value), rule.Least, most)
	if rule.pattern != nil && !rule.pattern.MatchString(value) {
		c.Add(Violation{Path: path, Value: &value, Must: "Member must satisfy regular expression pattern: " + rule.Pattern})
	}
	if len(rule.OneOf) > 0 && !slices.Contains(rule.OneOf, value) {
		c.Add(Violation{Path: path, Value: &value, Must: "Member must satisfy enum value set: [" + strings.Join(rule.OneOf, ", ") + "]"})
	}
}

// Optional is Text for a text that need not be there. An empty one is as good as none.
func (c *Constraints) Optional(path, value string, rule *TextRule) {
	if value != "" {
		c.Text(path, value, rule)
	}
}

// Length holds the length n of a text or list against its bounds.
func (c *Constraints) Length(path, value string, n, least, most int) {
	switch {
	case n > most:
		c.Add(Violation{Path: path, Value: &value, Must: "Member must have length less than or equal to " + strconv.Itoa(most)})
	case n < least:
		c.Add(Violation{Path: path, Value: &value, Must: "Member must have length greater than or equal to " + strconv.Itoa(least)})
	}
}

// Number holds a number against its bounds, if it is there.
func (c *Constraints) Number(path string, n Int, least, most int64) {
	value := strconv.FormatInt(n.Value, 10)
	switch {
	case !n.Given:
	case n.Value > most:
		c.Add(Violation{Path: path, Value: &value, Must: "Member must have value less than or equal to " + strconv.FormatInt(most, 10)})
	case n.Value < least:
		c.Add(Violation{Path: path, Value: &value, Must: "Member must have value greater than or equal to " + strconv.FormatInt(least, 10)})
	}
}

// Err is the error that tells of all that was found; nil if nothing was.
func (c *Constraints) Err() error {
	if len(c.found) == 0 {
		return nil
	}
	return ValidationError(c.found...)
}
