package schedule

import "fmt"

// SyntaxError says why a text is no expression.
type SyntaxError struct {
	// Position is where in the text the fault is, in bytes from 0.
	Position int
	// Reason is for people: a sentence without a full stop.
	Reason string
}

// Error returns the reason with the place, counted from 1.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s (at character %d)", e.Reason, e.Position+1)
}

func bad(position int, format string, args ...any) error {
	return &SyntaxError{Position: position, Reason: fmt.Sprintf(format, args...)}
}
