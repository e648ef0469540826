package pattern

import "errors"

// Scope says what an SNS filter policy looks at.
type Scope uint8

const (
	// ScopeAttributes matches the message attributes: Pattern.MatchesAttributes. SNS's default.
	ScopeAttributes Scope = iota
	// ScopeBody matches the message body, if that is a JSON object: Pattern.Matches.
	ScopeBody
)

// Limits of SNS on filter policies.
const (
	MaxFilterSize       = 256 << 10 // bytes
	MaxFilterKeys       = 5
	MaxFilterComplexity = 150
)

// maxFilterNumber is the largest magnitude of a number in a filter policy.
const maxFilterNumber = 1e9

// CompileFilter compiles an SNS filter policy, which is the language of event patterns with SNS's limits: numbers within
// ±1e9, at most MaxFilterKeys keys, MaxFilterComplexity combinations, and no nesting in ScopeAttributes.
//
// Keys are the distinct leaf paths. The complexity of a conjunction is the product over its keys of the number of
// alternatives times, in ScopeBody, the key's depth; the alternatives of $or add up.
//
// The error is a *SyntaxError whose Error begins "FilterPolicy: "; callers put "Invalid parameter: " or "Invalid parameter:
// Attributes Reason: " in front, as SNS does. Only the refusal of nesting is without that prefix in SNS: its Reason is the
// whole text behind "Invalid parameter: ". The empty policy {} is refused here; callers who read it as "no policy" decide
// so before.
func CompileFilter(policy []byte, scope Scope) (*Pattern, error) {
	p, err := compileFilter(policy, scope)
	var bad *SyntaxError
	if errors.As(err, &bad) {
		bad.filter = true
	}
	return p, err
}

func compileFilter(policy []byte, scope Scope) (*Pattern, error) {
	if len(policy) > MaxFilterSize {
		return nil, &SyntaxError{Reason: "Filter policy is too large"}
	}
	var none *Options
	c := compiler{
		tokenizer: tokenizer{src: policy},
		opts:      none.withDefaults(),
		maxNumber: maxFilterNumber,
		flat:      scope == ScopeAttributes,
	}
	drafts, err := c.compile()
	if err != nil {
		return nil, err
	}
	keys := map[string]bool{}
	total := 0
	for _, d := range drafts {
		product := 1
		for _, f := range d.fields {
			keys[f.path] = true
			n := len(f.alts)
			if f.absent {
				n++
			}
			if scope == ScopeBody {
				n *= f.depth
			}
			product = min(product*n, MaxFilterComplexity+1)
		}
		total += product
	}
	if len(keys) > MaxFilterKeys {
		return nil, &SyntaxError{Reason: "Filter policy can not have more than 5 keys"}
	}
	if total > MaxFilterComplexity {
		return nil, &SyntaxError{Reason: "Filter policy is too complex"}
	}
	return newPattern(drafts), nil
}
