package endpoint

import (
	"errors"
	"fmt"
)

// InvalidError says which field of a definition is wrong and why. Field is the path as in the YAML file, relative to the
// endpoint: "url", "retry.schedule[3]", "sign.secrets[1]". Reason never contains a secret.
type InvalidError struct {
	Field  string
	Reason string
}

func (e *InvalidError) Error() string { return e.Field + ": " + e.Reason }

// problems collects every InvalidError of a definition.
type problems []error

func (p *problems) add(field, format string, args ...any) {
	*p = append(*p, &InvalidError{Field: field, Reason: fmt.Sprintf(format, args...)})
}

func (p problems) join() error { return errors.Join(p...) }
