package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Error is one mistake in a file.
type Error struct {
	File string
	// Line and Column, from 1, are where it is. Column counts characters.
	Line, Column int
	// Message says what is wrong, path included, in one line. It shows nothing that came from an environment variable.
	Message string
	// Path leads to what is wrong, as in `queues.orders.retention` and `rules[0].targets[1].group`. Keys with other
	// characters than letters, digits, hyphens and underscores are in quotes: `queues["payments.fifo"]`. Empty for the
	// document as a whole and for what is no YAML.
	Path string
	// absent is the end of Path that is not in the document: the position is then that of what lacks it.
	absent string
}

// Error returns "file:line:column: message".
func (e *Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
}

// Errors returns every [*Error] that an error of Load joins, in the order of their positions.
func Errors(err error) []*Error {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var all []*Error
		for _, one := range many.Unwrap() {
			all = append(all, Errors(one)...)
		}
		return all
	}
	if one, ok := errors.AsType[*Error](err); ok {
		return []*Error{one}
	}
	return nil
}

// joinErrors sorts the errors, drops repetitions (an alias is read wherever it is used) and joins them.
func joinErrors(all []*Error) error {
	slices.SortStableFunc(all, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	type place struct {
		line, column    int
		absent, message string
	}
	seen := make(map[place]bool, len(all))
	var errs []error
	for _, e := range all {
		// What an alias leads to has a path for each use, but one position; the first path is as good as the others.
		at := place{e.Line, e.Column, e.absent, strings.TrimPrefix(e.Message, e.Path)}
		if !seen[at] {
			seen[at] = true
			errs = append(errs, e)
		}
	}
	return errors.Join(errs...)
}
